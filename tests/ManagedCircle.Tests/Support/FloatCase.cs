using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Simd;

namespace ManagedCircle.Tests.Support;

/// <summary>A problem and the way in which the float engine is to solve it; one seed makes both.</summary>
public sealed record FloatCase(LossProblem Problem, ExecutionOptions Execution, int Padding, bool IntLabels, int Seed)
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
            MaxWorkspaceBytes = Pick(0, ExecutionOptions.Default.MaxWorkspaceBytes),
        };
        bool fit = problem.Labels.Concat(problem.ReferenceLabels).All(label => label == (int)label);
        return new(problem, execution, Padding: Pick(0, 0, 1, 7), fit && random.Next(2) == 0, seed);

        T Pick<T>(params T[] values) => values[random.Next(values.Length)];
    }

    public LossAnswer Solve() => Problem.SolveInFloat(Execution, Padding, IntLabels);

    public override string ToString() =>
        $"FloatCase.Draw({Seed}): {Problem}, {Execution}, {Padding} numbers between rows, {(IntLabels ? "int" : "long")} labels";
}
