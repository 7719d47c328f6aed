namespace ManagedCircle.Reference;

/// <summary>The weight, the logit and the slope of one pair: the whole of Circle loss but the log-sum-exp.</summary>
/// <remarks>
/// A pair is weighted by its distance from the optimum O, and compared with the margin D (Sun et al., CVPR 2020, arXiv 2002.10857v2, section 3):
/// <code>
/// positive: logit = -gamma * weight * (s - Dp),   weight = max(0, Op - s)
/// negative: logit = +gamma * weight * (s - Dn),   weight = max(0, s - On)
/// </code>
/// where s is the similarity after the clamp that the options name. A pair of weight 0 still counts e^0 in its log-sum-exp.
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
        if (weight == 0 || s != similarity && !double.IsNaN(similarity))
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

    private static double Clamp(SimilarityClamp clamp, double similarity) => clamp switch
    {
        SimilarityClamp.AtMostOne => Math.Min(similarity, 1),
        SimilarityClamp.MinusOneToOne => Math.Clamp(similarity, -1, 1),
        _ => similarity,
    };
}
