namespace ManagedCircle.Tests.Support;

/// <summary>How far a number may be from the one it is compared with, and why.</summary>
public static class Tolerances
{
    /// <summary>A printed number stands for all that round to it; a whole number (0) was not rounded.</summary>
    public static double HalfAUnitOfTheLastDigit(string printed)
    {
        int point = printed.IndexOf('.', StringComparison.Ordinal);
        return point < 0 ? 0 : 0.5 * Math.Pow(10, point + 1 - printed.Length);
    }

    /// <summary>The log-sum-exp of so many terms is above the largest by at most the log of their number, here in units of 1 / gamma.</summary>
    public static double LogSumExpOverLargest(int terms, double gamma) => Math.Log(terms) / gamma;
}
