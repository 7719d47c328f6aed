using System.Runtime.CompilerServices;
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
/// Four steps, shared by the workers but for the third: <b>pack</b> the unit rows; walk the tiles <b>forward</b>, from similarities to each query's running
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
internal sealed unsafe class LossEngine<TSimd, TForm> : LossEngine
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
    private readonly Action<int> pack, forward, backward;

    // The call under way.
    private bool self, needsGradient;
    private float* queryRows, referenceRows, queryDestination, referenceDestination;
    private nint queryStride, referenceStride;
    private PackedRows queries, references;
    private int* queryLabels, referenceLabels, keptQueries, keptReferences, excluded, rowTurns, columnTurns;
    private RunningSums sums;
    private float* losses, factors, selfSimilarities, queryGradient, referenceGradient, scratch, kept;
    private int rowBlock, columnBlock, badQuery, badReference;
    private nint scratchSize;
    private TileSchedule schedule;
    private long next;

    public LossEngine(CircleLossOptions options, in PairTerms terms, ExecutionOptions execution, SimdWidth width)
    {
        this.options = options;
        this.execution = execution;
        SimdWidth = width;
        scheduler = execution.Scheduler ?? new PoolScheduler(execution.Threads);
        this.terms = terms;
        (pack, forward, backward) = (Pack, Forward, Backward);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)(workspace.Capacity + store.Capacity);

    public override bool Stored => kept != null;

    public override LossResult Run(in LossCall call)
    {
        fixed (float* queryMemory = call.Queries.Rows, referenceMemory = call.References.Rows)
        fixed (float* queryResult = call.QueryGradient, referenceResult = call.ReferenceGradient)
        {
            queryRows = queryMemory;
            referenceRows = referenceMemory;
            queryDestination = queryResult;
            referenceDestination = referenceResult;
            (queryStride, referenceStride) = (call.Queries.Stride, call.References.Stride);
            int workers = Plan(call);
            Share(pack, workers);
            ThrowIf.NotFinite(options.CheckInputs, badQuery, self ? "rows" : "queries");
            ThrowIf.NotFinite(options.CheckInputs, badReference, "references");

            Share(forward, workers);
            LossResult result = Finish(call);
            if (needsGradient)
            {
                // Tiles write the gradient of every row that takes part, if there are tiles.
                if (options.IgnoreLabel != null || schedule.Steps == 0)
                {
                    ClearRows(call.Queries, call.QueryGradient);
                    ClearRows(call.References, call.ReferenceGradient);
                }

                Share(backward, workers);
            }

            return result;
        }
    }

    public override void Dispose()
    {
        workspace.Dispose();
        store.Dispose();
    }

    // ---- Plan: sizes, memory, labels ----------------------------------------------------------------------------------------------------------------

    private int Plan(in LossCall call)
    {
        self = call.Self;
        needsGradient = queryDestination != null || referenceDestination != null;
        (int queryCount, int referenceCount) = (Remaining(call.Queries), self ? 0 : Remaining(call.References));
        int dimension = call.Queries.Dimension;
        int others = self ? queryCount : referenceCount;
        rowBlock = RowBlock(queryCount, self);
        columnBlock = self ? rowBlock : Layout.Tile;
        (int rowBlocks, int columnBlocks) = (Blocks(queryCount, rowBlock), Blocks(others, columnBlock));
        schedule = self ? TileSchedule.OfBatch(rowBlocks) : TileSchedule.OfReferences(rowBlocks, columnBlocks);
        long work = (long)queryCount * others * Math.Max(dimension, Layout.SumLanes) / (self ? 2 : 1);
        int workers = (int)Math.Clamp(Math.Min(work / WorkPerWorker, schedule.Steps), 1, execution.Threads);

        bool fit = LabelCodes.Fit(call.Queries) && LabelCodes.Fit(call.References);
        int table = fit ? 0 : LabelCodes.TableSize(queryCount + referenceCount);
        (nint querySlices, nint referenceSlices) = (SliceStride(queryCount) * Slices(dimension), SliceStride(referenceCount) * Slices(dimension));
        (nint queryPanels, nint referencePanels) = (PanelSize(queryCount, dimension), PanelSize(referenceCount, dimension));
        (nint perQuery, nint perReference) = (Layout.Packed(queryCount) + Layout.Tile, Layout.Packed(referenceCount) + Layout.Tile);
        bool queryGradients = queryDestination != null, referenceGradients = referenceDestination != null;
        scratchSize = (Layout.Tile * Layout.TileStride) + (8 * (Layout.Tile + Layout.SumLanes));

        workspace.Reset(
            Workspace.SizeOf<float>(queryPanels) + Workspace.SizeOf<float>(referencePanels) + Workspace.SizeOf<float>(querySlices) + Workspace.SizeOf<float>(referenceSlices)
            + (queryGradients ? Workspace.SizeOf<float>(querySlices) : 0) + (referenceGradients ? Workspace.SizeOf<float>(referenceSlices) : 0)
            + (9 * Workspace.SizeOf<float>(perQuery)) + (2 * Workspace.SizeOf<int>(perQuery)) + Workspace.SizeOf<float>(perReference) + (2 * Workspace.SizeOf<int>(perReference))
            + Workspace.SizeOf<int>(rowBlocks) + Workspace.SizeOf<int>(columnBlocks) + Workspace.SizeOf<long>(table) + Workspace.SizeOf<float>(scratchSize * workers));
        queries = Packed(queryCount, dimension, queryPanels, querySlices, perQuery);
        references = self ? queries : Packed(referenceCount, dimension, referencePanels, referenceSlices, perReference);
        queryGradient = queryGradients ? workspace.Take<float>(querySlices) : null;
        referenceGradient = referenceGradients ? workspace.Take<float>(referenceSlices) : self ? queryGradient : null;
        sums = TakeSums(perQuery);
        losses = workspace.Take<float>(perQuery);
        factors = workspace.Take<float>(perQuery);
        selfSimilarities = workspace.Take<float>(perQuery);
        rowTurns = workspace.Take<int>(rowBlocks);
        columnTurns = workspace.Take<int>(columnBlocks);
        scratch = workspace.Take<float>(scratchSize * workers);
        sums.Clear((int)perQuery, terms.NegativeExponent);

        // Between the passes a tile of similarities stays if all of them fit.
        nint storeSize = (nint)rowBlock * Layout.TileStride * (nint)(self ? schedule.Steps : (long)rowBlocks * columnBlocks);
        bool keeps = needsGradient && (long)(workspace.Capacity + Workspace.SizeOf<float>(storeSize)) <= execution.MaxWorkspaceBytes;
        if (keeps)
        {
            store.Reset(Workspace.SizeOf<float>(storeSize));
        }

        kept = keeps ? store.Take<float>(storeSize) : null;

        Span<long> codes = new(workspace.Take<long>(table), table);
        codes.Clear();
        keptQueries = Keep(call.Queries, queryCount, workspace.Take<int>(perQuery));
        queryLabels = workspace.Take<int>(perQuery);
        LabelCodes.Write(call.Queries, keptQueries, queryCount, codes, queryLabels);
        if (self)
        {
            keptReferences = keptQueries;
            referenceLabels = queryLabels;
        }
        else
        {
            keptReferences = Keep(call.References, referenceCount, workspace.Take<int>(perReference));
            referenceLabels = workspace.Take<int>(perReference);
            LabelCodes.Write(call.References, keptReferences, referenceCount, codes, referenceLabels);
        }

        excluded = Excluded(call);
        (badQuery, badReference) = (int.MaxValue, int.MaxValue);
        return workers;
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

    private int* Keep(EmbeddingBatch batch, int count, int* rows)
    {
        if (count == batch.Count)
        {
            return null;
        }

        for (int row = 0, to = 0; row < batch.Count; row++)
        {
            if (batch.Label(row) != options.IgnoreLabel)
            {
                rows[to++] = row;
            }
        }

        return rows;
    }

    // The packed reference that each packed query is not compared with, -1 for none; null where there is none for any. A removed diagonal removes
    // positives only.
    private int* Excluded(in LossCall call)
    {
        ReadOnlySpan<int> given = call.Terms.ExcludedReferences;
        if (self || (given.IsEmpty && options.ReferenceDiagonal == DiagonalPairs.Kept))
        {
            return null;
        }

        // A batch against itself keeps self-similarities here; references leave the room free.
        int* result = (int*)selfSimilarities;
        for (int query = 0; query < queries.Count; query++)
        {
            int row = keptQueries == null ? query : keptQueries[query];
            int reference = given.IsEmpty ? row : given[row];
            bool matters = !given.IsEmpty || (row < call.References.Count && call.References.Label(row) == call.Queries.Label(row));
            result[query] = !matters ? -1
                : keptReferences == null || reference < 0 ? reference
                : new ReadOnlySpan<int>(keptReferences, references.Count).BinarySearch(reference);
        }

        return result;
    }

    // Few queries against many references still make enough tiles for several workers; it depends on the counts alone, so results do too.
    private static int RowBlock(int count, bool self) => self || count > 2 * Layout.Tile ? Layout.Tile : Math.Clamp(Layout.Packed(count / 4), Layout.Pack, Layout.Tile);

    private static int Blocks(int count, int block) => (count + block - 1) / block;

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

    private RunningSums TakeSums(nint count) => new()
    {
        PositiveSums = workspace.Take<float>(count),
        PositiveExponents = workspace.Take<float>(count),
        NegativeSums = workspace.Take<float>(count),
        NegativeExponents = workspace.Take<float>(count),
    };

    // ---- The shared steps ---------------------------------------------------------------------------------------------------------------------------

    private void Share(Action<int> step, int workers)
    {
        next = 0;
        new Span<int>(rowTurns, Blocks(queries.Count, rowBlock)).Clear();
        new Span<int>(columnTurns, Blocks(references.Count, columnBlock)).Clear();
        if (workers == 1)
        {
            step(0);
        }
        else
        {
            scheduler.Run(workers, step);
        }
    }

    private long Next() => Interlocked.Increment(ref next) - 1;

    private void Pack(int worker)
    {
        int queryPanels = Blocks(queries.Count, Layout.Pack), panels = queryPanels + (self ? 0 : Blocks(references.Count, Layout.Pack));
        for (long panel = Next(); panel < panels; panel = Next())
        {
            if (panel < queryPanels)
            {
                Pack(queryRows, queryStride, keptQueries, queries, (int)panel, ref badQuery);
            }
            else
            {
                Pack(referenceRows, referenceStride, keptReferences, references, (int)panel - queryPanels, ref badReference);
            }
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
        for (long step = Next(); step < schedule.Steps; step = Next())
        {
            if (!schedule.TryGet(step, out TileUnit unit))
            {
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
        }
    }

    // ---- Finish: from sums to losses and coefficients -----------------------------------------------------------------------------------------------

    private LossResult Finish(in LossCall call)
    {
        float outputScale = options.OutputScale == OutputScale.InverseGamma ? (float)(1 / options.Gamma) : 1;
        if (self && options.SelfDiagonal == DiagonalPairs.Kept)
        {
            for (int row = 0; row < queries.Count; row++)
            {
                selfSimilarities[row] = RowPacking.SquaredNorm<TSimd>(queries, row);
            }

            QueryFinish.AddSelfPairs<TSimd, TForm>(selfSimilarities, terms, sums, queries.Count, options.Scope == LossScope.Batch ? 2 : 1);
        }

        return options.Scope == LossScope.Batch ? FinishBatch(call, outputScale) : FinishQueries(call, outputScale);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private LossResult FinishQueries(in LossCall call, float outputScale)
    {
        QueryFinish.LossesAndCoefficients<TSimd>(sums, queries.Count, options.Combination == LossCombination.Joint, losses);
        ReadOnlySpan<float> weights = call.Terms.Weights, upstream = call.Terms.Upstream;
        int valid = 0, nonzero = 0;
        double total = 0, totalWeight = 0, nonzeroWeight = 0;
        call.Losses.Clear();
        for (int i = 0; i < queries.Count; i++)
        {
            int row = keptQueries == null ? i : keptQueries[i];
            float weight = weights.IsEmpty ? 1 : weights[row];
            valid += sums.PositiveExponents[i] != PairTerms.EmptyExponent ? 1 : 0;
            nonzero += losses[i] > 0 ? 1 : 0;
            total += (double)weight * losses[i];
            totalWeight += weight;
            nonzeroWeight += losses[i] > 0 ? weight : 0;
            factors[i] = upstream.Length > 1 ? weight * upstream[row] : weight;
            if (!call.Losses.IsEmpty)
            {
                call.Losses[row] = losses[i] * outputScale;
            }
        }

        double denominator = options.Reduction != LossReduction.Mean ? 1 : options.Denominator switch
        {
            MeanDenominator.All => queries.Count,
            MeanDenominator.Valid => valid,
            MeanDenominator.Nonzero => nonzero,
            MeanDenominator.Weights => totalWeight,
            _ => nonzeroWeight,
        };
        double share = denominator == 0 ? 0 : outputScale / denominator;
        if (needsGradient)
        {
            float factor = (float)(options.Gamma * share * (upstream.Length == 1 ? upstream[0] : 1));
            QueryFinish.Scale<TSimd>(sums, queries.Count, terms, factor, weights.IsEmpty && upstream.Length <= 1 ? null : factors);
            PrepareSelfSlopes(2);
        }

        double loss = options.Reduction == LossReduction.None ? double.NaN : total * share;
        return new LossResult(loss, queries.Count, references.Count, valid, nonzero);
    }

    // One loss over all pairs. In a batch against itself every pair was counted for both of its ends, so the sums are twice those over unordered
    // pairs; and as a pair's gradient adds the coefficients of both its ends, each takes half.
    private LossResult FinishBatch(in LossCall call, float outputScale)
    {
        const int Room = Layout.SumLanes;
        float* memory = stackalloc float[5 * Room];
        new Span<float>(memory, 5 * Room).Clear();
        RunningSums whole = new() { PositiveSums = memory, PositiveExponents = memory + Room, NegativeSums = memory + (2 * Room), NegativeExponents = memory + (3 * Room) };
        int halving = self ? 1 : 0;
        (whole.PositiveSums[0], whole.PositiveExponents[0]) = Total(sums.PositiveSums, sums.PositiveExponents, halving);
        (whole.NegativeSums[0], whole.NegativeExponents[0]) = Total(sums.NegativeSums, sums.NegativeExponents, halving);
        QueryFinish.LossesAndCoefficients<TSimd>(whole, 1, options.Combination == LossCombination.Joint, memory + (4 * Room));
        float loss = memory[4 * Room] * outputScale;
        if (!call.Losses.IsEmpty)
        {
            call.Losses[0] = loss;
        }

        if (needsGradient)
        {
            float factor = (float)(options.Gamma * outputScale * (call.Terms.Upstream.IsEmpty ? 1 : call.Terms.Upstream[0])) * (self ? 0.5f : 1);
            new Span<float>(sums.PositiveSums, queries.Count).Fill(whole.PositiveSums[0]);
            new Span<float>(sums.NegativeSums, queries.Count).Fill(whole.NegativeSums[0]);
            new Span<float>(sums.PositiveExponents, queries.Count).Fill(whole.PositiveExponents[0]);
            new Span<float>(sums.NegativeExponents, queries.Count).Fill(whole.NegativeExponents[0]);
            QueryFinish.Scale<TSimd>(sums, queries.Count, terms, factor, null);
            PrepareSelfSlopes(4);
        }

        bool valid = whole.PositiveExponents[0] != PairTerms.EmptyExponent;
        return new LossResult(loss, queries.Count, references.Count, valid ? 1 : 0, loss > 0 ? 1 : 0);
    }

    private (float Sum, float Exponent) Total(float* partSums, float* exponents, int halving)
    {
        float largest = PairTerms.EmptyExponent;
        for (int i = 0; i < queries.Count; i++)
        {
            largest = Math.Max(largest, exponents[i]);
        }

        double total = 0;
        for (int i = 0; i < queries.Count; i++)
        {
            total += partSums[i] == 0 ? 0 : Math.ScaleB(partSums[i], (int)Math.Max(exponents[i] - largest, -1000));
        }

        return ((float)total, largest - halving);
    }

    // What a kept pair of a row with itself adds to dL/du, in units of u: s = <u, u> has the gradient 2 u; and over unordered pairs its coefficient,
    // as any pair's, counts twice.
    private void PrepareSelfSlopes(float times)
    {
        if (self && options.SelfDiagonal == DiagonalPairs.Kept)
        {
            QueryFinish.SelfSlopes<TSimd, TForm>(selfSimilarities, terms, sums, queries.Count, times);
        }
    }

    // ---- Backward -----------------------------------------------------------------------------------------------------------------------------------

    private void Backward(int worker)
    {
        float* h = scratch + (worker * scratchSize);
        int strip = TileMatrices.Strip<TSimd>();
        for (long step = Next(); step < schedule.Steps; step = Next())
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
                PairGradientTile.Compute<TSimd, BothEnds, TForm>(pairs, terms, sums.From(firstRow), sums.From(pairs.FirstColumn), strip, h);
            }
            else
            {
                PairGradientTile.Compute<TSimd, RowEnd, TForm>(pairs, terms, sums.From(firstRow), default, strip, h);
            }

            if (queryGradient != null)
            {
                float* gradient = queryGradient + ((nint)firstRow * Layout.Pack);
                Turns.Wait(ref rowTurns[unit.RowBlock], unit.RowTurn);
                TileMatrices.AddToRows<TSimd>(h, pairs.Rows, references, pairs.FirstColumn, pairs.Columns, pairs.Triangle, gradient, queries.SliceStride, add: unit.RowTurn > 0);
                if (pairs.Triangle)
                {
                    TileMatrices.AddToColumns<TSimd>(h, pairs.Columns, queries, firstRow, pairs.Rows, triangle: true, gradient, queries.SliceStride, add: true);
                }

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
                TileMatrices.AddToColumns<TSimd>(h, pairs.Columns, queries, firstRow, pairs.Rows, triangle: false, gradient, references.SliceStride, add: unit.ColumnTurn > 0);
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
        long slot = self ? step : ((long)unit.RowBlock * Blocks(references.Count, columnBlock)) + unit.ColumnBlock;
        return new TilePairs
        {
            Similarities = kept == null ? tile : kept + ((nint)slot * rowBlock * Layout.TileStride),
            Rows = Math.Min(rowBlock, queries.Count - firstRow),
            Columns = Math.Min(columnBlock, references.Count - firstColumn),
            Triangle = self && unit.RowBlock == unit.ColumnBlock,
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

    private static void ClearRows(EmbeddingBatch batch, Span<float> gradient)
    {
        for (int row = 0; !gradient.IsEmpty && row < batch.Count; row++)
        {
            gradient.Slice(row * batch.Stride, batch.Dimension).Clear();
        }
    }
}
