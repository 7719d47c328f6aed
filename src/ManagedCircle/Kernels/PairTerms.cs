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
    public const float EmptyExponent = -1e38f;

    // Rows taken as they are can have any similarity, infinity among them; logits, which grow with its square, stay finite below this.
    private const float Beyond = 1e15f;

    public PairTerms(CircleLossOptions options)
    {
        bool circle = options.Weighting == PairWeighting.Circle, attached = options.WeightGradient == WeightGradient.Attached;
        double scale = options.Gamma * Math.Log2(Math.E);
        Scale = (float)scale;
        WeightSlope = circle ? 1 : 0;
        SlopeSlope = !circle ? 0 : attached ? 2 : 1;
        Positive = new Side(options.PositiveOptimum, options.PositiveMargin, scale, circle, attached);
        Negative = new Side(-options.NegativeOptimum, -options.NegativeMargin, scale, circle, attached);
        Clamps = options.Clamp != SimilarityClamp.None || !options.Normalize;
        Lowest = options.Clamp == SimilarityClamp.Both ? -1 : -Beyond;
        Highest = options.Clamp != SimilarityClamp.None ? 1 : Beyond;
        (Narrow, NegativeExponent) = NegativeRange(options, scale);
    }

    // Where the negatives' logits provably lie within 150 powers of two, sums of their exponentials need no running exponent: one constant in the
    // middle of the range keeps every sum, and every coefficient that divides by it, a normal number. A logit is monotone in s but for the
    // parabola's vertex and the place where the weight becomes 0, so its range over similarities is that over those and the ends. Unit rows reach
    // past 1 by rounding only.
    private static (bool Narrow, float Exponent) NegativeRange(CircleLossOptions options, double scale)
    {
        bool circle = options.Weighting == PairWeighting.Circle;
        double optimum = options.NegativeOptimum, margin = options.NegativeMargin;
        double highest = options.Clamp != SimilarityClamp.None ? 1 : options.Normalize ? 1.001 : double.PositiveInfinity;
        double lowest = options.Clamp == SimilarityClamp.Both ? -1 : options.Normalize ? -1.001 : double.NegativeInfinity;
        double vertex = circle ? (optimum + margin) / 2 : lowest;
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (double s in (ReadOnlySpan<double>)[lowest, highest, Math.Clamp(vertex, lowest, highest), Math.Clamp(optimum, lowest, highest)])
        {
            double weight = circle ? Math.Max(0, s - optimum) : 1;
            double logit = weight == 0 ? 0 : scale * weight * (s - margin);
            (least, most) = (Math.Min(least, logit), Math.Max(most, logit));
        }

        return most - least <= 150 ? (true, (float)Math.Round((least + most) / 2)) : (false, EmptyExponent);
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

    /// <summary>Whether sums of negatives keep one constant exponent.</summary>
    public readonly bool Narrow;

    /// <summary>The exponent that a sum of negatives begins with, and keeps where <see cref="Narrow"/>.</summary>
    public readonly float NegativeExponent;

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

/// <summary>What a kernel need not do for some losses: constants, so that it folds away.</summary>
internal interface IPairForm
{
    /// <summary>Whether similarities are clamped.</summary>
    static abstract bool Clamps { get; }

    /// <summary>Whether sums of negatives keep one constant exponent.</summary>
    static abstract bool Narrow { get; }
}

/// <summary>No clamp, any range of logits.</summary>
internal readonly struct WideForm : IPairForm
{
    public static bool Clamps => false;

    public static bool Narrow => false;
}

/// <summary>No clamp, negatives in a narrow range.</summary>
internal readonly struct NarrowForm : IPairForm
{
    public static bool Clamps => false;

    public static bool Narrow => true;
}

/// <summary>Clamped similarities, any range of logits.</summary>
internal readonly struct ClampedWideForm : IPairForm
{
    public static bool Clamps => true;

    public static bool Narrow => false;
}

/// <summary>Clamped similarities, negatives in a narrow range.</summary>
internal readonly struct ClampedNarrowForm : IPairForm
{
    public static bool Clamps => true;

    public static bool Narrow => true;
}

/// <summary><see cref="PairTerms"/> in vectors.</summary>
internal readonly struct PairTerms<TSimd, TForm>
    where TSimd : unmanaged, ISimd<TSimd>
    where TForm : struct, IPairForm
{
    private readonly TSimd scale, weightSlope, slopeSlope, lowest, highest, narrowExponent;
    private readonly TSimd positiveWeight, positiveMargin, positiveSlope, negativeWeight, negativeMargin, negativeSlope;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PairTerms(in PairTerms terms)
    {
        scale = TSimd.Broadcast(terms.Scale);
        weightSlope = TSimd.Broadcast(terms.WeightSlope);
        slopeSlope = TSimd.Broadcast(terms.SlopeSlope);
        lowest = TSimd.Broadcast(terms.Lowest);
        highest = TSimd.Broadcast(terms.Highest);
        narrowExponent = TSimd.Broadcast(terms.NegativeExponent);
        positiveWeight = TSimd.Broadcast(terms.Positive.Weight);
        positiveMargin = TSimd.Broadcast(terms.Positive.ScaledMargin);
        positiveSlope = TSimd.Broadcast(terms.Positive.Slope);
        negativeWeight = TSimd.Broadcast(terms.Negative.Weight);
        negativeMargin = TSimd.Broadcast(terms.Negative.ScaledMargin);
        negativeSlope = TSimd.Broadcast(terms.Negative.Slope);
    }

    /// <summary>p 2^n as one number, less the exponent that the narrow form's sums keep.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> Whole(Four<TSimd> term, Four<TSimd> n) => Four<TSimd>.Scale(term, n - narrowExponent);

    /// <summary>e^logit of negatives, as p 2^exponent, or as one number in the narrow form.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> NegativeTerm(Four<TSimd> similarity, out Four<TSimd> exponent)
    {
        Four<TSimd> y = Clamped(similarity);
        Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), Four<TSimd>.MultiplyAdd(y, weightSlope, negativeWeight));
        Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, scale, negativeMargin);
        Four<TSimd> term = Power(logit, out exponent);
        return TForm.Narrow ? Whole(term, exponent) : term;
    }

    /// <summary>As <see cref="NegativeTerm"/>, and d logit / ds over gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> NegativeTermAndSlope(Four<TSimd> similarity, out Four<TSimd> exponent, out Four<TSimd> slope)
    {
        Four<TSimd> y = Clamped(similarity);
        Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), Four<TSimd>.MultiplyAdd(y, weightSlope, negativeWeight));
        Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, scale, negativeMargin);
        slope = Gated(Four<TSimd>.MultiplyAdd(y, slopeSlope, negativeSlope), weight, similarity, y);
        Four<TSimd> term = Power(logit, out exponent);
        return TForm.Narrow ? Whole(term, exponent) : term;
    }

    /// <summary>e^logit of positives where the mask is set and of negatives elsewhere, as p 2^exponent, and d logit / ds over gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> MixedTermAndSlope(Four<TSimd> similarity, Four<TSimd> positive, out Four<TSimd> exponent, out Four<TSimd> slope)
    {
        Four<TSimd> sign = positive & TSimd.Broadcast(-0f), clamped = Clamped(similarity), y = clamped ^ sign;
        Four<TSimd> weight = Four<TSimd>.MultiplyAdd(y, weightSlope, Four<TSimd>.Select(positive, positiveWeight, negativeWeight));
        weight = Four<TSimd>.Max(default(TSimd), weight);
        Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, scale, Four<TSimd>.Select(positive, positiveMargin, negativeMargin));
        slope = Four<TSimd>.MultiplyAdd(y, slopeSlope, Four<TSimd>.Select(positive, positiveSlope, negativeSlope));
        slope = Gated(slope, weight, similarity, clamped) ^ sign;
        return Power(logit, out exponent);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Four<TSimd> Clamped(Four<TSimd> similarity) => TForm.Clamps ? Four<TSimd>.Max(lowest, Four<TSimd>.Min(highest, similarity)) : similarity;

    // 0 where the weight is 0, and where the similarity is clamped.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Four<TSimd> Gated(Four<TSimd> slope, Four<TSimd> weight, Four<TSimd> similarity, Four<TSimd> clamped)
    {
        slope &= Four<TSimd>.LessThan(default, weight);
        return TForm.Clamps ? slope & Four<TSimd>.Equal(similarity, clamped) : slope;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Four<TSimd> Power(Four<TSimd> logit, out Four<TSimd> exponent)
    {
        exponent = Four<TSimd>.Round(logit);
        return Exponential.PowerOfFraction(logit - exponent);
    }
}
