using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

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
        return SimdChoice.On<Maker, MatrixEngine>(width, new Maker(execution, width));
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

    private readonly struct Maker(ExecutionOptions execution, SimdWidth width) : ISimdCode<MatrixEngine>
    {
        public MatrixEngine Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new MatrixEngine<TSimd>(execution, width);
    }
}

/// <inheritdoc/>
internal sealed unsafe class MatrixEngine<TSimd> : MatrixEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    // Numbers in a matrix, from 8 MB on, that is written past the caches: what is written first is out of the L2 cache before the rest is, and reading it from
    // memory costs less than writing it through the caches does.
    private const long StreamedSize = 1L << 21;

    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly Workspace workspace = new();
    private readonly UnitRowsEngine<TSimd> unitRows;
    private readonly Action<int> forward, backward;

    // The call under way.
    private MatrixShape shape;
    private MatrixMemory memory;
    private MatrixCallerMemory caller;
    private RowsPacking packing;
    private SharedCounter taken;

    public MatrixEngine(ExecutionOptions execution, SimdWidth width)
    {
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        unitRows = new UnitRowsEngine<TSimd>(team, workspace, execution.Threads);
        (forward, backward) = (Forward, Backward);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)workspace.Capacity;

    public override void Forward(in MatrixCall call, Span<float> destination, int stride)
    {
        fixed (float* queries = call.Queries.Rows, references = call.References.Rows, matrix = destination)
        {
            Run(forward, call, new() { QueryRows = queries, ReferenceRows = references, Matrix = matrix, MatrixStride = stride });
        }
    }

    public override void Backward(in MatrixCall call, RowMatrix similarityGradient, Span<float> queryGradient, Span<float> referenceGradient)
    {
        fixed (float* queries = call.Queries.Rows, references = call.References.Rows, matrix = similarityGradient.Rows)
        fixed (float* ofQueries = queryGradient, ofReferences = referenceGradient)
        {
            Run(backward, call, new()
            {
                QueryRows = queries,
                ReferenceRows = references,
                Matrix = matrix,
                MatrixStride = similarityGradient.Stride,
                QueryGradient = ofQueries,
                ReferenceGradient = ofReferences,
            });
        }
    }

    public override void UnitRows(RowMatrix rows, Span<float> destination) => unitRows.Run(rows, default, destination);

    public override void UnitRowsBackward(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> gradient) => unitRows.Run(rows, unitGradient, gradient);

    public override void Dispose() => workspace.Dispose();

    private void Run(Action<int> step, in MatrixCall call, in MatrixCallerMemory pinned)
    {
        try
        {
            caller = pinned;
            caller.QueryStride = call.Queries.Stride;
            caller.ReferenceStride = call.References.Stride;
            shape = MatrixShape.Of(call, caller, execution.Threads);
            Arena counted = default;
            MatrixMemory.Lay(ref counted, shape);
            Arena arena = workspace.Reset(counted.Used);
            memory = MatrixMemory.Lay(ref arena, shape);
            if (step == forward)
            {
                AlignColumns();
            }

            packing.Reset();
            taken.Value = 0;
            team.Run(shape.Workers, step);
        }
        finally
        {
            caller = default;
        }
    }

    // ---- The steps ----------------------------------------------------------------------------------------------------------------------------------

    private long Next() => team.Next(ref taken);

    private void Pack(float* scratch)
    {
        RowsToPack own = new() { Rows = caller.QueryRows, Stride = caller.QueryStride, Packed = memory.Queries };
        RowsToPack others = shape.Self ? default : new() { Rows = caller.ReferenceRows, Stride = caller.ReferenceStride, Packed = memory.References };
        packing.Run<TSimd>(team, own, others, shape.Normalize, scratch);
    }

    // Where rows are whole cache lines apart, the columns can begin with one that begins a line of the matrix, and those before it come last. Strips are whole
    // lines then, and can go past the caches straight from the registers, but for those of 128-bit vectors, whose register tile is half a line. Through the
    // caches it gains
    // 7 % with themselves, as rows follow the columns and are whole lines in the mirror; a product of two gains less than its last strip costs.
    // What went past the caches is in memory before others hear of it: every worker has asked for one more unit by then, interlocked.
    private void AlignColumns()
    {
        bool wholeLines = caller.MatrixStride % Prefetch.Line == 0, large = memory.Queries.Count * (long)caller.MatrixStride >= StreamedSize;
        bool wholeNumbers = (nuint)caller.Matrix % sizeof(float) == 0;
        caller.Streamed = large && wholeNumbers && TileProduct.StoresWholeLines<TSimd>() && (wholeLines || !shape.Self);
        caller.Aligned = wholeLines && wholeNumbers && (caller.Streamed || (shape.Self && memory.References.Count >= Layout.Tile));
        memory.References.First = caller.Aligned ? Math.Min((int)(-(nint)caller.Matrix / sizeof(float)) & (Prefetch.Line - 1), memory.References.Count) : 0;
        memory.Queries.First = shape.Self ? memory.References.First : 0;
    }

    // A unit is a block of rows by a tile's columns, strip by strip of 32. The product is written straight into the caller's matrix: through a tile in the L2
    // cache, and copied from there, it takes 5 to 20 % longer, but where copying is what gets it past the caches. With themselves, rows meet only the strips
    // that reach above the diagonal, and each strip is written a second time, transposed. Blocks of rows follow each other under one tile's columns, whose
    // panels stay in the L2 cache.
    private void Forward(int worker)
    {
        float* strip = memory.ScratchOf(worker);
        Pack(strip);
        int block = shape.RowBlock, rowBlocks = Layout.Blocks(memory.Queries.Count, block), columnTiles = Layout.Blocks(memory.References.Count, Layout.Tile);
        for (long step = Next(); step < (long)rowBlocks * columnTiles; step = Next())
        {
            int row = (int)(step % rowBlocks) * block, end = Math.Min(row + block, memory.Queries.Count);
            int column = (int)(step / rowBlocks) * Layout.Tile, endColumn = Math.Min(column + Layout.Tile, memory.References.Count);
            if (caller.Streamed && !caller.Aligned)
            {
                StreamTile(row, end - row, column, endColumn - column, strip);
                continue;
            }

            for (column = shape.Self ? Math.Max(column, row) : column; column < endColumn; column += Layout.Pack)
            {
                int rows = (shape.Self ? Math.Min(end, column + Layout.Pack) : end) - row, mirrored = shape.Self ? Math.Max(0, Math.Min(end, column) - row) : 0;
                if (column + Layout.Pack <= memory.References.Wrap)
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

        TileCopy.StreamRows<TSimd>(tile, Layout.TileStride, rows, columns, At(row, column), caller.MatrixStride);
    }

    private void WriteStrip(int row, int rows, int mirrored, int column, float* strip)
    {
        float* product = At(row, column), mirror = At(column, row), copy = caller.Aligned && mirrored > 0 ? strip : null;
        if (caller.Streamed && memory.Queries.Dimension <= Layout.SimilarityDepth)
        {
            Multiply<Streamed>(row, rows, column, product, caller.MatrixStride, copy);
        }
        else
        {
            Multiply<Cached>(row, rows, column, product, caller.MatrixStride, copy);
        }

        if (copy != null)
        {
            MirrorLines(copy, mirrored, mirror);
        }
        else if (mirrored > 0)
        {
            // Row by row, as a store into two lines costs two.
            float* transposed = strip + (Layout.Tile * Layout.Pack);
            Transposition.Transpose<TSimd, Cached>(product, caller.MatrixStride, mirrored, Layout.Pack, transposed, Layout.TileStride);
            TileCopy.Rows(transposed, Layout.TileStride, Layout.Pack, mirrored, mirror, caller.MatrixStride);
        }
    }

    // From a copy of the product, as rows a power of two apart would not stay in the L1 cache. Four rows of the mirror at a time: the hardware foresees what
    // comes next in a row, and past the caches a line is complete before many others have begun, without which it would go to memory in parts.
    private void MirrorLines(float* copy, int rows, float* mirror)
    {
        for (int column = 0; column < Layout.Pack; column += 4, mirror += 4 * caller.MatrixStride)
        {
            if (caller.Streamed)
            {
                Transposition.Transpose<TSimd, Streamed>(copy + column, Layout.Pack, rows, 4, mirror, caller.MatrixStride);
            }
            else
            {
                Transposition.Transpose<TSimd, Cached>(copy + column, Layout.Pack, rows, 4, mirror, caller.MatrixStride);
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
            nextRow = memory.Queries.RunEnd(r, endRow);
            for (int c = column, nextColumn; c < endColumn; c = nextColumn)
            {
                nextColumn = memory.References.RunEnd(c, endColumn);
                float* product = strip + ((r - row) * Layout.Pack) + (c - column);
                TileCopy.Rows(product, Layout.Pack, nextRow - r, nextColumn - c, At(r, c), caller.MatrixStride);
                int mirroredRows = Math.Max(0, Math.Min(nextRow, endMirrored) - r);
                Transposition.Transpose<TSimd, Cached>(product, Layout.Pack, mirroredRows, nextColumn - c, At(c, r), caller.MatrixStride);
            }
        }
    }

    private void Multiply<TStores>(int row, int rows, int column, float* product, nint stride, float* copy)
        where TStores : struct, IStores
    {
        for (int depth = 0; depth < memory.Queries.Dimension; depth += Layout.SimilarityDepth)
        {
            float* left = memory.Queries.Slice(depth / Layout.Pack, row), right = memory.References.Panel(column) + ((nint)depth * Layout.Pack);
            int length = Math.Min(Layout.SimilarityDepth, memory.Queries.Dimension - depth);
            TileProduct.MultiplyAdd<TSimd, Slices, TStores>(
                new(left, memory.Queries.SliceStride), right, length, new(product, stride, add: depth > 0, copy), rows);
        }
    }

    private float* At(int row, int column) => caller.Matrix + (memory.Queries.Row(row) * caller.MatrixStride) + memory.References.Row(column);

    private void Backward(int worker)
    {
        float* tile = memory.ScratchOf(worker);
        Pack(tile);
        int queryBlocks = caller.QueryGradient == null ? 0 : Layout.Blocks(memory.Queries.Count, Layout.Tile);
        int blocks = queryBlocks + (caller.ReferenceGradient == null ? 0 : Layout.Blocks(memory.References.Count, Layout.Tile));
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
        int rows = Math.Min(Layout.Tile, memory.Queries.Count - row), column = 0;
        do
        {
            int columns = Math.Min(Layout.Tile, memory.References.Count - column);
            TileCopy.Rows(caller.Matrix + (row * caller.MatrixStride) + column, caller.MatrixStride, rows, columns, tile, Layout.TileStride);
            if (shape.Self)
            {
                float* mirror = caller.Matrix + (column * caller.MatrixStride) + row;
                Transposition.Transpose<TSimd, Added>(mirror, caller.MatrixStride, columns, rows, tile, Layout.TileStride);
            }

            float* gradient = memory.QueryGradient + ((nint)row * Layout.Pack);
            TileMatrices.AddToRows<TSimd>(tile, rows, memory.References, column, columns, gradient, memory.Queries.SliceStride, add: column > 0);
            column += Layout.Tile;
        }
        while (column < memory.References.Count);

        Unpack(memory.Queries, memory.QueryGradient, row, rows, caller.QueryGradient, caller.QueryStride);
    }

    // g = G^T U.
    private void GradientOfReferences(int column, float* tile)
    {
        int columns = Math.Min(Layout.Tile, memory.References.Count - column), row = 0;
        do
        {
            int rows = Math.Min(Layout.Tile, memory.Queries.Count - row);
            TileCopy.Rows(caller.Matrix + (row * caller.MatrixStride) + column, caller.MatrixStride, rows, columns, tile, Layout.TileStride);
            float* gradient = memory.ReferenceGradient + ((nint)column * Layout.Pack);
            TileMatrices.AddToColumns<TSimd>(tile, columns, memory.Queries, row, rows, gradient, memory.References.SliceStride, add: row > 0);
            row += Layout.Tile;
        }
        while (row < memory.Queries.Count);

        Unpack(memory.References, memory.ReferenceGradient, column, columns, caller.ReferenceGradient, caller.ReferenceStride);
    }

    private void Unpack(in PackedRows packed, float* gradient, int first, int count, float* destination, nint stride)
    {
        for (int row = first; row < first + count; row++)
        {
            if (shape.Normalize)
            {
                RowPacking.Unpack<TSimd>(packed, gradient, row, normalize: true, selfSlope: 0, destination + (row * stride));
            }
            else
            {
                TileCopy.Slices(gradient + ((nint)row * Layout.Pack), packed.SliceStride, packed.Dimension, destination + (row * stride));
            }
        }
    }
}
