using BenchmarkDotNet.Attributes;

namespace ManagedCircle.Benchmarks;

/// <summary>The similarities of two batches, and of one with itself.</summary>
public class SimilarityBenchmarks : ICounted
{
    private CosineSimilarity similarity = null!;
    private float[] left = null!, right = null!, matrix = null!;

    [ParamsSource(typeof(Size), nameof(Size.All))]
    public Size Size { get; set; } = null!;

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        similarity = new CosineSimilarity(new ExecutionOptions { Threads = Threads });
        left = Size.Rows();
        right = Size.Rows();
        matrix = new float[Size.N * Size.N];
    }

    [GlobalCleanup]
    public void CleanUp() => similarity.Dispose();

    [Benchmark]
    public void Product() => similarity.InnerProducts(new(left, Size.D), new(right, Size.D), matrix);

    [Benchmark]
    public void SelfProduct() => similarity.InnerProducts(new(left, Size.D), matrix);

    public double Flops(string benchmark) => (benchmark == nameof(Product) ? 2.0 : 1.0) * Size.N * Size.N * Size.D;

    public int Cores(string benchmark) => Threads;
}
