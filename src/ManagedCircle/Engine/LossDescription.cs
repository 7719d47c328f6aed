using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>What a loss is to the engines, whichever options it was made with.</summary>
/// <param name="Formula">The numbers of a pair's formula.</param>
internal sealed record LossDescription(PairFormula Formula)
{
    // Unit rows reach past 1 by rounding only.
    private const double UnitReach = 1.001;

    /// <summary>The constants of a pair's loss and gradient.</summary>
    public PairTerms Terms { get; } = new(Formula);

    /// <summary>d logit / ds over the slope that kernels compute, of positives and of negatives.</summary>
    public required double PositiveScale { get; init; }

    /// <inheritdoc cref="PositiveScale"/>
    public required double NegativeScale { get; init; }

    public required PairPooling Pooling { get; init; }

    /// <summary>A constant factor on every loss and gradient.</summary>
    public required double Factor { get; init; }

    public required LossScope Scope { get; init; }

    public required DiagonalPairs SelfDiagonal { get; init; }

    public required DiagonalPairs ReferenceDiagonal { get; init; }

    public required LossReduction Reduction { get; init; }

    public required PairMeanDenominator Denominator { get; init; }

    public required long? IgnoreLabel { get; init; }

    public required bool Normalize { get; init; }

    public required bool CheckInputs { get; init; }

    /// <summary>Whether there is one loss for all queries.</summary>
    public bool OfBatch => Scope == LossScope.Batch;

    /// <summary>Circle loss.</summary>
    public static LossDescription Of(CircleLossOptions options) => new(FormulaOf(options))
    {
        PositiveScale = options.Gamma,
        NegativeScale = options.Gamma,
        Pooling = options.Combination == LossCombination.Joint ? PairPooling.LogSumExp : PairPooling.Separate,
        Factor = options.OutputScale == OutputScale.InverseGamma ? (float)(1 / options.Gamma) : 1,
        Scope = options.Scope,
        SelfDiagonal = options.SelfDiagonal,
        ReferenceDiagonal = options.ReferenceDiagonal,
        Reduction = options.Reduction,
        Denominator = (PairMeanDenominator)options.Denominator,
        IgnoreLabel = options.IgnoreLabel,
        Normalize = options.Normalize,
        CheckInputs = options.CheckInputs,
    };

    /// <summary>A loss of pairs with linear logits.</summary>
    public static LossDescription Of(PairLossOptions options) => new(FormulaOf(options))
    {
        PositiveScale = options.PositiveScale,
        NegativeScale = options.NegativeScale,
        Pooling = options.Pooling,
        Factor = options.Factor,
        Scope = LossScope.PerQuery,
        SelfDiagonal = options.SelfDiagonal,
        ReferenceDiagonal = options.ReferenceDiagonal,
        Reduction = options.Reduction,
        Denominator = options.Denominator,
        IgnoreLabel = options.IgnoreLabel,
        Normalize = options.Normalize,
        CheckInputs = options.CheckInputs,
    };

    /// <summary>The numbers of a pair's formula in Circle loss.</summary>
    public static PairFormula FormulaOf(CircleLossOptions options) => new()
    {
        Gamma = options.Gamma,
        Circle = options.Weighting == PairWeighting.Circle,
        Attached = options.WeightGradient == WeightGradient.Attached,
        PositiveOptimum = options.PositiveOptimum,
        PositiveMargin = options.PositiveMargin,
        NegativeOptimum = options.NegativeOptimum,
        NegativeMargin = options.NegativeMargin,
        Lowest = Lowest(options.Clamp),
        Highest = Highest(options.Clamp),
        Reach = Reach(options.Normalize),
    };

    private static PairFormula FormulaOf(PairLossOptions options) => new()
    {
        Gamma = options.PositiveScale,
        Circle = false,
        Attached = false,
        PositiveOptimum = 0,
        PositiveMargin = options.PositiveMargin,
        NegativeOptimum = 0,
        NegativeMargin = options.NegativeMargin,
        Lowest = Lowest(options.Clamp),
        Highest = Highest(options.Clamp),
        Reach = Reach(options.Normalize),
    };

    private static double Lowest(SimilarityClamp clamp) => clamp == SimilarityClamp.MinusOneToOne ? -1 : double.NegativeInfinity;

    private static double Highest(SimilarityClamp clamp) => clamp == SimilarityClamp.None ? double.PositiveInfinity : 1;

    private static double Reach(bool normalize) => normalize ? UnitReach : double.PositiveInfinity;
}
