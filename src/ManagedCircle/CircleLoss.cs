namespace ManagedCircle;

/// <summary>What a call found.</summary>
/// <param name="Loss">The reduced loss; NaN with <see cref="LossReduction.None"/>.</param>
/// <param name="QueryCount">How many queries took part (rows with the ignored label do not).</param>
/// <param name="ReferenceCount">How many references took part.</param>
/// <param name="ValidCount">How many queries had a positive and a negative; for a whole-batch loss 1 or 0.</param>
/// <param name="NonzeroCount">How many losses were above 0.</param>
public readonly record struct LossResult(double Loss, int QueryCount, int ReferenceCount, int ValidCount, int NonzeroCount);

/// <summary>What a call may be given for each query beside its row and label; every part is optional.</summary>
public readonly ref struct QueryTerms
{
    /// <summary>The weight of each query's loss, shape [queryCount], finite; empty for 1.</summary>
    public ReadOnlySpan<float> Weights { get; init; }

    /// <summary>The gradient that flows in from above: one number, or shape [queryCount]; empty for 1.</summary>
    public ReadOnlySpan<float> Upstream { get; init; }

    /// <summary>The one reference that each query is not compared with, shape [queryCount], -1 for none; empty for what the options say.</summary>
    public ReadOnlySpan<int> ExcludedReferences { get; init; }
}

/// <summary>Circle loss and its exact gradients, over one batch or over queries against references.</summary>
public sealed class CircleLoss : IDisposable
{
    /// <summary>Makes a loss; its workspace grows with the largest batch seen and is reused.</summary>
    public CircleLoss(CircleLossOptions options, ExecutionOptions? execution = null) => throw new NotImplementedException();

    /// <summary>The choices this loss was made with.</summary>
    public CircleLossOptions Options => throw new NotImplementedException();

    /// <summary>The vectors it runs on.</summary>
    public SimdWidth SimdWidth => throw new NotImplementedException();

    /// <summary>The bytes of memory it holds.</summary>
    public long WorkspaceBytes => throw new NotImplementedException();

    /// <summary>The loss of a batch against itself.</summary>
    public LossResult Forward(EmbeddingBatch batch, Span<float> losses = default, QueryTerms terms = default) => throw new NotImplementedException();

    /// <summary>The loss of queries against references.</summary>
    public LossResult Forward(EmbeddingBatch queries, EmbeddingBatch references, Span<float> losses = default, QueryTerms terms = default) => throw new NotImplementedException();

    /// <summary>The loss of a batch against itself and its gradient.</summary>
    public LossResult ForwardBackward(EmbeddingBatch batch, Span<float> gradient, Span<float> losses = default, QueryTerms terms = default) => throw new NotImplementedException();

    /// <summary>The loss of queries against references and its gradients; an empty gradient is left out.</summary>
    public LossResult ForwardBackward(EmbeddingBatch queries, EmbeddingBatch references, Span<float> queryGradient, Span<float> referenceGradient, Span<float> losses = default, QueryTerms terms = default) => throw new NotImplementedException();

    /// <summary>Returns the workspace's memory.</summary>
    public void Dispose() => throw new NotImplementedException();
}
