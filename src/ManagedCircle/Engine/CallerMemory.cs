using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>The caller's memory, while a call of the loss has it pinned.</summary>
internal unsafe struct CallerMemory
{
    public float* QueryRows, ReferenceRows;

    /// <summary>The references where they are a gallery, which is not the caller's memory but may change when the call ends, too.</summary>
    public PackedRows Gallery;

    /// <summary>Numbers from one row to the next, in the gradient too.</summary>
    public nint QueryStride, ReferenceStride;

    /// <summary>Receive the gradients; null to leave them out. In a batch against itself the first is all of it.</summary>
    public float* QueryGradient, ReferenceGradient;

    /// <summary>Receives the losses, or that of the whole batch; null to leave them out.</summary>
    public float* Losses;

    /// <summary>The weight of each query; null for 1.</summary>
    public float* Weights;

    /// <summary>The upstream gradient, shape [UpstreamCount].</summary>
    public float* Upstream;

    public int UpstreamCount;
}
