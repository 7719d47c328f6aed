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
/// </remarks>
public sealed class CircleLoss : EmbeddingLoss
{
    /// <summary>Makes a loss; its workspace grows with the largest batch seen and is reused.</summary>
    /// <param name="options">The choices; checked here, once.</param>
    /// <param name="execution">Threads, vectors and workspace; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public CircleLoss(CircleLossOptions options, ExecutionOptions? execution = null)
        : base(LossDescription.Of(ThrowIf.Invalid(options)), execution) => Options = options;

    /// <summary>The choices this loss was made with.</summary>
    public CircleLossOptions Options { get; }
}
