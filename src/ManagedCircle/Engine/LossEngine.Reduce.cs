using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <content>From each query's sums to its loss and its coefficients.</content>
internal sealed unsafe partial class LossEngine<TSimd, TForm>
{
    // Whether a row's pair with itself takes part, which is in no tile.
    private bool SelfPairs => shape.Self && loss.SelfDiagonal == DiagonalPairs.Kept;

    private void Reduce()
    {
        bool ofBatch = loss.Scope == LossScope.Batch;
        if (SelfPairs)
        {
            for (int row = 0; row < shape.QueryCount; row++)
            {
                memory.SelfSimilarities[row] = RowPacking.SquaredNorm<TSimd>(memory.Queries, row);
            }

            QueryFinish.AddSelfPairs<TSimd, TForm>(memory.SelfSimilarities, terms, memory.Sums, memory.Totals, shape.QueryCount, ofBatch ? 2 : 1);
        }

        if (caller.Losses != null)
        {
            new Span<float>(caller.Losses, ofBatch ? 1 : shape.Request.GivenQueries + (loss.BothDirections ? shape.Request.GivenReferences : 0)).Clear();
        }

        LossReducer reducer = new()
        {
            Loss = loss,
            Terms = terms,
            Sums = memory.Sums,
            Totals = memory.Totals,
            Coefficients = memory.Coefficients,
            Count = shape.QueryCount,
            QueryCount = shape.QueryCount,
            ReferenceCount = shape.ReferenceCount,
            Rows = memory.QueryOrder,
            Losses = memory.Losses,
            Factors = memory.Factors,
            Weights = caller.Weights,
            Upstream = caller.Upstream,
            UpstreamCount = caller.UpstreamCount,
            Destination = caller.Losses,
            NeedsGradient = shape.NeedsGradient,
        };
        progress.Result = ofBatch ? reducer.OfBatch<TSimd>(bothEnds: shape.Self) : reducer.OfQueries<TSimd>();
        if (loss.BothDirections)
        {
            progress.Result = Mean(progress.Result, OfReferences(reducer).OfQueries<TSimd>());
        }

        if (shape.NeedsGradient)
        {
            // What a kept pair of a row with itself adds to dL/du, in units of u: s = <u, u> has the gradient 2 u; and over unordered pairs its
            // coefficient, as any pair's, counts twice.
            if (SelfPairs)
            {
                QueryFinish.SelfSlopes<TSimd, TForm>(memory.SelfSimilarities, terms, memory.Coefficients, shape.QueryCount, ofBatch ? 4 : 2);
            }

            // Tiles write the gradient of every row that takes part, if there are tiles.
            if (loss.IgnoreLabel != null || shape.Schedule.Steps == 0)
            {
                ClearRows(caller.QueryGradient, caller.QueryStride, shape.Request.GivenQueries);
                ClearRows(caller.ReferenceGradient, caller.ReferenceStride, shape.Request.GivenReferences);
            }

            memory.ClearTurns(shape);
        }
    }

    // The same of the references, behind the queries in all that there is of each.
    private LossReducer OfReferences(LossReducer ofQueries)
    {
        int first = memory.FirstReferenceSum, given = shape.Request.GivenQueries;
        LossReducer reducer = ofQueries;
        reducer.Sums = memory.Sums.From(first);
        reducer.Totals = memory.Totals.AreKept ? memory.Totals.From(first) : default;
        reducer.Coefficients = memory.Coefficients.From(first);
        (reducer.Count, reducer.QueryCount, reducer.ReferenceCount) = (shape.ReferenceCount, shape.ReferenceCount, shape.QueryCount);
        reducer.Rows = memory.ReferenceOrder;
        reducer.Losses = memory.Losses + first;
        reducer.Factors = memory.Factors + first;
        reducer.Weights = caller.Weights == null ? null : caller.Weights + given;
        reducer.Upstream = caller.UpstreamCount > 1 ? caller.Upstream + given : caller.Upstream;
        reducer.Destination = caller.Losses == null ? null : caller.Losses + given;
        return reducer;
    }

    private static LossResult Mean(LossResult ofQueries, LossResult ofReferences) => ofQueries with
    {
        Loss = (ofQueries.Loss + ofReferences.Loss) / 2,
        ValidCount = ofQueries.ValidCount + ofReferences.ValidCount,
        NonzeroCount = ofQueries.NonzeroCount + ofReferences.NonzeroCount,
    };

    private void ClearRows(float* rows, nint stride, int count)
    {
        for (int row = 0; rows != null && row < count; row++)
        {
            new Span<float>(rows + (row * stride), shape.Dimension).Clear();
        }
    }
}
