namespace ManagedCircle.Reference;

/// <summary>Optional per-query inputs: weight, upstream gradient, excluded reference. As <see cref="QueryTerms"/>, in double.</summary>
public sealed record ReferenceTerms
{
    /// <summary>The weight of each query's loss, shape [queryCount], finite; empty for 1. A whole-batch loss has no queries to weight.</summary>
    public double[] Weights { get; init; } = [];

    /// <summary>The gradient that flows in from above, finite: one number, or shape [queryCount]; empty for 1. A whole-batch loss takes one number.</summary>
    public double[] Upstream { get; init; } = [];

    /// <summary>
    /// The one reference that each query is not compared with, shape [queryCount], -1 for none; empty for what the options say.
    /// Only for queries against references.
    /// </summary>
    public int[] ExcludedReferences { get; init; } = [];
}
