using Xunit;

namespace ManagedCircle.Tests.Support;

/// <summary>Asserts that numbers are those expected but for a tolerance, and says which one is worst.</summary>
public static class Nearly
{
    public static void Equal(double expected, double actual, double tolerance, string what) => Equal([expected], [actual], _ => tolerance, what);

    /// <summary>Every number within one tolerance, such as a share of the largest entry.</summary>
    public static void Equal(double[] expected, double[] actual, double tolerance, string what) => Equal(expected, actual, _ => tolerance, what);

    /// <summary>Every number within the tolerance of its own expected value.</summary>
    public static void Equal(double[] expected, double[] actual, Func<double, double> tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double allowed = tolerance(expected[i]), difference = Math.Abs(actual[i] - expected[i]);
            Assert.True(difference <= allowed || actual[i] == expected[i],
                $"{what}[{i}] is {actual[i]:R}, expected {expected[i]:R}: off by {difference:E1}, allowed {allowed:E1}");
        }
    }

    public static double Largest(IEnumerable<double> numbers) => numbers.Select(Math.Abs).DefaultIfEmpty(0).Max();
}
