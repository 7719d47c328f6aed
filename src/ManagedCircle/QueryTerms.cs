namespace ManagedCircle;

/// <summary>Optional inputs for each query: its weight, the gradient from above, and the reference it is not compared with.</summary>
public readonly ref struct QueryTerms
{
    /// <summary>The weight of each query's loss, shape [queryCount], finite; empty for 1. A whole-batch loss takes none.</summary>
    public ReadOnlySpan<float> Weights { get; init; }

    /// <summary>The gradient that flows in from above, finite: one number, or shape [queryCount]; empty for 1. A whole-batch loss takes one number.</summary>
    public ReadOnlySpan<float> Upstream { get; init; }

    /// <summary>
    /// The one reference that each query is not compared with, shape [queryCount], each an index or -1 for none; empty for what
    /// <see cref="CircleLossOptions.ReferenceDiagonal"/> says. A batch against itself takes none.
    /// </summary>
    public ReadOnlySpan<int> ExcludedReferences { get; init; }
}
