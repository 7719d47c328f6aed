using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ManagedCircle.Engine;

/// <summary>The workers of an engine, and how they share the units of a step.</summary>
/// <remarks>
/// A step is complete when its units are, whoever did them: one worker alone does everything, and one that comes late finds the counters further on. A worker
/// waits for units that another has taken, and never for another to come, so it cannot wait in vain. Units that add to one block do so in their turn; they are
/// taken in that order, so the earliest that is not done never waits.
/// </remarks>
internal sealed class Team
{
    /// <summary>Multiply-adds that are worth a worker of their own: about 10 microseconds.</summary>
    public const long WorkPerWorker = 1L << 20;

    private readonly IWorkScheduler scheduler;
    private readonly int threads;
    private Crew crew;

    /// <summary>Makes a team of the workers that a caller allows.</summary>
    public Team(ExecutionOptions execution)
    {
        threads = execution.Threads;
        scheduler = execution.Scheduler ?? new PoolScheduler(threads);
        crew = new Crew(scheduler, threads);
    }

    /// <summary>How many workers a call has that gives work to so many.</summary>
    public static int Workers(long worthIt, int threads) => (int)Math.Clamp(worthIt, 1, threads);

    /// <summary>Runs a step on every worker; a single one is the calling thread.</summary>
    /// <remarks>A call does so once if it can: a sleeping thread takes 30 to 50 us to come.</remarks>
    /// <exception cref="InvalidOperationException">The scheduler did not run every worker once, or returned before they had.</exception>
    public void Run(int workers, Action<int> step)
    {
        if (workers == 1)
        {
            step(0);
            return;
        }

        Debug.Assert(workers <= threads, "A call has no more workers than the caller allows.");
        Crew current = crew;
        bool returned = false;
        current.Open(workers, step);
        try
        {
            scheduler.Run(workers, current.Work);
            returned = true;
        }
        finally
        {
            // The workers of a call that failed may yet come: they find a crew that is never opened again.
            if (!current.Close(returned))
            {
                crew = new Crew(scheduler, threads);
            }
        }

        current.ThrowIfFailed();
    }

    /// <summary>The next unit that nobody has taken; beyond all of them once the call has failed.</summary>
    public long Next(ref SharedCounter taken) => crew.Failed ? long.MaxValue : Interlocked.Increment(ref taken.Value) - 1;

    /// <summary>Waits until so many units are done.</summary>
    public void Await(ref SharedCounter done, long units)
    {
        for (SpinWait spin = default; Volatile.Read(ref done.Value) < units;)
        {
            Spin(ref spin);
        }
    }

    /// <summary>Waits until <paramref name="turn"/> units have passed.</summary>
    public void AwaitTurn(ref int passed, int turn)
    {
        for (SpinWait spin = default; Volatile.Read(ref passed) != turn;)
        {
            Spin(ref spin);
        }
    }

    /// <summary>Lets the next unit pass.</summary>
    public static void PassTurn(ref int passed, int turn) => Volatile.Write(ref passed, turn + 1);

    private void Spin(ref SpinWait spin)
    {
        if (crew.Failed)
        {
            throw new OperationCanceledException("Another worker of the call has failed.");
        }

        spin.SpinOnce(sleep1Threshold: -1);
    }
}

/// <summary>A number that workers write, in cache lines of its own: what they only read does not go from one to another with it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct SharedCounter
{
    [FieldOffset(64)]
    public long Value;
}
