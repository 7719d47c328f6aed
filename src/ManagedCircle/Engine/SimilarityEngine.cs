using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>What a matrix of similarities is made of.</summary>
internal ref struct SimilarityCall
{
    public RowMatrix Queries;

    /// <summary>The references; the queries themselves in a matrix of rows with themselves.</summary>
    public RowMatrix References;

    /// <summary>Whether the references are the queries.</summary>
    public bool Self;

    /// <summary>Whether rows are divided by their norm.</summary>
    public bool Normalize;
}

/// <summary>How rows become a matrix of similarities, and its gradient theirs.</summary>
/// <remarks>
/// <b>Pack</b> the (unit) rows; then, <b>forward</b>, walk the tiles of the matrix, of rows with themselves only those on and above the diagonal;
/// or, <b>backward</b>, give each block of rows its gradient from all the tiles in its row and column. Every block is the work of one worker.
/// </remarks>
internal abstract class SimilarityEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static SimilarityEngine Create(ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return width switch
        {
            SimdWidth.Vector512 => new SimilarityEngine<Simd512>(execution, width),
            SimdWidth.Vector256 => new SimilarityEngine<Simd256>(execution, width),
            SimdWidth.Vector128 => new SimilarityEngine<Simd128>(execution, width),
            SimdWidth.VectorT => new SimilarityEngine<SimdT>(execution, width),
            _ => new SimilarityEngine<SimdScalar>(execution, width),
        };
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    /// <summary>Writes the similarities, shape [queries, references].</summary>
    public abstract void Forward(in SimilarityCall call, Span<float> destination, int stride);

    /// <summary>Writes the gradients of the rows from that of the similarities; an empty one is left out, and rows with themselves have but the first.</summary>
    public abstract void Backward(in SimilarityCall call, RowMatrix similarityGradient, Span<float> queryGradient, Span<float> referenceGradient);

    /// <summary>Writes the unit rows, laid out as the rows are.</summary>
    public abstract void UnitRows(RowMatrix rows, Span<float> destination);

    /// <summary>Writes the gradient of the rows from that of their unit rows, both laid out as the rows are.</summary>
    public abstract void UnitRowsBackward(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> gradient);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe class SimilarityEngine<TSimd> : SimilarityEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    // Multiply-adds that are worth a worker of their own: about 10 microseconds.
    private const long WorkPerWorker = 1L << 20;

    private readonly ExecutionOptions execution;
    private readonly IWorkScheduler scheduler;
    private readonly Workspace workspace = new();
    private readonly Action<int> pack, forward, backward, unitRows;

    // The call under way.
    private bool self, normalize;
    private float* queryRows, referenceRows, matrix, queryDestination, referenceDestination;
    private nint queryStride, referenceStride, matrixStride;
    private PackedRows queries, references;
    private float* queryGradient, referenceGradient, scratch;
    private nint scratchSize;
    private long next;

    public SimilarityEngine(ExecutionOptions execution, SimdWidth width)
    {
        this.execution = execution;
        SimdWidth = width;
        scheduler = execution.Scheduler ?? new PoolScheduler(execution.Threads);
        (pack, forward, backward, unitRows) = (Pack, Forward, Backward, UnitRows);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)workspace.Capacity;

    public override void Forward(in SimilarityCall call, Span<float> destination, int stride)
    {
        fixed (float* queryMemory = call.Queries.Memory, referenceMemory = call.References.Memory, result = destination)
        {
            matrix = result;
            matrixStride = stride;
            queryDestination = null;
            referenceDestination = null;
            int workers = Plan(call, queryMemory, referenceMemory);
            Share(pack, workers);
            Share(forward, workers);
        }
    }

    public override void Backward(in SimilarityCall call, RowMatrix similarityGradient, Span<float> queryGradient, Span<float> referenceGradient)
    {
        fixed (float* queryMemory = call.Queries.Memory, referenceMemory = call.References.Memory, gradient = similarityGradient.Memory)
        fixed (float* queryResult = queryGradient, referenceResult = referenceGradient)
        {
            matrix = gradient;
            matrixStride = similarityGradient.Stride;
            queryDestination = queryResult;
            referenceDestination = referenceResult;
            int workers = Plan(call, queryMemory, referenceMemory);
            Share(pack, workers);
            Share(backward, workers);
        }
    }

    public override void UnitRows(RowMatrix rows, Span<float> destination) => UnitRows(rows, default, destination);

    public override void UnitRowsBackward(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> gradient) => UnitRows(rows, unitGradient, gradient);

    public override void Dispose() => workspace.Dispose();

    // ---- Plan: sizes and memory ---------------------------------------------------------------------------------------------------------------------

    private int Plan(in SimilarityCall call, float* queryMemory, float* referenceMemory)
    {
        (self, normalize) = (call.Self, call.Normalize);
        queryRows = queryMemory;
        queryStride = call.Queries.Stride;
        referenceRows = referenceMemory;
        referenceStride = call.References.Stride;
        (int queryCount, int referenceCount, int dimension) = (call.Queries.Count, self ? 0 : call.References.Count, call.Queries.Columns);
        long work = (long)call.Queries.Count * call.References.Count * Math.Max(dimension, Layout.SumLanes) / (self ? 2 : 1);
        int workers = (int)Math.Clamp(work / WorkPerWorker, 1, execution.Threads);

        nint querySize = PackedSize(queryCount, dimension), referenceSize = PackedSize(referenceCount, dimension);
        nint queryGradientSize = queryDestination == null ? 0 : SlicesSize(queryCount, dimension);
        nint referenceGradientSize = referenceDestination == null ? 0 : SlicesSize(referenceCount, dimension);
        scratchSize = Layout.Tile * Layout.TileStride;
        workspace.Reset(Workspace.SizeOf<float>(querySize + referenceSize + queryGradientSize + referenceGradientSize + (scratchSize * workers)));
        queries = PackedAt(workspace.Take<float>(querySize), queryCount, dimension);
        references = self ? queries : PackedAt(workspace.Take<float>(referenceSize), referenceCount, dimension);
        queryGradient = workspace.Take<float>(queryGradientSize);
        referenceGradient = workspace.Take<float>(referenceGradientSize);
        scratch = workspace.Take<float>(scratchSize * workers);
        return workers;
    }

    private static int Blocks(int count, int block) => (count + block - 1) / block;

    private static int Slices(int dimension) => Layout.Packed(dimension) / Layout.Pack;

    // Eight rows more than needed: neighbouring slices of a power of two of rows would fall into the same cache sets.
    private static nint SliceStride(int count) => (nint)(Layout.Packed(count) + 8) * Layout.Pack;

    private static nint SlicesSize(int count, int dimension) => SliceStride(count) * Slices(dimension);

    private static nint PanelsSize(int count, int dimension) => (nint)Layout.Packed(count) * Layout.Packed(dimension);

    // Whole packs, so that what follows is aligned too.
    private static nint PackedSize(int count, int dimension) => PanelsSize(count, dimension) + SlicesSize(count, dimension) + Layout.Packed(count);

    private static PackedRows PackedAt(float* memory, int count, int dimension) => new()
    {
        Count = count,
        Dimension = dimension,
        SliceStride = SliceStride(count),
        Panels = memory,
        Slices = memory + PanelsSize(count, dimension),
        InverseNorms = memory + PanelsSize(count, dimension) + SlicesSize(count, dimension),
    };

    // ---- The shared steps ---------------------------------------------------------------------------------------------------------------------------

    private void Share(Action<int> step, int workers)
    {
        next = 0;
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
                RowPacking.Pack<TSimd>(queryRows, queryStride, null, normalize, queries, (int)panel * Layout.Pack);
            }
            else
            {
                RowPacking.Pack<TSimd>(referenceRows, referenceStride, null, normalize, references, ((int)panel - queryPanels) * Layout.Pack);
            }
        }
    }

    private void Forward(int worker)
    {
        float* tile = scratch + (worker * scratchSize);
        int rowBlocks = Blocks(queries.Count, Layout.Tile), columnBlocks = Blocks(references.Count, Layout.Tile);

        // With themselves, block b meets those up to half way round after it: every pair of blocks once.
        int perRow = self ? (rowBlocks / 2) + 1 : columnBlocks;
        for (long step = Next(); step < (long)rowBlocks * perRow; step = Next())
        {
            (int row, int column) = ((int)(step / perRow), (int)(step % perRow));
            if (self && (2 * column == rowBlocks && row >= column))
            {
                continue;
            }

            if (self)
            {
                int other = (row + column) % rowBlocks;
                (row, column) = (Math.Min(row, other), Math.Max(row, other));
            }

            WriteTile(row * Layout.Tile, column * Layout.Tile, tile);
        }
    }

    private void WriteTile(int row, int column, float* tile)
    {
        (int rows, int columns) = (Math.Min(Layout.Tile, queries.Count - row), Math.Min(Layout.Tile, references.Count - column));
        TileMatrices.Similarities<TSimd>(queries, row, rows, references, column, columns, false, tile);
        TileCopy.Rows(tile, Layout.TileStride, rows, columns, matrix + (row * matrixStride) + column, matrixStride);
        if (self && row != column)
        {
            TileCopy.Transposed(tile, Layout.TileStride, rows, columns, matrix + (column * matrixStride) + row, matrixStride);
        }
    }

    private void Backward(int worker)
    {
        float* tile = scratch + (worker * scratchSize);
        int queryBlocks = queryDestination == null ? 0 : Blocks(queries.Count, Layout.Tile);
        int blocks = queryBlocks + (referenceDestination == null ? 0 : Blocks(references.Count, Layout.Tile));
        for (long block = Next(); block < blocks; block = Next())
        {
            if (block < queryBlocks)
            {
                GradientOfQueries((int)block * Layout.Tile, tile);
            }
            else
            {
                GradientOfReferences(((int)block - queryBlocks) * Layout.Tile, tile);
            }
        }
    }

    // g = G V, and of rows with themselves (G + G^T) U.
    private void GradientOfQueries(int row, float* tile)
    {
        int rows = Math.Min(Layout.Tile, queries.Count - row);
        float* gradient = Clear(queryGradient, queries, row, rows);
        for (int column = 0; column < references.Count; column += Layout.Tile)
        {
            int columns = Math.Min(Layout.Tile, references.Count - column);
            TileCopy.Rows(matrix + (row * matrixStride) + column, matrixStride, rows, columns, tile, Layout.TileStride);
            if (self)
            {
                TileCopy.AddTransposed(matrix + (column * matrixStride) + row, matrixStride, columns, rows, tile, Layout.TileStride);
            }

            TileMatrices.AddToRows<TSimd>(tile, rows, references, column, columns, false, gradient, queries.SliceStride);
        }

        Unpack(queries, queryGradient, row, rows, queryDestination, queryStride);
    }

    // g = G^T U.
    private void GradientOfReferences(int column, float* tile)
    {
        int columns = Math.Min(Layout.Tile, references.Count - column);
        float* gradient = Clear(referenceGradient, references, column, columns);
        for (int row = 0; row < queries.Count; row += Layout.Tile)
        {
            int rows = Math.Min(Layout.Tile, queries.Count - row);
            TileCopy.Rows(matrix + (row * matrixStride) + column, matrixStride, rows, columns, tile, Layout.TileStride);
            TileMatrices.AddToColumns<TSimd>(tile, columns, queries, row, rows, false, gradient, references.SliceStride);
        }

        Unpack(references, referenceGradient, column, columns, referenceDestination, referenceStride);
    }

    private static float* Clear(float* gradient, in PackedRows packed, int first, int count)
    {
        gradient += (nint)first * Layout.Pack;
        for (int slice = 0; slice < Slices(packed.Dimension); slice++)
        {
            new Span<float>(gradient + (slice * packed.SliceStride), count * Layout.Pack).Clear();
        }

        return gradient;
    }

    private void Unpack(in PackedRows packed, float* gradient, int first, int count, float* destination, nint stride)
    {
        for (int row = first; row < first + count; row++)
        {
            if (normalize)
            {
                RowPacking.Unpack<TSimd>(packed, gradient, row, normalize: true, selfSlope: 0, destination + (row * stride));
            }
            else
            {
                TileCopy.Slices(gradient + ((nint)row * Layout.Pack), packed.SliceStride, packed.Dimension, destination + (row * stride));
            }
        }
    }

    // ---- Unit rows: a panel at a time ---------------------------------------------------------------------------------------------------------------

    // The rows are the queries; the gradient of the unit rows, if there is one, takes the place of the references.
    private void UnitRows(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> destination)
    {
        fixed (float* rowMemory = rows.Memory, gradientMemory = unitGradient, result = destination)
        {
            queryRows = rowMemory;
            referenceRows = gradientMemory;
            queryDestination = result;
            queryStride = rows.Stride;
            (queries.Count, queries.Dimension) = (rows.Count, rows.Columns);
            int workers = (int)Math.Clamp((long)rows.Count * rows.Columns / WorkPerWorker, 1, execution.Threads);
            scratchSize = 2 * PackedSize(Layout.Pack, rows.Columns);
            workspace.Reset(Workspace.SizeOf<float>(scratchSize * workers));
            scratch = workspace.Take<float>(scratchSize * workers);
            Share(unitRows, workers);
        }
    }

    private void UnitRows(int worker)
    {
        float* memory = scratch + (worker * scratchSize);
        for (long panel = Next(); panel < Blocks(queries.Count, Layout.Pack); panel = Next())
        {
            int first = (int)panel * Layout.Pack, count = Math.Min(Layout.Pack, queries.Count - first);
            nint start = first * queryStride;
            PackedRows unit = PackedAt(memory, count, queries.Dimension);
            RowPacking.Pack<TSimd>(queryRows + start, queryStride, null, normalize: true, unit, 0);
            if (referenceRows == null)
            {
                for (int row = 0; row < count; row++)
                {
                    TileCopy.Slices(unit.Slice(0, row), unit.SliceStride, unit.Dimension, queryDestination + start + (row * queryStride));
                }

                continue;
            }

            PackedRows gradient = PackedAt(memory + (scratchSize / 2), count, queries.Dimension);
            RowPacking.Pack<TSimd>(referenceRows + start, queryStride, null, normalize: false, gradient, 0);
            for (int row = 0; row < count; row++)
            {
                RowPacking.Unpack<TSimd>(unit, gradient.Slices, row, normalize: true, selfSlope: 0, queryDestination + start + (row * queryStride));
            }
        }
    }
}
