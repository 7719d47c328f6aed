namespace ManagedCircle;

/// <summary>A matrix of similarities and what its pairs are, over the caller's memory; nothing is copied.</summary>
public readonly ref struct SimilarityBatch
{
    /// <summary>A batch against itself, with labels.</summary>
    /// <param name="similarities">Similarities, shape [count, count], row-major.</param>
    /// <param name="labels">The class of each row and column, shape [count].</param>
    /// <exception cref="ArgumentException">The shapes do not match.</exception>
    /// <remarks>
    /// <see cref="CircleLossOptions.SelfDiagonal"/> says whether the pairs (i, i) take part. A query's pairs are those of its row; a whole-batch loss takes
    /// those above the diagonal (and on it, where it is kept). The matrix need not be symmetric, and row i of the gradient is that of row i alone.
    /// </remarks>
    public SimilarityBatch(ReadOnlySpan<float> similarities, ReadOnlySpan<long> labels)
        : this(similarities, EmbeddingBatch.OfLabels(labels), EmbeddingBatch.OfLabels(labels), self: true)
    {
    }

    /// <inheritdoc cref="SimilarityBatch(ReadOnlySpan{float}, ReadOnlySpan{long})"/>
    public SimilarityBatch(ReadOnlySpan<float> similarities, ReadOnlySpan<int> labels)
        : this(similarities, EmbeddingBatch.OfLabels(labels), EmbeddingBatch.OfLabels(labels), self: true)
    {
    }

    /// <summary>Queries against references, with labels.</summary>
    /// <param name="similarities">Similarities, shape [queryCount, referenceCount], row-major.</param>
    /// <param name="queryLabels">The class of each query, shape [queryCount].</param>
    /// <param name="referenceLabels">The class of each reference, shape [referenceCount].</param>
    /// <exception cref="ArgumentException">The shapes do not match.</exception>
    public SimilarityBatch(ReadOnlySpan<float> similarities, ReadOnlySpan<long> queryLabels, ReadOnlySpan<long> referenceLabels)
        : this(similarities, EmbeddingBatch.OfLabels(queryLabels), EmbeddingBatch.OfLabels(referenceLabels), self: false)
    {
    }

    /// <inheritdoc cref="SimilarityBatch(ReadOnlySpan{float}, ReadOnlySpan{long}, ReadOnlySpan{long})"/>
    public SimilarityBatch(ReadOnlySpan<float> similarities, ReadOnlySpan<int> queryLabels, ReadOnlySpan<int> referenceLabels)
        : this(similarities, EmbeddingBatch.OfLabels(queryLabels), EmbeddingBatch.OfLabels(referenceLabels), self: false)
    {
    }

    /// <summary>Queries against references, with what each pair is.</summary>
    /// <param name="similarities">Similarities, shape [queryCount, referenceCount], row-major.</param>
    /// <param name="mask">What each pair is, one byte each, shape [queryCount, referenceCount].</param>
    /// <param name="queryCount">How many queries there are.</param>
    /// <exception cref="ArgumentException">The shapes do not match, or a byte is no <see cref="PairKind"/>.</exception>
    /// <remarks>Diagonals, ignored label and excluded references have no part here: the mask says it all.</remarks>
    public SimilarityBatch(ReadOnlySpan<float> similarities, ReadOnlySpan<PairKind> mask, int queryCount)
    {
        ReferenceCount = ThrowIf.NotMatrix(similarities.Length, queryCount);
        ThrowIf.NotMask(mask, similarities.Length, ReferenceCount);
        Similarities = similarities;
        QueryCount = queryCount;
        Mask = mask;
        Source = PairSource.Mask;
    }

    /// <summary>Queries against references, with lists of the pairs that take part.</summary>
    /// <param name="similarities">Similarities, shape [queryCount, referenceCount], row-major.</param>
    /// <param name="lists">The pairs; each query is an index from 0 to queryCount - 1, each reference one from 0 to referenceCount - 1.</param>
    /// <param name="queryCount">How many queries there are.</param>
    /// <exception cref="ArgumentException">The shapes do not match, or an index is out of range.</exception>
    /// <remarks>
    /// Repeated pairs count once; the call refuses a pair that is listed as positive and as negative, by name. Diagonals, ignored label and excluded references
    /// have no part here.
    /// </remarks>
    public SimilarityBatch(ReadOnlySpan<float> similarities, PairLists lists, int queryCount)
    {
        ReferenceCount = ThrowIf.NotMatrix(similarities.Length, queryCount);
        ThrowIf.NotIndices(lists.PositiveQueries, queryCount, "PositiveQueries", "query");
        ThrowIf.NotIndices(lists.Positives, ReferenceCount, "Positives", "reference");
        ThrowIf.NotIndices(lists.NegativeQueries, queryCount, "NegativeQueries", "query");
        ThrowIf.NotIndices(lists.Negatives, ReferenceCount, "Negatives", "reference");
        Similarities = similarities;
        QueryCount = queryCount;
        Lists = lists;
        Source = PairSource.Lists;
    }

    private SimilarityBatch(ReadOnlySpan<float> similarities, EmbeddingBatch queries, EmbeddingBatch references, bool self)
        : this(queries, references, self)
    {
        ThrowIf.NotShape(similarities.Length, queries.Count, references.Count);
        Similarities = similarities;
    }

    /// <summary>The pairs of similarities that are yet to be computed.</summary>
    internal SimilarityBatch(EmbeddingBatch queries, EmbeddingBatch references, bool self)
    {
        QueryCount = queries.Count;
        ReferenceCount = references.Count;
        Queries = queries;
        References = references;
        Source = self ? PairSource.BatchLabels : PairSource.Labels;
    }

    /// <summary>The similarities, shape [<see cref="QueryCount"/>, <see cref="ReferenceCount"/>], row-major.</summary>
    public ReadOnlySpan<float> Similarities { get; }

    /// <summary>How many queries there are.</summary>
    public int QueryCount { get; }

    /// <summary>How many references there are.</summary>
    public int ReferenceCount { get; }

    /// <summary>How the pairs are given.</summary>
    internal PairSource Source { get; }

    /// <summary>The labels of the queries, without rows.</summary>
    internal EmbeddingBatch Queries { get; }

    /// <summary>The labels of the references, without rows.</summary>
    internal EmbeddingBatch References { get; }

    internal ReadOnlySpan<PairKind> Mask { get; }

    internal PairLists Lists { get; }
}
