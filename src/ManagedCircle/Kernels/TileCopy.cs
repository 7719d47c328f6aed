using ManagedCircle.Engine;

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
