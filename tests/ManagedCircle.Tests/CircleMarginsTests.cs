using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class CircleMarginsTests
{
    /// <summary>Weights, logits and slopes of one kind of pair, by one at a time and by span.</summary>
    private delegate void OverSpan(ReadOnlySpan<float> similarities, Span<float> destination);

    public static MatrixTheoryData<PairWeighting, WeightGradient, SimilarityClamp> Choices =>
        new(Enum.GetValues<PairWeighting>(), Enum.GetValues<WeightGradient>(), Enum.GetValues<SimilarityClamp>());

    [Fact]
    public void Two_numbers_make_the_margins_of_the_paper()
    {
        CircleMargins margins = new(256, 0.25);

        Assert.Equal((256, 1.25, -0.25), (margins.Gamma, margins.PositiveOptimum, margins.NegativeOptimum));
        Assert.Equal((0.75, 0.25), (margins.PositiveMargin, margins.NegativeMargin));
        Assert.Equal((PairWeighting.Circle, WeightGradient.Detached, SimilarityClamp.None), (margins.Weighting, margins.WeightGradient, margins.Clamp));
    }

    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(double.NaN, 0.25)]
    [InlineData(80, double.PositiveInfinity)]
    public void Numbers_out_of_range_are_an_error(double gamma, double margin) => Assert.Throws<ArgumentException>(() => new CircleMargins(gamma, margin));

    // One positive and one negative at 0.8, gamma 256, m 0.25: weights 0.45 and 1.05; both sigmoid and softmax are 1.
    [Theory]
    [InlineData(WeightGradient.Detached, -115.2, 268.8)]
    [InlineData(WeightGradient.Attached, -102.4, 409.6)]
    public void A_pair_of_pairs_has_the_slopes_worked_out_by_hand(WeightGradient gradient, double positive, double negative)
    {
        CircleMargins margins = new(new CircleLossOptions { Gamma = 256, Margin = 0.25, WeightGradient = gradient });

        Nearly.Equal([0.45, 1.05], [margins.PositiveWeight(0.8), margins.NegativeWeight(0.8)], Tolerances.SameInDouble(1), "weight");
        Nearly.Equal([-5.76, 147.84], [margins.PositiveLogit(0.8), margins.NegativeLogit(0.8)], Tolerances.SameInDouble(256), "logit");
        Nearly.Equal([positive, negative], [margins.PositiveSlope(0.8), margins.NegativeSlope(0.8)], Tolerances.SameInDouble(4 * 256), "slope");
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void Every_choice_gives_what_the_reference_gives(PairWeighting weighting, WeightGradient gradient, SimilarityClamp clamp)
    {
        CircleLossOptions options = Options(weighting, gradient, clamp);
        CircleMargins margins = new(options);
        // Weights, distances from the margin and so half of every slope's factor are below 4.
        double weight = Tolerances.SameInDouble(4), others = Tolerances.SameInDouble(16 * options.Gamma);
        foreach (double s in Similarities())
        {
            Nearly.Equal(PairFormulas.Weight(options, PairKind.Positive, s), margins.PositiveWeight(s), weight, $"positive weight at {s}");
            Nearly.Equal(PairFormulas.Weight(options, PairKind.Negative, s), margins.NegativeWeight(s), weight, $"negative weight at {s}");
            Nearly.Equal(PairFormulas.Logit(options, PairKind.Positive, s), margins.PositiveLogit(s), others, $"positive logit at {s}");
            Nearly.Equal(PairFormulas.Logit(options, PairKind.Negative, s), margins.NegativeLogit(s), others, $"negative logit at {s}");
            Nearly.Equal(PairFormulas.Slope(options, PairKind.Positive, s), margins.PositiveSlope(s), others, $"positive slope at {s}");
            Nearly.Equal(PairFormulas.Slope(options, PairKind.Negative, s), margins.NegativeSlope(s), others, $"negative slope at {s}");
        }
    }

    [Property]
    public void An_attached_slope_is_the_derivative_of_the_logit(int seed)
    {
        (CircleMargins margins, double s) = Draw(seed, WeightGradient.Attached);
        const double H = 1.0 / 1024;
        if (Math.Abs(s - margins.PositiveOptimum) < H || Math.Abs(s - margins.NegativeOptimum) < H)
        {
            return; // Where the weight reaches 0 the logit has a kink, and no derivative.
        }

        // Weights and distances from the margin are below 4.
        double tolerance = Tolerances.ParabolaDifference(margins.Gamma * 16, H);
        Nearly.Equal((margins.PositiveLogit(s + H) - margins.PositiveLogit(s - H)) / (2 * H), margins.PositiveSlope(s), tolerance, "positive slope");
        Nearly.Equal((margins.NegativeLogit(s + H) - margins.NegativeLogit(s - H)) / (2 * H), margins.NegativeSlope(s), tolerance, "negative slope");
    }

    [Property]
    public void A_detached_slope_is_the_derivative_of_the_logit_with_the_weight_held(int seed)
    {
        (CircleMargins margins, double s) = Draw(seed, WeightGradient.Detached);

        Nearly.Equal(-margins.Gamma * margins.PositiveWeight(s), margins.PositiveSlope(s), Tolerances.SameInDouble(margins.Gamma * 4), "positive slope");
        Nearly.Equal(margins.Gamma * margins.NegativeWeight(s), margins.NegativeSlope(s), Tolerances.SameInDouble(margins.Gamma * 4), "negative slope");
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void A_span_gives_what_its_similarities_give_one_at_a_time(PairWeighting weighting, WeightGradient gradient, SimilarityClamp clamp)
    {
        CircleMargins margins = new(Options(weighting, gradient, clamp));
        double gamma = margins.Gamma, op = margins.PositiveOptimum, dp = margins.PositiveMargin, on = margins.NegativeOptimum, dn = margins.NegativeMargin;

        AssertSpan(margins.PositiveWeights, margins.PositiveWeight, s => Tolerances.SpanWeight(s, op));
        AssertSpan(margins.NegativeWeights, margins.NegativeWeight, s => Tolerances.SpanWeight(s, on));
        AssertSpan(margins.PositiveLogits, margins.PositiveLogit, s => Tolerances.SpanLogit(s, op, dp, gamma));
        AssertSpan(margins.NegativeLogits, margins.NegativeLogit, s => Tolerances.SpanLogit(s, on, dn, gamma));
        AssertSpan(margins.PositiveSlopes, margins.PositiveSlope, s => Tolerances.SpanSlope(s, Math.Abs(op) + Math.Abs(dp), gamma));
        AssertSpan(margins.NegativeSlopes, margins.NegativeSlope, s => Tolerances.SpanSlope(s, Math.Abs(on) + Math.Abs(dn), gamma));
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void A_span_may_be_overwritten_by_its_own_results(PairWeighting weighting, WeightGradient gradient, SimilarityClamp clamp)
    {
        foreach (OverSpan operation in Operations(new(Options(weighting, gradient, clamp))))
        {
            float[] both = Similarities(), expected = new float[both.Length];
            operation(both, expected);

            operation(both, both);

            Assert.Equal(expected, both);
        }
    }

    [Fact]
    public void A_destination_of_another_length_or_half_over_the_similarities_is_an_error()
    {
        foreach (WeightGradient gradient in Enum.GetValues<WeightGradient>())
        {
            foreach (OverSpan operation in Operations(new(Options(PairWeighting.Circle, gradient, SimilarityClamp.None))))
            {
                float[] numbers = new float[9];

                ArgumentException length = Assert.Throws<ArgumentException>(() => operation(numbers, new float[8]));
                ArgumentException overlap = Assert.Throws<ArgumentException>(() => operation(numbers.AsSpan(0, 8), numbers.AsSpan(1, 8)));

                Assert.StartsWith("destination has length 8: expected 9", length.Message, StringComparison.Ordinal);
                Assert.StartsWith("similarities and destination overlap", overlap.Message, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void NaN_gives_NaN_but_for_a_constant_weight(PairWeighting weighting, WeightGradient gradient, SimilarityClamp clamp)
    {
        CircleMargins margins = new(Options(weighting, gradient, clamp));
        bool[] constant = weighting == PairWeighting.Constant ? [true, true, false, false, true, true] : new bool[6];

        Assert.Equal(constant, Operations(margins).Select(operation =>
        {
            float[] results = new float[20];
            operation([.. Enumerable.Repeat(float.NaN, 20)], results);
            return results.All(float.IsFinite);
        }));
    }

    private static OverSpan[] Operations(CircleMargins margins) =>
        [margins.PositiveWeights, margins.NegativeWeights, margins.PositiveLogits, margins.NegativeLogits, margins.PositiveSlopes, margins.NegativeSlopes];

    private static void AssertSpan(OverSpan overSpan, Func<double, double> one, Func<double, double> tolerance)
    {
        float[] similarities = Similarities();
        foreach (int length in Enumerable.Range(0, 40).Append(similarities.Length))
        {
            float[] results = new float[length];
            overSpan(similarities.AsSpan(0, length), results);
            for (int i = 0; i < length; i++)
            {
                Nearly.Equal(one(similarities[i]), results[i], tolerance(similarities[i]), $"at {similarities[i]}");
            }
        }
    }

    /// <summary>From -1.5 to 1.5, so that weights end and clamps act, and the numbers where they do.</summary>
    private static float[] Similarities() => [-1, 1, -0.4f, 1.4f, 0, .. Enumerable.Range(0, 501).Select(i => (i - 250) * 0.006f)];

    private static CircleLossOptions Options(PairWeighting weighting, WeightGradient gradient, SimilarityClamp clamp) =>
        new() { Gamma = 80, Margin = 0.4, Weighting = weighting, WeightGradient = gradient, Clamp = clamp };

    private static (CircleMargins Margins, double Similarity) Draw(int seed, WeightGradient gradient)
    {
        Random random = new(seed);
        CircleLossOptions options = new() { Gamma = 1 + (300 * random.NextDouble()), Margin = (2 * random.NextDouble()) - 1, WeightGradient = gradient };
        return (new(options), (3 * random.NextDouble()) - 1.5);
    }
}
