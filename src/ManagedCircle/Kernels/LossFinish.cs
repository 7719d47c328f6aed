namespace ManagedCircle.Kernels;

/// <summary>How the sums of a query become its loss.</summary>
/// <param name="Pooling">How they are pooled.</param>
/// <param name="Link">What the pooled logit becomes.</param>
/// <param name="Requires">The pairs that a query needs.</param>
internal readonly record struct LossFinish(SumsPooling Pooling, SumsLink Link = SumsLink.Softplus, NeededPairs Requires = NeededPairs.PositiveAndNegative)
{
    /// <summary>What the two parts of a separate loss are multiplied by.</summary>
    public float PositiveFactor { get; init; } = 1;

    /// <inheritdoc cref="PositiveFactor"/>
    public float NegativeFactor { get; init; } = 1;

    /// <summary>The scale and the margin of positives.</summary>
    public float PositiveScale { get; init; }

    /// <inheritdoc cref="PositiveScale"/>
    public float PositiveMargin { get; init; }
}

/// <summary>How the sums of positives and of negatives are pooled; the formulas are in <see cref="QueryFinish"/>.</summary>
internal enum SumsPooling
{
    Joint,
    Separate,
    Nearest,
    Mean,
}

/// <summary>What a pooled logit z becomes: log(1 + e^z), z, max(z, 0) or max(z, 0)^2 / 2.</summary>
internal enum SumsLink
{
    Softplus,
    Identity,
    Hinge,
    HalfSquaredHinge,
}

/// <summary>The pairs without which a query has no loss.</summary>
internal enum NeededPairs
{
    PositiveAndNegative,
    Positive,
    Any,
}
