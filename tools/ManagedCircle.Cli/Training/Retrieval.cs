namespace ManagedCircle.Cli.Training;

/// <summary>How well rows find others of their class by cosine similarity.</summary>
/// <param name="RecallAt1">The share of rows whose nearest other row is of their class.</param>
/// <param name="MapAtR">Mean average precision at R.</param>
/// <remarks>
/// For a row with R others of its class, let P(i) be the share of its own class among its i nearest other rows, and rel(i) 1 where the i-th of them is of
/// its class, 0 where not. Its average precision at R is <c>(P(1) rel(1) + ... + P(R) rel(R)) / R</c>. A row without others of its class is left out of both
/// means, which are NaN where no row is left. Of rows that are equally near, the earlier one comes first.
/// Source: Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020, section 3.2.
/// </remarks>
internal readonly record struct Retrieval(double RecallAt1, double MapAtR)
{
    // Rows that search together, so that the others are packed once for all of them: at most so many, and as many as have so many similarities.
    private const int MostQueriesAtOnce = 256, SimilaritiesAtOnce = 1 << 23;

    /// <summary>How many parts <see cref="Measure"/> has, each of which ends with a call of its partDone.</summary>
    public static int Parts(int rows) => (rows + QueriesAtOnce(rows) - 1) / QueriesAtOnce(rows);

    /// <summary>Lets every row search among the others.</summary>
    public static Retrieval Measure(LabeledRows rows, Action? partDone = null)
    {
        (int count, int dimension, int atOnce) = (rows.Count, rows.Dimension, QueriesAtOnce(rows.Count));
        Dictionary<long, int> classSizes = rows.Labels.CountBy(label => label).ToDictionary();
        double[] firstHits = new double[count], precisions = new double[count];
        Ranking[] rankings = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Ranking(count))];
        using CosineSimilarity cosines = new(new ExecutionOptions { Threads = Environment.ProcessorCount });
        float[] similarities = new float[Math.Min(atOnce, count) * count];
        for (int start = 0; start < count; start += atOnce)
        {
            int queries = Math.Min(atOnce, count - start);
            cosines.Matrix(new(rows.Values.AsSpan(start * dimension, queries * dimension), dimension), new(rows.Values, dimension), similarities);
            Parallel.For(0, rankings.Length, worker =>
            {
                for (int query = start + worker; query < start + queries; query += rankings.Length)
                {
                    if (classSizes[rows.Labels[query]] is > 1 and int size)
                    {
                        Span<float> row = similarities.AsSpan((query - start) * count, count);
                        (firstHits[query], precisions[query]) = rankings[worker].Rank(row, rows.Labels, query, size - 1);
                    }
                }
            });
            partDone?.Invoke();
        }

        // Summed in the rows' order, so that the means do not depend on the threads.
        int searching = rows.Labels.Count(label => classSizes[label] > 1);
        return new Retrieval(firstHits.Sum() / searching, precisions.Sum() / searching);
    }

    private static int QueriesAtOnce(int rows) => Math.Clamp(SimilaritiesAtOnce / Math.Max(1, rows), 1, MostQueriesAtOnce);
}
