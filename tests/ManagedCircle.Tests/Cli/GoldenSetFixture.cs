using ManagedCircle.Cli.Golden;
using Xunit;

[assembly: AssemblyFixture(typeof(ManagedCircle.Tests.Cli.GoldenSetFixture))]

namespace ManagedCircle.Tests.Cli;

/// <summary>The golden set, written once by <c>mcircle golden</c> for all tests that read it.</summary>
public sealed class GoldenSetFixture : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly Lazy<string> written;
    private readonly Lazy<IReadOnlyList<GoldenVectors>> small;

    public GoldenSetFixture()
    {
        written = new(() =>
        {
            CommandRun run = CommandRun.Of($"golden --out {directory["set"]}");
            Assert.Equal((0, ""), (run.ExitCode, run.Error));
            return directory["set"];
        });
        small = new(() => [.. Read(problem => problem.Size < 1 << 15)]);
    }

    /// <summary>Its directory.</summary>
    public string Path => written.Value;

    /// <summary>Its cases of up to 32,768 multiplications.</summary>
    internal IReadOnlyList<GoldenVectors> Small => small.Value;

    /// <summary>All its cases.</summary>
    internal IEnumerable<GoldenVectors> All => Read(_ => true);

    public void Dispose() => directory.Dispose();

    private IEnumerable<GoldenVectors> Read(Predicate<GoldenProblem> chosen)
    {
        GoldenSet set = GoldenSet.Open(Path);
        foreach (ManifestCase item in set.Manifest.Cases)
        {
            GoldenProblem problem = set.ReadProblem(item);
            if (chosen(problem))
            {
                yield return new(item, problem, item.Outputs.Keys.ToDictionary(quantity => quantity, quantity => set.ReadAnswer(item, quantity)));
            }
        }
    }
}

/// <summary>A case as a golden set has it.</summary>
internal sealed record GoldenVectors(ManifestCase Item, GoldenProblem Problem, Dictionary<string, double[]> Answers)
{
    /// <summary>What verify makes of answers to it.</summary>
    public IEnumerable<AnswerCheck> Check(Dictionary<string, double[]> answers, NumberFormat precision) => Answers.Select(right =>
        AnswerCheck.Of(Problem.Name, right.Key, right.Value, answers[right.Key], Item.Outputs[right.Key].Shape,
            Item.Outputs[right.Key].Tolerance!.Of(precision)));
}
