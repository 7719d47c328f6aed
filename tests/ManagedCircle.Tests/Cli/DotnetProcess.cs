using System.Diagnostics;

namespace ManagedCircle.Tests.Cli;

/// <summary>Runs a program in a process of its own.</summary>
internal static class DotnetProcess
{
    /// <summary>Runs a .dll with this machine's <c>dotnet</c>.</summary>
    public static CommandRun Run(string assembly, IReadOnlyList<string> arguments, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ["exec", assembly, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandRun(process.ExitCode, output, error.Result);
    }
}
