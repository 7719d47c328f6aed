using ManagedCircle.Simd;

namespace ManagedCircle;

/// <summary>Where and how a computation runs. Nothing here changes a result.</summary>
public sealed record ExecutionOptions
{
    /// <summary>One thread, the widest vectors, similarities kept within 64 MB.</summary>
    public static ExecutionOptions Default { get; } = new();

    /// <summary>The widths that this process runs in hardware, the widest first; <see cref="SimdWidth.Auto"/> is the first of them.</summary>
    public static IReadOnlyList<SimdWidth> AvailableSimdWidths { get; } = Array.AsReadOnly(SimdChoice.Available);

    /// <summary>How many workers share a call, 1 to 4,096. Small batches use fewer. Results are the same bits for any number.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Runs the workers; null for the thread pool, with the calling thread working too.</summary>
    public IWorkScheduler? Scheduler { get; init; }

    /// <summary>
    /// Similarities are kept between the forward and the backward pass where the workspace with them stays within so many bytes; otherwise they are computed
    /// again. They take about 2 N^2 bytes for a batch of N against itself. What the engine needs without them grows with the number of rows, and is not
    /// bounded.
    /// </summary>
    public long MaxKeptSimilarityBytes { get; init; } = 64L << 20;

    /// <summary>The vectors to run on; one that is not among <see cref="AvailableSimdWidths"/> throws when it is used.</summary>
    public SimdWidth SimdWidth { get; init; }
}
