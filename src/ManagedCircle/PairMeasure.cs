namespace ManagedCircle;

/// <summary>What a loss compares two rows by; more is nearer.</summary>
public enum PairMeasure
{
    /// <summary>Their similarity s, the cosine or the inner product.</summary>
    Similarity,

    /// <summary>Minus the square of their distance, <c>-|u - v|^2</c>.</summary>
    SquaredDistance,

    /// <summary>Minus their distance, <c>-|u - v|</c>, whose gradient is 0 where it is 0.</summary>
    Distance,
}
