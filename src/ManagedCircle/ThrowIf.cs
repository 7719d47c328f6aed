using System.Numerics.Tensors;

namespace ManagedCircle;

/// <summary>Every argument check of the library, and every message.</summary>
internal static class ThrowIf
{
    /// <summary>Returns the numbers per row, or throws.</summary>
    public static int NotDivisible(int length, int count)
    {
        if (count == 0)
        {
            return length == 0 ? 1 : throw new ArgumentException($"rows holds {length} numbers, but there are no labels: expected none.", "rows");
        }

        return length % count == 0 && length > 0
            ? length / count
            : throw new ArgumentException($"rows holds {length} numbers, which is no whole number of rows for {count} labels: expected a positive multiple of {count}.", "rows");
    }

    /// <summary>Returns the stride of rows of a shape, or throws.</summary>
    public static int NotRows(int length, int count, int dimension, int stride)
    {
        if (dimension < 1)
        {
            throw new ArgumentException($"dimension is {dimension}: expected at least 1.", nameof(dimension));
        }

        if (stride != 0 && stride < dimension)
        {
            throw new ArgumentException($"stride is {stride}: expected at least the dimension {dimension}, or 0 for rows without gaps.", nameof(stride));
        }

        stride = stride == 0 ? dimension : stride;
        long extent = count == 0 ? 0 : (count - 1L) * stride + dimension;
        return length >= extent
            ? stride
            : throw new ArgumentException($"rows holds {length} numbers: expected at least {extent} for {count} rows of dimension {dimension}, {stride} apart.", "rows");
    }

    /// <summary>Returns the dimension and stride of a matrix of so many rows, or throws.</summary>
    public static (int Dimension, int Stride) NotMatrix(in ReadOnlyTensorSpan<float> rows, int count)
    {
        if (rows.Rank != 2 || (rows.Lengths[1] > 1 && rows.Strides[1] != 1))
        {
            throw new ArgumentException($"rows is a tensor of rank {rows.Rank}: expected a matrix [count, dimension] with consecutive numbers in a row.", nameof(rows));
        }

        if (rows.Lengths[0] != count)
        {
            throw new ArgumentException($"labels holds {count} labels: expected {rows.Lengths[0]}, one per row.", "labels");
        }

        int dimension = checked((int)rows.Lengths[1]);
        return (dimension, count > 1 ? checked((int)rows.Strides[0]) : dimension);
    }
}
