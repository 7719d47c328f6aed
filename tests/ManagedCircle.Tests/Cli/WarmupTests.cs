using ManagedCircle.Cli.Benchmark;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class WarmupTests
{
    [Fact]
    public void A_call_is_warm_when_nothing_has_been_compiled_for_a_while()
    {
        // Every call takes a millisecond. The JIT compiles something with the first, the 141st and the 250th.
        Clock clock = new();
        int calls = 0;
        Warmup warmup = new(clock, () => calls switch { < 1 => 5, < 141 => 6, < 250 => 7, _ => 8 });

        TimeSpan each = warmup.Run(Call);

        Assert.Equal(250 + (int)Warmup.Quiet.TotalMilliseconds, calls);
        Assert.Equal(TimeSpan.FromMilliseconds(1), each);

        void Call()
        {
            calls++;
            clock.Now += TimeSpan.FromMilliseconds(1);
        }
    }

    [Fact]
    public void A_call_that_takes_long_is_warm_after_three()
    {
        Clock clock = new();
        int calls = 0;

        TimeSpan each = new Warmup(clock, () => 0).Run(() =>
        {
            calls++;
            clock.Now += TimeSpan.FromSeconds(1);
        });

        Assert.Equal((3, TimeSpan.FromSeconds(1)), (calls, each));
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
