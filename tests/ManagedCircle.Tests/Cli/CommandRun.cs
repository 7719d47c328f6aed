using ManagedCircle.Cli;

namespace ManagedCircle.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a command line within this process.</summary>
    public static CommandRun Of(CommandLine line)
    {
        using StringWriter output = new(), error = new();
        int exitCode = Program.Run(line.Words, output, error);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
