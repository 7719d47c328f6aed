using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Transposes matrices.</summary>
internal static unsafe class Transposition
{
    /// <summary>to[columns, rows] = from[rows, columns]^T; where it goes past the caches, its rows begin with a cache line, and are whole lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Transpose<TSimd, TStores>(float* from, nint fromStride, int rows, int columns, float* to, nint toStride)
        where TSimd : unmanaged, ISimd<TSimd>
        where TStores : struct, IStores
    {
        int fours = columns & ~3, done = TSimd.Lanes < 4 ? 0 : Bands<TSimd, TStores>(from, fromStride, 0, rows, fours, to, toStride);
        done = Bands<Simd128, TStores>(from, fromStride, done, rows, fours, to, toStride);
        for (int column = done == rows ? fours : 0; column < columns; column++)
        {
            for (int row = column < fours ? done : 0; row < rows; row++)
            {
                TStores.Store(SimdScalar.Load(from + (row * fromStride) + column), to + (column * toStride) + row);
            }
        }
    }

    // Bands of as many rows as a vector has lanes, four columns at a time. Vector a has the four numbers of rows 0, 4, 8 and 12, b of rows 1, 5, 9 and 13,
    // c and d of those that follow: of every four lanes of a, b, c and d, transposed, come the four columns. Returns the first row that is left.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Bands<TSimd, TStores>(float* from, nint fromStride, int row, int rows, int columns, float* to, nint toStride)
        where TSimd : unmanaged, ISimd<TSimd>
        where TStores : struct, IStores
    {
        for (; row + TSimd.Lanes <= rows; row += TSimd.Lanes)
        {
            float* source = from + (row * fromStride), destination = to + row;
            for (int column = 0; column < columns; column += 4, source += 4, destination += 4 * toStride)
            {
                TSimd a = TSimd.LoadFours(source, 4 * fromStride), b = TSimd.LoadFours(source + fromStride, 4 * fromStride);
                TSimd c = TSimd.LoadFours(source + (2 * fromStride), 4 * fromStride), d = TSimd.LoadFours(source + (3 * fromStride), 4 * fromStride);
                TSimd lowerOfAC = TSimd.InterleaveLower(a, c), upperOfAC = TSimd.InterleaveUpper(a, c);
                TSimd lowerOfBD = TSimd.InterleaveLower(b, d), upperOfBD = TSimd.InterleaveUpper(b, d);
                TStores.Store(TSimd.InterleaveLower(lowerOfAC, lowerOfBD), destination);
                TStores.Store(TSimd.InterleaveUpper(lowerOfAC, lowerOfBD), destination + toStride);
                TStores.Store(TSimd.InterleaveLower(upperOfAC, upperOfBD), destination + (2 * toStride));
                TStores.Store(TSimd.InterleaveUpper(upperOfAC, upperOfBD), destination + (3 * toStride));
            }
        }

        return row;
    }
}
