using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <content>From each query's sums to its loss and its coefficients.</content>
internal sealed unsafe partial class LossEngine<TSimd, TForm>
{
    private void Finish()
    {
        bool whole = options.Scope == LossScope.Batch, selfPairs = self && options.SelfDiagonal == DiagonalPairs.Kept;
        if (selfPairs)
        {
            for (int row = 0; row < queries.Count; row++)
            {
                selfSimilarities[row] = RowPacking.SquaredNorm<TSimd>(queries, row);
            }

            QueryFinish.AddSelfPairs<TSimd, TForm>(selfSimilarities, terms, sums, queries.Count, whole ? 2 : 1);
        }

        if (lossDestination != null)
        {
            new Span<float>(lossDestination, whole ? 1 : givenQueries).Clear();
        }

        LossFinish finish = new()
        {
            Options = options,
            Terms = terms,
            Sums = sums,
            Coefficients = coefficients,
            Count = queries.Count,
            QueryCount = queries.Count,
            ReferenceCount = references.Count,
            Rows = keptQueries,
            Losses = losses,
            Factors = factors,
            Weights = weights,
            Upstream = upstream,
            UpstreamCount = upstreamCount,
            Destination = lossDestination,
            NeedsGradient = needsGradient,
        };
        result = whole ? finish.OfBatch<TSimd>(bothEnds: self) : finish.OfQueries<TSimd>();
        if (needsGradient)
        {
            // What a kept pair of a row with itself adds to dL/du, in units of u: s = <u, u> has the gradient 2 u; and over unordered pairs its
            // coefficient, as any pair's, counts twice.
            if (selfPairs)
            {
                QueryFinish.SelfSlopes<TSimd, TForm>(selfSimilarities, terms, coefficients, queries.Count, whole ? 4 : 2);
            }

            // Tiles write the gradient of every row that takes part, if there are tiles.
            if (options.IgnoreLabel != null || schedule.Steps == 0)
            {
                ClearRows(queryDestination, queryStride, givenQueries);
                ClearRows(referenceDestination, referenceStride, givenReferences);
            }

            ClearTurns();
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
