using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

// A pair is weighted by its distance from the optimum O, and compared with the margin D:
//   positive: logit = -gamma * weight * (s - Dp),   weight = max(0, Op - s)
//   negative: logit = +gamma * weight * (s - Dn),   weight = max(0, s - On)
// With y = -s for a positive and y = s for a negative both are
//   weight = max(0, y + A),   logit = gamma * weight * (y + B),   (A, B) = (Op, Dp) or (-On, -Dn)
// and the slope d logit / dy is gamma times
//   detached: weight        attached: 2 y + A + B = 2 weight + B - A where weight > 0, else 0
// A constant weight is 1: then logit = scale (y + B), with a scale for each kind, and the slope over it is 1. There a positive's y may be +s, too:
// a loss whose sums are of e^-logit of its positives has those of (A, B) = (-, -Dp). Where angles take the similarity's place, see ArcMargin.
//
// Logits are kept in base 2 and each exponential as p 2^n with a whole n and p in [0.7, 1.5): a sum of such terms rescales exactly.

/// <summary>The numbers of the formula.</summary>
internal readonly record struct PairFormula
{
    /// <summary>gamma, or the scale of each kind where weights are 1.</summary>
    public required double PositiveScale { get; init; }

    /// <inheritdoc cref="PositiveScale"/>
    public required double NegativeScale { get; init; }

    /// <summary>Whether weights follow the similarity; or are 1.</summary>
    public required bool Circle { get; init; }

    /// <summary>Whether the weight carries gradient.</summary>
    public required bool Attached { get; init; }

    public required double PositiveOptimum { get; init; }

    public required double PositiveMargin { get; init; }

    public required double NegativeOptimum { get; init; }

    public required double NegativeMargin { get; init; }

    /// <summary>Whether the positives' sums are of e^-logit.</summary>
    public bool RaisesPositives { get; init; }

    /// <summary>What takes the similarity's place in a positive's logit, if anything does; it has the positives' margin.</summary>
    public ArcMargin Arc { get; init; }

    /// <summary>The clamp's lower end; -infinity for none.</summary>
    public required double Lowest { get; init; }

    /// <summary>The clamp's upper end; infinity for none.</summary>
    public required double Highest { get; init; }

    /// <summary>The largest |s| there can be before the clamp.</summary>
    public required double Reach { get; init; }
}

/// <summary>The constants of the two kinds of pairs.</summary>
internal readonly struct PairTerms
{
    // Rows taken as they are can have any similarity, infinity among them; logits, which grow with its square, stay finite below this.
    private const float Beyond = 1e15f;

    public PairTerms(in PairFormula formula)
    {
        double scale = formula.NegativeScale * Math.Log2(Math.E), positiveScale = formula.PositiveScale * Math.Log2(Math.E);
        Linear = !formula.Circle;
        Attached = formula.Circle && formula.Attached;
        PositiveSign = formula.RaisesPositives ? 0f : -0f;
        Arc = formula.Arc;
        double positiveMargin = Arc.IsUsed ? 0 : formula.RaisesPositives ? -formula.PositiveMargin : formula.PositiveMargin;
        Positive = new Side(formula.PositiveOptimum, positiveMargin, positiveScale);
        Negative = new Side(-formula.NegativeOptimum, -formula.NegativeMargin, scale);
        Clamps = double.IsInfinity(formula.Reach) || formula.Lowest > -formula.Reach || formula.Highest < formula.Reach;
        Lowest = (float)Math.Max(formula.Lowest, -Beyond);
        Highest = (float)Math.Min(formula.Highest, Beyond);
        (Narrow, NegativeExponent) = NegativeRange(formula, scale, positiveScale);
    }

    // Where the negatives' logits provably lie within 150 powers of two, sums of their exponentials need no running exponent: one constant in the
    // middle of the range keeps every sum a normal number. The coefficient that multiplies a term is sigmoid(z) / (sum of negatives), which is at
    // least about the smaller of 1 / (sum of negatives) and, as sigmoid(z) nears (sum of positives) (sum of negatives), the sum of positives: that too
    // must stay a normal number. Where the positives' sums are of e^-logit, it is at least about one over the larger of both sums.
    private static (bool Narrow, float Exponent) NegativeRange(in PairFormula formula, double scale, double positiveScale)
    {
        bool raises = formula.RaisesPositives;
        (double lowest, double highest) = (Math.Max(formula.Lowest, -formula.Reach), Math.Min(formula.Highest, formula.Reach));
        bool circle = formula.Circle;
        (double least, double most) = Range(lowest, highest, formula.NegativeOptimum, formula.NegativeMargin, scale);
        double positiveMargin = formula.Arc.IsUsed ? 0 : formula.PositiveMargin;
        (double leastPositive, double mostPositive) = raises
            ? Range(lowest, highest, 0, positiveMargin, positiveScale)
            : Range(-highest, -lowest, -formula.PositiveOptimum, -positiveMargin, positiveScale);
        double leastCoefficient = raises ? -Math.Max(mostPositive, 0) : leastPositive;

        // Even, so that rounding to even means the same before and after it is taken off.
        double middle = 2 * Math.Round((least + most) / 4);
        return most - least <= 150 && leastCoefficient + middle >= -90 ? (true, (float)middle) : (false, RunningSums.EmptyExponent);

        // The range of weight (y - margin) scale: monotone in y but for the parabola's vertex and the place where the weight becomes 0.
        (double Least, double Most) Range(double from, double to, double optimum, double margin, double scale)
        {
            double vertex = circle ? (optimum + margin) / 2 : from, least = double.PositiveInfinity, most = double.NegativeInfinity;
            foreach (double y in (ReadOnlySpan<double>)[from, to, Math.Clamp(vertex, from, to), Math.Clamp(optimum, from, to)])
            {
                double weight = circle ? Math.Max(0, y - optimum) : 1, logit = weight == 0 ? 0 : scale * weight * (y - margin);
                (least, most) = (Math.Min(least, logit), Math.Max(most, logit));
            }

            return (least, most);
        }
    }

    /// <summary>The constants that differ between positives and negatives.</summary>
    internal readonly struct Side
    {
        public Side(double optimum, double margin, double scale)
        {
            Scale = (float)scale;
            Weight = (float)optimum;
            ScaledMargin = (float)(scale * margin);
            Slope = (float)(margin - optimum);
        }

        /// <summary>The scale times log2(e); one for both sides where weights follow the similarity.</summary>
        public readonly float Scale;

        /// <summary>A.</summary>
        public readonly float Weight;

        /// <summary>B times the scale.</summary>
        public readonly float ScaledMargin;

        /// <summary>B - A.</summary>
        public readonly float Slope;
    }

    /// <summary>Whether sums of negatives keep one constant exponent.</summary>
    public readonly bool Narrow;

    /// <summary>The exponent that a sum of negatives begins with, and keeps where <see cref="Narrow"/>.</summary>
    public readonly float NegativeExponent;

    /// <summary>
    /// 1.5 2^23 less the narrow form's exponent. There the whole part of a logit need not be a number of its own: its sum with this is rounded to
    /// whole numbers, and shifted to the exponent field, the sum's low bits add what the sums keep to the exponent of 2^fraction.
    /// </summary>
    public float Rounding => 12582912f - NegativeExponent;

    /// <summary>Whether weights are 1.</summary>
    public readonly bool Linear;

    /// <summary>The sign that a positive's similarity is taken with: -0 for less, 0 for more.</summary>
    public readonly float PositiveSign;

    /// <summary>What takes the similarity's place in a positive's logit.</summary>
    public readonly ArcMargin Arc;

    /// <summary>Whether the weight carries gradient.</summary>
    public readonly bool Attached;

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

    /// <summary>Whether weights carry gradient.</summary>
    static abstract bool Attached { get; }

    /// <summary>Whether weights are 1.</summary>
    static abstract bool Linear { get; }
}

/// <summary>How pairs are weighted.</summary>
internal interface IPairWeight
{
    /// <inheritdoc cref="IPairForm.Attached"/>
    static abstract bool Attached { get; }

    /// <inheritdoc cref="IPairForm.Linear"/>
    static abstract bool Linear { get; }
}

/// <summary>By their similarity, which is a constant of the gradient.</summary>
internal readonly struct DetachedWeight : IPairWeight
{
    public static bool Attached => false;

    public static bool Linear => false;
}

/// <summary>By their similarity.</summary>
internal readonly struct AttachedWeight : IPairWeight
{
    public static bool Attached => true;

    public static bool Linear => false;
}

/// <summary>All alike.</summary>
internal readonly struct NoWeight : IPairWeight
{
    public static bool Attached => false;

    public static bool Linear => true;
}

/// <summary>A form put together from its parts.</summary>
internal readonly struct PairForm<TClamps, TNarrow, TWeight> : IPairForm
    where TClamps : struct, IFlag
    where TNarrow : struct, IFlag
    where TWeight : struct, IPairWeight
{
    public static bool Clamps => TClamps.Value;

    public static bool Narrow => TNarrow.Value;

    public static bool Attached => TWeight.Attached;

    public static bool Linear => TWeight.Linear;
}

/// <summary>Yes or no, as a type.</summary>
internal interface IFlag
{
    static abstract bool Value { get; }
}

/// <summary>Yes.</summary>
internal readonly struct Yes : IFlag
{
    public static bool Value => true;
}

/// <summary>No.</summary>
internal readonly struct No : IFlag
{
    public static bool Value => false;
}

/// <summary><see cref="PairTerms"/> in vectors.</summary>
/// <remarks>
/// Four rows by one vector is what every kernel evaluates at once. The kernels that meet negatives only spell the formula out themselves: the JIT
/// inlines up to a budget that grows with the code of the method itself, and what it leaves out costs twenty times more.
/// </remarks>
internal readonly struct PairTerms<TSimd, TForm>
    where TSimd : unmanaged, ISimd<TSimd>
    where TForm : struct, IPairForm
{
    public readonly TSimd Scale, Lowest, Highest;
    public readonly TSimd PositiveWeight, PositiveMargin, PositiveSlope, NegativeWeight, NegativeMargin, NegativeSlope;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PairTerms(in PairTerms terms)
    {
        Scale = TSimd.Broadcast(terms.Negative.Scale);
        Lowest = TSimd.Broadcast(terms.Lowest);
        Highest = TSimd.Broadcast(terms.Highest);
        PositiveWeight = TSimd.Broadcast(terms.Positive.Weight);
        PositiveMargin = TSimd.Broadcast(terms.Positive.ScaledMargin);
        PositiveSlope = TSimd.Broadcast(terms.Positive.Slope);
        NegativeWeight = TSimd.Broadcast(terms.Negative.Weight);
        NegativeMargin = TSimd.Broadcast(terms.Negative.ScaledMargin);
        NegativeSlope = TSimd.Broadcast(terms.Negative.Slope);
    }

    /// <summary>e^logit of positives where the mask is set and of negatives elsewhere, as p 2^exponent, and d logit / ds over the scale.</summary>
    /// <param name="pairTerms">What these are the vectors of.</param>
    /// <param name="similarity">The similarities.</param>
    /// <param name="positive">Where they are of positives.</param>
    /// <param name="exponent">Receives the exponents.</param>
    /// <param name="slope">Receives the slopes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> MixedTermAndSlope(
        in PairTerms pairTerms, Four<TSimd> similarity, Four<TSimd> positive, out Four<TSimd> exponent, out Four<TSimd> slope)
    {
        if (TForm.Linear)
        {
            return LinearPairs.TermAndSlope<TSimd, TForm>(pairTerms, similarity, positive, out exponent, out slope);
        }

        Four<TSimd> sign = positive & TSimd.Broadcast(-0f), clamped = similarity;
        if (TForm.Clamps)
        {
            clamped = Four<TSimd>.Max(Lowest, Four<TSimd>.Min(Highest, similarity));
        }

        Four<TSimd> y = clamped ^ sign;
        Four<TSimd> optimum = Four<TSimd>.Select(positive, PositiveWeight, NegativeWeight);
        Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), y + optimum);
        Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, Scale, Four<TSimd>.Select(positive, PositiveMargin, NegativeMargin));
        slope = weight;
        if (TForm.Attached)
        {
            slope = Four<TSimd>.MultiplyAdd(weight, TSimd.Broadcast(2f), Four<TSimd>.Select(positive, PositiveSlope, NegativeSlope));
            slope &= Four<TSimd>.LessThan(default, weight);
        }

        slope ^= sign;
        if (TForm.Clamps)
        {
            slope &= Four<TSimd>.Equal(similarity, clamped);
        }

        exponent = Four<TSimd>.Round(logit);
        return Exponential.PowerOfFraction(logit - exponent);
    }
}
