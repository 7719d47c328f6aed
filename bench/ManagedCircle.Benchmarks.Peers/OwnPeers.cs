using ManagedCircle.Measuring;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>ManagedCircle's own loss.</summary>
internal sealed class OwnLoss(Problem problem, CircleLossOptions options, ExecutionOptions execution) : IPeer
{
    private readonly CircleLoss loss = new(options, execution);
    private readonly float[] gradient = new float[problem.Rows.Length];
    private double value;

    public string Note => $"{loss.SimdWidth}, workspace {loss.WorkspaceBytes / 1e6:F1} MB";

    public double Flops => 3.0 * problem.N * problem.N * problem.D;

    public double Run() => value = loss.ForwardBackward(new(problem.Rows, problem.Labels), gradient).Loss;

    public void Check() => Agreement.OfLoss(problem, options, value, gradient);

    public void Dispose() => loss.Dispose();
}

/// <summary>The formulas in loops, as a C# developer writes them first.</summary>
internal sealed class TextbookPeer(Problem problem) : IPeer
{
    private readonly TextbookLoss loss = new(problem.N, problem.D);
    private readonly float[] gradient = new float[problem.Rows.Length];
    private double value;

    public string Note => "TensorPrimitives' dot products, one thread";

    public double Flops => 3.0 * problem.N * problem.N * problem.D;

    public double Run() => value = loss.ForwardBackward(problem.Rows, problem.Labels, gradient);

    public void Check() => Agreement.OfLoss(problem, CircleLossOptions.Paper, value, gradient);

    public void Dispose()
    {
    }
}

/// <summary>ManagedCircle's similarities of two batches, or of one with itself.</summary>
internal sealed class OwnProduct(Problem problem, bool self, int threads) : IPeer
{
    private readonly CosineSimilarity similarity = new(new ExecutionOptions { Threads = threads });
    private readonly float[] right = [.. problem.Rows], product = new float[problem.N * problem.N];

    public string Note => $"{similarity.SimdWidth}";

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        if (self)
        {
            similarity.InnerProducts(new(problem.Rows, problem.D), product);
        }
        else
        {
            similarity.InnerProducts(new(problem.Rows, problem.D), new(right, problem.D), product);
        }

        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product);

    public void Dispose() => similarity.Dispose();
}
