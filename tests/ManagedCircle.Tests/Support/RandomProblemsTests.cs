using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Support;

public sealed class RandomProblemsTests
{
    private static readonly LossProblem[] Drawn = [.. Enumerable.Range(0, 500).Select(seed => RandomProblems.Draw(seed, maxRows: 12, maxDimension: 9))];

    [Fact]
    public void Every_choice_is_reached()
    {
        AssertAllReached(options => options.Weighting);
        AssertAllReached(options => options.WeightGradient);
        AssertAllReached(options => options.Clamp);
        AssertAllReached(options => options.Scope);
        AssertAllReached(options => options.Combination);
        AssertAllReached(options => options.SelfDiagonal);
        AssertAllReached(options => options.ReferenceDiagonal);
        AssertAllReached(options => options.Reduction);
        AssertAllReached(options => options.Denominator);
        AssertAllReached(options => options.OutputScale);
        AssertReached(problem => problem.Options.Normalize);
        AssertReached(problem => !problem.Options.Normalize);
        AssertReached(problem => problem.Options.IgnoreLabel is { } ignored && problem.Labels.Contains(ignored));
        AssertReached(problem => problem.Options.NegativeOptimum != -problem.Options.Margin);
    }

    [Fact]
    public void Every_kind_of_input_is_reached()
    {
        AssertReached(problem => problem.References is null);
        AssertReached(problem => problem.References is not null);
        AssertReached(problem => problem.Labels.Length == 0);
        AssertReached(problem => problem.Labels.Length == 1);
        AssertReached(problem => problem.References?.Length == 0);
        AssertReached(problem => problem.Dimension == 1);
        AssertReached(problem => problem.Rows.Chunk(problem.Dimension).Any(row => row.All(x => x == 0)));
        AssertReached(problem => problem.Labels.Any(label => label != (int)label));
        AssertReached(problem => problem.Terms.Weights.Length > 1);
        AssertReached(problem => problem.Terms.Weights.Length > 1 && problem.Terms.Weights.All(weight => weight == 0));
        AssertReached(problem => problem.Terms.Upstream.Length == 1);
        AssertReached(problem => problem.Terms.Upstream.Length > 1);
        AssertReached(problem => problem.Terms.ExcludedReferences.Length > 1);
    }

    [Fact]
    public void Losses_are_small_and_large_and_most_problems_have_a_gradient()
    {
        ReferenceResult[] results = [.. Drawn.Select(problem => problem.SolveInDouble())];

        Assert.True(results.Count(result => result.SimilarityGradient.Any(g => g != 0)) > Drawn.Length / 2);
        Assert.Contains(results, result => result.Losses.Any(loss => loss is > 0 and < 1e-10));
        Assert.Contains(results, result => result.Losses.Any(loss => loss is > 0.1 and < 1));
        Assert.Contains(results, result => result.Losses.Any(loss => loss > 1000));
    }

    [Fact]
    public void A_seed_makes_the_same_problem_again()
    {
        LossProblem first = RandomProblems.Draw(7), second = RandomProblems.Draw(7);

        Assert.Equal(first.Rows, second.Rows);
        Assert.Equal(first.Options, second.Options);
        Assert.NotEqual(first.Rows, RandomProblems.Draw(8).Rows);
    }

    private static void AssertAllReached<T>(Func<CircleLossOptions, T> choice)
        where T : struct, Enum => Assert.Equal(Enum.GetValues<T>(), Drawn.Select(problem => choice(problem.Options)).Distinct().Order());

    private static void AssertReached(Predicate<LossProblem> kind) => Assert.Contains(Drawn, kind);
}
