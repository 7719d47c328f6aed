using System.Runtime.InteropServices;

namespace ManagedCircle;

/// <summary>How well queries find references of their class among their nearest: the means that papers report, by the conventions they share.</summary>
/// <remarks>
/// <para>
/// Of a query let R be the number of references of its class, itself not counted, rel(i) 1 where its i-th nearest reference is of its class and 0 where not,
/// H(i) = rel(1) + ... + rel(i), K the neighbours looked at, and r = min(R, K). Then
/// </para>
/// <para>
/// Precision@1 = rel(1); Recall@k = 1 if H(k) &gt; 0, as metric learning has it; R-precision = H(r) / r; MAP@R = sum over i to r of rel(i) H(i) / i, over r;
/// MAP = the same sum over i to K, over H(K), or 0; NDCG@k = sum over i to k of rel(i) / log2(i + 1), over the same sum for r hits at the front.
/// </para>
/// <para>
/// A query without a reference of its class (R = 0) is left out of every mean; where none is left, they are NaN. These are the definitions of PyTorch Metric
/// Learning's AccuracyCalculator (Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020, section 3.2, for MAP@R), whose <c>k</c> is K;
/// Recall@k and NDCG@k, which it has not, are those of the field.
/// </para>
/// </remarks>
public sealed class RetrievalMeasures
{
    // Neighbours that are held at once, and the queries that go over the references together at least and at most.
    private const int NeighborsAtOnce = 1 << 21, LeastQueries = 256, MostQueries = 4096;

    private readonly long[] firstHits;
    private readonly double[] discounts, ideals, gains;
    private double rPrecision, averagePrecisionAtR, averagePrecision;

    /// <summary>Makes means of no query yet.</summary>
    /// <param name="neighbors">K, how many neighbours of a query are looked at, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public RetrievalMeasures(int neighbors)
    {
        ThrowIf.NotCount(neighbors, least: 1, nameof(neighbors));
        Neighbors = neighbors;
        firstHits = new long[neighbors];
        gains = new double[neighbors];
        discounts = new double[neighbors];
        ideals = new double[neighbors];
        double ideal = 0;
        for (int i = 0; i < neighbors; i++)
        {
            discounts[i] = 1 / Math.Log2(i + 2);
            ideals[i] = ideal += discounts[i];
        }
    }

    /// <summary>K, how many neighbours of a query are looked at.</summary>
    public int Neighbors { get; }

    /// <summary>How many queries the means are of.</summary>
    public long QueryCount { get; private set; }

    /// <summary>How many queries were left out, as no reference is of their class.</summary>
    public long LoneQueryCount { get; private set; }

    /// <summary>The share of queries whose nearest reference is of their class; <see cref="RecallAt"/> of 1.</summary>
    public double PrecisionAt1 => RecallAt(1);

    /// <summary>The mean share of their class among the R nearest.</summary>
    public double RPrecision => rPrecision / QueryCount;

    /// <summary>The mean average precision over the R nearest.</summary>
    public double MeanAveragePrecisionAtR => averagePrecisionAtR / QueryCount;

    /// <summary>The mean average precision over all neighbours looked at.</summary>
    public double MeanAveragePrecision => averagePrecision / QueryCount;

    /// <summary>The share of queries with a reference of their class among the k nearest.</summary>
    /// <param name="k">From 1 to <see cref="Neighbors"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is out of its range.</exception>
    public double RecallAt(int k)
    {
        ThrowIf.NotRank(k, Neighbors);
        long hits = 0;
        foreach (long ofRank in firstHits.AsSpan(0, k))
        {
            hits += ofRank;
        }

        return (double)hits / QueryCount;
    }

    /// <summary>The mean normalised discounted cumulative gain of the k nearest.</summary>
    /// <param name="k">From 1 to <see cref="Neighbors"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is out of its range.</exception>
    public double NdcgAt(int k)
    {
        ThrowIf.NotRank(k, Neighbors);
        return gains[k - 1] / QueryCount;
    }

    /// <summary>Adds a query.</summary>
    /// <param name="label">Its class.</param>
    /// <param name="neighborLabels">The classes of its nearest references, the nearest first: K, or all that there are.</param>
    /// <param name="relevantCount">R, how many references are of its class, itself not counted.</param>
    /// <exception cref="ArgumentException">There are more neighbours than K, or R is negative.</exception>
    public void Add(long label, ReadOnlySpan<long> neighborLabels, int relevantCount)
    {
        ThrowIf.NotNeighbors(neighborLabels.Length, Neighbors);
        ThrowIf.NotCount(relevantCount, least: 0, nameof(relevantCount));
        if (relevantCount == 0)
        {
            LoneQueryCount++;
            return;
        }

        int relevant = Math.Min(relevantCount, Neighbors), hits = 0, hitsToR = 0;
        double precisions = 0, precisionsToR = 0, gain = 0;
        for (int i = 0; i < Neighbors; i++)
        {
            if (i < neighborLabels.Length && neighborLabels[i] == label)
            {
                firstHits[i] += hits == 0 ? 1 : 0;
                precisions += ++hits / (i + 1.0);
                gain += discounts[i];
            }

            gains[i] += gain / ideals[Math.Min(i, relevant - 1)];
            if (i == relevant - 1)
            {
                (precisionsToR, hitsToR) = (precisions, hits);
            }
        }

        QueryCount++;
        rPrecision += (double)hitsToR / relevant;
        averagePrecisionAtR += precisionsToR / relevant;
        averagePrecision += hits == 0 ? 0 : precisions / hits;
    }

    /// <summary>Lets rows search among the others, by <see cref="NearestNeighbors"/>.</summary>
    /// <param name="rows">The rows, queries and references alike; none finds itself.</param>
    /// <param name="neighbors">K, how many neighbours of a row are looked at; 0 for as many as the largest class has others.</param>
    /// <param name="measure">What rows are compared by.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <param name="progress">Called with the number of rows measured since it was called last; null for none.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    /// <remarks>Memory grows with the rows and with K, not with pairs.</remarks>
    public static RetrievalMeasures Of(
        EmbeddingBatch rows,
        int neighbors = 0,
        SimilarityMeasure measure = SimilarityMeasure.Cosine,
        ExecutionOptions? execution = null,
        Action<int>? progress = null) =>
        Of(rows, rows, self: true, neighbors, measure, execution, progress);

    /// <summary>Lets queries search among references, by <see cref="NearestNeighbors"/>.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="neighbors">K, how many neighbours of a query are looked at; 0 for as many as there are references of any query's class.</param>
    /// <param name="measure">What rows are compared by.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <param name="progress">Called with the number of queries measured since it was called last; null for none.</param>
    /// <exception cref="ArgumentException">A shape does not match, or a number is out of its range.</exception>
    /// <remarks>Memory grows with the rows and with K, not with pairs.</remarks>
    public static RetrievalMeasures Of(
        EmbeddingBatch queries,
        EmbeddingBatch references,
        int neighbors = 0,
        SimilarityMeasure measure = SimilarityMeasure.Cosine,
        ExecutionOptions? execution = null,
        Action<int>? progress = null) =>
        Of(queries, references, self: false, neighbors, measure, execution, progress);

    private static RetrievalMeasures Of(
        EmbeddingBatch queries,
        EmbeddingBatch references,
        bool self,
        int neighbors,
        SimilarityMeasure measure,
        ExecutionOptions? execution,
        Action<int>? progress)
    {
        ThrowIf.NotCount(neighbors, least: 0, nameof(neighbors));
        ThrowIf.Unlike(queries, references);
        using NearestNeighbors search = new(measure, execution);
        int[] relevant = RelevantCounts(queries, references, self);
        RetrievalMeasures measures = new(neighbors > 0 ? neighbors : Math.Max(1, relevant.Length == 0 ? 0 : relevant.Max()));
        int k = Math.Max(1, Math.Min(measures.Neighbors, references.Count)), atOnce = Math.Clamp(NeighborsAtOnce / k, LeastQueries, MostQueries);
        int[] indices = new int[Math.Min(atOnce, queries.Count) * k], own = new int[self ? Math.Min(atOnce, queries.Count) : 0];
        long[] labels = new long[k];
        RowMatrix gallery = RowsOf(references, 0, references.Count);
        for (int first = 0; first < queries.Count; first += atOnce)
        {
            int count = Math.Min(atOnce, queries.Count - first);
            for (int query = 0; query < Math.Min(count, own.Length); query++)
            {
                own[query] = first + query;
            }

            search.Find(RowsOf(queries, first, count), gallery, k, indices, terms: new() { ExcludedReferences = self ? own.AsSpan(0, count) : default });
            for (int query = 0; query < count; query++)
            {
                int found = 0;
                for (; found < k && indices[(query * k) + found] is >= 0 and int index; found++)
                {
                    labels[found] = references.Label(index);
                }

                measures.Add(queries.Label(first + query), labels.AsSpan(0, found), relevant[first + query]);
            }

            progress?.Invoke(count);
        }

        return measures;
    }

    // How many references are of each query's class, itself not counted.
    private static int[] RelevantCounts(EmbeddingBatch queries, EmbeddingBatch references, bool self)
    {
        Dictionary<long, int> classSizes = [];
        for (int row = 0; row < references.Count; row++)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(classSizes, references.Label(row), out _)++;
        }

        int[] counts = new int[queries.Count];
        for (int row = 0; row < counts.Length; row++)
        {
            counts[row] = classSizes.GetValueOrDefault(queries.Label(row)) - (self ? 1 : 0);
        }

        return counts;
    }

    private static RowMatrix RowsOf(EmbeddingBatch batch, int first, int count) =>
        new(count == 0 ? default : batch.Rows[(first * batch.Stride)..], count, Math.Max(1, batch.Dimension), batch.Stride);
}
