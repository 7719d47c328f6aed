using System.Diagnostics;
using System.Globalization;
using ManagedCircle.Cli.Golden;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What stays of a command that is told to end while it works.</summary>
public sealed class InterruptionTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public InterruptionTests()
    {
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats("(3, 2)", 1, 0, 0, 1, 1, 1));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(1, 1, 2));
    }

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    [InlineData("QUIT", 131)]
    public void Files_of_a_loss_do_not_stay(string signal, int exitCode) => ExpectNothing(
        signal,
        exitCode,
        $"loss --embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --repeat 1000000 "
        + $"--gradient-out {directory["dX.npy"]} --similarities-out {directory["S.npy"]}");

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void A_projection_does_not_stay(string signal, int exitCode) =>
        ExpectNothing(signal, exitCode, $"train --steps 1000000 --save {directory["W.npy"]}");

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_golden_set_does_not_stay(string signal, int exitCode) => ExpectNothing(signal, exitCode, $"golden --threads 2 --out {directory["new"]}");

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void A_golden_set_that_was_to_be_replaced_stays(string signal, int exitCode)
    {
        GoldenSet.Write(directory["set"], 7, [new GoldenCases(7).All().First()], static () => { });
        string[] before = [.. Directory.EnumerateFileSystemEntries(directory["set"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

        Interrupt(signal, exitCode, directory["set"], $"golden --out {directory["set"]}");

        Assert.Equal(before, Directory.EnumerateFileSystemEntries(directory["set"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        Assert.Equal(7, GoldenSet.Open(directory["set"]).Manifest.Seed);
        Assert.Equal(["X.npy", "set", "y.npy"], directory.Names);
    }

    private void ExpectNothing(string signal, int exitCode, CommandLine line)
    {
        Interrupt(signal, exitCode, directory[""], line);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    /// <summary>Sends the signal once the first unfinished name is in a directory.</summary>
    private static void Interrupt(string signal, int exitCode, string path, CommandLine line)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no signals to one process");
        using FileSystemWatcher watcher = new(path);
        using Process process = DotnetProcess.StartTool(line);
        while (!Directory.EnumerateFileSystemEntries(path, "*.tmp").Any())
        {
            Assert.False(process.HasExited, "The command ended before it was told to.");
            watcher.WaitForChanged(WatcherChangeTypes.Created, TimeSpan.FromMilliseconds(50));
        }

        DotnetProcess.Shell("kill", $"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture));
        process.WaitForExit();

        Assert.Equal((exitCode, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
    }
}
