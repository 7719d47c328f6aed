namespace ManagedCircle;

/// <summary>Optional outputs beside losses and gradient; those left empty are not computed.</summary>
/// <remarks>
/// What is given per loss has shape [queryCount], or [1] for a whole-batch loss. Indices are those of references; in a whole-batch loss those of pairs,
/// <c>query referenceCount + reference</c>.
/// </remarks>
public readonly ref struct SimilarityDetails
{
    /// <summary>Receives the weight of every pair (the paper's alpha), shape [queryCount, referenceCount]; 0 for an ignored pair.</summary>
    public Span<float> Weights { get; init; }

    /// <summary>Receives the logit of every pair, shape [queryCount, referenceCount]; -infinity for an ignored pair.</summary>
    public Span<float> Logits { get; init; }

    /// <summary>Receives P of each loss, the log-sum-exp of its positive logits; -infinity without positives.</summary>
    public Span<float> PositiveLogSumExp { get; init; }

    /// <summary>Receives N of each loss, the log-sum-exp of its negative logits; -infinity without negatives.</summary>
    public Span<float> NegativeLogSumExp { get; init; }

    /// <summary>Receives the number of positive pairs of each loss.</summary>
    public Span<int> PositiveCounts { get; init; }

    /// <summary>Receives the number of negative pairs of each loss.</summary>
    public Span<int> NegativeCounts { get; init; }

    /// <summary>Receives the hardest positive of each loss, the first of the least similarity; -1 for none.</summary>
    public Span<int> HardestPositives { get; init; }

    /// <summary>Receives the hardest negative of each loss, the first of the greatest similarity; -1 for none.</summary>
    public Span<int> HardestNegatives { get; init; }

    /// <summary>Whether anything is asked for of the losses, rather than of the pairs.</summary>
    internal bool AnyOfQueries => !(PositiveLogSumExp.IsEmpty && NegativeLogSumExp.IsEmpty && PositiveCounts.IsEmpty && NegativeCounts.IsEmpty
        && HardestPositives.IsEmpty && HardestNegatives.IsEmpty);
}
