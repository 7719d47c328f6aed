using ManagedCircle.Cli;

namespace ManagedCircle.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a command line within this process; arguments without spaces may stand in one string.</summary>
    public static CommandRun Of(string arguments, params string[] more)
    {
        using StringWriter output = new(), error = new();
        int exitCode = Program.Run([.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. more], output, error);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
