using ManagedCircle.Engine;

namespace ManagedCircle;

/// <summary>Circle loss and its exact gradients, of a batch against itself or of queries against references.</summary>
/// <remarks>
/// <para>
/// For a query with similarities s to its references, effectively computes <c>softplus(logsumexp(positive logits) + logsumexp(negative logits))</c> with
/// <c>logit = -gamma [Op - s]+ (s - Dp)</c> for positives (same label) and <c>gamma [s - On]+ (s - Dn)</c> for negatives (Sun et al., CVPR 2020,
/// arXiv 2002.10857v2), and every variant that <see cref="CircleLossOptions"/> names. A query without a positive or without a negative has loss 0 and
/// gradient 0; a zero row has similarity 0 to everything and gradient 0. Losses stay finite at every gamma for unit rows.
/// </para>
/// <para>
/// The gradient is that of <c>sum over q of upstream_q weight_q loss_q / denominator</c>; the denominator is a constant of it.
/// At gamma 80, for rows of up to 512 numbers, each loss is within 2e-5 + 1e-6 L of <c>ManagedCircle.Reference</c> (measured: 1.0e-5). An entry of the
/// gradient, times the norm of its row, is within 3e-5 of the largest sum that a row's pairs make in magnitude, <c>sum |dL/ds|</c> over both ends. Rows that
/// point almost the same way lose most of that sum in the projection, and then the error is a larger share of what is left; where they do not, it is within
/// 3e-5 of the gradient's largest entry (measured: 1.2e-5; see docs/accuracy.md, also for other gammas).
/// </para>
/// <para>
/// Memory grows with the number of rows, not of pairs, and nothing is allocated once the workspace has grown to the largest batch seen. An instance is
/// not thread-safe: use one for each thread that calls. A second call while one runs is an <see cref="InvalidOperationException"/>. Results are the same
/// bits for any number of threads and, where the hardware fuses multiply and add, any width of vectors.
/// </para>
/// </remarks>
public sealed class CircleLoss : IDisposable
{
    private readonly LossEngine engine;
    private CallGuard guard;

    /// <summary>Makes a loss; its workspace grows with the largest batch seen and is reused.</summary>
    /// <param name="options">The choices; checked here, once.</param>
    /// <param name="execution">Threads, vectors and workspace; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public CircleLoss(CircleLossOptions options, ExecutionOptions? execution = null)
    {
        Options = ThrowIf.Invalid(options);
        engine = LossEngine.Create(options, ThrowIf.Invalid(execution));
    }

    /// <summary>The choices this loss was made with.</summary>
    public CircleLossOptions Options { get; }

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

    /// <summary>Returns the workspace's memory; a second time does nothing. Using the loss afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call runs; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            engine.Dispose();
        }
    }

    private LossResult Run(
        EmbeddingBatch queries, EmbeddingBatch references, bool self, Span<float> queryGradient, Span<float> referenceGradient, Span<float> losses,
        QueryTerms terms)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.Unlike(queries, references);
        ThrowIf.NotTerms(terms, Options, queries.Count, references.Count, self);
        bool whole = Options.Scope == LossScope.Batch;
        ThrowIf.NotLength(losses.Length, whole ? 1 : queries.Count, nameof(losses), whole ? "a whole-batch loss" : "one per query", mayBeEmpty: true);
        CallMemory memory = default;
        memory.Writes(losses, nameof(losses));
        memory.Writes(queryGradient, "the query gradient");
        memory.Writes(referenceGradient, "the reference gradient");
        memory.Reads(queries.Rows, "the queries");
        memory.Reads(references.Rows, "the references");
        memory.Reads(terms.Weights, "the weights");
        memory.Reads(terms.Upstream, "the upstream gradient");
        memory.Reads(terms.ExcludedReferences, "the excluded references");
        return engine.Run(new LossCall
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
}
