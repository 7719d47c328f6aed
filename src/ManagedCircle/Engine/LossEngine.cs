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
        PairTerms terms = new(options);
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
    // Multiply-adds that are worth a worker of their own: about 10 microseconds.
    private const long WorkPerWorker = 1L << 20;

    private readonly CircleLossOptions options;
    private readonly ExecutionOptions execution;
    private readonly IWorkScheduler scheduler;
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
    private float* losses, factors, selfSimilarities, queryGradient, referenceGradient, scratch, kept;
    private int givenQueries, givenReferences, upstreamCount, rowBlock, columnBlock, badQuery, badReference;
    private nint scratchSize;
    private TileSchedule schedule;
    private LossResult result;
    private long nextPanel, packedPanels, nextForward, doneForward, nextBackward;
    private int finishing;
    private volatile bool finished;

    public LossEngine(CircleLossOptions options, in PairTerms terms, ExecutionOptions execution, SimdWidth width)
    {
        this.options = options;
        this.execution = execution;
        SimdWidth = width;
        scheduler = execution.Scheduler ?? new PoolScheduler(execution.Threads);
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
            if (workers == 1)
            {
                Work(0);
            }
            else
            {
                scheduler.Run(workers, work);
            }

            ThrowIf.NotFinite(options.CheckInputs, badQuery, self ? "rows" : "queries");
            ThrowIf.NotFinite(options.CheckInputs, badReference, "references");
            return result;
        }
    }

    public override void Dispose()
    {
        workspace.Dispose();
        store.Dispose();
    }

    // ---- The steps ----------------------------------------------------------------------------------------------------------------------------------

    // One worker alone does everything; one that comes late finds less to do. A call forks once: a sleeping thread takes 30 to 50 us to come.
    private void Work(int worker)
    {
        long panels = Blocks(queries.Count, Layout.Pack) + (self ? 0 : Blocks(references.Count, Layout.Pack));
        Pack(panels);
        Turns.Wait(ref packedPanels, panels);
        if (options.CheckInputs && Math.Min(badQuery, badReference) != int.MaxValue)
        {
            return;
        }

        Forward(worker);
        Turns.Wait(ref doneForward, schedule.Steps);
        if (Interlocked.CompareExchange(ref finishing, 1, 0) == 0)
        {
            Finish();
            finished = true;
        }

        for (SpinWait spin = default; !finished;)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        if (needsGradient)
        {
            Backward(worker);
        }
    }

    private static long Next(ref long counter) => Interlocked.Increment(ref counter) - 1;

    private void Pack(long panels)
    {
        int queryPanels = Blocks(queries.Count, Layout.Pack);
        for (long panel = Next(ref nextPanel); panel < panels; panel = Next(ref nextPanel))
        {
            if (panel < queryPanels)
            {
                Pack(queryRows, queryStride, keptQueries, queries, (int)panel, ref badQuery);
            }
            else
            {
                Pack(referenceRows, referenceStride, keptReferences, references, (int)panel - queryPanels, ref badReference);
            }

            Interlocked.Increment(ref packedPanels);
        }
    }

    private void Pack(float* rows, nint stride, int* keptRows, in PackedRows packed, int panel, ref int bad)
    {
        int found = RowPacking.Pack<TSimd>(rows, stride, keptRows, options.Normalize, packed, panel * Layout.Pack);
        for (int known = bad; found >= 0 && found < known; known = bad)
        {
            Interlocked.CompareExchange(ref bad, found, known);
        }
    }

    private void Forward(int worker)
    {
        float* tile = scratch + (worker * scratchSize);
        RunningSums rows = LocalSums(tile + (Layout.Tile * Layout.TileStride)), columns = LocalSums(rows.NegativeExponents + Layout.Tile + Layout.SumLanes);
        for (long step = Next(ref nextForward); step < schedule.Steps; step = Next(ref nextForward))
        {
            if (!schedule.TryGet(step, out TileUnit unit))
            {
                Interlocked.Increment(ref doneForward);
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

            Turns.Wait(ref rowTurns[unit.RowBlock], unit.RowTurn);
            LogSumExpTile.Merge<TSimd>(rows, sums.From(unit.RowBlock * rowBlock), pairs.Rows);
            if (pairs.Triangle)
            {
                LogSumExpTile.Merge<TSimd>(columns, sums.From(pairs.FirstColumn), pairs.Columns);
            }

            Turns.Pass(ref rowTurns[unit.RowBlock], unit.RowTurn);
            if (self && !pairs.Triangle)
            {
                Turns.Wait(ref rowTurns[unit.ColumnBlock], unit.ColumnTurn);
                LogSumExpTile.Merge<TSimd>(columns, sums.From(pairs.FirstColumn), pairs.Columns);
                Turns.Pass(ref rowTurns[unit.ColumnBlock], unit.ColumnTurn);
            }

            Interlocked.Increment(ref doneForward);
        }
    }

    private void Backward(int worker)
    {
        float* h = scratch + (worker * scratchSize);
        for (long step = Next(ref nextBackward); step < schedule.Steps; step = Next(ref nextBackward))
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
                PairGradientTile.Compute<TSimd, BothEnds, TForm>(pairs, terms, sums.From(firstRow), sums.From(pairs.FirstColumn), h);
            }
            else
            {
                PairGradientTile.Compute<TSimd, RowEnd, TForm>(pairs, terms, sums.From(firstRow), default, h);
            }

            if (pairs.Triangle)
            {
                TileMatrices.Mirror<TSimd>(h, pairs.Rows);
            }

            if (queryGradient != null)
            {
                float* gradient = queryGradient + ((nint)firstRow * Layout.Pack);
                Turns.Wait(ref rowTurns[unit.RowBlock], unit.RowTurn);
                TileMatrices.AddToRows<TSimd>(h, pairs.Rows, references, pairs.FirstColumn, pairs.Columns, gradient, queries.SliceStride, add: unit.RowTurn > 0);

                if (unit.RowTurn == Blocks(references.Count, columnBlock) - 1)
                {
                    Unpack(queries, queryGradient, keptQueries, firstRow, pairs.Rows, queryDestination, queryStride);
                }

                Turns.Pass(ref rowTurns[unit.RowBlock], unit.RowTurn);
            }

            if (referenceGradient != null && !pairs.Triangle)
            {
                ref int turn = ref self ? ref rowTurns[unit.ColumnBlock] : ref columnTurns[unit.ColumnBlock];
                float* gradient = referenceGradient + ((nint)pairs.FirstColumn * Layout.Pack);
                Turns.Wait(ref turn, unit.ColumnTurn);
                TileMatrices.AddToColumns<TSimd>(h, pairs.Columns, queries, firstRow, pairs.Rows, gradient, references.SliceStride, add: unit.ColumnTurn > 0);
                if (unit.ColumnTurn == Blocks(queries.Count, rowBlock) - 1)
                {
                    Unpack(references, referenceGradient, keptReferences, pairs.FirstColumn, pairs.Columns, self ? queryDestination : referenceDestination, referenceStride);
                }

                Turns.Pass(ref turn, unit.ColumnTurn);
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
        long slot = self ? step : ((long)unit.RowBlock * Blocks(references.Count, columnBlock)) + unit.ColumnBlock;
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

    private static RunningSums LocalSums(float* memory)
    {
        const int Size = Layout.Tile + Layout.SumLanes;
        return new RunningSums { PositiveSums = memory, PositiveExponents = memory + Size, NegativeSums = memory + (2 * Size), NegativeExponents = memory + (3 * Size) };
    }
}
