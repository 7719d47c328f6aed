namespace ManagedCircle;

/// <summary>Every choice of the losses of pairs, of which <see cref="PairLoss"/> computes most; immutable, with a preset under each loss's name.</summary>
/// <remarks>
/// <para>For a query with similarities s to its references, positives those of its label and negatives the others:</para>
/// <code>
/// cost logit of a positive   lp = -PositiveScale (s - PositiveMargin)     falls with s; PositiveLogit has forms of angles
/// cost logit of a negative   ln = +NegativeScale (s - NegativeMargin)     rises with s; NegativeHardness s is added without gradient
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

    /// <summary>
    /// CLIP: InfoNCE of pairs in both directions, each image among the texts and each text among the images (Radford et al., ICML 2021, arXiv 2103.00020). Its
    /// learned scale's gradient is <see cref="LossResult.ScaleGradient"/>.
    /// </summary>
    /// <param name="scale">One over the temperature; it begins at 1 / 0.07, and is held to 100.</param>
    public static PairLossOptions Clip(double scale = 1 / 0.07) => Softmax(scale) with { Directions = LossDirections.Both };

    /// <summary>Normalised softmax (NormFace): cross-entropy of scaled cosines to class weights, the references (Zhai and Wu, arXiv 1811.12649).</summary>
    /// <param name="temperature">One over the scale.</param>
    public static PairLossOptions NormFace(double temperature = 0.05) => Softmax(1 / temperature);

    /// <summary>CosFace: cross-entropy over class weights, the target's cosine less a margin (Wang et al., CVPR 2018, arXiv 1801.09414).</summary>
    /// <param name="scale">The scale s.</param>
    /// <param name="margin">The margin m; 0.35 in the paper and PyTorch Metric Learning, 0.4 in insightface and fast-reid.</param>
    public static PairLossOptions CosFace(double scale = 64, double margin = 0.35) => Softmax(scale) with { PositiveMargin = margin };

    /// <summary>ArcFace: CosFace with a margin of the target's angle (Deng et al., CVPR 2019, arXiv 1801.07698); fast-reid's is this.</summary>
    /// <param name="scale">The scale s.</param>
    /// <param name="margin">The margin m in radians.</param>
    public static PairLossOptions ArcFace(double scale = 64, double margin = 0.5) =>
        Softmax(scale) with { PositiveMargin = margin, PositiveLogit = PositiveLogit.Arc };

    /// <summary>ArcFace as insightface trains it: the margin's derivative by the target's cosine is taken to be 1.</summary>
    /// <inheritdoc cref="ArcFace"/>
    public static PairLossOptions ArcFaceInsightFace(double scale = 64, double margin = 0.5) =>
        ArcFace(scale, margin) with { PositiveLogit = PositiveLogit.ArcStraightThrough };

    /// <summary>ArcFace as PyTorch Metric Learning has it: linear beyond an angle of pi - m.</summary>
    /// <param name="scale">The scale s.</param>
    /// <param name="degrees">The margin m in degrees.</param>
    public static PairLossOptions ArcFacePyTorchMetricLearning(double scale = 64, double degrees = 28.6) =>
        ArcFace(scale, degrees * Math.PI / 180) with { PositiveLogit = PositiveLogit.ArcThenLinear };

    /// <summary>
    /// Proxy-NCA: squared distances to proxies, which are the references; a query's proxy is no part of its denominator, so losses may be below 0
    /// (Movshovitz-Attias et al., ICCV 2017, arXiv 1703.07464).
    /// </summary>
    /// <param name="scale">The scale of squared distances.</param>
    public static PairLossOptions ProxyNca(double scale = 1) => Softmax(2 * scale) with { Link = LossLink.Identity };

    /// <summary>Proxy-NCA as PyTorch Metric Learning has it, the positive among the denominator; the references are the proxies.</summary>
    /// <param name="scale">The scale of squared distances.</param>
    public static PairLossOptions ProxyNcaPyTorchMetricLearning(double scale = 1) => Softmax(2 * scale);

    /// <summary>
    /// Proxy Anchor: <b>the queries are the proxies</b>, one row a class, and the references the batch; the mean of the positives' parts is over the proxies
    /// that have one (Kim et al., CVPR 2020, arXiv 2003.13911).
    /// </summary>
    /// <param name="scale">The scale alpha.</param>
    /// <param name="margin">The margin delta: positives are compared with it, negatives with -delta.</param>
    public static PairLossOptions ProxyAnchor(double scale = 32, double margin = 0.1) => Softmax(scale) with
    {
        PositiveMargin = margin,
        NegativeMargin = -margin,
        Pooling = PairPooling.Separate,
        Requires = RequiredPairs.Any,
        Denominator = PairMeanDenominator.WithPositive,
    };

    /// <summary>
    /// Supervised contrastive learning, the mean over positives outside the logarithm (Khosla et al., NeurIPS 2020, arXiv 2004.11362). The authors' code
    /// multiplies by temperature / base_temperature, which is <see cref="Factor"/> here.
    /// </summary>
    /// <param name="temperature">The temperature.</param>
    public static PairLossOptions SupCon(double temperature = 0.07) => Softmax(1 / temperature) with
    {
        Pooling = PairPooling.Mean,
        Requires = RequiredPairs.Positive,
    };

    /// <summary>SupCon as PyTorch Metric Learning has it: temperature 0.1, mean over losses above 0.</summary>
    /// <inheritdoc cref="SupCon"/>
    public static PairLossOptions SupConPyTorchMetricLearning(double temperature = 0.1) =>
        SupCon(temperature) with { Denominator = PairMeanDenominator.Nonzero };

    /// <summary>N-pair as TensorFlow Addons has it: SupCon of inner products without a temperature, a row being its own positive, too.</summary>
    public static PairLossOptions NPairTensorFlowAddons() => SupCon(1) with { Normalize = false, SelfDiagonal = DiagonalPairs.Kept };

    /// <summary>
    /// MultiSimilarity over all pairs, as PyTorch Metric Learning has it without a miner (Wang et al., CVPR 2019, arXiv 1904.06627).
    /// </summary>
    /// <param name="positiveScale">The scale alpha of positives.</param>
    /// <param name="negativeScale">The scale beta of negatives; 50 in the paper, 40 in the authors' code and TensorFlow Similarity.</param>
    /// <param name="margin">The similarity lambda that pairs are compared with.</param>
    public static PairLossOptions MultiSimilarity(double positiveScale = 2, double negativeScale = 50, double margin = 0.5) => new()
    {
        PositiveScale = positiveScale,
        NegativeScale = negativeScale,
        PositiveMargin = margin,
        NegativeMargin = margin,
        Pooling = PairPooling.SeparateByScale,
        Requires = RequiredPairs.Any,
    };

    /// <summary>
    /// Neighbourhood components: <c>-log</c> of the share of the positives in all pairs' <c>e^(-scale |u - v|^2)</c> of unit rows, mean over queries that
    /// have both (Goldberger et al., NIPS 2004); PyTorch Metric Learning's NCALoss.
    /// </summary>
    /// <param name="scale">The scale of squared distances.</param>
    public static PairLossOptions Nca(double scale = 1) => Softmax(2 * scale) with
    {
        Pooling = PairPooling.Nearest,
        Denominator = PairMeanDenominator.Valid,
    };

    /// <summary>Soft nearest neighbours: NCA with a temperature (Frosst et al., ICML 2019, arXiv 1902.01889).</summary>
    /// <param name="temperature">One over the scale of squared distances.</param>
    public static PairLossOptions SoftNearestNeighbor(double temperature = 1) => Nca(1 / temperature);

    /// <summary>Soft nearest neighbours as TensorFlow Similarity has it: of cosine distances of rows taken as they are.</summary>
    /// <param name="temperature">One over the scale of distances.</param>
    public static PairLossOptions SoftNearestNeighborTensorFlowSimilarity(double temperature = 1) => Softmax(1 / temperature) with
    {
        Pooling = PairPooling.Nearest,
        Normalize = false,
        Clamp = SimilarityClamp.AtMostOne,
    };

    /// <summary>
    /// Decoupled contrastive learning: InfoNCE without the positive in its denominator (Yeh et al., ECCV 2022, arXiv 2110.06848); losses may be below 0.
    /// </summary>
    /// <param name="temperature">The temperature.</param>
    public static PairLossOptions DecoupledContrastive(double temperature = 0.1) => Softmax(1 / temperature) with { Link = LossLink.Identity };

    /// <summary>
    /// Generalised lifted structure of similarities, <c>[log sum e^(mp - s) + log sum e^(s - mn)]+</c> (Hermans et al., arXiv 1703.07737; PyTorch Metric
    /// Learning's with cosine similarity).
    /// </summary>
    /// <param name="positiveMargin">The similarity mp that positives are compared with.</param>
    /// <param name="negativeMargin">The similarity mn that negatives are compared with.</param>
    public static PairLossOptions GeneralizedLiftedCosine(double positiveMargin = 1, double negativeMargin = 0) => Softmax(1) with
    {
        PositiveMargin = positiveMargin,
        NegativeMargin = negativeMargin,
        Link = LossLink.Hinge,
        Requires = RequiredPairs.Any,
    };

    /// <summary>The scale a of a positive's logit; above 0.</summary>
    public double PositiveScale { get; init; } = 1 / 0.07;

    /// <summary>The scale of a negative's logit; above 0.</summary>
    public double NegativeScale { get; init; } = 1 / 0.07;

    /// <summary>The similarity, or with <see cref="PositiveLogit"/> of angles the angle, that a positive pair is compared with; finite.</summary>
    public double PositiveMargin { get; init; }

    /// <summary>The similarity that a negative pair is compared with; finite.</summary>
    public double NegativeMargin { get; init; }

    /// <summary>
    /// What is added to the scale of negatives in the logit, but not in its gradient: multiples of a negative's similarity that make hard ones count more
    /// (sentence-transformers' <c>hardness_strength</c>); 0 or more.
    /// </summary>
    public double NegativeHardness { get; init; }

    /// <summary>How a positive's logit follows from its similarity.</summary>
    public PositiveLogit PositiveLogit { get; init; }

    /// <summary>What pairs are compared by, in the place of s above; margins are of the same measure, that of a distance of 1 is -1.</summary>
    public PairMeasure Measure { get; init; }

    /// <summary>
    /// MultiSimilarity's selection: only positives below the greatest negative plus this count, and negatives above the least positive less this; null for all.
    /// </summary>
    public double? Selection { get; init; }

    /// <summary>How logits become a loss.</summary>
    public PairPooling Pooling { get; init; }

    /// <summary>What a pooled logit becomes as a loss.</summary>
    public LossLink Link { get; init; }

    /// <summary>The pairs that a query must have.</summary>
    public RequiredPairs Requires { get; init; }

    /// <summary>Whose losses a loss of queries against references is made of.</summary>
    public LossDirections Directions { get; init; }

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
