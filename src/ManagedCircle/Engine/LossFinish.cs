using System.Runtime.CompilerServices;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>From the sums of e^logit of every query to its loss, the reduced loss, and the coefficients of the gradient.</summary>
internal readonly unsafe struct LossFinish(CircleLossOptions options, PairTerms terms)
{
    private readonly float outputScale = options.OutputScale == OutputScale.InverseGamma ? (float)(1 / options.Gamma) : 1;

    /// <summary>Reduces losses of queries.</summary>
    /// <param name="sums">Sums of each query, shape [count], with a vector's room; become coefficients.</param>
    /// <param name="pairs">Which queries take part.</param>
    /// <param name="losses">Scratch, shape [count], with a vector's room.</param>
    /// <param name="factors">Scratch, shape [count], with a vector's room; null where no gradient is asked for.</param>
    /// <param name="given">Weights and upstream gradients.</param>
    /// <param name="destination">Receives the losses; empty to leave them out.</param>
    /// <param name="count">Queries, those that take no part among them.</param>
    public LossResult OfQueries<TSimd>(
        in RunningSums sums, in PairRows pairs, float* losses, float* factors, QueryTerms given, Span<float> destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        LossesAndCoefficients<TSimd>(sums, count, losses);
        ReadOnlySpan<float> weights = given.Weights, upstream = given.Upstream;
        int valid = 0, nonzero = 0;
        double total = 0, totalWeight = 0, nonzeroWeight = 0;
        for (int query = 0; query < count; query++)
        {
            float weight = !pairs.TakesPart(query) ? 0 : weights.IsEmpty ? 1 : weights[query];
            valid += sums.PositiveExponents[query] != PairTerms.EmptyExponent ? 1 : 0;
            nonzero += losses[query] > 0 ? 1 : 0;
            total += (double)weight * losses[query];
            totalWeight += weight;
            nonzeroWeight += losses[query] > 0 ? weight : 0;
            if (factors != null)
            {
                factors[query] = upstream.Length > 1 ? weight * upstream[query] : weight;
            }

            if (!destination.IsEmpty)
            {
                destination[query] = losses[query] * outputScale;
            }
        }

        double denominator = options.Reduction != LossReduction.Mean ? 1 : options.Denominator switch
        {
            MeanDenominator.All => pairs.QueryCount,
            MeanDenominator.Valid => valid,
            MeanDenominator.Nonzero => nonzero,
            MeanDenominator.Weights => totalWeight,
            _ => nonzeroWeight,
        };
        double share = denominator == 0 ? 0 : outputScale / denominator;
        if (factors != null)
        {
            QueryFinish.Scale<TSimd>(sums, count, terms, (float)(options.Gamma * share * (upstream.Length == 1 ? upstream[0] : 1)), factors);
        }

        double loss = options.Reduction == LossReduction.None ? double.NaN : total * share;
        return new LossResult(loss, pairs.QueryCount, pairs.ReferenceCount, valid, nonzero);
    }

    /// <summary>One loss over the pairs of all queries.</summary>
    /// <param name="sums">Sums of each query, shape [count], with a vector's room; become coefficients.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="given">The upstream gradient.</param>
    /// <param name="destination">Receives the loss, shape [1]; empty to leave it out.</param>
    /// <param name="count">Queries, those that take no part among them.</param>
    [SkipLocalsInit]
    public LossResult OfBatch<TSimd>(in RunningSums sums, in PairRows pairs, QueryTerms given, Span<float> destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        const int Room = Layout.SumLanes;
        float* memory = stackalloc float[5 * Room], losses = memory + (4 * Room);
        RunningSums whole = new()
        {
            PositiveSums = memory,
            PositiveExponents = memory + Room,
            NegativeSums = memory + (2 * Room),
            NegativeExponents = memory + (3 * Room),
        };
        whole.Clear(Room, PairTerms.EmptyExponent);
        Total(sums, count, whole);
        LossesAndCoefficients<TSimd>(whole, 1, losses);
        float loss = losses[0] * outputScale;
        if (!destination.IsEmpty)
        {
            destination[0] = loss;
        }

        bool valid = whole.PositiveExponents[0] != PairTerms.EmptyExponent;
        new Span<float>(sums.PositiveSums, count).Fill(whole.PositiveSums[0]);
        new Span<float>(sums.NegativeSums, count).Fill(whole.NegativeSums[0]);
        new Span<float>(sums.PositiveExponents, count).Fill(whole.PositiveExponents[0]);
        new Span<float>(sums.NegativeExponents, count).Fill(whole.NegativeExponents[0]);
        QueryFinish.Scale<TSimd>(sums, count, terms, (float)(options.Gamma * outputScale * (given.Upstream.IsEmpty ? 1 : given.Upstream[0])), null);
        return new LossResult(loss, pairs.QueryCount, pairs.ReferenceCount, valid ? 1 : 0, loss > 0 ? 1 : 0);
    }

    /// <summary>Adds up the sums of all queries.</summary>
    public static void Total(in RunningSums sums, int count, in RunningSums total)
    {
        (*total.PositiveSums, *total.PositiveExponents) = Total(sums.PositiveSums, sums.PositiveExponents, count);
        (*total.NegativeSums, *total.NegativeExponents) = Total(sums.NegativeSums, sums.NegativeExponents, count);
    }

    // A loss that is NaN makes the gradient of all its pairs NaN.
    private void LossesAndCoefficients<TSimd>(in RunningSums sums, int count, float* losses)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        QueryFinish.LossesAndCoefficients<TSimd>(sums, count, options.Combination == LossCombination.Joint, losses);
        for (int i = 0; i < count; i++)
        {
            if (float.IsNaN(losses[i]))
            {
                (sums.PositiveSums[i], sums.NegativeSums[i]) = (float.NaN, float.NaN);
            }
        }
    }

    private static (float Sum, float Exponent) Total(float* sums, float* exponents, int count)
    {
        float largest = PairTerms.EmptyExponent;
        for (int i = 0; i < count; i++)
        {
            largest = Math.Max(largest, exponents[i]);
        }

        double total = 0;
        for (int i = 0; i < count; i++)
        {
            total += sums[i] == 0 ? 0 : Math.ScaleB(sums[i], (int)Math.Max(exponents[i] - largest, -1000));
        }

        return ((float)total, largest);
    }
}
