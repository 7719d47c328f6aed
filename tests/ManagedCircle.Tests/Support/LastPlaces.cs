namespace ManagedCircle.Tests.Support;

/// <summary>Errors of floats in units of the last place.</summary>
public static class LastPlaces
{
    private const double Infinity = 3.402823669209384634633746e38;

    /// <summary>How many last places of the true value a float is off; infinity counts as 2^128, where the next float would be. NaN is 0 off NaN.</summary>
    public static double Error(float actual, double truth)
    {
        if (double.IsNaN(truth) || float.IsNaN(actual))
        {
            return double.IsNaN(truth) && float.IsNaN(actual) ? 0 : double.PositiveInfinity;
        }

        truth = Math.Clamp(truth, -Infinity, Infinity);
        double value = Math.Clamp(actual, -Infinity, Infinity);
        int exponent = truth == 0 ? -126 : Math.Clamp(Math.ILogB(truth), -126, 127);
        return Math.Abs(value - truth) / Math.ScaleB(1, exponent - 23);
    }
}
