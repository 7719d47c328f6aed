namespace ManagedCircle;

/// <summary>Pairs of a query and a reference as index lists, over the caller's memory: what a miner selects.</summary>
/// <remarks>
/// The four lists are PyTorch Metric Learning's <c>(a1, p, a2, n)</c>, the three its triplets <c>(a, p, n)</c>. A pair that is listed twice counts once;
/// one that no list names takes no part.
/// </remarks>
public readonly ref struct PairLists
{
    /// <summary>Positive pairs and negative pairs.</summary>
    /// <param name="positiveQueries">The query of each positive pair, shape [positiveCount].</param>
    /// <param name="positives">The reference of each positive pair, shape [positiveCount].</param>
    /// <param name="negativeQueries">The query of each negative pair, shape [negativeCount].</param>
    /// <param name="negatives">The reference of each negative pair, shape [negativeCount].</param>
    /// <exception cref="ArgumentException">Lists that belong together have unlike lengths.</exception>
    public PairLists(ReadOnlySpan<int> positiveQueries, ReadOnlySpan<int> positives, ReadOnlySpan<int> negativeQueries, ReadOnlySpan<int> negatives)
    {
        ThrowIf.NotLength(positives.Length, positiveQueries.Length, nameof(positives), "one per positive query");
        ThrowIf.NotLength(negatives.Length, negativeQueries.Length, nameof(negatives), "one per negative query");
        PositiveQueries = positiveQueries;
        Positives = positives;
        NegativeQueries = negativeQueries;
        Negatives = negatives;
    }

    /// <summary>Triplets: each a positive pair and a negative pair of one query.</summary>
    /// <param name="queries">The query of each triplet, shape [tripletCount].</param>
    /// <param name="positives">The positive reference of each triplet, shape [tripletCount].</param>
    /// <param name="negatives">The negative reference of each triplet, shape [tripletCount].</param>
    /// <exception cref="ArgumentException">The lists have unlike lengths.</exception>
    public PairLists(ReadOnlySpan<int> queries, ReadOnlySpan<int> positives, ReadOnlySpan<int> negatives)
        : this(queries, positives, queries, negatives)
    {
    }

    /// <summary>The query of each positive pair.</summary>
    public ReadOnlySpan<int> PositiveQueries { get; }

    /// <summary>The reference of each positive pair.</summary>
    public ReadOnlySpan<int> Positives { get; }

    /// <summary>The query of each negative pair.</summary>
    public ReadOnlySpan<int> NegativeQueries { get; }

    /// <summary>The reference of each negative pair.</summary>
    public ReadOnlySpan<int> Negatives { get; }
}

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

/// <summary>How the pairs of a <see cref="SimilarityBatch"/> are given.</summary>
internal enum PairSource
{
    /// <summary>By the labels of a batch that is compared with itself.</summary>
    BatchLabels,

    /// <summary>By the labels of queries and references.</summary>
    Labels,

    /// <summary>By a byte for each.</summary>
    Mask,

    /// <summary>By lists.</summary>
    Lists,
}
