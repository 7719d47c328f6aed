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

    // A subnormal number takes some processors a hundred cycles and more, and of pairs far from the hardest one many have such a gradient. Coefficients are
    // kept so much larger that m 2^(n + e) times a slope is a normal number, where it is not 0; and what would be subnormal at the end is made 0.
    private const float LiftExponent = 24, Lift = 1 << 24, SmallestNormal = 1.17549435e-38f;

    /// <summary>Writes the loss of each query, and turns its sums into coefficients: sigmoid / sum as m 2^e.</summary>
    /// <param name="sums">Sums of e^logit; become m (in the sums' place) and e. A query without positives or negatives gets m = 0 and the empty exponent.</param>
    /// <param name="count">Queries; memory is read and written up to a whole vector.</param>
    /// <param name="joint">Whether the loss is softplus(P + N), or softplus(P) + softplus(N).</param>
    /// <param name="losses">Receives the losses.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LossesAndCoefficients<TSimd>(in RunningSums sums, int count, bool joint, float* losses)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd positive = TSimd.Load(sums.PositiveSums + i), negative = TSimd.Load(sums.NegativeSums + i);
            TSimd positiveExponent = TSimd.Load(sums.PositiveExponents + i), negativeExponent = TSimd.Load(sums.NegativeExponents + i);
            TSimd invalid = TSimd.Equal(positive, default) | TSimd.Equal(negative, default);
            TSimd positiveFraction = Logarithm.Base2(positive, out TSimd positiveWhole);
            TSimd negativeFraction = Logarithm.Base2(negative, out TSimd negativeWhole);
            positiveWhole += positiveExponent;
            negativeWhole += negativeExponent;

            TSimd loss, positiveSigmoid, negativeSigmoid, positiveShift, negativeShift;
            if (joint)
            {
                TSimd fraction = positiveFraction + negativeFraction;
                TSimd carry = TSimd.Round(fraction);
                loss = Softplus(positiveWhole + negativeWhole + carry, fraction - carry, out positiveSigmoid, out positiveShift);
                (negativeSigmoid, negativeShift) = (positiveSigmoid, positiveShift);
            }
            else
            {
                loss = Softplus(positiveWhole, positiveFraction, out positiveSigmoid, out positiveShift)
                    + Softplus(negativeWhole, negativeFraction, out negativeSigmoid, out negativeShift);
            }

            // A NaN among the sums, which the logarithms' bits have lost, goes on into the loss and every coefficient.
            TSimd nan = (positive + negative) * default(TSimd), empty = TSimd.Broadcast(PairTerms.EmptyExponent);
            loss += nan;
            positiveSigmoid += nan;
            negativeSigmoid += nan;
            TSimd.Store(TSimd.AndNot(loss, invalid), losses + i);
            TSimd.Store(TSimd.AndNot(positiveSigmoid / positive, invalid), sums.PositiveSums + i);
            TSimd.Store(TSimd.AndNot(negativeSigmoid / negative, invalid), sums.NegativeSums + i);
            TSimd.Store(TSimd.Select(invalid, empty, positiveShift - positiveExponent), sums.PositiveExponents + i);
            TSimd.Store(TSimd.Select(invalid, empty, negativeShift - negativeExponent), sums.NegativeExponents + i);
        }
    }

    /// <summary>Multiplies the coefficients by a number, and by one more for each query, and lifts them; those of negatives in the narrow form become m 2^e with its exponent, which alone is lifted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<TSimd>(in RunningSums coefficients, int count, in PairTerms terms, float factor, float* factors)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd scale = TSimd.Broadcast(factor);
            if (factors != null)
            {
                scale *= TSimd.Load(factors + i);
            }

            TSimd lifted = scale * TSimd.Broadcast(Lift);
            TSimd.Store(TSimd.Load(coefficients.PositiveSums + i) * lifted, coefficients.PositiveSums + i);
            TSimd negative = TSimd.Load(coefficients.NegativeSums + i);
            if (terms.Narrow)
            {
                TSimd exponent = TSimd.Broadcast(terms.NegativeExponent);
                negative *= scale * TSimd.PowerOfTwo(TSimd.Load(coefficients.NegativeExponents + i) + exponent);
                TSimd.Store(TSimd.Broadcast(LiftExponent) - exponent, coefficients.NegativeExponents + i);
            }
            else
            {
                negative *= lifted;
            }

            TSimd.Store(negative, coefficients.NegativeSums + i);
        }
    }

    /// <summary>The gradients that lifted coefficients gave, as they are; 0 for those that would be subnormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Lowered<TSimd>(Four<TSimd> gradient)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd sign = TSimd.Broadcast(-0f);
        Four<TSimd> small = Four<TSimd>.LessThan(TSimd.Broadcast(-Lift * SmallestNormal), gradient | new Four<TSimd>(sign, sign, sign, sign));
        return Four<TSimd>.AndNot(gradient, small) * TSimd.Broadcast(1 / Lift);
    }

    /// <summary>Adds the pair of each row with itself to its positives, <paramref name="times"/> times. Memory is read and written up to four whole vectors.</summary>
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
            LogSumExpTile.AddInMemory<TSimd, RowEnd>(term, n, sums.PositiveSums + i, sums.PositiveExponents + i, TSimd.Lanes, null, null);
        }
    }

    /// <summary>Turns the similarity of each row with itself into <paramref name="times"/> its dL/ds, from the coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SelfSlopes<TSimd, TForm>(float* similarities, in PairTerms pairTerms, in RunningSums coefficients, int count, float times)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm
    {
        PairTerms<TSimd, TForm> terms = new(pairTerms);
        Four<TSimd> all = Four<TSimd>.Equal(default, default);
        for (int i = 0; i < count; i += 4 * TSimd.Lanes)
        {
            Four<TSimd> term = terms.MixedTermAndSlope(Four<TSimd>.Load(similarities + i, TSimd.Lanes), all, out Four<TSimd> n, out Four<TSimd> slope);
            Four<TSimd> power = Four<TSimd>.PowerOfTwo(n + Four<TSimd>.Load(coefficients.PositiveExponents + i, TSimd.Lanes));
            Four<TSimd> coefficient = Four<TSimd>.Load(coefficients.PositiveSums + i, TSimd.Lanes) * TSimd.Broadcast(times);
            Lowered(coefficient * power * (term * slope)).Store(similarities + i, TSimd.Lanes);
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

        TSimd rest = Logarithm.Base2(u, out TSimd whole);
        TSimd logarithm = TSimd.MultiplyAdd(whole + rest, TSimd.Broadcast(NaturalLogOf2), (t - (u - one)) / u);
        return TSimd.MultiplyAdd(TSimd.AndNot(exponent + fraction, below), TSimd.Broadcast(NaturalLogOf2), logarithm);
    }
}
