namespace ManagedCircle.Cli.Training;

/// <summary>Moves rows so that the mean of the training rows is the origin.</summary>
/// <remarks>
/// A cosine is taken from the origin: rows that all lie far from it in one direction are all alike to it, whatever tells them apart. The moved rows are also
/// divided by a power of two that makes them about 1 long, which no cosine sees: one learning rate fits any rows, and sums over them stay finite.
/// </remarks>
internal sealed class Centring
{
    private readonly float[] mean;
    private readonly double scale;

    private Centring(float[] mean, double scale)
    {
        this.mean = mean;
        this.scale = scale;
    }

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
        double squares = 0;
        for (int i = 0; i < training.Values.Length; i++)
        {
            double distance = (double)training.Values[i] - mean[i % mean.Length];
            squares += distance * distance;
        }

        return new Centring(mean, squares == 0 ? 1 : Math.ScaleB(1, -Math.ILogB(Math.Sqrt(squares / training.Count))));
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
                centred[start + column] = (float)(((double)rows.Values[start + column] - mean[column]) * scale);
            }
        }

        return rows with { Values = centred };
    }

    /// <summary>The bias with which a projection of moved rows is one of rows as they are, but for its scale: <c>b / scale - W mean</c>.</summary>
    public float[] BiasOf(Projection projection)
    {
        float[] bias = new float[projection.Dimension];
        for (int i = 0; i < bias.Length; i++)
        {
            double ofMean = 0;
            for (int column = 0; column < mean.Length; column++)
            {
                ofMean += (double)projection.Weights[i * mean.Length + column] * mean[column];
            }

            bias[i] = (float)(projection.Bias[i] / scale - ofMean);
        }

        return bias;
    }
}
