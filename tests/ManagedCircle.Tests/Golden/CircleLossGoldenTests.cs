using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Golden;

/// <summary>
/// The float engine against what other implementations computed in float64. The cases with lists of pairs are <see cref="SimilarityLossGoldenTests"/>.
/// </summary>
public sealed class CircleLossGoldenTests
{
    public static TheoryData<string> OfLabels => [.. GoldenProblems.OfLabels];

    public static TheoryData<string> OfGradients => [.. GoldenProblems.OfGradients];

    public static TheoryData<string, string> Refused => [.. GoldenProblems.Refused.Select(pair => (pair.Key, pair.Value))];

    [Theory]
    [MemberData(nameof(OfLabels))]
    public void Losses_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        LossAnswer answer = GoldenProblems.Of(golden).SolveInFloat();

        if ((golden.Hp?.AnchorLosses ?? golden.Out64.AnchorLosses) is { } losses)
        {
            Nearly.Equal(losses.ToDoubles(), answer.Losses, loss => OfALoss(golden, loss, golden.FloatDeviations?.AnchorLossesMaxAbs), "losses");
        }

        // Where floats vanish, a mean is over fewer losses, and the sum is what can be compared.
        double expected = golden.Hp?.Loss ?? golden.Out64.Loss;
        double recount = Recount(golden, answer);
        Nearly.Equal(expected, answer.Result.Loss * recount, OfTheReducedLoss(golden, expected), "loss");
        if (golden.Out64.NNonzero is { } nonzero && !golden.Flags.Contains("count_differs"))
        {
            Assert.Equal(nonzero, answer.Result.NonzeroCount);
        }
    }

    [Theory]
    [MemberData(nameof(OfGradients))]
    public void Gradients_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        LossProblem problem = GoldenProblems.Of(golden);
        LossAnswer answer = problem.SolveInFloat();
        double recount = Recount(golden, answer);

        double[] gradient = [.. answer.QueryGradient.Select(g => g * recount)];
        Func<double, double> tolerance = OfAGradient(golden, golden.FloatDeviations?.GradEmbMaxAbs);
        if (golden.Out64.GradEmb is { } whole)
        {
            GoldenGradients.AssertRows(problem.Rows, whole, gradient, tolerance);
        }
        else
        {
            int dimension = problem.Dimension;
            double[] kept = [.. golden.Out64.GradEmbStats.Rows.SelectMany(row => gradient[(row * dimension)..((row + 1) * dimension)])];
            GoldenGradients.AssertRows(null, golden.Out64.GradEmbRows, kept, tolerance);
        }

        GoldenArray? ofReferences = golden.Out64.GradRef ?? golden.Out64.GradWeight;
        GoldenGradients.AssertRows(problem.References, ofReferences, answer.ReferenceGradient, OfAGradient(golden, golden.FloatDeviations?.GradRefMaxAbs));
    }

    [Fact]
    public void Losses_that_are_not_held_to_the_peers_float_are_those_it_rounds_to_the_nearest() => Assert.All(GoldenProblems.NearestByChance.Keys, name =>
    {
        GoldenCase golden = GoldenSet.Case(name);

        Assert.InRange(golden.Params.Gamma, 257, double.PositiveInfinity);
        Assert.Equal((float)golden.Out64.Loss, golden.Out32!.Loss);
    });

    [Theory]
    [MemberData(nameof(Refused))]
    public void Rows_that_are_not_finite_are_refused_by_name(string name, string message)
    {
        LossProblem problem = GoldenProblems.Of(GoldenSet.Case(name));

        ArgumentException error = Assert.Throws<ArgumentException>(() => problem.SolveInFloat());

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static double Recount(GoldenCase golden, LossAnswer answer) =>
        golden.Flags.Contains("count_differs") && golden.Out64.NNonzero is > 0 and { } nonzero ? (double)answer.Result.NonzeroCount / nonzero : 1;

    private static double OfTheReducedLoss(GoldenCase golden, double loss) =>
        !GoldenProblems.NearestByChance.ContainsKey(golden.Name) ? OfALoss(golden, loss, golden.FloatDeviations?.LossAbs)
        : Tolerances.Fused && golden.Params.Gamma <= 1024 ? Tolerances.LastPlaceInFloat(loss)
        : Tolerances.LossInFloat(loss, golden.Params.Gamma);

    private static double OfALoss(GoldenCase golden, double loss, double? peer) =>
        golden.Params.Gamma <= 256 ? Tolerances.PeerLossInFloat * Math.Max(1, loss)
        : Tolerances.Fused && peer is not null ? Tolerances.OfThePeersFloat * peer.Value
        : Math.Max(Tolerances.OfThePeersFloat * (peer ?? 0), Tolerances.LossInFloat(loss, golden.Params.Gamma));

    private static Func<double, double> OfAGradient(GoldenCase golden, double? peer) => largest => golden.Params.Gamma <= 256
        ? Tolerances.PeerGradientInFloat * largest
        : Tolerances.OfThePeersFloat * peer!.Value;
}
