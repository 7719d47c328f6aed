using System.Diagnostics;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <content>What a call needs before its workers begin: its shape, its memory, and the order of its rows.</content>
internal sealed unsafe partial class LossEngine<TSimd, TForm>
{
    private void Prepare(in LossCall call)
    {
        int queryCount = Remaining(call.Queries), dimension = call.Queries.Count > 0 ? call.Queries.Dimension : call.References.Dimension;
        LossRequest request = new(call.Self, queryCount, call.Self ? queryCount : Remaining(call.References), dimension)
        {
            GivenQueries = call.Queries.Count,
            GivenReferences = call.References.Count,
            QueryGradient = caller.QueryGradient != null,
            ReferenceGradient = caller.ReferenceGradient != null,
            Excludes = !call.Self && (!call.Terms.ExcludedReferences.IsEmpty || loss.ReferenceDiagonal == DiagonalPairs.Removed),
            KeepsTotals = loss.KeepsTotals,
            BothDirections = loss.BothDirections,
            ScaleGradient = loss.CommonScale > 0 && caller.QueryGradient != null,
            Packed = call.Packed,
            CodesLabels = !(LabelCodes.Fit(call.Queries) && LabelCodes.Fit(call.References)),
        };
        if (request != shape.Request)
        {
            TakeMemory(request);
        }

        int sums = memory.FirstReferenceSum + Layout.Packed(memory.FirstReferenceSum == 0 ? shape.QueryCount : shape.ReferenceCount) + Layout.Pack;
        memory.Sums.Clear(sums, terms.NegativeExponent);
        if (memory.Totals.AreKept)
        {
            memory.Totals.Clear(sums);
        }

        memory.ClearTurns(shape);
        Order(call);
        Exclude(call);
        progress.Reset();
    }

    private int Remaining(EmbeddingBatch batch)
    {
        if (loss.IgnoreLabel is not long ignored)
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

    // ---- Memory -------------------------------------------------------------------------------------------------------------------------------------

    // A call like the one before finds its memory laid. Where there is no memory to be had, the next call must not find that of an earlier one.
    private void TakeMemory(in LossRequest request)
    {
        LossShape next = new(request, execution.Threads);
        shape = default;
        Arena counted = default;
        memory.Lay(ref counted, next);

        // Between the passes the tiles of similarities stay if all of them fit beside the rest.
        ulong need = counted.Used, bound = (ulong)execution.MaxKeptSimilarityBytes;
        bool keeps = next.NeedsGradient && need <= bound && (ulong)next.SimilaritiesSize <= (bound - need) / sizeof(float);
        nint kept = keeps ? (nint)next.SimilaritiesSize : 0;
        nuint keptNeed = (nuint)kept * sizeof(float);
        if (Math.Max(workspace.Capacity, need) + Math.Max(store.Capacity, keptNeed) > bound)
        {
            // Batches of other shapes have left more than this one may hold; its own need comes first.
            store.Free();
            if (need <= bound)
            {
                workspace.Free();
            }
        }

        Arena arena = workspace.Reset(counted.Used), tiles = store.Reset(keptNeed);
        memory.Lay(ref arena, next);
        Debug.Assert(arena.Used == counted.Used, "The memory laid is the memory counted.");
        memory.Kept = tiles.Take<float>(kept);
        shape = next;
    }

    // ---- Rows: label by label where that is worth it ------------------------------------------------------------------------------------------------

    private void Order(in LossCall call)
    {
        Span<long> codes = memory.ClearedLabelTable(shape);
        memory.QueryOrder = Order(call.Queries, shape.QueryCount, codes, memory.QueryLabels, shape.QueryCount, memory.QueryOrderRoom);
        memory.ReferenceOrder = shape.Self
            ? memory.QueryOrder
            : Order(call.References, shape.ReferenceCount, codes, memory.ReferenceLabels, LossShape.MostReferenceLabels, memory.ReferenceOrderRoom);
    }

    // The rows that take part, and their labels' codes; null where that is all rows in their order.
    private int* Order(EmbeddingBatch batch, int count, Span<long> codes, int* labels, int mostLabels, int* rows)
    {
        int* remaining = count == batch.Count ? null : rows;
        for (int row = 0, to = 0; remaining != null && row < batch.Count; row++)
        {
            // Labels that another thread changes meanwhile must not lead beyond the room.
            if (batch.Label(row) != loss.IgnoreLabel && to < count)
            {
                rows[to++] = row;
            }
        }

        LabelCodes.Write(batch, remaining, count, codes, labels);
        return LabelOrder.Of(labels, remaining, count, mostLabels, rows, memory.OrderScratch);
    }

    // A removed diagonal removes positives only.
    private void Exclude(in LossCall call)
    {
        if (!shape.Request.Excludes)
        {
            return;
        }

        // Where references are not in the caller's order: the place of each, or -1.
        int* places = memory.OrderScratch;
        if (memory.ReferenceOrder != null)
        {
            new Span<int>(places, shape.Request.GivenReferences).Fill(-1);
            for (int place = 0; place < shape.ReferenceCount; place++)
            {
                places[memory.ReferenceOrder[place]] = place;
            }
        }

        ReadOnlySpan<int> given = call.Terms.ExcludedReferences;
        for (int query = 0; query < shape.QueryCount; query++)
        {
            int row = memory.QueryOrder == null ? query : memory.QueryOrder[query];
            int reference = given.IsEmpty ? row : given[row];
            bool matters = !given.IsEmpty || (row < shape.Request.GivenReferences && call.References.Label(row) == call.Queries.Label(row));
            memory.Excluded[query] = !matters ? -1 : memory.ReferenceOrder == null || reference < 0 ? reference : places[reference];
        }
    }
}
