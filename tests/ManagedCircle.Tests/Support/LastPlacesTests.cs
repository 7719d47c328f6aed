using Xunit;

namespace ManagedCircle.Tests.Support;

public sealed class LastPlacesTests
{
    [Theory]
    [InlineData(1f, 1.0, 0)]
    [InlineData(1.00000012f, 1.0, 1)]
    [InlineData(0f, 1.401298464324817e-45, 1)]
    [InlineData(float.PositiveInfinity, double.PositiveInfinity, 0)]
    [InlineData(float.PositiveInfinity, 1e39, 0)]
    [InlineData(float.MaxValue, 1e39, 1)]
    [InlineData(float.NaN, double.NaN, 0)]
    [InlineData(float.NaN, 1.0, double.PositiveInfinity)]
    public void An_error_counts_the_places_between(float actual, double truth, double error) =>
        Assert.Equal(error, LastPlaces.Error(actual, truth), Tolerances.SameInDouble(1));
}
