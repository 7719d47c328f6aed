using System.Globalization;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Conformance;

public sealed class SpecValueTests
{
    public static TheoryData<string> Names => [.. SpecValues.All.Select(value => value.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_reference_gives_every_digit_printed(string name)
    {
        SpecValue value = SpecValues.All.Single(value => value.Name == name);
        ReferenceResult result = value.Problem.SolveInDouble();

        AssertPrinted(value.Loss, [result.Loss], Tolerances.HalfAUnitOfTheLastDigit);
        AssertPrinted(value.Losses, result.Losses, Tolerances.HalfAUnitOfTheLastDigit);
        AssertPrinted(value.Gradient, result.QueryGradient, Tolerances.HalfAUnitOfTheLastDigit);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_engine_is_as_close_as_floats_are(string name)
    {
        SpecValue value = SpecValues.All.Single(value => value.Name == name);
        LossAnswer answer = value.Problem.SolveInFloat();
        double largest = Nearly.Largest(value.Problem.SolveInDouble().QueryGradient);

        AssertPrinted(value.FloatLoss ?? value.Loss, [answer.Result.Loss], OfALoss);
        AssertPrinted(value.Losses, answer.Losses, OfALoss);
        AssertPrinted(value.Gradient, answer.QueryGradient, OfAnEntry);

        double OfAnEntry(string number) => Tolerances.HalfAUnitOfTheLastDigit(number) + Tolerances.PublishedGradientInFloat * largest;

        static double OfALoss(string number) =>
            Tolerances.HalfAUnitOfTheLastDigit(number) + Tolerances.PublishedLossInFloat * Math.Max(1, double.Parse(number, CultureInfo.InvariantCulture));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Similarities_entered_by_hand_give_the_same_loss_to_the_bit(string name)
    {
        LossProblem problem = SpecValues.All.Single(value => value.Name == name).Problem;
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
        double[] excess = [.. new[] { 1, 8, 64, 256 }.Select(gamma => SpecValues.UnifiedOverGamma(gamma).SolveInDouble().Loss - Hinge)];

        Assert.Equal(excess.OrderDescending(), excess);
        Assert.InRange(excess[^1], 0, Tolerances.LogSumExpOverLargest(terms: 2 * 3 + 1, gamma: 256));
    }

    private static void AssertPrinted(string printed, double[] actual, Func<string, double> tolerance)
    {
        string[] numbers = printed.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(numbers, (number, i) =>
        {
            if (number != "*")
            {
                double expected = double.Parse(number, CultureInfo.InvariantCulture);
                Assert.True(Math.Abs(actual[i] - expected) <= tolerance(number), $"number {i}: {actual[i]:R}, expected {number}");
            }
        });
    }
}
