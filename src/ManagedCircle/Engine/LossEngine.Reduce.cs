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
            new Span<float>(caller.Losses, ofBatch ? 1 : shape.Request.GivenQueries).Clear();
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

    private void ClearRows(float* rows, nint stride, int count)
    {
        for (int row = 0; rows != null && row < count; row++)
        {
            new Span<float>(rows + (row * stride), shape.Dimension).Clear();
        }
    }
}
