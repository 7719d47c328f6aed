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
    public void One_number_at_a_time_runs_everywhere() => Assert.Equal(SimdWidth.Scalar, SimdChoice.Resolve(SimdWidth.Scalar));
}
