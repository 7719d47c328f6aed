using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>Counts and sums over the pairs of queries, a row at a time.</summary>
internal unsafe struct PairTally(LossDescription loss)
{
    private readonly PairSide positive = PairSide.Positive(loss.Formula), negative = PairSide.Negative(loss.Formula);
    private readonly bool whole = loss.Scope == LossScope.Batch;
    private Sums positives, negatives;
    private int validCount;

    /// <summary>Adds up the pairs of a matrix.</summary>
    public static PairStatistics Of(LossDescription loss, SimilarityBatch batch, ReadOnlySpan<int> excluded)
    {
        using Workspace workspace = new();
        PairTally tally = new(loss);
        fixed (PairKind* mask = batch.Mask)
        {
            Memory memory = Memory.Of(workspace, batch, blockRows: 0);
            QueryPairs pairs = memory.Pairs;
            pairs.Read(batch, mask, loss, excluded, memory.Kinds);
            for (int query = 0; query < batch.QueryCount; query++)
            {
                pairs.Write<SimdScalar>(query, memory.Kinds);
                tally.Add(batch.Similarities.Slice(query * batch.ReferenceCount, batch.ReferenceCount), memory.Kinds);
            }

            return tally.Result(pairs.QueryCount);
        }
    }

    /// <summary>Adds up the pairs of rows, whose similarities are computed in blocks of 64 queries by all references.</summary>
    public static PairStatistics Of(
        LossDescription loss, EmbeddingBatch queries, EmbeddingBatch references, bool self, ReadOnlySpan<int> excluded, ExecutionOptions execution)
    {
        const int Block = 64;
        using Workspace workspace = new();
        using MatrixEngine engine = MatrixEngine.Create(execution);
        PairTally tally = new(loss);
        int columns = references.Count;
        RowMatrix all = new(references.Rows, columns, references.Dimension, references.Stride);
        SimilarityBatch batch = new(queries, references, self);
        Memory memory = Memory.Of(workspace, batch, Block);
        QueryPairs pairs = memory.Pairs;
        pairs.Read(batch, null, loss, excluded, memory.Kinds);
        for (int first = 0; first < queries.Count; first += Block)
        {
            int count = Math.Min(Block, queries.Count - first), start = first * queries.Stride;
            RowMatrix rows = new(queries.Rows[start..], count, queries.Dimension, queries.Stride);
            Span<float> similarities = new(memory.Similarities, checked(count * columns));
            engine.Forward(new MatrixCall { Queries = rows, References = all, Normalize = loss.Normalize }, similarities, columns);
            for (int row = 0; row < count; row++)
            {
                pairs.Write<SimdScalar>(first + row, memory.Kinds);
                tally.Add(similarities.Slice(row * columns, columns), memory.Kinds);
            }
        }

        return tally.Result(pairs.QueryCount);
    }

    /// <summary>Adds a query's pairs.</summary>
    public void Add(ReadOnlySpan<float> similarities, int* kinds)
    {
        long positivesBefore = positives.Count, negativesBefore = negatives.Count;
        for (int column = 0; column < similarities.Length; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                positives.Add(similarities[column], positive.Weight(similarities[column]));
            }
            else if (kinds[column] == (int)PairKind.Negative)
            {
                negatives.Add(similarities[column], negative.Weight(similarities[column]));
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

    /// <summary>Every array of a call.</summary>
    private struct Memory
    {
        public QueryPairs Pairs;

        /// <summary>The kinds of a query's pairs.</summary>
        public int* Kinds;

        /// <summary>The similarities of a block of queries.</summary>
        public float* Similarities;

        public static Memory Of(Workspace workspace, SimilarityBatch batch, int blockRows)
        {
            Arena counted = default;
            Lay(ref counted, batch, blockRows);
            Arena arena = workspace.Reset(counted.Used);
            return Lay(ref arena, batch, blockRows);
        }

        private static Memory Lay(ref Arena arena, SimilarityBatch batch, int blockRows) => new()
        {
            Pairs = QueryPairs.Lay(ref arena, batch),
            Kinds = arena.Take<int>(PairRow.Padded(batch.ReferenceCount)),
            Similarities = arena.Take<float>((nint)blockRows * batch.ReferenceCount),
        };
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
