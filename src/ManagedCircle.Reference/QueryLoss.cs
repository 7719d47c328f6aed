namespace ManagedCircle.Reference;

/// <summary>The loss of one query from the logits of its pairs, and its derivative by each of them.</summary>
/// <remarks>
/// The loss is the sum of its terms. Most losses are one term; a loss of pairs has one for each pair. Where positives and negatives each have a loss of their
/// own, positives have a part in <see cref="PositiveTerms"/> alone, and negatives in <see cref="NegativeTerms"/>.
/// </remarks>
/// <param name="PositiveTerms">The terms of the positives, or of both sides where one loss is of both.</param>
/// <param name="NegativeTerms">The terms of the negatives alone.</param>
/// <param name="Positives">The derivative by the logit of each positive.</param>
/// <param name="Negatives">The derivative by the logit of each negative.</param>
public sealed record QueryLoss(double[] PositiveTerms, double[] NegativeTerms, double[] Positives, double[] Negatives)
{
    /// <summary>The sum of all terms.</summary>
    public double Loss => PositiveTerms.Sum() + NegativeTerms.Sum();

    /// <summary>The derivative by the logit of each negative of each positive, where they have a part in the loss; else empty.</summary>
    public double[][] NegativesOfPositives { get; init; } = [];
}
