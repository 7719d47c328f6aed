using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Tests that count what the whole process allocates run with no other beside them.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AloneInTheProcess;

/// <summary>A loss allocates while its workspace grows, and then never again.</summary>
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int Count = 700;

    private readonly LargeBatch batch = LargeBatch.Draw(1, Count, 24, classes: 30), references = LargeBatch.Draw(2, Count, 24, classes: 30);
    private readonly float[] gradient = new float[Count * 24], referenceGradient = new float[Count * 24];
    private readonly float[] losses = new float[Count], weights = new float[Count];
    private readonly int[] excluded = [.. Enumerable.Range(0, Count)];

    public static TheoryData<int, long?, long> Calls => new MatrixTheoryData<int, long?, long>([1, 2], [null, 3], [0, 1L << 30]);

    public AllocationTests() => Array.Fill(weights, 0.5f);

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_call_of_a_size_seen_before_allocates_nothing(int threads, long? ignoreLabel, long maxKeptSimilarityBytes)
    {
        ExecutionOptions execution = new() { Threads = threads, MaxKeptSimilarityBytes = maxKeptSimilarityBytes };
        using CircleLoss loss = new(CircleLossOptions.Paper with { IgnoreLabel = ignoreLabel }, execution);
        using Gallery gallery = new(24);
        gallery.Add(new RowMatrix(references.Batch.Rows, Count, 24, references.Batch.Stride));

        AssertAllocatesNothing(() =>
        {
            loss.Forward(batch.Batch, losses);
            loss.ForwardBackwardAgainst(batch.Batch, gallery, gradient, losses);
            loss.ForwardBackward(batch.Batch, gradient, losses, new() { Weights = weights, Upstream = weights });
            loss.ForwardBackward(
                batch.Batch, references.Batch, gradient, referenceGradient, losses, new() { Weights = weights, ExcludedReferences = excluded });
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_search_of_a_size_seen_before_allocates_nothing(int threads)
    {
        (int[] indices, int[] starts, float[] similarities) = (new int[Count * Count], new int[Count + 1], new float[Count * Count]);
        using NearestNeighbors search = new(SimilarityMeasure.Cosine, new() { Threads = threads });

        AssertAllocatesNothing(() =>
        {
            search.Find(new(batch.Rows, 24), new(references.Rows, 24), 10, indices, similarities, new() { ExcludedReferences = excluded });
            search.Find(new(batch.Rows, 24), 300, indices, similarities);
            search.FindAbove(new(batch.Rows, 24), 0.5f, starts, indices, similarities);
        });
    }

    [Fact]
    public void No_loss_of_pairs_allocates()
    {
        using PairLoss loss = new(PairLossOptions.SupCon());

        AssertAllocatesNothing(() =>
        {
            loss.ForwardBackward(batch.Batch, gradient, losses, new() { Weights = weights });
            loss.ForwardBackward(batch.Batch, references.Batch, gradient, referenceGradient, losses);
        });
    }

    [Fact]
    public void Labels_beyond_32_bits_allocate_nothing()
    {
        LargeBatch wide = batch with { Labels = [.. batch.Labels.Select(label => label << 40)] };
        using CircleLoss loss = new(CircleLossOptions.Paper);

        AssertAllocatesNothing(() => loss.ForwardBackward(wide.Batch, gradient, losses));
    }

    // The runtime may allocate for itself now and then, such as for the queue of the pool. A call that allocated would do so every time.
    private static void AssertAllocatesNothing(Action calls)
    {
        for (int warmUp = 0; warmUp < 3; warmUp++)
        {
            calls();
        }

        long ofThisThread = long.MaxValue, ofAll = long.MaxValue;
        for (int repeat = 0; repeat < 10; repeat++)
        {
            long allBefore = GC.GetTotalAllocatedBytes(precise: true), before = GC.GetAllocatedBytesForCurrentThread();
            calls();
            ofThisThread = Math.Min(ofThisThread, GC.GetAllocatedBytesForCurrentThread() - before);
            ofAll = Math.Min(ofAll, GC.GetTotalAllocatedBytes(precise: true) - allBefore);
        }

        Assert.Equal((0, 0), (ofThisThread, ofAll));
    }
}
