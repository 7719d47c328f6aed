using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>The gradients of the reference against central differences of the loss, with the weight (alpha) held where it is detached.</summary>
public sealed class ReferenceGradientTests
{
    [Property(MaxTest = 500, Arbitrary = [typeof(SmallProblems)])]
    public void Gradients_with_respect_to_similarities_are_central_differences(LossProblem problem)
    {
        ReferenceResult result = problem.SolveInDouble();
        Objective objective = new(problem, result);
        double[] similarities = [.. result.Similarities];

        // A cosine of 1 may lie on the clamp's edge.
        bool[] smooth = [.. similarities.Select(s => problem.Options.Clamp == SimilarityClamp.None || Math.Abs(Math.Abs(s) - 1) > 1e-3)];
        double[] differences = [.. similarities.Select((_, i) => smooth[i] ? objective.Difference(similarities, i, 1, () => similarities) : 0)];
        double[] gradient = [.. result.SimilarityGradient.Select((g, i) => smooth[i] ? g : 0)];

        Nearly.Equal(differences, gradient, objective.Tolerance(gradient, ofRows: false), problem.Name);
    }

    [Property(MaxTest = 500, Arbitrary = [typeof(SmallProblems)])]
    public void Gradients_with_respect_to_rows_are_central_differences(LossProblem problem)
    {
        ReferenceResult result = problem.SolveInDouble();
        Objective objective = new(problem, result);
        double[] queries = [.. problem.Rows], references = problem.References is null ? queries : [.. problem.References];
        int dimension = problem.Dimension;

        // Steps go with the norm of a row, so that similarities move by as much for every row; the gradients do too.
        AssertRows(queries, result.QueryGradient);
        if (problem.References is not null)
        {
            AssertRows(references, result.ReferenceGradient);
        }

        void AssertRows(double[] rows, double[] gradient)
        {
            double[] norms = [.. rows.Chunk(dimension).Select(row => Math.Sqrt(row.Sum(x => x * x)))];
            double[] differences = [.. rows.Select((_, i) => objective.Difference(rows, i, norms[i / dimension], Similarities))];
            double[] scaled = [.. gradient.Select((g, i) => g * norms[i / dimension])];
            Nearly.Equal(differences, scaled, objective.Tolerance(scaled, ofRows: true), problem.Name);
            if (problem.Options.Normalize)
            {
                Assert.All(gradient, (g, i) => Assert.True(g == 0 || norms[i / dimension] > 0, $"{problem.Name}: a zero row has a gradient"));
            }
        }

        double[] Similarities() => ReferenceSimilarity.Forward(queries, references, dimension, problem.Options.Normalize);
    }

    /// <summary>Problems whose every coordinate can be moved.</summary>
    public static class SmallProblems
    {
        public static Arbitrary<LossProblem> Problems() =>
            Gen.Choose(0, int.MaxValue - 1).Select(seed => RandomProblems.Draw(seed, maxRows: 9, maxDimension: 5)).ToArbitrary();
    }

    /// <summary>What the gradient is of: the sum of <c>upstream_i outputScale weight_i L_i / denominator</c>, denominator and detached weights held.</summary>
    private sealed class Objective
    {
        private readonly LossProblem problem;
        private readonly ReferenceResult at;
        private readonly double[] pairWeights, losses, coefficients;
        private readonly double step;

        public Objective(LossProblem problem, ReferenceResult at)
        {
            (this.problem, this.at) = (problem, at);
            pairWeights = at.PairWeights();

            // Without the output scale, which may take a loss that counts to 0.
            losses = [.. at.PositiveLogSumExp.Select((p, i) => IsValid(i) ? Loss(p, at.NegativeLogSumExp[i]) : 0)];
            coefficients = problem.Coefficients(problem.Denominator(losses, at.ValidCount));
            step = Tolerances.DifferenceStep(problem.Options.Gamma);
        }

        /// <summary>The derivative with respect to <c>variables[i] / scale</c>, by central differences of fourth order.</summary>
        public double Difference(double[] variables, int i, double scale, Func<double[]> similarities)
        {
            double start = variables[i];
            double inner = At(1) - At(-1), outer = At(2) - At(-2);
            variables[i] = start;
            return (8 * inner - outer) / (12 * step);

            double At(int steps)
            {
                variables[i] = start + steps * step * scale;
                return Of(similarities());
            }
        }

        public double Tolerance(double[] gradient, bool ofRows)
        {
            double noise = 0;
            for (int i = 0; i < coefficients.Length; i++)
            {
                noise += Math.Abs(coefficients[i])
                    * Tolerances.DifferenceNoise(at.PositiveLogSumExp[i], at.NegativeLogSumExp[i], losses[i], problem.Options.Gamma, ofRows);
            }

            return Tolerances.OfDifferences * Nearly.Largest(gradient) + noise + Tolerances.OfVanishingDifferences;
        }

        private double Of(double[] similarities)
        {
            double sum = 0;
            int perLoss = problem.Options.Scope == LossScope.Batch ? similarities.Length : similarities.Length / Math.Max(1, coefficients.Length);
            for (int i = 0; i < coefficients.Length; i++)
            {
                if (IsValid(i))
                {
                    sum += coefficients[i] * Loss(LogSumExp(i, PairKind.Positive), LogSumExp(i, PairKind.Negative));
                }
            }

            return sum;

            double LogSumExp(int i, PairKind kind) =>
                StableMath.LogSumExp([.. Enumerable.Range(i * perLoss, perLoss).Where(j => at.Pairs[j] == kind).Select(j => Logit(j, similarities[j]))]);
        }

        private bool IsValid(int i) => at.PositiveCounts[i] > 0 && at.NegativeCounts[i] > 0;

        private double Loss(double p, double n) =>
            problem.Options.Combination == LossCombination.Joint ? StableMath.Softplus(p + n) : StableMath.Softplus(p) + StableMath.Softplus(n);

        private double Logit(int pair, double similarity)
        {
            CircleLossOptions options = problem.Options;
            if (options.WeightGradient == WeightGradient.Attached)
            {
                return PairFormulas.Logit(options, at.Pairs[pair], similarity);
            }

            double s = options.Clamp switch
            {
                SimilarityClamp.AtMostOne => Math.Min(1, similarity),
                SimilarityClamp.MinusOneToOne => Math.Max(-1, Math.Min(1, similarity)),
                _ => similarity,
            };
            return at.Pairs[pair] == PairKind.Positive
                ? -options.Gamma * pairWeights[pair] * (s - options.PositiveMargin)
                : options.Gamma * pairWeights[pair] * (s - options.NegativeMargin);
        }
    }
}
