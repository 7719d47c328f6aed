namespace ManagedCircle;

/// <summary>How the losses of the queries become one number.</summary>
public enum LossReduction
{
    /// <summary>They do not: the result's loss is NaN, and the losses themselves are the answer.</summary>
    None,

    /// <summary>The weighted sum.</summary>
    Sum,

    /// <summary>The weighted sum over the denominator that <see cref="MeanDenominator"/> names.</summary>
    Mean,
}
