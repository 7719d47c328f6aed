namespace ManagedCircle;

/// <summary>Rows of embeddings and the class of each, over the caller's memory; nothing is copied.</summary>
public readonly ref struct EmbeddingBatch
{
    /// <summary>Rows with 64-bit labels, one after the other.</summary>
    /// <param name="rows">Embeddings, shape [count, dimension], row-major.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <exception cref="ArgumentException"><paramref name="rows"/> does not divide into as many rows as there are labels.</exception>
    public EmbeddingBatch(ReadOnlySpan<float> rows, ReadOnlySpan<long> labels)
        : this(rows, labels, ThrowIf.NotDivisible(rows.Length, labels.Length))
    {
    }

    /// <summary>Rows with 32-bit labels, one after the other.</summary>
    /// <param name="rows">Embeddings, shape [count, dimension], row-major.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <exception cref="ArgumentException"><paramref name="rows"/> does not divide into as many rows as there are labels.</exception>
    public EmbeddingBatch(ReadOnlySpan<float> rows, ReadOnlySpan<int> labels)
        : this(rows, labels, ThrowIf.NotDivisible(rows.Length, labels.Length))
    {
    }

    /// <summary>Rows with 64-bit labels, <paramref name="stride"/> numbers apart.</summary>
    /// <param name="rows">Embeddings, shape [count, dimension], row-major with the given stride; at least (count - 1) stride + dimension long.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="stride">Numbers from one row's start to the next's, at least <paramref name="dimension"/>; 0 means the dimension.</param>
    /// <exception cref="ArgumentException">The dimension or stride is out of range, or <paramref name="rows"/> is too short.</exception>
    public EmbeddingBatch(ReadOnlySpan<float> rows, ReadOnlySpan<long> labels, int dimension, int stride = 0)
    {
        Stride = ThrowIf.NotRows(rows.Length, labels.Length, dimension, stride);
        Rows = rows;
        Dimension = dimension;
        Labels64 = labels;
        Count = labels.Length;
    }

    /// <summary>Rows with 32-bit labels, <paramref name="stride"/> numbers apart.</summary>
    /// <param name="rows">Embeddings, shape [count, dimension], row-major with the given stride; at least (count - 1) stride + dimension long.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="stride">Numbers from one row's start to the next's, at least <paramref name="dimension"/>; 0 means the dimension.</param>
    /// <exception cref="ArgumentException">The dimension or stride is out of range, or <paramref name="rows"/> is too short.</exception>
    public EmbeddingBatch(ReadOnlySpan<float> rows, ReadOnlySpan<int> labels, int dimension, int stride = 0)
    {
        Stride = ThrowIf.NotRows(rows.Length, labels.Length, dimension, stride);
        Rows = rows;
        Dimension = dimension;
        Labels32 = labels;
        Count = labels.Length;
    }

    private EmbeddingBatch(ReadOnlySpan<long> labels64, ReadOnlySpan<int> labels32)
    {
        Labels64 = labels64;
        Labels32 = labels32;
        Count = labels64.Length + labels32.Length;
    }

    /// <summary>Labels whose rows are elsewhere.</summary>
    internal static EmbeddingBatch OfLabels(ReadOnlySpan<long> labels) => new(labels, default(ReadOnlySpan<int>));

    /// <summary>Labels whose rows are elsewhere.</summary>
    internal static EmbeddingBatch OfLabels(ReadOnlySpan<int> labels) => new(default(ReadOnlySpan<long>), labels);

    /// <summary>The rows, row-major, <see cref="Stride"/> numbers apart.</summary>
    public ReadOnlySpan<float> Rows { get; }

    /// <summary>How many rows there are.</summary>
    public int Count { get; }

    /// <summary>Numbers in a row.</summary>
    public int Dimension { get; }

    /// <summary>Numbers from one row's start to the next's.</summary>
    public int Stride { get; }

    /// <summary>The labels where they are 64-bit, otherwise empty.</summary>
    internal ReadOnlySpan<long> Labels64 { get; }

    /// <summary>The labels where they are 32-bit, otherwise empty.</summary>
    internal ReadOnlySpan<int> Labels32 { get; }

    /// <summary>The class of row <paramref name="row"/>.</summary>
    /// <param name="row">A row, from 0 to <see cref="Count"/> - 1.</param>
    public long Label(int row) => Labels64.IsEmpty ? Labels32[row] : Labels64[row];

    /// <summary>Numbers from the first row's start to the last row's end: the least length of a gradient of these rows.</summary>
    internal long Extent => Count == 0 ? 0 : (Count - 1L) * Stride + Dimension;
}
