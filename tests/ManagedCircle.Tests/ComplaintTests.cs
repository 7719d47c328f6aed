using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>What users of other implementations ran into, each with the thread that tells of it.</summary>
public sealed class ComplaintTests
{
    private static readonly float[] FourRows = [1, 0, 0, 0.6f, 0.8f, 0, 0, 0.6f, 0.8f, 0, 0, 1];

    private static readonly long[] Labels = [0, 0, 1, 1];

    /// <summary>KevinMusgrave/pytorch-metric-learning #173: the loss is 0 or NaN at gamma 256.</summary>
    [Fact]
    public void The_loss_is_neither_0_nor_NaN_at_gamma_256()
    {
        float[][] answer = LargeBatch.Draw(173, 64, 128, classes: 8).Solve(CircleLossOptions.Paper with { Gamma = 256, Margin = 0.25 });

        Assert.All(answer[0], loss => Assert.InRange(loss, 1, 2_000));
        Assert.All(answer[1], x => Assert.True(float.IsFinite(x)));
        Assert.Contains(answer[1], x => x != 0);
    }

    /// <summary>qianjinhao/circle-loss #2 and #3, deepinsight/insightface #1266: e^logit overflows float, and the loss is infinite.</summary>
    [Theory]
    [InlineData(256)]
    [InlineData(1024)]
    [InlineData(1e6)]
    public void Logits_far_beyond_the_range_of_an_exponential_have_finite_losses(double gamma)
    {
        // The hardest there is: positives opposite, negatives equal.
        float[] rows = [1, 0, -1, 0, 1, 0, -1, 0], gradient = new float[8], losses = new float[4];
        using CircleLoss loss = new(CircleLossOptions.Paper with { Gamma = gamma, Margin = 0.25 });

        loss.ForwardBackward(new(rows, Labels), gradient, losses);

        double expected = gamma * ((1.25 + 1) * (1 + 0.75) + 1.25 * 0.75);
        Assert.All(losses, x => Assert.Equal(expected, x, Tolerances.PublishedLossInFloat * expected));
        Assert.All(gradient, x => Assert.True(float.IsFinite(x)));
    }

    /// <summary>layumi/Person_reID_baseline_pytorch #333, qinzheng93/GeoTransformer #54: NaN in batches without a positive.</summary>
    [Fact]
    public void A_query_without_a_positive_beside_others_has_no_loss_and_spoils_none()
    {
        float[] losses = new float[4], gradient = new float[12];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        LossResult result = loss.ForwardBackward(new(FourRows, [0L, 0, 1, 2]), gradient, losses);

        Assert.Equal([true, true, false, false], losses.Select(x => x > 0));
        Assert.Equal((2, (losses[0] + (double)losses[1]) / 2), (result.ValidCount, result.Loss));
        Assert.All(gradient, x => Assert.True(float.IsFinite(x)));
    }

    /// <summary>TinyZeaMays/CircleLoss #7 and #14: is the loss of each sample, or of the whole batch?</summary>
    [Fact]
    public void The_loss_of_each_query_and_the_loss_of_the_whole_batch_are_a_choice()
    {
        float[] each = new float[4], whole = new float[1];
        using CircleLoss perQuery = new(CircleLossOptions.Paper), perBatch = new(CircleLossOptions.Paper with { Scope = LossScope.Batch });

        LossResult ofQueries = perQuery.Forward(new(FourRows, Labels), each), ofBatch = perBatch.Forward(new(FourRows, Labels), whole);

        Assert.Equal(each.Average(x => (double)x), ofQueries.Loss, Tolerances.FewRoundings * ofQueries.Loss);
        Assert.Equal(whole[0], ofBatch.Loss);
        Assert.True(ofBatch.Loss > each.Max(), "the hardest positive meets the hardest negative of all");
    }

    /// <summary>TinyZeaMays/CircleLoss #12 and #28: is alpha detached?</summary>
    [Theory]
    [InlineData(WeightGradient.Detached, -115.2, 268.8)]
    [InlineData(WeightGradient.Attached, -102.4, 409.6)]
    public void Whether_the_weight_carries_gradient_is_a_choice(WeightGradient choice, double positive, double negative)
    {
        CircleLossOptions options = CircleLossOptions.Paper with { Gamma = 256, Margin = 0.25, WeightGradient = choice };

        LossAnswer answer = LossProblem.OfSimilarities(options, [0.8, 0.8], [1], [1, 2]).SolveInFloat();

        Assert.Equal(142.08, answer.Result.Loss, Tolerances.PublishedLossInFloat * 142.08);
        Nearly.Equal([positive, negative], answer.QueryGradient, Tolerances.PublishedGradientInFloat * negative, "dL/ds");
    }

    /// <summary>
    /// KevinMusgrave/pytorch-metric-learning #203, #329, #421, #547, #586, UKPLab/sentence-transformers #3134: memory grows with the square of the batch.
    /// </summary>
    [Fact]
    public void Memory_grows_with_the_rows_not_with_their_pairs()
    {
        long few = Needed(1_000), many = Needed(8_000);

        Assert.InRange(many, few, 8 * few);
        Assert.True(many < 8_000L * 8_000 * sizeof(float) / 20, $"{many} bytes");

        static long Needed(int count)
        {
            LargeBatch batch = LargeBatch.Draw(203, count, 16, classes: 100);
            using CircleLoss loss = new(CircleLossOptions.Paper, new() { MaxKeptSimilarityBytes = 0 });
            loss.ForwardBackward(batch.Batch, new float[batch.Rows.Length]);
            return loss.WorkspaceBytes;
        }
    }

    /// <summary>KevinMusgrave/pytorch-metric-learning #24, #138, #472: a batch's own copies in a memory count as positives.</summary>
    [Fact]
    public void A_querys_own_copy_among_the_references_can_be_left_out()
    {
        LargeBatch batch = LargeBatch.Draw(24, 40, 16, classes: 5), older = LargeBatch.Draw(25, 60, 16, classes: 5);
        float[] expected = new float[40], losses = new float[40];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        // The copies come last, from 60 on. Without their own copy, queries see what a memory without it holds.
        loss.Forward(batch.Batch, older.With(batch).Batch, losses, new() { ExcludedReferences = (int[])[.. Enumerable.Range(60, 40)] });
        for (int q = 0; q < 40; q++)
        {
            loss.Forward(batch.Part(q, 1).Batch, older.With(batch.Part(0, q)).With(batch.Part(q + 1, 39 - q)).Batch, expected.AsSpan(q, 1));
        }

        Assert.All(expected, (x, q) => Assert.Equal(x, losses[q], Tolerances.PublishedLossInFloat * Math.Max(1, x)));
    }

    /// <summary>KevinMusgrave/pytorch-metric-learning #23, #412, #553: how losses become one number.</summary>
    [Fact]
    public void Every_reduction_is_made_of_the_same_losses()
    {
        float[] losses = new float[4], gradient = new float[12];
        long[] labels = [0, 0, 1, 2];
        double none = Reduce(LossReduction.None), sum = Reduce(LossReduction.Sum);
        float[] ofSum = [.. gradient];
        double valid = Reduce(LossReduction.Mean);

        double total = losses.Sum(x => (double)x);
        Assert.Equal((double.NaN, total, total / 2), (none, sum, valid));
        Assert.Equal(ofSum.Select(x => x / 2), gradient);
        Assert.Equal(total / 4, Reduce(LossReduction.Mean, MeanDenominator.All));
        Assert.Equal(total / 2, Reduce(LossReduction.Mean, MeanDenominator.Nonzero));

        double Reduce(LossReduction reduction, MeanDenominator denominator = MeanDenominator.Valid)
        {
            using CircleLoss loss = new(CircleLossOptions.Paper with { Reduction = reduction, Denominator = denominator });
            return loss.ForwardBackward(new(FourRows, labels), gradient, losses).Loss;
        }
    }
}
