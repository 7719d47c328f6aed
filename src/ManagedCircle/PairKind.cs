namespace ManagedCircle;

/// <summary>What a query and a reference are to each other.</summary>
public enum PairKind : byte
{
    /// <summary>The pair takes no part: a removed diagonal, an excluded reference, an ignored label.</summary>
    Ignored,

    /// <summary>Same class: to be drawn together.</summary>
    Positive,

    /// <summary>Different classes: to be driven apart.</summary>
    Negative,
}
