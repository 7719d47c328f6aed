using System.Diagnostics;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>Runs a program in a process of its own.</summary>
internal static class DotnetProcess
{
    /// <summary>Runs a .dll with this machine's <c>dotnet</c>.</summary>
    public static CommandRun Run(string assembly, IReadOnlyList<string> arguments, params (string Name, string Value)[] environment)
    {
        using Process process = Start(assembly, arguments, environment);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandRun(process.ExitCode, output, error.Result);
    }

    /// <summary>Starts the tool.</summary>
    public static Process StartTool(CommandLine line, params (string Name, string Value)[] environment) =>
        Start(Path.Combine(AppContext.BaseDirectory, "mcircle.dll"), line.Words, environment);

    /// <summary>Runs a program of this machine, which must succeed.</summary>
    public static void Shell(string program, params IReadOnlyList<string> arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static Process Start(string assembly, IReadOnlyList<string> arguments, (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ["exec", assembly, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
