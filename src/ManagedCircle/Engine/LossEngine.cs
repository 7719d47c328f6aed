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
/// sums; <b>finish</b> each query, from sums to loss and coefficients; walk the tiles <b>backward</b>, from similarities (kept, or computed again) to
/// dL/ds, to dL/du and, with a block's last tile, through the normalisation into the caller's gradient. A matrix of all similarities never exists,
/// unless it fits the workspace.
/// </remarks>
internal abstract class LossEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static LossEngine Create(CircleLossOptions options, ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return width switch
        {
            SimdWidth.Vector512 => Create<Simd512>(options, execution, width),
            SimdWidth.Vector256 => Create<Simd256>(options, execution, width),
            SimdWidth.Vector128 => Create<Simd128>(options, execution, width),
            SimdWidth.VectorT => Create<SimdT>(options, execution, width),
            _ => Create<SimdScalar>(options, execution, width),
        };
    }

    private static LossEngine Create<TSimd>(CircleLossOptions options, ExecutionOptions execution, SimdWidth width)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        PairTerms terms = LossTerms.Of(options);
        return (terms.Clamps, terms.Narrow, terms.Attached) switch
        {
            (false, false, false) => new LossEngine<TSimd, PairForm<No, No, No>>(options, terms, execution, width),
            (false, false, true) => new LossEngine<TSimd, PairForm<No, No, Yes>>(options, terms, execution, width),
            (false, true, false) => new LossEngine<TSimd, PairForm<No, Yes, No>>(options, terms, execution, width),
            (false, true, true) => new LossEngine<TSimd, PairForm<No, Yes, Yes>>(options, terms, execution, width),
            (true, false, false) => new LossEngine<TSimd, PairForm<Yes, No, No>>(options, terms, execution, width),
            (true, false, true) => new LossEngine<TSimd, PairForm<Yes, No, Yes>>(options, terms, execution, width),
            (true, true, false) => new LossEngine<TSimd, PairForm<Yes, Yes, No>>(options, terms, execution, width),
            (true, true, true) => new LossEngine<TSimd, PairForm<Yes, Yes, Yes>>(options, terms, execution, width),
        };
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    /// <summary>Whether the last call kept its similarities between the two passes.</summary>
    public abstract bool Stored { get; }

    public abstract LossResult Run(in LossCall call);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe partial class LossEngine<TSimd, TForm> : LossEngine
    where TSimd : unmanaged, ISimd<TSimd>
    where TForm : struct, IPairForm
{
    private readonly CircleLossOptions options;
    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly PairTerms terms;
    private readonly Workspace workspace = new(), store = new();
    private readonly Action<int> work;

    // The call under way.
    private bool self, needsGradient;
    private float* queryRows, referenceRows, queryDestination, referenceDestination, lossDestination, weights, upstream;
    private nint queryStride, referenceStride;
    private PackedRows queries, references;
    private int* queryLabels, referenceLabels, keptQueries, keptReferences, excluded, rowTurns, columnTurns;
    private RunningSums sums;
    private PairCoefficients coefficients;
    private float* losses, factors, selfSimilarities, queryGradient, referenceGradient, scratch, kept;
    private int givenQueries, givenReferences, upstreamCount, rowBlock, columnBlock;
    private nint scratchSize;
    private TileSchedule schedule;
    private LossResult result;
    private RowsPacking packing;
    private SharedCounter nextForward, doneForward, nextFinish, doneFinish, nextBackward;

    public LossEngine(CircleLossOptions options, in PairTerms terms, ExecutionOptions execution, SimdWidth width)
    {
        this.options = options;
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        this.terms = terms;
        work = Work;
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)(workspace.Capacity + store.Capacity);

    public override bool Stored => kept != null;

    public override LossResult Run(in LossCall call)
    {
        fixed (float* queryMemory = call.Queries.Rows, referenceMemory = call.References.Rows, queryResult = call.QueryGradient, referenceResult = call.ReferenceGradient)
        fixed (float* lossMemory = call.Losses, weightMemory = call.Terms.Weights, upstreamMemory = call.Terms.Upstream)
        {
            queryRows = queryMemory;
            referenceRows = referenceMemory;
            queryDestination = queryResult;
            referenceDestination = referenceResult;
            (queryStride, referenceStride) = (call.Queries.Stride, call.References.Stride);
            lossDestination = lossMemory;
            weights = weightMemory;
            upstream = upstreamMemory;
            int workers = Plan(call);
            team.Run(workers, work);
            ThrowIf.NotFinite(options.CheckInputs, packing.BadQuery, self ? "rows" : "queries");
            ThrowIf.NotFinite(options.CheckInputs, packing.BadReference, "references");
            return result;
        }
    }

    public override void Dispose()
    {
        workspace.Dispose();
        store.Dispose();
    }

    // ---- The steps ----------------------------------------------------------------------------------------------------------------------------------

    private void Work(int worker)
    {
        RowsToPack own = new() { Rows = queryRows, Stride = queryStride, Order = keptQueries, Packed = queries };
        RowsToPack others = self ? default : new() { Rows = referenceRows, Stride = referenceStride, Order = keptReferences, Packed = references };
        packing.Run<TSimd>(team, own, others, options.Normalize, scratch + (worker * scratchSize));
        if (options.CheckInputs && Math.Min(packing.BadQuery, packing.BadReference) != int.MaxValue)
        {
            return;
        }

        Forward(worker);
        team.Await(ref doneForward, schedule.Steps);
        if (team.Next(ref nextFinish) == 0)
        {
            Finish();
            Interlocked.Increment(ref doneFinish.Value);
        }

        team.Await(ref doneFinish, 1);
        if (needsGradient)
        {
            Backward(worker);
        }
    }

    private void Forward(int worker)
    {
        float* tile = scratch + (worker * scratchSize);
        const int Room = Layout.Tile + Layout.SumLanes;
        RunningSums rows = RunningSums.At(tile + (Layout.Tile * Layout.TileStride), Room), columns = RunningSums.At(rows.Negatives.Exponents + Room, Room);
        for (long step = team.Next(ref nextForward); step < schedule.Steps; step = team.Next(ref nextForward))
        {
            if (!schedule.TryGet(step, out TileUnit unit))
            {
                Interlocked.Increment(ref doneForward.Value);
                continue;
            }

            TilePairs pairs = PairsOf(unit, step, tile);
            TileMatrices.Similarities<TSimd>(queries, unit.RowBlock * rowBlock, pairs.Rows, references, pairs.FirstColumn, pairs.Columns, pairs.Triangle, pairs.Similarities);
            if (self)
            {
                columns.Clear(Layout.Tile, terms.NegativeExponent);
                LogSumExpTile.Accumulate<TSimd, BothEnds, TForm>(pairs, terms, rows, columns);
            }
            else
            {
                LogSumExpTile.Accumulate<TSimd, RowEnd, TForm>(pairs, terms, rows, columns);
            }

            team.AwaitTurn(ref rowTurns[unit.RowBlock], unit.RowTurn);
            RunningSums.Merge<TSimd>(rows, sums.From(unit.RowBlock * rowBlock), pairs.Rows);
            if (pairs.Triangle)
            {
                RunningSums.Merge<TSimd>(columns, sums.From(pairs.FirstColumn), pairs.Columns);
            }

            Team.PassTurn(ref rowTurns[unit.RowBlock], unit.RowTurn);
            if (self && !pairs.Triangle)
            {
                team.AwaitTurn(ref rowTurns[unit.ColumnBlock], unit.ColumnTurn);
                RunningSums.Merge<TSimd>(columns, sums.From(pairs.FirstColumn), pairs.Columns);
                Team.PassTurn(ref rowTurns[unit.ColumnBlock], unit.ColumnTurn);
            }

            Interlocked.Increment(ref doneForward.Value);
        }
    }

    private void Backward(int worker)
    {
        float* h = scratch + (worker * scratchSize);
        for (long step = team.Next(ref nextBackward); step < schedule.Steps; step = team.Next(ref nextBackward))
        {
            if (!schedule.TryGetBackwards(step, out TileUnit unit))
            {
                continue;
            }

            int firstRow = unit.RowBlock * rowBlock;
            TilePairs pairs = PairsOf(unit, schedule.Steps - 1 - step, h);
            if (kept == null)
            {
                TileMatrices.Similarities<TSimd>(queries, firstRow, pairs.Rows, references, pairs.FirstColumn, pairs.Columns, pairs.Triangle, h);
            }

            if (self)
            {
                PairGradientTile.Compute<TSimd, BothEnds, TForm>(pairs, terms, coefficients.From(firstRow), coefficients.From(pairs.FirstColumn), h);
            }
            else
            {
                PairGradientTile.Compute<TSimd, RowEnd, TForm>(pairs, terms, coefficients.From(firstRow), default, h);
            }

            if (pairs.Triangle)
            {
                TileMatrices.Mirror<TSimd>(h, pairs.Rows);
            }

            if (queryGradient != null)
            {
                float* gradient = queryGradient + ((nint)firstRow * Layout.Pack);
                team.AwaitTurn(ref rowTurns[unit.RowBlock], unit.RowTurn);
                TileMatrices.AddToRows<TSimd>(h, pairs.Rows, references, pairs.FirstColumn, pairs.Columns, gradient, queries.SliceStride, add: unit.RowTurn > 0);

                if (unit.RowTurn == Layout.Blocks(references.Count, columnBlock) - 1)
                {
                    Unpack(queries, queryGradient, keptQueries, firstRow, pairs.Rows, queryDestination, queryStride);
                }

                Team.PassTurn(ref rowTurns[unit.RowBlock], unit.RowTurn);
            }

            if (referenceGradient != null && !pairs.Triangle)
            {
                ref int turn = ref self ? ref rowTurns[unit.ColumnBlock] : ref columnTurns[unit.ColumnBlock];
                float* gradient = referenceGradient + ((nint)pairs.FirstColumn * Layout.Pack);
                team.AwaitTurn(ref turn, unit.ColumnTurn);
                TileMatrices.AddToColumns<TSimd>(h, pairs.Columns, queries, firstRow, pairs.Rows, gradient, references.SliceStride, add: unit.ColumnTurn > 0);
                if (unit.ColumnTurn == Layout.Blocks(queries.Count, rowBlock) - 1)
                {
                    Unpack(references, referenceGradient, keptReferences, pairs.FirstColumn, pairs.Columns, self ? queryDestination : referenceDestination, referenceStride);
                }

                Team.PassTurn(ref turn, unit.ColumnTurn);
            }
        }
    }

    // The last tile of a block completes its gradient, and takes it to the caller while it is in the cache.
    private void Unpack(in PackedRows packed, float* gradient, int* keptRows, int first, int count, float* destination, nint stride)
    {
        bool selfPairs = self && options.SelfDiagonal == DiagonalPairs.Kept;
        for (int row = first; row < first + count; row++)
        {
            nint to = (keptRows == null ? row : keptRows[row]) * stride;
            RowPacking.Unpack<TSimd>(packed, gradient, row, options.Normalize, selfPairs ? selfSimilarities[row] : 0, destination + to);
        }
    }

    private TilePairs PairsOf(TileUnit unit, long step, float* tile)
    {
        int firstRow = unit.RowBlock * rowBlock, firstColumn = unit.ColumnBlock * columnBlock;
        bool triangle = self && unit.RowBlock == unit.ColumnBlock;

        // Rows come label by label, so two blocks share at most the label that ends the first and begins the second.
        bool apart = self && !triangle && queryLabels[firstRow + rowBlock - 1] != queryLabels[firstColumn];
        long slot = self ? step : ((long)unit.RowBlock * Layout.Blocks(references.Count, columnBlock)) + unit.ColumnBlock;
        return new TilePairs
        {
            Similarities = kept == null ? tile : kept + ((nint)slot * rowBlock * Layout.TileStride),
            Rows = Math.Min(rowBlock, queries.Count - firstRow),
            Columns = Math.Min(columnBlock, references.Count - firstColumn),
            Triangle = triangle,
            NoPositives = apart,
            RowLabels = queryLabels + firstRow,
            ColumnLabels = referenceLabels + firstColumn,
            Excluded = excluded == null ? null : excluded + firstRow,
            FirstColumn = firstColumn,
        };
    }
}
