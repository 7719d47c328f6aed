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

    public static TheoryData<PairLossOptions, string> Refused { get; } = new()
    {
        { new() { PositiveScale = 0 }, "PositiveScale is 0: expected a number above 0" },
        { new() { NegativeScale = double.NaN }, "NegativeScale is NaN: expected a number above 0" },
        { new() { Factor = -1 }, "Factor is -1: expected a number above 0" },
        { new() { PositiveMargin = double.PositiveInfinity }, "PositiveMargin is Infinity: expected a finite number" },
        { new() { Pooling = (PairPooling)99 }, "Pooling is 99: expected one of LogSumExp" },
        { new() { Pooling = PairPooling.Separate, Link = LossLink.Hinge }, "Link is Hinge and Pooling is Separate: expected Softplus" },
        { new() { Pooling = PairPooling.Mean, Link = LossLink.Identity }, "Link is Identity and Pooling is Mean: expected Softplus" },
        { new() { Requires = RequiredPairs.Positive }, "Requires is Positive and Pooling is LogSumExp: expected another" },
        { new() { Pooling = PairPooling.Nearest, Requires = RequiredPairs.Any }, "Requires is Any and Pooling is Nearest: expected another" },
        { new() { Denominator = PairMeanDenominator.WithPositive }, "Denominator is WithPositive and Pooling is LogSumExp: expected another" },
        { new() { PositiveLogit = PositiveLogit.Arc, Normalize = false }, "PositiveLogit is Arc and Normalize is false: expected unit rows" },
        { new() { PositiveScale = 1e37, PositiveMargin = 1 }, "expected logits of unit rows, here up to 2E+37, to stay below 1E+37" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void An_option_that_has_no_meaning_is_refused_by_name(PairLossOptions options, string message)
    {
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new PairLoss(options)).Message, StringComparison.Ordinal);
        Assert.Contains(message, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
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
