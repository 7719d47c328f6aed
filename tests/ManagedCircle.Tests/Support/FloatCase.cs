using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;
using ManagedCircle.Simd;
using Xunit;

namespace ManagedCircle.Tests.Support;

/// <summary>A problem and the way in which the float engine is to solve it; one seed makes both.</summary>
public sealed record FloatCase(LossProblem Problem, ExecutionOptions Execution, int Padding = 0, bool IntLabels = false, int Seed = -1)
{
    /// <summary>What <c>Arbitrary = [typeof(FloatCase)]</c> draws from.</summary>
    public static Arbitrary<FloatCase> Cases() => Gen.Choose(0, int.MaxValue - 1).Select(Draw).ToArbitrary();

    /// <summary>Makes the case of a seed: mostly small, sometimes of several tiles, with dimensions next to those of packs and of vectors.</summary>
    public static FloatCase Draw(int seed)
    {
        Random random = new(~seed);
        LossProblem problem = random.Next(50) == 0
            ? RandomProblems.Draw(seed, maxRows: 600, dimension: Pick(1, 3, 31, 33, 127, 129, 300))
            : RandomProblems.Draw(seed);
        ExecutionOptions execution = new()
        {
            Threads = random.Next(1, 4),
            SimdWidth = Pick(SimdChoice.Available),
            MaxKeptSimilarityBytes = Pick(0, ExecutionOptions.Default.MaxKeptSimilarityBytes),
        };
        bool fit = problem.Labels.Concat(problem.ReferenceLabels).All(label => label == (int)label);
        return new(problem, execution, Padding: Pick(0, 0, 1, 7), fit && random.Next(2) == 0, seed);

        T Pick<T>(params T[] values) => values[random.Next(values.Length)];
    }

    /// <summary>Asserts that the engine's answer is the reference's, but for what rounding may do.</summary>
    public void AssertIsTheReference()
    {
        LossProblem problem = Problem;
        ReferenceResult expected = problem.SolveInDouble();
        LossAnswer actual = problem.SolveInFloat(Execution, Padding, IntLabels);

        // A loss below the smallest float is 0, and then a mean over losses above 0 is over fewer. Losses count before their scale, which may make 0 of them.
        LossProblem unscaled = problem with { Options = problem.Options with { OutputScale = OutputScale.One } };
        double[] unscaledLosses = unscaled.SolveInFloat(Execution).Losses;
        double denominator = problem.Denominator(unscaledLosses, expected.ValidCount);
        double ratio = denominator == 0 ? 0 : problem.Denominator(unscaled.SolveInDouble().Losses, expected.ValidCount) / denominator;
        FloatBounds bounds = new(problem, expected, denominator, ratio);

        Compare("losses", expected.Losses, actual.Losses, bounds.Losses);
        Compare("loss", [expected.Loss * ratio], [actual.Result.Loss], [bounds.Loss]);
        Compare("gradient", [.. expected.QueryGradient.Select(g => g * ratio)], actual.QueryGradient, bounds.QueryGradient);
        Compare("reference gradient", [.. expected.ReferenceGradient.Select(g => g * ratio)], actual.ReferenceGradient, bounds.ReferenceGradient);
        Assert.Equal(
            new LossResult(actual.Result.Loss, expected.QueryCount, expected.ReferenceCount, expected.ValidCount, unscaledLosses.Count(loss => loss > 0)),
            actual.Result);

        void Compare(string what, double[] expected, double[] actual, double[] tolerances)
        {
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                double difference = Math.Abs(actual[i] - expected[i]);
                if (!(difference <= tolerances[i] || (double.IsNaN(expected[i]) && double.IsNaN(actual[i]))))
                {
                    Assert.Fail($"{this}: {what}[{i}] is {actual[i]:R}, expected {expected[i]:R}: off by {difference:E1}, allowed {tolerances[i]:E1}");
                }
            }
        }
    }

    public override string ToString() =>
        $"FloatCase.Draw({Seed}): {Problem}, {Execution}, {Padding} numbers between rows, {(IntLabels ? "int" : "long")} labels";
}
