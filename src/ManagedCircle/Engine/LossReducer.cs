using System.Runtime.CompilerServices;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>From the sums of e^logit of every query to its loss, the reduced loss, and the coefficients of the gradient.</summary>
internal unsafe struct LossReducer
{
    public LossDescription Loss;

    public PairTerms Terms;

    /// <summary>Totals of each query's positives, where the loss asks for them.</summary>
    public PositiveTotals Totals;

    /// <summary>Sums of each query, shape [Count], with a vector's room.</summary>
    public RunningSums Sums;

    /// <summary>Receives the coefficients of each query, shape [Count], with a vector's room; may be the sums' memory.</summary>
    public PairCoefficients Coefficients;

    /// <summary>How many queries have sums, and how many of them and of the references take part.</summary>
    public int Count, QueryCount, ReferenceCount;

    /// <summary>Where each query stands in what the caller gave and gets, shape [Count]; null for its own place.</summary>
    public int* Rows;

    /// <summary>Scratch, shape [Count] each, with a vector's room.</summary>
    public float* Losses, Factors;

    /// <summary>The weight of each query; null for 1.</summary>
    public float* Weights;

    /// <summary>The upstream gradient, shape [UpstreamCount].</summary>
    public float* Upstream;

    public int UpstreamCount;

    /// <summary>Receives the losses, or that of the whole batch; null to leave them out.</summary>
    public float* Destination;

    public bool NeedsGradient;

    private readonly float Scale => (float)Loss.Factor;

    /// <summary>Reduces the losses of queries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly LossResult OfQueries<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd>
    {
        bool apart = Loss.Denominator == PairMeanDenominator.WithPositive && Loss.Reduction == LossReduction.Mean;
        QueryFinish.LossesAndCoefficients<TSimd>(Sums, Totals, Count, Loss.Finish, Losses, apart ? Factors : null, Coefficients);
        float scale = Scale;
        int valid = 0, nonzero = 0, withPositive = 0;
        double positiveParts = 0;
        double total = 0, totalWeight = 0, nonzeroWeight = 0;
        for (int i = 0; i < Count; i++)
        {
            int row = Rows == null ? i : Rows[i];
            float weight = Weights == null ? 1 : Weights[row];
            valid += Coefficients.Positives.Exponents[i] != RunningSums.EmptyExponent ? 1 : 0;
            nonzero += Losses[i] > 0 ? 1 : 0;
            withPositive += Coefficients.Positives.Mantissas[i] != 0 ? 1 : 0;
            positiveParts += apart ? (double)weight * Factors[i] : 0;
            total += (double)weight * Losses[i];
            totalWeight += weight;
            nonzeroWeight += Losses[i] > 0 ? weight : 0;
            Factors[i] = UpstreamCount > 1 ? weight * Upstream[row] : weight;
            if (Destination != null)
            {
                Destination[row] = Losses[i] * scale;
            }
        }

        double denominator = Loss.Reduction != LossReduction.Mean ? 1 : Loss.Denominator switch
        {
            PairMeanDenominator.All or PairMeanDenominator.WithPositive => QueryCount,
            PairMeanDenominator.Valid => valid,
            PairMeanDenominator.Nonzero => nonzero,
            PairMeanDenominator.Weights => totalWeight,
            _ => nonzeroWeight,
        };
        double share = denominator == 0 ? 0 : scale / denominator;

        // With means of their own the positives' parts count more, as there are fewer queries that have one.
        double ofPositives = apart && withPositive > 0 ? (double)QueryCount / withPositive : 1;
        total += (ofPositives - 1) * positiveParts;
        if (NeedsGradient)
        {
            double factor = share * (UpstreamCount == 1 ? *Upstream : 1) / (Loss.BothDirections ? 2 : 1);
            float* factors = Weights == null && UpstreamCount <= 1 ? null : Factors;
            float positiveFactor = (float)(Loss.PositiveScale * factor * ofPositives), negativeFactor = (float)(Loss.NegativeScale * factor);
            PairCoefficients.Scale<TSimd>(Coefficients, Count, Terms, positiveFactor, negativeFactor, factors);
            for (int i = 0; Coefficients.Shifts != null && i < Count; i++)
            {
                bool isValid = Coefficients.Positives.Exponents[i] != RunningSums.EmptyExponent;
                Coefficients.Shifts[i] = isValid ? -positiveFactor * Factors[i] / Totals.Counts[i] : 0;
            }
        }

        double loss = Loss.Reduction == LossReduction.None ? double.NaN : total * share;
        return new LossResult(loss, QueryCount, ReferenceCount, valid, nonzero);
    }

    /// <summary>One loss over the pairs of all queries.</summary>
    /// <param name="bothEnds">
    /// Whether every pair was counted for both of its ends: then the sums are twice those over unordered pairs; and as a pair's gradient adds the
    /// coefficients of both its ends, each takes half.
    /// </param>
    public readonly LossResult OfBatch<TSimd>(bool bothEnds)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        const int Room = Layout.SumLanes;
        float* memory = stackalloc float[5 * Room], loss = memory + (4 * Room);
        RunningSums whole = RunningSums.At(memory, Room);
        PairCoefficients ofWhole = PairCoefficients.InPlaceOf(whole);
        whole.Clear(Room, RunningSums.EmptyExponent);
        Total(Sums, Count, whole);
        if (bothEnds)
        {
            *whole.Positives.Exponents -= 1;
            *whole.Negatives.Exponents -= 1;
        }

        QueryFinish.LossesAndCoefficients<TSimd>(whole, default, 1, Loss.Finish, loss, null, ofWhole);
        bool valid = *ofWhole.Positives.Exponents != RunningSums.EmptyExponent, nonzero = *loss > 0;
        *loss *= Scale;
        if (Destination != null)
        {
            *Destination = *loss;
        }

        if (NeedsGradient)
        {
            float factor = (float)(Loss.PositiveScale * Scale * (UpstreamCount == 0 ? 1 : *Upstream)) * (bothEnds ? 0.5f : 1);
            Coefficients.Positives.Fill(Count, *ofWhole.Positives.Mantissas, *ofWhole.Positives.Exponents);
            Coefficients.Negatives.Fill(Count, *ofWhole.Negatives.Mantissas, *ofWhole.Negatives.Exponents);
            PairCoefficients.Scale<TSimd>(Coefficients, Count, Terms, factor, factor, null);
        }

        return new LossResult(*loss, QueryCount, ReferenceCount, valid ? 1 : 0, nonzero ? 1 : 0);
    }

    /// <summary>Adds up the sums of all queries.</summary>
    public static void Total(in RunningSums sums, int count, in RunningSums total)
    {
        (*total.Positives.Mantissas, *total.Positives.Exponents) = Total(sums.Positives, count);
        (*total.Negatives.Mantissas, *total.Negatives.Exponents) = Total(sums.Negatives, count);
    }

    private static (float Sum, float Exponent) Total(Scaled sums, int count)
    {
        float largest = RunningSums.EmptyExponent;
        for (int i = 0; i < count; i++)
        {
            largest = Math.Max(largest, sums.Exponents[i]);
        }

        double total = 0;
        for (int i = 0; i < count; i++)
        {
            total += sums.Mantissas[i] == 0 ? 0 : Math.ScaleB(sums.Mantissas[i], (int)Math.Max(sums.Exponents[i] - largest, -1000));
        }

        return ((float)total, largest);
    }
}
