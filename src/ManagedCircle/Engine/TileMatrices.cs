using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>The three matrix products of a tile, cut so that each operand stays in the cache that feeds it.</summary>
/// <remarks>In a triangle only what lies above the diagonal is computed, up to whole register tiles.</remarks>
internal static unsafe class TileMatrices
{
    /// <summary>Rows or columns of a triangle that begin their sums together: whole register tiles and whole running sums.</summary>
    public static int Strip<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.TileRows == 8 ? 16 : 48;

    /// <summary>tile[rows, columns] = U[rows, dimension] V[columns, dimension]^T, columns up to whole packs.</summary>
    public static void Similarities<TSimd>(in PackedRows queries, int firstRow, int rows, in PackedRows references, int firstColumn, int columns, bool triangle, float* tile)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int depth = 0; depth < queries.Dimension; depth += Layout.Depth)
        {
            float* left = queries.Slice(depth / Layout.Pack, firstRow);
            int length = Math.Min(Layout.Depth, queries.Dimension - depth);
            for (int column = 0; column < columns; column += Layout.Pack)
            {
                float* right = references.Panel(firstColumn + column) + (depth * Layout.Pack), next = column + Layout.Pack < columns ? right + references.PanelSize : null;
                int above = triangle ? Math.Min(rows, column + Layout.Pack) : rows;
                TileProduct.MultiplyAdd<TSimd, Slices, Cached>(left, queries.SliceStride, right, length, tile + column, Layout.TileStride, above, depth > 0, next);
            }
        }
    }

    /// <summary>gradient[rows, dimension] (+)= H[rows, columns] V[columns, dimension].</summary>
    public static void AddToRows<TSimd>(float* tile, int rows, in PackedRows references, int firstColumn, int columns, bool triangle, float* gradient, nint sliceStride, bool add)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int strip = triangle ? Strip<TSimd>() : rows;
        for (int slice = 0; slice * Layout.Pack < references.Dimension; slice++, gradient += sliceStride)
        {
            for (int row = 0; row < rows; row += strip)
            {
                int skip = triangle ? row : 0;
                float* left = tile + (row * Layout.TileStride) + skip;
                TileProduct.MultiplyAdd<TSimd, TileRows, Cached>(
                    left, Layout.Pack, references.Slice(slice, firstColumn + skip), columns - skip, gradient + (row * Layout.Pack), Layout.Pack, Math.Min(strip, rows - row), add,
                    row == 0 && (slice + 1) * Layout.Pack < references.Dimension ? references.Slice(slice + 1, firstColumn) : null);
            }
        }
    }

    /// <summary>gradient[columns, dimension] (+)= H[rows, columns]^T U[rows, dimension].</summary>
    public static void AddToColumns<TSimd>(float* tile, int columns, in PackedRows queries, int firstRow, int rows, bool triangle, float* gradient, nint sliceStride, bool add)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int strip = triangle ? Strip<TSimd>() : columns;
        for (int slice = 0; slice * Layout.Pack < queries.Dimension; slice++, gradient += sliceStride)
        {
            for (int column = 0; column < columns; column += strip)
            {
                int depth = triangle ? Math.Min(rows, column + strip) : rows;
                TileProduct.MultiplyAdd<TSimd, TileColumns, Cached>(
                    tile + column, Layout.Pack * Layout.TileStride, queries.Slice(slice, firstRow), depth, gradient + (column * Layout.Pack), Layout.Pack, Math.Min(strip, columns - column), add,
                    !triangle && (slice + 1) * Layout.Pack < queries.Dimension ? queries.Slice(slice + 1, firstRow) : null);
            }
        }
    }
}
