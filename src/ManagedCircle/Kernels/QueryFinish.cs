using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

// With P and N the log-sum-exp of a query's positive and negative logits, Q that of its positives' with their sign turned, and z the pooled logit:
//   log-sum-exp: z = P + N, L = link(z)         dL/dlogit of pair j = link'(z) e^logit_j / (sum over its own set)
//   separate: L = f softplus(P) + g softplus(N) dL/dlogit of pair j = f sigmoid(P) or g sigmoid(N), e^logit_j / (sum over its own set)
//   nearest: z = N - Q, L = link(z)             as log-sum-exp, but for positives with the sign turned, as their sum is of e^-logit
//   mean: L = A + mean logit of positives = softplus(N - Q) + (Q + mean logit of positives), the second of which is 0 for one positive;
//                                               dL/dlogit of pair j = e^(logit_j - A), for positives 1 / count - e^(-logit_j - A), with e^A = e^N + e^Q
// Everything stays in base 2 as whole exponent + fraction in [-0.5, 0.5]: then z is exact to 1e-7 however large P and N are (they nearly cancel
// where it matters), and a sigmoid far below the smallest float is still a coefficient m 2^e with m near 1.

/// <summary>From the sums of each query to its loss, and to the coefficients of its pairs' gradients.</summary>
internal static unsafe class QueryFinish
{
    private const float NaturalLogOf2 = 0.693147181f;

    /// <summary>Writes the loss of each query, and its coefficients: dL/dlogit over e^logit.</summary>
    /// <param name="sums">Sums of e^logit.</param>
    /// <param name="totals">Totals of the positives, where their mean is asked for.</param>
    /// <param name="count">Queries; memory is read and written up to a whole vector.</param>
    /// <param name="finish">What is asked for.</param>
    /// <param name="losses">Receives the losses.</param>
    /// <param name="positiveParts">Receives the positives' parts of separate losses; null to leave them out.</param>
    /// <param name="coefficients">
    /// Receives the coefficients, 0 with the empty exponent for a query without the pairs it needs; may be the sums' memory.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LossesAndCoefficients<TSimd>(
        in RunningSums sums, in PositiveTotals totals, int count, in LossFinish finish, float* losses, float* positiveParts, in PairCoefficients coefficients)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd positive = TSimd.Load(sums.Positives.Mantissas + i), negative = TSimd.Load(sums.Negatives.Mantissas + i);
            TSimd positiveExponent = TSimd.Load(sums.Positives.Exponents + i), negativeExponent = TSimd.Load(sums.Negatives.Exponents + i);
            TSimd noPositive = TSimd.Equal(positive, default), noNegative = TSimd.Equal(negative, default);
            TSimd invalid = finish.Requires switch
            {
                NeededPairs.PositiveAndNegative => noPositive | noNegative,
                NeededPairs.Positive => noPositive,
                _ => noPositive & noNegative,
            };
            TSimd positiveFraction = TSimd.AndNot(Logarithm.Base2(positive, out TSimd positiveInteger), noPositive);
            TSimd negativeFraction = TSimd.AndNot(Logarithm.Base2(negative, out TSimd negativeInteger), noNegative);
            positiveInteger = TSimd.AndNot(positiveInteger + positiveExponent, noPositive);
            negativeInteger = TSimd.AndNot(negativeInteger + negativeExponent, noNegative);

            // The derivatives by P (or -Q) and N are numbers near 1 times 2^shift.
            TSimd loss, ofPositives, ofNegatives, positiveShift, negativeShift;
            switch (finish.Pooling)
            {
                case SumsPooling.Joint:
                    loss = Linked(finish.Link, positiveInteger + negativeInteger, positiveFraction + negativeFraction, out ofPositives, out positiveShift);
                    (ofNegatives, negativeShift) = (ofPositives, positiveShift);
                    break;

                case SumsPooling.Nearest:
                    loss = Linked(finish.Link, negativeInteger - positiveInteger, negativeFraction - positiveFraction, out ofNegatives, out negativeShift);
                    (ofPositives, positiveShift) = (ofNegatives ^ TSimd.Broadcast(-0f), negativeShift);
                    break;

                case SumsPooling.Mean:
                    TSimd exponent = TSimd.Select(noNegative, positiveExponent, TSimd.Max(positiveExponent, negativeExponent));
                    TSimd sum = TSimd.Scale(positive, positiveExponent - exponent) + TSimd.Scale(negative, negativeExponent - exponent);
                    TSimd number = TSimd.Load(totals.Counts + i);
                    TSimd mean = TSimd.Load(totals.Similarities + i) / number - TSimd.Broadcast(finish.PositiveMargin);
                    TSimd rest = TSimd.MultiplyAdd(
                        positiveInteger + positiveFraction, TSimd.Broadcast(NaturalLogOf2), mean * TSimd.Broadcast(-finish.PositiveScale));
                    loss = Linked(SumsLink.Softplus, negativeInteger - positiveInteger, negativeFraction - positiveFraction, out _, out _);
                    loss = TSimd.AndNot(loss, noNegative) + TSimd.AndNot(rest, TSimd.Equal(number, TSimd.Broadcast(1f)));
                    (ofPositives, positiveShift) = (positive / sum, positiveExponent - exponent);
                    (ofNegatives, negativeShift) = (negative / sum, negativeExponent - exponent);
                    break;

                default:
                    TSimd ofP = Softplus(positiveInteger, positiveFraction, out ofPositives, out positiveShift) * TSimd.Broadcast(finish.PositiveFactor);
                    TSimd ofN = Softplus(negativeInteger, negativeFraction, out ofNegatives, out negativeShift) * TSimd.Broadcast(finish.NegativeFactor);
                    ofP = TSimd.AndNot(ofP, noPositive);
                    loss = ofP + TSimd.AndNot(ofN, noNegative);
                    if (positiveParts != null)
                    {
                        TSimd.Store(TSimd.AndNot(ofP, invalid), positiveParts + i);
                    }

                    break;
            }

            // A NaN among the sums, which the logarithms' bits have lost, goes on into the loss and every coefficient.
            TSimd nan = (positive + negative) * default(TSimd), empty = TSimd.Broadcast(RunningSums.EmptyExponent);
            loss += nan;
            ofPositives += nan;
            ofNegatives += nan;
            TSimd.Store(TSimd.AndNot(loss, invalid), losses + i);
            TSimd.Store(TSimd.AndNot(ofPositives / positive, invalid | noPositive), coefficients.Positives.Mantissas + i);
            TSimd.Store(TSimd.AndNot(ofNegatives / negative, invalid | noNegative), coefficients.Negatives.Mantissas + i);
            positiveShift = TSimd.AndNot(positiveShift - positiveExponent, noPositive);
            negativeShift = TSimd.AndNot(negativeShift - negativeExponent, noNegative);
            TSimd.Store(TSimd.Select(invalid, empty, positiveShift), coefficients.Positives.Exponents + i);
            TSimd.Store(TSimd.Select(invalid, empty, negativeShift), coefficients.Negatives.Exponents + i);
        }
    }

    // The link of z = integer + fraction in base 2, and its derivative by z.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Linked<TSimd>(SumsLink link, TSimd integer, TSimd fraction, out TSimd derivative, out TSimd shift)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (link == SumsLink.Softplus)
        {
            TSimd carry = TSimd.Round(fraction);
            return Softplus(integer + carry, fraction - carry, out derivative, out shift);
        }

        TSimd z = (integer + fraction) * TSimd.Broadcast(NaturalLogOf2), one = TSimd.Broadcast(1f);
        TSimd above = link == SumsLink.Identity ? TSimd.Equal(default, default) : TSimd.LessThan(default, z);
        shift = default;
        z &= above;
        derivative = link == SumsLink.HalfSquaredHinge ? z : one & above;
        return link == SumsLink.HalfSquaredHinge ? z * z * TSimd.Broadcast(0.5f) : z;
    }

    /// <summary>Adds the pair of each row with itself to its positives, <paramref name="times"/> times, and to their totals where there are any.</summary>
    /// <remarks>Memory is read and written up to four whole vectors.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSelfPairs<TSimd, TForm>(
        float* similarities, in PairTerms pairTerms, in RunningSums sums, PositiveTotals totals, int count, float times)
        where TSimd : unmanaged, ISimd<TSimd>
        where TForm : struct, IPairForm
    {
        PairTerms<TSimd, TForm> terms = new(pairTerms);
        Four<TSimd> all = Four<TSimd>.Equal(default, default);
        for (int i = 0; i < count; i += 4 * TSimd.Lanes)
        {
            Four<TSimd> similarity = Four<TSimd>.Load(similarities + i, TSimd.Lanes);
            Four<TSimd> term = terms.MixedTermAndSlope(pairTerms, similarity, all, out Four<TSimd> n, out _) * TSimd.Broadcast(times);
            RunningSums.AddInMemory<TSimd, RowEnd>(term, n, sums.Positives.From(i), TSimd.Lanes, default);
            for (int row = i; totals.AreKept && row < count && row < i + (4 * TSimd.Lanes); row++)
            {
                totals.Similarities[row] += Math.Clamp(similarities[row], pairTerms.Lowest, pairTerms.Highest);
                totals.Counts[row]++;
            }
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
            Four<TSimd> similarity = Four<TSimd>.Load(similarities + i, TSimd.Lanes);
            Four<TSimd> term = terms.MixedTermAndSlope(pairTerms, similarity, all, out Four<TSimd> n, out Four<TSimd> slope);
            Four<TSimd> power = Four<TSimd>.PowerOfTwo(n + Four<TSimd>.Load(coefficients.Positives.Exponents + i, TSimd.Lanes));
            Four<TSimd> coefficient = Four<TSimd>.Load(coefficients.Positives.Mantissas + i, TSimd.Lanes) * TSimd.Broadcast(times);
            Four<TSimd> value = PairCoefficients.Lowered(coefficient * power * (term * slope));
            if (coefficients.Shifts != null)
            {
                value += Four<TSimd>.Load(coefficients.Shifts + i, TSimd.Lanes) * TSimd.Broadcast(times) * slope;
            }

            value.Store(similarities + i, TSimd.Lanes);
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
