using ManagedCircle.Engine;

namespace ManagedCircle;

/// <summary>The similarity losses that embeddings are trained with, and their exact gradients: InfoNCE, CosFace, Proxy-NCA and others.</summary>
/// <remarks>
/// <see cref="PairLossOptions"/> has the formula, and a preset under each loss's name. A query without the pairs that the loss requires has loss 0 and
/// gradient 0; a zero row has similarity 0 to everything and gradient 0. Losses stay finite at every scale for unit rows. The gradient is that of
/// <c>sum over q of upstream_q weight_q loss_q / denominator</c>; the denominator is a constant of it.
/// </remarks>
public sealed class PairLoss : EmbeddingLoss
{
    /// <summary>Makes a loss; its workspace grows with the largest batch seen and is reused.</summary>
    /// <param name="options">The choices; checked here, once.</param>
    /// <param name="execution">Threads, vectors and workspace; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or has no meaning for the loss.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public PairLoss(PairLossOptions options, ExecutionOptions? execution = null)
        : base(LossDescription.Of(ThrowIf.NotComputed(options)), execution) => Options = options;

    /// <summary>The choices this loss was made with.</summary>
    public PairLossOptions Options { get; }
}
