namespace ManagedCircle;

/// <summary>Every choice of the losses that <see cref="PairLoss"/> computes; immutable, with a preset under each loss's name.</summary>
/// <remarks>
/// <para>For a query with similarities s to its references, positives those of its label and negatives the others:</para>
/// <code>
/// cost logit of a positive   lp = -PositiveScale (s - PositiveMargin)     falls with s; PositiveLogit has forms of angles
/// cost logit of a negative   ln = +NegativeScale (s - NegativeMargin)     rises with s
/// pooled                     P = log sum e^lp,   N = log sum e^ln,   Q = log sum e^-lp
/// loss                       Factor times what Pooling says of P, N, Q and the mean of lp, through Link where it has one
/// </code>
/// <para>
/// A temperature t is a scale of 1 / t. Squared distances of unit rows are 2 - 2 s, so a scale a of these is one of 2 a here. Presets are as the papers
/// have them; variants are named after the implementation. A choice that has no meaning beside another is an error, and never ignored.
/// </para>
/// </remarks>
public sealed record PairLossOptions
{
    /// <summary>
    /// InfoNCE, MoCo's loss and SimCLR's NT-Xent: <c>-log softmax(s / temperature)</c> of the positive, mean over the queries (van den Oord et al., arXiv
    /// 1807.03748). Hard negatives are further references, each under a label of its own.
    /// </summary>
    /// <param name="temperature">The temperature; 0.07 in MoCo, 0.1 or 0.5 in SimCLR.</param>
    public static PairLossOptions InfoNce(double temperature = 0.07) => Softmax(1 / temperature);

    /// <summary>Multiple negatives ranking, as sentence-transformers has it: InfoNCE of cosines with a scale of 20.</summary>
    /// <param name="scale">One over the temperature.</param>
    public static PairLossOptions MultipleNegativesRanking(double scale = 20) => Softmax(scale);

    /// <summary>Normalised softmax (NormFace): cross-entropy of scaled cosines to class weights, the references (Zhai and Wu, arXiv 1811.12649).</summary>
    /// <param name="temperature">One over the scale.</param>
    public static PairLossOptions NormFace(double temperature = 0.05) => Softmax(1 / temperature);

    /// <summary>CosFace: cross-entropy over class weights, the target's cosine less a margin (Wang et al., CVPR 2018, arXiv 1801.09414).</summary>
    /// <param name="scale">The scale s.</param>
    /// <param name="margin">The margin m; 0.35 in the paper and PyTorch Metric Learning, 0.4 in insightface and fast-reid.</param>
    public static PairLossOptions CosFace(double scale = 64, double margin = 0.35) => Softmax(scale) with { PositiveMargin = margin };

    /// <summary>Proxy-NCA as PyTorch Metric Learning has it, the positive among the denominator; the references are the proxies.</summary>
    /// <param name="scale">The scale of squared distances.</param>
    public static PairLossOptions ProxyNcaPyTorchMetricLearning(double scale = 1) => Softmax(2 * scale);

    /// <summary>The scale a of a positive's logit; above 0.</summary>
    public double PositiveScale { get; init; } = 1 / 0.07;

    /// <summary>The scale of a negative's logit; above 0.</summary>
    public double NegativeScale { get; init; } = 1 / 0.07;

    /// <summary>The similarity, or with <see cref="PositiveLogit"/> of angles the angle, that a positive pair is compared with; finite.</summary>
    public double PositiveMargin { get; init; }

    /// <summary>The similarity that a negative pair is compared with; finite.</summary>
    public double NegativeMargin { get; init; }

    /// <summary>How a positive's logit follows from its similarity.</summary>
    public PositiveLogit PositiveLogit { get; init; }

    /// <summary>How logits become a loss.</summary>
    public PairPooling Pooling { get; init; }

    /// <summary>What a pooled logit becomes as a loss.</summary>
    public LossLink Link { get; init; }

    /// <summary>The pairs that a query must have.</summary>
    public RequiredPairs Requires { get; init; }

    /// <summary>A constant factor on every loss and gradient; above 0.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>
    /// Whether rows are divided by their norm (floored at 1e-12) inside the loss, or taken as they are; inner products beyond 1e15 then count as that.
    /// </summary>
    public bool Normalize { get; init; } = true;

    /// <summary>The range that similarities are clamped to.</summary>
    public SimilarityClamp Clamp { get; init; }

    /// <summary>Whether a batch against itself compares a row with itself.</summary>
    public DiagonalPairs SelfDiagonal { get; init; } = DiagonalPairs.Removed;

    /// <summary>Whether queries against references compare query i with reference i.</summary>
    public DiagonalPairs ReferenceDiagonal { get; init; } = DiagonalPairs.Kept;

    /// <summary>How the losses of the queries become one number.</summary>
    public LossReduction Reduction { get; init; } = LossReduction.Mean;

    /// <summary>What the mean divides by.</summary>
    public PairMeanDenominator Denominator { get; init; }

    /// <summary>A label whose rows are neither query nor reference, and may hold anything; null for none.</summary>
    public long? IgnoreLabel { get; init; }

    /// <summary>Whether NaN or infinity in an input is an error that names its row. Off, it propagates into the losses and gradients it touches.</summary>
    public bool CheckInputs { get; init; } = true;

    /// <summary>Throws if an option is out of its range or has no meaning beside another, as every loss does when it is made.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or has no meaning beside another.</exception>
    public void Validate() => ThrowIf.Invalid(this);

    private static PairLossOptions Softmax(double scale) => new() { PositiveScale = scale, NegativeScale = scale };
}
