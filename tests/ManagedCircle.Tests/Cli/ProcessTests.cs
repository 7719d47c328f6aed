using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ManagedCircle.Cli.Npy;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>The tool as a process of its own.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_batch_of_20_000_rows_fits_into_600_MB()
    {
        // The similarities alone would be 1,600 MB. The runtime takes below 100 MB beside its heap, which is held to 300 MB, and the workspace.
        const int Count = 20_000, Dimension = 64, HeapLimit = 300 << 20, WorkspaceLimit = 200 << 20;
        Random random = new(1);
        float[] rows = [.. Enumerable.Range(0, Count * Dimension).Select(_ => random.NextSingle() - 0.5f)];
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels([.. Enumerable.Range(0, Count).Select(i => (long)(i / 8))]));
        using (FileStream file = File.Create(directory["X.npy"]))
        {
            NpyWriter.Write<float>(file, rows, Count, Dimension);
        }

        CommandRun run = Mcircle(
            $"loss --embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --json --threads {Environment.ProcessorCount}",
            ("DOTNET_GCHeapHardLimit", HeapLimit.ToString("X", CultureInfo.InvariantCulture)));

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(Count, report.GetProperty("valid").GetInt32());
        Assert.InRange(report.GetProperty("workspaceBytes").GetInt64(), 1, WorkspaceLimit);
    }

    [Fact]
    public void The_exit_code_reaches_the_shell()
    {
        Assert.Equal(1, Mcircle($"loss --embeddings {directory["X.npy"]} --labels {directory["y.npy"]}").ExitCode);
        Assert.Equal(2, Mcircle("loss").ExitCode);
    }

    [Fact]
    public void One_input_may_come_from_standard_input()
    {
        // The loss that the same rows have as float32, which is by hand and plain loops.
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Numbers(">f8", "(6, 2)", [1, 0, 0.8, 0.6, 0, 1, 0.6, 0.8, -0.6, 0.8, 0.28, 0.96]));
        byte[] labels = NpyBytes.Numbers("|u1", "(6, 1)", [0, 0, 1, 1, 2, 2]);
        using Process process = DotnetProcess.StartTool($"loss --embeddings {directory["X.npy"]} --labels - --json");
        process.StandardInput.BaseStream.Write(labels);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
        Assert.Equal(43.294246, JsonDocument.Parse(output).RootElement.GetProperty("loss").GetDouble(), 5e-6);
    }

    [Fact]
    public void Standard_input_that_is_no_array_is_named()
    {
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(1));
        using Process process = DotnetProcess.StartTool($"loss --embeddings - --labels {directory["y.npy"]}");
        process.StandardInput.Close();
        process.WaitForExit();

        Assert.Equal((1, $"mcircle: standard input: empty: nothing came out of it{Environment.NewLine}"),
            (process.ExitCode, process.StandardError.ReadToEnd()));
    }

    [Fact]
    public void Nothing_but_the_answer_is_written_where_there_is_no_terminal()
    {
        CommandRun run = Mcircle("train --steps 2 --json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(run.Output).RootElement.ValueKind);
    }

    private static CommandRun Mcircle(CommandLine line, params (string Name, string Value)[] environment) =>
        DotnetProcess.Run(Path.Combine(AppContext.BaseDirectory, "mcircle.dll"), line.Words, environment);
}
