using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Four rows by one vector of pairs whose weights are 1.</summary>
internal static class LinearPairs
{
    /// <inheritdoc cref="PairTerms{TSimd, TForm}.MixedTermAndSlope"/>
    /// <remarks>Not inlined: the losses with other weights, which share the callers, need not read it.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Four<TSimd> TermAndSlope<TSimd, TForm>(
        in PairTerms terms, in Four<TSimd> similarity, in Four<TSimd> positive, out Four<TSimd> exponent, out Four<TSimd> slope)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm
    {
        Four<TSimd> clamped = Clamped<TSimd, TForm>(terms, similarity), value = clamped;
        TSimd one = TSimd.Broadcast(1f);
        slope = new(one, one, one, one);
        if (terms.Arc.IsUsed)
        {
            value = Four<TSimd>.Select(positive, terms.Arc.Of(clamped, out Four<TSimd> arcSlope), clamped);
            slope = Four<TSimd>.Select(positive, arcSlope, one);
        }

        Four<TSimd> sign = positive & TSimd.Broadcast(terms.PositiveSign);
        Four<TSimd> scale = Four<TSimd>.Select(positive, TSimd.Broadcast(terms.Positive.Scale), TSimd.Broadcast(terms.Negative.Scale));
        Four<TSimd> margin = Four<TSimd>.Select(positive, TSimd.Broadcast(terms.Positive.ScaledMargin), TSimd.Broadcast(terms.Negative.ScaledMargin));
        Four<TSimd> logit = Four<TSimd>.MultiplyAdd(value ^ sign, scale, margin);
        slope ^= sign;
        if (TForm.Clamps)
        {
            slope &= Four<TSimd>.Equal(similarity, clamped);
        }

        exponent = Four<TSimd>.Round(logit);
        return Exponential.PowerOfFraction(logit - exponent);
    }

    /// <summary>Similarities in the clamp's range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Clamped<TSimd, TForm>(in PairTerms terms, Four<TSimd> similarity)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm =>
        TForm.Clamps ? Four<TSimd>.Max(TSimd.Broadcast(terms.Lowest), Four<TSimd>.Min(TSimd.Broadcast(terms.Highest), similarity)) : similarity;
}
