using ManagedCircle.Engine;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed class PoolSchedulerTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(4, 3)]
    [InlineData(16, 16)]
    public void Every_worker_runs_once_before_the_call_returns(int threads, int workers)
    {
        PoolScheduler scheduler = new(threads);
        for (int call = 0; call < 200; call++)
        {
            int[] runs = new int[threads];

            scheduler.Run(workers, worker => Interlocked.Increment(ref runs[worker]));

            Assert.Equal(Enumerable.Range(0, threads).Select(worker => worker < workers ? 1 : 0), runs);
        }
    }

    [Fact]
    public void The_first_worker_is_the_calling_thread()
    {
        int first = 0;

        new PoolScheduler(2).Run(2, worker => first = worker == 0 ? Environment.CurrentManagedThreadId : first);

        Assert.Equal(Environment.CurrentManagedThreadId, first);
    }

    [Fact]
    public void A_caller_on_a_pool_whose_threads_are_all_taken_does_the_work_itself()
    {
        // More callers than the pool has threads, each of which waits for its workers while it holds one.
        int done = 0;

        Parallel.For(0, 64, _ => new PoolScheduler(4).Run(4, _ => Interlocked.Increment(ref done)));

        Assert.Equal(256, done);
    }
}
