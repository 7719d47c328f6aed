namespace ManagedCircle.Reference;

/// <summary>The weight, the logit and the slope of one pair: the whole of Circle loss but the log-sum-exp, and what other losses have in its place.</summary>
/// <remarks>
/// <para>
/// The logits of other losses are linear in the similarity, see <see cref="PairLossOptions"/>; ArcFace's have a margin on the angle. In Circle loss
/// a pair is weighted by its distance from the optimum O, and compared with the margin D (Sun et al., CVPR 2020, arXiv 2002.10857v2, section 3):
/// </para>
/// <code>
/// positive: logit = -gamma * weight * (s - Dp),   weight = max(0, Op - s)
/// negative: logit = +gamma * weight * (s - Dn),   weight = max(0, s - On)
/// </code>
/// <para>where s is the similarity after the clamp that the options name. A pair of weight 0 still counts e^0 in its log-sum-exp.</para>
/// </remarks>
public static class PairFormulas
{
    /// <summary>The weight of a pair (the paper's alpha): <c>[Op - s]+</c> or <c>[s - On]+</c>, or 1 with <see cref="PairWeighting.Constant"/>.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="kind">Positive or negative; an ignored pair has weight 0.</param>
    /// <param name="similarity">The similarity before the clamp.</param>
    public static double Weight(CircleLossOptions options, PairKind kind, double similarity)
    {
        ArgumentNullException.ThrowIfNull(options);
        double s = Clamp(options.Clamp, similarity);
        return kind switch
        {
            PairKind.Ignored => 0,
            _ when options.Weighting == PairWeighting.Constant => 1,
            PairKind.Positive => Math.Max(0, options.PositiveOptimum - s),
            _ => Math.Max(0, s - options.NegativeOptimum),
        };
    }

    /// <summary>The logit of a pair: <c>-gamma weight (s - Dp)</c> or <c>+gamma weight (s - Dn)</c>.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="kind">Positive or negative; an ignored pair has logit -infinity, for e^logit = 0.</param>
    /// <param name="similarity">The similarity before the clamp.</param>
    public static double Logit(CircleLossOptions options, PairKind kind, double similarity)
    {
        ArgumentNullException.ThrowIfNull(options);
        double s = Clamp(options.Clamp, similarity);
        double weight = Weight(options, kind, similarity);
        return kind switch
        {
            PairKind.Ignored => double.NegativeInfinity,
            PairKind.Positive => -options.Gamma * weight * (s - options.PositiveMargin),
            _ => options.Gamma * weight * (s - options.NegativeMargin),
        };
    }

    /// <summary>The slope of a pair, dlogit/ds, that the gradient takes; 0 where the weight is 0 and strictly outside the clamp's range.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="kind">Positive or negative; an ignored pair has slope 0.</param>
    /// <param name="similarity">The similarity before the clamp.</param>
    /// <remarks>
    /// With the weight detached (the paper's Eq. 9 and 10) or constant, the slope is <c>-gamma weight</c> or <c>+gamma weight</c>: no derivative of the
    /// parabola, and a finite difference must hold the weight fixed to see it. Attached, it is the derivative:
    /// <c>-gamma (Op + Dp - 2 s)</c> or <c>+gamma (2 s - On - Dn)</c>, which for a negative pair changes sign halfway between On and Dn.
    /// </remarks>
    public static double Slope(CircleLossOptions options, PairKind kind, double similarity)
    {
        ArgumentNullException.ThrowIfNull(options);
        double s = Clamp(options.Clamp, similarity);
        double weight = Weight(options, kind, similarity);
        if (weight == 0 || IsOutside(options.Clamp, similarity))
        {
            return 0;
        }

        bool attached = options.WeightGradient == WeightGradient.Attached && options.Weighting == PairWeighting.Circle;
        return (kind, attached) switch
        {
            (PairKind.Positive, false) => -options.Gamma * weight,
            (PairKind.Positive, true) => -options.Gamma * (options.PositiveOptimum + options.PositiveMargin - 2 * s),
            (_, false) => options.Gamma * weight,
            (_, true) => options.Gamma * (2 * s - options.NegativeOptimum - options.NegativeMargin),
        };
    }

    /// <summary>The logit of a pair of another loss: <c>-a (s - m)</c> or that of an angle, or <c>+b (s - m)</c>.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="kind">Positive or negative; an ignored pair has logit -infinity, for e^logit = 0.</param>
    /// <param name="similarity">The similarity before the clamp.</param>
    public static double Logit(PairLossOptions options, PairKind kind, double similarity)
    {
        ArgumentNullException.ThrowIfNull(options);
        double s = Clamp(options.Clamp, similarity);
        return kind switch
        {
            PairKind.Ignored => double.NegativeInfinity,
            PairKind.Negative => options.NegativeScale * (s - options.NegativeMargin) + options.NegativeHardness * s,
            _ when options.PositiveLogit == PositiveLogit.Linear => -options.PositiveScale * (s - options.PositiveMargin),
            _ => -options.PositiveScale * Arc(options, s).Cosine,
        };
    }

    /// <summary>The slope of a pair of another loss, dlogit/ds; 0 strictly outside the clamp's range.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="kind">Positive or negative; an ignored pair has slope 0.</param>
    /// <param name="similarity">The similarity before the clamp.</param>
    /// <remarks>
    /// ArcFace's, <c>-a sin(acos(s) + m) / sin(acos(s))</c>, has no limit where s is 1 or -1. There it is taken as 0: the similarity of unit rows does not
    /// change there to first order, so that the gradient of the rows would vanish for any slope that is finite.
    /// </remarks>
    public static double Slope(PairLossOptions options, PairKind kind, double similarity)
    {
        ArgumentNullException.ThrowIfNull(options);
        return kind switch
        {
            PairKind.Ignored => 0,
            _ when IsOutside(options.Clamp, similarity) => 0,
            PairKind.Negative => options.NegativeScale,
            _ when options.PositiveLogit is PositiveLogit.Linear or PositiveLogit.ArcStraightThrough => -options.PositiveScale,
            _ => -options.PositiveScale * Arc(options, Clamp(options.Clamp, similarity)).Slope,
        };
    }

    /// <summary><c>cos(acos(s) + m)</c> and its derivative, or <c>s - m sin m</c> beyond an angle of pi - m where the options say so.</summary>
    /// <remarks>cos(t + m) = cos t cos m - sin t sin m; sin t is sqrt(1 - s^2), and t is above pi - m where s is below -cos m.</remarks>
    private static (double Cosine, double Slope) Arc(PairLossOptions options, double s)
    {
        (double sin, double cos) = StableMath.SinCos(options.PositiveMargin);
        if (options.PositiveLogit == PositiveLogit.ArcThenLinear && s < -cos)
        {
            return (s - options.PositiveMargin * sin, 1);
        }

        double opposite = Math.Sqrt(Math.Max(0, (1 - s) * (1 + s)));
        return (s * cos - opposite * sin, opposite == 0 ? 0 : cos + s / opposite * sin);
    }

    private static bool IsOutside(SimilarityClamp clamp, double similarity) => Clamp(clamp, similarity) != similarity && !double.IsNaN(similarity);

    private static double Clamp(SimilarityClamp clamp, double similarity) => clamp switch
    {
        SimilarityClamp.AtMostOne => Math.Min(similarity, 1),
        SimilarityClamp.MinusOneToOne => Math.Clamp(similarity, -1, 1),
        _ => similarity,
    };
}
