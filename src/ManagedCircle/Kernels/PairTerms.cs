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
// A constant weight is max(0, 0 y + 1), and detached.
//
// Logits are kept in base 2 and each exponential as p 2^n with a whole n and p in [0.7, 1.5): a sum of such terms rescales exactly.

/// <summary>The numbers of the formula.</summary>
internal readonly record struct PairFormula
{
    public required double Gamma { get; init; }

    /// <summary>Whether weights follow the similarity; or are 1.</summary>
    public required bool Circle { get; init; }

    /// <summary>Whether the weight carries gradient.</summary>
    public required bool Attached { get; init; }

    public required double PositiveOptimum { get; init; }

    public required double PositiveMargin { get; init; }

    public required double NegativeOptimum { get; init; }

    public required double NegativeMargin { get; init; }

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
        double scale = formula.Gamma * Math.Log2(Math.E);
        Scale = (float)scale;
        WeightSlope = formula.Circle ? 1 : 0;
        Attached = formula.Circle && formula.Attached;
        Positive = new Side(formula.PositiveOptimum, formula.PositiveMargin, scale, formula.Circle);
        Negative = new Side(-formula.NegativeOptimum, -formula.NegativeMargin, scale, formula.Circle);
        Clamps = double.IsInfinity(formula.Reach) || formula.Lowest > -formula.Reach || formula.Highest < formula.Reach;
        Lowest = (float)Math.Max(formula.Lowest, -Beyond);
        Highest = (float)Math.Min(formula.Highest, Beyond);
        (Narrow, NegativeExponent) = NegativeRange(formula, scale);
    }

    // Where the negatives' logits provably lie within 150 powers of two, sums of their exponentials need no running exponent: one constant in the
    // middle of the range keeps every sum a normal number. The coefficient that multiplies a term is sigmoid(z) / (sum of negatives), which is at
    // least about the smaller of 1 / (sum of negatives) and, as sigmoid(z) nears (sum of positives) (sum of negatives), the sum of positives: that too
    // must stay a normal number.
    private static (bool Narrow, float Exponent) NegativeRange(in PairFormula formula, double scale)
    {
        (double lowest, double highest) = (Math.Max(formula.Lowest, -formula.Reach), Math.Min(formula.Highest, formula.Reach));
        bool circle = formula.Circle;
        (double least, double most) = Range(lowest, highest, formula.NegativeOptimum, formula.NegativeMargin);
        (double leastPositive, _) = Range(-highest, -lowest, -formula.PositiveOptimum, -formula.PositiveMargin);

        // Even, so that rounding to even means the same before and after it is taken off.
        double middle = 2 * Math.Round((least + most) / 4);
        return most - least <= 150 && leastPositive + middle >= -90 ? (true, (float)middle) : (false, RunningSums.EmptyExponent);

        // The range of weight (y - margin) scale: monotone in y but for the parabola's vertex and the place where the weight becomes 0.
        (double Least, double Most) Range(double from, double to, double optimum, double margin)
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
        public Side(double optimum, double margin, double scale, bool circle)
        {
            Weight = circle ? (float)optimum : 1;
            ScaledMargin = (float)(scale * margin);
            Slope = (float)(margin - optimum);
        }

        /// <summary>A, or 1 where the weight is constant.</summary>
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

    /// <summary>gamma log2(e).</summary>
    public readonly float Scale;

    /// <summary>1, or 0 where the weight is constant.</summary>
    public readonly float WeightSlope;

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

    /// <summary>Whether the weight carries gradient.</summary>
    static abstract bool Attached { get; }
}

/// <summary>A form put together from its parts.</summary>
internal readonly struct PairForm<TClamps, TNarrow, TAttached> : IPairForm
    where TClamps : struct, IFlag
    where TNarrow : struct, IFlag
    where TAttached : struct, IFlag
{
    public static bool Clamps => TClamps.Value;

    public static bool Narrow => TNarrow.Value;

    public static bool Attached => TAttached.Value;
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
    public readonly TSimd Scale, WeightSlope, Lowest, Highest;
    public readonly TSimd PositiveWeight, PositiveMargin, PositiveSlope, NegativeWeight, NegativeMargin, NegativeSlope;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PairTerms(in PairTerms terms)
    {
        Scale = TSimd.Broadcast(terms.Scale);
        WeightSlope = TSimd.Broadcast(terms.WeightSlope);
        Lowest = TSimd.Broadcast(terms.Lowest);
        Highest = TSimd.Broadcast(terms.Highest);
        PositiveWeight = TSimd.Broadcast(terms.Positive.Weight);
        PositiveMargin = TSimd.Broadcast(terms.Positive.ScaledMargin);
        PositiveSlope = TSimd.Broadcast(terms.Positive.Slope);
        NegativeWeight = TSimd.Broadcast(terms.Negative.Weight);
        NegativeMargin = TSimd.Broadcast(terms.Negative.ScaledMargin);
        NegativeSlope = TSimd.Broadcast(terms.Negative.Slope);
    }

    /// <summary>e^logit of positives where the mask is set and of negatives elsewhere, as p 2^exponent, and d logit / ds over gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> MixedTermAndSlope(Four<TSimd> similarity, Four<TSimd> positive, out Four<TSimd> exponent, out Four<TSimd> slope)
    {
        Four<TSimd> sign = positive & TSimd.Broadcast(-0f), clamped = similarity;
        if (TForm.Clamps)
        {
            clamped = Four<TSimd>.Max(Lowest, Four<TSimd>.Min(Highest, similarity));
        }

        Four<TSimd> y = clamped ^ sign;
        Four<TSimd> optimum = Four<TSimd>.Select(positive, PositiveWeight, NegativeWeight);
        Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), Four<TSimd>.MultiplyAdd(y, WeightSlope, optimum));
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
