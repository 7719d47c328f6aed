using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class PairLossTests
{
    private const int Count = 37, Dimension = 19;

    private static readonly float[] Rows = Numbers(Count * Dimension, 1), Others = Numbers(Count * Dimension, 2);
    private static readonly long[] Pairs = [.. Enumerable.Range(0, Count).Select(row => (long)row)], Labels = [.. Pairs.Select(row => row / 3)];

    [Fact]
    public void InfoNCE_of_two_views_is_cross_entropy_of_the_scaled_cosines()
    {
        using PairLoss loss = new(PairLossOptions.InfoNce(0.1));
        float[] losses = new float[Count];
        LossResult result = loss.Forward(new EmbeddingBatch(Rows, Pairs), new EmbeddingBatch(Others, Pairs), losses);

        double[] expected = new double[Count];
        for (int query = 0; query < Count; query++)
        {
            double[] logits = [.. Enumerable.Range(0, Count).Select(key => 10 * Cosine(Rows, query, Others, key))];
            expected[query] = Math.Log(logits.Sum(Math.Exp)) - logits[query];
            Assert.Equal(expected[query], losses[query], 2e-5);
        }

        Assert.Equal(expected.Average(), result.Loss, 2e-5);
        Assert.Equal((Count, Count, Count), (result.QueryCount, result.ReferenceCount, result.ValidCount));
    }

    [Fact]
    public void A_linear_loss_is_Circle_loss_of_constant_weights_to_the_bit()
    {
        CircleLossOptions circle = new() { Gamma = 64, Weighting = PairWeighting.Constant, Margin = 0.35, Denominator = MeanDenominator.All };
        using PairLoss loss = new(PairLossOptions.CosFace());
        using CircleLoss same = new(circle);
        float[] gradient = new float[Rows.Length], expected = new float[Rows.Length];

        LossResult result = loss.ForwardBackward(new EmbeddingBatch(Rows, Labels), gradient);

        Assert.Equal(same.ForwardBackward(new EmbeddingBatch(Rows, Labels), expected), result);
        Assert.Equal(expected, gradient);
    }

    [Fact]
    public void A_memory_of_earlier_batches_takes_every_loss()
    {
        using PairLoss loss = new(PairLossOptions.InfoNce(0.1));
        CrossBatchMemory memory = new(Count, Dimension);
        int[] own = [.. Enumerable.Range(0, Count)];
        float[] gradient = new float[Rows.Length], expected = new float[Rows.Length];
        EmbeddingBatch batch = new(Rows, Labels);

        LossResult result = memory.ForwardBackward(loss, batch, gradient);

        Assert.Equal(loss.ForwardBackward(batch, batch, expected, default, terms: new QueryTerms { ExcludedReferences = own }), result);
        Assert.Equal(expected, gradient);
    }

    /// <summary>Every preset, and choices that none has.</summary>
    private static readonly Dictionary<string, PairLossOptions> Losses = new()
    {
        ["InfoNCE"] = PairLossOptions.InfoNce(),
        ["multiple negatives ranking"] = PairLossOptions.MultipleNegativesRanking(),
        ["NormFace"] = PairLossOptions.NormFace(),
        ["CosFace"] = PairLossOptions.CosFace(),
        ["ArcFace"] = PairLossOptions.ArcFace(),
        ["ArcFace, PyTorch Metric Learning"] = PairLossOptions.ArcFacePyTorchMetricLearning(16, 80),
        ["Proxy-NCA"] = PairLossOptions.ProxyNca(),
        ["Proxy-NCA, PyTorch Metric Learning"] = PairLossOptions.ProxyNcaPyTorchMetricLearning(),
        ["Proxy Anchor"] = PairLossOptions.ProxyAnchor(),
        ["SupCon"] = PairLossOptions.SupCon(),
        ["SupCon, PyTorch Metric Learning"] = PairLossOptions.SupConPyTorchMetricLearning(),
        ["SupCon with margins, scales and a factor"] = PairLossOptions.SupCon() with
        {
            PositiveScale = 6,
            PositiveMargin = 0.2,
            NegativeMargin = -0.1,
            Factor = 3,
        },
        ["N-pair, TensorFlow Addons"] = PairLossOptions.NPairTensorFlowAddons(),
        ["MultiSimilarity"] = PairLossOptions.MultiSimilarity(),
        ["NCA"] = PairLossOptions.Nca(),
        ["soft nearest neighbours"] = PairLossOptions.SoftNearestNeighbor(0.5),
        ["soft nearest neighbours, TensorFlow Similarity"] = PairLossOptions.SoftNearestNeighborTensorFlowSimilarity(),
        ["decoupled contrastive"] = PairLossOptions.DecoupledContrastive(),
        ["generalised lifted structure"] = PairLossOptions.GeneralizedLiftedCosine(),
        ["half the squared hinge, a wide range"] = new()
        {
            PositiveScale = 3,
            NegativeScale = 90,
            NegativeMargin = 0.1,
            Link = LossLink.HalfSquaredHinge,
            Requires = RequiredPairs.Any,
        },
    };

    public static TheoryData<string> Names => [.. Losses.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_loss_and_its_gradients_are_those_of_the_reference(string name)
    {
        const int Small = 14, More = 17, Width = 6;
        long[] labels = [.. Enumerable.Range(0, Small).Select(row => (long)(row % 5 * row))];
        PairLossProblem batch = new(Losses[name], Doubles(Rows[..(Small * Width)]), labels);
        PairLossProblem againstOthers = batch with { References = Doubles(Others[..(More * Width)]), ReferenceLabels = Pairs[..More] };
        foreach (PairLossProblem problem in (PairLossProblem[])[batch, againstOthers])
        {
            ReferenceResult expected = problem.SolveInDouble();
            LossAnswer actual = problem.SolveInFloat();
            Close(expected.Loss, actual.Result.Loss);
            AllClose(expected.QueryGradient, actual.QueryGradient);
            AllClose(expected.ReferenceGradient, actual.ReferenceGradient);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_loss_is_the_same_bits_on_any_number_of_threads_and_any_width(string name)
    {
        LargeBatch batch = LargeBatch.Draw(3, 600, 40, classes: 50);
        float[]? expected = null;
        foreach (SimdWidth width in SameBits.Widths)
        {
            using PairLoss loss = new(Losses[name], new ExecutionOptions { SimdWidth = width, Threads = width == SimdWidth.Scalar ? 3 : 1 });
            float[] gradient = new float[600 * 40];
            loss.ForwardBackward(batch.Batch, gradient);
            Assert.True((expected ??= gradient).AsSpan().SequenceEqual(gradient), $"{width} has other bits.");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_loss_and_its_gradient_are_finite_whatever_the_batch_lacks(string name)
    {
        float[] rows = [.. Rows];
        rows.AsSpan(0, Dimension).Clear();
        rows.AsSpan(Dimension, Dimension).CopyTo(rows.AsSpan(2 * Dimension));
        foreach (double scale in (double[])[1, 1000])
        {
            PairLossOptions options = Losses[name];
            using PairLoss loss = new(options with { PositiveScale = options.PositiveScale * scale, NegativeScale = options.NegativeScale * scale });
            foreach (long[] labels in (long[][])[Labels, Pairs, new long[Count]])
            {
                float[] losses = new float[Count], gradient = new float[rows.Length];
                Assert.True(double.IsFinite(loss.ForwardBackward(new EmbeddingBatch(rows, labels), gradient, losses).Loss));
                Assert.All(losses, one => Assert.True(float.IsFinite(one)));
                Assert.All(gradient, one => Assert.True(float.IsFinite(one)));
            }
        }
    }

    [Fact]
    public void A_straight_through_margin_has_the_loss_of_ArcFace_and_the_slope_of_the_scale()
    {
        float[] query = [0.6f, 0.8f], weights = [1, 0, 0, 1], gradient = new float[2], arc = new float[2];
        using PairLoss straight = new(PairLossOptions.ArcFaceInsightFace(4)), full = new(PairLossOptions.ArcFace(4));

        LossResult result = straight.ForwardBackward(new EmbeddingBatch(query, [0L]), new EmbeddingBatch(weights, [0L, 1L]), gradient, default);

        Assert.Equal(full.ForwardBackward(new EmbeddingBatch(query, [0L]), new EmbeddingBatch(weights, [0L, 1L]), arc, default).Loss, result.Loss);
        double share = 4 * (1 - Math.Exp(-result.Loss)), slope = Math.Sin(Math.Acos(0.6) + 0.5) / 0.8;
        AllClose([share * (-0.64 - 0.48), share * (0.48 + 0.36)], Doubles(gradient));
        AllClose([share * (-slope * 0.64 - 0.48), share * (slope * 0.48 + 0.36)], Doubles(arc));
    }

    [Fact]
    public void The_hardness_of_negatives_is_in_the_logit_and_not_in_its_gradient()
    {
        float[] query = [0.6f, 0.8f], references = [1, 0, 0, 1], gradient = new float[2];
        using PairLoss loss = new(PairLossOptions.MultipleNegativesRanking(4) with { NegativeHardness = 3, NegativeMargin = 0.1 });

        LossResult result = loss.ForwardBackward(new EmbeddingBatch(query, [0L]), new EmbeddingBatch(references, [0L, 1L]), gradient, default);

        double z = (4 * (0.8 - 0.1)) + (3 * 0.8) - (4 * 0.6), share = 4 / (1 + Math.Exp(-z));
        Close(Math.Log(1 + Math.Exp(z)), result.Loss);
        AllClose([share * (-0.64 - 0.48), share * (0.48 + 0.36)], Doubles(gradient));
    }

    [Theory]
    [InlineData(37, 37)]
    [InlineData(300, 280)]
    [InlineData(5, 600)]
    public void Both_directions_are_the_mean_of_one_and_the_other(int queryCount, int referenceCount)
    {
        LargeBatch queries = LargeBatch.Draw(5, queryCount, 24, classes: 20), references = LargeBatch.Draw(6, referenceCount, 24, classes: 20);
        float[] weights = [.. Enumerable.Range(0, queryCount + referenceCount).Select(i => 0.5f + (i % 3))];
        foreach (PairLossOptions options in (PairLossOptions[])[PairLossOptions.Clip(), PairLossOptions.SupCon() with { Directions = LossDirections.Both }])
        {
            using PairLoss both = new(options), one = new(options with { Directions = LossDirections.Queries });
            float[] ofQueries = new float[queries.Rows.Length], ofReferences = new float[references.Rows.Length], losses = new float[weights.Length];
            float[] queriesAs = new float[queries.Rows.Length], referencesAs = new float[references.Rows.Length], expectedLosses = new float[weights.Length];
            float[] queriesAsReferences = new float[queries.Rows.Length], referencesAsReferences = new float[references.Rows.Length];

            LossResult result = both.ForwardBackward(queries.Batch, references.Batch, ofQueries, ofReferences, losses, new() { Weights = weights });

            QueryTerms ofFirst = new() { Weights = weights.AsSpan(0, queryCount) }, ofSecond = new() { Weights = weights.AsSpan(queryCount) };
            LossResult first = one.ForwardBackward(
                queries.Batch, references.Batch, queriesAs, referencesAsReferences, expectedLosses.AsSpan(0, queryCount), ofFirst);
            LossResult second = one.ForwardBackward(
                references.Batch, queries.Batch, referencesAs, queriesAsReferences, expectedLosses.AsSpan(queryCount), ofSecond);
            Close((first.Loss + second.Loss) / 2, result.Loss);
            Close((first.ScaleGradient + second.ScaleGradient) / 2, result.ScaleGradient);
            Assert.Equal((first.ValidCount + second.ValidCount, queryCount, referenceCount), (result.ValidCount, result.QueryCount, result.ReferenceCount));
            Nearly.Equal(Doubles(expectedLosses), Doubles(losses), Tolerances.FurtherLossInFloat, "losses");
            AllClose(Mean(queriesAs, queriesAsReferences), Doubles(ofQueries));
            AllClose(Mean(referencesAs, referencesAsReferences), Doubles(ofReferences));
        }

        static double[] Mean(float[] one, float[] other) => [.. one.Zip(other, (x, y) => ((double)x + y) / 2)];
    }

    [Fact]
    public void Both_directions_are_the_same_bits_on_any_number_of_threads_and_any_width()
    {
        LargeBatch queries = LargeBatch.Draw(5, 700, 24, classes: 20), references = LargeBatch.Draw(6, 600, 24, classes: 20);
        float[]? expected = null;
        foreach (SimdWidth width in SameBits.Widths)
        {
            using PairLoss loss = new(PairLossOptions.Clip(), new ExecutionOptions { SimdWidth = width, Threads = width == SimdWidth.Scalar ? 3 : 1 });
            float[] gradient = new float[queries.Rows.Length], referenceGradient = new float[references.Rows.Length];
            LossResult result = loss.ForwardBackward(queries.Batch, references.Batch, gradient, referenceGradient);
            float[] answer = [(float)result.Loss, (float)result.ScaleGradient, .. gradient, .. referenceGradient];
            Assert.True((expected ??= answer).AsSpan().SequenceEqual(answer), $"{width} has other bits.");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_gradient_of_the_scale_is_a_difference_of_losses(bool keepsSelf)
    {
        DiagonalPairs self = keepsSelf ? DiagonalPairs.Kept : DiagonalPairs.Removed;
        PairLossProblem At(double scale) => new(PairLossOptions.SupCon(1 / scale) with { SelfDiagonal = self }, Doubles(Rows[..(14 * 6)]), Labels[..14]);
        double difference = (At(4.001).SolveInDouble().Loss - At(3.999).SolveInDouble().Loss) / 0.002;

        Assert.Equal(difference, At(4).SolveInFloat().Result.ScaleGradient, 1e-5);

        using PairLoss margins = new(PairLossOptions.CosFace()), forward = new(PairLossOptions.InfoNce());
        float[] gradient = new float[Rows.Length];
        Assert.True(double.IsNaN(margins.ForwardBackward(new EmbeddingBatch(Rows, Labels), gradient).ScaleGradient));
        Assert.True(double.IsNaN(forward.Forward(new EmbeddingBatch(Rows, Labels)).ScaleGradient));
    }

    [Fact]
    public void Both_directions_need_references_that_are_others()
    {
        using PairLoss loss = new(PairLossOptions.Clip());
        int[] excluded = new int[Count];

        Assert.Contains("Directions is Both: expected queries against references", Assert.Throws<ArgumentException>(() =>
            ReferenceLoss.SelfBatch(PairLossOptions.Clip(), Doubles(Rows), Pairs)).Message, StringComparison.Ordinal);
        Assert.Contains("expected none, as all pairs count in both directions", Assert.Throws<ArgumentException>(() => ReferenceLoss.AgainstReferences(
            PairLossOptions.Clip(), Doubles(Rows), Pairs, Doubles(Others), Pairs, new() { ExcludedReferences = excluded })).Message, StringComparison.Ordinal);

        Assert.Contains("Directions is Both: expected queries against references",
            Assert.Throws<ArgumentException>(() => loss.Forward(new EmbeddingBatch(Rows, Pairs))).Message, StringComparison.Ordinal);
        Assert.Contains("ExcludedReferences has length 37: expected 0, as all pairs count in both directions", Assert.Throws<ArgumentException>(() =>
            loss.Forward(new EmbeddingBatch(Rows, Pairs), new EmbeddingBatch(Others, Pairs), terms: new() { ExcludedReferences = excluded })).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_loss_of_similarities_is_that_of_the_reference(string name)
    {
        const int Queries = 9, References = 23;
        using SimilarityLoss loss = new(Losses[name]);
        float[] similarities = [.. Rows[..(Queries * References)].Select(x => 1.9f * x)], losses = new float[Queries];
        float[] gradient = new float[similarities.Length];
        PairKind[] mask = [.. Enumerable.Range(0, similarities.Length).Select(pair => (PairKind)(pair % 7 % 3))];
        mask.AsSpan(0, References).Replace(PairKind.Positive, PairKind.Negative);
        mask.AsSpan(References, References).Replace(PairKind.Negative, PairKind.Ignored);
        long[] labels = [.. Enumerable.Range(0, Queries).Select(query => (long)(query % 4))], referenceLabels = [.. Pairs[..References].Select(key => key % 5)];

        LossResult result = loss.ForwardBackward(new SimilarityBatch(similarities, mask, Queries), gradient, losses);
        AssertIs(ReferenceLoss.FromSimilarities(Losses[name], Doubles(similarities), mask, Queries), result);

        result = loss.ForwardBackward(new SimilarityBatch(similarities, labels, referenceLabels), gradient, losses);
        AssertIs(ReferenceLoss.FromSimilarities(Losses[name], Doubles(similarities), labels, referenceLabels), result);

        float[] inPlace = [.. similarities];
        loss.ForwardBackward(new SimilarityBatch(inPlace, labels, referenceLabels), inPlace);
        Assert.Equal(gradient, inPlace);

        void AssertIs(ReferenceResult expected, LossResult actual)
        {
            Close(expected.Loss, actual.Loss);
            Assert.Equal((expected.ValidCount, expected.QueryCount), (actual.ValidCount, actual.QueryCount));
            Nearly.Equal(expected.Losses, Doubles(losses), one => Tolerances.FurtherLossInFloat * Math.Max(1, Math.Abs(one)), "losses");
            AllClose(expected.SimilarityGradient, Doubles(gradient));
        }
    }

    [Fact]
    public void Details_of_Circle_loss_and_a_second_direction_are_refused_for_similarities()
    {
        using SimilarityLoss loss = new(PairLossOptions.InfoNce());
        float[] similarities = [0.5f, 0.1f], logits = new float[2];

        Assert.Contains("details of Circle loss", Assert.Throws<ArgumentException>(() =>
            loss.Forward(new SimilarityBatch(similarities, [0L], [0L, 1L]), details: new() { Logits = logits })).Message, StringComparison.Ordinal);
        Assert.Contains("Directions is Both: expected Queries", Assert.Throws<ArgumentException>(() => new SimilarityLoss(PairLossOptions.Clip())).Message,
            StringComparison.Ordinal);
        Assert.Equal((null, PairLossOptions.InfoNce()), (loss.Options, loss.PairOptions));
    }

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];

    private static void Close(double expected, double actual) =>
        Assert.Equal(expected, actual, Tolerances.FurtherLossInFloat * Math.Max(1, Math.Abs(expected)));

    private static void AllClose(double[] expected, double[] actual) =>
        Nearly.Equal(expected, actual, Tolerances.FurtherGradientInFloat * Nearly.Largest(expected), "gradient");

    public static TheoryData<PairLossOptions, string> Refused { get; } = new()
    {
        { new() { PositiveScale = 0 }, "PositiveScale is 0: expected a number above 0" },
        { new() { NegativeScale = double.NaN }, "NegativeScale is NaN: expected a number above 0" },
        { new() { NegativeHardness = -1 }, "NegativeHardness is -1: expected 0 or more" },
        { new() { PositiveLogit = PositiveLogit.Arc, Pooling = PairPooling.Mean }, "PositiveLogit is Arc and Pooling is Mean: expected Linear" },
        { new() { Factor = -1 }, "Factor is -1: expected a number above 0" },
        { new() { PositiveMargin = double.PositiveInfinity }, "PositiveMargin is Infinity: expected a finite number" },
        { new() { Pooling = (PairPooling)99 }, "Pooling is 99: expected one of LogSumExp" },
        { new() { Pooling = PairPooling.Separate, Link = LossLink.Hinge }, "Link is Hinge and Pooling is Separate: expected Softplus" },
        { new() { Pooling = PairPooling.Mean, Link = LossLink.Identity }, "Link is Identity and Pooling is Mean: expected Softplus" },
        { new() { Requires = RequiredPairs.Positive }, "Requires is Positive and Pooling is LogSumExp: expected another" },
        { new() { Pooling = PairPooling.Nearest, Requires = RequiredPairs.Any }, "Requires is Any and Pooling is Nearest: expected another" },
        { PairLossOptions.Clip() with { ReferenceDiagonal = DiagonalPairs.Removed }, "Directions is Both and ReferenceDiagonal is Removed: expected Kept" },
        { new() { Denominator = PairMeanDenominator.WithPositive }, "Denominator is WithPositive and Pooling is LogSumExp: expected another" },
        { new() { PositiveLogit = PositiveLogit.Arc, Normalize = false }, "PositiveLogit is Arc and Normalize is false: expected unit rows" },
        { new() { Pooling = PairPooling.Pairs }, "Requires is PositiveAndNegative and Pooling is Pairs: expected Any" },
        { new() { Pooling = PairPooling.Each, Requires = RequiredPairs.Any }, "Requires is Any and Pooling is Each: expected another" },
        { new() { Denominator = PairMeanDenominator.PositivePairs }, "Denominator is PositivePairs and Pooling is LogSumExp: expected another" },
        { new() { Denominator = PairMeanDenominator.NonzeroPairs }, "Denominator is NonzeroPairs and Pooling is LogSumExp: expected another" },
        { new() { Selection = 0.1 }, "Selection is 0.1 and Pooling is LogSumExp: expected null" },
        { new() { Pooling = PairPooling.SeparateByScale, Selection = double.NaN }, "Selection is NaN: expected a finite number" },
        { new() { Measure = PairMeasure.Distance, Clamp = SimilarityClamp.AtMostOne }, "Measure is Distance, PositiveLogit is Linear, Clamp is AtMostOne" },
        { new() { Measure = (PairMeasure)7 }, "Measure is 7: expected one of Similarity" },
        { new() { PositiveScale = 1e37, PositiveMargin = 1 }, "expected logits of unit rows, here up to 2E+37, to stay below 1E+37" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void An_option_that_has_no_meaning_is_refused_by_name(PairLossOptions options, string message)
    {
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new PairLoss(options)).Message, StringComparison.Ordinal);
        Assert.Contains(message, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loss_that_only_the_reference_computes_is_refused_by_name()
    {
        PairLossOptions options = new() { Pooling = PairPooling.Each, Measure = PairMeasure.Distance };

        ArgumentException error = Assert.Throws<ArgumentException>(() => new PairLoss(options));

        Assert.Contains("Pooling is Each, Measure is Distance", error.Message, StringComparison.Ordinal);
        Assert.Contains("ManagedCircle.Reference has", error.Message, StringComparison.Ordinal);
        options.Validate();
    }

    private static double Cosine(float[] left, int row, float[] right, int other)
    {
        double product = 0, ofLeft = 0, ofRight = 0;
        for (int d = 0; d < Dimension; d++)
        {
            double x = left[(row * Dimension) + d], y = right[(other * Dimension) + d];
            (product, ofLeft, ofRight) = (product + (x * y), ofLeft + (x * x), ofRight + (y * y));
        }

        return product / Math.Sqrt(ofLeft * ofRight);
    }

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }
}
