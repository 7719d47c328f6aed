using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>How a matrix of similarities flows to losses and dL/ds, a row at a time.</summary>
/// <remarks>
/// A row is copied to scratch, padded, and its pairs' kinds are written beside it. One walk over the rows makes each query's sums; <see cref="LossReducer"/>
/// turns them into losses and coefficients; a second walk makes the gradient. Memory is a row of scratch a worker and a few numbers a query.
/// </remarks>
internal abstract class SimilarityLossEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static SimilarityLossEngine Create(LossDescription loss, ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return SimdChoice.On<Maker, SimilarityLossEngine>(width, new Maker(loss, execution, width));
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    public abstract LossResult Run(in SimilarityLossCall call);

    public abstract void Dispose();

    private readonly struct Maker(LossDescription loss, ExecutionOptions execution, SimdWidth width) : ISimdCode<SimilarityLossEngine>
    {
        public SimilarityLossEngine Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new SimilarityLossEngine<TSimd>(loss, execution, width);
    }
}

/// <inheritdoc/>
internal sealed unsafe class SimilarityLossEngine<TSimd> : SimilarityLossEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    private readonly LossDescription loss;
    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly PairTerms terms;
    private readonly PairSide positive, negative;
    private readonly Workspace workspace = new();
    private readonly Action<int> forward, backward;

    // The call under way.
    private SimilarityLossShape shape;
    private SimilarityLossMemory memory;
    private CallerSimilarities caller;
    private SharedCounter taken;

    public SimilarityLossEngine(LossDescription loss, ExecutionOptions execution, SimdWidth width)
    {
        this.loss = loss;
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        terms = loss.Terms;
        positive = PairSide.Positive(loss.Formula);
        negative = PairSide.Negative(loss.Formula);
        (forward, backward) = (Forward, Backward);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)workspace.Capacity;

    public override LossResult Run(in SimilarityLossCall call)
    {
        fixed (float* similarities = call.Batch.Similarities, gradient = call.Gradient, weights = call.Details.Weights, logits = call.Details.Logits)
        fixed (float* losses = call.Losses, queryWeights = call.Terms.Weights, upstream = call.Terms.Upstream)
        fixed (PairKind* mask = call.Batch.Mask)
        {
            try
            {
                caller = new() { Similarities = similarities, Gradient = gradient, Weights = weights, Logits = logits };
                shape = new SimilarityLossShape(call, execution.Threads);
                Arena counted = default;
                SimilarityLossMemory.Lay(ref counted, shape, call.Batch, loss.KeepsTotals);
                Arena arena = workspace.Reset(counted.Used);
                memory = SimilarityLossMemory.Lay(ref arena, shape, call.Batch, loss.KeepsTotals);
                memory.Pairs.Read(call.Batch, mask, loss, call.Terms.ExcludedReferences, memory.KindsOf(0, shape));
                memory.Sums.Clear(shape.Room, RunningSums.EmptyExponent);

                Share(forward);
                bool whole = loss.Scope == LossScope.Batch;
                if (shape.Describes)
                {
                    PairDescription.Write(memory.Descriptions, memory.Sums, shape.QueryCount, shape.Columns, whole, call.Details);
                }

                // Queries that take no part weigh nothing.
                for (int query = 0; query < shape.QueryCount; query++)
                {
                    memory.Weights[query] = !memory.Pairs.TakesPart(query) ? 0 : queryWeights == null ? 1 : queryWeights[query];
                }

                LossReducer reducer = new()
                {
                    Loss = loss,
                    Terms = terms,
                    Sums = memory.Sums,
                    Totals = memory.Totals,
                    Coefficients = memory.Coefficients,
                    Count = shape.QueryCount,
                    QueryCount = memory.Pairs.QueryCount,
                    ReferenceCount = memory.Pairs.ReferenceCount,
                    Losses = memory.Losses,
                    Factors = memory.Factors,
                    Weights = memory.Weights,
                    Upstream = upstream,
                    UpstreamCount = call.Terms.Upstream.Length,
                    Destination = losses,
                    NeedsGradient = gradient != null,
                };
                LossResult result = whole ? reducer.OfBatch<TSimd>(bothEnds: false) : reducer.OfQueries<TSimd>();
                if (gradient != null)
                {
                    Share(backward);
                }

                return result;
            }
            finally
            {
                caller = default;
            }
        }
    }

    public override void Dispose() => workspace.Dispose();

    private void Share(Action<int> step)
    {
        taken.Value = 0;
        team.Run(shape.Workers, step);
    }

    private long Next() => team.Next(ref taken);

    private void Forward(int worker)
    {
        float* row = memory.RowOf(worker, shape);
        int* kinds = memory.KindsOf(worker, shape);
        for (long query = Next(); query < shape.QueryCount; query = Next())
        {
            Load((int)query, row, kinds);
            RunningSums sums = memory.Sums.From((nint)query);
            if (terms.Linear)
            {
                PairRow.Accumulate<TSimd, NoWeight>(row, kinds, shape.Padded, terms, sums);
            }
            else
            {
                PairRow.Accumulate<TSimd, DetachedWeight>(row, kinds, shape.Padded, terms, sums);
            }

            if (memory.Totals.AreKept)
            {
                PairRow.Total(row, kinds, shape.Columns, terms, memory.Totals.From((nint)query));
            }

            if (memory.Descriptions != null)
            {
                memory.Descriptions[query] = PairDescription.Of(new ReadOnlySpan<float>(row, shape.Columns), kinds);
            }

            nint first = (nint)query * shape.Columns;
            if (caller.Weights != null)
            {
                Describe(row, kinds, new Span<float>(caller.Weights + first, shape.Columns), logit: false);
            }

            if (caller.Logits != null)
            {
                Describe(row, kinds, new Span<float>(caller.Logits + first, shape.Columns), logit: true);
            }
        }
    }

    private void Backward(int worker)
    {
        float* row = memory.RowOf(worker, shape);
        int* kinds = memory.KindsOf(worker, shape);
        PairCoefficients coefficients = memory.Coefficients;
        for (long query = Next(); query < shape.QueryCount; query = Next())
        {
            Span<float> destination = new(caller.Gradient + ((nint)query * shape.Columns), shape.Columns);
            if (coefficients.Positives.Exponents[query] == RunningSums.EmptyExponent)
            {
                destination.Clear();
                continue;
            }

            Load((int)query, row, kinds);
            if (terms.Linear)
            {
                PairRow.Gradient<TSimd, NoWeight>(row, kinds, shape.Padded, terms, coefficients.From((nint)query), row);
            }
            else if (terms.Attached)
            {
                PairRow.Gradient<TSimd, AttachedWeight>(row, kinds, shape.Padded, terms, coefficients.From((nint)query), row);
            }
            else
            {
                PairRow.Gradient<TSimd, DetachedWeight>(row, kinds, shape.Padded, terms, coefficients.From((nint)query), row);
            }

            if (coefficients.Shifts != null)
            {
                PairRow.Shift(
                    caller.Similarities + ((nint)query * shape.Columns), kinds, shape.Columns, terms, coefficients.Shifts[query], row);
            }

            new ReadOnlySpan<float>(row, shape.Columns).CopyTo(destination);
        }
    }

    private void Load(int query, float* row, int* kinds)
    {
        new ReadOnlySpan<float>(caller.Similarities + ((nint)query * shape.Columns), shape.Columns).CopyTo(new Span<float>(row, shape.Columns));
        new Span<float>(row + shape.Columns, shape.Padded - shape.Columns).Clear();
        memory.Pairs.Write<TSimd>(query, kinds);
    }

    // Most pairs are negatives: all are taken as such, and the others corrected.
    private void Describe(float* row, int* kinds, Span<float> destination, bool logit)
    {
        ReadOnlySpan<float> similarities = new(row, shape.Columns);
        if (logit)
        {
            negative.Logits(similarities, destination);
        }
        else
        {
            negative.Weights(similarities, destination);
        }

        for (int column = 0; column < shape.Columns; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                destination[column] = (float)(logit ? positive.Logit(row[column]) : positive.Weight(row[column]));
            }
            else if (kinds[column] == (int)PairKind.Ignored)
            {
                destination[column] = logit ? float.NegativeInfinity : 0;
            }
        }
    }
}
