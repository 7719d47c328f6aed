using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class StableMathTests
{
    [Fact]
    public void Sines_and_cosines_are_the_systems_to_two_last_places_of_1()
    {
        Random random = new(7);
        foreach (double x in Enumerable.Range(0, 2000).Select(_ => 20 * random.NextDouble() - 10).Concat([0, Math.PI, -Math.PI / 2, 1e6, 0.785398163]))
        {
            (double sin, double cos) = StableMath.SinCos(x);
            Assert.Equal(Math.Sin(x), sin, 2.3e-16);
            Assert.Equal(Math.Cos(x), cos, 2.3e-16);
        }
    }

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
    public void Sigmoid_goes_on_where_its_inverse_overflows() => Nearly.Equal(Math.Exp(-720), StableMath.Sigmoid(-720), double.Epsilon, "sigmoid");

    [Fact]
    public void Exponentials_and_logarithms_are_those_of_the_system_but_for_a_few_last_places()
    {
        for (double x = -745; x < 709.7; x += 0.0317)
        {
            double exponential = Math.Exp(x);
            Nearly.Equal(exponential, StableMath.Exp(x), Tolerances.FewRoundings * exponential + double.Epsilon, $"e^{x}");
            Nearly.Equal(Math.Log(exponential), StableMath.Log(exponential), Tolerances.FewRoundings * Math.Abs(Math.Log(exponential)), $"log {exponential}");
            double nearOne = 1 + x * 1e-6;
            Nearly.Equal(Math.Log(nearOne), StableMath.Log(nearOne), Tolerances.FewRoundings * Math.Abs(Math.Log(nearOne)), $"log {nearOne}");
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(double.NegativeInfinity, 0)]
    [InlineData(-745.2, 0)]
    [InlineData(709.9, double.PositiveInfinity)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(double.NaN, double.NaN)]
    public void An_exponential_has_its_edges(double x, double expected) => Assert.Equal(expected, StableMath.Exp(x));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, double.NegativeInfinity)]
    [InlineData(-1, double.NaN)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(double.NaN, double.NaN)]
    public void A_logarithm_has_its_edges(double x, double expected) => Assert.Equal(expected, StableMath.Log(x));

    [Fact]
    public void A_log_sum_exp_of_nothing_is_minus_infinity() => Assert.Equal(double.NegativeInfinity, StableMath.LogSumExp([]));

    [Fact]
    public void A_log_sum_exp_neither_overflows_nor_vanishes()
    {
        Nearly.Equal(1e6 + Math.Log(2), StableMath.LogSumExp([1e6, 1e6, double.NegativeInfinity]), Tolerances.FewRoundings * 1e6, "log-sum-exp");
        Nearly.Equal(-1e6 + Math.Log(3), StableMath.LogSumExp([-1e6, -1e6, -1e6]), Tolerances.FewRoundings * 1e6, "log-sum-exp");
    }
}
