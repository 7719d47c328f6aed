namespace ManagedCircle;

/// <summary>The vectors that the kernels run on.</summary>
public enum SimdWidth
{
    /// <summary>The widest that this process runs in hardware.</summary>
    Auto,

    /// <summary>512 bits (AVX-512).</summary>
    Vector512,

    /// <summary>256 bits (AVX2).</summary>
    Vector256,

    /// <summary>128 bits (SSE4, NEON, WebAssembly SIMD).</summary>
    Vector128,

    /// <summary><see cref="System.Numerics.Vector{T}"/>, whose width is a setting of the process.</summary>
    VectorT,

    /// <summary>One number at a time.</summary>
    Scalar,
}

/// <summary>Runs the parts of one call side by side: implement it to put the work on threads of your own, such as a game's job system.</summary>
public interface IWorkScheduler
{
    /// <summary>Calls <paramref name="work"/> once with every number from 0 to <paramref name="workers"/> - 1, and returns when all have returned.</summary>
    /// <param name="workers">How many calls to make, at least 1.</param>
    /// <param name="work">The work; the calls may run in any order, one after the other or at once, on any threads. It never throws.</param>
    void Run(int workers, Action<int> work);
}

/// <summary>Where and how a computation runs. Nothing here changes a result.</summary>
public sealed record ExecutionOptions
{
    /// <summary>One thread, the widest vectors, at most 64 MB of optional workspace.</summary>
    public static ExecutionOptions Default { get; } = new();

    /// <summary>How many workers share a call; at least 1. Small batches use fewer. Results are the same bits for any number.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Runs the workers; null for the thread pool, with the calling thread working too.</summary>
    public IWorkScheduler? Scheduler { get; init; }

    /// <summary>
    /// The workspace, in bytes, within which similarities are kept between the forward and the backward pass rather than computed again
    /// (about 2 N^2 bytes for a batch of N against itself). The engine's own need, which grows with the number of rows, is not bounded by it.
    /// </summary>
    public long MaxWorkspaceBytes { get; init; } = 64L << 20;

    /// <summary>The vectors to run on; asking for more than the hardware has throws.</summary>
    public SimdWidth SimdWidth { get; init; }
}
