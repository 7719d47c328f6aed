using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <content>What a call needs before it begins: sizes, memory, labels.</content>
internal sealed unsafe partial class LossEngine<TSimd, TForm>
{
    // References may be many for few queries: ordering a thousand labels would pay from some 700 queries on, ordering this many does from 150 to 200.
    private const int MostReferenceLabels = 256;

    private int Plan(in LossCall call)
    {
        self = call.Self;
        needsGradient = queryDestination != null || referenceDestination != null;
        (int queryCount, int referenceCount) = (Remaining(call.Queries), self ? 0 : Remaining(call.References));
        int dimension = call.Queries.Count > 0 ? call.Queries.Dimension : call.References.Dimension;
        int others = self ? queryCount : referenceCount;
        rowBlock = RowBlock(queryCount, self);
        columnBlock = self ? rowBlock : Layout.Tile;
        (int rowBlocks, int columnBlocks) = (Layout.Blocks(queryCount, rowBlock), Layout.Blocks(others, columnBlock));
        schedule = self ? TileSchedule.OfBatch(rowBlocks) : TileSchedule.OfReferences(rowBlocks, columnBlocks);
        long work = (long)queryCount * others * Math.Max(dimension, Layout.SumLanes) / (self ? 2 : 1);
        int workers = Team.Workers(Math.Min(work / Team.WorkPerWorker, schedule.Steps), execution.Threads);

        bool fit = LabelCodes.Fit(call.Queries) && LabelCodes.Fit(call.References);
        int table = fit ? 0 : LabelCodes.TableSize(queryCount + referenceCount);
        int orderSize = Math.Max(LabelOrder.ScratchSize(call.Queries.Count, call.Queries.Count), self ? 0 : LabelOrder.ScratchSize(call.References.Count, MostReferenceLabels));
        (nint querySlices, nint referenceSlices) = (SliceStride(queryCount) * Slices(dimension), SliceStride(referenceCount) * Slices(dimension));
        (nint queryPanels, nint referencePanels) = (PanelSize(queryCount, dimension), PanelSize(referenceCount, dimension));
        (nint perQuery, nint perReference) = (Layout.Packed(queryCount) + Layout.Tile, Layout.Packed(referenceCount) + Layout.Tile);
        bool queryGradients = queryDestination != null, referenceGradients = referenceDestination != null;
        scratchSize = (Layout.Tile * Layout.TileStride) + (8 * (Layout.Tile + Layout.SumLanes));

        nuint need = Workspace.SizeOf<float>(queryPanels) + Workspace.SizeOf<float>(referencePanels) + Workspace.SizeOf<float>(querySlices) + Workspace.SizeOf<float>(referenceSlices)
            + (queryGradients ? Workspace.SizeOf<float>(querySlices) : 0) + (referenceGradients ? Workspace.SizeOf<float>(referenceSlices) : 0)
            + (9 * Workspace.SizeOf<float>(perQuery)) + (2 * Workspace.SizeOf<int>(perQuery)) + Workspace.SizeOf<float>(perReference) + (2 * Workspace.SizeOf<int>(perReference))
            + Workspace.SizeOf<int>(rowBlocks) + Workspace.SizeOf<int>(columnBlocks) + Workspace.SizeOf<long>(table) + Workspace.SizeOf<int>(orderSize)
            + Workspace.SizeOf<float>(scratchSize * workers);

        // Between the passes the tiles of similarities stay if all of them fit beside the rest.
        nint storeSize = (nint)rowBlock * Layout.TileStride * (nint)(self ? schedule.Steps : (long)rowBlocks * columnBlocks);
        nuint bound = (nuint)execution.MaxKeptSimilarityBytes, storeNeed = Workspace.SizeOf<float>(storeSize);
        bool keeps = needsGradient && need + storeNeed <= bound;
        storeNeed = keeps ? storeNeed : 0;
        if (Math.Max(workspace.Capacity, need) + Math.Max(store.Capacity, storeNeed) > bound)
        {
            // Batches of other shapes have left more than this one may hold; its own need comes first.
            store.Free();
            if (need <= bound)
            {
                workspace.Free();
            }
        }

        workspace.Reset(need);
        store.Reset(storeNeed);
        kept = keeps ? store.Take<float>(storeSize) : null;
        queries = Packed(queryCount, dimension, queryPanels, querySlices, perQuery);
        references = self ? queries : Packed(referenceCount, dimension, referencePanels, referenceSlices, perReference);
        queryGradient = queryGradients ? workspace.Take<float>(querySlices) : null;
        referenceGradient = referenceGradients ? workspace.Take<float>(referenceSlices) : self ? queryGradient : null;
        sums = new() { Positives = TakeScaled(perQuery), Negatives = TakeScaled(perQuery) };
        coefficients = PairCoefficients.InPlaceOf(sums);
        losses = workspace.Take<float>(perQuery);
        factors = workspace.Take<float>(perQuery);
        selfSimilarities = workspace.Take<float>(perQuery);
        rowTurns = workspace.Take<int>(rowBlocks);
        columnTurns = workspace.Take<int>(columnBlocks);
        scratch = workspace.Take<float>(scratchSize * workers);
        sums.Clear((int)perQuery, terms.NegativeExponent);

        Span<long> codes = new(workspace.Take<long>(table), table);
        codes.Clear();
        int* order = workspace.Take<int>(orderSize);
        queryLabels = workspace.Take<int>(perQuery);
        keptQueries = Keep(call.Queries, queryCount, codes, queryLabels, queryCount, workspace.Take<int>(perQuery), order);
        keptReferences = keptQueries;
        referenceLabels = queryLabels;
        if (!self)
        {
            referenceLabels = workspace.Take<int>(perReference);
            keptReferences = Keep(call.References, referenceCount, codes, referenceLabels, MostReferenceLabels, workspace.Take<int>(perReference), order);
        }

        excluded = Excluded(call, order);
        (givenQueries, givenReferences, upstreamCount) = (call.Queries.Count, call.References.Count, call.Terms.Upstream.Length);
        packing.Reset();
        (nextForward.Value, doneForward.Value, nextFinish.Value, doneFinish.Value, nextBackward.Value) = (0, 0, 0, 0, 0);
        ClearTurns();
        return workers;
    }

    private void ClearTurns()
    {
        new Span<int>(rowTurns, Layout.Blocks(queries.Count, rowBlock)).Clear();
        new Span<int>(columnTurns, Layout.Blocks(references.Count, columnBlock)).Clear();
    }

    private int Remaining(EmbeddingBatch batch)
    {
        if (options.IgnoreLabel is not long ignored)
        {
            return batch.Count;
        }

        int count = 0;
        for (int row = 0; row < batch.Count; row++)
        {
            count += batch.Label(row) != ignored ? 1 : 0;
        }

        return count;
    }

    // The rows that take part, label by label where that is worth it, and their labels' codes; null where that is all rows in their order.
    private int* Keep(EmbeddingBatch batch, int count, Span<long> codes, int* labels, int mostLabels, int* rows, int* order)
    {
        int* remaining = count == batch.Count ? null : rows;
        for (int row = 0, to = 0; remaining != null && row < batch.Count; row++)
        {
            if (batch.Label(row) != options.IgnoreLabel)
            {
                rows[to++] = row;
            }
        }

        LabelCodes.Write(batch, remaining, count, codes, labels);
        return LabelOrder.Of(labels, remaining, count, mostLabels, rows, order);
    }

    // The packed reference that each packed query is not compared with, -1 for none; null where there is none for any. A removed diagonal removes
    // positives only.
    private int* Excluded(in LossCall call, int* places)
    {
        ReadOnlySpan<int> given = call.Terms.ExcludedReferences;
        if (self || (given.IsEmpty && options.ReferenceDiagonal == DiagonalPairs.Kept))
        {
            return null;
        }

        if (keptReferences != null)
        {
            new Span<int>(places, call.References.Count).Fill(-1);
            for (int place = 0; place < references.Count; place++)
            {
                places[keptReferences[place]] = place;
            }
        }

        // A batch against itself keeps self-similarities here; references leave the room free.
        int* result = (int*)selfSimilarities;
        for (int query = 0; query < queries.Count; query++)
        {
            int row = keptQueries == null ? query : keptQueries[query];
            int reference = given.IsEmpty ? row : given[row];
            bool matters = !given.IsEmpty || (row < call.References.Count && call.References.Label(row) == call.Queries.Label(row));
            result[query] = !matters ? -1 : keptReferences == null || reference < 0 ? reference : places[reference];
        }

        return result;
    }

    // Few queries against many references still make enough tiles for several workers; it depends on the counts alone, so results do too.
    private static int RowBlock(int count, bool self) => self || count > 2 * Layout.Tile ? Layout.Tile : Math.Clamp(Layout.Packed(count / 4), Layout.Pack, Layout.Tile);

    private static int Slices(int dimension) => Layout.Packed(dimension) / Layout.Pack;

    // Eight rows more than needed: neighbouring slices of a power of two of rows would fall into the same cache sets.
    private static nint SliceStride(int count) => count == 0 ? 0 : (nint)(Layout.Packed(count) + 8) * Layout.Pack;

    private static nint PanelSize(int count, int dimension) => (nint)Layout.Packed(count) * Layout.Packed(dimension);

    private PackedRows Packed(int count, int dimension, nint panels, nint slices, nint inverseNorms) => new()
    {
        Count = count,
        Dimension = dimension,
        SliceStride = SliceStride(count),
        Panels = workspace.Take<float>(panels),
        Slices = workspace.Take<float>(slices),
        InverseNorms = workspace.Take<float>(inverseNorms),
    };

    private Scaled TakeScaled(nint count) => new() { Mantissas = workspace.Take<float>(count), Exponents = workspace.Take<float>(count) };
}
