using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Copies parts of matrices between the caller's memory and tiles.</summary>
internal static unsafe class TileCopy
{
    /// <summary>destination[rows, columns] = source[rows, columns].</summary>
    public static void Rows(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride)
    {
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(destination, columns));
        }
    }

    /// <summary>destination[rows, columns] = source[rows, columns], past the caches but for the lines that a row begins and ends in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StreamRows<TSimd>(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            // What follows a store waits until its line is there: those lines are asked for some rows ahead.
            float* ahead = destination + (8 * stride);
            Prefetch.Near(ahead);
            Prefetch.Near(ahead + columns - 1);
            int first = Math.Min(columns, (int)(-(nint)destination / sizeof(float)) & (Prefetch.Line - 1)), end = columns - ((columns - first) % Prefetch.Line);
            new ReadOnlySpan<float>(source, first).CopyTo(new Span<float>(destination, first));
            for (int column = first; column < end; column += TSimd.Lanes)
            {
                TSimd.StoreStreaming(TSimd.Load(source + column), destination + column);
            }

            new ReadOnlySpan<float>(source + end, columns - end).CopyTo(new Span<float>(destination + end, columns - end));
        }
    }

    /// <summary>Writes one row of <paramref name="dimension"/> numbers that lies in slices.</summary>
    public static void Slices(float* slice, nint sliceStride, int dimension, float* destination)
    {
        for (int start = 0; start < dimension; start += Layout.Pack, slice += sliceStride)
        {
            int count = Math.Min(Layout.Pack, dimension - start);
            new ReadOnlySpan<float>(slice, count).CopyTo(new Span<float>(destination + start, count));
        }
    }
}
