using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>The gradients of the reference's further losses against central differences of the loss.</summary>
public sealed class ReferencePairGradientTests
{
    private const int CaseCount = 400;

    [Fact]
    public void Gradients_are_central_differences()
    {
        int compared = 0, bent = 0;
        List<PairLossOptions> reached = [];

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(CaseCount), Prop.ForAll(RandomPairProblems.Problems(), drawn =>
        {
            PairLossProblem problem = Differentiable(drawn);
            reached.Add(problem.Options);
            ReferenceResult result = problem.SolveInDouble();
            Compare(problem.Rows, result.QueryGradient, rows => problem with { Rows = rows });
            Compare(problem.References ?? [], result.ReferenceGradient, rows => problem with { References = rows });

            void Compare(double[] rows, double[] gradient, Func<double[], PairLossProblem> with)
            {
                double largest = Nearly.Largest(gradient);
                for (int i = 0; i < rows.Length; i++)
                {
                    int first = i / problem.Dimension * problem.Dimension;
                    double norm = Math.Sqrt(rows.AsSpan(first, problem.Dimension).ToArray().Sum(x => x * x));
                    if (norm == 0)
                    {
                        continue;
                    }

                    // Two steps that do not agree step over a bend of a hinge, a clamp or an angle.
                    double difference = Difference(1e-5 * norm), other = Difference(3e-6 * norm);
                    double tolerance = 1e-5 * (largest + Math.Abs(difference)) + 1e-8 / norm;
                    if (Math.Abs(difference - other) > tolerance)
                    {
                        bent++;
                        continue;
                    }

                    compared++;
                    Nearly.Equal(difference, gradient[i], 3 * tolerance, problem.ToString());

                    double Difference(double step) => (Objective(with(Moved(step))) - Objective(with(Moved(-step)))) / (2 * step);

                    double[] Moved(double step) => [.. rows.Select((x, j) => j == i ? x + step : x)];
                }
            }
        }));

        Assert.InRange(bent, 0, compared / 20);
        Assert.Equal(Enum.GetValues<PairPooling>(), reached.Select(options => options.Pooling).Distinct().Order());
        Assert.Equal(Enum.GetValues<LossLink>(), reached.Select(options => options.Link).Distinct().Order());
        Assert.Equal(Enum.GetValues<RequiredPairs>(), reached.Select(options => options.Requires).Distinct().Order());
        Assert.Equal(Enum.GetValues<PairMeasure>(), reached.Select(options => options.Measure).Distinct().Order());
        Assert.Contains(reached, options => options.Selection is not null);
        Assert.Equal(Enum.GetValues<PairMeanDenominator>(), reached.Select(options => options.Denominator).Distinct().Order());
    }

    [Theory]
    [InlineData(PairPooling.LogSumExp, LossLink.Softplus, LossDirections.Queries)]
    [InlineData(PairPooling.LogSumExp, LossLink.Softplus, LossDirections.Both)]
    [InlineData(PairPooling.Mean, LossLink.Softplus, LossDirections.Both)]
    [InlineData(PairPooling.Each, LossLink.Softplus, LossDirections.Queries)]
    [InlineData(PairPooling.Pairs, LossLink.Softplus, LossDirections.Queries)]
    [InlineData(PairPooling.Hardest, LossLink.Hinge, LossDirections.Both)]
    public void The_gradients_of_scale_and_bias_are_central_differences(PairPooling pooling, LossLink link, LossDirections directions)
    {
        double[] queries = [.7, -.4, .1, .6, .2, .7], references = [-.5, .4, -.3, .3, -.7, .6, .3, .8];
        ReferenceResult result = At(4, -1);

        Assert.Equal((At(4.0001, -1).Loss - At(3.9999, -1).Loss) / 0.0002, result.ScaleGradient, 1e-7);
        Assert.Equal((At(4, -0.9999).Loss - At(4, -1.0001).Loss) / 0.0002, result.BiasGradient, 1e-7);

        ReferenceResult At(double scale, double bias) => ReferenceLoss.AgainstReferences(
            new PairLossOptions
            {
                PositiveScale = scale,
                NegativeScale = scale,
                PositiveMargin = -bias / scale,
                NegativeMargin = -bias / scale,
                Pooling = pooling,
                Link = link,
                Requires = pooling == PairPooling.Pairs ? RequiredPairs.Any : RequiredPairs.PositiveAndNegative,
                Directions = directions,
            },
            queries, [1, 2, 1], references, [1, 2, 2, 1]);
    }

    [Fact]
    public void A_straight_through_angle_has_the_gradient_of_an_angle_over_its_slope()
    {
        double[] similarities = [.7, .2, -.9, .1, -.3, .6];
        PairKind[] pairs = [PairKind.Positive, PairKind.Negative, PairKind.Positive, PairKind.Negative, PairKind.Positive, PairKind.Negative];
        PairLossOptions arc = PairLossOptions.CosFace(scale: 8, margin: .4) with { PositiveLogit = PositiveLogit.Arc };

        ReferenceResult whole = ReferenceLoss.FromSimilarities(arc, similarities, pairs, queryCount: 3);
        arc = arc with { PositiveLogit = PositiveLogit.ArcStraightThrough };
        ReferenceResult through = ReferenceLoss.FromSimilarities(arc, similarities, pairs, queryCount: 3);

        Assert.Equal(whole.Loss, through.Loss);
        for (int i = 0; i < pairs.Length; i++)
        {
            double angle = Math.Acos(similarities[i]);
            double slope = pairs[i] == PairKind.Positive ? Math.Sin(angle + .4) / Math.Sin(angle) : 1;
            Nearly.Equal(whole.SimilarityGradient[i] / slope, through.SimilarityGradient[i], 1e-13, "gradient");
        }
    }

    /// <summary>
    /// A problem whose gradient is a derivative: without slopes that are not the logit's own, and of a loss that is a mean, which knows no
    /// query's upstream gradient.
    /// </summary>
    private static PairLossProblem Differentiable(PairLossProblem problem) => problem with
    {
        Options = problem.Options with
        {
            PositiveLogit = problem.Options.PositiveLogit == PositiveLogit.ArcStraightThrough ? PositiveLogit.Arc : problem.Options.PositiveLogit,
            NegativeHardness = 0,
        },
        Terms = problem.Options.Reduction != LossReduction.Mean ? problem.Terms : problem.Terms with { Upstream = [.. problem.Terms.Upstream.Take(1)] },
    };

    /// <summary>What the gradient is of: the mean, or the sum with weights and upstream gradients.</summary>
    private static double Objective(PairLossProblem problem)
    {
        ReferenceResult result = problem.SolveInDouble();
        double[] upstream = problem.Terms.Upstream, weights = problem.Terms.Weights;
        double share = problem.Options.Directions == LossDirections.Both ? 0.5 : 1;
        return problem.Options.Reduction == LossReduction.Mean
            ? (upstream.Length == 1 ? upstream[0] : 1) * result.Loss
            : share * result.Losses.Select((loss, i) => Of(upstream, upstream.Length == 1 ? 0 : i) * Of(weights, i) * loss).Sum();

        static double Of(double[] factors, int i) => factors.Length == 0 ? 1 : factors[i];
    }
}
