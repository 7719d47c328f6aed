using System.Diagnostics;
using ManagedCircle.Tests.Cli;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Repository;

/// <summary>What scripts do where something is missing. The programs they call are stubs here.</summary>
public sealed class ScriptTests : IDisposable
{
    // Two need no more than bash, two are parts of others.
    private static readonly string[] Anywhere = ["check-results.sh", "update-public-api.sh", "needs.sh", "report.sh"];

    private readonly TemporaryDirectory directory = new();

    public static TheoryData<string> ScriptsForLinux =>
        [.. Directory.EnumerateFiles(RepositoryFiles.PathOf("tools"), "*.sh").Select(file => Path.GetFileName(file)!).Except(Anywhere)
            .Order(StringComparer.Ordinal)];

    private string Programs => Directory.CreateDirectory(directory["bin"]).FullName;

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(0, false)]
    [InlineData(100, true)]
    public void A_program_that_cannot_be_installed_is_a_failed_step(int exitCodeOfInstalling, bool fails)
    {
        SkipUnlessLinux();
        Link("bash", "mktemp", "rm", "tee", "sed", "awk", "id", "env");
        WriteStub("dotnet", "exit 0");
        WriteStub("sudo", "exec \"$@\"");
        WriteStub("apt-get", $"exit {exitCodeOfInstalling}");
        Directory.CreateDirectory(directory[".ci"]);
        File.Copy(RepositoryFiles.PathOf(".ci", "run"), directory[".ci/run"]);

        CommandRun run = Run(directory[".ci/run"]);

        Assert.Contains("== install jq ", run.Output, StringComparison.Ordinal);
        Assert.Equal(fails, run.Output.Contains("== failed: install jq ", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(ScriptsForLinux))]
    public void A_script_for_Linux_says_so_elsewhere_in_one_line(string script)
    {
        SkipUnlessLinux();
        WriteStub("uname", "echo Darwin");

        CommandRun run = Run(RepositoryFiles.PathOf("tools", script));

        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.Matches($"^{script} needs Linux.*\n$", run.Error);
    }

    [Fact]
    public void A_script_names_the_program_that_is_missing_and_its_package()
    {
        SkipUnlessLinux();
        WriteStub("uname", "echo Linux");

        CommandRun run = Run(RepositoryFiles.PathOf("tools", "wasm.sh"));

        Assert.Equal((1, "", "wasm.sh needs chromium: apt-get install chromium\n"), (run.ExitCode, run.Output, run.Error));
    }

    private static void SkipUnlessLinux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "The stubs are shell scripts.");

    private void Link(params string[] programs) =>
        Array.ForEach(programs, program => File.CreateSymbolicLink(Path.Combine(Programs, program), $"/usr/bin/{program}"));

    private void WriteStub(string program, string command)
    {
        string path = Path.Combine(Programs, program);
        File.WriteAllText(path, $"#!/bin/bash\n{command}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Runs a script that finds the stubs and what is linked beside them, and nothing else.</summary>
    private CommandRun Run(string script)
    {
        Link("dirname");
        ProcessStartInfo start = new("/bin/bash", [script]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = Programs;
        start.Environment["MANAGEDCIRCLE_CI_QUICK"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandRun(process.ExitCode, output, error.Result);
    }
}
