using System.Runtime.InteropServices;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Every two ranges of a call's memory made to share one number: refused, by name, where one of them is written.</summary>
public sealed class CallMemoryTests
{
    private static readonly long[] Labels = [0, 0, 1];
    private static readonly CircleLossOptions Options = CircleLossOptions.Paper;

    [Fact]
    public void A_loss_writes_no_memory_that_it_also_uses_otherwise()
    {
        using CircleLoss loss = new(Options);
        Range[] ranges =
        [
            new("losses", 3, Written: true), new("the query gradient", 12, Written: true), new("the reference gradient", 12, Written: true),
            new("the queries", 12), new("the references", 12), new("the weights", 3), new("the upstream gradient", 3), new("the excluded references", 3),
        ];

        AssertEveryPair(ranges, memory => loss.ForwardBackward(
            new EmbeddingBatch(memory[3].Span, Labels),
            new EmbeddingBatch(memory[4].Span, Labels),
            memory[1].Span,
            memory[2].Span,
            memory[0].Span,
            new() { Weights = memory[5].Span, Upstream = memory[6].Span, ExcludedReferences = Integers(memory[7]) }));
    }

    [Fact]
    public void A_loss_of_a_batch_against_itself_writes_no_memory_that_it_also_uses_otherwise()
    {
        using CircleLoss loss = new(Options);
        Range[] ranges =
        [
            new("losses", 3, Written: true), new("the query gradient", 12, Written: true),
            new("the queries", 12), new("the weights", 3), new("the upstream gradient", 3),
        ];

        AssertEveryPair(ranges, memory => loss.ForwardBackward(
            new EmbeddingBatch(memory[2].Span, Labels), memory[1].Span, memory[0].Span, new() { Weights = memory[3].Span, Upstream = memory[4].Span }));
    }

    [Fact]
    public void A_loss_of_similarities_writes_no_memory_that_it_also_uses_otherwise()
    {
        using SimilarityLoss loss = new(Options);
        Range[] ranges =
        [
            new("losses", 2, Written: true), new("Weights", 6, Written: true), new("Logits", 6, Written: true),
            new("PositiveLogSumExp", 2, Written: true), new("NegativeLogSumExp", 2, Written: true),
            new("PositiveCounts", 2, Written: true), new("NegativeCounts", 2, Written: true), new("HardestPositives", 2, Written: true),
            new("HardestNegatives", 2, Written: true),
            new("the similarities", 6), new("the gradient", 6, Written: true),
            new("the weights", 2), new("the upstream gradient", 2), new("the excluded references", 2),
        ];

        AssertEveryPair(ranges, Run,
            (first, second) => (first, second) == ("the similarities", "the gradient") ? "similarities and destination" : $"{first} and {second}");

        Memory<float>[] inPlace = [.. ranges.Select(range => new float[range.Length].AsMemory())];
        inPlace[10] = inPlace[9];
        Run(inPlace);

        void Run(Memory<float>[] memory) => loss.ForwardBackward(
            new SimilarityBatch(memory[9].Span, (long[])[0, 1], Labels),
            memory[10].Span,
            memory[0].Span,
            new() { Weights = memory[11].Span, Upstream = memory[12].Span, ExcludedReferences = Integers(memory[13]) },
            new()
            {
                Weights = memory[1].Span,
                Logits = memory[2].Span,
                PositiveLogSumExp = memory[3].Span,
                NegativeLogSumExp = memory[4].Span,
                PositiveCounts = Integers(memory[5]),
                NegativeCounts = Integers(memory[6]),
                HardestPositives = Integers(memory[7]),
                HardestNegatives = Integers(memory[8]),
            });
    }

    [Fact]
    public void The_gradients_of_one_query_are_of_their_own_memory()
    {
        using SimilarityLoss loss = new(Options);
        Range[] ranges = [new("positiveGradient", 2, Written: true), new("negativeGradient", 3, Written: true)];

        AssertEveryPair(ranges, memory => loss.OfQuery([0.5f, 0.25f], [0, 0.5f, 1], memory[0].Span, memory[1].Span));
    }

    [Fact]
    public void A_matrix_of_similarities_is_of_its_own_memory()
    {
        using CosineSimilarity similarity = new();
        Range[] two = [new("destination", 6, Written: true), new("queries", 8), new("references", 12)];
        Range[] self = [new("destination", 9, Written: true), new("rows", 12)];

        AssertEveryPair(two, memory => similarity.Matrix(new(memory[1].Span, 4), new(memory[2].Span, 4), memory[0].Span));
        AssertEveryPair(two, memory => similarity.InnerProducts(new(memory[1].Span, 4), new(memory[2].Span, 4), memory[0].Span));
        AssertEveryPair(self, memory => similarity.Matrix(new(memory[1].Span, 4), memory[0].Span));
        AssertEveryPair(self, memory => similarity.InnerProducts(new(memory[1].Span, 4), memory[0].Span));
    }

    [Fact]
    public void What_a_search_finds_is_of_its_own_memory()
    {
        using NearestNeighbors search = new();
        Range[] nearest =
        [
            new("indices", 4, Written: true), new("similarities", 4, Written: true), new("queries", 8), new("references", 12),
            new("ExcludedReferences", 2),
        ];
        Range[] above = [new("starts", 4, Written: true), new("indices", 6, Written: true), new("similarities", 6, Written: true), new("rows", 12)];

        AssertEveryPair(nearest, memory => search.Find(
            new(memory[2].Span, 4), new(memory[3].Span, 4), 2, Integers(memory[0]), memory[1].Span, new() { ExcludedReferences = Integers(memory[4]) }));
        AssertEveryPair(above, memory => search.FindAbove(new(memory[3].Span, 4), 0.5f, Integers(memory[0]), Integers(memory[1]), memory[2].Span));
    }

    [Fact]
    public void The_gradients_of_rows_are_of_their_own_memory()
    {
        using CosineSimilarity similarity = new();
        Range[] two =
        [
            new("queryGradient", 8, Written: true), new("referenceGradient", 12, Written: true), new("queries", 8), new("references", 12),
            new("similarityGradient", 6),
        ];
        Range[] self = [new("gradient", 12, Written: true), new("rows", 12), new("similarityGradient", 9)];

        AssertEveryPair(two,
            memory => similarity.MatrixBackward(new(memory[2].Span, 4), new(memory[3].Span, 4), memory[4].Span, memory[0].Span, memory[1].Span));
        AssertEveryPair(two,
            memory => similarity.InnerProductsBackward(new(memory[2].Span, 4), new(memory[3].Span, 4), memory[4].Span, memory[0].Span, memory[1].Span));
        AssertEveryPair(self, memory => similarity.MatrixBackward(new(memory[1].Span, 4), memory[2].Span, memory[0].Span));
        AssertEveryPair(self, memory => similarity.InnerProductsBackward(new(memory[1].Span, 4), memory[2].Span, memory[0].Span));
    }

    [Fact]
    public void Unit_rows_and_their_gradient_are_of_their_own_memory()
    {
        using CosineSimilarity similarity = new();

        AssertEveryPair([new("destination", 12, Written: true), new("rows", 12)], memory => similarity.UnitRows(new(memory[1].Span, 4), memory[0].Span));
        AssertEveryPair(
            [new("gradient", 12, Written: true), new("rows", 12), new("unitGradient", 12)],
            memory => similarity.UnitRowsBackward(new(memory[1].Span, 4), memory[2].Span, memory[0].Span));
    }

    private static void AssertEveryPair(Range[] ranges, Action<Memory<float>[]> call, Func<string, string, string>? names = null)
    {
        for (int first = 0; first < ranges.Length; first++)
        {
            for (int second = first + 1; second < ranges.Length; second++)
            {
                // The last number of one is the first of the other: for both of them to be at either end.
                foreach ((int before, int after) in ((int, int)[])[(first, second), (second, first)])
                {
                    Memory<float>[] memory = [.. ranges.Select(range => new float[range.Length].AsMemory())];
                    float[] shared = new float[ranges[before].Length + ranges[after].Length - 1];
                    memory[before] = shared.AsMemory(0, ranges[before].Length);
                    memory[after] = shared.AsMemory(ranges[before].Length - 1);
                    if (ranges[first].Written || ranges[second].Written)
                    {
                        string pair = names?.Invoke(ranges[first].Name, ranges[second].Name) ?? $"{ranges[first].Name} and {ranges[second].Name}";
                        Assert.Equal($"{pair} overlap: expected memory of their own.", Assert.Throws<ArgumentException>(() => call(memory)).Message);
                    }
                    else
                    {
                        call(memory);
                    }
                }
            }
        }
    }

    private static Span<int> Integers(Memory<float> memory) => MemoryMarshal.Cast<float, int>(memory.Span);

    private sealed record Range(string Name, int Length, bool Written = false);
}
