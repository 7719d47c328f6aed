using ManagedCircle.Engine;
using ManagedCircle.Kernels;

namespace ManagedCircle;

/// <summary>The weight, the logit and the slope of a pair, as its similarity alone decides them.</summary>
/// <remarks>
/// <para>
/// A pair is weighted by its distance from the optimum O, and compared with the margin D (Sun et al., CVPR 2020, arXiv 2002.10857v2, section 3):
/// </para>
/// <code>
/// positive: logit = -gamma * weight * (s - Dp),   weight = max(0, Op - s)
/// negative: logit = +gamma * weight * (s - Dn),   weight = max(0, s - On)
/// </code>
/// <para>
/// for s the similarity, clamped as <see cref="Clamp"/> says. The slope is dlogit/ds as the gradient takes it: with a detached or constant weight it is
/// <c>-gamma weight</c> or <c>+gamma weight</c>, and with an attached one <c>-gamma (Op + Dp - 2 s)</c> or <c>+gamma (2 s - On - Dn)</c>, which for a
/// negative pair changes sign halfway between On and Dn. It is 0 where the weight is 0, and where s lies outside the clamp's range.
/// </para>
/// <para>
/// A similarity may be any finite number; NaN gives NaN, but for a constant weight. Methods over spans compute in float: weights within
/// 1.2e-7 (|s| + |O|), slopes within 2.4e-7 gamma (|s| + |O|), logits within 5.4e-7 gamma (|s| + |O| + |D|)^2. Their destination may be the
/// similarities themselves, but may not overlap them otherwise.
/// </para>
/// </remarks>
public readonly record struct CircleMargins
{
    private readonly PairFormula formula;

    /// <summary>The paper's margins: Op = 1 + m, On = -m, Dp = 1 - m, Dn = m, and detached weights.</summary>
    /// <param name="gamma">The scale; above 0.</param>
    /// <param name="margin">The relaxation factor m; finite.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public CircleMargins(double gamma, double margin)
        : this(new CircleLossOptions { Gamma = gamma, Margin = margin })
    {
    }

    /// <summary>The margins that a loss with these options has.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public CircleMargins(CircleLossOptions options)
    {
        ThrowIf.Invalid(options);
        Gamma = options.Gamma;
        PositiveOptimum = options.PositiveOptimum;
        NegativeOptimum = options.NegativeOptimum;
        PositiveMargin = options.PositiveMargin;
        NegativeMargin = options.NegativeMargin;
        Weighting = options.Weighting;
        WeightGradient = options.WeightGradient;
        Clamp = options.Clamp;
        formula = LossDescription.FormulaOf(options with { Normalize = false }); // similarities are taken as they are
    }

    /// <summary>The scale gamma.</summary>
    public double Gamma { get; }

    /// <summary>Op, the similarity that a positive pair is drawn to.</summary>
    public double PositiveOptimum { get; }

    /// <summary>On, the similarity that a negative pair is drawn to.</summary>
    public double NegativeOptimum { get; }

    /// <summary>Dp, the similarity that a positive pair is compared with.</summary>
    public double PositiveMargin { get; }

    /// <summary>Dn, the similarity that a negative pair is compared with.</summary>
    public double NegativeMargin { get; }

    /// <summary>How a pair is weighted.</summary>
    public PairWeighting Weighting { get; }

    /// <summary>Whether the weight carries gradient.</summary>
    public WeightGradient WeightGradient { get; }

    /// <summary>The range that similarities are clamped to.</summary>
    public SimilarityClamp Clamp { get; }

    private PairSide Positive => PairSide.Positive(formula);

    private PairSide Negative => PairSide.Negative(formula);

    /// <summary>The weight of a positive pair, at least 0.</summary>
    public double PositiveWeight(double similarity) => Positive.Weight(similarity);

    /// <summary>The weight of a negative pair, at least 0.</summary>
    public double NegativeWeight(double similarity) => Negative.Weight(similarity);

    /// <summary>The logit of a positive pair.</summary>
    public double PositiveLogit(double similarity) => Positive.Logit(similarity);

    /// <summary>The logit of a negative pair.</summary>
    public double NegativeLogit(double similarity) => Negative.Logit(similarity);

    /// <summary>The slope dlogit/ds of a positive pair.</summary>
    public double PositiveSlope(double similarity) => Positive.Slope(similarity);

    /// <summary>The slope dlogit/ds of a negative pair.</summary>
    public double NegativeSlope(double similarity) => Negative.Slope(similarity);

    /// <summary>The weights of positive pairs.</summary>
    /// <param name="similarities">Similarities, any shape.</param>
    /// <param name="destination">Receives one weight per similarity.</param>
    /// <exception cref="ArgumentException">The spans have unlike lengths, or overlap without being the same.</exception>
    public void PositiveWeights(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Positive.Weights(similarities, destination);
    }

    /// <summary>The weights of negative pairs.</summary>
    /// <inheritdoc cref="PositiveWeights"/>
    public void NegativeWeights(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Negative.Weights(similarities, destination);
    }

    /// <summary>The logits of positive pairs.</summary>
    /// <param name="similarities">Similarities, any shape.</param>
    /// <param name="destination">Receives one logit per similarity.</param>
    /// <exception cref="ArgumentException">The spans have unlike lengths, or overlap without being the same.</exception>
    public void PositiveLogits(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Positive.Logits(similarities, destination);
    }

    /// <summary>The logits of negative pairs.</summary>
    /// <inheritdoc cref="PositiveLogits"/>
    public void NegativeLogits(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Negative.Logits(similarities, destination);
    }

    /// <summary>The slopes dlogit/ds of positive pairs.</summary>
    /// <param name="similarities">Similarities, any shape.</param>
    /// <param name="destination">Receives one slope per similarity.</param>
    /// <exception cref="ArgumentException">The spans have unlike lengths, or overlap without being the same.</exception>
    public void PositiveSlopes(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Positive.Slopes(similarities, destination);
    }

    /// <summary>The slopes dlogit/ds of negative pairs.</summary>
    /// <inheritdoc cref="PositiveSlopes"/>
    public void NegativeSlopes(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        ThrowIf.NotInPlace(similarities, destination);
        Negative.Slopes(similarities, destination);
    }

    /// <summary>The circle logits of classes, as cross-entropy takes them.</summary>
    /// <param name="similarities">Similarities of queries to class weights, shape [queryCount, classCount], row-major.</param>
    /// <param name="targets">The class of each query, shape [queryCount].</param>
    /// <param name="classes">The class of each column, shape [classCount]; any subset of all classes, in any order.</param>
    /// <param name="destination">Receives the logits, shape [queryCount, classCount]; may be the similarities.</param>
    /// <exception cref="ArgumentException">The shapes do not match, or the spans overlap without being the same.</exception>
    /// <remarks>
    /// They are <c>gamma weight (s - Dp)</c> for the target and <c>gamma weight (s - Dn)</c> for the others. Cross-entropy with softmax over a row is
    /// <c>log(1 + sum over others of e^(logit - logit of the target))</c>, the class-level Circle loss of that query (Sun et al., section 3.3; fast-reid's
    /// CircleSoftmax). The target's logit is therefore <see cref="PositiveLogit"/> with the sign turned. A query whose target is not among the
    /// classes has only negatives: its logits are all <see cref="NegativeLogit"/>, and <see cref="CircleLoss"/> gives it loss 0 and gradient 0.
    /// </remarks>
    public void ClassLogits(ReadOnlySpan<float> similarities, ReadOnlySpan<long> targets, ReadOnlySpan<long> classes, Span<float> destination)
    {
        ThrowIf.NotShape(similarities.Length, targets.Length, classes.Length);
        ThrowIf.NotInPlace(similarities, destination);
        for (int query = 0; query < targets.Length; query++)
        {
            ReadOnlySpan<float> row = similarities.Slice(query * classes.Length, classes.Length);
            Span<float> logits = destination.Slice(query * classes.Length, classes.Length);
            int target = classes.IndexOf(targets[query]);
            float ofTarget = target < 0 ? 0 : (float)-PositiveLogit(row[target]);
            NegativeLogits(row, logits);
            if (target >= 0)
            {
                logits[target] = ofTarget;
            }
        }
    }
}
