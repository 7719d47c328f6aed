namespace ManagedCircle.Engine;

/// <summary>The built-in scheduler: the thread pool, with the calling thread working too. Nothing is allocated per call.</summary>
internal sealed class PoolScheduler(int threads) : IWorkScheduler
{
    private readonly Item[] items = [.. Enumerable.Range(1, threads - 1).Select(static worker => new Item(worker))];

    public void Run(int workers, Action<int> work)
    {
        for (int i = 0; i < workers - 1; i++)
        {
            items[i].Start(work);
        }

        work(0);

        // What the pool has not begun by now, the caller does: a busy pool costs time, never a deadlock.
        for (int i = 0; i < workers - 1; i++)
        {
            items[i].Finish();
        }
    }

    private sealed class Item(int worker) : IThreadPoolWorkItem
    {
        private const int Idle = 0, Queued = 1, Running = 2;

        private Action<int>? work;
        private int state;

        public void Start(Action<int> newWork)
        {
            work = newWork;
            Volatile.Write(ref state, Queued);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Finish()
        {
            Execute();
            SpinWait spin = default;
            while (Volatile.Read(ref state) != Idle)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }

        // An entry of the queue may come late, when the caller did its work; it then finds nothing to do, or the next call's work.
        public void Execute()
        {
            if (Interlocked.CompareExchange(ref state, Running, Queued) == Queued)
            {
                work!(worker);
                Volatile.Write(ref state, Idle);
            }
        }
    }
}
