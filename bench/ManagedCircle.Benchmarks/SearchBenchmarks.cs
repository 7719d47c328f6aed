using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;

namespace ManagedCircle.Benchmarks;

/// <summary>The 10 nearest of 100,000 rows, beside the product alone and beside what one would write by hand.</summary>
public class SearchBenchmarks : ICounted
{
    private const int References = 100_000, Neighbors = 10;

    private readonly NearestNeighbors search = new(SimilarityMeasure.InnerProduct);
    private readonly CosineSimilarity similarity = new();
    private readonly PriorityQueue<int, float> nearest = new(Neighbors);
    private Gallery gallery = null!;
    private float[] queries = null!, references = null!, matrix = null!, similarities = null!;
    private int[] indices = null!;

    [Params(1, 16, 256)]
    public int Queries { get; set; }

    [Params(128, 384)]
    public int Dimension { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        Random random = new(0);
        queries = Draw(Queries);
        references = Draw(References);
        gallery = new Gallery(Dimension, SimilarityMeasure.InnerProduct);
        gallery.Add(new(references, Dimension));
        matrix = new float[Queries * References];
        (indices, similarities) = (new int[Queries * Neighbors], new float[Queries * Neighbors]);

        float[] Draw(int count) => [.. Enumerable.Range(0, count * Dimension).Select(_ => random.NextSingle() - 0.5f)];
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        search.Dispose();
        similarity.Dispose();
        gallery.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void Product() => similarity.InnerProducts(new(queries, Dimension), new(references, Dimension), matrix);

    [Benchmark]
    public void Search() => search.Find(new(queries, Dimension), new(references, Dimension), Neighbors, indices, similarities);

    [Benchmark]
    public void SearchInGallery() => search.FindIn(gallery, new(queries, Dimension), Neighbors, indices, similarities);

    /// <summary>An inner product after the other, and a heap.</summary>
    [Benchmark]
    public void LoopWithHeap()
    {
        for (int query = 0; query < Queries; query++)
        {
            nearest.Clear();
            ReadOnlySpan<float> row = queries.AsSpan(query * Dimension, Dimension);
            for (int reference = 0; reference < References; reference++)
            {
                float product = TensorPrimitives.Dot(row, references.AsSpan(reference * Dimension, Dimension));
                if (nearest.Count < Neighbors)
                {
                    nearest.Enqueue(reference, product);
                }
                else if (nearest.TryPeek(out _, out float least) && product > least)
                {
                    nearest.DequeueEnqueue(reference, product);
                }
            }

            while (nearest.TryDequeue(out int reference, out float product))
            {
                (indices[(query * Neighbors) + nearest.Count], similarities[(query * Neighbors) + nearest.Count]) = (reference, product);
            }
        }
    }

    public double Flops(string benchmark) => 2.0 * Queries * References * Dimension;

    public int Cores(string benchmark) => 1;
}
