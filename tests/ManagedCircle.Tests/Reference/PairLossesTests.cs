using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

/// <summary>Each way from logits to a loss: its derivatives against central differences, and what it is in words.</summary>
public sealed class PairLossesTests
{
    private static readonly double[] Positives = [-1.3, .4, 2.1, .7], Negatives = [.2, -2.5, 1.1, -.3, .9];

    private static readonly double[][] NegativesOfPositives = [[.3, -1], [], [1.7], [-.4, .6, .1]];

    public static TheoryData<string, LossLink> Ways =>
        [.. from way in Methods.Keys from link in Enum.GetValues<LossLink>() select new TheoryDataRow<string, LossLink>(way, link)];

    private static Dictionary<string, Func<double[], double[], LossLink, QueryLoss>> Methods => new()
    {
        [nameof(PairLosses.LogSumExp)] = PairLosses.LogSumExp,
        [nameof(PairLosses.Separate)] = (p, n, _) => PairLosses.Separate(p, n, positiveWeight: .5, negativeWeight: .02),
        [nameof(PairLosses.Nearest)] = PairLosses.Nearest,
        [nameof(PairLosses.Mean)] = (p, n, _) => PairLosses.Mean(p, n),
        [nameof(PairLosses.Each)] = PairLosses.Each,
        [nameof(PairLosses.MeanOfEach)] = PairLosses.MeanOfEach,
        [nameof(PairLosses.EachOfBothEnds)] = (p, n, link) => PairLosses.EachOfBothEnds(p, n, NegativesOfPositives, link),
        [nameof(PairLosses.Pairs)] = PairLosses.Pairs,
        [nameof(PairLosses.Hardest)] = PairLosses.Hardest,
        [nameof(PairLosses.SemiHard)] = (p, n, link) => PairLosses.SemiHard(p, n, [false, true, false, true, true], link),
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public void Derivatives_are_central_differences(string way, LossLink link)
    {
        QueryLoss loss = Methods[way](Positives, Negatives, link);

        Nearly.Equal(Differences(Positives, p => Methods[way](p, Negatives, link).Loss), loss.Positives, 1e-9, "positives");
        Nearly.Equal(Differences(Negatives, n => Methods[way](Positives, n, link).Loss), loss.Negatives, 1e-9, "negatives");
    }

    [Fact]
    public void The_negatives_of_positives_have_derivatives_too()
    {
        QueryLoss loss = PairLosses.EachOfBothEnds(Positives, Negatives, NegativesOfPositives, LossLink.HalfSquaredHinge);

        for (int k = 0; k < Positives.Length; k++)
        {
            double[][] ends = [.. NegativesOfPositives];
            double[] differences = Differences(NegativesOfPositives[k], moved =>
            {
                ends[k] = moved;
                return PairLosses.EachOfBothEnds(Positives, Negatives, ends, LossLink.HalfSquaredHinge).Loss;
            });
            Nearly.Equal(differences, loss.NegativesOfPositives[k], 1e-9, $"negatives of positive {k}");
        }
    }

    [Fact]
    public void Losses_with_one_positive_agree()
    {
        double expected = Math.Log(1 + Math.Exp(.4) * Negatives.Sum(Math.Exp));

        Assert.Equal(expected, PairLosses.LogSumExp([.4], Negatives, LossLink.Softplus).Loss, 1e-14);
        Assert.Equal(expected, PairLosses.Nearest([.4], Negatives, LossLink.Softplus).Loss, 1e-14);
        Assert.Equal(expected, PairLosses.Each([.4], Negatives, LossLink.Softplus).Loss, 1e-14);
        Assert.Equal(expected, PairLosses.Mean([.4], Negatives).Loss, 1e-14);
    }

    [Fact]
    public void Each_pair_is_a_term()
    {
        Assert.Equal([0, .4, 2.1, .7], PairLosses.Pairs(Positives, Negatives, LossLink.Hinge).PositiveTerms);
        Assert.Equal([.2, 0, 1.1, 0, .9], PairLosses.Pairs(Positives, Negatives, LossLink.Hinge).NegativeTerms);
        Assert.Equal(Positives.Length, PairLosses.Each(Positives, Negatives, LossLink.Softplus).PositiveTerms.Length);
    }

    [Fact]
    public void The_hardest_pairs_alone_make_a_triplet()
    {
        QueryLoss loss = PairLosses.Hardest([1, 3, 3], [-2, -1, -1], LossLink.Hinge);

        Assert.Equal(2, loss.Loss);
        Assert.Equal([0, 1, 0], loss.Positives);
        Assert.Equal([0, 1, 0], loss.Negatives);
    }

    [Fact]
    public void A_semi_hard_negative_is_the_nearest_of_those_farther_or_else_the_farthest()
    {
        Assert.Equal([0, 0, 1], PairLosses.SemiHard([3], [5, -2, -1], [false, true, true], LossLink.Identity).Negatives);
        Assert.Equal([0, 1, 0], PairLosses.SemiHard([3], [5, -2, -1], [false, false, false], LossLink.Identity).Negatives);
    }

    [Fact]
    public void A_side_that_is_missing_counts_0()
    {
        Assert.Equal(1.5, PairLosses.LogSumExp([1.5], [], LossLink.Hinge).Loss);
        Assert.Equal(2.5, PairLosses.Hardest([], [2.5], LossLink.Hinge).Loss);
        Assert.Equal(0, PairLosses.Separate([], [], 1, 1).Loss);
        Assert.Equal(4.5, PairLosses.EachOfBothEnds([3], [], [[]], LossLink.HalfSquaredHinge).Loss);
        Assert.Equal(0, PairLosses.Mean([1.5], []).Loss, 1e-15);
    }

    [Fact]
    public void What_is_of_rows_is_refused_where_there_are_similarities_or_references()
    {
        PairLossOptions lifted = new() { Pooling = PairPooling.EachOfBothEnds }, distance = new() { Measure = PairMeasure.Distance };

        AssertRefused("Pooling is EachOfBothEnds", () => ReferenceLoss.AgainstReferences(lifted, [1], [0], [1], [0]));
        AssertRefused("Pooling is EachOfBothEnds", () => ReferenceLoss.FromSimilarities(lifted, [1], [0], [0]));
        AssertRefused("Pooling is EachOfBothEnds", () => ReferenceLoss.FromSimilarities(lifted, [1], [PairKind.Positive], 1));
        AssertRefused("Measure is Distance", () => ReferenceLoss.FromSimilarities(distance, [1], [0], [0]));
        AssertRefused("Measure is Distance", () => ReferenceLoss.FromSimilarities(distance, [1], [PairKind.Positive], 1));
        Assert.Throws<ArgumentNullException>(() => ReferenceLoss.SelfBatch((PairLossOptions)null!, [1], [0]));
    }

    [Theory]
    [InlineData(PairPooling.LogSumExp, LossLink.Softplus)]
    [InlineData(PairPooling.Mean, LossLink.Softplus)]
    [InlineData(PairPooling.Nearest, LossLink.Softplus)]
    [InlineData(PairPooling.Each, LossLink.Softplus)]
    [InlineData(PairPooling.Hardest, LossLink.Hinge)]
    public void A_temperature_of_a_thousandth_stays_finite(PairPooling pooling, LossLink link)
    {
        PairLossOptions options = PairLossOptions.InfoNce(temperature: 0.001) with { Pooling = pooling, Link = link };

        ReferenceResult result = ReferenceLoss.SelfBatch(options, [1, 0, -1, 0, 1, 0, 0, 1, -1, 0, .6, .8], [1, 1, 2, 2, 3, 3]);

        Assert.InRange(result.Loss, 100, 3000);
        Assert.All(result.QueryGradient, g => Assert.True(double.IsFinite(g)));
    }

    private static void AssertRefused(string message, Func<ReferenceResult> solve) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(solve).Message, StringComparison.Ordinal);

    private static double[] Differences(double[] at, Func<double[], double> loss)
    {
        const double Step = 1e-3;
        return [.. at.Select((_, i) => (8 * (Moved(i, Step) - Moved(i, -Step)) - (Moved(i, 2 * Step) - Moved(i, -2 * Step))) / (12 * Step))];

        double Moved(int i, double by) => loss([.. at.Select((x, j) => j == i ? x + by : x)]);
    }
}
