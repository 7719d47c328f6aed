using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>One object in two calls at once, disposed too early, or with a scheduler that breaks its promise: an exception, and no wrong answer.</summary>
public sealed class MisuseTests
{
    // How long a call may take before it counts as one that hangs.
    private static readonly TimeSpan Hangs = TimeSpan.FromMinutes(2);

    public static TheoryData<string> Kinds => [.. MisusedObject.Kinds];

    public static TheoryData<string, string> KindsAndFaults => new MatrixTheoryData<string, string>(MisusedObject.Kinds, Faults.Keys);

    /// <summary>What a scheduler may do wrong, and what then must be said.</summary>
    private static readonly Dictionary<string, (Action<int, Action<int>> Behaviour, string Message)> Faults = new()
    {
        ["runs nothing"] = ((_, _) => { }, "0 of "),
        ["runs the first worker alone"] = ((_, work) => work(0), "1 of "),
        ["leaves the last worker out"] = ((workers, work) => TestScheduler.InOrder(workers - 1, work), $"workers had ended"),
        ["leaves the first worker out"] = ((workers, work) => TestScheduler.InOrder(workers - 1, worker => work(worker + 1)), $"workers had ended"),
        ["runs worker -1"] = ((workers, work) => TestScheduler.InOrder(workers, worker => work(worker - 1)), "worker -1"),
        ["runs a worker too many"] = ((workers, work) => TestScheduler.InOrder(workers + 1, work), "ran worker "),
        ["runs worker 2147483647"] = (
            (workers, work) => TestScheduler.InOrder(workers, worker => work(worker == 1 ? int.MaxValue : worker)), "worker 2147483647"),
        ["runs worker 0 twice"] = ((workers, work) => TestScheduler.InOrder(workers + 1, worker => work(Math.Max(0, worker - 1))), "worker 0 twice"),
        ["runs worker 0 on two threads at once"] = ((_, work) => OnThreads(() => work(0), () => work(0)), "worker 0 twice"),
        ["runs worker -1 beside the others"] = (
            (workers, work) => OnThreads([.. Enumerable.Range(0, workers).Select(worker => (Action)(() => work(worker))), () => work(-1)]), "worker -1"),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_second_call_while_one_runs_is_refused_and_the_first_is_right(string kind)
    {
        float[][] expected = MisusedObject.Expected(kind);
        TestScheduler scheduler = new();
        using MisusedObject misused = MisusedObject.Make(kind, scheduler);
        Exception? ofOtherThread = null, ofThisThread = null;
        scheduler.Behaviour = (workers, work) =>
        {
            scheduler.Behaviour = TestScheduler.InOrder;
            OnThreads(() => ofOtherThread = Record.Exception(misused.Intrude));
            ofThisThread = Record.Exception(misused.Intrude);
            TestScheduler.InOrder(workers, work);
        };

        misused.Call();

        Assert.All([ofOtherThread, ofThisThread], e => Assert.Contains(
            $"This {kind.Split(' ')[0]} is in a call", Assert.IsType<InvalidOperationException>(e).Message, StringComparison.Ordinal));
        Assert.True(misused.Wrote(expected));
        misused.Call();
        Assert.True(misused.Wrote(expected));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Two_threads_that_share_an_object_get_right_answers_or_are_refused(string kind)
    {
        using MisusedObject first = MisusedObject.Make(kind, null);
        first.Call();
        int right = 0;
        Action calls = () =>
        {
            for (int call = 0; call < 200; call++)
            {
                Exception? e = Record.Exception(first.Call);
                Interlocked.Add(ref right, e is null ? 1 : 0);
                Assert.True(e is null or InvalidOperationException, $"{e}");
            }
        };
        OnThreads(calls, calls);

        // What is written belongs to both, so an answer can be looked at when they have ended.
        Assert.True(right > 0);
        first.Call();
        Assert.True(first.Wrote(MisusedObject.Expected(kind)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Dispose_while_a_call_runs_is_refused_and_the_call_is_right(string kind)
    {
        TestScheduler scheduler = new();
        MisusedObject misused = MisusedObject.Make(kind, scheduler);
        Exception? ofOtherThread = null, ofThisThread = null;
        scheduler.Behaviour = (workers, work) =>
        {
            OnThreads(() => ofOtherThread = Record.Exception(misused.Dispose));
            ofThisThread = Record.Exception(misused.Dispose);
            TestScheduler.InOrder(workers, work);
        };

        misused.Call();
        Assert.True(misused.Wrote(MisusedObject.Expected(kind)));

        Assert.All([ofOtherThread, ofThisThread], e => Assert.IsType<InvalidOperationException>(e));
        misused.Dispose();
        misused.Dispose();
        Assert.Throws<ObjectDisposedException>(misused.Call);
    }

    [Fact]
    public void Every_use_of_a_memory_while_it_is_in_a_call_is_refused()
    {
        TestScheduler scheduler = new();
        using CircleLoss loss = new(CircleLossOptions.Paper, new() { Threads = 2, Scheduler = scheduler });
        LargeBatch batch = LargeBatch.Draw(1, 220, 64, classes: 9);
        CrossBatchMemory memory = new(220, 64);
        Action[] uses =
        [
            () => memory.Enqueue(batch.Batch), memory.Clear, () => memory.Save(Stream.Null), () => Assert.Equal(0, memory.References.Count),
            () => memory.Forward(new CircleLoss(CircleLossOptions.Paper), batch.Batch),
        ];
        List<Exception?> refused = [];
        scheduler.Behaviour = (workers, work) =>
        {
            refused.AddRange(uses.Select(Record.Exception));
            TestScheduler.InOrder(workers, work);
        };

        memory.Forward(loss, batch.Batch);

        Assert.Equal(uses.Length, refused.Count);
        Assert.All(refused, e => Assert.IsType<InvalidOperationException>(e));
        Assert.Equal(220, memory.Count);
    }

    [Theory]
    [MemberData(nameof(KindsAndFaults))]
    public void A_scheduler_that_breaks_its_promise_is_refused_by_name_and_the_object_can_be_used_again(string kind, string fault)
    {
        TestScheduler scheduler = new();
        using MisusedObject misused = MisusedObject.Make(kind, scheduler);
        scheduler.Behaviour = Faults[fault].Behaviour;

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => InTime(misused.Call));

        Assert.Contains(nameof(TestScheduler), e.Message, StringComparison.Ordinal);
        Assert.Contains(Faults[fault].Message, e.Message, StringComparison.Ordinal);
        scheduler.Behaviour = TestScheduler.InOrder;
        misused.Call();
        Assert.True(misused.Wrote(MisusedObject.Expected(kind)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Workers_that_come_when_their_call_has_failed_write_nothing(string kind)
    {
        foreach (bool throws in (bool[])[false, true])
        {
            TestScheduler scheduler = new();
            MisusedObject misused = MisusedObject.Make(kind, scheduler);
            Action<int>? late = null;
            scheduler.Behaviour = (_, work) =>
            {
                late = work;
                if (throws)
                {
                    throw new TimeoutException("Too busy.");
                }
            };

            Exception? e = Record.Exception(misused.Call);
            float[][] written = misused.Written;
            TestScheduler.InOrder(2, late!);
            Assert.True(misused.Wrote(written));
            misused.Dispose();
            TestScheduler.InOrder(2, late!);

            Assert.Equal(throws ? typeof(TimeoutException) : typeof(InvalidOperationException), e?.GetType());
            Assert.True(misused.Wrote(written));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_a_scheduler_throws_when_one_of_its_workers_has_begun_reaches_the_caller_and_the_object_can_be_used_again(string kind)
    {
        TestScheduler scheduler = new();
        using MisusedObject misused = MisusedObject.Make(kind, scheduler);
        Thread? helper = null;
        scheduler.Behaviour = (_, work) =>
        {
            helper = new Thread(() => work(1));
            helper.Start();
            throw new TimeoutException("Too busy.");
        };

        Exception? e = Record.Exception(misused.Call);
        float[][] written = misused.Written;
        helper!.Join();

        Assert.Equal("Too busy.", Assert.IsType<TimeoutException>(e).Message);
        Assert.True(misused.Wrote(written));
        scheduler.Behaviour = TestScheduler.InOrder;
        misused.Call();
        Assert.True(misused.Wrote(MisusedObject.Expected(kind)));
    }

    [Fact]
    public void Calls_of_other_objects_within_a_scheduler_are_no_misuse()
    {
        TestScheduler scheduler = new();
        MisusedObject[] all = [.. MisusedObject.Kinds.Select(kind => MisusedObject.Make(kind, scheduler))];
        int depth = 0;
        scheduler.Behaviour = (workers, work) =>
        {
            if (++depth < all.Length)
            {
                all[depth].Call();
            }

            TestScheduler.InOrder(workers, work);
        };

        all[0].Call();

        Assert.All(all.Zip(MisusedObject.Kinds), pair => Assert.True(pair.First.Wrote(MisusedObject.Expected(pair.Second))));
        Array.ForEach(all, misused => misused.Dispose());
    }

    // Interleavings are drawn from the seed of an object: what the scheduler does in a call, and what another thread does meanwhile; workers of earlier calls
    // come late. Every call ends with the right answer or an exception; and a last one, with nobody else about, with the right answer.
    [Fact]
    public void Ten_thousand_interleavings_of_misuse_end_without_a_crash_a_hang_or_a_wrong_answer()
    {
        const int Objects = 1000, OfEach = 10;
        Dictionary<string, float[][]> expected = MisusedObject.Kinds.ToDictionary(kind => kind, MisusedObject.Expected);
        int right = 0, refused = 0;

        InTime(() => Parallel.For(0, Objects, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            Random random = new(seed);
            string kind = MisusedObject.Kinds[seed % MisusedObject.Kinds.Count];
            TestScheduler scheduler = new();
            Misbehaviour misbehaviour = new(random);
            MisusedObject misused = MisusedObject.Make(kind, scheduler);
            for (int interleaving = 0; interleaving < OfEach; interleaving++)
            {
                scheduler.Behaviour = (workers, work) => misbehaviour.Run(misused, workers, work);
                Action other = random.Next(3) == 0 ? misused.Dispose : misused.Intrude;
                bool alone = random.Next(4) > 0;
                Task meanwhile = alone ? Task.CompletedTask : Task.Run(() => Record.Exception(other));

                Exception? e = Record.Exception(misused.Call);

                Interlocked.Increment(ref e is null ? ref right : ref refused);
                Assert.True(e is null or InvalidOperationException or TimeoutException, $"seed {seed}, {kind}: {e}");
                Assert.True(e is not null || !alone || misused.Wrote(expected[kind]), $"seed {seed}, {kind}: a wrong answer");
                meanwhile.Wait();
                misused = e is ObjectDisposedException ? MisusedObject.Make(kind, scheduler) : misused;
            }

            misbehaviour.Wait();
            scheduler.Behaviour = TestScheduler.InOrder;
            Exception? last = Record.Exception(misused.Call);
            bool isRight = last is ObjectDisposedException || (last is null && misused.Wrote(expected[kind]));
            Assert.True(isRight, $"seed {seed}, {kind}: {last?.ToString() ?? "a wrong answer"}");
            misused.Dispose();
        }));

        Assert.Equal(Objects * OfEach, right + refused);
        Assert.InRange(right, Objects, (Objects * OfEach) - Objects);
    }

    private static void InTime(Action action)
    {
        Task task = Task.Factory.StartNew(action, TaskCreationOptions.LongRunning);
        Assert.True(Task.WaitAny([task], Hangs) == 0, "The call hangs.");
        task.GetAwaiter().GetResult();
    }

    private static void OnThreads(params Action[] actions)
    {
        Exception?[] thrown = new Exception?[actions.Length];
        Thread[] threads = [.. actions.Select((action, i) => new Thread(() => thrown[i] = Record.Exception(action)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.All(thrown, Assert.Null);
    }

    /// <summary>A scheduler's choices, right and wrong.</summary>
    private sealed class Misbehaviour(Random random)
    {
        private readonly List<Action<int>> works = [];
        private readonly List<Task> helpers = [];

        /// <summary>Waits for workers that come late.</summary>
        public void Wait() => Task.WaitAll([.. helpers]);

        public void Run(MisusedObject misused, int workers, Action<int> work)
        {
            works.Add(work);
            switch (random.Next(14))
            {
                case 0:
                    break;
                case 1:
                    work(random.Next(workers));
                    break;
                case 2:
                    work(random.Next(-2, workers + 2));
                    work(random.Next(-2, workers + 2));
                    work(random.Next(-2, workers + 2));
                    break;
                case 3:
                    throw new TimeoutException();
                case 4:
                    work(random.Next(workers));
                    throw new TimeoutException();
                case 5:
                    StartAll(workers, work);
                    throw new TimeoutException();
                case 6:
                    StartAll(workers, work);
                    break;
                case 7:
                    Start(work, 0);
                    work(0);
                    break;
                case 8:
                    Record.Exception(random.Next(2) == 0 ? misused.Dispose : misused.Intrude);
                    TestScheduler.InOrder(workers, work);
                    break;
                case 9:
                    works[random.Next(works.Count)](random.Next(workers));
                    TestScheduler.InOrder(workers, work);
                    break;
                case 10:
                    TestScheduler.InOrder(workers, work);
                    Start(works[random.Next(works.Count)], random.Next(workers));
                    break;
                case 11:
                    StartAll(workers, work);
                    Wait();
                    break;
                case 12:
                    TestScheduler.InOrder(workers, worker => work(workers - 1 - worker));
                    break;
                default:
                    TestScheduler.InOrder(workers, work);
                    break;
            }
        }

        private void StartAll(int workers, Action<int> work) => TestScheduler.InOrder(workers, worker => Start(work, worker));

        private void Start(Action<int> work, int worker) => helpers.Add(Task.Run(() => work(worker)));
    }
}
