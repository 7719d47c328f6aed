using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Kernels;
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
            drawn.AssertIsTheReference();
            reached.Add(drawn);
        }));

        Assert.Equal(CaseCount, reached.Count);
        AssertReached(reached);
    }

    [Theory]
    [InlineData(1483219973)]
    [InlineData(333072535)]
    public void Seeds_that_once_failed_do_so_no_more(int seed) => FloatCase.Draw(seed).AssertIsTheReference();

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
        Both(drawn => drawn.Problem.Labels.Length > Layout.Tile);
        Both(drawn => drawn.Problem.ReferenceLabels.Length > Layout.Tile);
        Both(drawn => drawn.Problem.Dimension > Layout.Depth);
        Both(drawn => drawn.IntLabels);
        Both(drawn => drawn.Padding > 0);
        Both(drawn => drawn.Execution.MaxKeptSimilarityBytes > 0);
        Assert.Equal([0, 1, 2], reached.Select(drawn => Math.Min(2, drawn.Problem.Terms.Upstream.Length)).Distinct().Order());
        Assert.Equal([1, 2, 3], reached.Select(drawn => drawn.Execution.Threads).Distinct().Order());
        Assert.Equal(SimdChoice.Available.Order(), reached.Select(drawn => drawn.Execution.SimdWidth).Distinct().Order());

        void AllOf<T>(Func<FloatCase, T> choice)
            where T : struct, Enum => Assert.Equal(Enum.GetValues<T>(), reached.Select(choice).Distinct().Order());

        void Both(Func<FloatCase, bool> kind, [CallerArgumentExpression(nameof(kind))] string what = "") =>
            Assert.True(reached.Any(kind) && !reached.All(kind), $"never or always reached: {what}");
    }
}
