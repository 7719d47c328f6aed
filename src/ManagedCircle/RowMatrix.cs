namespace ManagedCircle;

/// <summary>A matrix of rows over the caller's memory; nothing is copied.</summary>
public readonly ref struct RowMatrix
{
    private readonly int dimension;

    /// <summary>As many rows as the span holds.</summary>
    /// <param name="rows">Numbers, shape [count, dimension], row-major with the given stride; the last row may end without its gap.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="stride">Numbers from one row's start to the next's, at least <paramref name="dimension"/>; 0 means the dimension.</param>
    /// <exception cref="ArgumentException">The dimension or stride is out of range, or <paramref name="rows"/> holds no whole number of rows.</exception>
    public RowMatrix(ReadOnlySpan<float> rows, int dimension, int stride = 0)
    {
        Stride = ThrowIf.NotStride(ThrowIf.NotDimension(dimension), stride, nameof(stride));
        Count = ThrowIf.NotWholeRows(rows.Length, dimension, Stride, nameof(rows));
        Rows = rows;
        this.dimension = dimension;
    }

    /// <summary>Rows of a shape that was checked.</summary>
    internal RowMatrix(ReadOnlySpan<float> rows, int count, int dimension, int stride)
    {
        Rows = rows;
        Count = count;
        Stride = stride;
        this.dimension = dimension;
    }

    /// <summary>The rows, row-major, <see cref="Stride"/> numbers apart.</summary>
    public ReadOnlySpan<float> Rows { get; }

    /// <summary>How many rows there are.</summary>
    public int Count { get; }

    /// <summary>Numbers in a row; 1 in the default matrix, which has no rows.</summary>
    public int Dimension => Math.Max(1, dimension);

    /// <summary>Numbers from one row's start to the next's.</summary>
    public int Stride { get; }
}
