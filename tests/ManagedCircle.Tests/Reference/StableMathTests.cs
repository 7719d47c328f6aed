using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class StableMathTests
{
    [Theory]
    [InlineData(0, 0.69314718055994531)]
    [InlineData(1, 1.3132616875182228)]
    [InlineData(-1, 0.31326168751822286)]
    [InlineData(20, 20.000000002061153)]
    [InlineData(-20, 2.0611536203143808e-9)]
    [InlineData(-40, 4.248354255291589e-18)]
    [InlineData(-700, 9.859676543759771e-305)]
    [InlineData(1e6, 1e6)]
    [InlineData(-1e6, 0)]
    public void Softplus_keeps_its_digits_at_both_ends(double z, double expected) =>
        Nearly.Equal(expected, StableMath.Softplus(z), Tolerances.FewRoundings * expected, "softplus");

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(2, 0.88079707797788243)]
    [InlineData(-2, 0.11920292202211755)]
    [InlineData(-700, 9.859676543759771e-305)]
    [InlineData(1e6, 1)]
    [InlineData(-1e6, 0)]
    public void Sigmoid_keeps_its_digits_at_both_ends(double z, double expected) =>
        Nearly.Equal(expected, StableMath.Sigmoid(z), Tolerances.FewRoundings * expected, "sigmoid");

    [Fact]
    public void A_log_sum_exp_of_nothing_is_minus_infinity() => Assert.Equal(double.NegativeInfinity, StableMath.LogSumExp([]));

    [Fact]
    public void A_log_sum_exp_neither_overflows_nor_vanishes()
    {
        Nearly.Equal(1e6 + Math.Log(2), StableMath.LogSumExp([1e6, 1e6, double.NegativeInfinity]), Tolerances.FewRoundings * 1e6, "log-sum-exp");
        Nearly.Equal(-1e6 + Math.Log(3), StableMath.LogSumExp([-1e6, -1e6, -1e6]), Tolerances.FewRoundings * 1e6, "log-sum-exp");
    }
}
