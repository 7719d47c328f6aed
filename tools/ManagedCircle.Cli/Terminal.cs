using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace ManagedCircle.Cli;

/// <summary>The ways a command speaks: a JSON object, a table, a progress bar.</summary>
internal static class Terminal
{
    private const int WidthOfFiles = 200;

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Writes one line of JSON; a number that JSON cannot hold is the string "NaN", "Infinity" or "-Infinity".</summary>
    public static void WriteJson<T>(TextWriter output, T value) => output.WriteLine(JsonSerializer.Serialize(value, Json));

    /// <summary>Writes a table.</summary>
    public static void WriteTable(TextWriter output, Table table) => On(output).Write(table);

    /// <summary>
    /// Does some work under a progress bar, as <see cref="ShowProgress(TextWriter, string, int, Action{Action})"/> does, and returns its result.
    /// </summary>
    public static T ShowProgress<T>(TextWriter error, string title, int parts, Func<Action, T> work)
    {
        T? result = default;
        ShowProgress(error, title, parts, done => { result = work(done); });
        return result!;
    }

    /// <summary>Does some work, which says when a part of it is done, under a progress bar where <paramref name="error"/> is a terminal.</summary>
    public static void ShowProgress(TextWriter error, string title, int parts, Action<Action> work)
    {
        if (!ReferenceEquals(error, Console.Error) || Console.IsErrorRedirected)
        {
            work(static () => { });
            return;
        }

        On(error).Progress().AutoClear(true).Start(progress =>
        {
            ProgressTask task = progress.AddTask(title, maxValue: parts);
            work(() => task.Increment(1));
        });
    }

    /// <summary>A console on a writer; what no terminal shows has lines as wide as they need to be.</summary>
    private static IAnsiConsole On(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        bool shown = ReferenceEquals(writer, Console.Error) ? !Console.IsErrorRedirected : ReferenceEquals(writer, Console.Out) && !Console.IsOutputRedirected;
        console.Profile.Width = shown ? console.Profile.Width : Math.Max(WidthOfFiles, console.Profile.Width);
        return console;
    }
}
