using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

// With P and N the log-sum-exp of a query's positive and negative logits and z = P + N:
//   joint:    L = softplus(z),                 dL/dlogit of pair j = sigmoid(z) e^logit_j / (sum over its own set)
//   separate: L = softplus(P) + softplus(N),   dL/dlogit of pair j = sigmoid(P or N) e^logit_j / (sum over its own set)
// Everything stays in base 2 as whole exponent + fraction in [-0.5, 0.5]: then z is exact to 1e-7 however large P and N are (they nearly cancel
// where it matters), and a sigmoid far below the smallest float is still a coefficient m 2^e with m near 1.

/// <summary>From the sums of each query to its loss, and to the coefficients of its pairs' gradients.</summary>
internal static unsafe class QueryFinish
{
    private const float NaturalLogOf2 = 0.693147181f;

    /// <summary>Writes the loss of each query, and its coefficients: sigmoid / sum.</summary>
    /// <param name="sums">Sums of e^logit.</param>
    /// <param name="count">Queries; memory is read and written up to a whole vector.</param>
    /// <param name="joint">Whether the loss is softplus(P + N), or softplus(P) + softplus(N).</param>
    /// <param name="losses">Receives the losses.</param>
    /// <param name="coefficients">
    /// Receives the coefficients, 0 with the empty exponent for a query without positives or negatives; may be the sums' memory.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LossesAndCoefficients<TSimd>(in RunningSums sums, int count, bool joint, float* losses, in PairCoefficients coefficients)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd positive = TSimd.Load(sums.Positives.Mantissas + i), negative = TSimd.Load(sums.Negatives.Mantissas + i);
            TSimd positiveExponent = TSimd.Load(sums.Positives.Exponents + i), negativeExponent = TSimd.Load(sums.Negatives.Exponents + i);
            TSimd invalid = TSimd.Equal(positive, default) | TSimd.Equal(negative, default);
            TSimd positiveFraction = Logarithm.Base2(positive, out TSimd positiveInteger);
            TSimd negativeFraction = Logarithm.Base2(negative, out TSimd negativeInteger);
            positiveInteger += positiveExponent;
            negativeInteger += negativeExponent;

            TSimd loss, positiveSigmoid, negativeSigmoid, positiveShift, negativeShift;
            if (joint)
            {
                TSimd fraction = positiveFraction + negativeFraction;
                TSimd carry = TSimd.Round(fraction);
                loss = Softplus(positiveInteger + negativeInteger + carry, fraction - carry, out positiveSigmoid, out positiveShift);
                (negativeSigmoid, negativeShift) = (positiveSigmoid, positiveShift);
            }
            else
            {
                loss = Softplus(positiveInteger, positiveFraction, out positiveSigmoid, out positiveShift)
                    + Softplus(negativeInteger, negativeFraction, out negativeSigmoid, out negativeShift);
            }

            // A NaN among the sums, which the logarithms' bits have lost, goes on into the loss and every coefficient.
            TSimd nan = (positive + negative) * default(TSimd), empty = TSimd.Broadcast(RunningSums.EmptyExponent);
            loss += nan;
            positiveSigmoid += nan;
            negativeSigmoid += nan;
            TSimd.Store(TSimd.AndNot(loss, invalid), losses + i);
            TSimd.Store(TSimd.AndNot(positiveSigmoid / positive, invalid), coefficients.Positives.Mantissas + i);
            TSimd.Store(TSimd.AndNot(negativeSigmoid / negative, invalid), coefficients.Negatives.Mantissas + i);
            TSimd.Store(TSimd.Select(invalid, empty, positiveShift - positiveExponent), coefficients.Positives.Exponents + i);
            TSimd.Store(TSimd.Select(invalid, empty, negativeShift - negativeExponent), coefficients.Negatives.Exponents + i);
        }
    }

    /// <summary>Adds the pair of each row with itself to its positives, <paramref name="times"/> times.</summary>
    /// <remarks>Memory is read and written up to four whole vectors.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSelfPairs<TSimd, TForm>(float* similarities, in PairTerms pairTerms, in RunningSums sums, int count, float times)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm
    {
        PairTerms<TSimd, TForm> terms = new(pairTerms);
        Four<TSimd> all = Four<TSimd>.Equal(default, default);
        for (int i = 0; i < count; i += 4 * TSimd.Lanes)
        {
            Four<TSimd> term = terms.MixedTermAndSlope(Four<TSimd>.Load(similarities + i, TSimd.Lanes), all, out Four<TSimd> n, out _) * TSimd.Broadcast(times);
            RunningSums.AddInMemory<TSimd, RowEnd>(term, n, sums.Positives.From(i), TSimd.Lanes, default);
        }
    }

    /// <summary>Turns the similarity of each row with itself into <paramref name="times"/> its dL/ds, from the coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SelfSlopes<TSimd, TForm>(float* similarities, in PairTerms pairTerms, in PairCoefficients coefficients, int count, float times)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm
    {
        PairTerms<TSimd, TForm> terms = new(pairTerms);
        Four<TSimd> all = Four<TSimd>.Equal(default, default);
        for (int i = 0; i < count; i += 4 * TSimd.Lanes)
        {
            Four<TSimd> term = terms.MixedTermAndSlope(Four<TSimd>.Load(similarities + i, TSimd.Lanes), all, out Four<TSimd> n, out Four<TSimd> slope);
            Four<TSimd> power = Four<TSimd>.PowerOfTwo(n + Four<TSimd>.Load(coefficients.Positives.Exponents + i, TSimd.Lanes));
            Four<TSimd> coefficient = Four<TSimd>.Load(coefficients.Positives.Mantissas + i, TSimd.Lanes) * TSimd.Broadcast(times);
            PairCoefficients.Lowered(coefficient * power * (term * slope)).Store(similarities + i, TSimd.Lanes);
        }
    }

    /// <summary>softplus(z ln 2) for z = exponent + fraction, and sigmoid as a number near 1 times 2^shift.</summary>
    /// <remarks>
    /// With t = 2^-|z|, which never overflows: softplus = max(z, 0) ln 2 + log(1 + t). For small t, u = 1 + t loses digits of t that
    /// (t - (u - 1)) / u gives back.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Softplus<TSimd>(TSimd exponent, TSimd fraction, out TSimd sigmoid, out TSimd shift)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd one = TSimd.Broadcast(1f);
        TSimd power = Exponential.PowerOfFraction(fraction);
        TSimd below = TSimd.LessThan(exponent, default);
        shift = exponent & below;

        // In two steps, so that t reaches down to the smallest subnormal.
        TSimd distance = TSimd.Select(below, exponent, default(TSimd) - exponent);
        TSimd half = TSimd.Round(distance * TSimd.Broadcast(0.5f));
        TSimd t = TSimd.Select(below, power, one / power) * TSimd.PowerOfTwo(half) * TSimd.PowerOfTwo(distance - half);
        TSimd u = one + t;
        sigmoid = TSimd.Select(below, power, one) / u;

        TSimd rest = Logarithm.Base2(u, out TSimd integer);
        TSimd logarithm = TSimd.MultiplyAdd(integer + rest, TSimd.Broadcast(NaturalLogOf2), (t - (u - one)) / u);
        return TSimd.MultiplyAdd(TSimd.AndNot(exponent + fraction, below), TSimd.Broadcast(NaturalLogOf2), logarithm);
    }
}
