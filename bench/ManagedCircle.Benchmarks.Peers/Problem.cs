namespace ManagedCircle.Benchmarks.Peers;

/// <summary>A batch that every peer is given: random rows of length 1, in classes of eight.</summary>
internal sealed class Problem
{
    public Problem(int n, int d)
    {
        (N, D) = (n, d);
        Random random = new(n);
        Rows = new float[n * d];
        foreach (ref float value in Rows.AsSpan())
        {
            value = (2 * random.NextSingle()) - 1;
        }

        using CosineSimilarity similarity = new();
        float[] unitRows = new float[n * d];
        similarity.UnitRows(new(Rows, d), unitRows);
        Rows = unitRows;
        Labels = [.. Enumerable.Range(0, n).Select(static i => i / 8)];
    }

    public int N { get; }

    public int D { get; }

    /// <summary>Shape [N, D].</summary>
    public float[] Rows { get; }

    /// <summary>Shape [N].</summary>
    public int[] Labels { get; }
}
