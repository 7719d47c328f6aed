namespace ManagedCircle.Benchmarks.Peers;

/// <summary>Every peer by its name. What follows an @ says how the process was set up, and is the driver's to see to.</summary>
internal static class Peers
{
    public static IPeer Create(string peer, Problem problem, int threads) => peer.Split('@')[0] switch
    {
        "managedcircle" => new OwnLoss(problem, CircleLossOptions.Paper, new ExecutionOptions { Threads = threads }),
        "managedcircle-keras" => new OwnLoss(problem, CircleLossOptions.Keras, new ExecutionOptions { Threads = threads }),
        "managedcircle-24mb" => new OwnLoss(problem, CircleLossOptions.Paper, new ExecutionOptions { Threads = threads, MaxKeptSimilarityBytes = 24_000_000 }),
        "textbook" => new TextbookPeer(problem),
        "torch-pml" => new PairListLoss(problem, threads),
        "torch-keras" => new WholeMatrixLoss(problem, threads),
        "torch-hand" => new HandWrittenLoss(problem, threads),
        "managedcircle-product" => new OwnProduct(problem, self: false, threads),
        "managedcircle-self-product" => new OwnProduct(problem, self: true, threads),
        "torch-product" => new TorchProduct(problem, threads),
        "onnxruntime-product" => new OnnxProduct(problem, transposed: false, threads),
        "onnxruntime-transposed-product" => new OnnxProduct(problem, transposed: true, threads),
        "openblas-product" => new OpenBlasProduct(problem, threads),
        "numsharp-product" => new NumSharpProduct(problem),
        "mathnet-product" => new MathNetProduct(problem, threads),
        _ => throw new ArgumentException($"no peer is named {peer}"),
    };
}
