using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Published;

public sealed class PublishedValueTests
{
    public static TheoryData<string> Names => [.. PublishedValues.All.Select(value => value.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_reference_gives_every_digit_printed(string name) =>
        Assert.Empty(PublishedValues.All.Single(value => value.Name == name).MismatchesInDouble());

    [Theory]
    [MemberData(nameof(Names))]
    public void The_engine_is_as_close_as_floats_are(string name) => Assert.Empty(PublishedValues.All.Single(value => value.Name == name).MismatchesInFloat());

    [Fact]
    public void A_digit_off_is_a_mismatch()
    {
        PublishedValue value = PublishedValues.All[0];

        Assert.Single((value with { Loss = "188.3883143523" }).MismatchesInDouble());
        Assert.Single((value with { Loss = "188.391" }).MismatchesInFloat());
        Assert.Single((value with { Losses = "127.6789470877 98.4444904555 275.9191485550 251.51068 0" }).MismatchesInDouble());
        Assert.Single((value with { Gradient = "11.915" }).MismatchesInFloat());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Similarities_entered_by_hand_give_the_same_loss_to_the_bit(string name)
    {
        LossProblem problem = PublishedValues.All.Single(value => value.Name == name).Problem;
        ReferenceResult expected = problem.SolveInDouble();

        ReferenceResult actual = ReferenceLoss.FromSimilarities(problem.Options, expected.Similarities, expected.Pairs, problem.Labels.Length, problem.Terms);

        Assert.Equal(expected.Loss, actual.Loss);
        Assert.Equal(expected.Losses, actual.Losses);
        Assert.Equal(expected.SimilarityGradient, actual.SimilarityGradient);
    }

    [Fact]
    public void The_unified_loss_over_gamma_tends_to_the_batch_hard_triplet_hinge()
    {
        const double Hinge = .5 - .3 + .35;
        double[] excess = [.. new[] { 1, 8, 64, 256 }.Select(gamma => PublishedValues.UnifiedOverGamma(gamma).SolveInDouble().Loss - Hinge)];

        Assert.Equal(excess.OrderDescending(), excess);
        Assert.InRange(excess[^1], 0, Tolerances.LogSumExpOverLargest(terms: 2 * 3 + 1, gamma: 256));
    }
}
