using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

// A pair is weighted by its distance from the optimum O, and compared with the margin D:
//   positive: logit = -gamma * weight * (s - Dp),   weight = max(0, Op - s)
//   negative: logit = +gamma * weight * (s - Dn),   weight = max(0, s - On)
// With y = -s for a positive and y = s for a negative both are
//   weight = max(0, y + A),   logit = gamma * weight * (y + B),   (A, B) = (Op, Dp) or (-On, -Dn)
// and the slope d logit / dy is gamma times
//   detached: weight        attached: 2 y + A + B where weight > 0, else 0        constant weight 1: 1
// which is (K1 y + K0) where weight > 0. A constant weight is max(0, 0 y + 1).
//
// Logits are kept in base 2 and each exponential as p 2^n with a whole n and p in [0.7, 1.5): a sum of such terms rescales exactly.

/// <summary>The constants of the two kinds of pairs.</summary>
internal readonly struct PairTerms
{
    /// <summary>Stands for the exponent of an empty sum: below that of every term, and still exact beside it.</summary>
    public const float EmptyExponent = -1e9f;

    public PairTerms(CircleLossOptions options)
    {
        bool circle = options.Weighting == PairWeighting.Circle, attached = options.WeightGradient == WeightGradient.Attached;
        double scale = options.Gamma * Math.Log2(Math.E);
        Scale = (float)scale;
        WeightSlope = circle ? 1 : 0;
        SlopeSlope = !circle ? 0 : attached ? 2 : 1;
        Positive = new Side(options.PositiveOptimum, options.PositiveMargin, scale, circle, attached);
        Negative = new Side(-options.NegativeOptimum, -options.NegativeMargin, scale, circle, attached);
        Clamps = options.Clamp != SimilarityClamp.None;
        Lowest = options.Clamp == SimilarityClamp.Both ? -1 : float.NegativeInfinity;
        Highest = Clamps ? 1 : float.PositiveInfinity;
    }

    /// <summary>The constants that differ between positives and negatives.</summary>
    internal readonly struct Side
    {
        public Side(double optimum, double margin, double scale, bool circle, bool attached)
        {
            Weight = circle ? (float)optimum : 1;
            ScaledMargin = (float)(scale * margin);
            Slope = !circle ? 1 : (float)(attached ? optimum + margin : optimum);
        }

        /// <summary>A, or 1 where the weight is constant.</summary>
        public readonly float Weight;

        /// <summary>B times the scale.</summary>
        public readonly float ScaledMargin;

        /// <summary>K0.</summary>
        public readonly float Slope;
    }

    /// <summary>gamma log2(e).</summary>
    public readonly float Scale;

    /// <summary>1, or 0 where the weight is constant.</summary>
    public readonly float WeightSlope;

    /// <summary>K1.</summary>
    public readonly float SlopeSlope;

    /// <summary>The positives' constants.</summary>
    public readonly Side Positive;

    /// <summary>The negatives' constants.</summary>
    public readonly Side Negative;

    /// <summary>Whether similarities are clamped.</summary>
    public readonly bool Clamps;

    /// <summary>The clamp's lower end.</summary>
    public readonly float Lowest;

    /// <summary>The clamp's upper end.</summary>
    public readonly float Highest;
}

/// <summary><see cref="PairTerms"/> in vectors.</summary>
internal readonly struct PairTerms<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    private readonly TSimd scale, weightSlope, slopeSlope, lowest, highest;
    private readonly TSimd positiveWeight, positiveMargin, positiveSlope, negativeWeight, negativeMargin, negativeSlope;
    private readonly bool clamps;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PairTerms(in PairTerms terms)
    {
        scale = TSimd.Broadcast(terms.Scale);
        weightSlope = TSimd.Broadcast(terms.WeightSlope);
        slopeSlope = TSimd.Broadcast(terms.SlopeSlope);
        lowest = TSimd.Broadcast(terms.Lowest);
        highest = TSimd.Broadcast(terms.Highest);
        positiveWeight = TSimd.Broadcast(terms.Positive.Weight);
        positiveMargin = TSimd.Broadcast(terms.Positive.ScaledMargin);
        positiveSlope = TSimd.Broadcast(terms.Positive.Slope);
        negativeWeight = TSimd.Broadcast(terms.Negative.Weight);
        negativeMargin = TSimd.Broadcast(terms.Negative.ScaledMargin);
        negativeSlope = TSimd.Broadcast(terms.Negative.Slope);
        clamps = terms.Clamps;
    }

    /// <summary>e^logit of negatives, as p 2^exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd NegativeTerm(TSimd similarity, out TSimd exponent)
    {
        TSimd y = Clamped(similarity);
        return Term(y, Weight(y, negativeWeight), negativeMargin, out exponent);
    }

    /// <summary>e^logit of positives where the mask is set and of negatives elsewhere, as p 2^exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd MixedTerm(TSimd similarity, TSimd positive, out TSimd exponent)
    {
        TSimd y = Clamped(similarity) ^ (positive & TSimd.Broadcast(-0f));
        TSimd weight = Weight(y, TSimd.Select(positive, positiveWeight, negativeWeight));
        return Term(y, weight, TSimd.Select(positive, positiveMargin, negativeMargin), out exponent);
    }

    /// <summary>As <see cref="NegativeTerm"/>, and d logit / ds over gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd NegativeTermAndSlope(TSimd similarity, out TSimd exponent, out TSimd slope)
    {
        TSimd y = Clamped(similarity);
        TSimd weight = Weight(y, negativeWeight);
        slope = Slope(similarity, y, y, weight, negativeSlope);
        return Term(y, weight, negativeMargin, out exponent);
    }

    /// <summary>As <see cref="MixedTerm"/>, and d logit / ds over gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd MixedTermAndSlope(TSimd similarity, TSimd positive, out TSimd exponent, out TSimd slope)
    {
        TSimd sign = positive & TSimd.Broadcast(-0f);
        TSimd clamped = Clamped(similarity);
        TSimd y = clamped ^ sign;
        TSimd weight = Weight(y, TSimd.Select(positive, positiveWeight, negativeWeight));
        slope = Slope(similarity, clamped, y, weight, TSimd.Select(positive, positiveSlope, negativeSlope)) ^ sign;
        return Term(y, weight, TSimd.Select(positive, positiveMargin, negativeMargin), out exponent);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Clamped(TSimd similarity) => clamps ? TSimd.Max(lowest, TSimd.Min(highest, similarity)) : similarity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Weight(TSimd y, TSimd constant) => TSimd.Max(TSimd.MultiplyAdd(weightSlope, y, constant), default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Slope(TSimd similarity, TSimd clamped, TSimd y, TSimd weight, TSimd constant)
    {
        TSimd slope = TSimd.MultiplyAdd(slopeSlope, y, constant) & TSimd.LessThan(default, weight);
        return clamps ? slope & TSimd.Equal(similarity, clamped) : slope;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Term(TSimd y, TSimd weight, TSimd scaledMargin, out TSimd exponent)
    {
        TSimd logit = weight * TSimd.MultiplyAdd(y, scale, scaledMargin);
        exponent = TSimd.Round(logit);
        return Exponential.PowerOfFraction(logit - exponent);
    }
}
