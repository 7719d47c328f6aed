namespace ManagedCircle.Cli.Training;

/// <summary>Adam (Kingma and Ba, ICLR 2015, arXiv 1412.6980, algorithm 1) with the paper's decay rates.</summary>
internal sealed class Adam(float[] weights)
{
    private const float MeanDecay = 0.9f, SquareDecay = 0.999f, Floor = 1e-8f;

    private readonly float[] means = new float[weights.Length];
    private readonly float[] squares = new float[weights.Length];
    private int steps;

    /// <summary>Moves the weights against a gradient.</summary>
    public void Step(ReadOnlySpan<float> gradient, float learningRate)
    {
        steps++;
        float meanCorrection = 1 - MathF.Pow(MeanDecay, steps);
        float squareCorrection = 1 - MathF.Pow(SquareDecay, steps);
        for (int i = 0; i < weights.Length; i++)
        {
            means[i] = MeanDecay * means[i] + (1 - MeanDecay) * gradient[i];
            squares[i] = SquareDecay * squares[i] + (1 - SquareDecay) * gradient[i] * gradient[i];
            weights[i] -= learningRate * (means[i] / meanCorrection) / (MathF.Sqrt(squares[i] / squareCorrection) + Floor);
        }
    }
}
