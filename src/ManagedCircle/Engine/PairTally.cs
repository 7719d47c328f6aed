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
            PairRows pairs = Prepare(options, batch, mask, excluded, workspace, 0, out int* kinds);
            for (int query = 0; query < batch.QueryCount; query++)
            {
                pairs.Write<SimdScalar>(query, kinds);
                tally.Add(batch.Similarities.Slice(query * batch.ReferenceCount, batch.ReferenceCount), kinds);
            }

            return tally.Result(pairs.QueryCount);
        }
    }

    /// <summary>Takes a batch's pairs, and scratch for the kinds of a row's, into a workspace with room for more.</summary>
    public static PairRows Prepare(
        CircleLossOptions options, SimilarityBatch batch, PairKind* mask, ReadOnlySpan<int> excluded, Workspace workspace, nuint more, out int* kinds)
    {
        int padded = PairRow.Padded(batch.ReferenceCount);
        workspace.Reset(PairRows.SizeOf(batch) + Workspace.SizeOf<int>(padded) + more);
        kinds = workspace.Take<int>(padded);
        return PairRows.Prepare(batch, mask, options, excluded, workspace, kinds);
    }

    /// <summary>Adds a query's pairs.</summary>
    public void Add(ReadOnlySpan<float> similarities, int* kinds)
    {
        long positivesBefore = positives.Count, negativesBefore = negatives.Count;
        for (int column = 0; column < similarities.Length; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                positives.Add(similarities[column], margins.PositiveWeight((double)similarities[column]));
            }
            else if (kinds[column] == (int)PairKind.Negative)
            {
                negatives.Add(similarities[column], margins.NegativeWeight((double)similarities[column]));
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

/// <summary>The tally of embeddings: their similarities are computed in blocks of 32 queries by all references, which is all that is kept of them.</summary>
internal unsafe ref struct RowTally(CircleLossOptions options, EmbeddingBatch queries, EmbeddingBatch references, bool self, ReadOnlySpan<int> excluded)
    : ISimdCode<PairStatistics>
{
    private readonly EmbeddingBatch queries = queries, references = references;
    private readonly ReadOnlySpan<int> excluded = excluded;

    public readonly PairStatistics Run<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd>
    {
        using Workspace workspace = new();
        SimilarityBatch batch = new(queries, references, self);
        int dimension = queries.Count > 0 ? queries.Dimension : 1, columns = references.Count;
        nint block = (nint)Layout.Pack * columns;
        nuint more = SizeOf(queries.Count, dimension) + (self ? 0 : SizeOf(references.Count, dimension))
            + Workspace.SizeOf<float>(block) + Workspace.SizeOf<float>(Layout.Pack * Layout.TileStride);
        PairRows pairs = PairTally.Prepare(options, batch, null, excluded, workspace, more, out int* kinds);
        PackedRows packedQueries = Pack<TSimd>(queries, dimension, self ? "rows" : "queries", workspace);
        PackedRows packedReferences = self ? packedQueries : Pack<TSimd>(references, dimension, "references", workspace);
        float* similarities = workspace.Take<float>(block), tile = workspace.Take<float>(Layout.Pack * Layout.TileStride);

        PairTally tally = new(options);
        for (int first = 0; first < queries.Count; first += Layout.Pack)
        {
            int count = Math.Min(Layout.Pack, queries.Count - first);
            for (int column = 0; column < columns; column += Layout.Tile)
            {
                int width = Math.Min(Layout.Tile, columns - column);
                TileMatrices.Similarities<TSimd>(packedQueries, first, count, packedReferences, column, width, false, tile);
                for (int row = 0; row < count; row++)
                {
                    new ReadOnlySpan<float>(tile + (row * Layout.TileStride), width).CopyTo(new Span<float>(similarities + ((nint)row * columns) + column, width));
                }
            }

            for (int row = 0; row < count; row++)
            {
                pairs.Write<TSimd>(first + row, kinds);
                tally.Add(new ReadOnlySpan<float>(similarities + ((nint)row * columns), columns), kinds);
            }
        }

        return tally.Result(pairs.QueryCount);
    }

    private readonly PackedRows Pack<TSimd>(EmbeddingBatch batch, int dimension, string name, Workspace workspace)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        PackedRows packed = new()
        {
            Count = batch.Count,
            Dimension = dimension,
            SliceStride = SliceStride(batch.Count),
            Panels = workspace.Take<float>((nint)Layout.Packed(batch.Count) * Layout.Packed(dimension)),
            Slices = workspace.Take<float>(SliceStride(batch.Count) * (Layout.Packed(dimension) / Layout.Pack)),
            InverseNorms = workspace.Take<float>(Layout.Packed(batch.Count)),
        };
        fixed (float* rows = batch.Rows)
        {
            for (int first = 0; first < batch.Count; first += Layout.Pack)
            {
                int bad = RowPacking.Pack<TSimd>(rows, batch.Stride, null, options.Normalize, packed, first);
                ThrowIf.NotFinite(options.CheckInputs && bad >= 0, bad, name);
            }
        }

        return packed;
    }

    private static nuint SizeOf(int count, int dimension) => Workspace.SizeOf<float>((nint)Layout.Packed(count) * Layout.Packed(dimension))
        + Workspace.SizeOf<float>(SliceStride(count) * (Layout.Packed(dimension) / Layout.Pack)) + Workspace.SizeOf<float>(Layout.Packed(count));

    private static nint SliceStride(int count) => (nint)Layout.Packed(count) * Layout.Pack;
}
