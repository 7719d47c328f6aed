using System.Diagnostics;
using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Measuring;

/// <summary>The most floating-point operations that one core can do: multiply-adds in registers, as many side by side as hide their latency.</summary>
public static class PeakFlops
{
    // 12 chains: the multiply-adds of today's cores take 4 cycles, two begin in each, and 16 registers hold 12 sums beside two constants.
    private const int Chains = 12, Steps = 4096;

    /// <summary>GFLOP/s of the calling core now, on vectors of a width: the best of a few runs of some ten microseconds each.</summary>
    public static double Measure(SimdWidth width) => SimdChoice.On<Measurement, double>(width, default);

    private static double Measure<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd>
    {
        double best = 0;
        for (int run = 0; run < 5; run++)
        {
            long start = Stopwatch.GetTimestamp();
            Run(TSimd.Broadcast(0.999f), TSimd.Broadcast(0.001f), Steps);
            best = Math.Max(best, 2e-9 * Chains * TSimd.Lanes * Steps / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static TSimd Run<TSimd>(TSimd factor, TSimd addend, int steps)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd a = factor, b = factor, c = factor, d = factor, e = factor, f = factor, g = factor, h = factor, i = factor, j = factor, k = factor, l = factor;
        for (; steps > 0; steps--)
        {
            a = TSimd.MultiplyAdd(a, factor, addend);
            b = TSimd.MultiplyAdd(b, factor, addend);
            c = TSimd.MultiplyAdd(c, factor, addend);
            d = TSimd.MultiplyAdd(d, factor, addend);
            e = TSimd.MultiplyAdd(e, factor, addend);
            f = TSimd.MultiplyAdd(f, factor, addend);
            g = TSimd.MultiplyAdd(g, factor, addend);
            h = TSimd.MultiplyAdd(h, factor, addend);
            i = TSimd.MultiplyAdd(i, factor, addend);
            j = TSimd.MultiplyAdd(j, factor, addend);
            k = TSimd.MultiplyAdd(k, factor, addend);
            l = TSimd.MultiplyAdd(l, factor, addend);
        }

        return a + b + c + d + e + f + g + h + i + j + k + l;
    }

    private readonly struct Measurement : ISimdCode<double>
    {
        public double Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => Measure<TSimd>();
    }
}
