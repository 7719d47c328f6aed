using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class PairFormulasTests
{
    private static readonly CircleLossOptions Detached = new() { Gamma = 16, Margin = 0.25 };
    private static readonly CircleLossOptions Attached = Detached with { WeightGradient = WeightGradient.Attached };
    private static readonly CircleLossOptions Constant = Attached with { Weighting = PairWeighting.Constant };

    // Powers of two and quarters: every value below is exact.
    [Theory]
    [InlineData(PairKind.Positive, 0.5, 0.75, 3, -12, -16)]
    [InlineData(PairKind.Positive, 1, 0.25, -1, -4, 0)]
    [InlineData(PairKind.Positive, 1.25, 0, 0, 0, 0)]
    [InlineData(PairKind.Positive, 1.5, 0, 0, 0, 0)]
    [InlineData(PairKind.Negative, 0.5, 0.75, 3, 12, 16)]
    [InlineData(PairKind.Negative, -0.125, 0.125, -0.75, 2, -4)]
    [InlineData(PairKind.Negative, -0.25, 0, 0, 0, 0)]
    [InlineData(PairKind.Negative, -0.5, 0, 0, 0, 0)]
    public void Weight_logit_and_slope_follow_the_paper(
        PairKind kind, double similarity, double weight, double logit, double detachedSlope, double attachedSlope)
    {
        Assert.Equal(weight, PairFormulas.Weight(Detached, kind, similarity));
        Assert.Equal(logit, PairFormulas.Logit(Detached, kind, similarity));
        Assert.Equal(logit, PairFormulas.Logit(Attached, kind, similarity));
        Assert.Equal(detachedSlope, PairFormulas.Slope(Detached, kind, similarity));
        Assert.Equal(attachedSlope, PairFormulas.Slope(Attached, kind, similarity));
    }

    [Fact]
    public void A_constant_weight_is_1_and_takes_m_as_the_margin_between_positives_and_negatives()
    {
        Assert.Equal((1, -4, -16), Formulas(Constant, PairKind.Positive, 0.5));
        Assert.Equal((1, 8, 16), Formulas(Constant, PairKind.Negative, 0.5));
        Assert.Equal((1, -16, -16), Formulas(Constant, PairKind.Positive, 1.25));
    }

    [Fact]
    public void An_ignored_pair_has_no_weight_and_adds_nothing() => Assert.Equal((0, double.NegativeInfinity, 0), Formulas(Constant, PairKind.Ignored, 0.5));

    [Theory]
    [InlineData(SimilarityClamp.None, 1.5, 1.5)]
    [InlineData(SimilarityClamp.None, -1.5, -1.5)]
    [InlineData(SimilarityClamp.AtMostOne, 1.5, 1)]
    [InlineData(SimilarityClamp.AtMostOne, -1.5, -1.5)]
    [InlineData(SimilarityClamp.MinusOneToOne, 1.5, 1)]
    [InlineData(SimilarityClamp.MinusOneToOne, -1.5, -1)]
    public void A_clamped_similarity_counts_as_the_edge_and_has_no_slope(SimilarityClamp clamp, double similarity, double clamped)
    {
        CircleLossOptions options = Detached with { Clamp = clamp, PositiveOptimum = 2, NegativeOptimum = -2 };
        foreach (PairKind kind in new[] { PairKind.Positive, PairKind.Negative })
        {
            Assert.Equal(PairFormulas.Weight(options, kind, clamped), PairFormulas.Weight(options, kind, similarity));
            Assert.Equal(PairFormulas.Logit(options, kind, clamped), PairFormulas.Logit(options, kind, similarity));
            Assert.Equal(similarity == clamped, PairFormulas.Slope(options, kind, similarity) != 0);
        }
    }

    [Theory]
    [InlineData(SimilarityClamp.AtMostOne, 1)]
    [InlineData(SimilarityClamp.MinusOneToOne, 1)]
    [InlineData(SimilarityClamp.MinusOneToOne, -1)]
    public void The_edge_of_the_clamp_passes_its_gradient(SimilarityClamp clamp, double edge)
    {
        CircleLossOptions options = Detached with { Clamp = clamp, NegativeOptimum = -2 };

        Assert.NotEqual(0, PairFormulas.Slope(options, PairKind.Positive, edge));
        Assert.NotEqual(0, PairFormulas.Slope(options, PairKind.Negative, edge));
        Assert.Equal(0, PairFormulas.Slope(options, PairKind.Negative, edge > 0 ? Math.BitIncrement(edge) : Math.BitDecrement(edge)));
    }

    [Fact]
    public void Without_options_there_is_no_formula()
    {
        Assert.Throws<ArgumentNullException>(() => PairFormulas.Weight(null!, PairKind.Positive, 0));
        Assert.Throws<ArgumentNullException>(() => PairFormulas.Logit((CircleLossOptions)null!, PairKind.Positive, 0));
        Assert.Throws<ArgumentNullException>(() => PairFormulas.Slope((CircleLossOptions)null!, PairKind.Positive, 0));
    }

    private static (double Weight, double Logit, double Slope) Formulas(CircleLossOptions options, PairKind kind, double similarity) =>
        (PairFormulas.Weight(options, kind, similarity), PairFormulas.Logit(options, kind, similarity), PairFormulas.Slope(options, kind, similarity));
}
