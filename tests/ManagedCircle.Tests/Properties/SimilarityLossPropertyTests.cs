using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>The loss of similarities against the reference, over every choice and every way to name the pairs.</summary>
public sealed class SimilarityLossPropertyTests
{
    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void Labels_give_the_losses_and_gradients_of_the_reference(LossProblem source)
    {
        PairProblem problem = PairProblem.Of(source);

        AssertAnswer(problem, problem.SolveByLabels(), pairsAreLabelled: true);
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void Masks_give_the_losses_and_gradients_of_the_reference(LossProblem source)
    {
        PairProblem problem = WithAnyMask(PairProblem.Of(source));

        AssertAnswer(problem, problem.SolveByMask(), pairsAreLabelled: false);
    }

    [Property(MaxTest = 300, Arbitrary = [typeof(RandomProblems)])]
    public void Lists_with_repeated_pairs_give_the_bits_of_their_mask(LossProblem source)
    {
        PairProblem problem = WithAnyMask(PairProblem.Of(source));

        problem.SolveByLists().AssertSameBits(problem.SolveByMask());
    }

    [Property(MaxTest = 50, Arbitrary = [typeof(RandomProblems)])]
    public void Threads_change_no_bit(LossProblem source)
    {
        PairProblem problem = PairProblem.Of(source);

        problem.SolveByLabels(new ExecutionOptions { Threads = 3, Scheduler = new Backwards() }).AssertSameBits(problem.SolveByLabels());
    }

    [Property(MaxTest = 50, Arbitrary = [typeof(RandomProblems)])]
    public void Every_width_of_vectors_gives_the_losses_of_the_reference_and_where_the_hardware_fuses_the_same_bits(LossProblem source)
    {
        PairProblem problem = PairProblem.Of(source);
        PairAnswer first = problem.SolveByLabels(new ExecutionOptions { SimdWidth = SimdChoice.Available[0] });

        foreach (SimdWidth width in SimdChoice.Available)
        {
            PairAnswer answer = problem.SolveByLabels(new ExecutionOptions { SimdWidth = width });
            AssertAnswer(problem, answer, pairsAreLabelled: true);
            if (Fma.IsSupported || AdvSimd.IsSupported)
            {
                answer.AssertSameBits(first);
            }
        }
    }

    /// <summary>A mask of its own for every problem, as no labels would make it.</summary>
    private static PairProblem WithAnyMask(PairProblem problem)
    {
        Random random = new(problem.Similarities.Length);
        PairKind[] mask = [.. problem.Pairs.Select(kind => random.Next(4) switch { 0 => PairKind.Ignored, 1 => (PairKind)random.Next(3), _ => kind })];
        return problem with { Pairs = mask, Source = problem.Source with { Options = problem.Options with { IgnoreLabel = null } } };
    }

    private static void AssertAnswer(PairProblem problem, PairAnswer answer, bool pairsAreLabelled)
    {
        bool byLabels = pairsAreLabelled && problem.Source.References is not null;
        ReferenceResult expected = byLabels ? problem.SolveLabelsInDouble() : problem.SolveInDouble();
        CircleLossOptions options = problem.Options;
        double unit = options.OutputScale == OutputScale.One ? 1 : 1 / options.Gamma;
        double largest = Nearly.Largest(expected.Similarities), logit = Tolerances.LogitOfSimilarity(options, largest), both = 2 * logit;
        string name = problem.Source.Name;

        double OfALoss(double loss) => unit * (both * Math.Min(1, loss / unit)
            + Tolerances.FewFloatRoundings * Math.Max(loss / unit, Math.Min(1, loss / unit)) + Tolerances.SubnormalInFloat);

        Nearly.Equal(expected.Losses, Doubles(answer.Losses), OfALoss, $"{name}: losses");
        Assert.Equal(expected.ValidCount, answer.Result.ValidCount);
        Assert.True(!byLabels || (expected.QueryCount, expected.ReferenceCount) == (answer.Result.QueryCount, answer.Result.ReferenceCount), name);
        Assert.Equal(expected.PositiveCounts, answer.PositiveCounts);
        Assert.Equal(expected.NegativeCounts, answer.NegativeCounts);
        Assert.Equal(expected.HardestPositives, answer.HardestPositives);
        Assert.Equal(expected.HardestNegatives, answer.HardestNegatives);
        AssertLogSumExp(expected.PositiveLogSumExp, answer.PositiveLogSumExp);
        AssertLogSumExp(expected.NegativeLogSumExp, answer.NegativeLogSumExp);
        Nearly.Equal(expected.PairWeights(), Doubles(answer.Weights), Tolerances.FewFloatRoundings * (1 + largest + 2), $"{name}: weights");
        double[] logits = expected.PairLogits();
        Assert.Equal(logits.Select(double.IsNegativeInfinity), answer.Logits.Select(float.IsNegativeInfinity));
        Nearly.Equal(Finite(logits), Finite(Doubles(answer.Logits)), logit, $"{name}: logits");

        // Losses that vanish in float are not counted by it, and the denominators differ. A mask of a batch against itself knows no ignored queries to leave
        // uncounted.
        bool countsDiffer = expected.NonzeroCount != answer.Result.NonzeroCount
            && options.Denominator is MeanDenominator.Nonzero or MeanDenominator.NonzeroWeights;
        bool counted = byLabels || options.IgnoreLabel is null || options.Denominator is not (MeanDenominator.All or MeanDenominator.Weights);
        if ((countsDiffer || !counted) && options.Reduction == LossReduction.Mean)
        {
            return;
        }

        if (options.Reduction == LossReduction.None && options.Scope == LossScope.PerQuery)
        {
            Assert.True(double.IsNaN(answer.Result.Loss));
        }
        else
        {
            double[] weights = problem.Source.Terms.Weights is { Length: > 0 } given ? given : [.. expected.Losses.Select(_ => 1.0)];
            double share = OfDenominator(problem, expected, problem.Source.Terms.Weights);
            double tolerance = share * expected.Losses.Zip(weights, (loss, weight) => weight * OfALoss(loss)).Sum()
                + Tolerances.FewFloatRoundings * expected.Loss;
            Nearly.Equal(expected.Loss, answer.Result.Loss, tolerance, $"{name}: loss");
        }

        // A softmax and a sigmoid are off, relative, by what their logits are; a slope by roundings of its largest term.
        double slope = Tolerances.FewFloatRoundings * options.Gamma * 2 * (largest
            + Math.Max(Math.Abs(options.PositiveOptimum), Math.Abs(options.NegativeOptimum))
            + Math.Max(Math.Abs(options.PositiveMargin), Math.Abs(options.NegativeMargin)));
        double coefficient = unit * OfDenominator(problem, expected, problem.Source.Terms.Weights)
            * Nearly.Largest([1, .. problem.Source.Terms.Weights]) * Nearly.Largest([1, .. problem.Source.Terms.Upstream]);
        Nearly.Equal(
            expected.SimilarityGradient,
            Doubles(answer.Gradient),
            g => Math.Abs(g) * (Math.Exp(2 * both) - 1 + Tolerances.FewFloatRoundings) + coefficient * slope + Tolerances.SubnormalInFloat,
            $"{name}: gradient");

        void AssertLogSumExp(double[] golden, float[] actual)
        {
            Assert.Equal(golden.Select(double.IsNegativeInfinity), actual.Select(float.IsNegativeInfinity));
            Nearly.Equal(Finite(golden), Finite(Doubles(actual)), x => logit + Tolerances.FewFloatRoundings * (1 + Math.Abs(x)), $"{name}: log-sum-exp");
        }
    }

    private static double OfDenominator(PairProblem problem, ReferenceResult result, double[] weights)
    {
        if (problem.Options.Reduction != LossReduction.Mean || problem.Options.Scope == LossScope.Batch)
        {
            return 1;
        }

        double denominator = problem.Options.Denominator switch
        {
            MeanDenominator.All => result.QueryCount,
            MeanDenominator.Valid => result.ValidCount,
            MeanDenominator.Nonzero => result.NonzeroCount,
            MeanDenominator.Weights => weights.Length == 0 ? result.QueryCount
                : weights.Where((_, i) => problem.Source.Labels[i] != problem.Options.IgnoreLabel).Sum(),
            _ => result.Losses.Select((loss, i) => loss > 0 ? weights.Length == 0 ? 1 : weights[i] : 0).Sum(),
        };
        return denominator == 0 ? 0 : 1 / denominator;
    }

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];

    private static double[] Finite(double[] numbers) => [.. numbers.Where(double.IsFinite)];

    /// <summary>Runs the workers one after the other, the last first.</summary>
    private sealed class Backwards : IWorkScheduler
    {
        public void Run(int workers, Action<int> work)
        {
            for (int worker = workers - 1; worker >= 0; worker--)
            {
                work(worker);
            }
        }
    }
}
