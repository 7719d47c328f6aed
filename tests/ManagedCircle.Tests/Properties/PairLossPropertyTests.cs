using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;
using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>The engine's further losses against the reference in double, over every option.</summary>
public sealed class PairLossPropertyTests
{
    private const int CaseCount = 2_000;

    [Fact]
    public void The_engine_is_the_reference_but_for_rounding()
    {
        List<PairLossOptions> reached = [];

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(CaseCount), Prop.ForAll(RandomPairProblems.Problems(), problem =>
        {
            if (problem.IsComputed)
            {
                AssertIsTheReference(problem);
                reached.Add(problem.Options);
            }
        }));

        Assert.Equal(Enum.GetValues<LossReduction>(), reached.Select(options => options.Reduction).Distinct().Order());
    }

    [Theory]
    [InlineData(PairPooling.LogSumExp, LossLink.Softplus)]
    [InlineData(PairPooling.LogSumExp, LossLink.Identity)]
    [InlineData(PairPooling.Separate, LossLink.Softplus)]
    [InlineData(PairPooling.SeparateByScale, LossLink.Softplus)]
    [InlineData(PairPooling.Nearest, LossLink.Softplus)]
    [InlineData(PairPooling.Mean, LossLink.Softplus)]
    public void A_temperature_of_a_thousandth_stays_finite_and_right(PairPooling pooling, LossLink link)
    {
        // Opposite rows of one class, and one row under two labels: logits are up to 1000 either way.
        PairLossOptions options = PairLossOptions.InfoNce(temperature: 0.001) with { Pooling = pooling, Link = link };
        PairLossProblem problem = new(options, [1, 0, -1, 0, 1, 0, 0, 1, -1, 0, .6, .8], [1, 1, 2, 2, 3, 3]);

        ReferenceResult expected = problem.SolveInDouble();
        LossAnswer actual = problem.SolveInFloat();

        Nearly.Equal(expected.Losses, actual.Losses, loss => 1e-6 * Math.Max(1000, Math.Abs(loss)), "losses");
        Nearly.Equal(expected.QueryGradient, actual.QueryGradient, 1e-3 * Nearly.Largest(expected.QueryGradient), "gradient");
    }

    private static void AssertIsTheReference(PairLossProblem problem)
    {
        ReferenceResult expected = problem.SolveInDouble();
        LossAnswer actual = problem.SolveInFloat(new() { SimdWidth = SimdChoice.Available[problem.Labels.Length % SimdChoice.Available.Length] });
        PairLossOptions options = problem.Options;

        // A logit is off by its scale times what a similarity is off by, and a loss by a few times that; a half squared hinge by z times as much.
        double reach = expected.Similarities.Select(Math.Abs).DefaultIfEmpty(0).Max() + Math.Abs(options.PositiveMargin) + Math.Abs(options.NegativeMargin) + 1;
        double ofLogit = 1e-6 + 20 * Tolerances.FloatRounding * Math.Max(options.PositiveScale, options.NegativeScale) * reach;
        double slope = options.Link == LossLink.HalfSquaredHinge ? Math.Sqrt(2 * Nearly.Largest(expected.Losses) / options.Factor) + 1 : 1;
        double ofLoss = 2 * options.Factor * slope * ofLogit;
        double total = problem.Terms.Weights.Append(1).Max() * Math.Max(1, problem.Labels.Length + problem.ReferenceLabels.Length);

        // A loss below the smallest float is 0, and a mean over losses above 0 is then over fewer.
        bool countsAlike = expected.NonzeroCount == actual.Result.NonzeroCount
            || options.Denominator is not (PairMeanDenominator.Nonzero or PairMeanDenominator.NonzeroWeights);
        Nearly.Equal(expected.Losses, actual.Losses, loss => ofLoss + 2e-6 * Math.Abs(loss), $"{problem}: losses");
        Assert.Equal((expected.QueryCount, expected.ReferenceCount, expected.ValidCount),
            (actual.Result.QueryCount, actual.Result.ReferenceCount, actual.Result.ValidCount));
        Assert.All(actual.QueryGradient.Concat(actual.ReferenceGradient), g => Assert.True(double.IsFinite(g), problem.ToString()));
        if (!countsAlike || options.Reduction == LossReduction.None)
        {
            return;
        }

        Nearly.Equal(expected.Loss, actual.Result.Loss, total * (ofLoss + 2e-6 * Nearly.Largest(expected.Losses)), $"{problem}: loss");
        double[] references = problem.References ?? problem.Rows;
        AssertGradient(problem.Rows, references, expected.QueryGradient, actual.QueryGradient);
        if (problem.References is not null)
        {
            AssertGradient(references, problem.Rows, expected.ReferenceGradient, actual.ReferenceGradient);
        }

        // A row's gradient is made of its pairs' shares, each off as its logits are, times rows; of unit rows over its norm.
        void AssertGradient(double[] rows, double[] others, double[] expectedGradient, double[] actualGradient)
        {
            double shares = expected.SimilarityGradient.Sum(Math.Abs) + Tolerances.VanishingProductInFloat;
            if (options.Pooling == PairPooling.Mean)
            {
                // A positive's share is that of its softmax less that of the mean, and both are rounded.
                double upstream = Nearly.Largest(problem.Terms.Upstream.Append(1));
                shares += 2 * options.Factor * options.PositiveScale * upstream * total;
            }

            double length = options.Normalize ? 1 : Nearly.Largest(others);
            foreach ((double[] row, int i) in rows.Chunk(problem.Dimension).Select((row, i) => (row, i)))
            {
                double norm = options.Normalize ? Math.Sqrt(row.Sum(x => x * x)) : 1;
                double tolerance = norm == 0 ? 0 : (4 * ofLogit + 1e-5) * slope * shares * length / norm;
                int at = i * problem.Dimension;
                Range of = at..(at + problem.Dimension);
                Nearly.Equal(expectedGradient[of], actualGradient[of], tolerance, $"{problem}: gradient of row {i}");
            }
        }
    }
}
