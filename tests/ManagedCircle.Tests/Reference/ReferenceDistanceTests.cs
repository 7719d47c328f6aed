using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class ReferenceDistanceTests
{
    private static readonly double[] Queries = [3, 4, 0, 0, 1, -2], References = [3, 4, -1, 1];

    [Fact]
    public void Distances_are_those_of_rows_or_of_unit_rows_and_zero_rows_stay_zero()
    {
        Assert.Equal([0, 25, 25, 2, 40, 13], ReferenceDistance.Forward(Queries, References, dimension: 2, normalize: false, squared: true));
        double[] unit = ReferenceDistance.Forward(Queries, References, dimension: 2, normalize: true, squared: false);
        double[] cosines = [1, .2 / Math.Sqrt(2), .5, .5, -1 / Math.Sqrt(5), -3 / Math.Sqrt(10)]; // a zero row is at distance 1 of every unit row
        Nearly.Equal([.. cosines.Select(s => Math.Sqrt(2 - 2 * s))], unit, 1e-7, "distances");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Gradients_are_central_differences_and_rows_at_distance_0_have_none(bool normalize, bool squared)
    {
        double[] weights = [.3, -1, .5, .7, 1.1, -.2];
        (double[] ofQueries, double[] ofReferences) = ReferenceDistance.Backward(Queries, References, 2, normalize, squared, weights);
        double[] moved = [.. Queries], movedReferences = [.. References];

        for (int i = 0; i < Queries.Length; i++)
        {
            // A zero row has no direction, and a distance of 0 a bend whose differences cancel.
            Assert.True(i / 2 == 1 && normalize ? ofQueries[i] == 0 : Math.Abs(Difference(moved, i) - ofQueries[i]) < 1e-8, $"query number {i}");
        }

        Nearly.Equal([.. References.Select((_, i) => Difference(movedReferences, i))], ofReferences, 1e-8, "references");

        double Difference(double[] rows, int i)
        {
            double at = rows[i], up = At(at + 1e-6), down = At(at - 1e-6);
            rows[i] = at;
            return (up - down) / 2e-6;

            double At(double x)
            {
                rows[i] = x;
                return ReferenceDistance.Forward(moved, movedReferences, 2, normalize, squared).Zip(weights, (d, w) => d * w).Sum();
            }
        }
    }
}
