using System.Diagnostics;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>One call of the loss, its arguments checked.</summary>
internal ref struct LossCall
{
    public EmbeddingBatch Queries;

    /// <summary>The references; the queries themselves in a batch against itself.</summary>
    public EmbeddingBatch References;

    /// <summary>Whether the references are the queries.</summary>
    public bool Self;

    /// <summary>Whether the references are a gallery; then <see cref="References"/> are its labels alone.</summary>
    public bool Packed;

    /// <summary>Its rows, in panels.</summary>
    public PackedRows Gallery;

    /// <summary>Receives the gradient of the queries (in a batch against itself the whole gradient); empty to leave it out.</summary>
    public Span<float> QueryGradient;

    /// <summary>Receives the gradient of the references; empty to leave it out.</summary>
    public Span<float> ReferenceGradient;

    /// <summary>Receives the losses; empty to leave them out.</summary>
    public Span<float> Losses;

    public QueryTerms Terms;
}

/// <summary>How a batch flows from rows to losses and gradients.</summary>
/// <remarks>
/// Four steps, shared by the workers but for the third, each of which begins when the one before is complete, not when every worker is there:
/// <b>pack</b> the unit rows, label by label; walk the tiles <b>forward</b>, from similarities to each query's running
/// sums; <b>reduce</b> each query's sums to its loss and its coefficients; walk the tiles <b>backward</b>, from similarities (kept, or computed again) to
/// dL/ds, to dL/du and, with a block's last tile, through the normalisation into the caller's gradient. A matrix of all similarities never exists,
/// unless it fits the workspace.
/// </remarks>
internal abstract class LossEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static LossEngine Create(LossDescription loss, ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return SimdChoice.On<Maker, LossEngine>(width, new Maker(loss, execution, width));
    }

    private static LossEngine Create<TSimd>(LossDescription loss, ExecutionOptions execution, SimdWidth width)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        PairTerms terms = loss.Terms;
        return (terms.Clamps, terms.Narrow, terms.Attached, terms.Linear) switch
        {
            (false, false, false, false) => new LossEngine<TSimd, PairForm<No, No, DetachedWeight>>(loss, execution, width),
            (false, false, true, _) => new LossEngine<TSimd, PairForm<No, No, AttachedWeight>>(loss, execution, width),
            (false, false, _, true) => new LossEngine<TSimd, PairForm<No, No, NoWeight>>(loss, execution, width),
            (false, true, false, false) => new LossEngine<TSimd, PairForm<No, Yes, DetachedWeight>>(loss, execution, width),
            (false, true, true, _) => new LossEngine<TSimd, PairForm<No, Yes, AttachedWeight>>(loss, execution, width),
            (false, true, _, true) => new LossEngine<TSimd, PairForm<No, Yes, NoWeight>>(loss, execution, width),
            (true, false, false, false) => new LossEngine<TSimd, PairForm<Yes, No, DetachedWeight>>(loss, execution, width),
            (true, false, true, _) => new LossEngine<TSimd, PairForm<Yes, No, AttachedWeight>>(loss, execution, width),
            (true, false, _, true) => new LossEngine<TSimd, PairForm<Yes, No, NoWeight>>(loss, execution, width),
            (true, true, false, false) => new LossEngine<TSimd, PairForm<Yes, Yes, DetachedWeight>>(loss, execution, width),
            (true, true, true, _) => new LossEngine<TSimd, PairForm<Yes, Yes, AttachedWeight>>(loss, execution, width),
            (true, true, _, true) => new LossEngine<TSimd, PairForm<Yes, Yes, NoWeight>>(loss, execution, width),
        };
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    public abstract LossResult Run(in LossCall call);

    public abstract void Dispose();

    private readonly struct Maker(LossDescription loss, ExecutionOptions execution, SimdWidth width) : ISimdCode<LossEngine>
    {
        public LossEngine Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => Create<TSimd>(loss, execution, width);
    }
}

/// <inheritdoc/>
internal sealed unsafe partial class LossEngine<TSimd, TForm> : LossEngine
    where TSimd : unmanaged, ISimd<TSimd>
    where TForm : struct, IPairForm
{
    private readonly LossDescription loss;
    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly PairTerms terms;
    private readonly Workspace workspace = new(), store = new();
    private readonly Action<int> work;

    // The call under way.
    private LossShape shape;
    private LossMemory memory;
    private CallerMemory caller;
    private LossProgress progress;

    public LossEngine(LossDescription loss, ExecutionOptions execution, SimdWidth width)
    {
        this.loss = loss;
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        terms = loss.Terms;
        work = Work;
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)(workspace.Capacity + store.Capacity);

    public override LossResult Run(in LossCall call)
    {
        fixed (float* queries = call.Queries.Rows, references = call.References.Rows)
        fixed (float* queryGradient = call.QueryGradient, referenceGradient = call.ReferenceGradient)
        fixed (float* losses = call.Losses, weights = call.Terms.Weights, upstream = call.Terms.Upstream)
        {
            try
            {
                caller.QueryRows = queries;
                caller.ReferenceRows = references;
                caller.Gallery = call.Gallery;
                caller.QueryStride = call.Queries.Stride;
                caller.ReferenceStride = call.References.Stride;
                caller.QueryGradient = queryGradient;
                caller.ReferenceGradient = referenceGradient;
                caller.Losses = losses;
                caller.Weights = weights;
                caller.Upstream = upstream;
                caller.UpstreamCount = call.Terms.Upstream.Length;
                Prepare(call);
                team.Run(shape.Workers, work);
            }
            finally
            {
                caller = default;
            }
        }

        ThrowIf.NotFinite(loss.CheckInputs, progress.Packing.BadQuery, call.Self ? "rows" : "queries");
        ThrowIf.NotFinite(loss.CheckInputs, progress.Packing.BadReference, "references");
        return memory.ScaleParts == null ? progress.Result : progress.Result with { ScaleGradient = ScaleGradient() };
    }

    // Of logits that are scale times s: sum over pairs of dL/ds s / scale. The sum over queries of <u, dL/du> has each pair of a batch against itself twice.
    private double ScaleGradient()
    {
        double sum = 0;
        for (int row = 0; row < shape.QueryCount; row++)
        {
            sum += memory.ScaleParts[row];
        }

        return sum / (loss.CommonScale * (shape.Self ? 2 : 1));
    }

    public override void Dispose()
    {
        workspace.Dispose();
        store.Dispose();
    }

    // ---- The steps ----------------------------------------------------------------------------------------------------------------------------------

    private void Work(int worker)
    {
        LossScratch scratch = memory.ScratchOf(worker, shape);
        Pack(scratch.Tile);
        if (FoundBad)
        {
            return;
        }

        Forward(scratch);
        team.Await(ref progress.ForwardDone, shape.Schedule.Steps);
        if (FoundBad)
        {
            return;
        }

        if (team.Next(ref progress.Reduction) == 0)
        {
            Reduce();
            Interlocked.Increment(ref progress.ReductionDone.Value);
        }

        team.Await(ref progress.ReductionDone, 1);
        if (shape.NeedsGradient)
        {
            Backward(scratch);
        }
    }

    // Whether the call ends without an answer.
    private bool FoundBad => loss.CheckInputs && progress.Packing.FoundBad;

    private void Pack(float* scratch)
    {
        RowsToPack queries = new() { Rows = caller.QueryRows, Stride = caller.QueryStride, Order = memory.QueryOrder, Packed = memory.Queries };
        RowsToPack references = shape.Self || shape.PacksByTile ? default : ReferencesToPack(0, memory.References);
        progress.Packing.Run<TSimd>(team, queries, references, loss.Normalize, scratch);
    }

    private RowsToPack ReferencesToPack(int first, in PackedRows packed) =>
        new() { Rows = caller.ReferenceRows, Stride = caller.ReferenceStride, Order = memory.ReferenceOrder, First = first, Packed = packed };

    // The references of a tile, and the place of its first among them.
    private PackedRows ReferencesOf(in TilePairs pairs, in LossScratch scratch, bool panels, bool slices, out int first)
    {
        if (!shape.PacksByTile)
        {
            first = pairs.FirstColumn;
            return memory.References;
        }

        first = 0;
        PackedRows packed = scratch.References;
        packed.Count = pairs.Columns;
        packed.Panels = panels ? packed.Panels : null;
        packed.Slices = slices ? packed.Slices : null;
        if (shape.Request.Packed)
        {
            PanelCopy.Take<TSimd>(caller.Gallery, memory.ReferenceOrder, pairs.FirstColumn, ref packed);
        }
        else
        {
            progress.Packing.Pack<TSimd>(ReferencesToPack(pairs.FirstColumn, packed), loss.Normalize, scratch.Tile);
        }

        return packed;
    }

    private void Forward(in LossScratch scratch)
    {
        TileSchedule schedule = shape.Schedule;
        for (long step = team.Next(ref progress.Forward); step < schedule.Steps; step = team.Next(ref progress.Forward))
        {
            if (!schedule.TryGet(step, out TileUnit unit))
            {
                Interlocked.Increment(ref progress.ForwardDone.Value);
                continue;
            }

            TilePairs pairs = PairsOf(unit, step, scratch.Tile);
            int firstRow = unit.RowBlock * shape.RowBlock;
            if (memory.Totals.AreKept)
            {
                (pairs.RowTotals, pairs.ColumnTotals, pairs.LaneTotals) = (scratch.RowTotals, scratch.ColumnTotals, scratch.LaneTotals);
                scratch.ColumnTotals.Clear(Layout.Tile);
            }

            PackedRows references = ReferencesOf(pairs, scratch, panels: true, slices: false, out int firstReference);
            Similarities(pairs, firstRow, references, firstReference, pairs.Similarities);
            if (shape.Self || shape.Request.BothDirections)
            {
                scratch.Columns.Clear(Layout.Tile, terms.NegativeExponent);
                LogSumExpTile.Accumulate<TSimd, BothEnds, TForm>(pairs, terms, scratch.Rows, scratch.Columns);
            }
            else
            {
                LogSumExpTile.Accumulate<TSimd, RowEnd, TForm>(pairs, terms, scratch.Rows, scratch.Columns);
            }

            ref int rowTurn = ref memory.RowTurns[unit.RowBlock];
            team.AwaitTurn(ref rowTurn, unit.RowTurn);
            Merge(scratch.Rows, pairs.RowTotals, firstRow, pairs.Rows);
            if (pairs.Triangle)
            {
                Merge(scratch.Columns, pairs.ColumnTotals, pairs.FirstColumn, pairs.Columns);
            }

            Team.PassTurn(ref rowTurn, unit.RowTurn);
            if ((shape.Self && !pairs.Triangle) || shape.Request.BothDirections)
            {
                ref int columnTurn = ref (shape.Self ? memory.RowTurns : memory.ColumnTurns)[unit.ColumnBlock];
                team.AwaitTurn(ref columnTurn, unit.ColumnTurn);
                Merge(scratch.Columns, pairs.ColumnTotals, memory.FirstReferenceSum + pairs.FirstColumn, pairs.Columns);
                Team.PassTurn(ref columnTurn, unit.ColumnTurn);
            }

            Interlocked.Increment(ref progress.ForwardDone.Value);
        }
    }

    private void Merge(in RunningSums sums, PositiveTotals totals, int first, int count)
    {
        RunningSums.Merge<TSimd>(sums, memory.Sums.From(first), count);
        if (totals.AreKept)
        {
            PositiveTotals.Merge<TSimd>(totals, memory.Totals.From(first), count);
        }
    }

    private void Backward(in LossScratch scratch)
    {
        float* h = scratch.Tile;
        TileSchedule schedule = shape.Schedule;
        PairCoefficients coefficients = memory.Coefficients;
        for (long step = team.Next(ref progress.Backward); step < schedule.Steps; step = team.Next(ref progress.Backward))
        {
            if (!schedule.TryGetBackwards(step, out TileUnit unit))
            {
                continue;
            }

            TilePairs pairs = PairsOf(unit, schedule.Steps - 1 - step, h);
            int firstRow = unit.RowBlock * shape.RowBlock;
            PackedRows references = ReferencesOf(pairs, scratch, panels: memory.Kept == null, slices: true, out int firstReference);
            if (memory.Kept == null)
            {
                Similarities(pairs, firstRow, references, firstReference, h);
            }

            if (shape.Self || shape.Request.BothDirections)
            {
                PairCoefficients ofColumns = coefficients.From(memory.FirstReferenceSum + pairs.FirstColumn);
                PairGradientTile.Compute<TSimd, BothEnds, TForm>(pairs, terms, coefficients.From(firstRow), ofColumns, h);
            }
            else
            {
                PairGradientTile.Compute<TSimd, RowEnd, TForm>(pairs, terms, coefficients.From(firstRow), default, h);
            }

            if (pairs.Triangle)
            {
                TileMatrices.Mirror<TSimd>(h, pairs.Rows);
            }

            if (memory.QueryGradient != null)
            {
                AddToQueries(unit, pairs, firstRow, references, firstReference, scratch);
            }

            if (shape.PacksByTile)
            {
                WriteReferences(pairs, references, scratch.ReferenceGradient, h);
            }
            else if (memory.ReferenceGradient != null && !pairs.Triangle)
            {
                AddToReferences(unit, pairs, firstRow, h);
            }
        }
    }

    private void AddToQueries(TileUnit unit, in TilePairs pairs, int firstRow, in PackedRows references, int firstReference, in LossScratch scratch)
    {
        ref int turn = ref memory.RowTurns[unit.RowBlock];
        float* gradient = memory.QueryGradient + ((nint)firstRow * Layout.Pack), own = scratch.QueryGradient;
        nint stride = memory.Queries.SliceStride, ownStride = scratch.QuerySliceStride;
        bool add = unit.RowTurn > 0;
        if (own != null)
        {
            TileMatrices.AddToRows<TSimd>(scratch.Tile, pairs.Rows, references, firstReference, pairs.Columns, own, ownStride, add: false);
        }

        team.AwaitTurn(ref turn, unit.RowTurn);
        if (own == null)
        {
            TileMatrices.AddToRows<TSimd>(scratch.Tile, pairs.Rows, references, firstReference, pairs.Columns, gradient, stride, add);
        }
        else
        {
            TileMatrices.AddSlices(own, ownStride, pairs.Rows, shape.Dimension, gradient, stride, add);
        }

        if (unit.RowTurn == shape.ColumnBlocks - 1)
        {
            UnpackQueries(firstRow, pairs.Rows);
        }

        Team.PassTurn(ref turn, unit.RowTurn);
    }

    // In a batch against itself a tile's columns are queries, too.
    private void AddToReferences(TileUnit unit, in TilePairs pairs, int firstRow, float* h)
    {
        ref int turn = ref (shape.Self ? memory.RowTurns : memory.ColumnTurns)[unit.ColumnBlock];
        float* gradient = memory.ReferenceGradient + ((nint)pairs.FirstColumn * Layout.Pack);
        team.AwaitTurn(ref turn, unit.ColumnTurn);
        TileMatrices.AddToColumns<TSimd>(
            h, pairs.Columns, memory.Queries, firstRow, pairs.Rows, gradient, memory.References.SliceStride, add: unit.ColumnTurn > 0);
        if (unit.ColumnTurn == shape.RowBlocks - 1)
        {
            if (shape.Self)
            {
                UnpackQueries(pairs.FirstColumn, pairs.Columns);
            }
            else
            {
                Unpack(
                    memory.References, memory.ReferenceGradient, memory.ReferenceOrder, pairs.FirstColumn, pairs.Columns, caller.ReferenceGradient,
                    caller.ReferenceStride);
            }
        }

        Team.PassTurn(ref turn, unit.ColumnTurn);
    }

    // A tile that packs its references has all their pairs.
    private void WriteReferences(in TilePairs pairs, in PackedRows references, float* gradient, float* h)
    {
        if (gradient == null)
        {
            return;
        }

        TileMatrices.AddToColumns<TSimd>(h, pairs.Columns, memory.Queries, 0, pairs.Rows, gradient, references.SliceStride, add: false);
        bool ordered = memory.ReferenceOrder != null;
        Unpack(
            references, gradient, ordered ? memory.ReferenceOrder + pairs.FirstColumn : null, 0, pairs.Columns,
            ordered ? caller.ReferenceGradient : caller.ReferenceGradient + (pairs.FirstColumn * caller.ReferenceStride), caller.ReferenceStride);
    }

    private void UnpackQueries(int first, int count)
    {
        for (int row = first; memory.ScaleParts != null && row < first + count; row++)
        {
            memory.ScaleParts[row] = RowPacking.Along<TSimd>(memory.Queries, memory.QueryGradient, row, SelfPairs ? memory.SelfSimilarities[row] : 0);
        }

        Unpack(memory.Queries, memory.QueryGradient, memory.QueryOrder, first, count, caller.QueryGradient, caller.QueryStride);
    }

    // The last tile of a block completes its gradient, and takes it to the caller while it is in the cache.
    private void Unpack(in PackedRows packed, float* gradient, int* order, int first, int count, float* destination, nint stride)
    {
        bool selfPairs = SelfPairs;
        for (int row = first; row < first + count; row++)
        {
            nint to = (order == null ? row : order[row]) * stride;
            RowPacking.Unpack<TSimd>(packed, gradient, row, loss.Normalize, selfPairs ? memory.SelfSimilarities[row] : 0, destination + to);
        }
    }

    private void Similarities(in TilePairs pairs, int firstRow, in PackedRows references, int firstReference, float* tile) =>
        TileMatrices.Similarities<TSimd>(memory.Queries, firstRow, pairs.Rows, references, firstReference, pairs.Columns, pairs.Triangle, tile);

    private TilePairs PairsOf(TileUnit unit, long step, float* tile)
    {
        int firstRow = unit.RowBlock * shape.RowBlock, firstColumn = unit.ColumnBlock * LossShape.ColumnBlock;
        bool triangle = shape.Self && unit.RowBlock == unit.ColumnBlock;
        Debug.Assert(unit.RowBlock < shape.RowBlocks && unit.ColumnBlock < shape.ColumnBlocks, "A tile lies within the batch.");

        // Rows come label by label, so two blocks share at most the label that ends the first and begins the second.
        bool apart = shape.Self && !triangle && memory.QueryLabels[firstRow + shape.RowBlock - 1] != memory.QueryLabels[firstColumn];
        return new TilePairs
        {
            Similarities = memory.Kept == null ? tile : memory.Kept + shape.SimilaritiesAt(unit, step),
            Rows = Math.Min(shape.RowBlock, shape.QueryCount - firstRow),
            Columns = Math.Min(LossShape.ColumnBlock, shape.ReferenceCount - firstColumn),
            Triangle = triangle,
            NoPositives = apart,
            RowLabels = memory.QueryLabels + firstRow,
            ColumnLabels = memory.ReferenceLabels + firstColumn,
            Excluded = memory.Excluded == null ? null : memory.Excluded + firstRow,
            FirstColumn = firstColumn,
        };
    }
}
