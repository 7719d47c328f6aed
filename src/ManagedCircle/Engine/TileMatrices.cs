using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>The three matrix products of a tile, cut so that each operand stays in the cache that feeds it.</summary>
/// <remarks>Of a triangle's similarities only what lies above the diagonal is computed, up to whole packs.</remarks>
internal static unsafe class TileMatrices
{
    /// <summary>tile[rows, columns] = U[rows, dimension] V[columns, dimension]^T, columns up to whole packs.</summary>
    public static void Similarities<TSimd>(
        in PackedRows queries, int firstRow, int rows, in PackedRows references, int firstColumn, int columns, bool triangle, float* tile)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int depth = 0; depth < queries.Dimension; depth += Layout.Depth)
        {
            float* left = queries.Slice(depth / Layout.Pack, firstRow);
            int length = Math.Min(Layout.Depth, queries.Dimension - depth);
            for (int column = 0; column < columns; column += Layout.Pack)
            {
                float* right = references.Panel(firstColumn + column) + (depth * Layout.Pack),
                    next = column + Layout.Pack < columns ? right + references.PanelSize : null;
                int above = triangle ? Math.Min(rows, column + Layout.Pack) : rows;
                TileProduct.MultiplyAdd<TSimd, Slices, Cached>(
                    new(left, queries.SliceStride), right, length, new(tile + column, Layout.TileStride, add: depth > 0), above, next);
            }
        }
    }

    /// <summary>tile[rows, rows] = H + H^T, where H has numbers above the diagonal, and zeros on it and as far below as whole sums reach.</summary>
    /// <remarks>
    /// A block of a batch against itself has the dL/ds of a pair once, and needs it for either row. Two products, of H and of H^T, without the zeros would do
    /// half a register tile's work too much in each strip of rows.
    /// </remarks>
    [SkipLocalsInit]
    public static void Mirror<TSimd>(float* tile, int rows)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        const int Block = Layout.SumLanes;
        float* copy = stackalloc float[Block * Block];
        for (int row = 0; row < rows; row += Block)
        {
            int height = Math.Min(Block, rows - row);
            float* diagonal = tile + (row * (Layout.TileStride + 1));
            TileCopy.Rows(diagonal, Layout.TileStride, height, height, copy, Block);
            Transposition.Transpose<TSimd, Added>(copy, Block, height, height, diagonal, Layout.TileStride);
            Transposition.Transpose<TSimd, Cached>(
                diagonal + height, Layout.TileStride, height, rows - row - height, diagonal + (height * Layout.TileStride), Layout.TileStride);
        }
    }

    /// <summary>gradient[rows, dimension] (+)= H[rows, columns] V[columns, dimension].</summary>
    public static void AddToRows<TSimd>(
        float* tile, int rows, in PackedRows references, int firstColumn, int columns, float* gradient, nint sliceStride, bool add)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int slice = 0; slice * Layout.Pack < references.Dimension; slice++, gradient += sliceStride)
        {
            float* next = (slice + 1) * Layout.Pack < references.Dimension ? references.Slice(slice + 1, firstColumn) : null;
            TileProduct.MultiplyAdd<TSimd, TileRows, Cached>(
                new(tile, Layout.Pack), references.Slice(slice, firstColumn), columns, new(gradient, Layout.Pack, add), rows, next);
        }
    }

    /// <summary>gradient[rows, dimension] (+)= product[rows, dimension], both in slices: the bits of a product that adds in place, as it sums from 0.</summary>
    public static void AddSlices(float* product, nint productStride, int rows, int dimension, float* gradient, nint sliceStride, bool add)
    {
        int length = rows * Layout.Pack;
        for (int slice = 0; slice * Layout.Pack < dimension; slice++, product += productStride, gradient += sliceStride)
        {
            ReadOnlySpan<float> source = new(product, length);
            Span<float> destination = new(gradient, length);
            if (add)
            {
                TensorPrimitives.Add(destination, source, destination);
            }
            else
            {
                source.CopyTo(destination);
            }
        }
    }

    /// <summary>gradient[columns, dimension] (+)= H[rows, columns]^T U[rows, dimension].</summary>
    public static void AddToColumns<TSimd>(float* tile, int columns, in PackedRows queries, int firstRow, int rows, float* gradient, nint sliceStride, bool add)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int slice = 0; slice * Layout.Pack < queries.Dimension; slice++, gradient += sliceStride)
        {
            float* next = (slice + 1) * Layout.Pack < queries.Dimension ? queries.Slice(slice + 1, firstRow) : null;
            LeftOperand<TileColumns> transposed = new(tile, Layout.Pack * Layout.TileStride);
            TileProduct.MultiplyAdd<TSimd, TileColumns, Cached>(
                transposed, queries.Slice(slice, firstRow), rows, new(gradient, Layout.Pack, add), columns, next);
        }
    }
}
