using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class SimilarityLossTests
{
    private static readonly CircleLossOptions Small = new() { Gamma = 16, Margin = 0.25 };

    [Fact]
    public void The_similarities_of_one_query_give_the_published_loss_and_gradients()
    {
        using SimilarityLoss detached = new(Small), attached = new(Small with { WeightGradient = WeightGradient.Attached });
        float[] ofPositives = new float[2], ofNegatives = new float[3];

        LossResult result = detached.OfQuery([0.8f, 0.3f], [0.5f, -0.1f, -0.4f], ofPositives, ofNegatives);

        Nearly.Equal(9.9096508216, result.Loss, Tolerances.PublishedLossInFloat * result.Loss, "loss");
        Nearly.Equal([-0.0053711, -15.1879056], Doubles(ofPositives), Tolerances.PublishedGradientInFloat * 15.19, "dL/dsp");
        Nearly.Equal([11.2009896, 0.0481499, 0], Doubles(ofNegatives), Tolerances.PublishedGradientInFloat * 15.19, "dL/dsn");

        attached.OfQuery([0.8f, 0.3f], [0.5f, -0.1f, -0.4f], ofPositives, ofNegatives);

        Nearly.Equal([-0.0047744, -22.3821767], Doubles(ofPositives), Tolerances.PublishedGradientInFloat * 22.38, "dL/dsp, weight attached");
        Nearly.Equal([14.9346529, -0.0641999, 0], Doubles(ofNegatives), Tolerances.PublishedGradientInFloat * 22.38, "dL/dsn, weight attached");
    }

    [Fact]
    public void One_query_takes_its_weight_and_its_upstream_gradient()
    {
        using SimilarityLoss loss = new(Small with { Reduction = LossReduction.Sum });
        float[] once = new float[2], scaled = new float[2];

        LossResult plain = loss.OfQuery([0.2f, 0.4f], [0.3f], once);
        LossResult weighted = loss.OfQuery([0.2f, 0.4f], [0.3f], scaled, terms: new QueryTerms { Weights = [2], Upstream = [4] });

        Assert.Equal(2 * plain.Loss, weighted.Loss);
        Assert.Equal(once.Select(g => 8 * g), scaled);
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(3, 0)]
    [InlineData(0, 0)]
    public void One_query_without_positives_or_without_negatives_has_no_loss_and_no_gradient(int positiveCount, int negativeCount)
    {
        using SimilarityLoss loss = new(Small);
        float[] positiveGradient = [.. Enumerable.Repeat(7f, positiveCount)], negativeGradient = [.. Enumerable.Repeat(7f, negativeCount)];

        LossResult result = loss.OfQuery(new float[positiveCount], new float[negativeCount], positiveGradient, negativeGradient);

        Assert.Equal((0, 0, 0), (result.Loss, result.ValidCount, result.NonzeroCount));
        Assert.All([.. positiveGradient, .. negativeGradient], g => Assert.Equal(0, g));
    }

    [Fact]
    public void Gradients_are_central_differences_of_the_loss()
    {
        CircleLossOptions options = Small with { WeightGradient = WeightGradient.Attached, Combination = LossCombination.Separate };
        float[] similarities = [0.3f, 0.7f, -0.2f, 0.1f, 0.9f, 0.4f, 0.55f, 0.05f];
        PairKind[] mask =
        [
            PairKind.Positive, PairKind.Negative, PairKind.Negative, PairKind.Ignored,
            PairKind.Negative, PairKind.Positive, PairKind.Positive, PairKind.Negative,
        ];
        float[] gradient = new float[8];
        using SimilarityLoss loss = new(options);
        loss.ForwardBackward(new SimilarityBatch(similarities, mask, 2), gradient);

        const double Step = 1e-4;
        double[] differences = [.. similarities.Select((_, i) => (8 * (At(i, 1) - At(i, -1)) - (At(i, 2) - At(i, -2))) / (12 * Step))];
        Nearly.Equal(differences, Doubles(gradient), Tolerances.PublishedGradientInFloat * Nearly.Largest(differences), "dL/ds");

        double At(int i, int steps) =>
            ReferenceLoss.FromSimilarities(options, [.. similarities.Select((s, j) => s + (i == j ? steps * Step : 0))], mask, 2).Loss;
    }

    [Fact]
    public void The_gradient_may_take_the_place_of_the_similarities()
    {
        PairProblem problem = PairProblem.Of(RandomProblems.Draw(3));
        float[] inPlace = [.. problem.Similarities];
        using SimilarityLoss loss = new(problem.Options);

        loss.ForwardBackward(new SimilarityBatch(inPlace, problem.Pairs, problem.QueryCount), inPlace, terms: problem.Terms);

        Assert.Equal(problem.SolveByMask().Gradient, inPlace);
        Assert.Contains(inPlace, g => g != 0);
    }

    [Fact]
    public void The_forward_pass_alone_gives_the_same_losses()
    {
        PairProblem problem = PairProblem.Of(RandomProblems.Draw(3));
        using SimilarityLoss loss = new(problem.Options);
        PairAnswer expected = problem.SolveByMask();
        float[] losses = new float[expected.Losses.Length];

        Assert.Equal(expected.Result, loss.Forward(new SimilarityBatch(problem.Similarities, problem.Pairs, problem.QueryCount), losses, problem.Terms));
        Assert.Equal(expected.Losses, losses);
    }

    [Fact]
    public void Labels_of_32_bits_are_those_of_64()
    {
        float[] similarities = [0.1f, 0.5f, 0.3f, 0.2f, 0.7f, 0.4f];
        using SimilarityLoss loss = new(Small);

        Assert.Equal(
            loss.Forward(new SimilarityBatch(similarities, [1L, 2L], [2L, 1L, 1L])),
            loss.Forward(new SimilarityBatch(similarities, [1, 2], [2, 1, 1])));
        Assert.Equal(
            loss.Forward(new SimilarityBatch(similarities.AsSpan(0, 4), [1L, 1L])),
            loss.Forward(new SimilarityBatch(similarities.AsSpan(0, 4), [1, 1])));
    }

    [Fact]
    public void Triplets_are_their_two_lists()
    {
        float[] similarities = [0.1f, 0.5f, 0.3f, 0.2f, 0.7f, 0.4f];
        using SimilarityLoss loss = new(Small);

        LossResult triplets = loss.Forward(new SimilarityBatch(similarities, new PairLists([0, 1, 0], [1, 2, 1], [0, 0, 2]), 2));

        Assert.Equal(triplets, loss.Forward(new SimilarityBatch(similarities, new PairLists([0, 1], [1, 2], [0, 1, 0], [0, 0, 2]), 2)));
        Assert.Equal((2, 2), (triplets.ValidCount, triplets.NonzeroCount));
    }

    [Fact]
    public void A_pair_listed_as_both_is_refused_by_name()
    {
        using SimilarityLoss loss = new(Small);
        float[] gradient = [7, 7, 7, 7, 7, 7];

        ArgumentException error = Assert.Throws<ArgumentException>(() =>
            loss.ForwardBackward(new SimilarityBatch(new float[6], new PairLists([0, 1], [1, 2], [1, 0], [2, 0]), 2), gradient));

        Assert.Contains("query 1 and reference 2 is listed as positive and as negative", error.Message, StringComparison.Ordinal);
        Assert.All(gradient, g => Assert.Equal(7, g));
    }

    [Fact]
    public void Indices_out_of_range_are_refused_by_name()
    {
        AssertRefused("Positives[1] is 3: expected a reference from 0 to 2", () =>
            new SimilarityBatch(new float[6], new PairLists([0, 1], [1, 3], [], []), 2).QueryCount);
        AssertRefused("NegativeQueries[0] is -1: expected a query from 0 to 1", () =>
            new SimilarityBatch(new float[6], new PairLists([], [], [-1], [0]), 2).QueryCount);
        AssertRefused("PositiveQueries[0] is 2", () => new SimilarityBatch(new float[6], new PairLists([2], [0], [], []), 2).QueryCount);
        AssertRefused("Negatives[1] is 4", () => new SimilarityBatch(new float[6], new PairLists([], [], [0, 0], [0, 4]), 2).QueryCount);
        AssertRefused("NegativeQueries[0] is 0: expected a query from 0 to -1", () => new SimilarityBatch([], new PairLists([], [], [0], [0]), 0).QueryCount);
        AssertRefused("positives has length 1: expected 2, one per positive query", () => new PairLists([0, 1], [1], [], []).Positives.Length);
        AssertRefused("negatives has length 1: expected 2, one per negative query", () => new PairLists([], [], [0, 1], [1]).Positives.Length);
    }

    [Fact]
    public void A_byte_that_is_no_kind_is_refused_by_name()
    {
        PairKind[] mask = [PairKind.Positive, PairKind.Negative, PairKind.Ignored, PairKind.Negative, PairKind.Negative, (PairKind)3];

        AssertRefused("query 1 and reference 2 is 3", () => new SimilarityBatch(new float[6], mask, 2).QueryCount);
    }

    [Fact]
    public void Shapes_that_do_not_match_are_refused()
    {
        AssertRefused("similarities holds 5 numbers: expected 6, 2 queries by 3 references", () =>
            new SimilarityBatch(new float[5], [1L, 2L], [1L, 2L, 3L]).QueryCount);
        AssertRefused("similarities holds 5 numbers: expected 4, 2 queries by 2 references", () => new SimilarityBatch(new float[5], [1L, 2L]).QueryCount);
        AssertRefused("similarities holds 5 numbers: expected a multiple of the 2 queries", () =>
            new SimilarityBatch(new float[5], new PairKind[5], 2).QueryCount);
        AssertRefused("mask has length 5: expected 6", () => new SimilarityBatch(new float[6], new PairKind[5], 2).QueryCount);
        using SimilarityLoss loss = new(Small);
        AssertRefused("destination has length 5", () => loss.ForwardBackward(new SimilarityBatch(new float[6], new PairKind[6], 2), new float[5]).QueryCount);
        AssertRefused("losses has length 3", () => loss.Forward(new SimilarityBatch(new float[6], new PairKind[6], 2), new float[3]).QueryCount);
        AssertRefused(
            "HardestPositives has length 1",
            () => loss.Forward(new SimilarityBatch(new float[6], new PairKind[6], 2),
                details: new SimilarityDetails { HardestPositives = new int[1] }).QueryCount);
        AssertRefused(
            "the pairs that take part are given",
            () => loss.Forward(new SimilarityBatch(new float[6], new PairKind[6], 2), terms: new QueryTerms { ExcludedReferences = [0, 0] }).QueryCount);
    }

    [Fact]
    public void Spans_that_overlap_are_refused()
    {
        using SimilarityLoss loss = new(Small);
        float[] memory = new float[16];
        PairKind[] mask = new PairKind[6];

        AssertRefused("overlap", () => loss.ForwardBackward(new SimilarityBatch(memory.AsSpan(0, 6), mask, 2), memory.AsSpan(1, 6)).QueryCount);
        AssertRefused("overlap", () => loss.Forward(new SimilarityBatch(memory.AsSpan(0, 6), mask, 2), memory.AsSpan(5, 2)).QueryCount);
        AssertRefused("overlap", () => loss.ForwardBackward(new SimilarityBatch(new float[6], mask, 2), memory.AsSpan(0, 6), memory.AsSpan(5, 2)).QueryCount);
        AssertRefused(
            "overlap",
            () => loss.Forward(new SimilarityBatch(new float[6], mask, 2),
                details: new SimilarityDetails { Weights = memory.AsSpan(0, 6), Logits = memory.AsSpan(3, 6) }).QueryCount);

        // What is given for each query is read while losses are written.
        AssertRefused("overlap", () => loss.Forward(Pairs(), memory.AsSpan(1, 2), new QueryTerms { Upstream = memory.AsSpan(0, 2) }).QueryCount);
        AssertRefused("overlap", () => loss.Forward(Pairs(), memory.AsSpan(1, 2), new QueryTerms { Weights = memory.AsSpan(0, 2) }).QueryCount);
        AssertRefused("overlap", () => loss.ForwardBackward(Pairs(), memory.AsSpan(0, 6), terms: new QueryTerms { Weights = memory.AsSpan(5, 2) }).QueryCount);
        AssertRefused("overlap",
            () => loss.Forward(Pairs(), memory.AsSpan(0, 2), details: new SimilarityDetails { PositiveLogSumExp = memory.AsSpan(1, 2) }).QueryCount);
        AssertRefused(
            "overlap",
            () => loss.Forward(Pairs(), details: new SimilarityDetails { Weights = memory.AsSpan(0, 6), NegativeLogSumExp = memory.AsSpan(5, 2) }).QueryCount);
        int[] counts = new int[3];
        AssertRefused(
            "overlap",
            () => loss.Forward(Pairs(), details: new SimilarityDetails { PositiveCounts = counts.AsSpan(0, 2), HardestNegatives = counts.AsSpan(1, 2) })
                .QueryCount);

        SimilarityBatch Pairs() => new(new float[6], mask, 2);
    }

    [Fact]
    public void A_loss_that_is_used_after_it_was_disposed_is_an_error()
    {
        SimilarityLoss loss = new(Small);
        loss.Dispose();

        Assert.Throws<ObjectDisposedException>(() => loss.Forward(new SimilarityBatch(new float[4], [1L, 2L])));
        Assert.Throws<ObjectDisposedException>(() => loss.OfQuery([0.5f], [0.1f]));
        Assert.Equal(0, loss.WorkspaceBytes);
    }

    [Fact]
    public void NaN_names_its_row_or_where_it_is_not_looked_for_stays_in_it()
    {
        float[] similarities = [0.1f, 0.5f, 0.3f, 0.2f, float.NaN, 0.4f];
        using SimilarityLoss checks = new(Small);
        AssertRefused("similarities: row 1 holds NaN", () => checks.Forward(new SimilarityBatch(similarities, [1L, 2L], [1L, 2L, 3L])).QueryCount);

        // As a positive's similarity, and as a negative's.
        foreach (long label in (long[])[2, 3])
        {
            float[] losses = new float[2], gradient = new float[6];
            using SimilarityLoss trusts = new(Small with { CheckInputs = false, Reduction = LossReduction.Sum });

            trusts.ForwardBackward(new SimilarityBatch(similarities, [1L, label], [1L, 2L, 3L]), gradient, losses);

            Assert.InRange(losses[0], 1, 100);
            Assert.Equal(float.NaN, losses[1]);
            Assert.All(gradient[..3], g => Assert.True(float.IsFinite(g)));
            Assert.All(gradient[3..], g => Assert.Equal(float.NaN, g));
        }
    }

    // Pairs from the hardest one down to nothing: each gradient is as precise as the first, down to the smallest normal number, and none is subnormal.
    [Theory]
    [InlineData(WeightGradient.Detached)]
    [InlineData(WeightGradient.Attached)]
    public void Gradients_reach_down_to_the_smallest_normal_number_and_no_further(WeightGradient convention)
    {
        const int Count = 2_000;
        CircleLossOptions options = CircleLossOptions.Paper with { Gamma = 256, WeightGradient = convention };
        float[] similarities = [.. Enumerable.Range(0, 2 * Count).Select(i => ((i % Count) - (Count / 2)) / (Count / 2f))], gradient = new float[2 * Count];
        PairKind[] mask = [.. Enumerable.Range(0, 2 * Count).Select(i => i < Count ? PairKind.Positive : PairKind.Negative)];
        double[] expected = ReferenceLoss.FromSimilarities(options, [.. similarities.Select(s => (double)s)], mask, 1).SimilarityGradient;
        using SimilarityLoss loss = new(options);

        loss.ForwardBackward(new SimilarityBatch(similarities, mask, 1), gradient);

        // A share p 2^n counts down to n = -126; m and the slope lie within gamma times 3 on either side of 1, so that where the gradient ends lies there, too.
        const double Smallest = 1.17549435e-38, Around = 256 * 3;
        double relative = 2 * Tolerances.LogitOfSimilarity(options, 1) + Tolerances.FewFloatRoundings;
        Assert.InRange(relative, 0, 0.01);
        Assert.All(gradient, x => Assert.True(x == 0 || float.IsNormal(x), $"{x:R} is subnormal"));
        for (int i = 0; i < gradient.Length; i++)
        {
            double size = Math.Abs(expected[i]);
            if (size > Smallest * Around)
            {
                Nearly.Equal([expected[i]], [(double)gradient[i]], relative * size, $"dL/ds of {similarities[i]}");
            }
            else if (size < Smallest * (1 - relative))
            {
                Assert.Equal(0, gradient[i]);
            }
        }

        Assert.Contains(expected, x => Math.Abs(x) is > Smallest * Around and < 1e-34);
        Assert.Contains(expected, x => Math.Abs(x) is > 0 and < Smallest / 2);
    }

    [Fact]
    public void Losses_stay_finite_at_every_gamma_and_similarity()
    {
        float[] similarities = [1, -1, 0.3f, 1e20f, -1e20f, 3e38f, -3e38f, 0.5f];
        PairKind[] mask = [.. Enumerable.Range(0, 8).Select(i => i % 3 == 0 ? PairKind.Positive : PairKind.Negative)];
        foreach (double gamma in (double[])[1e-3, 80, 1024, 1e4, 1e8])
        {
            using SimilarityLoss loss = new(Small with { Gamma = gamma });
            float[] gradient = new float[8], losses = new float[2];

            loss.ForwardBackward(new SimilarityBatch(similarities, mask, 2), gradient, losses);

            Assert.All([.. losses, .. gradient], x => Assert.True(float.IsFinite(x), $"gamma {gamma}: {x}"));
        }
    }

    [Fact]
    public void Nothing_is_allocated_once_the_workspace_has_grown()
    {
        PairProblem problem = PairProblem.Of(RandomProblems.Draw(3));
        using SimilarityLoss loss = new(problem.Options);
        float[] gradient = new float[problem.Similarities.Length], positives = new float[20], negatives = new float[200];
        Call();
        long workspace = loss.WorkspaceBytes, before = GC.GetAllocatedBytesForCurrentThread();

        Call();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(workspace, loss.WorkspaceBytes);

        void Call()
        {
            loss.ForwardBackward(new SimilarityBatch(problem.Similarities, problem.Pairs, problem.QueryCount), gradient);
            loss.OfQuery(positives, negatives, positives);
        }
    }

    [Fact]
    public void Memory_grows_with_rows_and_columns_and_not_with_their_product()
    {
        using SimilarityLoss loss = new(Small);
        const int Count = 1500;
        long[] labels = [.. Enumerable.Range(0, Count).Select(i => (long)i / 4)];
        float[] similarities = [.. Enumerable.Range(0, Count * Count).Select(i => MathF.Sin(i))];

        LossResult result = loss.ForwardBackward(new SimilarityBatch(similarities, labels), similarities);

        Assert.Equal(Count, result.ValidCount);
        Assert.InRange(loss.WorkspaceBytes, 1, 64 * Count);
    }

    private static void AssertRefused(string message, Func<int> call) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => call()).Message, StringComparison.Ordinal);

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
}
