namespace ManagedCircle;

/// <summary>Every choice that Circle loss leaves to its caller; immutable, with one preset per well-known implementation.</summary>
/// <remarks>
/// The defaults are the paper's (Sun et al., CVPR 2020, arXiv 2002.10857v2). Start from a preset and change what differs:
/// <c>CircleLossOptions.Keras with { Gamma = 256, Margin = 0.25 }</c>. A loss validates them once, when it is made.
/// </remarks>
public sealed record CircleLossOptions
{
    private readonly double? positiveOptimum, negativeOptimum, positiveMargin, negativeMargin;

    /// <summary>The paper's loss: gamma 80, m 0.4, weights detached, mean over the queries that have a positive and a negative.</summary>
    public static CircleLossOptions Paper { get; } = new();

    /// <summary>Keras 3's <c>keras.losses.Circle</c>: rows taken as they are, similarities at most 1, weights attached, mean over losses above 0.</summary>
    public static CircleLossOptions Keras { get; } = new()
    {
        Normalize = false,
        Clamp = SimilarityClamp.AtMostOne,
        WeightGradient = WeightGradient.Attached,
        ReferenceDiagonal = DiagonalPairs.Removed,
        Denominator = MeanDenominator.Nonzero,
    };

    /// <summary>TensorFlow Similarity's <c>CircleLoss</c>: as Keras, but <c>softplus(P) + softplus(N)</c> and the mean over all queries.</summary>
    public static CircleLossOptions TensorFlowSimilarity { get; } = Keras with
    {
        Combination = LossCombination.Separate,
        Denominator = MeanDenominator.All,
    };

    /// <summary>PyTorch Metric Learning's <c>CircleLoss</c>: weights detached, mean over losses above 0.</summary>
    public static CircleLossOptions PyTorchMetricLearning { get; } = new() { Denominator = MeanDenominator.Nonzero };

    /// <summary>fast-reid's <c>pairwise_circleloss</c>: gamma 128, m 0.25, mean over all queries.</summary>
    public static CircleLossOptions FastReId { get; } = new() { Gamma = 128, Margin = 0.25, Denominator = MeanDenominator.All };

    /// <summary>The paper's Eq. 6 over the whole batch: one loss, each unordered pair once, gamma 256, m 0.25.</summary>
    public static CircleLossOptions PaperGlobal { get; } = new() { Gamma = 256, Margin = 0.25, Scope = LossScope.Batch };

    /// <summary>Class-level Circle loss: the references are the class weights, gamma 64, m 0.35, mean over all queries.</summary>
    public static CircleLossOptions ClassLevel { get; } = new() { Gamma = 64, Margin = 0.35, Denominator = MeanDenominator.All };

    /// <summary>The scale gamma; above 0, and such that logits of unit rows, at most <c>gamma (1 + |O|) (1 + |D|)</c>, stay below 1e37.</summary>
    public double Gamma { get; init; } = 80;

    /// <summary>The relaxation factor m, from which the four constants below follow unless they are given; any finite number.</summary>
    public double Margin { get; init; } = 0.4;

    /// <summary>Op, the similarity that a positive pair is drawn to; <c>1 + m</c> unless given.</summary>
    public double PositiveOptimum { get => positiveOptimum ?? 1 + Margin; init => positiveOptimum = value; }

    /// <summary>On, the similarity that a negative pair is drawn to; <c>-m</c> unless given.</summary>
    public double NegativeOptimum { get => negativeOptimum ?? -Margin; init => negativeOptimum = value; }

    /// <summary>
    /// Dp, the similarity that a positive pair is compared with; unless given <c>1 - m</c>, or <c>m</c> with <see cref="PairWeighting.Constant"/>.
    /// </summary>
    public double PositiveMargin { get => positiveMargin ?? (Weighting == PairWeighting.Constant ? Margin : 1 - Margin); init => positiveMargin = value; }

    /// <summary>Dn, the similarity that a negative pair is compared with; unless given <c>m</c>, or 0 with <see cref="PairWeighting.Constant"/>.</summary>
    public double NegativeMargin { get => negativeMargin ?? (Weighting == PairWeighting.Constant ? 0 : Margin); init => negativeMargin = value; }

    /// <summary>How a pair is weighted (alpha).</summary>
    public PairWeighting Weighting { get; init; }

    /// <summary>Whether the weight (alpha) carries gradient.</summary>
    public WeightGradient WeightGradient { get; init; }

    /// <summary>
    /// Whether rows are divided by their norm (floored at 1e-12) inside the loss, or taken as they are; inner products beyond 1e15 then count as that.
    /// </summary>
    public bool Normalize { get; init; } = true;

    /// <summary>The range that similarities are clamped to.</summary>
    public SimilarityClamp Clamp { get; init; }

    /// <summary>One loss per query, or one for the whole batch.</summary>
    public LossScope Scope { get; init; }

    /// <summary>Joint or separate softplus of the two log-sum-exp.</summary>
    public LossCombination Combination { get; init; }

    /// <summary>Whether a batch against itself compares a row with itself.</summary>
    public DiagonalPairs SelfDiagonal { get; init; } = DiagonalPairs.Removed;

    /// <summary>Whether queries against references compare query i with reference i.</summary>
    public DiagonalPairs ReferenceDiagonal { get; init; } = DiagonalPairs.Kept;

    /// <summary>How the losses of the queries become one number. With <see cref="LossScope.Batch"/> there is one loss, and this changes nothing.</summary>
    public LossReduction Reduction { get; init; } = LossReduction.Mean;

    /// <summary>What the mean divides by.</summary>
    public MeanDenominator Denominator { get; init; } = MeanDenominator.Valid;

    /// <summary>A constant factor on every loss and gradient.</summary>
    public OutputScale OutputScale { get; init; }

    /// <summary>A label whose rows are neither query nor reference, and may hold anything; null for none.</summary>
    public long? IgnoreLabel { get; init; }

    /// <summary>Whether NaN or infinity in an input is an error that names its row. Off, it propagates into the losses and gradients it touches.</summary>
    public bool CheckInputs { get; init; } = true;

    /// <summary>Throws if an option is out of its range, as every loss does when it is made.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public void Validate() => ThrowIf.Invalid(this);
}
