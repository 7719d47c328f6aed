using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;
using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>The float engine against the reference in double, over every option, width, number of threads and kind of input.</summary>
public sealed class CircleLossPropertyTests
{
    private const int CaseCount = 2_000;

    [Fact]
    public void The_engine_is_the_reference_but_for_rounding()
    {
        List<FloatCase> reached = [];

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(CaseCount), Prop.ForAll(FloatCase.Cases(), drawn =>
        {
            AssertIsTheReference(drawn);
            reached.Add(drawn);
        }));

        Assert.Equal(CaseCount, reached.Count);
        AssertReached(reached);
    }

    internal static void AssertIsTheReference(FloatCase drawn)
    {
        LossProblem problem = drawn.Problem;
        ReferenceResult expected = problem.SolveInDouble();
        LossAnswer actual = drawn.Solve();

        // A loss below the smallest float is 0, and then a mean over losses above 0 is over fewer. The output scale hides no loss from the count.
        LossProblem unscaled = problem with { Options = problem.Options with { OutputScale = OutputScale.One } };
        double[] unscaledLosses = unscaled.SolveInFloat(drawn.Execution).Losses;
        double denominator = problem.Denominator(unscaledLosses, expected.ValidCount);
        double ratio = denominator == 0 ? 0 : problem.Denominator(expected.Losses, expected.ValidCount) / denominator;
        FloatBounds bounds = new(problem, expected, denominator);

        Compare("losses", expected.Losses, actual.Losses, bounds.Losses);
        Compare("loss", [expected.Loss * ratio], [actual.Result.Loss], [bounds.Loss]);
        Compare("gradient", [.. expected.QueryGradient.Select(g => g * ratio)], actual.QueryGradient, bounds.QueryGradient);
        Compare("reference gradient", [.. expected.ReferenceGradient.Select(g => g * ratio)], actual.ReferenceGradient, bounds.ReferenceGradient);
        Assert.Equal((expected.QueryCount, expected.ReferenceCount, expected.ValidCount), (actual.Result.QueryCount, actual.Result.ReferenceCount, actual.Result.ValidCount));
        Assert.Equal(unscaledLosses.Count(loss => loss > 0), actual.Result.NonzeroCount);

        void Compare(string what, double[] expected, double[] actual, double[] tolerances)
        {
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                double difference = Math.Abs(actual[i] - expected[i]);
                if (!(difference <= tolerances[i] || (double.IsNaN(expected[i]) && double.IsNaN(actual[i]))))
                {
                    Assert.Fail($"{drawn}: {what}[{i}] is {actual[i]:R}, expected {expected[i]:R}: off by {difference:E1}, allowed {tolerances[i]:E1}");
                }
            }
        }
    }

    private static void AssertReached(List<FloatCase> reached)
    {
        AllOf(drawn => drawn.Problem.Options.Weighting);
        AllOf(drawn => drawn.Problem.Options.WeightGradient);
        AllOf(drawn => drawn.Problem.Options.Clamp);
        AllOf(drawn => drawn.Problem.Options.Scope);
        AllOf(drawn => drawn.Problem.Options.Combination);
        AllOf(drawn => drawn.Problem.Options.SelfDiagonal);
        AllOf(drawn => drawn.Problem.Options.ReferenceDiagonal);
        AllOf(drawn => drawn.Problem.Options.Reduction);
        AllOf(drawn => drawn.Problem.Options.Denominator);
        AllOf(drawn => drawn.Problem.Options.OutputScale);
        Both(drawn => drawn.Problem.Options.Normalize);
        Both(drawn => drawn.Problem.Options.CheckInputs);
        Both(drawn => drawn.Problem.Options.NegativeOptimum == -drawn.Problem.Options.Margin);
        Both(drawn => drawn.Problem.Labels.Contains(drawn.Problem.Options.IgnoreLabel ?? long.MinValue));
        Both(drawn => drawn.Problem.References is null);
        Both(drawn => drawn.Problem.Labels.Length == drawn.Problem.ReferenceLabels.Length);
        Both(drawn => drawn.Problem.Terms.Weights.Length == 0);
        Both(drawn => drawn.Problem.Terms.ExcludedReferences.Length == 0);
        Both(drawn => drawn.Problem.Labels.Any(label => label != (int)label));
        Both(drawn => drawn.Problem.Labels.Distinct().Count() == 1);
        Both(drawn => drawn.Problem.Labels.Length > Engine.Layout.Tile);
        Both(drawn => drawn.Problem.ReferenceLabels.Length > Engine.Layout.Tile);
        Both(drawn => drawn.Problem.Dimension > Engine.Layout.Depth);
        Both(drawn => drawn.IntLabels);
        Both(drawn => drawn.Padding > 0);
        Both(drawn => drawn.Execution.MaxWorkspaceBytes > 0);
        Assert.Equal([0, 1, 2], reached.Select(drawn => Math.Min(2, drawn.Problem.Terms.Upstream.Length)).Distinct().Order());
        Assert.Equal([1, 2, 3], reached.Select(drawn => drawn.Execution.Threads).Distinct().Order());
        Assert.Equal(SimdChoice.Available.Order(), reached.Select(drawn => drawn.Execution.SimdWidth).Distinct().Order());

        void AllOf<T>(Func<FloatCase, T> choice)
            where T : struct, Enum => Assert.Equal(Enum.GetValues<T>(), reached.Select(choice).Distinct().Order());

        void Both(Func<FloatCase, bool> kind, [CallerArgumentExpression(nameof(kind))] string what = "") =>
            Assert.True(reached.Any(kind) && !reached.All(kind), $"never or always reached: {what}");
    }
}
