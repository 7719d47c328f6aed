using System.Globalization;

namespace ManagedCircle.Cli.Golden;

/// <summary>What a precision is to an error analysis.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Unit">Half the last place of 1: what an operand or an answer, held in this type, is off by, relative.</param>
/// <param name="Working">The same of sums, logits and exponentials: float32 where rows are held in 16 bits, as matrix units do it.</param>
/// <param name="Floor">What vanishes in it counts as 0.</param>
/// <param name="Largest">Its largest number.</param>
internal sealed record NumberFormat(string Name, double Unit, double Working, double Floor, double Largest)
{
    private const double Half = 1.0 / (1 << 11), Brain = 1.0 / (1 << 8), Single = 1.0 / (1 << 24), Double = Single * Single / 32;

    // Half the smallest float16; elsewhere far above the smallest number, as exponentials vanish before the products that they are part of.
    private const double HalfFloor = 1.0 / (1 << 25), SingleFloor = 1e-30, DoubleFloor = 1e-280;

    /// <summary>In the order of <see cref="Tolerance"/>.</summary>
    public static NumberFormat[] All { get; } =
    [
        new("float16", Half, Single, HalfFloor, 65504),
        new("bfloat16", Brain, Single, SingleFloor, 3e38),
        new("float32", Single, Single, SingleFloor, 3e38),
        new("float64", Double, Double, DoubleFloor, 1e308),
    ];

    /// <summary>
    /// What a stored answer may be off by: twice the error, for the reference has its own and terms of second order were left out, and the answer's rounding.
    /// Rounded up to two digits; null where there is no bound or the answer is out of range.
    /// </summary>
    public double? Allowance(double error, double largestAnswer)
    {
        double allowance = 2 * error + (error > 0 || largestAnswer > 0 ? 2 * Unit * largestAnswer + Floor : 0);
        return !double.IsFinite(allowance) || largestAnswer > Largest / 2 ? null
            : double.Parse((1.05 * allowance).ToString("E1", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }
}
