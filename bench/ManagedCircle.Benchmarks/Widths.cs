using BenchmarkDotNet.Environments;
using BenchmarkDotNet.Jobs;
using ManagedCircle.Simd;
using Perfolizer.Horology;

namespace ManagedCircle.Benchmarks;

/// <summary>A job for each width that this machine has; the runtime's own switches hold its process to it.</summary>
internal static class Widths
{
    private static readonly (SimdWidth Width, string? Switch)[] Switches =
    [
        (SimdWidth.Vector512, null),
        (SimdWidth.Vector256, "DOTNET_EnableAVX512"),
        (SimdWidth.Vector128, "DOTNET_EnableAVX2"),
        (SimdWidth.Scalar, "DOTNET_EnableHWIntrinsic"),
    ];

    public static IEnumerable<Job> Jobs => Switches.Where(static s => SimdChoice.Available.Contains(s.Width)).Select(static s => Of(s.Width, s.Switch));

    /// <summary>The width of a job made here.</summary>
    public static SimdWidth Of(Job job) => Enum.Parse<SimdWidth>(job.Id);

    private static Job Of(SimdWidth width, string? off)
    {
        Job job = new Job(width.ToString()).WithRuntime(CoreRuntime.Core10_0).WithWarmupCount(3).WithIterationCount(9)
            .WithIterationTime(TimeInterval.FromMilliseconds(100));
        return off is null ? job : job.WithEnvironmentVariable(off, "0");
    }
}
