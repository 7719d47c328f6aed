using System.Diagnostics;
using System.Runtime.InteropServices;
using ManagedCircle.Kernels;
using ManagedCircle.Measuring;
using ManagedCircle.Simd;

namespace ManagedCircle.Cli.Benchmark;

/// <summary>One similarity product; share is the part of the threads' peak.</summary>
internal sealed record SimilarityResult(int N, int M, int D, int Threads, double Milliseconds, double Gflops, double Share);

/// <summary>The matrix of a batch with itself; speedup is the time of the full product over its own.</summary>
internal sealed record SelfSimilarityResult(int N, int D, int Threads, double Milliseconds, double Speedup);

/// <summary>One loss of a batch against itself; share is the bound, the time of its multiply-adds alone at the threads' peak, over the time.</summary>
internal sealed record LossTimeResult(
    int N, int M, int D, int Threads, string Pass, string Mode, double Milliseconds, double BoundMilliseconds, double Share, long WorkspaceBytes);

/// <summary>A function over an array in the L1 cache.</summary>
internal sealed record ElementwiseResult(string Op, double NanosecondsPerElement);

/// <summary>The loss and gradient of a small batch beside loops with a dot product for each pair.</summary>
internal sealed record TextbookResult(int N, int D, double Milliseconds, double TextbookMilliseconds, double Speedup);

/// <summary>The first call of a new loss, with the JIT's work, and the next.</summary>
internal sealed record FirstCallResult(int N, int D, double FirstMilliseconds, double NextMilliseconds);

internal sealed record BenchmarkReport(
    double PeakGflops,
    string Isa,
    IReadOnlyList<SimilarityResult> Similarity,
    IReadOnlyList<SelfSimilarityResult> SelfSimilarity,
    IReadOnlyList<LossTimeResult> Loss,
    IReadOnlyList<TextbookResult> Textbook,
    IReadOnlyList<ElementwiseResult> Elementwise,
    FirstCallResult FirstCall);

/// <summary>Where this machine's peak is, and where each kernel stands.</summary>
/// <remarks>
/// A core's clock changes from second to second, so the peak is measured anew before every run, and a share is the median of the runs' own.
/// </remarks>
internal sealed class MachineBenchmark(SimdWidth isa, int maxThreads, TimeSpan each, Action done)
{
    private static readonly (int N, int D)[] SimilaritySizes = [(1024, 128), (1024, 512), (4096, 128), (4096, 512)];
    private static readonly (int N, int D)[] LossSizes = [(16, 128), (64, 128), (256, 128), (1024, 128), (1024, 512), (4096, 128), (4096, 512)];
    private static readonly int[] LargeSizes = [2048, 8192, 16384, 32768, 65536];

    private readonly SimdWidth width = Width(isa);
    private readonly List<double> peaks = [];

    /// <summary>How many parts the work has, each of which ends with a call of done.</summary>
    public static int Parts(int maxThreads, bool large) => (maxThreads * (SimilaritySizes.Length + LossSizes.Length)) + 3 + (large ? LargeSizes.Length : 0);

    public BenchmarkReport Run(bool large)
    {
        FirstCallResult firstCall = FirstCall();
        List<SimilarityResult> similarity = [];
        List<SelfSimilarityResult> selfSimilarity = [];
        List<LossTimeResult> loss = [];
        for (int threads = 1; threads <= maxThreads; threads++)
        {
            foreach ((int n, int d) in SimilaritySizes)
            {
                Similarity(n, d, threads, similarity, selfSimilarity);
                done();
            }

            foreach ((int n, int d) in LossSizes)
            {
                Loss(n, d, threads, stored: true, loss);
                done();
            }
        }

        for (int i = 0; large && i < LargeSizes.Length; i++)
        {
            // The kept similarities of 32,768 rows take 2.3 GB; those of 65,536 would take 9.
            Loss(LargeSizes[i], 128, 1, stored: LargeSizes[i] <= 32768, loss);
            done();
        }

        List<TextbookResult> textbook = [Textbook(16, 128), Textbook(64, 128)];
        done();
        List<ElementwiseResult> elementwise = SimdChoice.On<ElementwiseAtWidth, List<ElementwiseResult>>(width, new ElementwiseAtWidth(this));
        done();
        return new BenchmarkReport(Median(peaks), width.ToString().ToLowerInvariant(), similarity, selfSimilarity, loss, textbook, elementwise, firstCall);
    }

    private static SimdWidth Width(SimdWidth isa)
    {
        using CosineSimilarity product = new(new ExecutionOptions { SimdWidth = isa });
        return product.SimdWidth;
    }

    private FirstCallResult FirstCall()
    {
        const int N = 256, D = 128;
        (float[] rows, int[] labels) = Batch(N, D);
        float[] gradient = new float[rows.Length];
        long start = Stopwatch.GetTimestamp();
        using CircleLoss loss = new(CircleLossOptions.Paper, new ExecutionOptions { SimdWidth = isa });
        loss.ForwardBackward(new(rows, labels), gradient);
        double first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        loss.ForwardBackward(new(rows, labels), gradient);
        double next = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        done();
        return new FirstCallResult(N, D, first, next);
    }

    private void Similarity(int n, int d, int threads, List<SimilarityResult> results, List<SelfSimilarityResult> selfResults)
    {
        float[] left = Batch(n, d).Rows, right = Batch(n, d).Rows, matrix = new float[n * n];
        using CosineSimilarity product = new(new ExecutionOptions { Threads = threads, SimdWidth = isa });
        double flops = 2.0 * n * n * d;
        (double milliseconds, double share) = Time(flops, threads, () => product.InnerProducts(new(left, d), new(right, d), matrix));
        (double selfMilliseconds, _) = Time(flops, threads, () => product.InnerProducts(new(left, d), matrix));
        results.Add(new SimilarityResult(n, n, d, threads, milliseconds, flops / milliseconds / 1e6, share));
        selfResults.Add(new SelfSimilarityResult(n, d, threads, selfMilliseconds, milliseconds / selfMilliseconds));
    }

    private void Loss(int n, int d, int threads, bool stored, List<LossTimeResult> results)
    {
        (float[] rows, int[] labels) = Batch(n, d);
        float[] gradient = new float[rows.Length];
        double unit = (double)n * n * d;
        using CircleLoss recomputing = new(CircleLossOptions.Paper, new ExecutionOptions { Threads = threads, SimdWidth = isa, MaxKeptSimilarityBytes = 0 });
        Add("forward", "recomputed", unit, recomputing, () => recomputing.Forward(new(rows, labels)));
        Add("forward-backward", "recomputed", 4 * unit, recomputing, () => recomputing.ForwardBackward(new(rows, labels), gradient));
        if (stored)
        {
            using CircleLoss storing =
                new(CircleLossOptions.Paper, new ExecutionOptions { Threads = threads, SimdWidth = isa, MaxKeptSimilarityBytes = long.MaxValue });
            Add("forward-backward", "stored", 3 * unit, storing, () => storing.ForwardBackward(new(rows, labels), gradient));
        }

        void Add(string pass, string mode, double flops, CircleLoss loss, Action call)
        {
            (double milliseconds, double share) = Time(flops, threads, call);
            results.Add(new LossTimeResult(n, n, d, threads, pass, mode, milliseconds, milliseconds * share, share, loss.WorkspaceBytes));
        }
    }

    private TextbookResult Textbook(int n, int d)
    {
        (float[] rows, int[] labels) = Batch(n, d);
        float[] gradient = new float[rows.Length];
        using CircleLoss loss = new(CircleLossOptions.Paper, new ExecutionOptions { SimdWidth = isa });
        TextbookLoss textbook = new(n, d);
        double own = Time(1, 1, () => loss.ForwardBackward(new(rows, labels), gradient)).Milliseconds;
        double loops = Time(1, 1, () => textbook.ForwardBackward(rows, labels, gradient)).Milliseconds;
        return new TextbookResult(n, d, own, loops, loops / own);
    }

    private unsafe List<ElementwiseResult> Elementwise<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd>
    {
        const int Length = 2048;
        float* source = (float*)NativeMemory.AlignedAlloc(2 * Length * sizeof(float), 64), destination = source + Length;
        try
        {
            Random random = new(0);
            for (int i = 0; i < Length; i++)
            {
                source[i] = 0.1f + (10 * random.NextSingle());
            }

            return
            [
                Result<Exponential<TSimd>>("exp"),
                Result<Logarithm<TSimd>>("log"),
                Result<Softplus<TSimd>>("softplus"),
            ];
        }
        finally
        {
            NativeMemory.AlignedFree(source);
        }

        ElementwiseResult Result<TFunction>(string op)
            where TFunction : struct, IFunction<TFunction, TSimd>
        {
            (double milliseconds, _) = Time(1, 1, () => Kernels.Elementwise.Apply<TSimd, TFunction>(source, destination, Length));
            return new ElementwiseResult(op, milliseconds * 1e6 / Length);
        }
    }

    // The median time of a call, and the median share of the peak that stood beside each run. A run is as many calls as take a millisecond.
    private (double Milliseconds, double Share) Time(double flops, int threads, Action call)
    {
        int repeat = (int)Math.Clamp(1 / Warmup.OfProcess.Run(call).TotalMilliseconds, 1, 10000);
        List<double> times = [], shares = [];
        long begin = Stopwatch.GetTimestamp();
        while (times.Count < 3 || (times.Count < 1000 && Stopwatch.GetElapsedTime(begin) < each))
        {
            double peak = PeakFlops.Measure(width);
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeat; i++)
            {
                call();
            }

            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds / repeat;
            times.Add(milliseconds);
            shares.Add(flops / (peak * 1e6 * threads) / milliseconds);
            peaks.Add(peak);
        }

        return (Median(times), Median(shares));
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    // Classes of eight, as field batches have.
    private static (float[] Rows, int[] Labels) Batch(int n, int d)
    {
        Random random = new(n);
        float[] rows = new float[n * d];
        foreach (ref float value in rows.AsSpan())
        {
            value = (2 * random.NextSingle()) - 1;
        }

        return (rows, [.. Enumerable.Range(0, n).Select(static i => i / 8)]);
    }

    private readonly struct ElementwiseAtWidth(MachineBenchmark benchmark) : ISimdCode<List<ElementwiseResult>>
    {
        public List<ElementwiseResult> Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => benchmark.Elementwise<TSimd>();
    }
}
