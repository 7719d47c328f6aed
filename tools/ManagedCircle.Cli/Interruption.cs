using System.Runtime.InteropServices;

namespace ManagedCircle.Cli;

/// <summary>Something begun on the disk that must not stay when the process is told to end.</summary>
internal interface IUnfinished
{
    /// <summary>Removes its names, while somebody may still be writing to what had them.</summary>
    void Remove();
}

/// <summary>Ends the process on Ctrl+C and its like, after removing what is unfinished; the exit code is 128 and the signal's number.</summary>
internal static class Interruption
{
    private static readonly (PosixSignal Signal, int ExitCode)[] Signals =
        [(PosixSignal.SIGHUP, 129), (PosixSignal.SIGINT, 130), (PosixSignal.SIGQUIT, 131), (PosixSignal.SIGTERM, 143)];

    // Held through every step that makes or renames a file, and by the end of the process, so that none is between two steps then.
    private static readonly Lock Gate = new();
    private static readonly HashSet<IUnfinished> Begun = [];
    private static PosixSignalRegistration[] registrations = [];

    /// <summary>Watches for signals until the process ends.</summary>
    public static void Watch() => registrations = [.. Signals.Select(end => PosixSignalRegistration.Create(end.Signal, context =>
    {
        context.Cancel = true;
        Gate.Enter();
        foreach (IUnfinished output in Begun)
        {
            output.Remove();
        }

        if (!Console.IsErrorRedirected)
        {
            // A progress bar hides the cursor.
            Console.Error.Write("\u001b[?25h");
        }

        Environment.Exit(end.ExitCode);
    }))];

    /// <summary>Makes a step that the end of the process waits for.</summary>
    public static void Step(Action step)
    {
        lock (Gate)
        {
            step();
        }
    }

    /// <summary>Makes a step, before which <paramref name="output"/> is to be removed if the process is told to end.</summary>
    public static void Begin(IUnfinished output, Action step)
    {
        lock (Gate)
        {
            Begun.Add(output);
            step();
        }
    }

    /// <summary>Makes a step, after which <paramref name="output"/> stays as it is.</summary>
    public static void End(IUnfinished output, Action step)
    {
        lock (Gate)
        {
            step();
            Begun.Remove(output);
        }
    }
}
