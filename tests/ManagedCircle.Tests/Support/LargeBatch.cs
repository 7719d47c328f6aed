namespace ManagedCircle.Tests.Support;

/// <summary>A batch of many tiles, drawn from a seed without the reference's help: for comparisons of the engine with itself, bit by bit.</summary>
public sealed record LargeBatch(float[] Rows, long[] Labels, int Dimension)
{
    public EmbeddingBatch Batch => new(Rows, Labels, Dimension);

    public static LargeBatch Draw(int seed, int count, int dimension, int classes)
    {
        Random random = new(seed);
        return new(
            [.. Enumerable.Range(0, count * dimension).Select(_ => random.NextSingle() - random.NextSingle())],
            [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(classes))],
            dimension);
    }

    /// <summary>The rows from <paramref name="first"/> on.</summary>
    public LargeBatch Part(int first, int count) => new(Rows[(first * Dimension)..((first + count) * Dimension)], Labels[first..(first + count)], Dimension);

    public LargeBatch With(LargeBatch more) => new([.. Rows, .. more.Rows], [.. Labels, .. more.Labels], Dimension);

    /// <summary>The rows in another order.</summary>
    public LargeBatch Permuted(int[] order) =>
        new([.. order.SelectMany(row => Rows[(row * Dimension)..((row + 1) * Dimension)])], [.. order.Select(row => Labels[row])], Dimension);

    /// <summary>All rows turned by one rotation, which is made of reflections at random hyperplanes.</summary>
    public LargeBatch Rotated(int seed)
    {
        Random random = new(seed);
        double[] rows = [.. Rows.Select(x => (double)x)];
        for (int reflection = 0; reflection < 2; reflection++)
        {
            double[] normal = [.. Enumerable.Range(0, Dimension).Select(_ => random.NextDouble() - random.NextDouble())];
            double square = normal.Sum(x => x * x);
            for (int row = 0; row < Labels.Length; row++)
            {
                double along = 2 / square * normal.Select((x, d) => x * rows[row * Dimension + d]).Sum();
                for (int d = 0; d < Dimension; d++)
                {
                    rows[row * Dimension + d] -= along * normal[d];
                }
            }
        }

        return this with { Rows = [.. rows.Select(x => (float)x)] };
    }

    /// <summary>Every number that a call of the loss writes, of the batch against itself or against references.</summary>
    public float[][] Solve(CircleLossOptions options, ExecutionOptions? execution = null, LargeBatch? references = null)
    {
        using CircleLoss loss = new(options, execution);
        float[] losses = new float[options.Scope == LossScope.Batch ? 1 : Labels.Length];
        float[] gradient = new float[Rows.Length], referenceGradient = new float[references?.Rows.Length ?? 0];
        LossResult result = references is null
            ? loss.ForwardBackward(Batch, gradient, losses)
            : loss.ForwardBackward(Batch, references.Batch, gradient, referenceGradient, losses);
        return [losses, gradient, referenceGradient, [(float)result.Loss]];
    }
}
