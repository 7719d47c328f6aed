using System.CommandLine;
using System.Text;
using ManagedCircle.Cli.Golden;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle verify</c>: holds a backend's answers against golden vectors.</summary>
internal static class VerifyCommand
{
    private static readonly Option<string> Golden = CommandOption.RequiredDirectory("--golden", "The golden set");
    private static readonly Option<string> Results = CommandOption.RequiredDirectory("--results", "The answers, under the set's names");
    private static readonly Option<int?> Precision = CommandOption.Choice(
        "--precision", $"What they were computed in ({NumberFormat.Float32.Name})", [.. NumberFormat.All.Select((format, index) => (format.Name, index))]);
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };
    private static readonly Option<string?> Html = CommandOption.File("--html", "report.html", "Write a page of the same");

    public static Command Create()
    {
        Command command = new(
            "verify", "Hold a backend's answers against golden vectors, and name the likely mistake.") { Golden, Results, Precision, Json, Html };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult command)
    {
        NumberFormat precision = command.GetValue(Precision) is { } index ? NumberFormat.All[index] : NumberFormat.Float32;
        string results = command.GetRequiredValue(Results);
        GoldenSet set = GoldenSet.Open(command.GetRequiredValue(Golden));
        using OutputFiles files = new([.. set.Files, .. set.AnswersIn(results)]);
        Stream? page = command.GetValue(Html) is string path ? files.Create(path) : null;
        Verification? verification = null;
        Terminal.ShowProgress(command.InvocationConfiguration.Error, "verify", set.Manifest.Cases.Count, caseDone =>
            verification = Verification.Of(set, results, precision, caseDone));
        VerificationReport report = VerificationReport.Of(verification!);

        page?.Write(Encoding.UTF8.GetBytes(VerificationPage.Of(report)));
        files.Commit();
        TextWriter output = command.InvocationConfiguration.Output;
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(output, report);
        }
        else
        {
            if (report.ToTable() is { } table)
            {
                Terminal.WriteTable(output, table);
            }

            foreach (string line in report.Summary())
            {
                output.WriteLine(line);
            }
        }

        return report.Passed ? 0 : 1;
    }
}
