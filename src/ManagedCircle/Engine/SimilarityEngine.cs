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

    /// <summary>Writes the gradients of the rows from that of the similarities; an empty one is left out, rows with themselves have but the first.</summary>
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

    // The longest chain of products of a similarity. Twice a gradient's: adding to the caller's matrix, whose rows may fall into the same cache sets, costs
    // more than a panel of 64 KB that the L1 cache does not hold.
    private const int Depth = 2 * Layout.Depth;

    // Numbers in a matrix, from 8 MB on, that is written past the caches: what is written first is out of the L2 cache before the rest is, and reading it from
    // memory costs less than writing it through the caches does.
    private const long StreamedSize = 1L << 21;

    private readonly ExecutionOptions execution;
    private readonly IWorkScheduler scheduler;
    private readonly Workspace workspace = new();
    private readonly Action<int> forward, backward, unitRows;

    // The call under way.
    private bool self, normalize, aligned, streamed;
    private float* queryRows, referenceRows, matrix, queryDestination, referenceDestination;
    private nint queryStride, referenceStride, matrixStride;
    private PackedRows queries, references;
    private float* queryGradient, referenceGradient, scratch;
    private nint scratchSize;
    private long nextPanel, packedPanels, next;

    public SimilarityEngine(ExecutionOptions execution, SimdWidth width)
    {
        this.execution = execution;
        SimdWidth = width;
        scheduler = execution.Scheduler ?? new PoolScheduler(execution.Threads);
        (forward, backward, unitRows) = (Forward, Backward, UnitRows);
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
            AlignColumns();
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

        // Of a product's operands the left one lies in slices, the right one in panels; a gradient takes slices.
        bool gradients = queryDestination != null || referenceDestination != null;
        nint querySlices = SlicesSize(queryCount, dimension), referenceSlices = gradients ? SlicesSize(referenceCount, dimension) : 0;
        nint queryPanels = self && !gradients ? PanelsSize(queryCount, dimension) : 0, referencePanels = gradients ? 0 : PanelsSize(referenceCount, dimension);
        nint queryGradients = queryDestination == null ? 0 : querySlices, referenceGradients = referenceDestination == null ? 0 : referenceSlices;
        nint norms = Layout.Packed(queryCount) + Layout.Packed(referenceCount);
        scratchSize = Layout.Tile * Layout.TileStride;
        nint operands = querySlices + referenceSlices + queryPanels + referencePanels + norms;
        workspace.Reset(Workspace.SizeOf<float>(operands + queryGradients + referenceGradients + (scratchSize * workers)));
        queries = TakePacked(queryCount, dimension, querySlices, queryPanels);
        references = self ? queries : TakePacked(referenceCount, dimension, referenceSlices, referencePanels);
        queryGradient = workspace.Take<float>(queryGradients);
        referenceGradient = workspace.Take<float>(referenceGradients);
        scratch = workspace.Take<float>(scratchSize * workers);
        return workers;
    }

    private static int Blocks(int count, int block) => (count + block - 1) / block;

    private static int Slices(int dimension) => Layout.Packed(dimension) / Layout.Pack;

    // Eight rows more than needed: neighbouring slices of a power of two of rows would fall into the same cache sets.
    private static nint SliceStride(int count) => (nint)(Layout.Packed(count) + 8) * Layout.Pack;

    private static nint SlicesSize(int count, int dimension) => SliceStride(count) * Slices(dimension);

    private static nint PanelsSize(int count, int dimension) => (nint)Layout.Packed(count) * Layout.Packed(dimension);

    private PackedRows TakePacked(int count, int dimension, nint slices, nint panels) => new()
    {
        Count = count,
        Dimension = dimension,
        SliceStride = SliceStride(count),
        Slices = slices == 0 ? null : workspace.Take<float>(slices),
        Panels = panels == 0 ? null : workspace.Take<float>(panels),
        InverseNorms = workspace.Take<float>(Layout.Packed(count)),
    };

    // One panel's rows in a worker's scratch.
    private static PackedRows PackedAt(float* memory, int count, int dimension) => new()
    {
        Count = count,
        Dimension = dimension,
        SliceStride = SliceStride(Layout.Pack),
        Slices = memory,
        InverseNorms = memory + SlicesSize(Layout.Pack, dimension),
    };

    private static nint PackedSize(int dimension) => SlicesSize(Layout.Pack, dimension) + Layout.Pack;

    // ---- The shared steps ---------------------------------------------------------------------------------------------------------------------------

    private void Share(Action<int> step, int workers)
    {
        (nextPanel, packedPanels, next) = (0, 0, 0);
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

    // Returns when every panel is packed, by whichever workers are there: a sleeping thread takes 30 to 50 us to come.
    private void Pack(int worker)
    {
        float* memory = scratch + (worker * scratchSize);
        int queryPanels = Blocks(queries.Count, Layout.Pack), panels = queryPanels + (self ? 0 : Blocks(references.Count, Layout.Pack));
        for (long panel = Interlocked.Increment(ref nextPanel) - 1; panel < panels; panel = Interlocked.Increment(ref nextPanel) - 1)
        {
            if (panel < queryPanels)
            {
                Pack(queryRows, queryStride, queries, (int)panel * Layout.Pack, memory);
            }
            else
            {
                Pack(referenceRows, referenceStride, references, ((int)panel - queryPanels) * Layout.Pack, memory);
            }

            Interlocked.Increment(ref packedPanels);
        }

        Turns.Wait(ref packedPanels, panels);
    }

    // Slices, from which panels are made, are written over each other in the scratch where they are not needed, and so stay in the L1 cache.
    private void Pack(float* rows, nint stride, PackedRows packed, int first, float* memory)
    {
        if (packed.Slices == null)
        {
            packed.Slices = memory - ((nint)first * Layout.Pack);
            packed.SliceStride = 0;
        }

        RowPacking.Pack<TSimd>(rows, stride, null, normalize, packed, first);
    }

    // Where rows are whole cache lines apart, the columns can begin with one that begins a line of the matrix, and those before it come last. Strips are whole lines
    // then, and can go past the caches straight from the registers, but for those of 128-bit vectors, whose register tile is half a line. Through the caches it gains
    // 7 % with themselves, as rows follow the columns and are whole lines in the mirror; a product of two gains less than its last strip costs.
    // What went past the caches is in memory before others hear of it: every worker has asked for one more unit by then, interlocked.
    private void AlignColumns()
    {
        bool wholeLines = matrixStride % Prefetch.Line == 0, large = queries.Count * (long)matrixStride >= StreamedSize;
        bool wholeNumbers = (nuint)matrix % sizeof(float) == 0;
        streamed = large && wholeNumbers && 2 * TSimd.Lanes >= Prefetch.Line && (wholeLines || !self);
        aligned = wholeLines && wholeNumbers && (streamed || (self && references.Count >= Layout.Tile));
        references.First = aligned ? Math.Min((int)(-(nint)matrix / sizeof(float)) & (Prefetch.Line - 1), references.Count) : 0;
        queries.First = self ? references.First : 0;
    }

    // A unit is a block of rows by a tile's columns, strip by strip of 32. The product is written straight into the caller's matrix: through a tile in the L2 cache,
    // and copied from there, it takes 5 to 20 % longer, but where copying is what gets it past the caches. With themselves, rows meet only the strips that reach above
    // the diagonal, and each strip is written a second time, transposed. Blocks of rows follow each other under one tile's columns, whose panels stay in the L2 cache.
    private void Forward(int worker)
    {
        Pack(worker);
        float* strip = scratch + (worker * scratchSize);
        int block = RowBlock(queries.Dimension), rowBlocks = Blocks(queries.Count, block), columnTiles = Blocks(references.Count, Layout.Tile);
        for (long step = Next(); step < (long)rowBlocks * columnTiles; step = Next())
        {
            int row = (int)(step % rowBlocks) * block, end = Math.Min(row + block, queries.Count);
            int column = (int)(step / rowBlocks) * Layout.Tile, endColumn = Math.Min(column + Layout.Tile, references.Count);
            if (streamed && !aligned)
            {
                StreamTile(row, end - row, column, endColumn - column, strip);
                continue;
            }

            for (column = self ? Math.Max(column, row) : column; column < endColumn; column += Layout.Pack)
            {
                int rows = (self ? Math.Min(end, column + Layout.Pack) : end) - row, mirrored = self ? Math.Max(0, Math.Min(end, column) - row) : 0;
                if (column + Layout.Pack <= references.Wrap)
                {
                    WriteStrip(row, rows, mirrored, column, strip);
                }
                else
                {
                    WriteLastStrip(row, rows, mirrored, column, Math.Min(column + Layout.Pack, endColumn), strip);
                }
            }
        }
    }

    // Rows that begin anywhere: long ones, as each costs two lines that others share.
    private void StreamTile(int row, int rows, int column, int columns, float* tile)
    {
        for (int strip = 0; strip < columns; strip += Layout.Pack)
        {
            Multiply<Cached>(row, rows, column + strip, tile + strip, Layout.TileStride, copy: null);
        }

        TileCopy.StreamRows<TSimd>(tile, Layout.TileStride, rows, columns, At(row, column), matrixStride);
    }

    private void WriteStrip(int row, int rows, int mirrored, int column, float* strip)
    {
        float* product = At(row, column), mirror = At(column, row), copy = aligned && mirrored > 0 ? strip : null;
        if (streamed && queries.Dimension <= Depth)
        {
            Multiply<Streamed>(row, rows, column, product, matrixStride, copy);
        }
        else
        {
            Multiply<Cached>(row, rows, column, product, matrixStride, copy);
        }

        if (copy != null)
        {
            MirrorLines(copy, mirrored, mirror);
        }
        else if (mirrored > 0)
        {
            // Row by row, as a store into two lines costs two.
            float* transposed = strip + (Layout.Tile * Layout.Pack);
            Transposition.Transpose<TSimd, Cached>(product, matrixStride, mirrored, Layout.Pack, transposed, Layout.TileStride);
            TileCopy.Rows(transposed, Layout.TileStride, Layout.Pack, mirrored, mirror, matrixStride);
        }
    }

    // From a copy of the product, as rows a power of two apart would not stay in the L1 cache. Four rows of the mirror at a time: the hardware foresees what comes next
    // in a row, and past the caches a line is complete before many others have begun, without which it would go to memory in parts.
    private void MirrorLines(float* copy, int rows, float* mirror)
    {
        for (int column = 0; column < Layout.Pack; column += 4, mirror += 4 * matrixStride)
        {
            if (streamed)
            {
                Transposition.Transpose<TSimd, Streamed>(copy + column, Layout.Pack, rows, 4, mirror, matrixStride);
            }
            else
            {
                Transposition.Transpose<TSimd, Cached>(copy + column, Layout.Pack, rows, 4, mirror, matrixStride);
            }
        }
    }

    // A strip of fewer columns, or of some from either end, goes through the scratch, as the product is 32 wide.
    private void WriteLastStrip(int row, int rows, int mirrored, int column, int endColumn, float* strip)
    {
        Multiply<Cached>(row, rows, column, strip, Layout.Pack, copy: null);
        int endRow = row + rows, endMirrored = row + mirrored;
        for (int r = row, nextRow; r < endRow; r = nextRow)
        {
            nextRow = queries.RunEnd(r, endRow);
            for (int c = column, nextColumn; c < endColumn; c = nextColumn)
            {
                nextColumn = references.RunEnd(c, endColumn);
                float* product = strip + ((r - row) * Layout.Pack) + (c - column);
                TileCopy.Rows(product, Layout.Pack, nextRow - r, nextColumn - c, At(r, c), matrixStride);
                Transposition.Transpose<TSimd, Cached>(product, Layout.Pack, Math.Max(0, Math.Min(nextRow, endMirrored) - r), nextColumn - c, At(c, r), matrixStride);
            }
        }
    }

    private void Multiply<TStores>(int row, int rows, int column, float* product, nint stride, float* copy)
        where TStores : struct, IStores
    {
        for (int depth = 0; depth < queries.Dimension; depth += Depth)
        {
            float* left = queries.Slice(depth / Layout.Pack, row), right = references.Panel(column) + ((nint)depth * Layout.Pack);
            int length = Math.Min(Depth, queries.Dimension - depth);
            TileProduct.MultiplyAdd<TSimd, Slices, TStores>(left, queries.SliceStride, right, length, product, stride, rows, add: depth > 0, copy: copy);
        }
    }

    private float* At(int row, int column) => matrix + (queries.Row(row) * matrixStride) + references.Row(column);

    // The left operand of a unit fits the L2 cache well, beside what streams through; a mirrored unit has long rows to write.
    private int RowBlock(int dimension) => self ? Layout.Tile : Math.Clamp((1 << 15) / dimension / Layout.Pack * Layout.Pack, 2 * Layout.Pack, Layout.Tile);

    private void Backward(int worker)
    {
        Pack(worker);
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

    // g = G V, and of rows with themselves (G + G^T) U. The first tile overwrites; without references it is empty, and so a sum of nothing.
    private void GradientOfQueries(int row, float* tile)
    {
        int rows = Math.Min(Layout.Tile, queries.Count - row), column = 0;
        do
        {
            int columns = Math.Min(Layout.Tile, references.Count - column);
            TileCopy.Rows(matrix + (row * matrixStride) + column, matrixStride, rows, columns, tile, Layout.TileStride);
            if (self)
            {
                Transposition.Transpose<TSimd, Added>(matrix + (column * matrixStride) + row, matrixStride, columns, rows, tile, Layout.TileStride);
            }

            float* gradient = queryGradient + ((nint)row * Layout.Pack);
            TileMatrices.AddToRows<TSimd>(tile, rows, references, column, columns, gradient, queries.SliceStride, add: column > 0);
            column += Layout.Tile;
        }
        while (column < references.Count);

        Unpack(queries, queryGradient, row, rows, queryDestination, queryStride);
    }

    // g = G^T U.
    private void GradientOfReferences(int column, float* tile)
    {
        int columns = Math.Min(Layout.Tile, references.Count - column), row = 0;
        do
        {
            int rows = Math.Min(Layout.Tile, queries.Count - row);
            TileCopy.Rows(matrix + (row * matrixStride) + column, matrixStride, rows, columns, tile, Layout.TileStride);
            float* gradient = referenceGradient + ((nint)column * Layout.Pack);
            TileMatrices.AddToColumns<TSimd>(tile, columns, queries, row, rows, gradient, references.SliceStride, add: row > 0);
            row += Layout.Tile;
        }
        while (row < queries.Count);

        Unpack(references, referenceGradient, column, columns, referenceDestination, referenceStride);
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
            scratchSize = 2 * PackedSize(rows.Columns);
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
