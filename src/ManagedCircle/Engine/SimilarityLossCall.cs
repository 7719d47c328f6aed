using ManagedCircle.Kernels;

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

/// <summary>The sizes of a call.</summary>
internal readonly record struct SimilarityLossShape
{
    // Pairs that are worth a worker of their own: about 20 microseconds.
    private const long PairsPerWorker = 1 << 14;

    public SimilarityLossShape(in SimilarityLossCall call, int threads)
    {
        QueryCount = call.Batch.QueryCount;
        Columns = call.Batch.ReferenceCount;
        Describes = call.Details.AnyOfQueries;
        Workers = Team.Workers(Math.Min((long)QueryCount * Columns / PairsPerWorker, QueryCount), threads);
    }

    public int QueryCount { get; }

    /// <summary>How many references there are.</summary>
    public int Columns { get; }

    /// <summary>The columns of a row in scratch.</summary>
    public int Padded => PairRow.Padded(Columns);

    /// <summary>Numbers in an array of one for each query, as far as vectors reach.</summary>
    public int Room => Layout.Packed(QueryCount) + Layout.SumLanes;

    /// <summary>Whether counts, log-sum-exps or hardest pairs are asked for.</summary>
    public bool Describes { get; }

    public int Workers { get; }
}

/// <summary>The caller's memory, while a call has it pinned.</summary>
internal unsafe struct CallerSimilarities
{
    public float* Similarities;

    /// <summary>Receive dL/ds, and the weights and logits of all pairs; null to leave them out.</summary>
    public float* Gradient, Weights, Logits;
}

/// <summary>Every array of a call.</summary>
internal unsafe struct SimilarityLossMemory
{
    public QueryPairs Pairs;

    /// <summary>Sums of each query, until <see cref="Coefficients"/> take their place.</summary>
    public RunningSums Sums;

    /// <summary>Totals of each query's positives, and what is added to the gradient of these; none where the loss does not ask for them.</summary>
    public PositiveTotals Totals;

    /// <inheritdoc cref="Totals"/>
    public float* Shifts;

    /// <summary>The loss and the weight of each query, and what its gradient is multiplied by.</summary>
    public float* Losses, Weights, Factors;

    /// <summary>What is asked for of each query; null for nothing.</summary>
    public PairDescription* Descriptions;

    private float* scratch;

    /// <summary>The coefficients of each query, in the sums' place.</summary>
    public readonly PairCoefficients Coefficients => PairCoefficients.InPlaceOf(Sums) with { Shifts = Shifts };

    /// <summary>Takes the memory of a call.</summary>
    public static SimilarityLossMemory Lay(ref Arena arena, in SimilarityLossShape shape, SimilarityBatch batch, bool keepsTotals) => new()
    {
        Pairs = QueryPairs.Lay(ref arena, batch),
        Sums = RunningSums.Lay(ref arena, shape.Room),
        Totals = PositiveTotals.Lay(ref arena, keepsTotals ? shape.Room : 0),
        Shifts = arena.Take<float>(keepsTotals ? shape.Room : 0),
        Losses = arena.Take<float>(shape.Room),
        Weights = arena.Take<float>(shape.Room),
        Factors = arena.Take<float>(shape.Room),
        Descriptions = arena.Take<PairDescription>(shape.Describes ? shape.QueryCount : 0),
        scratch = arena.Take<float>(2 * (nint)shape.Padded * shape.Workers),
    };

    /// <summary>A row of similarities, which a worker has for itself.</summary>
    public readonly float* RowOf(int worker, in SimilarityLossShape shape) => scratch + (2 * (nint)shape.Padded * worker);

    /// <summary>The kinds of the row's pairs.</summary>
    public readonly int* KindsOf(int worker, in SimilarityLossShape shape) => (int*)RowOf(worker, shape) + shape.Padded;
}
