using System.Buffers;
using ManagedCircle.Engine;

namespace ManagedCircle;

/// <summary>Circle loss, or another, and dL/ds from similarities: a matrix with labels, a mask or lists of pairs, or the similarities of one query.</summary>
/// <remarks>
/// <para>
/// The loss is that of <see cref="CircleLoss"/> or <see cref="PairLoss"/>, with every choice but the normalisation: similarities are taken as they are. The
/// gradient is that of <c>sum over q of upstream_q weight_q loss_q / denominator</c> with respect to the similarities before the clamp; it is 0 for pairs
/// that take no part, and in the row of a query without the pairs that the loss needs.
/// </para>
/// <para>
/// A logit is within 6e-7 gamma of the product of the largest terms of weight and <c>s - D</c>, and a loss within twice that and 2e-6 max(1, L) of
/// <c>ManagedCircle.Reference</c>; beyond 1e15 similarities count as that, so that logits stay finite up to gamma 1e8. Memory grows with queryCount +
/// referenceCount, and nothing is allocated once the workspace has grown to the largest batch seen. An instance is not thread-safe: use one for each thread
/// that calls. A second call while one runs is an <see cref="InvalidOperationException"/>. Results are the same bits for any number of threads and, where the
/// hardware fuses multiply and add, any width of vectors.
/// </para>
/// </remarks>
public sealed class SimilarityLoss : IDisposable
{
    private readonly LossDescription loss;
    private readonly SimilarityLossEngine engine;
    private CallGuard guard;

    /// <summary>Makes a loss; its workspace grows with the largest batch seen and is reused.</summary>
    /// <param name="options">The choices; checked here, once. <see cref="CircleLossOptions.Normalize"/> has no part.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public SimilarityLoss(CircleLossOptions options, ExecutionOptions? execution = null)
    {
        Options = ThrowIf.Invalid(options);
        loss = LossDescription.Of(options with { Normalize = false }); // similarities are taken as they are: they may be any numbers
        engine = SimilarityLossEngine.Create(loss, ThrowIf.Invalid(execution));
    }

    /// <summary>Makes another loss; its workspace grows with the largest batch seen and is reused.</summary>
    /// <param name="options">The choices; checked here, once. <see cref="PairLossOptions.Normalize"/> has no part, and there is one direction.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or has no meaning for the loss.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public SimilarityLoss(PairLossOptions options, ExecutionOptions? execution = null)
    {
        PairOptions = ThrowIf.BothDirections(ThrowIf.NotComputed(options));
        loss = LossDescription.Of(options with { Normalize = false });
        engine = SimilarityLossEngine.Create(loss, ThrowIf.Invalid(execution));
    }

    /// <summary>The choices this loss was made with; null for another than Circle loss.</summary>
    public CircleLossOptions? Options { get; }

    /// <summary>The choices this loss was made with; null for Circle loss.</summary>
    public PairLossOptions? PairOptions { get; }

    /// <summary>The vectors it runs on.</summary>
    public SimdWidth SimdWidth => engine.SimdWidth;

    /// <summary>The bytes of memory it holds.</summary>
    public long WorkspaceBytes => engine.WorkspaceBytes;

    /// <summary>Computes the loss of similarities.</summary>
    /// <param name="batch">The similarities and what their pairs are.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [QueryCount] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights of the queries and, with labels of queries and references, excluded references.</param>
    /// <param name="details">What else is wanted.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, spans overlap, a row holds NaN or infinity, or a pair is listed as positive and as negative.
    /// </exception>
    public LossResult Forward(SimilarityBatch batch, Span<float> losses = default, QueryTerms terms = default, SimilarityDetails details = default) =>
        Run(batch, default, losses, terms, details);

    /// <summary>Computes the loss of similarities and its gradient.</summary>
    /// <param name="batch">The similarities and what their pairs are.</param>
    /// <param name="gradient">Receives dL/ds, shape [batch.QueryCount, batch.ReferenceCount]; overwritten. It may be the similarities themselves.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [QueryCount] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights and upstream gradients of the queries and, with labels of queries and references, excluded references.</param>
    /// <param name="details">What else is wanted.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, spans overlap, a row holds NaN or infinity, or a pair is listed as positive and as negative; the gradient is unchanged.
    /// </exception>
    public LossResult ForwardBackward(
        SimilarityBatch batch, Span<float> gradient, Span<float> losses = default, QueryTerms terms = default, SimilarityDetails details = default)
    {
        ThrowIf.NotInPlace(batch.Similarities, gradient);
        return Run(batch, gradient, losses, terms, details);
    }

    /// <summary>Computes the loss of one query and its gradient.</summary>
    /// <param name="positives">Similarities to its positives, shape [positiveCount].</param>
    /// <param name="negatives">Similarities to its negatives, shape [negativeCount].</param>
    /// <param name="positiveGradient">Receives dL/ds of the positives, shape [positiveCount]; empty to leave it out.</param>
    /// <param name="negativeGradient">Receives dL/ds of the negatives, shape [negativeCount]; empty to leave it out.</param>
    /// <param name="terms">Its weight and upstream gradient, one number each.</param>
    /// <exception cref="ArgumentException">A shape does not match, spans overlap, or a similarity is NaN or infinity; the gradients are unchanged.</exception>
    public LossResult OfQuery(
        ReadOnlySpan<float> positives,
        ReadOnlySpan<float> negatives,
        Span<float> positiveGradient = default,
        Span<float> negativeGradient = default,
        QueryTerms terms = default)
    {
        ThrowIf.NotLength(positiveGradient.Length, positives.Length, nameof(positiveGradient), "one per positive", mayBeEmpty: true);
        ThrowIf.NotLength(negativeGradient.Length, negatives.Length, nameof(negativeGradient), "one per negative", mayBeEmpty: true);
        ThrowIf.Overlap(positiveGradient, negativeGradient, nameof(positiveGradient), nameof(negativeGradient));
        int count = checked(positives.Length + negatives.Length);
        float[] similarities = ArrayPool<float>.Shared.Rent(count);
        PairKind[] mask = ArrayPool<PairKind>.Shared.Rent(count);
        try
        {
            Span<float> row = similarities.AsSpan(0, count);
            positives.CopyTo(row);
            negatives.CopyTo(row[positives.Length..]);
            mask.AsSpan(0, positives.Length).Fill(PairKind.Positive);
            mask.AsSpan(positives.Length, negatives.Length).Fill(PairKind.Negative);
            SimilarityBatch batch = new(row, mask.AsSpan(0, count), 1);
            if (positiveGradient.IsEmpty && negativeGradient.IsEmpty)
            {
                return Forward(batch, terms: terms);
            }

            LossResult result = ForwardBackward(batch, row, terms: terms);
            row[..positiveGradient.Length].CopyTo(positiveGradient);
            row.Slice(positives.Length, negativeGradient.Length).CopyTo(negativeGradient);
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(similarities);
            ArrayPool<PairKind>.Shared.Return(mask);
        }
    }

    /// <summary>Returns the workspace's memory; a second time does nothing. Using the loss afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call runs; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            engine.Dispose();
        }
    }

    private LossResult Run(SimilarityBatch batch, Span<float> gradient, Span<float> losses, QueryTerms terms, SimilarityDetails details)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.AnyExcluded(terms, batch.Source);
        ThrowIf.NotTerms(terms, loss, batch.QueryCount, batch.ReferenceCount, self: batch.Source != PairSource.Labels);
        ThrowIf.NotFinite(loss.CheckInputs, batch.Similarities, batch.ReferenceCount);
        bool whole = loss.OfBatch;
        ThrowIf.NotOfCircle(details, PairOptions);
        int lossCount = whole ? 1 : batch.QueryCount;
        string perLoss = whole ? "a whole-batch loss" : "one per query";
        ThrowIf.NotLength(losses.Length, lossCount, nameof(losses), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.Weights.Length, batch.Similarities.Length, nameof(details.Weights), "one per similarity", mayBeEmpty: true);
        ThrowIf.NotLength(details.Logits.Length, batch.Similarities.Length, nameof(details.Logits), "one per similarity", mayBeEmpty: true);
        ThrowIf.NotLength(details.PositiveLogSumExp.Length, lossCount, nameof(details.PositiveLogSumExp), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.NegativeLogSumExp.Length, lossCount, nameof(details.NegativeLogSumExp), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.PositiveCounts.Length, lossCount, nameof(details.PositiveCounts), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.NegativeCounts.Length, lossCount, nameof(details.NegativeCounts), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.HardestPositives.Length, lossCount, nameof(details.HardestPositives), perLoss, mayBeEmpty: true);
        ThrowIf.NotLength(details.HardestNegatives.Length, lossCount, nameof(details.HardestNegatives), perLoss, mayBeEmpty: true);
        CallMemory memory = default;
        memory.Writes(losses, nameof(losses));
        memory.Writes(details.Weights, nameof(details.Weights));
        memory.Writes(details.Logits, nameof(details.Logits));
        memory.Writes(details.PositiveLogSumExp, nameof(details.PositiveLogSumExp));
        memory.Writes(details.NegativeLogSumExp, nameof(details.NegativeLogSumExp));
        memory.Writes(details.PositiveCounts, nameof(details.PositiveCounts));
        memory.Writes(details.NegativeCounts, nameof(details.NegativeCounts));
        memory.Writes(details.HardestPositives, nameof(details.HardestPositives));
        memory.Writes(details.HardestNegatives, nameof(details.HardestNegatives));
        memory.Reads(batch.Similarities, "the similarities");
        memory.Writes(gradient, "the gradient", mayBeRead: true);
        memory.Reads(terms.Weights, "the weights");
        memory.Reads(terms.Upstream, "the upstream gradient");
        memory.Reads(terms.ExcludedReferences, "the excluded references");
        return engine.Run(new SimilarityLossCall { Batch = batch, Gradient = gradient, Losses = losses, Terms = terms, Details = details });
    }
}
