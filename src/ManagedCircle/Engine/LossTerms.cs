using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>What options mean to the kernels.</summary>
internal static class LossTerms
{
    // Unit rows reach past 1 by rounding only.
    private const double UnitReach = 1.001;

    /// <summary>The constants of a pair's loss and gradient.</summary>
    public static PairTerms Of(CircleLossOptions options) => new(FormulaOf(options));

    /// <summary>The numbers of a pair's formula.</summary>
    public static PairFormula FormulaOf(CircleLossOptions options) => new()
    {
        Gamma = options.Gamma,
        Circle = options.Weighting == PairWeighting.Circle,
        Attached = options.WeightGradient == WeightGradient.Attached,
        PositiveOptimum = options.PositiveOptimum,
        PositiveMargin = options.PositiveMargin,
        NegativeOptimum = options.NegativeOptimum,
        NegativeMargin = options.NegativeMargin,
        Lowest = options.Clamp == SimilarityClamp.MinusOneToOne ? -1 : double.NegativeInfinity,
        Highest = options.Clamp == SimilarityClamp.None ? double.PositiveInfinity : 1,
        Reach = options.Normalize ? UnitReach : double.PositiveInfinity,
    };
}
