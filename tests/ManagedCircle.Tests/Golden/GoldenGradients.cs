using ManagedCircle.Tests.Support;

namespace ManagedCircle.Tests.Golden;

/// <summary>Compares gradients with golden ones, as far as rows of norm about 0 let them be compared.</summary>
public static class GoldenGradients
{
    /// <summary>
    /// Compares gradients with a tolerance that goes with their largest entry. Where some rows have a norm near 0, and gradients of many orders more, each
    /// row is compared with its own largest; and a zero row, for which peers have a huge gradient, must have none. The rows are null where the gradient
    /// is not of all of them.
    /// </summary>
    public static void AssertRows(double[]? rows, GoldenArray? golden, double[] actual, Func<double, double> tolerance)
    {
        if (golden is null)
        {
            return;
        }

        double[] expected = golden.ToDoubles();
        int dimension = golden.Shape[1];
        if (rows is null || rows.Chunk(dimension).All(row => Nearly.Largest(row) > 1e-12))
        {
            Nearly.Equal(expected, actual, tolerance(Nearly.Largest(expected)), "gradient");
            return;
        }

        for (int start = 0; start < expected.Length; start += dimension)
        {
            double[] row = rows.AsSpan(start, dimension).IndexOfAnyExcept(0) < 0 ? new double[dimension] : expected[start..(start + dimension)];
            Nearly.Equal(row, actual[start..(start + dimension)], tolerance(Nearly.Largest(row)), $"gradient of row {start / dimension}");
        }
    }

    public static bool HasZeroRow(double[] rows, int dimension) => rows.Chunk(dimension).Any(row => Nearly.Largest(row) == 0);
}
