namespace ManagedCircle;

/// <summary>What the mean of a <see cref="PairLoss"/> divides by: as <see cref="MeanDenominator"/>, and more. 0 gives loss 0 and gradient 0.</summary>
public enum PairMeanDenominator
{
    /// <summary>The number of queries.</summary>
    All,

    /// <summary>The number of queries that have the pairs they need (<see cref="PairLossOptions.Requires"/>).</summary>
    Valid,

    /// <summary>The number of queries with a loss above 0.</summary>
    Nonzero,

    /// <summary>The sum of the query weights.</summary>
    Weights,

    /// <summary>The sum of the weights of the queries with a loss above 0.</summary>
    NonzeroWeights,

    /// <summary>For the positives' part of a separate loss the number of queries with a positive, for the negatives' part that of all queries.</summary>
    WithPositive,

    /// <summary>The number of positive pairs, of a loss that has a term for each.</summary>
    PositivePairs,

    /// <summary>For the positives' terms the number of those above 0, for the negatives' likewise, of a loss of every pair by itself.</summary>
    NonzeroPairs,
}
