namespace ManagedCircle.Engine;

/// <summary>Rows in the caller's memory, their shape checked.</summary>
internal readonly ref struct RowMatrix
{
    /// <summary>As many rows as the memory holds.</summary>
    /// <exception cref="ArgumentException">The dimension or stride is out of range, or the memory holds no whole number of rows.</exception>
    public RowMatrix(ReadOnlySpan<float> memory, int dimension, int stride, string name)
        : this(memory, 0, dimension, ThrowIf.NotStride(ThrowIf.NotDimension(dimension), stride, "stride")) =>
        Count = ThrowIf.NotWholeRows(memory.Length, dimension, Stride, name);

    /// <summary>Rows of a shape that was checked.</summary>
    public RowMatrix(ReadOnlySpan<float> memory, int count, int columns, int stride)
    {
        Memory = memory;
        Count = count;
        Columns = columns;
        Stride = stride;
    }

    public ReadOnlySpan<float> Memory { get; }

    public int Count { get; }

    public int Columns { get; }

    public int Stride { get; }
}
