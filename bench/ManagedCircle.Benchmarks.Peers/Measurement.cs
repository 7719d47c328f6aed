using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ManagedCircle.Measuring;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>What one process measured of one peer.</summary>
/// <remarks>
/// Times are in ms a call, memory in bytes. Peer is a name, and after an @ how its process was set up; Share is the median share of the threads' peak at the
/// clock of the moment; OwnRss is the part of PeakRss beyond what the process had with the libraries loaded and the inputs made.
/// </remarks>
internal sealed record Measurement(
    string Peer, int N, int D, int Threads, int Repeat, double Median, double Min, double Max, double Share, double Gflops, long PeakRss, long OwnRss,
    double Loss, string Note, string Runtime)
{
    // The small problem that must come out right before any time is taken.
    private const int CheckedRows = 203;

    // A run is as many calls as take this long.
    private const double LeastMilliseconds = 2;

    // The runtime compiles managed code in full only after it has run for a few tenths of a second, and peers are managed too.
    private const double WarmUpMilliseconds = 700;

    /// <summary>
    /// Measures a peer. Where repeat is 0, one call that is neither warmed up before nor checked after: for calls of minutes, of ManagedCircle, whose check is
    /// another such call.
    /// </summary>
    public static Measurement Of(string peer, int n, int d, int threads, int repeat)
    {
        using (IPeer small = Peers.Create(peer, new Problem(CheckedRows, d), threads))
        {
            small.Run();
            small.Check();
        }

        Problem problem = new(n, d);
        CollectGarbage();
        long before = Memory("VmRSS");
        File.WriteAllText("/proc/self/clear_refs", "5");
        using IPeer measured = Peers.Create(peer, problem, threads);
        int calls = repeat > 0 ? WarmUp(measured) : 1;
        double[] times = new double[Math.Max(repeat, 1)], shares = new double[times.Length];
        double loss = 0;
        for (int i = 0; i < times.Length; i++)
        {
            CollectGarbage();
            double peak = PeakFlops.Measure(OwnWidth) * threads;
            long start = Stopwatch.GetTimestamp();
            for (int call = 0; call < calls; call++)
            {
                loss = measured.Run();
            }

            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds / calls;
            shares[i] = measured.Flops / times[i] / 1e6 / peak;
        }

        long most = Memory("VmHWM");
        if (repeat > 0)
        {
            measured.Check();
        }

        Array.Sort(times);
        Array.Sort(shares);
        double median = times[times.Length / 2];
        return new Measurement(
            peer, n, d, threads, times.Length, median, times[0], times[^1], shares[times.Length / 2], measured.Flops / median / 1e6, most, most - before, loss,
                measured.Note, RuntimeInformation.FrameworkDescription);
    }

    // How many calls are a run.
    private static int WarmUp(IPeer peer)
    {
        peer.Run();
        long start = Stopwatch.GetTimestamp();
        peer.Run();
        int calls = (int)Math.Clamp(LeastMilliseconds / Stopwatch.GetElapsedTime(start).TotalMilliseconds, 1, 10000);
        while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < WarmUpMilliseconds)
        {
            peer.Run();
            CollectGarbage();
        }

        return calls;
    }

    private static SimdWidth OwnWidth { get; } = new CosineSimilarity().SimdWidth;

    // Some of TorchSharp's tensors go only with the garbage; Python would have let go of them at once.
    private static void CollectGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static long Memory(string name) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(
            (char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
