using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>Counts and sums over the pairs of queries, a row at a time.</summary>
internal unsafe struct PairTally(CircleLossOptions options)
{
    private readonly CircleMargins margins = new(options);
    private readonly bool whole = options.Scope == LossScope.Batch;
    private Sums positives, negatives;
    private int validCount;

    /// <summary>Adds up the pairs of a matrix.</summary>
    public static PairStatistics Of(CircleLossOptions options, SimilarityBatch batch, ReadOnlySpan<int> excluded)
    {
        using Workspace workspace = new();
        PairTally tally = new(options);
        fixed (PairKind* mask = batch.Mask)
        {
            QueryPairs pairs = Prepare(options, batch, mask, excluded, workspace, block: 0, out int* kinds);
            for (int query = 0; query < batch.QueryCount; query++)
            {
                pairs.Write<SimdScalar>(query, kinds);
                tally.Add(batch.Similarities.Slice(query * batch.ReferenceCount, batch.ReferenceCount), kinds);
            }

            return tally.Result(pairs.QueryCount);
        }
    }

    /// <summary>Adds up the pairs of rows, whose similarities are computed in blocks of 64 queries by all references.</summary>
    public static PairStatistics Of(
        CircleLossOptions options, EmbeddingBatch queries, EmbeddingBatch references, bool self, ReadOnlySpan<int> excluded, ExecutionOptions execution)
    {
        const int Block = 64;
        using Workspace workspace = new();
        using MatrixEngine engine = MatrixEngine.Create(execution);
        PairTally tally = new(options);
        int columns = references.Count;
        RowMatrix all = new(references.Rows, columns, references.Dimension, references.Stride);
        QueryPairs pairs = Prepare(options, new SimilarityBatch(queries, references, self), null, excluded, workspace, (nint)Block * columns, out int* kinds);
        float* block = workspace.Take<float>((nint)Block * columns);
        for (int first = 0; first < queries.Count; first += Block)
        {
            int count = Math.Min(Block, queries.Count - first), start = first * queries.Stride;
            RowMatrix rows = new(queries.Rows[start..], count, queries.Dimension, queries.Stride);
            Span<float> similarities = new(block, checked(count * columns));
            engine.Forward(new MatrixCall { Queries = rows, References = all, Normalize = options.Normalize }, similarities, columns);
            for (int row = 0; row < count; row++)
            {
                pairs.Write<SimdScalar>(first + row, kinds);
                tally.Add(similarities.Slice(row * columns, columns), kinds);
            }
        }

        return tally.Result(pairs.QueryCount);
    }

    // The batch's pairs, scratch for the kinds of a row's, and room for a block of similarities.
    private static QueryPairs Prepare(
        CircleLossOptions options, SimilarityBatch batch, PairKind* mask, ReadOnlySpan<int> excluded, Workspace workspace, nint block, out int* kinds)
    {
        int padded = PairRow.Padded(batch.ReferenceCount);
        workspace.Reset(QueryPairs.SizeOf(batch) + Workspace.SizeOf<int>(padded) + Workspace.SizeOf<float>(block));
        kinds = workspace.Take<int>(padded);
        return QueryPairs.Prepare(batch, mask, options, excluded, workspace, kinds);
    }

    /// <summary>Adds a query's pairs.</summary>
    public void Add(ReadOnlySpan<float> similarities, int* kinds)
    {
        long positivesBefore = positives.Count, negativesBefore = negatives.Count;
        for (int column = 0; column < similarities.Length; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                positives.Add(similarities[column], margins.PositiveWeight(similarities[column]));
            }
            else if (kinds[column] == (int)PairKind.Negative)
            {
                negatives.Add(similarities[column], margins.NegativeWeight(similarities[column]));
            }
        }

        validCount += positives.Count > positivesBefore && negatives.Count > negativesBefore ? 1 : 0;
    }

    /// <summary>What was added up.</summary>
    public readonly PairStatistics Result(int queryCount)
    {
        int valid = !whole ? validCount : positives.Count > 0 && negatives.Count > 0 ? 1 : 0;
        return new PairStatistics(queryCount, valid, positives.Summary, negatives.Summary);
    }

    private struct Sums
    {
        private double similarity, weight;
        private long zeroWeights;

        public long Count { get; private set; }

        public readonly PairSummary Summary => new(Count, similarity / Count, weight / Count, (double)zeroWeights / Count);

        public void Add(double pairSimilarity, double pairWeight)
        {
            Count++;
            similarity += pairSimilarity;
            weight += pairWeight;
            zeroWeights += pairWeight == 0 ? 1 : 0;
        }
    }
}
