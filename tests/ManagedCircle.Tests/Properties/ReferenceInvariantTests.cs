using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>What holds for every problem, whatever the choices.</summary>
public sealed class ReferenceInvariantTests
{
    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void A_loss_without_a_positive_or_a_negative_is_0_and_has_no_gradient(LossProblem problem)
    {
        ReferenceResult result = problem.SolveInDouble();

        for (int i = 0; i < result.Losses.Length; i++)
        {
            bool valid = result.PositiveCounts[i] > 0 && result.NegativeCounts[i] > 0;
            int perLoss = result.Pairs.Length / result.Losses.Length;
            Assert.True(valid || result.Losses[i] == 0, $"{problem}: loss {i} is {result.Losses[i]}");
            Assert.True(valid || result.SimilarityGradient.AsSpan(i * perLoss, perLoss).IndexOfAnyExcept(0) < 0, $"{problem}: loss {i} has a gradient");
        }
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void Nothing_is_ever_NaN_or_infinite(LossProblem problem)
    {
        ReferenceResult result = problem.SolveInDouble();

        bool reduced = problem.Options.Reduction != LossReduction.None || problem.Options.Scope == LossScope.Batch;
        Assert.Equal(reduced, double.IsFinite(result.Loss));
        Assert.All(result.Losses, loss => Assert.True(double.IsFinite(loss) && loss >= 0));
        Assert.All([.. result.SimilarityGradient, .. result.QueryGradient, .. result.ReferenceGradient], g => Assert.True(double.IsFinite(g)));
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void Rows_of_the_ignored_label_are_removed_in_effect(LossProblem problem)
    {
        // Indices move with the rows: excluded references and a removed diagonal mean others then.
        long ignored = problem.Labels.FirstOrDefault(-1);
        CircleLossOptions options = problem.Options with { ReferenceDiagonal = DiagonalPairs.Kept };
        ReferenceTerms terms = problem.Terms with { ExcludedReferences = [], Upstream = [.. problem.Terms.Upstream.Take(1)] };
        LossProblem all = problem with { Options = options with { IgnoreLabel = ignored }, Terms = terms };
        LossProblem fewer = problem with
        {
            Options = options with { IgnoreLabel = null },
            Rows = Kept(problem.Rows, problem.Labels, problem.Dimension),
            Labels = Kept(problem.Labels, problem.Labels, 1),
            References = problem.References is null ? null : Kept(problem.References, problem.ReferenceLabels, problem.Dimension),
            ReferenceLabels = Kept(problem.ReferenceLabels, problem.ReferenceLabels, 1),
            Terms = terms with { Weights = terms.Weights.Length > 0 ? Kept(terms.Weights, problem.Labels, 1) : [] },
        };

        ReferenceResult expected = fewer.SolveInDouble(), actual = all.SolveInDouble();

        bool wholeBatch = problem.Options.Scope == LossScope.Batch;
        Assert.Equal(expected.Loss, actual.Loss);
        Assert.Equal(expected.Losses, wholeBatch ? actual.Losses : Kept(actual.Losses, problem.Labels, 1));
        Assert.Equal(expected.QueryGradient, Kept(actual.QueryGradient, problem.Labels, problem.Dimension));
        Assert.Equal((expected.QueryCount, expected.ReferenceCount), (actual.QueryCount, actual.ReferenceCount));
        Assert.Equal((expected.ValidCount, expected.NonzeroCount), (actual.ValidCount, actual.NonzeroCount));
        Assert.All(actual.QueryGradient.Where((_, i) => problem.Labels[i / problem.Dimension] == ignored), g => Assert.Equal(0, g));

        T[] Kept<T>(T[] numbers, long[] labels, int perRow) => [.. numbers.Where((_, i) => labels[i / perRow] != ignored)];
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void The_order_of_references_changes_no_loss_but_for_rounding(LossProblem problem)
    {
        LossProblem forward = problem with
        {
            Options = problem.Options with { ReferenceDiagonal = DiagonalPairs.Kept },
            References = problem.References ?? problem.Rows,
            ReferenceLabels = problem.References is null ? problem.Labels : problem.ReferenceLabels,
            Terms = problem.Terms with { ExcludedReferences = [] },
        };
        LossProblem backward = forward with
        {
            References = [.. forward.References!.Chunk(problem.Dimension).Reverse().SelectMany(row => row)],
            ReferenceLabels = [.. forward.ReferenceLabels.Reverse()],
        };

        Nearly.Equal(forward.SolveInDouble().Losses, backward.SolveInDouble().Losses, loss => Tolerances.LossInDouble(loss, problem.Options), problem.Name);
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void The_length_of_normalised_rows_changes_no_loss_and_divides_the_gradient(LossProblem problem)
    {
        LossProblem normalised = problem with { Options = problem.Options with { Normalize = true } };
        LossProblem longer = normalised with { Rows = [.. problem.Rows.Select(x => 4 * x)], References = problem.References?.Select(x => 4 * x).ToArray() };

        ReferenceResult expected = normalised.SolveInDouble(), actual = longer.SolveInDouble();

        // A power of two rounds nothing but subnormal numbers.
        Assert.Equal(expected.Losses, actual.Losses);
        Nearly.Equal(expected.QueryGradient, [.. actual.QueryGradient.Select(g => 4 * g)], Tolerances.Subnormal, problem.Name);
        Nearly.Equal(expected.ReferenceGradient, [.. actual.ReferenceGradient.Select(g => 4 * g)], Tolerances.Subnormal, problem.Name);
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void One_negative_more_never_lowers_a_valid_loss(LossProblem problem)
    {
        LossProblem fewer = problem with
        {
            Options = problem.Options with { ReferenceDiagonal = DiagonalPairs.Kept },
            References = problem.References ?? problem.Rows,
            ReferenceLabels = problem.References is null ? problem.Labels : problem.ReferenceLabels,
            Terms = problem.Terms with { ExcludedReferences = [] },
        };
        LossProblem more = fewer with
        {
            References = [.. fewer.References!, .. Enumerable.Repeat(0.5, problem.Dimension)],
            ReferenceLabels = [.. fewer.ReferenceLabels, problem.Labels.Append(0).Max() / 2 + 1234567],
        };

        ReferenceResult before = fewer.SolveInDouble(), after = more.SolveInDouble();

        Assert.All(before.Losses, (loss, i) => Assert.True(after.Losses[i] >= loss - Tolerances.LossInDouble(loss, problem.Options), $"{problem}: loss {i}"));
    }
}
