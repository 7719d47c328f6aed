using System.Diagnostics;
using ManagedCircle.Tests.Cli;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Repository;

/// <summary>What <c>.ci/run</c> does where something is missing. Every program it calls is a stub here.</summary>
public sealed class ContinuousIntegrationTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(0, false)]
    [InlineData(100, true)]
    public void A_program_that_cannot_be_installed_is_a_failed_step(int exitCodeOfInstalling, bool fails)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A shell script for Linux.");
        string programs = Directory.CreateDirectory(directory["bin"]).FullName;
        foreach (string program in (string[])["bash", "dirname", "mktemp", "rm", "tee", "sed", "awk", "id", "env"])
        {
            File.CreateSymbolicLink(Path.Combine(programs, program), Path.Combine("/usr/bin", program));
        }

        WriteStub(Path.Combine(programs, "dotnet"), "exit 0");
        WriteStub(Path.Combine(programs, "sudo"), "exec \"$@\"");
        WriteStub(Path.Combine(programs, "apt-get"), $"exit {exitCodeOfInstalling}");
        Directory.CreateDirectory(directory[".ci"]);
        File.Copy(RepositoryFiles.PathOf(".ci", "run"), directory[".ci/run"]);

        string output = OutputOf(directory[".ci/run"], programs);

        Assert.Contains("== install jq ", output, StringComparison.Ordinal);
        Assert.Equal(fails, output.Contains("== failed: install jq ", StringComparison.Ordinal));
    }

    private static void WriteStub(string path, string command)
    {
        File.WriteAllText(path, $"#!/usr/bin/bash\n{command}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static string OutputOf(string script, string path)
    {
        ProcessStartInfo start = new("/usr/bin/bash", [script]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = path;
        start.Environment["MANAGEDCIRCLE_CI_QUICK"] = "1";
        using Process process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
