using System.Numerics;

namespace ManagedCircle.Cli.Loss;

/// <summary>The loss in one precision.</summary>
internal interface ILossEngine<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The vectors it runs on.</summary>
    SimdWidth SimdWidth { get; }

    /// <summary>The threads it runs on.</summary>
    int Threads { get; }

    /// <summary>The bytes of memory that the last call needed beside its input and output.</summary>
    long WorkspaceBytes { get; }

    /// <summary>Computes the loss, and what has room: losses, gradients.</summary>
    LossResult Run(LossInput<T> input, Span<T> losses, Span<T> queryGradient, Span<T> referenceGradient);

    /// <summary>Computes the similarity of every query to every reference, shape [queryCount, referenceCount].</summary>
    void Similarities(ReadOnlySpan<T> queries, ReadOnlySpan<T> references, int dimension, Span<T> destination);
}
