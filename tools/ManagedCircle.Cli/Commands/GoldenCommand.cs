using System.CommandLine;
using System.Globalization;
using ManagedCircle.Cli.Golden;
using ManagedCircle.Cli.Loss;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle golden</c>: writes vectors that other backends are checked against.</summary>
internal static class GoldenCommand
{
    private static readonly Option<string> Out =
        CommandOption.RequiredDirectory("--out", "The directory to write: a new or empty one, or a golden set to replace");
    private static readonly Option<int?> Seed = CommandOption.Count("--seed", "s", "What the inputs are drawn from (0)", least: 0);

    private static readonly Option<int?> Threads =
        CommandOption.Count("--threads", "T", "How many cases to solve at once (1); the bytes are the same", least: 1, most: 4096);
    private static readonly Option<SimdWidth?> Isa =
        CommandOption.Choice("--isa", "As for the loss; the answers are the double reference's, and the same bytes on any vectors", OptionWords.Isa);

    public static Command Create()
    {
        Command command = new("golden", "Write golden vectors for other backends: inputs, and the reference's answers.") { Out, Seed, Threads, Isa };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        int seed = command.GetValue(Seed) ?? 0;
        string directory = command.GetRequiredValue(Out);
        GoldenProblem[] problems = [.. new GoldenCases((ulong)seed).All()];
        string summary = "";
        Terminal.ShowProgress(command.InvocationConfiguration.Error, "golden", problems.Length, caseDone =>
        {
            (GoldenManifest manifest, long bytes) = GoldenSet.Write(directory, seed, problems, caseDone, command.GetValue(Threads) ?? 1);
            int arrays = manifest.Cases.Sum(item => item.Inputs.Count + item.Outputs.Count);
            summary = string.Create(CultureInfo.InvariantCulture, $"{manifest.Cases.Count} cases, {arrays} arrays, {bytes / 1e6:F1} MB in {directory}");
        });
        command.InvocationConfiguration.Output.WriteLine(summary);
    }
}
