namespace ManagedCircle.Cli.Training;

/// <summary>Moves rows so that the mean of the training rows is the origin.</summary>
/// <remarks>
/// A cosine is taken from the origin: rows that all lie far from it in one direction are all alike to it, whatever tells them apart. The moved rows are also
/// divided by a power of two that brings the training rows within 1 of the origin, which no cosine sees, and which keeps sums over them finite.
/// </remarks>
internal sealed class Centring
{
    private readonly double scale;

    private Centring(float[] mean, double scale)
    {
        Mean = mean;
        this.scale = scale;
    }

    /// <summary>The mean of the training rows, shape [dimension].</summary>
    public float[] Mean { get; }

    /// <summary>The centring that training rows ask for.</summary>
    public static Centring Of(LabeledRows training)
    {
        double[] sums = new double[training.Dimension];
        for (int row = 0; row < training.Count; row++)
        {
            ReadOnlySpan<float> values = training.Values.AsSpan(row * training.Dimension, training.Dimension);
            for (int column = 0; column < values.Length; column++)
            {
                sums[column] += values[column];
            }
        }

        float[] mean = [.. sums.Select(sum => (float)(sum / Math.Max(1, training.Count)))];
        double farthest = 0;
        for (int i = 0; i < training.Values.Length; i++)
        {
            farthest = Math.Max(farthest, Math.Abs((double)training.Values[i] - mean[i % mean.Length]));
        }

        return new Centring(mean, farthest == 0 ? 1 : Math.ScaleB(1, -Math.ILogB(farthest) - 1));
    }

    /// <summary>Moves rows.</summary>
    public LabeledRows Apply(LabeledRows rows)
    {
        float[] centred = new float[rows.Values.Length];
        for (int row = 0; row < rows.Count; row++)
        {
            int start = row * rows.Dimension;
            for (int column = 0; column < rows.Dimension; column++)
            {
                centred[start + column] = (float)(((double)rows.Values[start + column] - Mean[column]) * scale);
            }
        }

        return rows with { Values = centred };
    }
}
