using System.Numerics;
using Xunit;

namespace ManagedCircle.Tests.Simd;

/// <summary>A test run for certain hardware runs on it, or a setting was misspelled: see <c>tools/isa-matrix.sh</c>.</summary>
public sealed class ExpectedHardwareTests
{
    [Fact]
    public void Vector_T_is_as_wide_as_this_test_run_is_for()
    {
        string? expected = Environment.GetEnvironmentVariable("MANAGEDCIRCLE_EXPECT_VECTORT_BITS");
        Assert.SkipWhen(string.IsNullOrEmpty(expected), "MANAGEDCIRCLE_EXPECT_VECTORT_BITS names no width to expect.");

        Assert.Equal(expected, $"{Vector<byte>.Count * 8}");
    }

    [Fact]
    public void Multiply_and_add_are_fused_where_this_test_run_is_for_that()
    {
        string? expected = Environment.GetEnvironmentVariable("MANAGEDCIRCLE_EXPECT_FUSED");
        Assert.SkipWhen(string.IsNullOrEmpty(expected), "MANAGEDCIRCLE_EXPECT_FUSED does not say what to expect.");

        Assert.Equal(expected, SameBits.Fuses ? "1" : "0");
    }
}
