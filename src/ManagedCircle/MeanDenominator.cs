namespace ManagedCircle;

/// <summary>What <see cref="LossReduction.Mean"/> divides by. A denominator of 0 gives loss 0 and gradient 0.</summary>
public enum MeanDenominator
{
    /// <summary>The number of queries.</summary>
    All,

    /// <summary>The number of queries that have a positive and a negative.</summary>
    Valid,

    /// <summary>The number of queries with a loss above 0.</summary>
    Nonzero,

    /// <summary>The sum of the query weights.</summary>
    Weights,

    /// <summary>The sum of the weights of the queries with a loss above 0 (Keras' <c>mean_with_sample_weight</c>).</summary>
    NonzeroWeights,
}
