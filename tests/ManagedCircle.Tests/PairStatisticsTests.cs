using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class PairStatisticsTests
{
    [Property(MaxTest = 200, Arbitrary = [typeof(RandomProblems)])]
    public void Of_rows_they_are_those_of_the_references_pairs(LossProblem problem)
    {
        float[] rows = [.. problem.Rows.Select(x => (float)x)], references = [.. (problem.References ?? []).Select(x => (float)x)];
        EmbeddingBatch queries = new(rows, problem.Labels, problem.Dimension);

        PairStatistics statistics = problem.References is null
            ? PairStatistics.Of(problem.Options, queries)
            : PairStatistics.Of(problem.Options, queries, new EmbeddingBatch(references, problem.ReferenceLabels, problem.Dimension),
                problem.Terms.ExcludedReferences);

        AssertStatistics(problem.Options, problem.SolveInDouble(), statistics, problem.Name);
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(RandomProblems)])]
    public void Of_similarities_they_are_those_of_the_references_pairs(LossProblem source)
    {
        PairProblem problem = PairProblem.Of(source);

        AssertStatistics(
            source.Options with { IgnoreLabel = null },
            problem.SolveInDouble(),
            PairStatistics.Of(source.Options, new SimilarityBatch(problem.Similarities, problem.Pairs, problem.QueryCount)),
            source.Name);
    }

    [Fact]
    public void Lists_labels_and_masks_of_the_same_pairs_have_the_same_statistics()
    {
        float[] similarities = [0.9f, 0.1f, -0.5f, 0.2f, 0.95f, 0.3f];
        CircleLossOptions options = new() { Margin = 0.25 };

        PairStatistics statistics = PairStatistics.Of(options, new SimilarityBatch(similarities, [1L, 2L], [1L, 2L, 2L]));

        Assert.Equal((2, 2, 3, 3), (statistics.QueryCount, statistics.ValidCount, statistics.Positives.Count, statistics.Negatives.Count));
        Nearly.Equal((0.9 + 0.95 + 0.3) / 3, statistics.Positives.MeanSimilarity, Tolerances.FewFloatRoundings, "mean s_p");
        Nearly.Equal((0.1 - 0.5 + 0.2) / 3, statistics.Negatives.MeanSimilarity, Tolerances.FewFloatRoundings, "mean s_n");
        Nearly.Equal((0.35 + 0.3 + 0.95) / 3, statistics.Positives.MeanWeight, Tolerances.FewFloatRoundings, "mean weight of positives");
        Nearly.Equal((0.35 + 0.45) / 3, statistics.Negatives.MeanWeight, Tolerances.FewFloatRoundings, "mean weight of negatives");
        Assert.Equal((0, 1 / 3.0, 1 / 6.0), (statistics.Positives.ZeroWeightShare, statistics.Negatives.ZeroWeightShare, statistics.ZeroWeightShare));
        PairKind[] mask = [PairKind.Positive, PairKind.Negative, PairKind.Negative, PairKind.Negative, PairKind.Positive, PairKind.Positive];
        Assert.Equal(statistics, PairStatistics.Of(options, new SimilarityBatch(similarities, mask, 2)));
        Assert.Equal(statistics, PairStatistics.Of(options,
            new SimilarityBatch(similarities, new PairLists([0, 1, 1, 1], [0, 1, 2, 1], [0, 0, 1], [1, 2, 0]), 2)));
    }

    [Fact]
    public void Threads_do_not_change_them()
    {
        LargeBatch batch = LargeBatch.Draw(1, 300, 40, classes: 7), references = LargeBatch.Draw(2, 500, 40, classes: 7);
        foreach (SimdWidth width in ExecutionOptions.AvailableSimdWidths)
        {
            ExecutionOptions one = new() { SimdWidth = width }, three = one with { Threads = 3 };

            Assert.Equal(PairStatistics.Of(CircleLossOptions.Paper, batch.Batch, one), PairStatistics.Of(CircleLossOptions.Paper, batch.Batch, three));
            Assert.Equal(
                PairStatistics.Of(CircleLossOptions.Paper, batch.Batch, references.Batch, execution: one),
                PairStatistics.Of(CircleLossOptions.Paper, batch.Batch, references.Batch, execution: three));
        }

        Assert.Throws<ArgumentException>(() => PairStatistics.Of(CircleLossOptions.Paper, batch.Batch, new ExecutionOptions { Threads = 0 }));
    }

    [Fact]
    public void Without_pairs_there_are_no_means()
    {
        PairStatistics statistics = PairStatistics.Of(CircleLossOptions.Paper, new EmbeddingBatch([1f, 2f], [1L]));

        Assert.Equal((1, 0, 0L, 0L), (statistics.QueryCount, statistics.ValidCount, statistics.Positives.Count, statistics.Negatives.Count));
        Assert.True(double.IsNaN(statistics.Positives.MeanSimilarity) && double.IsNaN(statistics.ZeroWeightShare));
        Assert.Equal(0, PairStatistics.Of(CircleLossOptions.Paper, new EmbeddingBatch([], Array.Empty<long>())).QueryCount);
    }

    [Fact]
    public void Bad_input_is_refused_as_the_loss_does()
    {
        float[] rows = [1, 2, 3, float.NaN];
        Assert.Contains("rows: row 1 holds", Refused(() => PairStatistics.Of(CircleLossOptions.Paper, new EmbeddingBatch(rows, [1L, 1L]))),
            StringComparison.Ordinal);
        Assert.Contains(
            "references: row 1 holds", Refused(() =>
                PairStatistics.Of(CircleLossOptions.Paper, new EmbeddingBatch(new float[2], [1L]), new EmbeddingBatch(rows, [1L, 1L]))),
                StringComparison.Ordinal);
        Assert.Contains("similarities: row 1 holds", Refused(() => PairStatistics.Of(CircleLossOptions.Paper, new SimilarityBatch(rows, [1L, 1L]))),
            StringComparison.Ordinal);
        Assert.Contains("Gamma is 0", Refused(() => PairStatistics.Of(new CircleLossOptions { Gamma = 0 }, new EmbeddingBatch([1f], [1L]))),
            StringComparison.Ordinal);
        Assert.Contains(
            "ExcludedReferences[0] is 7",
            Refused(() => PairStatistics.Of(CircleLossOptions.Paper, new EmbeddingBatch([1f], [1L]), new EmbeddingBatch([1f], [1L]), [7])),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_of_the_ignored_label_may_hold_anything()
    {
        CircleLossOptions options = CircleLossOptions.Paper with { IgnoreLabel = 9 };
        float[] rows = [1, 2, 2, 1, 5, 6, 3, 1], bad = [.. rows];
        bad[4] = float.NaN;
        long[] labels = [1, 1, 9, 2];

        PairStatistics expected = PairStatistics.Of(options, new EmbeddingBatch(rows, labels));
        Assert.Equal(3, expected.QueryCount);
        Assert.Equal(expected, PairStatistics.Of(options, new EmbeddingBatch(bad, labels)));
        Assert.Equal(
            PairStatistics.Of(options, new EmbeddingBatch(rows, labels), new EmbeddingBatch(rows, labels)),
            PairStatistics.Of(options, new EmbeddingBatch(bad, labels), new EmbeddingBatch(bad, labels)));
    }

    private static string Refused(Func<PairStatistics> call) => Assert.Throws<ArgumentException>(() => call()).Message;

    private static void AssertStatistics(CircleLossOptions options, ReferenceResult expected, PairStatistics actual, string name)
    {
        // A batch against itself for one loss has each unordered pair once in the reference too.
        Assert.Equal(expected.ValidCount, actual.ValidCount);
        Assert.True(options.IgnoreLabel is not null || expected.QueryCount == actual.QueryCount, name);
        double[] weights = expected.PairWeights();
        Summary(PairKind.Positive, actual.Positives);
        Summary(PairKind.Negative, actual.Negatives);

        void Summary(PairKind kind, PairSummary summary)
        {
            int[] pairs = [.. Enumerable.Range(0, weights.Length).Where(pair => expected.Pairs[pair] == kind)];
            Assert.Equal(pairs.Length, summary.Count);
            if (pairs.Length == 0)
            {
                return;
            }

            double tolerance = Tolerances.FewFloatRoundings * Math.Max(1, Nearly.Largest(expected.Similarities));
            Nearly.Equal(pairs.Average(pair => expected.Similarities[pair]), summary.MeanSimilarity, tolerance, $"{name}: mean similarity");
            Nearly.Equal(pairs.Average(pair => weights[pair]), summary.MeanWeight, tolerance, $"{name}: mean weight");

            // Where a similarity is its optimum but for rounding, the weight is 0 or nearly so.
            double optimum = kind == PairKind.Positive ? options.PositiveOptimum : options.NegativeOptimum;
            int zeros = pairs.Count(pair => weights[pair] == 0), unsure = pairs.Count(pair => Math.Abs(expected.Similarities[pair] - optimum) < tolerance);
            Assert.InRange(summary.ZeroWeightShare * pairs.Length, zeros - unsure - Tolerances.FewFloatRoundings,
                zeros + unsure + Tolerances.FewFloatRoundings);
        }
    }
}
