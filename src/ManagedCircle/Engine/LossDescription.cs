using System.Diagnostics;
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

    /// <summary>What multiplies the gradient of positives and of negatives: d logit / ds over the slope that kernels compute, and its part's factor.</summary>
    public required double PositiveScale { get; init; }

    /// <inheritdoc cref="PositiveScale"/>
    public required double NegativeScale { get; init; }

    /// <summary>How the sums of a query become its loss.</summary>
    public required LossFinish Finish { get; init; }

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

    /// <summary>Whether references count as queries, too.</summary>
    public bool BothDirections { get; init; }

    /// <summary>The scale where all logits are it times s; 0 where they are not.</summary>
    public double CommonScale { get; init; }

    /// <summary>Whether the loss asks for the totals of positives.</summary>
    public bool KeepsTotals => Finish.Pooling == SumsPooling.Mean;

    /// <summary>Whether there is one loss for all queries.</summary>
    public bool OfBatch => Scope == LossScope.Batch;

    /// <summary>Circle loss.</summary>
    public static LossDescription Of(CircleLossOptions options) => new(FormulaOf(options))
    {
        PositiveScale = options.Gamma,
        NegativeScale = options.Gamma,
        Finish = new LossFinish(options.Combination == LossCombination.Joint ? SumsPooling.Joint : SumsPooling.Separate),
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

    /// <summary>A loss of <see cref="PairLoss"/>.</summary>
    public static LossDescription Of(PairLossOptions options)
    {
        bool byScale = options.Pooling == PairPooling.SeparateByScale;
        return new(FormulaOf(options))
        {
            PositiveScale = byScale ? 1 : options.PositiveScale,
            NegativeScale = byScale ? 1 : options.NegativeScale,
            Finish = new LossFinish(PoolingOf(options.Pooling), LinkOf(options.Link), NeedsOf(options.Requires))
            {
                PositiveFactor = byScale ? (float)(1 / options.PositiveScale) : 1,
                NegativeFactor = byScale ? (float)(1 / options.NegativeScale) : 1,
                PositiveScale = (float)options.PositiveScale,
                PositiveMargin = (float)options.PositiveMargin,
            },
            BothDirections = options.Directions == LossDirections.Both,
            CommonScale = CommonScaleOf(options),
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
    }

    /// <summary>The numbers of a pair's formula in Circle loss.</summary>
    public static PairFormula FormulaOf(CircleLossOptions options) => new()
    {
        PositiveScale = options.Gamma,
        NegativeScale = options.Gamma,
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
        PositiveScale = options.PositiveScale,
        NegativeScale = options.NegativeScale + options.NegativeHardness,
        RaisesPositives = options.Pooling is PairPooling.Nearest or PairPooling.Mean,
        Arc = options.PositiveLogit == PositiveLogit.Linear ? default : new ArcMargin(
            options.PositiveMargin,
            linear: options.PositiveLogit == PositiveLogit.ArcThenLinear,
            straightThrough: options.PositiveLogit == PositiveLogit.ArcStraightThrough),
        Circle = false,
        Attached = false,
        PositiveOptimum = 0,
        PositiveMargin = options.PositiveMargin,
        NegativeOptimum = 0,
        NegativeMargin = options.NegativeMargin * options.NegativeScale / (options.NegativeScale + options.NegativeHardness),
        Lowest = Lowest(options.Clamp),
        Highest = Highest(options.Clamp),
        Reach = Reach(options.Normalize),
    };

    private static double CommonScaleOf(PairLossOptions options) =>
        options is { PositiveMargin: 0, NegativeMargin: 0, NegativeHardness: 0, PositiveLogit: PositiveLogit.Linear, Clamp: SimilarityClamp.None }
        && options.PositiveScale == options.NegativeScale && options.Pooling != PairPooling.SeparateByScale
            ? options.PositiveScale
            : 0;

    private static SumsPooling PoolingOf(PairPooling pooling) => pooling switch
    {
        PairPooling.LogSumExp => SumsPooling.Joint,
        PairPooling.Separate or PairPooling.SeparateByScale => SumsPooling.Separate,
        PairPooling.Nearest => SumsPooling.Nearest,
        PairPooling.Mean => SumsPooling.Mean,
        _ => throw new UnreachableException("The other ways of pooling were refused."),
    };

    private static SumsLink LinkOf(LossLink link) => link switch
    {
        LossLink.Softplus => SumsLink.Softplus,
        LossLink.Identity => SumsLink.Identity,
        LossLink.Hinge => SumsLink.Hinge,
        _ => SumsLink.HalfSquaredHinge,
    };

    private static NeededPairs NeedsOf(RequiredPairs pairs) => pairs switch
    {
        RequiredPairs.PositiveAndNegative => NeededPairs.PositiveAndNegative,
        RequiredPairs.Positive => NeededPairs.Positive,
        _ => NeededPairs.Any,
    };

    private static double Lowest(SimilarityClamp clamp) => clamp == SimilarityClamp.MinusOneToOne ? -1 : double.NegativeInfinity;

    private static double Highest(SimilarityClamp clamp) => clamp == SimilarityClamp.None ? double.PositiveInfinity : 1;

    private static double Reach(bool normalize) => normalize ? UnitReach : double.PositiveInfinity;
}
