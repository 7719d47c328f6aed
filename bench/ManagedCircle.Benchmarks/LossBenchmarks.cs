using BenchmarkDotNet.Attributes;

namespace ManagedCircle.Benchmarks;

/// <summary>The loss of a batch against itself, without and with its gradient.</summary>
public class LossBenchmarks : ICounted
{
    private CircleLoss loss = null!;
    private float[] rows = null!, gradient = null!;
    private int[] labels = null!;

    [ParamsSource(typeof(Size), nameof(Size.All))]
    public Size Size { get; set; } = null!;

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        loss = new CircleLoss(CircleLossOptions.Paper, new ExecutionOptions { Threads = Threads });
        rows = Size.Rows();
        labels = Size.Labels();
        gradient = new float[rows.Length];
    }

    [GlobalCleanup]
    public void CleanUp() => loss.Dispose();

    [Benchmark]
    public double Forward() => loss.Forward(new(rows, labels)).Loss;

    [Benchmark]
    public double ForwardBackward() => loss.ForwardBackward(new(rows, labels), gradient).Loss;

    // One triangle of the similarities, and for the gradient the symmetric dL/ds times the rows.
    public double Flops(string benchmark) => (benchmark == nameof(Forward) ? 1.0 : 3.0) * Size.N * Size.N * Size.D;

    public int Cores(string benchmark) => Threads;
}
