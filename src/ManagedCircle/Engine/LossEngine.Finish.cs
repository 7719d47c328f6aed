using System.Runtime.CompilerServices;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <content>From each query's sums to its loss and its coefficients.</content>
internal sealed unsafe partial class LossEngine<TSimd, TForm>
{
    private void Finish()
    {
        float outputScale = options.OutputScale == OutputScale.InverseGamma ? (float)(1 / options.Gamma) : 1;
        if (self && options.SelfDiagonal == DiagonalPairs.Kept)
        {
            for (int row = 0; row < queries.Count; row++)
            {
                selfSimilarities[row] = RowPacking.SquaredNorm<TSimd>(queries, row);
            }

            QueryFinish.AddSelfPairs<TSimd, TForm>(selfSimilarities, terms, sums, queries.Count, options.Scope == LossScope.Batch ? 2 : 1);
        }

        if (lossDestination != null)
        {
            new Span<float>(lossDestination, options.Scope == LossScope.Batch ? 1 : givenQueries).Clear();
        }

        result = options.Scope == LossScope.Batch ? FinishBatch(outputScale) : FinishQueries(outputScale);
        if (needsGradient)
        {
            // Tiles write the gradient of every row that takes part, if there are tiles.
            if (options.IgnoreLabel != null || schedule.Steps == 0)
            {
                ClearRows(queryDestination, queryStride, givenQueries);
                ClearRows(referenceDestination, referenceStride, givenReferences);
            }

            ClearTurns();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private LossResult FinishQueries(float outputScale)
    {
        QueryFinish.LossesAndCoefficients<TSimd>(sums, queries.Count, options.Combination == LossCombination.Joint, losses);
        int valid = 0, nonzero = 0;
        double total = 0, totalWeight = 0, nonzeroWeight = 0;
        for (int i = 0; i < queries.Count; i++)
        {
            int row = keptQueries == null ? i : keptQueries[i];
            float weight = weights == null ? 1 : weights[row];
            valid += sums.PositiveExponents[i] != PairTerms.EmptyExponent ? 1 : 0;
            nonzero += losses[i] > 0 ? 1 : 0;
            total += (double)weight * losses[i];
            totalWeight += weight;
            nonzeroWeight += losses[i] > 0 ? weight : 0;
            factors[i] = upstreamCount > 1 ? weight * upstream[row] : weight;
            if (lossDestination != null)
            {
                lossDestination[row] = losses[i] * outputScale;
            }
        }

        double denominator = options.Reduction != LossReduction.Mean ? 1 : options.Denominator switch
        {
            MeanDenominator.All => queries.Count,
            MeanDenominator.Valid => valid,
            MeanDenominator.Nonzero => nonzero,
            MeanDenominator.Weights => totalWeight,
            _ => nonzeroWeight,
        };
        double share = denominator == 0 ? 0 : outputScale / denominator;
        if (needsGradient)
        {
            float factor = (float)(options.Gamma * share * (upstreamCount == 1 ? upstream[0] : 1));
            QueryFinish.Scale<TSimd>(sums, queries.Count, terms, factor, weights == null && upstreamCount <= 1 ? null : factors);
            PrepareSelfSlopes(2);
        }

        double loss = options.Reduction == LossReduction.None ? double.NaN : total * share;
        return new LossResult(loss, queries.Count, references.Count, valid, nonzero);
    }

    // One loss over all pairs. In a batch against itself every pair was counted for both of its ends, so the sums are twice those over unordered
    // pairs; and as a pair's gradient adds the coefficients of both its ends, each takes half.
    private LossResult FinishBatch(float outputScale)
    {
        const int Room = Layout.SumLanes;
        float* memory = stackalloc float[5 * Room];
        new Span<float>(memory, 5 * Room).Clear();
        RunningSums whole = new() { PositiveSums = memory, PositiveExponents = memory + Room, NegativeSums = memory + (2 * Room), NegativeExponents = memory + (3 * Room) };
        int halving = self ? 1 : 0;
        (whole.PositiveSums[0], whole.PositiveExponents[0]) = Total(sums.PositiveSums, sums.PositiveExponents, halving);
        (whole.NegativeSums[0], whole.NegativeExponents[0]) = Total(sums.NegativeSums, sums.NegativeExponents, halving);
        QueryFinish.LossesAndCoefficients<TSimd>(whole, 1, options.Combination == LossCombination.Joint, memory + (4 * Room));
        float loss = memory[4 * Room] * outputScale;
        if (lossDestination != null)
        {
            *lossDestination = loss;
        }

        if (needsGradient)
        {
            float factor = (float)(options.Gamma * outputScale * (upstreamCount == 0 ? 1 : upstream[0])) * (self ? 0.5f : 1);
            new Span<float>(sums.PositiveSums, queries.Count).Fill(whole.PositiveSums[0]);
            new Span<float>(sums.NegativeSums, queries.Count).Fill(whole.NegativeSums[0]);
            new Span<float>(sums.PositiveExponents, queries.Count).Fill(whole.PositiveExponents[0]);
            new Span<float>(sums.NegativeExponents, queries.Count).Fill(whole.NegativeExponents[0]);
            QueryFinish.Scale<TSimd>(sums, queries.Count, terms, factor, null);
            PrepareSelfSlopes(4);
        }

        bool valid = whole.PositiveExponents[0] != PairTerms.EmptyExponent;
        return new LossResult(loss, queries.Count, references.Count, valid ? 1 : 0, memory[4 * Room] > 0 ? 1 : 0);
    }

    private (float Sum, float Exponent) Total(float* partSums, float* exponents, int halving)
    {
        float largest = PairTerms.EmptyExponent;
        for (int i = 0; i < queries.Count; i++)
        {
            largest = Math.Max(largest, exponents[i]);
        }

        double total = 0;
        for (int i = 0; i < queries.Count; i++)
        {
            total += partSums[i] == 0 ? 0 : Math.ScaleB(partSums[i], (int)Math.Max(exponents[i] - largest, -1000));
        }

        return ((float)total, largest - halving);
    }

    // What a kept pair of a row with itself adds to dL/du, in units of u: s = <u, u> has the gradient 2 u; and over unordered pairs its coefficient,
    // as any pair's, counts twice.
    private void PrepareSelfSlopes(float times)
    {
        if (self && options.SelfDiagonal == DiagonalPairs.Kept)
        {
            QueryFinish.SelfSlopes<TSimd, TForm>(selfSimilarities, terms, sums, queries.Count, times);
        }
    }

    private void ClearRows(float* rows, nint stride, int count)
    {
        for (int row = 0; rows != null && row < count; row++)
        {
            new Span<float>(rows + (row * stride), queries.Dimension).Clear();
        }
    }
}
