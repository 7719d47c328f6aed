namespace ManagedCircle.Tests.Support;

/// <summary>One of the library's objects that have a state, and a call of it that two workers share.</summary>
public sealed class MisusedObject : IDisposable
{
    // Sizes that are worth two workers to each of the engines.
    private static readonly LargeBatch Batch = LargeBatch.Draw(1, 300, 64, classes: 9), Queries = Batch.Part(0, 160), References = Batch.Part(80, 220);
    private static readonly float[] Similarities = LargeBatch.Draw(2, 160, 220, classes: 2).Rows;

    private readonly IDisposable owner;
    private readonly Action call;
    private readonly float[][] written;

    private MisusedObject(IDisposable owner, Action call, params float[][] written) => (this.owner, this.call, this.written) = (owner, call, written);

    /// <summary>The kinds there are.</summary>
    public static IReadOnlyList<string> Kinds { get; } =
        ["CircleLoss of a batch", "CircleLoss of references", "SimilarityLoss", "CosineSimilarity", "NearestNeighbors", "CrossBatchMemory"];

    /// <summary>A copy of everything that the call has written by now.</summary>
    public float[][] Written => [.. written.Select(numbers => (float[])numbers.Clone())];

    /// <summary>Makes an object of a kind.</summary>
    public static MisusedObject Make(string kind, IWorkScheduler? scheduler)
    {
        ExecutionOptions execution = new() { Threads = 2, Scheduler = scheduler };
        float[] losses = new float[160], gradient = new float[Queries.Rows.Length], referenceGradient = new float[References.Rows.Length];
        CircleLoss loss = new(CircleLossOptions.Paper, execution);
        switch (kind)
        {
            case "CircleLoss of a batch":
                (losses, gradient) = (new float[300], new float[Batch.Rows.Length]);
                return new(loss, () => loss.ForwardBackward(Batch.Batch, gradient, losses), gradient, losses);

            case "CircleLoss of references":
                return new(
                    loss,
                    () => loss.ForwardBackward(Queries.Batch, References.Batch, gradient, referenceGradient, losses),
                    gradient,
                    referenceGradient,
                    losses);

            case "SimilarityLoss":
                SimilarityLoss similarityLoss = new(CircleLossOptions.Paper, execution);
                gradient = new float[Similarities.Length];
                return new(
                    similarityLoss,
                    () => similarityLoss.ForwardBackward(new(Similarities, Queries.Labels, References.Labels), gradient, losses),
                    gradient,
                    losses);

            case "CosineSimilarity":
                CosineSimilarity cosine = new(execution);
                float[] matrix = new float[Similarities.Length];
                return new(cosine, () => cosine.Matrix(new(Queries.Rows, 64), new(References.Rows, 64), matrix), matrix);

            case "NearestNeighbors":
                NearestNeighbors search = new(SimilarityMeasure.Cosine, execution);
                int[] indices = new int[160 * 3];
                float[] nearest = new float[indices.Length];
                return new(search, () => search.Find(new(Queries.Rows, 64), new(References.Rows, 64), 3, indices, nearest), nearest);

            default:
                // A batch that fills the memory leaves it as it found it.
                CrossBatchMemory memory = new(220, 64);
                (losses, gradient) = (new float[220], new float[References.Rows.Length]);
                memory.Enqueue(References.Batch);
                return new(loss, () => memory.ForwardBackward(loss, References.Batch, gradient, losses), gradient, losses);
        }
    }

    /// <summary>What it writes where it is not misused.</summary>
    public static float[][] Expected(string kind)
    {
        using MisusedObject alone = Make(kind, null);
        alone.Call();
        return alone.Written;
    }

    /// <summary>Calls it.</summary>
    public void Call()
    {
        Array.ForEach(written, Array.Clear);
        call();
    }

    /// <summary>Whether the call has written just that.</summary>
    public bool Wrote(float[][] expected) => written.Zip(expected).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    /// <summary>Calls it while a call runs, whose answer must stay.</summary>
    public void Intrude() => call();

    public void Dispose() => owner.Dispose();
}

/// <summary>A scheduler that does what it is told; by itself it runs its workers one after the other.</summary>
public sealed class TestScheduler : IWorkScheduler
{
    /// <summary>What it does.</summary>
    public Action<int, Action<int>> Behaviour { get; set; } = InOrder;

    public static void InOrder(int workers, Action<int> work)
    {
        for (int worker = 0; worker < workers; worker++)
        {
            work(worker);
        }
    }

    public void Run(int workers, Action<int> work) => Behaviour(workers, work);
}
