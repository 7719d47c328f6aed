namespace ManagedCircle;

/// <summary>Counts and means over the pairs of one kind.</summary>
/// <param name="Count">How many pairs there are.</param>
/// <param name="MeanSimilarity">The mean of their similarities, before the clamp; NaN without pairs.</param>
/// <param name="MeanWeight">The mean of their weights (the paper's alpha); NaN without pairs.</param>
/// <param name="ZeroWeightShare">The share of them whose weight is 0: pairs beyond their optimum, which have no gradient; NaN without pairs.</param>
public readonly record struct PairSummary(long Count, double MeanSimilarity, double MeanWeight, double ZeroWeightShare);
