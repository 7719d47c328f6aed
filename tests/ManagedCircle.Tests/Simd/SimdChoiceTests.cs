using System.Runtime.Intrinsics;
using ManagedCircle.Simd;
using Xunit;

namespace ManagedCircle.Tests.Simd;

public sealed class SimdChoiceTests
{
    [Fact]
    public void The_width_that_runs_is_the_one_this_test_run_is_for()
    {
        string? expected = Environment.GetEnvironmentVariable("MANAGEDCIRCLE_EXPECT_ISA");
        Assert.SkipWhen(string.IsNullOrEmpty(expected), "MANAGEDCIRCLE_EXPECT_ISA names no width to expect.");

        Assert.Equal(expected, SimdChoice.Resolve(SimdWidth.Auto).ToString(), ignoreCase: true);
    }

    [Fact]
    public void Auto_is_the_widest_in_hardware()
    {
        SimdWidth expected = Vector512.IsHardwareAccelerated ? SimdWidth.Vector512
            : Vector256.IsHardwareAccelerated ? SimdWidth.Vector256
            : Vector128.IsHardwareAccelerated ? SimdWidth.Vector128
            : SimdWidth.Scalar;

        Assert.Equal(expected, SimdChoice.Resolve(SimdWidth.Auto));
    }

    [Theory]
    [InlineData(SimdWidth.Vector512)]
    [InlineData(SimdWidth.Vector256)]
    [InlineData(SimdWidth.Vector128)]
    [InlineData((SimdWidth)99)]
    public void A_width_is_given_where_the_hardware_has_it_and_refused_with_the_others_named_where_not(SimdWidth wanted)
    {
        if (wanted >= SimdChoice.Resolve(SimdWidth.Auto) && Enum.IsDefined(wanted))
        {
            Assert.Equal(wanted, SimdChoice.Resolve(wanted));
            return;
        }

        PlatformNotSupportedException error = Assert.Throws<PlatformNotSupportedException>(() => SimdChoice.Resolve(wanted));

        Assert.Contains($"SimdWidth is {wanted}", error.Message, StringComparison.Ordinal);
        Assert.Contains("Scalar", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_available_width_runs_and_every_other_is_refused()
    {
        foreach (SimdWidth width in Enum.GetValues<SimdWidth>())
        {
            ExecutionOptions execution = new() { SimdWidth = width };
            if (width == SimdWidth.Auto || ExecutionOptions.AvailableSimdWidths.Contains(width))
            {
                using CircleLoss loss = new(CircleLossOptions.Paper, execution);
                Assert.Equal(width == SimdWidth.Auto ? ExecutionOptions.AvailableSimdWidths[0] : width, loss.SimdWidth);
            }
            else
            {
                Assert.Throws<PlatformNotSupportedException>(() => new CircleLoss(CircleLossOptions.Paper, execution));
            }
        }
    }

    [Fact]
    public void One_number_at_a_time_runs_everywhere() => Assert.Equal(SimdWidth.Scalar, SimdChoice.Resolve(SimdWidth.Scalar));
}
