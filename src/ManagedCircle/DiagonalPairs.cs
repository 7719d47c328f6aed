namespace ManagedCircle;

/// <summary>Whether the pairs (i, i) take part.</summary>
public enum DiagonalPairs
{
    /// <summary>Reference i is no positive of query i. Of another class it stays a negative, as in Keras; in a batch against itself it never is.</summary>
    Removed,

    /// <summary>Query i is compared with reference i like with any other.</summary>
    Kept,
}
