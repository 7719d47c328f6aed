namespace ManagedCircle.Cli.Training;

/// <summary>How well rows find others of their class by cosine similarity.</summary>
/// <param name="RecallAt1">The share of rows whose nearest other row is of their class.</param>
/// <param name="MapAtR">Mean average precision at R.</param>
/// <remarks>
/// For a row with R others of its class, let P(i) be the share of its own class among its i nearest other rows, and rel(i) 1 where the i-th of them is of
/// its class, 0 where not. Its average precision at R is <c>(P(1) rel(1) + ... + P(R) rel(R)) / R</c>. A row without others of its class is left out of both means.
/// Source: Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020, section 3.2.
/// </remarks>
internal readonly record struct Retrieval(double RecallAt1, double MapAtR)
{
    // Rows that search together, so that the others are packed once for all of them.
    private const int QueriesAtOnce = 64;

    /// <summary>Lets every row search among the others.</summary>
    public static Retrieval Measure(LabeledRows rows)
    {
        (double recall, double precision, int queries) = (0, 0, 0);
        Dictionary<long, int> classSizes = rows.Labels.CountBy(label => label).ToDictionary();
        using CosineSimilarity cosines = new();
        float[] similarities = new float[(long)Math.Min(QueriesAtOnce, rows.Count) * rows.Count];
        int[] nearest = new int[rows.Count];
        for (int query = 0; query < rows.Count; query++)
        {
            if (query % QueriesAtOnce == 0)
            {
                int queriesNow = Math.Min(QueriesAtOnce, rows.Count - query);
                cosines.Matrix(rows.Values.AsSpan(query * rows.Dimension, queriesNow * rows.Dimension), rows.Values, rows.Dimension, similarities);
            }

            int others = classSizes[rows.Labels[query]] - 1;
            if (others == 0)
            {
                continue;
            }

            Span<float> row = similarities.AsSpan(query % QueriesAtOnce * rows.Count, rows.Count);
            row[query] = float.NegativeInfinity;
            SortByDescending(row, nearest);

            bool first = rows.Labels[nearest[0]] == rows.Labels[query];
            recall += first ? 1 : 0;
            precision += AveragePrecision(nearest.AsSpan(0, others), rows.Labels, rows.Labels[query]);
            queries++;
        }

        return new Retrieval(recall / queries, precision / queries);
    }

    private static double AveragePrecision(ReadOnlySpan<int> nearest, long[] labels, long label)
    {
        (double sum, int found) = (0, 0);
        for (int i = 0; i < nearest.Length; i++)
        {
            if (labels[nearest[i]] == label)
            {
                sum += ++found / (i + 1.0);
            }
        }

        return sum / nearest.Length;
    }

    private static void SortByDescending(Span<float> similarities, Span<int> rows)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            (similarities[i], rows[i]) = (-similarities[i], i);
        }

        similarities.Sort(rows);
    }
}
