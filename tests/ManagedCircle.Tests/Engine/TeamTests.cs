using ManagedCircle.Engine;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed class TeamTests
{
    [Theory]
    [InlineData(0, 8, 1)]
    [InlineData(1, 8, 1)]
    [InlineData(5, 8, 5)]
    [InlineData(1L << 40, 8, 8)]
    public void There_are_as_many_workers_as_are_worth_it_and_allowed(long worthIt, int threads, int workers) =>
        Assert.Equal(workers, Team.Workers(worthIt, threads));

    [Fact]
    public void A_single_worker_is_the_calling_thread_and_no_business_of_the_scheduler()
    {
        Team team = On(4, (_, _) => Assert.Fail("The scheduler was called."));
        int ranOn = 0;

        team.Run(1, worker => ranOn = Environment.CurrentManagedThreadId + worker);

        Assert.Equal(Environment.CurrentManagedThreadId, ranOn);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Units_are_taken_once_each_and_awaited_by_all(int workers)
    {
        const int Units = 1000;
        Team team = new(new ExecutionOptions { Threads = workers });
        SharedCounter next = default, done = default;
        int[] taken = new int[Units];
        int completeFor = 0;

        team.Run(workers, _ =>
        {
            for (long unit = team.Next(ref next); unit < Units; unit = team.Next(ref next))
            {
                Interlocked.Increment(ref taken[unit]);
                Interlocked.Increment(ref done.Value);
            }

            team.Await(ref done, Units);
            Interlocked.Add(ref completeFor, taken.All(times => times == 1) ? 1 : 0);
        });

        Assert.Equal(workers, completeFor);
        Assert.All(taken, times => Assert.Equal(1, times));
    }

    [Fact]
    public void Workers_take_their_turns_in_order()
    {
        Team team = new(new ExecutionOptions { Threads = 4 });
        int turn = 0;
        List<int> order = [];

        team.Run(4, worker =>
        {
            team.AwaitTurn(ref turn, worker);
            order.Add(worker);
            Team.PassTurn(ref turn, worker);
        });

        Assert.Equal([0, 1, 2, 3], order);
    }

    [Theory]
    [InlineData("none", "0 of 3")]
    [InlineData("some", "2 of 3")]
    public void A_scheduler_that_leaves_workers_out_is_refused_by_name(string which, string ended)
    {
        Team team = On(3, (_, work) =>
        {
            for (int worker = 0; worker < (which == "none" ? 0 : 2); worker++)
            {
                work(worker);
            }
        });

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => team.Run(3, _ => { }));

        Assert.Contains(nameof(Scheduler), e.Message, StringComparison.Ordinal);
        Assert.Contains(ended, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, "worker -1")]
    [InlineData(int.MinValue, "worker -2147483648")]
    [InlineData(3, "worker 3")]
    [InlineData(int.MaxValue, "worker 2147483647")]
    [InlineData(1, "worker 1 twice")]
    public void A_worker_number_out_of_range_or_used_twice_is_refused_by_name(int number, string expected)
    {
        int runs = 0;
        Team team = On(3, (_, work) =>
        {
            work(0);
            work(1);
            work(number);
            work(2);
        });

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => team.Run(3, _ => runs++));

        Assert.Contains($"{nameof(Scheduler)} ran {expected}", e.Message, StringComparison.Ordinal);
        Assert.Equal(3, runs);
    }

    [Fact]
    public void Workers_that_wait_when_another_is_refused_leave_rather_than_wait_for_ever()
    {
        SharedCounter never = default;
        using ManualResetEventSlim inside = new();
        Team team = On(2, (_, work) =>
        {
            Thread waits = new(() => work(0));
            waits.Start();
            inside.Wait();
            work(7);
            waits.Join();
        });

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => team.Run(2, _ =>
        {
            inside.Set();
            team.Await(ref never, 1);
        }));

        Assert.Contains("worker 7", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_scheduler_throws_reaches_the_caller_and_no_worker_starts_afterwards()
    {
        Action<int>? late = null;
        Team team = On(2, (_, work) =>
        {
            late = work;
            throw new TimeoutException("Too busy.");
        });
        int runs = 0;

        TimeoutException e = Assert.Throws<TimeoutException>(() => team.Run(2, _ => runs++));
        late!(0);
        late(1);

        Assert.Equal("Too busy.", e.Message);
        Assert.Equal(0, runs);
    }

    [Fact]
    public void A_call_whose_scheduler_threw_ends_when_those_inside_have_left()
    {
        using ManualResetEventSlim inside = new(), go = new();
        Thread? helper = null;
        Team team = On(2, (_, work) =>
        {
            helper = new Thread(() => work(1));
            helper.Start();
            inside.Wait();
            go.Set();
            throw new TimeoutException();
        });
        bool left = false;

        Assert.Throws<TimeoutException>(() => team.Run(2, _ =>
        {
            inside.Set();
            go.Wait();
            for (int i = 0; i < 1000; i++)
            {
                Thread.Yield();
            }

            left = true;
        }));

        Assert.True(left);
        helper!.Join();
    }

    [Fact]
    public void What_a_worker_throws_reaches_the_caller_and_the_others_stop()
    {
        SharedCounter units = default, never = default;
        Team team = new(new ExecutionOptions { Threads = 4 });

        TimeoutException e = Assert.Throws<TimeoutException>(() => team.Run(4, _ =>
        {
            if (team.Next(ref units) == 0)
            {
                throw new TimeoutException("A fault.");
            }

            team.Await(ref never, 1);
        }));

        Assert.Equal("A fault.", e.Message);
    }

    [Fact]
    public void Late_workers_of_a_failed_call_do_not_join_the_next_one()
    {
        Action<int>? late = null;
        bool fails = true;
        int runs = 0;
        Team team = On(2, (workers, work) =>
        {
            if (fails)
            {
                late = work;
                return;
            }

            late!(1);
            for (int worker = 0; worker < workers; worker++)
            {
                work(worker);
            }
        });
        Assert.Throws<InvalidOperationException>(() => team.Run(2, _ => runs++));
        fails = false;

        team.Run(2, _ => runs++);

        Assert.Equal(2, runs);
    }

    [Fact]
    public void Workers_may_run_in_any_order_one_after_the_other()
    {
        List<int> order = [];
        Team team = On(4, (_, work) =>
        {
            foreach (int worker in (int[])[2, 0, 3, 1])
            {
                work(worker);
            }
        });

        team.Run(4, order.Add);
        team.Run(3 + 1, order.Add);

        Assert.Equal([2, 0, 3, 1, 2, 0, 3, 1], order);
    }

    private static Team On(int threads, Action<int, Action<int>> run) => new(new ExecutionOptions { Threads = threads, Scheduler = new Scheduler(run) });

    private sealed class Scheduler(Action<int, Action<int>> run) : IWorkScheduler
    {
        public void Run(int workers, Action<int> work) => run(workers, work);
    }
}
