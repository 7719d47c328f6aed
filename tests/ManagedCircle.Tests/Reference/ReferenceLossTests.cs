using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class ReferenceLossTests
{
    private static readonly CircleLossOptions Paper = CircleLossOptions.Paper;
    private static readonly long[] Labels = [1, 1, 2, 2, 3];
    private static readonly double[] Rows = [.7, -.4, .1, .6, .2, .7, -.5, .4, -.3, .3, -.7, .6, .3, -.8, .5, -.2, .5, -.3, .2, .8];

    public static TheoryData<string> Choices =>
    [
        .. from reduction in Enum.GetValues<LossReduction>()
           from denominator in Enum.GetValues<MeanDenominator>()
           from combination in Enum.GetValues<LossCombination>()
           from scope in Enum.GetValues<LossScope>()
           select $"{reduction} {denominator} {combination} {scope}",
    ];

    [Theory]
    [MemberData(nameof(Choices))]
    public void A_batch_without_a_valid_query_has_loss_0_and_no_gradient(string choices)
    {
        CircleLossOptions options = Choose(choices);
        foreach (long[] labels in new long[][] { [], [1], [1, 1, 1], [1, 2, 3] })
        {
            ReferenceResult result = ReferenceLoss.SelfBatch(options, Rows.AsSpan(0, 4 * labels.Length), labels);

            Assert.Equal(options.Reduction == LossReduction.None && options.Scope == LossScope.PerQuery ? double.NaN : 0, result.Loss);
            Assert.All(result.Losses, loss => Assert.Equal(0, loss));
            Assert.Equal(new double[4 * labels.Length], result.QueryGradient);
            Assert.Equal((labels.Length, 0, 0), (result.QueryCount, result.ValidCount, result.NonzeroCount));
        }
    }

    [Fact]
    public void Queries_without_references_and_references_without_queries_have_no_loss()
    {
        ReferenceResult alone = ReferenceLoss.AgainstReferences(Paper, Rows, Labels, [], []);
        Assert.Equal((0, 5, 0), (alone.Loss, alone.QueryCount, alone.ReferenceCount));
        Assert.Equal(new double[20], alone.QueryGradient);

        ReferenceResult none = ReferenceLoss.AgainstReferences(Paper, [], [], Rows, Labels);
        Assert.Equal((0, 0, 5), (none.Loss, none.QueryCount, none.ReferenceCount));
        Assert.Equal(new double[20], none.ReferenceGradient);

        Assert.Equal(0, ReferenceLoss.FromSimilarities(Paper, [], [], queryCount: 3).Loss);
    }

    [Fact]
    public void A_query_without_positives_or_without_negatives_has_no_loss_among_others_that_have()
    {
        // Complaints: layumi/Person_reID_baseline_pytorch #333, GeoTransformer #54 (NaN on batches without positives).
        ReferenceResult result = ReferenceLoss.SelfBatch(Paper, Rows, Labels);

        Assert.Equal((5, 4, 4), (result.QueryCount, result.ValidCount, result.NonzeroCount));
        Assert.Equal(0, result.Losses[4]);
        Assert.All(result.Losses[..4], loss => Assert.True(loss > 0));
        Assert.Equal(new double[5], result.SimilarityGradient[20..]);
        Assert.Equal(double.NegativeInfinity, result.PositiveLogSumExp[4]);
    }

    [Theory]
    [InlineData(256)]
    [InlineData(1024)]
    [InlineData(1e6)]
    public void No_gamma_overflows(double gamma)
    {
        // Complaints: pytorch-metric-learning #173 (0 or NaN at gamma 256), qianjinhao/circle-loss #2 and #3, insightface #1266 (inf from an unprotected exp).
        double[] rows = [1, 0, -1, 0, 1, 0, -1, 0, 0, 1, .6, .8];
        foreach (CircleLossOptions options in new[] { Paper, CircleLossOptions.Keras, CircleLossOptions.TensorFlowSimilarity, CircleLossOptions.PaperGlobal })
        {
            ReferenceResult result = ReferenceLoss.SelfBatch(options with { Gamma = gamma }, rows, [1, 1, 2, 2, 3, 3]);

            Assert.All(result.Losses, loss => Assert.True(double.IsFinite(loss)));
            Assert.InRange(result.Loss, gamma, 10 * gamma);
            Assert.All(result.QueryGradient, g => Assert.True(double.IsFinite(g)));
        }
    }

    [Fact]
    public void A_pair_of_weight_0_still_counts_one()
    {
        CircleLossOptions options = new() { Gamma = 2, Margin = 0, PositiveOptimum = 0.5, NegativeOptimum = 0.5 };

        // Positives at and beyond their optimum, negatives at and below theirs: every logit is 0.
        ReferenceResult result = ReferenceLoss.FromSimilarities(options, [0.5, 0.75, 0.5, 0.25, -1], [1], [1, 1, 2, 2, 2]);

        Nearly.Equal(Math.Log(1 + 2 * 3), result.Loss, Tolerances.FewRoundings, "loss");
        Assert.Equal(new double[5], result.SimilarityGradient);
        Assert.Equal((Math.Log(2), Math.Log(3)), (result.PositiveLogSumExp[0], result.NegativeLogSumExp[0]));
    }

    [Fact]
    public void A_zero_row_has_similarity_0_to_everything_and_no_gradient()
    {
        double[] rows = [.. Rows];
        rows.AsSpan(4, 4).Clear();

        ReferenceResult result = ReferenceLoss.SelfBatch(Paper, rows, Labels);

        Assert.Equal(new double[5], result.Similarities[5..10]);
        Assert.Equal(new double[4], result.QueryGradient[4..8]);
        Assert.True(result.Losses[1] > 0);
        Assert.All(result.QueryGradient[..4], g => Assert.NotEqual(0, g));
    }

    [Fact]
    public void A_row_below_the_norm_floor_is_held_as_if_divided_by_it()
    {
        double[] rows = [.. Rows];
        for (int d = 4; d < 8; d++)
        {
            rows[d] *= 1e-14;
        }

        ReferenceResult result = ReferenceLoss.SelfBatch(Paper, rows, Labels);

        double[] units = ReferenceSimilarity.UnitRows(rows, 4), expected = new double[4];
        for (int j = 0; j < 5; j++)
        {
            for (int d = 0; d < 4; d++)
            {
                expected[d] += (result.SimilarityGradient[5 + j] + result.SimilarityGradient[5 * j + 1]) * units[4 * j + d] / 1e-12;
            }
        }

        Nearly.Equal(expected, result.QueryGradient[4..8], Tolerances.FewRoundings * Nearly.Largest(expected), "gradient");
    }

    [Fact]
    public void Equal_rows_have_a_loss_and_no_gradient_but_for_rounding()
    {
        ReferenceResult result = ReferenceLoss.SelfBatch(Paper, [.. Enumerable.Repeat(Rows[..4], 5).SelectMany(row => row)], Labels);

        Assert.True(result.Loss > 50);
        Assert.True(Nearly.Largest(result.SimilarityGradient) > 1);
        Nearly.Equal(new double[20], result.QueryGradient, Tolerances.LogitInDouble(80), "gradient");
    }

    [Fact]
    public void Labels_are_told_apart_in_all_64_bits()
    {
        // Keras casts labels to int32 or to the compute type, where 2^32 and 0, or 2^24 and 2^24 + 1, are one class.
        (long, long)[] neighbours = [(0L, 1L << 32), (1L << 24, (1L << 24) + 1), (256, 257), (1L << 53, (1L << 53) + 1), (long.MinValue, long.MaxValue)];
        foreach ((long first, long second) in neighbours)
        {
            ReferenceResult result = ReferenceLoss.SelfBatch(Paper, Rows, [first, first, second, second, second]);

            Assert.Equal([1, 1, 2, 2, 2], result.PositiveCounts);
            Assert.Equal([3, 3, 2, 2, 2], result.NegativeCounts);
        }
    }

    [Fact]
    public void Rows_of_the_ignored_label_might_as_well_not_be_there()
    {
        foreach (MeanDenominator denominator in Enum.GetValues<MeanDenominator>())
        {
            foreach (LossScope scope in Enum.GetValues<LossScope>())
            {
                CircleLossOptions options = Paper with { Denominator = denominator, Scope = scope };
                ReferenceTerms terms = new() { Weights = scope == LossScope.Batch ? [] : [1, 5, 2, 3, 7, 4] };
                ReferenceTerms fewer = new() { Weights = scope == LossScope.Batch ? [] : [1, 2, 3, 4] };
                double[] rows = [.. Rows, .4, .3, .2, .1], without = [.. Rows[..4], .. Rows[8..16], .4, .3, .2, .1];

                ReferenceResult expected = ReferenceLoss.SelfBatch(options, without, [1, 2, 2, 1], fewer);
                ReferenceResult result = ReferenceLoss.SelfBatch(options with { IgnoreLabel = -1 }, rows, [1, -1, 2, 2, -1, 1], terms);

                Assert.True(expected.Loss > 0);
                Assert.Equal(expected.Loss, result.Loss);
                Assert.Equal((4, 4), (result.QueryCount, result.ReferenceCount));
                Assert.Equal((expected.ValidCount, expected.NonzeroCount), (result.ValidCount, result.NonzeroCount));
                Assert.Equal(expected.QueryGradient, result.QueryGradient.Where((_, i) => i / 4 is not (1 or 4)));
                Assert.All(result.QueryGradient.Where((_, i) => i / 4 is 1 or 4), g => Assert.Equal(0, g));
            }
        }
    }

    [Theory]
    [InlineData(MeanDenominator.All, 6)]
    [InlineData(MeanDenominator.Valid, 4)]
    [InlineData(MeanDenominator.Nonzero, 3)]
    [InlineData(MeanDenominator.Weights, 21)]
    [InlineData(MeanDenominator.NonzeroWeights, 6)]
    public void A_mean_divides_by_what_the_denominator_names(MeanDenominator denominator, double divisor)
    {
        // Complaints: pytorch-metric-learning #23, #412, #553 (what a mean is taken over). Query 3 is valid, but so easy that its loss is 0 in double.
        CircleLossOptions options = Paper with { Gamma = 10_000, Denominator = denominator };
        double[] similarities = [.1, .2, .3, .4, .5, .6, 1, -1, .2, .1, .3, .4];
        long[] labels = [1, 1, 1, 1, 3, 3];
        ReferenceTerms terms = new() { Weights = [1, 2, 3, 4, 5, 6] };

        ReferenceResult sum = ReferenceLoss.FromSimilarities(options with { Reduction = LossReduction.Sum }, similarities, labels, [1, 2], terms);
        ReferenceResult mean = ReferenceLoss.FromSimilarities(options, similarities, labels, [1, 2], terms);

        Assert.Equal((6, 4, 3), (mean.QueryCount, mean.ValidCount, mean.NonzeroCount));
        Nearly.Equal(sum.Losses[0] + 2 * sum.Losses[1] + 3 * sum.Losses[2], sum.Loss, Tolerances.FewRoundings * sum.Loss, "sum");
        Nearly.Equal(sum.Loss / divisor, mean.Loss, Tolerances.FewRoundings * mean.Loss, "mean");
        double[] expected = [.. sum.SimilarityGradient.Select(g => g / divisor)];
        Nearly.Equal(expected, mean.SimilarityGradient, Tolerances.FewRoundings * Nearly.Largest(expected), "gradient");
    }

    [Fact]
    public void A_denominator_of_0_gives_loss_0_and_gradient_0()
    {
        foreach (MeanDenominator denominator in new[] { MeanDenominator.Weights, MeanDenominator.NonzeroWeights })
        {
            ReferenceResult result = ReferenceLoss.SelfBatch(Paper with { Denominator = denominator }, Rows, Labels, new() { Weights = [1, -1, 0, 0, 0] });

            Assert.Equal(0, result.Loss);
            Assert.Equal(new double[20], result.QueryGradient);
            Assert.True(result.Losses[0] > 0);
        }
    }

    [Fact]
    public void Without_a_reduction_the_losses_are_the_answer_and_the_gradient_is_that_of_their_sum()
    {
        ReferenceTerms terms = new() { Weights = [1, 2, 3, 4, 5], Upstream = [1, -1, .5, 2, 3] };

        ReferenceResult none = ReferenceLoss.SelfBatch(Paper with { Reduction = LossReduction.None }, Rows, Labels, terms);
        ReferenceResult sum = ReferenceLoss.SelfBatch(Paper with { Reduction = LossReduction.Sum }, Rows, Labels, terms);

        Assert.Equal(double.NaN, none.Loss);
        Assert.Equal(sum.Losses, none.Losses);
        Assert.Equal(sum.QueryGradient, none.QueryGradient);
    }

    [Fact]
    public void Upstream_gradients_scale_the_gradient_and_not_the_loss()
    {
        ReferenceResult plain = ReferenceLoss.SelfBatch(Paper, Rows, Labels);
        ReferenceResult scaled = ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Upstream = [-4] });
        ReferenceResult second = ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Upstream = [0, 2, 0, 0, 0] });

        Assert.Equal((plain.Loss, plain.Loss), (scaled.Loss, second.Loss));
        Assert.Equal(plain.Losses, scaled.Losses);
        Assert.Equal(plain.QueryGradient.Select(g => -4 * g), scaled.QueryGradient);
        Assert.Equal(plain.SimilarityGradient[5..10].Select(g => 2 * g), second.SimilarityGradient[5..10]);
        Assert.All(second.SimilarityGradient.Where((_, pair) => pair / 5 != 1), g => Assert.Equal(0, g));
    }

    [Fact]
    public void An_output_scale_of_one_over_gamma_scales_losses_and_gradients()
    {
        CircleLossOptions options = Paper with { Gamma = 64 };

        ReferenceResult plain = ReferenceLoss.SelfBatch(options, Rows, Labels);
        ReferenceResult scaled = ReferenceLoss.SelfBatch(options with { OutputScale = OutputScale.InverseGamma }, Rows, Labels);

        Assert.Equal(plain.Loss / 64, scaled.Loss);
        Assert.Equal(plain.Losses.Select(loss => loss / 64), scaled.Losses);
        Assert.Equal(plain.QueryGradient.Select(g => g / 64), scaled.QueryGradient);
    }

    [Fact]
    public void A_whole_batch_takes_each_unordered_pair_once_and_a_kept_diagonal_once()
    {
        CircleLossOptions options = CircleLossOptions.PaperGlobal;

        ReferenceResult removed = ReferenceLoss.SelfBatch(options, Rows, Labels);
        Assert.Equal((2, 8), (removed.PositiveCounts.Single(), removed.NegativeCounts.Single()));
        Assert.All(removed.Pairs, (kind, pair) => Assert.Equal(pair / 5 < pair % 5, kind != PairKind.Ignored));

        ReferenceResult kept = ReferenceLoss.SelfBatch(options with { SelfDiagonal = DiagonalPairs.Kept }, Rows, Labels);
        Assert.Equal((2 + 5, 8), (kept.PositiveCounts.Single(), kept.NegativeCounts.Single()));

        ReferenceResult against = ReferenceLoss.AgainstReferences(options, Rows, Labels, Rows, Labels);
        Assert.Equal((4 + 5, 16), (against.PositiveCounts.Single(), against.NegativeCounts.Single()));
        Assert.Equal((5, 1, 1), (against.QueryCount, against.ValidCount, against.NonzeroCount));
    }

    [Fact]
    public void A_whole_batch_has_one_loss_that_no_reduction_changes()
    {
        ReferenceResult expected = ReferenceLoss.SelfBatch(CircleLossOptions.PaperGlobal, Rows, Labels, new() { Upstream = [3] });
        Assert.Equal(expected.Loss, Assert.Single(expected.Losses));

        foreach (LossReduction reduction in Enum.GetValues<LossReduction>())
        {
            foreach (MeanDenominator denominator in Enum.GetValues<MeanDenominator>())
            {
                CircleLossOptions options = CircleLossOptions.PaperGlobal with { Reduction = reduction, Denominator = denominator };
                ReferenceResult result = ReferenceLoss.SelfBatch(options, Rows, Labels, new() { Upstream = [3] });

                Assert.Equal(expected.Loss, result.Loss);
                Assert.Equal(expected.QueryGradient, result.QueryGradient);
            }
        }
    }

    [Fact]
    public void A_whole_batch_has_no_weights_and_one_upstream_gradient()
    {
        CircleLossOptions options = CircleLossOptions.PaperGlobal;

        AssertRefused("expected no Weights, and one number as Upstream",
            () => ReferenceLoss.SelfBatch(options, Rows, Labels, new() { Weights = [1, 1, 1, 1, 1] }));
        AssertRefused("expected no Weights, and one number as Upstream",
            () => ReferenceLoss.SelfBatch(options, Rows, Labels, new() { Upstream = [1, 1, 1, 1, 1] }));
    }

    [Fact]
    public void A_kept_diagonal_makes_every_row_its_own_positive()
    {
        ReferenceResult result = ReferenceLoss.SelfBatch(Paper with { SelfDiagonal = DiagonalPairs.Kept }, Rows, Labels);

        Assert.Equal([2, 2, 2, 2, 1], result.PositiveCounts);
        Assert.Equal(5, result.ValidCount);
    }

    [Fact]
    public void A_removed_diagonal_of_references_takes_positives_and_leaves_negatives()
    {
        CircleLossOptions options = Paper with { ReferenceDiagonal = DiagonalPairs.Removed };

        ReferenceResult result = ReferenceLoss.FromSimilarities(options, [.1, .2, .3, .4], [1, 1], [1, 2]);

        Assert.Equal([PairKind.Ignored, PairKind.Negative, PairKind.Positive, PairKind.Negative], result.Pairs);
    }

    [Fact]
    public void An_excluded_reference_is_compared_with_nothing_of_its_query()
    {
        CircleLossOptions options = Paper with { ReferenceDiagonal = DiagonalPairs.Removed };
        long[] labels = [1, 1, 2], references = [1, 1, 2, 2];
        double[] similarities = [.1, .2, .3, .4, .5, .6, .7, .8, -.1, -.2, -.3, -.4];

        ReferenceResult result = ReferenceLoss.FromSimilarities(options, similarities, labels, references, new() { ExcludedReferences = [1, 3, -1] });

        // It takes the place of the removed diagonal.
        Assert.Equal([1, 2, 2], result.PositiveCounts);
        Assert.Equal([2, 1, 2], result.NegativeCounts);
        Assert.Equal((PairKind.Ignored, PairKind.Ignored), (result.Pairs[1], result.Pairs[7]));
        Assert.Equal((0, 0), (result.SimilarityGradient[1], result.SimilarityGradient[7]));
    }

    [Fact]
    public void Class_level_loss_is_the_cross_entropy_over_circle_logits()
    {
        double[] cosines = [.9, .1, -.3, .2, .7, .6];
        CircleLossOptions options = CircleLossOptions.ClassLevel;

        ReferenceResult result = ReferenceLoss.FromSimilarities(options, cosines, [0, 2], [0, 1, 2]);

        double[] targets = [0, 2];
        for (int q = 0; q < 2; q++)
        {
            double[] logits = [.. Enumerable.Range(0, 3).Select(c => c == targets[q]
                ? -PairFormulas.Logit(options, PairKind.Positive, cosines[3 * q + c])
                : PairFormulas.Logit(options, PairKind.Negative, cosines[3 * q + c]))];
            double crossEntropy = StableMath.LogSumExp(logits) - logits[(int)targets[q]];
            Nearly.Equal(crossEntropy, result.Losses[q], Tolerances.LogitInDouble(options.Gamma), "cross-entropy");
        }
    }

    [Theory]
    [InlineData(0.35)]
    [InlineData(0)]
    public void With_constant_weights_class_level_loss_is_AM_Softmax_and_without_margin_NormFace(double margin)
    {
        double[] cosines = [.9, .1, -.3];
        CircleLossOptions options = CircleLossOptions.ClassLevel with { Weighting = PairWeighting.Constant, Margin = margin, Gamma = 10 };

        double loss = ReferenceLoss.FromSimilarities(options, cosines, [1], [0, 1, 2]).Loss;

        double target = Math.Exp(10 * (.1 - margin));
        Nearly.Equal(-Math.Log(target / (target + Math.Exp(9) + Math.Exp(-3))), loss, Tolerances.LogitInDouble(10), "AM-Softmax");
    }

    [Fact]
    public void Counts_log_sum_exps_weights_logits_and_the_hardest_pairs_can_be_read()
    {
        CircleLossOptions options = new() { Gamma = 2, Margin = 0.25 };
        double[] similarities = [.5, .75, .25, -.5, 0, 1];

        ReferenceResult result = ReferenceLoss.FromSimilarities(options, similarities, [1, 3], [1, 1, 2]);

        Assert.Equal([2, 0], result.PositiveCounts);
        Assert.Equal([1, 3], result.NegativeCounts);
        Assert.Equal([0, -1], result.HardestPositives);
        Assert.Equal([2, 2], result.HardestNegatives);
        Assert.Equal([.75, .5, .5, 0, .25, 1.25], result.PairWeights());
        Assert.Equal([.375, 0, 0, 0, -.125, 1.875], result.PairLogits());
        Nearly.Equal(Math.Log(Math.Exp(.375) + 1), result.PositiveLogSumExp[0], Tolerances.FewRoundings, "P");
        Assert.Equal(double.NegativeInfinity, result.PositiveLogSumExp[1]);
        Nearly.Equal([0, Math.Log(1 + Math.Exp(-.125) + Math.Exp(1.875))], result.NegativeLogSumExp, 2 * Tolerances.FewRoundings, "N");

        ReferenceResult whole = ReferenceLoss.FromSimilarities(options with { Scope = LossScope.Batch }, similarities, [1, 3], [1, 1, 2]);
        Assert.Equal((0, 5), (whole.HardestPositives.Single(), whole.HardestNegatives.Single()));
    }

    [Fact]
    public void The_hardest_pairs_are_the_first_of_equals_wherever_they_are()
    {
        ReferenceResult result = ReferenceLoss.FromSimilarities(
            Paper, [.5, .9, .9, .1, .3, .3, .7, .5, .7, .4, .6, .8], [1, 1], [2, 2, 2, 2, 1, 1]);

        Assert.Equal([1, 0], result.HardestNegatives);
        Assert.Equal([4, 4], result.HardestPositives);
    }

    [Fact]
    public void The_first_reference_can_be_excluded_and_queries_may_outnumber_references()
    {
        Assert.Equal([1, 2], ReferenceLoss.FromSimilarities(Paper, new double[6], [1, 1], [1, 1, 2], new() { ExcludedReferences = [0, -1] }).PositiveCounts);

        CircleLossOptions removed = Paper with { ReferenceDiagonal = DiagonalPairs.Removed };
        Assert.Equal([0, 1, 1], ReferenceLoss.FromSimilarities(removed, new double[6], [1, 1, 1], [1, 2]).PositiveCounts);
    }

    [Fact]
    public void A_query_without_negatives_leaves_no_trace_even_of_NaN()
    {
        PairKind[] pairs = [PairKind.Positive, PairKind.Positive, PairKind.Positive, PairKind.Negative];
        CircleLossOptions options = Paper with { CheckInputs = false, Denominator = MeanDenominator.Valid };

        ReferenceResult result = ReferenceLoss.FromSimilarities(options, [double.NaN, .5, .5, .25], pairs, 2);

        Assert.Equal(result.Losses[1], result.Loss);
        Assert.Equal([0, 0], result.SimilarityGradient[..2]);
        Assert.All(result.SimilarityGradient[2..], slope => Assert.NotEqual(0, slope));
    }

    [Fact]
    public void A_mask_may_be_empty_and_its_queries_are_counted()
    {
        Assert.Equal(0, ReferenceLoss.FromSimilarities(Paper, [], Array.Empty<PairKind>(), 0).Loss);
        Assert.Equal([0, 0], ReferenceLoss.FromSimilarities(Paper, [], Array.Empty<PairKind>(), 2).Losses);
        AssertRefused("similarities holds 1 numbers: expected a multiple of the 0", () => ReferenceLoss.FromSimilarities(Paper, [1], new PairKind[1], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReferenceLoss.FromSimilarities(Paper, [1], new PairKind[1], -1));
    }

    [Fact]
    public void Rows_and_their_similarities_give_the_same_loss_to_the_bit()
    {
        ReferenceTerms terms = new() { Weights = [1, 2], Upstream = [3, 4], ExcludedReferences = [0, -1] };
        ReferenceResult rows = ReferenceLoss.AgainstReferences(Paper, Rows.AsSpan(0, 8), [1, 2], Rows, Labels, terms);

        ReferenceResult similarities = ReferenceLoss.FromSimilarities(Paper, rows.Similarities, [1, 2], Labels, terms);

        Assert.Equal(rows.Loss, similarities.Loss);
        Assert.Equal(rows.SimilarityGradient, similarities.SimilarityGradient);
        Assert.Equal((8, 20), (rows.QueryGradient.Length, rows.ReferenceGradient.Length));
        Assert.Equal((0, 0), (similarities.QueryGradient.Length, similarities.ReferenceGradient.Length));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void Numbers_that_are_not_finite_are_refused_by_row(double number)
    {
        double[] bad = [.. Rows];
        bad[9] = number;

        AssertRefused("rows: row 2 holds", () => ReferenceLoss.SelfBatch(Paper, bad, Labels));
        AssertRefused("queries: row 2 holds", () => ReferenceLoss.AgainstReferences(Paper, bad, Labels, Rows, Labels));
        AssertRefused("references: row 2 holds", () => ReferenceLoss.AgainstReferences(Paper, Rows, Labels, bad, Labels));
        AssertRefused("queries: row 2 holds", () => ReferenceLoss.AgainstReferences(Paper, bad, Labels, [], []));
        AssertRefused("similarities: row 1 holds", () => ReferenceLoss.FromSimilarities(Paper, [1, 1, number, 1], [1, 2], [1, 2]));
        AssertRefused("similarities: row 1 holds", () => ReferenceLoss.FromSimilarities(Paper, [1, 1, number, 1], new PairKind[4], 2));
        AssertRefused("Weights: row 3 holds", () => ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Weights = [1, 1, 1, number, 1] }));
        AssertRefused("Upstream: row 3 holds", () => ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Upstream = [1, 1, 1, number, 1] }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_row_of_the_ignored_label_may_hold_anything(bool checks)
    {
        CircleLossOptions options = Paper with { IgnoreLabel = 9, CheckInputs = checks };
        double[] bad = [.. Rows];
        bad[9] = double.NaN;
        long[] labels = [1, 1, 9, 2, 2];

        ReferenceResult expected = ReferenceLoss.SelfBatch(options, Rows, labels), actual = ReferenceLoss.SelfBatch(options, bad, labels);
        Assert.True(expected.Loss > 0);
        Assert.Equal((expected.Loss, expected.QueryCount), (actual.Loss, actual.QueryCount));
        Assert.Equal(expected.QueryGradient, actual.QueryGradient);

        expected = ReferenceLoss.AgainstReferences(options, Rows, labels, Rows, labels);
        actual = ReferenceLoss.AgainstReferences(options, bad, labels, bad, labels);
        Assert.Equal(expected.Loss, actual.Loss);
        Assert.Equal(expected.QueryGradient, actual.QueryGradient);
        Assert.Equal(expected.ReferenceGradient, actual.ReferenceGradient);
    }

    [Fact]
    public void Unchecked_a_NaN_spreads_to_what_it_touches()
    {
        CircleLossOptions options = Paper with { CheckInputs = false, Reduction = LossReduction.Sum };
        double[] bad = [.. Rows];
        bad[9] = double.NaN;

        ReferenceResult touched = ReferenceLoss.SelfBatch(options, bad, Labels);
        Assert.Equal(double.NaN, touched.Loss);
        Assert.All(touched.Losses[..4], loss => Assert.Equal(double.NaN, loss));
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        foreach (double gamma in new[] { 0, -1, double.NaN, double.PositiveInfinity, 1e-46, 1e-39, 3e38, 1e39 })
        {
            AssertRefused("Gamma is", () => ReferenceLoss.SelfBatch(Paper with { Gamma = gamma }, Rows, Labels));
        }

        AssertRefused("Gamma is 1E+36 and margins are up to 100", () => ReferenceLoss.SelfBatch(Paper with { Gamma = 1e36, Margin = 100 }, Rows, Labels));

        AssertRefused("Margin is NaN", () => ReferenceLoss.SelfBatch(Paper with { Margin = double.NaN }, Rows, Labels));
        AssertRefused("PositiveOptimum is", () => ReferenceLoss.SelfBatch(Paper with { PositiveOptimum = double.NaN }, Rows, Labels));
        AssertRefused("NegativeOptimum is", () => ReferenceLoss.SelfBatch(Paper with { NegativeOptimum = double.PositiveInfinity }, Rows, Labels));
        AssertRefused("PositiveMargin is", () => ReferenceLoss.SelfBatch(Paper with { PositiveMargin = double.NaN }, Rows, Labels));
        AssertRefused("NegativeMargin is", () => ReferenceLoss.SelfBatch(Paper with { NegativeMargin = double.NaN }, Rows, Labels));
        Assert.Throws<ArgumentNullException>(() => ReferenceLoss.SelfBatch((CircleLossOptions)null!, Rows, Labels));

        CircleLossOptions bad = Paper with { Gamma = -1 };
        AssertRefused("Gamma is", () => ReferenceLoss.AgainstReferences(bad, Rows, Labels, Rows, Labels));
        AssertRefused("Gamma is", () => ReferenceLoss.FromSimilarities(bad, [1, 1], [1], [1, 2]));
        AssertRefused("Gamma is", () => ReferenceLoss.FromSimilarities(bad, [1, 1], new PairKind[2], 1));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused_with_what_was_expected()
    {
        AssertRefused("rows holds 19 numbers for 5 labels: expected a positive multiple of 5", () => ReferenceLoss.SelfBatch(Paper, Rows.AsSpan(1), Labels));
        AssertRefused("queries holds 0 numbers for 5 labels: expected a positive multiple of 5",
            () => ReferenceLoss.AgainstReferences(Paper, [], Labels, Rows, Labels));
        AssertRefused("rows holds 20 numbers for 0 labels: expected none", () => ReferenceLoss.SelfBatch(Paper, Rows, []));
        AssertRefused("references have dimension 5: expected the queries' 4. (Parameter 'references')",
            () => ReferenceLoss.AgainstReferences(Paper, Rows, Labels, Rows, [1, 2, 3, 4]));
        AssertRefused("similarities has length 3: expected 4, queryCount x referenceCount",
            () => ReferenceLoss.FromSimilarities(Paper, [1, 2, 3], [1, 2], [1, 2]));
        AssertRefused("similarities holds 3 numbers: expected a multiple of the 2", () => ReferenceLoss.FromSimilarities(Paper, [1, 2, 3], new PairKind[3], 2));
        AssertRefused("pairs has length 3: expected 4, one for each similarity", () => ReferenceLoss.FromSimilarities(Paper, [1, 2, 3, 4], new PairKind[3], 2));
        AssertRefused("Weights has length 2: expected 5, one for each query", () => ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Weights = [1, 2] }));
        AssertRefused("Weights has length 2: expected 1", () => ReferenceLoss.FromSimilarities(Paper, [1, 2], new PairKind[2], 1, new() { Weights = [1, 2] }));
        AssertRefused("Upstream has length 2: expected 5, one for each query, or one number",
            () => ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { Upstream = [1, 2] }));
        AssertRefused("ExcludedReferences has length 1: expected 5, one for each query", () => AgainstItself([0]));
        AssertRefused("query 1 excludes reference 5, expected -1 to 4", () => AgainstItself([0, 5, 0, 0, 0]));
        AssertRefused("query 0 excludes reference -2, expected -1 to 4", () => AgainstItself([-2, 0, 0, 0, 0]));
        AssertRefused("none in a batch against itself", () => ReferenceLoss.SelfBatch(Paper, Rows, Labels, new() { ExcludedReferences = [0, 1, 2, 3, 4] }));
        AssertRefused("the mask says", () => ReferenceLoss.FromSimilarities(Paper, [1], new PairKind[1], 1, new() { ExcludedReferences = [0] }));

        static void AgainstItself(int[] excluded) =>
            ReferenceLoss.AgainstReferences(Paper, Rows, Labels, Rows, Labels, new() { ExcludedReferences = excluded });
    }

    private static CircleLossOptions Choose(string choices)
    {
        string[] names = choices.Split(' ');
        return Paper with
        {
            Reduction = Enum.Parse<LossReduction>(names[0]),
            Denominator = Enum.Parse<MeanDenominator>(names[1]),
            Combination = Enum.Parse<LossCombination>(names[2]),
            Scope = Enum.Parse<LossScope>(names[3]),
        };
    }

    private static void AssertRefused(string message, Action call) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
}
