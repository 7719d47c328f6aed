namespace ManagedCircle.Benchmarks;

/// <summary>A batch's rows and their dimension.</summary>
public sealed record Size(int N, int D)
{
    /// <summary>The field's sizes, and an awkward one.</summary>
    public static IEnumerable<Size> All => [new(16, 128), new(64, 128), new(256, 128), new(1000, 127), new(1024, 512), new(4096, 128)];

    public override string ToString() => $"{N} x {D}";

    /// <summary>Random rows, shape [N, D].</summary>
    internal float[] Rows()
    {
        Random random = new(N);
        float[] rows = new float[N * D];
        foreach (ref float value in rows.AsSpan())
        {
            value = (2 * random.NextSingle()) - 1;
        }

        return rows;
    }

    /// <summary>Classes of eight, shape [N].</summary>
    internal int[] Labels() => [.. Enumerable.Range(0, N).Select(static i => i / 8)];
}
