using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

// A subnormal number takes some processors a hundred cycles and more, and of pairs far from the hardest one many have such a gradient. Coefficients are
// kept 2^24 times too large, so that m 2^(n + e) times a slope is a normal number, where it is not 0; and what would be subnormal at the end is made 0.

/// <summary>What multiplies e^logit times the slope of each of a query's pairs in the gradient, positives and negatives apart.</summary>
internal unsafe struct PairCoefficients
{
    private const float RaisedExponent = 24, Raised = 1 << 24, SmallestNormal = 1.17549435e-38f;

    public Scaled Positives, Negatives;

    /// <summary>What is added to the gradient of each of a query's positives; null for nothing.</summary>
    public float* Shifts;

    /// <summary>Coefficients that take the place of sums.</summary>
    public static PairCoefficients InPlaceOf(in RunningSums sums) => new() { Positives = sums.Positives, Negatives = sums.Negatives };

    /// <summary>The coefficients from <paramref name="first"/> on.</summary>
    public readonly PairCoefficients From(nint first) => new()
    {
        Positives = Positives.From(first),
        Negatives = Negatives.From(first),
        Shifts = Shifts == null ? null : Shifts + first,
    };

    /// <summary>Multiplies the coefficients by a number for each kind, by one more for each query, and by 2^24.</summary>
    /// <remarks>In the narrow form those of negatives become m 2^e with one e for all, and 2^24 is in e alone.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<TSimd>(in PairCoefficients coefficients, int count, in PairTerms terms, float positiveFactor, float negativeFactor, float* factors)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        (Scaled positives, Scaled negatives) = (coefficients.Positives, coefficients.Negatives);
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd positiveScale = TSimd.Broadcast(positiveFactor), scale = TSimd.Broadcast(negativeFactor), raised = TSimd.Broadcast(Raised);
            if (factors != null)
            {
                positiveScale *= TSimd.Load(factors + i);
                scale *= TSimd.Load(factors + i);
            }

            TSimd.Store(TSimd.Load(positives.Mantissas + i) * (positiveScale * raised), positives.Mantissas + i);
            TSimd negative = TSimd.Load(negatives.Mantissas + i);
            if (terms.Narrow)
            {
                TSimd exponent = TSimd.Broadcast(terms.NegativeExponent);
                negative *= scale * TSimd.PowerOfTwo(TSimd.Load(negatives.Exponents + i) + exponent);
                TSimd.Store(TSimd.Broadcast(RaisedExponent) - exponent, negatives.Exponents + i);
            }
            else
            {
                negative *= scale * raised;
            }

            TSimd.Store(negative, negatives.Mantissas + i);
        }
    }

    /// <summary>Adds the shifts of rows, and where pairs count for both ends of columns, times the slopes of positives to the gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Four<TSimd> Shifted<TSimd, TEnds>(in Four<TSimd> gradient, in Four<TSimd> slope, float* rows, float* columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        Four<TSimd> shift = Four<TSimd>.Broadcast(rows);
        return gradient + ((TEnds.Both ? shift + TSimd.Load(columns) : shift) * slope);
    }

    /// <summary>Takes the 2^24 out of a gradient, and makes it 0 where it would be subnormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Lowered<TSimd>(Four<TSimd> gradient)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd sign = TSimd.Broadcast(-0f);
        Four<TSimd> small = Four<TSimd>.LessThan(TSimd.Broadcast(-Raised * SmallestNormal), gradient | new Four<TSimd>(sign, sign, sign, sign));
        return Four<TSimd>.AndNot(gradient, small) * TSimd.Broadcast(1 / Raised);
    }
}
