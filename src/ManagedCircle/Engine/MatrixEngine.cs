using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>What a matrix of similarities is made of.</summary>
internal ref struct MatrixCall
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
internal abstract class MatrixEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static MatrixEngine Create(ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return width switch
        {
            SimdWidth.Vector512 => new MatrixEngine<Simd512>(execution, width),
            SimdWidth.Vector256 => new MatrixEngine<Simd256>(execution, width),
            SimdWidth.Vector128 => new MatrixEngine<Simd128>(execution, width),
            SimdWidth.VectorT => new MatrixEngine<SimdT>(execution, width),
            _ => new MatrixEngine<SimdScalar>(execution, width),
        };
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    /// <summary>Writes the similarities, shape [queries, references].</summary>
    public abstract void Forward(in MatrixCall call, Span<float> destination, int stride);

    /// <summary>Writes the gradients of the rows from that of the similarities; an empty one is left out, rows with themselves have but the first.</summary>
    public abstract void Backward(in MatrixCall call, RowMatrix similarityGradient, Span<float> queryGradient, Span<float> referenceGradient);

    /// <summary>Writes the unit rows, laid out as the rows are.</summary>
    public abstract void UnitRows(RowMatrix rows, Span<float> destination);

    /// <summary>Writes the gradient of the rows from that of their unit rows, both laid out as the rows are.</summary>
    public abstract void UnitRowsBackward(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> gradient);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe class MatrixEngine<TSimd> : MatrixEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    // The longest chain of products of a similarity. Twice a gradient's: adding to the caller's matrix, whose rows may fall into the same cache sets, costs
    // more than a panel of 64 KB that the L1 cache does not hold.
    private const int Depth = 2 * Layout.Depth;

    // Numbers in a matrix, from 8 MB on, that is written past the caches: what is written first is out of the L2 cache before the rest is, and reading it from
    // memory costs less than writing it through the caches does.
    private const long StreamedSize = 1L << 21;

    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly Workspace workspace = new();
    private readonly Action<int> forward, backward, unitRows;

    // The call under way.
    private bool self, normalize, aligned, streamed;
    private float* queryRows, referenceRows, matrix, queryDestination, referenceDestination;
    private nint queryStride, referenceStride, matrixStride;
    private PackedRows queries, references;
    private float* queryGradient, referenceGradient, scratch;
    private nint scratchSize;
    private RowsPacking packing;
    private SharedCounter taken;

    public MatrixEngine(ExecutionOptions execution, SimdWidth width)
    {
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        (forward, backward, unitRows) = (Forward, Backward, UnitRows);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)workspace.Capacity;

    public override void Forward(in MatrixCall call, Span<float> destination, int stride)
    {
        fixed (float* queryMemory = call.Queries.Rows, referenceMemory = call.References.Rows, result = destination)
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

    public override void Backward(in MatrixCall call, RowMatrix similarityGradient, Span<float> queryGradient, Span<float> referenceGradient)
    {
        fixed (float* queryMemory = call.Queries.Rows, referenceMemory = call.References.Rows, gradient = similarityGradient.Rows)
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

    private int Plan(in MatrixCall call, float* queryMemory, float* referenceMemory)
    {
        (self, normalize) = (call.Self, call.Normalize);
        queryRows = queryMemory;
        queryStride = call.Queries.Stride;
        referenceRows = referenceMemory;
        referenceStride = call.References.Stride;
        (int queryCount, int referenceCount) = (call.Queries.Count, self ? 0 : call.References.Count);
        int dimension = queryCount > 0 ? call.Queries.Dimension : call.References.Dimension;
        long work = (long)call.Queries.Count * call.References.Count * Math.Max(dimension, Layout.SumLanes) / (self ? 2 : 1);
        int workers = Team.Workers(work / Team.WorkPerWorker, execution.Threads);
        scratchSize = Layout.Tile * Layout.TileStride;
        Arena counted = default;
        Lay(ref counted, queryCount, referenceCount, dimension, workers);
        Arena arena = workspace.Reset(counted.Used);
        Lay(ref arena, queryCount, referenceCount, dimension, workers);
        packing.Reset();
        return workers;
    }

    // Of a product's operands the left one lies in slices, the right one in panels; a gradient takes slices.
    private void Lay(ref Arena arena, int queryCount, int referenceCount, int dimension, int workers)
    {
        bool gradients = queryDestination != null || referenceDestination != null;
        queries = PackedRows.Lay(ref arena, queryCount, dimension, panels: self && !gradients);
        references = self ? queries : PackedRows.Lay(ref arena, referenceCount, dimension, panels: !gradients, slices: gradients);
        queryGradient = arena.Take<float>(queryDestination == null ? 0 : queries.SlicesSize);
        referenceGradient = arena.Take<float>(referenceDestination == null ? 0 : references.SlicesSize);
        scratch = arena.Take<float>(scratchSize * workers);
    }

    // ---- The shared steps ---------------------------------------------------------------------------------------------------------------------------

    private void Share(Action<int> step, int workers)
    {
        taken.Value = 0;
        team.Run(workers, step);
    }

    private long Next() => team.Next(ref taken);

    private void Pack(int worker)
    {
        RowsToPack own = new() { Rows = queryRows, Stride = queryStride, Packed = queries };
        RowsToPack others = self ? default : new() { Rows = referenceRows, Stride = referenceStride, Packed = references };
        packing.Run<TSimd>(team, own, others, normalize, scratch + (worker * scratchSize));
    }

    // Where rows are whole cache lines apart, the columns can begin with one that begins a line of the matrix, and those before it come last. Strips are whole lines
    // then, and can go past the caches straight from the registers, but for those of 128-bit vectors, whose register tile is half a line. Through the caches it gains
    // 7 % with themselves, as rows follow the columns and are whole lines in the mirror; a product of two gains less than its last strip costs.
    // What went past the caches is in memory before others hear of it: every worker has asked for one more unit by then, interlocked.
    private void AlignColumns()
    {
        bool wholeLines = matrixStride % Prefetch.Line == 0, large = queries.Count * (long)matrixStride >= StreamedSize;
        bool wholeNumbers = (nuint)matrix % sizeof(float) == 0;
        streamed = large && wholeNumbers && TileProduct.StoresWholeLines<TSimd>() && (wholeLines || !self);
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
        int block = RowBlock(queries.Dimension), rowBlocks = Layout.Blocks(queries.Count, block), columnTiles = Layout.Blocks(references.Count, Layout.Tile);
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
            TileProduct.MultiplyAdd<TSimd, Slices, TStores>(new(left, queries.SliceStride), right, length, new(product, stride, add: depth > 0, copy), rows);
        }
    }

    private float* At(int row, int column) => matrix + (queries.Row(row) * matrixStride) + references.Row(column);

    // The left operand of a unit fits the L2 cache well, beside what streams through; a mirrored unit has long rows to write.
    private int RowBlock(int dimension) => self ? Layout.Tile : Math.Clamp((1 << 15) / dimension / Layout.Pack * Layout.Pack, 2 * Layout.Pack, Layout.Tile);

    private void Backward(int worker)
    {
        Pack(worker);
        float* tile = scratch + (worker * scratchSize);
        int queryBlocks = queryDestination == null ? 0 : Layout.Blocks(queries.Count, Layout.Tile);
        int blocks = queryBlocks + (referenceDestination == null ? 0 : Layout.Blocks(references.Count, Layout.Tile));
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
        fixed (float* rowMemory = rows.Rows, gradientMemory = unitGradient, result = destination)
        {
            queryRows = rowMemory;
            referenceRows = gradientMemory;
            queryDestination = result;
            queryStride = rows.Stride;
            (queries.Count, queries.Dimension) = (rows.Count, rows.Dimension);
            int workers = Team.Workers((long)rows.Count * rows.Dimension / Team.WorkPerWorker, execution.Threads);
            Arena counted = default;
            PackedRows.Lay(ref counted, Layout.Pack, rows.Dimension, panels: false);
            PackedRows.Lay(ref counted, Layout.Pack, rows.Dimension, panels: false);
            scratchSize = (nint)counted.Used / sizeof(float);
            scratch = workspace.Reset(counted.Used * (nuint)workers).Take<float>(scratchSize * workers);
            Share(unitRows, workers);
        }
    }

    private void UnitRows(int worker)
    {
        Arena arena = new(scratch + (worker * scratchSize), (nuint)scratchSize * sizeof(float));
        PackedRows unit = PackedRows.Lay(ref arena, Layout.Pack, queries.Dimension, panels: false);
        PackedRows gradient = PackedRows.Lay(ref arena, Layout.Pack, queries.Dimension, panels: false);
        for (long panel = Next(); panel < Layout.Blocks(queries.Count, Layout.Pack); panel = Next())
        {
            int first = (int)panel * Layout.Pack, count = Math.Min(Layout.Pack, queries.Count - first);
            nint start = first * queryStride;
            (unit.Count, gradient.Count) = (count, count);
            RowPacking.Pack<TSimd>(queryRows + start, queryStride, null, normalize: true, unit, 0);
            if (referenceRows == null)
            {
                for (int row = 0; row < count; row++)
                {
                    TileCopy.Slices(unit.Slice(0, row), unit.SliceStride, unit.Dimension, queryDestination + start + (row * queryStride));
                }

                continue;
            }

            RowPacking.Pack<TSimd>(referenceRows + start, queryStride, null, normalize: false, gradient, 0);
            for (int row = 0; row < count; row++)
            {
                RowPacking.Unpack<TSimd>(unit, gradient.Slices, row, normalize: true, selfSlope: 0, queryDestination + start + (row * queryStride));
            }
        }
    }
}
