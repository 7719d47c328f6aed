namespace ManagedCircle.Reference;

/// <summary>The functions between logits and losses, none of which overflows or cancels.</summary>
/// <remarks>
/// They are made of sums, products, quotients and bits, which IEEE 754 settles to the last place: the same argument gives the same bits on any machine,
/// as <see cref="Math.Exp(double)"/> and <see cref="Math.Log(double)"/>, each system's own, do not. So are the results of <see cref="ReferenceLoss"/>.
/// </remarks>
public static class StableMath
{
    // ln 2 in two parts: the first has 32 significant bits, so that its product with an exponent of 11 bits is exact.
    private static readonly double Ln2High = BitConverter.Int64BitsToDouble(0x3FE62E42FEE00000);
    private const double Ln2Low = 1.90821492927058770002e-10;

    // pi / 2 likewise, with 33 significant bits.
    private const double HalfPi = 1.5707963267948966;
    private const double HalfPiHigh = 1.57079632673412561417;
    private const double HalfPiLow = 6.07710050650619224932e-11;

    /// <summary><c>e^x</c>, within one last place; infinity above 709.78, 0 below -745.13.</summary>
    /// <remarks>
    /// x = k ln 2 + r with k whole and |r| at most ln 2 / 2. The Taylor series of e^r is cut after r^13: the next term is below 2^-57.
    /// </remarks>
    public static double Exp(double x)
    {
        if (double.IsNaN(x) || x > 710 || x < -746)
        {
            return double.IsNaN(x) ? x : x > 0 ? double.PositiveInfinity : 0;
        }

        double k = Math.Round(x * 1.4426950408889634);
        double r = x - k * Ln2High - k * Ln2Low;
        double series = 0;
        for (int n = 13; n >= 2; n--)
        {
            series = (1 + series) * r / n;
        }

        return Math.ScaleB(1 + (r + r * series), (int)k);
    }

    /// <summary>The natural logarithm, within three last places; -infinity of 0, NaN below.</summary>
    /// <remarks>
    /// x = 2^k y with y between sqrt(1/2) and sqrt(2). With t = (y - 1) / (y + 1), log y = 2 atanh t = 2 (t + t^3 / 3 + t^5 / 5 + ...); t^2 is below 0.0295
    /// and the series is cut after t^23: the next term is below 2^-60 of the first.
    /// </remarks>
    public static double Log(double x)
    {
        if (!(x > 0) || double.IsInfinity(x))
        {
            return x == 0 ? double.NegativeInfinity : x > 0 ? x : double.NaN;
        }

        int k = Math.ILogB(x);
        double y = Math.ScaleB(x, -k);
        if (y > 1.4142135623730951)
        {
            y /= 2;
            k++;
        }

        double t = (y - 1) / (y + 1), square = t * t;
        double series = 0;
        for (int n = 23; n >= 3; n -= 2)
        {
            series = (series + 1.0 / n) * square;
        }

        return k * Ln2High + (k * Ln2Low + (2 * t + 2 * t * series));
    }

    /// <summary>The sine and the cosine of an angle of at most 1e6 either way, each within 2e-16.</summary>
    /// <remarks>x = k pi / 2 + r with k whole and |r| at most pi / 4. The Taylor series are cut after r^20: the next term is below 2^-70.</remarks>
    public static (double Sin, double Cos) SinCos(double x)
    {
        double k = Math.Round(x / HalfPi);
        double r = x - k * HalfPiHigh - k * HalfPiLow;
        double sin = 0, cos = 0;
        for (int n = 20; n >= 2; n -= 2)
        {
            sin = (1 + sin) * -(r * r) / (n * (n + 1));
            cos = (1 + cos) * -(r * r) / (n * (n - 1));
        }

        (sin, cos) = (r + r * sin, 1 + cos);
        return ((long)k & 3) switch { 0 => (sin, cos), 1 => (cos, -sin), 2 => (-sin, -cos), _ => (-cos, sin) };
    }

    /// <summary><c>log(sum of e^v)</c>, taken relative to the largest value so that no term overflows; -infinity for no values.</summary>
    /// <param name="values">Any numbers; -infinity adds nothing.</param>
    public static double LogSumExp(ReadOnlySpan<double> values)
    {
        double largest = double.NegativeInfinity;
        foreach (double value in values)
        {
            largest = Math.Max(largest, value);
        }

        if (double.IsNegativeInfinity(largest))
        {
            return largest;
        }

        double sum = 0;
        foreach (double value in values)
        {
            sum += Exp(value - largest);
        }

        return largest + Log(sum);
    }

    /// <summary><c>log(1 + e^z)</c>: about z for large z, about e^z for very negative z.</summary>
    public static double Softplus(double z) => Math.Max(z, 0) + LogOnePlus(Exp(-Math.Abs(z)));

    /// <summary><c>1 / (1 + e^-z)</c>, the derivative of <see cref="Softplus"/>.</summary>
    public static double Sigmoid(double z) => z >= 0 ? 1 / (1 + Exp(-z)) : Exp(z) / (1 + Exp(z));

    /// <summary><c>log(1 + x)</c> for x in [0, 1], to the last places for the smallest x.</summary>
    /// <remarks>
    /// The sum 1 + x rounds to some y. log(y) / (y - 1) is so flat near 1 that it is right for 1 + x as well, and y - 1 is exact;
    /// times x it is log(1 + x) (Goldberg 1991, theorem 4).
    /// </remarks>
    private static double LogOnePlus(double x)
    {
        double y = 1 + x;
        return y == 1 ? x : Log(y) * x / (y - 1);
    }
}
