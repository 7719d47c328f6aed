using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>One call of the loss of similarities, its arguments checked.</summary>
internal ref struct SimilarityLossCall
{
    public SimilarityBatch Batch;

    /// <summary>Receives dL/ds; empty to leave it out.</summary>
    public Span<float> Gradient;

    /// <summary>Receives the losses; empty to leave them out.</summary>
    public Span<float> Losses;

    public QueryTerms Terms;

    public SimilarityDetails Details;
}

/// <summary>How a matrix of similarities flows to losses and dL/ds, a row at a time.</summary>
/// <remarks>
/// A row is copied to scratch, padded, and its pairs' kinds are written beside it. One walk over the rows makes each query's sums; <see cref="LossReducer"/>
/// turns them into losses and coefficients; a second walk makes the gradient. Memory is a row of scratch a worker and a few numbers a query.
/// </remarks>
internal abstract class SimilarityLossEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static SimilarityLossEngine Create(CircleLossOptions options, ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return SimdChoice.On<Maker, SimilarityLossEngine>(width, new Maker(options, execution, width));
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    public abstract LossResult Run(in SimilarityLossCall call);

    public abstract void Dispose();

    private readonly struct Maker(CircleLossOptions options, ExecutionOptions execution, SimdWidth width) : ISimdCode<SimilarityLossEngine>
    {
        public SimilarityLossEngine Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new SimilarityLossEngine<TSimd>(options, execution, width);
    }
}

/// <inheritdoc/>
internal sealed unsafe class SimilarityLossEngine<TSimd> : SimilarityLossEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    // Pairs that are worth a worker of their own: about 20 microseconds.
    private const long PairsPerWorker = 1 << 14;

    private readonly CircleLossOptions options;
    private readonly ExecutionOptions execution;
    private readonly Team team;
    private readonly PairTerms terms;
    private readonly CircleMargins margins;
    private readonly Workspace workspace = new();
    private readonly Action<int> forward, backward;

    // The call under way.
    private int queryCount, columns, padded;
    private QueryPairs pairs;
    private RunningSums sums;
    private PairCoefficients coefficients;
    private float* similarities, gradient, scratch, weights, logits;
    private PairDescription* descriptions;
    private SharedCounter taken;

    public SimilarityLossEngine(CircleLossOptions options, ExecutionOptions execution, SimdWidth width)
    {
        // Similarities are taken as they are: they may be any numbers.
        this.options = options with { Normalize = false };
        this.execution = execution;
        SimdWidth = width;
        team = new Team(execution);
        terms = LossTerms.Of(this.options);
        margins = new CircleMargins(options);
        (forward, backward) = (Forward, Backward);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)workspace.Capacity;

    public override LossResult Run(in SimilarityLossCall call)
    {
        fixed (float* source = call.Batch.Similarities, destination = call.Gradient)
        fixed (float* weightDestination = call.Details.Weights, logitDestination = call.Details.Logits)
        fixed (float* lossDestination = call.Losses, given = call.Terms.Weights, upstream = call.Terms.Upstream)
        fixed (PairKind* mask = call.Batch.Mask)
        {
            similarities = source;
            gradient = destination;
            weights = weightDestination;
            logits = logitDestination;
            bool whole = options.Scope == LossScope.Batch;
            (queryCount, columns, padded) = (call.Batch.QueryCount, call.Batch.ReferenceCount, PairRow.Padded(call.Batch.ReferenceCount));
            int workers = Team.Workers(Math.Min((long)queryCount * columns / PairsPerWorker, queryCount), execution.Threads);
            int room = Layout.Packed(queryCount) + Layout.SumLanes;
            bool describes = call.Details.AnyOfQueries;
            workspace.Reset(
                QueryPairs.SizeOf(call.Batch) + Workspace.SizeOf<float>(4 * room) + (2 * Workspace.SizeOf<float>(room)) + (describes ? Workspace.SizeOf<PairDescription>(queryCount) : 0)
                + Workspace.SizeOf<float>(2 * (nint)padded * workers));
            sums = RunningSums.At(workspace.Take<float>(4 * room), room);
            coefficients = PairCoefficients.InPlaceOf(sums);
            float* losses = workspace.Take<float>(room), factors = workspace.Take<float>(room);
            descriptions = describes ? workspace.Take<PairDescription>(queryCount) : null;
            scratch = workspace.Take<float>(2 * (nint)padded * workers);
            sums.Clear(room, RunningSums.EmptyExponent);
            pairs = QueryPairs.Prepare(call.Batch, mask, options, call.Terms.ExcludedReferences, workspace, (int*)scratch);

            Share(forward, workers);
            if (describes)
            {
                PairDescription.Write(descriptions, sums, queryCount, columns, whole, call.Details);
            }

            // Queries that take no part weigh nothing.
            for (int query = 0; query < queryCount; query++)
            {
                factors[query] = !pairs.TakesPart(query) ? 0 : given == null ? 1 : given[query];
            }

            LossReducer finish = new()
            {
                Options = options,
                Terms = terms,
                Sums = sums,
                Coefficients = coefficients,
                Count = queryCount,
                QueryCount = pairs.QueryCount,
                ReferenceCount = pairs.ReferenceCount,
                Losses = losses,
                Factors = factors,
                Weights = factors,
                Upstream = upstream,
                UpstreamCount = call.Terms.Upstream.Length,
                Destination = lossDestination,
                NeedsGradient = gradient != null,
            };
            LossResult result = whole ? finish.OfBatch<TSimd>(bothEnds: false) : finish.OfQueries<TSimd>();
            if (gradient != null)
            {
                Share(backward, workers);
            }

            return result;
        }
    }

    public override void Dispose() => workspace.Dispose();

    private void Share(Action<int> step, int workers)
    {
        taken.Value = 0;
        team.Run(workers, step);
    }

    private long Next() => team.Next(ref taken);

    private void Forward(int worker)
    {
        float* row = Scratch(worker);
        int* kinds = (int*)row + padded;
        for (long query = Next(); query < queryCount; query = Next())
        {
            Load((int)query, row, kinds);
            PairRow.Accumulate<TSimd>(row, kinds, padded, terms, sums.From((nint)query));
            if (descriptions != null)
            {
                descriptions[query] = PairDescription.Of(new ReadOnlySpan<float>(row, columns), kinds);
            }

            nint first = (nint)query * columns;
            if (weights != null)
            {
                Describe(row, kinds, new Span<float>(weights + first, columns), logit: false);
            }

            if (logits != null)
            {
                Describe(row, kinds, new Span<float>(logits + first, columns), logit: true);
            }
        }
    }

    private void Backward(int worker)
    {
        float* row = Scratch(worker);
        int* kinds = (int*)row + padded;
        for (long query = Next(); query < queryCount; query = Next())
        {
            Span<float> destination = new(gradient + ((nint)query * columns), columns);
            if (coefficients.Positives.Exponents[query] == RunningSums.EmptyExponent)
            {
                destination.Clear();
                continue;
            }

            Load((int)query, row, kinds);
            if (terms.Attached)
            {
                PairRow.Gradient<TSimd, Yes>(row, kinds, padded, terms, coefficients.From((nint)query), row);
            }
            else
            {
                PairRow.Gradient<TSimd, No>(row, kinds, padded, terms, coefficients.From((nint)query), row);
            }

            new ReadOnlySpan<float>(row, columns).CopyTo(destination);
        }
    }

    private float* Scratch(int worker) => scratch + (2 * (nint)padded * worker);

    private void Load(int query, float* row, int* kinds)
    {
        new ReadOnlySpan<float>(similarities + ((nint)query * columns), columns).CopyTo(new Span<float>(row, columns));
        new Span<float>(row + columns, padded - columns).Clear();
        pairs.Write<TSimd>(query, kinds);
    }

    // Most pairs are negatives: all are taken as such, and the others corrected.
    private void Describe(float* row, int* kinds, Span<float> destination, bool logit)
    {
        ReadOnlySpan<float> similarities = new(row, columns);
        if (logit)
        {
            margins.NegativeLogits(similarities, destination);
        }
        else
        {
            margins.NegativeWeights(similarities, destination);
        }

        for (int column = 0; column < columns; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                destination[column] = (float)(logit ? margins.PositiveLogit(row[column]) : margins.PositiveWeight(row[column]));
            }
            else if (kinds[column] == (int)PairKind.Ignored)
            {
                destination[column] = logit ? float.NegativeInfinity : 0;
            }
        }
    }
}
