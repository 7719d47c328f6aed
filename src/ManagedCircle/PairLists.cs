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
