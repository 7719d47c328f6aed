using ManagedCircle.Engine;

namespace ManagedCircle;

/// <summary>Pair counts, mean similarity and mean weight of a batch, for training curves.</summary>
/// <param name="QueryCount">How many queries took part.</param>
/// <param name="ValidCount">How many of them have a positive and a negative; for a whole-batch loss 1 or 0.</param>
/// <param name="Positives">Over all positive pairs.</param>
/// <param name="Negatives">Over all negative pairs.</param>
/// <remarks>
/// The pairs are those of the loss with the same options: in a batch against itself each counts for both of its ends, and for a whole-batch loss once. It is a
/// computation of its own, of about a forward pass: a loss that is not asked for it does no work for it. Sums are in double, in one fixed order.
/// </remarks>
public readonly record struct PairStatistics(int QueryCount, int ValidCount, PairSummary Positives, PairSummary Negatives)
{
    /// <summary>The share of all pairs whose weight is 0; NaN without pairs.</summary>
    public double ZeroWeightShare =>
        (Share(Positives) + Share(Negatives)) / (Positives.Count + Negatives.Count);

    /// <summary>Summarises the pairs of a batch against itself.</summary>
    /// <param name="options">The choices of the loss.</param>
    /// <param name="batch">The rows, each a query and a reference.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or a row holds NaN or infinity.</exception>
    /// <remarks>A call allocates memory that grows with the number of rows, and returns it before it ends.</remarks>
    public static PairStatistics Of(CircleLossOptions options, EmbeddingBatch batch, ExecutionOptions? execution = null)
    {
        ExecutionOptions valid = ThrowIf.Invalid(execution);
        LossDescription loss = LossDescription.Of(ThrowIf.Invalid(options));
        ThrowIf.NotFinite(loss, batch, "rows");
        return PairTally.Of(loss, batch, batch, self: true, default, valid);
    }

    /// <summary>Summarises the pairs of queries and references.</summary>
    /// <param name="options">The choices of the loss.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="references">What they are compared with.</param>
    /// <param name="excludedReferences">As <see cref="QueryTerms.ExcludedReferences"/>.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range, a shape does not match, or a row holds NaN or infinity.</exception>
    /// <remarks>A call allocates memory that grows with the number of rows, and returns it before it ends.</remarks>
    public static PairStatistics Of(
        CircleLossOptions options,
        EmbeddingBatch queries,
        EmbeddingBatch references,
        ReadOnlySpan<int> excludedReferences = default,
        ExecutionOptions? execution = null)
    {
        ExecutionOptions valid = ThrowIf.Invalid(execution);
        ThrowIf.Unlike(queries, references);
        LossDescription loss = LossDescription.Of(ThrowIf.Invalid(options));
        ThrowIf.NotTerms(new QueryTerms { ExcludedReferences = excludedReferences }, loss, queries.Count, references.Count, self: false);
        ThrowIf.NotFinite(loss, queries, nameof(queries));
        ThrowIf.NotFinite(loss, references, nameof(references));
        return PairTally.Of(loss, queries, references, self: false, excludedReferences, valid);
    }

    /// <summary>Summarises the pairs of similarities.</summary>
    /// <param name="options">The choices of the loss.</param>
    /// <param name="batch">The similarities and what their pairs are.</param>
    /// <param name="excludedReferences">As <see cref="QueryTerms.ExcludedReferences"/>.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, a shape does not match, a row holds NaN or infinity, or a pair is listed as positive and as negative.
    /// </exception>
    public static PairStatistics Of(CircleLossOptions options, SimilarityBatch batch, ReadOnlySpan<int> excludedReferences = default)
    {
        QueryTerms terms = new() { ExcludedReferences = excludedReferences };
        ThrowIf.AnyExcluded(terms, batch.Source);
        LossDescription loss = LossDescription.Of(ThrowIf.Invalid(options));
        ThrowIf.NotTerms(terms, loss, batch.QueryCount, batch.ReferenceCount, self: batch.Source != PairSource.Labels);
        ThrowIf.NotFinite(options.CheckInputs, batch.Similarities, batch.ReferenceCount);
        return PairTally.Of(loss, batch, excludedReferences);
    }

    private static double Share(PairSummary pairs) => pairs.Count == 0 ? 0 : pairs.ZeroWeightShare * pairs.Count;
}
