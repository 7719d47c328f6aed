using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class SameBitsTests
{
    public static TheoryData<string> Names => [.. SameBits.Problems.Select(problem => problem.Name)];

    public static TheoryData<string, SimdWidth> NamesAndWidths =>
        [.. SameBits.Problems.SelectMany(problem => SameBits.Widths.Select(width => new TheoryDataRow<string, SimdWidth>(problem.Name, width)))];

    [Theory]
    [MemberData(nameof(NamesAndWidths))]
    public void Every_width_of_vectors_and_number_of_threads_gives_the_same_bits(string name, SimdWidth width)
    {
        LossProblem problem = SameBits.Problems.Single(problem => problem.Name == name);
        LossAnswer expected = problem.SolveInFloat();

        Assert.All(SameBits.Executions(width), execution =>
        {
            LossAnswer actual = problem.SolveInFloat(execution);
            Assert.Equal(expected.Losses, actual.Losses);
            Assert.Equal(expected.QueryGradient, actual.QueryGradient);
            Assert.Equal(expected.ReferenceGradient, actual.ReferenceGradient);
            Assert.Equal(expected.Result, actual.Result);
        });
    }

    [Fact]
    public void The_bits_are_those_of_every_platform() => Assert.Equal(SameBits.Expected, SameBits.HashOfAll());

    [Theory]
    [MemberData(nameof(Names))]
    public void They_are_bits_of_the_right_numbers(string name)
    {
        LossProblem problem = SameBits.Problems.Single(problem => problem.Name == name);
        ReferenceResult expected = problem.SolveInDouble();

        LossAnswer actual = problem.SolveInFloat();
        double logit = Tolerances.LogitInFloat(problem.Options.Gamma);
        double ofALoss = Math.Max(Tolerances.PeerLossInFloat, logit), ofAnEntry = Math.Max(Tolerances.PeerGradientInFloat, logit);

        Nearly.Equal(expected.Losses, actual.Losses, loss => ofALoss * Math.Max(1, loss), "loss");
        Nearly.Equal(expected.QueryGradient, actual.QueryGradient, ofAnEntry * Nearly.Largest(expected.QueryGradient), "query gradient");
        Nearly.Equal(expected.ReferenceGradient, actual.ReferenceGradient, ofAnEntry * Nearly.Largest(expected.ReferenceGradient), "reference gradient");
    }

    [Fact]
    public void One_bit_of_one_number_changes_the_hash()
    {
        LossAnswer answer = SameBits.Problems[0].SolveInFloat();
        double[] changed = [.. answer.QueryGradient];
        changed[^1] = Math.BitIncrement(changed[^1]);

        Assert.NotEqual(SameBits.Hash(answer), SameBits.Hash(answer with { QueryGradient = changed }));
    }
}
