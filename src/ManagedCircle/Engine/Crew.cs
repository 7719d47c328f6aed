using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ManagedCircle.Engine;

/// <summary>Lets the workers of a call in, each once, and the call end when they have left.</summary>
/// <remarks>
/// A scheduler is the caller's code: it may run a worker never, twice, under a number that there is not, or when the call has long ended. Whatever it does,
/// nobody is inside while the crew is closed, the call ends, and its caller hears of it.
/// </remarks>
internal sealed class Crew
{
    // Added to the number of workers inside while nobody may come in. Adding it again takes it away.
    private const int Closed = int.MinValue;

    private readonly IWorkScheduler scheduler;
    private readonly long[] lastCall;
    private Action<int> step = static _ => { };
    private int workers, ended, inside = Closed;
    private long call;
    private Exception? failure;

    /// <summary>Makes a crew of so many workers at most.</summary>
    public Crew(IWorkScheduler scheduler, int most)
    {
        this.scheduler = scheduler;
        lastCall = new long[most];
        Work = Enter;
    }

    /// <summary>What a scheduler calls for each worker. It never throws, and does nothing while the crew is closed.</summary>
    public Action<int> Work { get; }

    /// <summary>Whether the call has failed, and the others may stop.</summary>
    public bool Failed => Volatile.Read(ref failure) != null;

    /// <summary>Lets the workers of a call in.</summary>
    public void Open(int workerCount, Action<int> work)
    {
        Debug.Assert(inside < 0, "A crew has one call at a time.");
        (workers, step, ended, failure) = (workerCount, work, 0, null);
        call++;
        Interlocked.Add(ref inside, Closed);
    }

    /// <summary>Lets nobody in any more, and waits until all have left. Returns whether every worker ran once and had left before.</summary>
    /// <param name="returned">Whether the scheduler returned, rather than threw.</param>
    public bool Close(bool returned)
    {
        int left = Interlocked.Add(ref inside, Closed);
        if (!returned || left != Closed || ended < workers)
        {
            Fail(ThrowIf.WorkersMissing(scheduler, ended, workers));
        }

        for (SpinWait spin = default; Volatile.Read(ref inside) != Closed;)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        return failure == null;
    }

    /// <summary>Throws what made the call fail.</summary>
    public void ThrowIfFailed()
    {
        if (failure != null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private void Enter(int worker)
    {
        if (Interlocked.Increment(ref inside) > 0)
        {
            try
            {
                ThrowIf.UnknownWorker(scheduler, worker, workers);
                ThrowIf.WorkerTwice(Interlocked.Exchange(ref lastCall[worker], call) == call, scheduler, worker, workers);
                step(worker);
                Interlocked.Increment(ref ended);
            }
            catch (Exception e)
            {
                Fail(e);
            }
        }

        Interlocked.Decrement(ref inside);
    }

    private void Fail(Exception reason) => Interlocked.CompareExchange(ref failure, reason, null);
}
