using ManagedCircle.Engine;
using ManagedCircle.Kernels;

namespace ManagedCircle;

/// <summary>A loss of rows and its exact gradients: <see cref="CircleLoss"/>, or one of the many of <see cref="PairLoss"/>.</summary>
/// <remarks>
/// Memory grows with the number of rows, not of pairs, and nothing is allocated once the workspace has grown to the largest batch seen. An instance is
/// not thread-safe: use one for each thread that calls. A second call while one runs is an <see cref="InvalidOperationException"/>. Results are the same
/// bits for any number of threads and, where the hardware fuses multiply and add, any width of vectors.
/// </remarks>
public abstract class EmbeddingLoss : IDisposable
{
    private readonly LossEngine engine;
    private CallGuard guard;

    private protected EmbeddingLoss(LossDescription description, ExecutionOptions? execution)
    {
        Description = description;
        engine = LossEngine.Create(description, ThrowIf.Invalid(execution));
    }

    /// <summary>What the loss is.</summary>
    internal LossDescription Description { get; }

    /// <summary>The vectors it runs on.</summary>
    public SimdWidth SimdWidth => engine.SimdWidth;

    /// <summary>The bytes of memory it holds.</summary>
    public long WorkspaceBytes => engine.WorkspaceBytes;

    /// <summary>Computes the loss of a batch against itself.</summary>
    /// <param name="batch">The rows, each a query and a reference.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [batch.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights of the queries.</param>
    /// <exception cref="ArgumentException">A shape does not match, spans overlap, or a row holds NaN or infinity.</exception>
    public LossResult Forward(EmbeddingBatch batch, Span<float> losses = default, QueryTerms terms = default) =>
        Run(batch, batch, self: true, default, default, losses, terms);

    /// <summary>Computes the loss of queries against references.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">What they are compared with: a gallery, a second view, a memory, or class weights with labels 0 to C - 1.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [queries.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights and excluded references of the queries.</param>
    /// <exception cref="ArgumentException">A shape does not match, spans overlap, or a row holds NaN or infinity.</exception>
    public LossResult Forward(EmbeddingBatch queries, EmbeddingBatch references, Span<float> losses = default, QueryTerms terms = default) =>
        Run(queries, references, self: false, default, default, losses, terms);

    /// <summary>Computes the loss of queries against a gallery: the bits of its rows as references, without the time to pack them.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="gallery">What they are compared with, packed for cosines where the loss normalises rows, for inner products where not.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [queries.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights and excluded references of the queries.</param>
    /// <exception cref="ArgumentException">A shape or the measure does not match, spans overlap, or a row holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">Another call changes the gallery.</exception>
    public LossResult ForwardAgainst(EmbeddingBatch queries, Gallery gallery, Span<float> losses = default, QueryTerms terms = default) =>
        Run(queries, gallery, default, losses, terms);

    /// <summary>Computes the loss of a batch against itself and its gradient.</summary>
    /// <param name="batch">The rows, each a query and a reference.</param>
    /// <param name="gradient">Receives the gradient with respect to the rows, laid out as they are; overwritten. It must not overlap them.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [batch.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights and upstream gradients of the queries.</param>
    /// <exception cref="ArgumentException">A shape does not match, spans overlap, or a row holds NaN or infinity; the gradient is unchanged.</exception>
    public LossResult ForwardBackward(EmbeddingBatch batch, Span<float> gradient, Span<float> losses = default, QueryTerms terms = default)
    {
        ThrowIf.NotExtent(gradient, batch, nameof(gradient));
        return Run(batch, batch, self: true, gradient, default, losses, terms);
    }

    /// <summary>Computes the loss of queries against references and its gradients.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">What they are compared with.</param>
    /// <param name="queryGradient">Receives the gradient with respect to the queries, laid out as they are; empty to leave it out, and save its time.</param>
    /// <param name="referenceGradient">
    /// Receives the gradient with respect to the references, laid out as they are; empty to leave it out, and save its time.
    /// </param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [queries.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights, upstream gradients and excluded references of the queries.</param>
    /// <exception cref="ArgumentException">A shape does not match, spans overlap, or a row holds NaN or infinity; the gradients are unchanged.</exception>
    public LossResult ForwardBackward(
        EmbeddingBatch queries, EmbeddingBatch references, Span<float> queryGradient, Span<float> referenceGradient, Span<float> losses = default,
        QueryTerms terms = default)
    {
        ThrowIf.NotExtent(queryGradient, queries, nameof(queryGradient), mayBeEmpty: true);
        ThrowIf.NotExtent(referenceGradient, references, nameof(referenceGradient), mayBeEmpty: true);
        return Run(queries, references, self: false, queryGradient, referenceGradient, losses, terms);
    }

    /// <summary>Computes the loss of queries against a gallery, and the queries' gradient; the gallery's rows are constants.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="gallery">What they are compared with, packed for cosines where the loss normalises rows, for inner products where not.</param>
    /// <param name="queryGradient">Receives the gradient with respect to the queries, laid out as they are; overwritten.</param>
    /// <param name="losses">Receives the loss of each query, unweighted, shape [queries.Count] ([1] for a whole-batch loss); empty to leave them out.</param>
    /// <param name="terms">Weights, upstream gradients and excluded references of the queries.</param>
    /// <exception cref="ArgumentException">
    /// A shape or the measure does not match, spans overlap, or a row holds NaN or infinity; the gradient is unchanged.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another call changes the gallery.</exception>
    public LossResult ForwardBackwardAgainst(
        EmbeddingBatch queries, Gallery gallery, Span<float> queryGradient, Span<float> losses = default, QueryTerms terms = default)
    {
        ThrowIf.NotExtent(queryGradient, queries, nameof(queryGradient));
        return Run(queries, gallery, queryGradient, losses, terms);
    }

    /// <summary>Returns the workspace's memory; a second time does nothing. Using the loss afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call runs; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            engine.Dispose();
            GC.SuppressFinalize(this);
        }
    }

    private LossResult Run(
        EmbeddingBatch queries, EmbeddingBatch references, bool self, Span<float> queryGradient, Span<float> referenceGradient, Span<float> losses,
        QueryTerms terms)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.Unlike(queries, references);
        return Run(new LossCall
        {
            Queries = queries,
            References = references,
            Self = self,
            QueryGradient = queryGradient,
            ReferenceGradient = referenceGradient,
            Losses = losses,
            Terms = terms,
        });
    }

    private LossResult Run(EmbeddingBatch queries, Gallery gallery, Span<float> queryGradient, Span<float> losses, QueryTerms terms)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotOfGallery(queries, gallery, Description);
        using SharedGuard.Reading reading = gallery.Read(out PackedRows rows, out ReadOnlySpan<long> labels);
        return Run(new LossCall
        {
            Queries = queries,
            References = EmbeddingBatch.OfLabels(labels),
            Packed = true,
            Gallery = rows,
            QueryGradient = queryGradient,
            Losses = losses,
            Terms = terms,
        });
    }

    private LossResult Run(in LossCall call)
    {
        ThrowIf.NotTerms(call.Terms, Description, call.Queries.Count, call.References.Count, call.Self);
        bool whole = Description.OfBatch;
        int count = whole ? 1 : call.Queries.Count + (Description.BothDirections ? call.References.Count : 0);
        ThrowIf.NotLength(call.Losses.Length, count, "losses", whole ? "a whole-batch loss" : "one per query", mayBeEmpty: true);
        CallMemory memory = default;
        memory.Writes(call.Losses, "losses");
        memory.Writes(call.QueryGradient, "the query gradient");
        memory.Writes(call.ReferenceGradient, "the reference gradient");
        memory.Reads(call.Queries.Rows, "the queries");
        memory.Reads(call.References.Rows, "the references");
        memory.Reads(call.Terms.Weights, "the weights");
        memory.Reads(call.Terms.Upstream, "the upstream gradient");
        memory.Reads(call.Terms.ExcludedReferences, "the excluded references");
        return engine.Run(call);
    }
}
