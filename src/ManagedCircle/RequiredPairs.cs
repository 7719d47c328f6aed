namespace ManagedCircle;

/// <summary>The pairs that a query must have; without them its loss and gradient are 0.</summary>
public enum RequiredPairs
{
    /// <summary>A positive and a negative.</summary>
    PositiveAndNegative,

    /// <summary>A positive; without negatives e^N is 0.</summary>
    Positive,

    /// <summary>A pair of any kind: where a side is missing its P or N is 0, and its part of a separate loss.</summary>
    Any,
}
