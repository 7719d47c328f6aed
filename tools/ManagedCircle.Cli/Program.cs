using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using ManagedCircle.Cli.Commands;

namespace ManagedCircle.Cli;

/// <summary>The <c>mcircle</c> tool. Exit codes: 0 done, 1 bad input or wrong answers, 2 usage, 128 and its number where a signal ended it.</summary>
internal static class Program
{
    private const int BadInput = 1, Usage = 2;

    public static int Main(string[] arguments)
    {
        Interruption.Watch();
        return Run(arguments, Console.Out, Console.Error);
    }

    /// <summary>Runs one command line; whatever goes wrong with its input is one line on <paramref name="error"/>.</summary>
    public static int Run(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        RootCommand root = new("Circle loss and its exact gradients, on the CPU.")
        {
            LossCommand.Create(), TrainCommand.Create(), SearchCommand.Create(), EvaluateCommand.Create(), PlotCommand.Create(), GoldenCommand.Create(),
            VerifyCommand.Create(), BenchCommand.Create(),
        };
        ParseResult command = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Action is ParseErrorAction)
        {
            return Fail(Usage, $"{WhatIsWrong(command)} See: {CommandPath(command.CommandResult)} --help");
        }

        try
        {
            return command.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        }
        catch (UsageException reason)
        {
            return Fail(Usage, $"{Sentence(reason)} See: {CommandPath(command.CommandResult)} --help");
        }
        catch (Exception reason) when (reason is BadInputException or ArgumentException or IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            return Fail(BadInput, Sentence(reason));
        }

        int Fail(int exitCode, string message)
        {
            try
            {
                error.WriteLine($"mcircle: {new string([.. message.Select(c => char.IsControl(c) ? ' ' : c)])}");
            }
            catch (IOException)
            {
                // Nobody can be told, such as on a full disk; the exit code still says it.
            }

            return exitCode;
        }
    }

    private static string WhatIsWrong(ParseResult command)
    {
        if (command.CommandResult.Command is not RootCommand root)
        {
            // An option that took the next one for its value leaves that one's value over, which is not what is wrong.
            return (command.Errors.FirstOrDefault(error => error.SymbolResult is OptionResult) ?? command.Errors[0]).Message;
        }

        string named = command.Tokens is [Token first, ..] ? $"'{first.Value}'" : "Nothing";
        return $"{named} is no command: expected {string.Join('|', root.Subcommands.Select(known => known.Name))}.";
    }

    /// <summary>A message without the name of a parameter, which the user has never seen.</summary>
    private static string Sentence(Exception reason) => reason.Message.Split(" (Parameter ")[0];

    private static string CommandPath(CommandResult result) => result.Parent is CommandResult ? $"mcircle {result.Command.Name}" : "mcircle";
}
