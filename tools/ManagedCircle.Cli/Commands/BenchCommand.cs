using System.CommandLine;
using System.Globalization;
using ManagedCircle.Cli.Benchmark;
using ManagedCircle.Cli.Loss;
using Spectre.Console;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle bench</c>: this machine's peak, and where each kernel stands.</summary>
internal static class BenchCommand
{
    private static readonly Option<bool> Quick = new("--quick") { Description = "Within half a minute: shorter runs, and nothing beyond 4,096 rows" };
    private static readonly Option<int?> Threads =
        CommandOption.Count("--threads", "T", "Measure with 1 to T threads (2, or as many cores as there are)", least: 1, most: 4096);
    private static readonly Option<SimdWidth?> Isa = CommandOption.Choice("--isa", "The vectors to run on (auto)", OptionWords.Isa);
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    public static Command Create()
    {
        Command command = new("bench", "Measure this machine's peak, and where each kernel stands.") { Quick, Threads, Isa, Json };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        bool quick = command.GetValue(Quick);
        int threads = command.GetValue(Threads) ?? Math.Min(2, Environment.ProcessorCount);
        SimdWidth isa = command.GetValue(Isa) ?? SimdWidth.Auto;
        BenchmarkReport? report = null;
        try
        {
            Terminal.ShowProgress(command.InvocationConfiguration.Error, "measuring", MachineBenchmark.Parts(threads, large: !quick), stepDone =>
                report = new MachineBenchmark(isa, threads, TimeSpan.FromSeconds(quick ? 0.15 : 1), stepDone).Run(large: !quick));
        }
        catch (PlatformNotSupportedException reason)
        {
            throw new UsageException(reason.Message);
        }

        Write(command, report!);
    }

    private static void Write(ParseResult command, BenchmarkReport report)
    {
        TextWriter output = command.InvocationConfiguration.Output;
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(output, report);
            return;
        }

        output.WriteLine(Text($"{report.Isa}: one core does {report.PeakGflops:F0} GFLOP/s at most.")
            + " A share is the part of that, for the threads used, at the clock of the moment.");
        FirstCallResult first = report.FirstCall;
        output.WriteLine(Text($"The first call of a new loss, {first.N} x {first.D}, takes {first.FirstMilliseconds:F0} ms, ")
            + Text($"the next {first.NextMilliseconds:F2} ms."));
        Table similarity = new Table().AddColumns("similarity", "threads", "ms", "GFLOP/s", "share", string.Empty, "with itself, ms", "speedup");
        foreach ((SimilarityResult full, SelfSimilarityResult self) in report.Similarity.Zip(report.SelfSimilarity))
        {
            similarity.AddRow(
                Text($"{full.N} x {full.M} x {full.D}"), Text($"{full.Threads}"), Text($"{full.Milliseconds:F3}"), Text($"{full.Gflops:F0}"),
                Text($"{full.Share:P0}"), Bar(full.Share),
                Text($"{self.Milliseconds:F3}"), Text($"{self.Speedup:F2}"));
        }

        Terminal.WriteTable(output, similarity);
        Table loss = new Table().AddColumns("loss", "threads", "pass", "similarities", "ms", "bound, ms", "share", string.Empty, "workspace, MB");
        foreach (LossTimeResult row in report.Loss)
        {
            loss.AddRow(
                Text($"{row.N} x {row.D}"), Text($"{row.Threads}"), row.Pass, row.Mode, Text($"{row.Milliseconds:F3}"), Text($"{row.BoundMilliseconds:F3}"),
                Text($"{row.Share:P0}"), Bar(row.Share),
                Text($"{row.WorkspaceBytes / 1e6:F1}"));
        }

        Terminal.WriteTable(output, loss);
        Table small = new Table().AddColumns("small batch, forward-backward", "ms", "loops with a dot product each, ms", "speedup");
        foreach (TextbookResult row in report.Textbook)
        {
            small.AddRow(Text($"{row.N} x {row.D}"), Text($"{row.Milliseconds:F4}"), Text($"{row.TextbookMilliseconds:F4}"), Text($"{row.Speedup:F1}"));
        }

        Terminal.WriteTable(output, small);
        Table elementwise = new Table().AddColumns("function", "ns per element");
        foreach (ElementwiseResult row in report.Elementwise)
        {
            elementwise.AddRow(row.Op, Text($"{row.NanosecondsPerElement:F3}"));
        }

        Terminal.WriteTable(output, elementwise);
    }

    private static string Bar(double share) => new('█', (int)Math.Round(20 * Math.Clamp(share, 0, 1)));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
