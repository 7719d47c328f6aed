using System.Runtime;

namespace ManagedCircle.Cli.Benchmark;

/// <summary>Calls what is to be timed until the JIT has done with it.</summary>
/// <param name="clock">What time it is.</param>
/// <param name="compiledMethods">How many methods the JIT has compiled so far, a method anew for each tier.</param>
/// <remarks>
/// A method starts unoptimised. It is compiled in full, in the background, once it has been called 30 times and nothing new has been met for 100 ms. Code of
/// this program, of the library and of packages takes that way alike, so that a time taken earlier compares tiers instead of algorithms.
/// </remarks>
internal sealed class Warmup(TimeProvider clock, Func<long> compiledMethods)
{
    /// <summary>How long nothing is compiled before a call counts as warm: longer than the JIT waits.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(150);

    private const int LeastCalls = 3;

    /// <summary>A warm-up in this process.</summary>
    public static Warmup OfProcess { get; } = new(TimeProvider.System, static () => JitInfo.GetCompiledMethodCount());

    /// <summary>Warms up.</summary>
    /// <returns>The mean time of a call of the last ones, those since the JIT last compiled something.</returns>
    public TimeSpan Run(Action call)
    {
        long quietSince = clock.GetTimestamp(), compiled = compiledMethods();
        for (int calls = 0, quietCalls = 0; ;)
        {
            call();
            calls++;
            quietCalls++;
            TimeSpan quiet = clock.GetElapsedTime(quietSince);
            if (compiledMethods() is long now && now != compiled)
            {
                (compiled, quietSince, quietCalls) = (now, clock.GetTimestamp(), 0);
            }
            else if (calls >= LeastCalls && quiet >= Quiet)
            {
                return quiet / quietCalls;
            }
        }
    }
}
