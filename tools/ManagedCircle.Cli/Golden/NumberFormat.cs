namespace ManagedCircle.Cli.Golden;

/// <summary>What a precision is to an error analysis.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Unit">Half the last place of 1: what the result of a step is off by, relative.</param>
/// <param name="Working">The same of a sum under way: at least float32, as NumPy and matrix units do it.</param>
/// <param name="Floor">What vanishes in it counts as 0.</param>
/// <param name="Largest">Its largest number.</param>
/// <param name="Nearest">The number of this format that is nearest to another.</param>
internal sealed record NumberFormat(string Name, double Unit, double Working, double Floor, double Largest, Func<double, double> Nearest)
{
    private const double Half = 1.0 / (1 << 11), Brain = 1.0 / (1 << 8), Single = 1.0 / (1 << 24), Double = Single * Single / 32;

    // Half the smallest float16; elsewhere far above the smallest number, as exponentials vanish before the products that they are part of.
    private const double HalfFloor = 1.0 / (1 << 25), SingleFloor = 1e-30, DoubleFloor = 1e-280;

    /// <summary>In the order of <see cref="Tolerances"/>.</summary>
    public static NumberFormat[] All { get; } =
    [
        new("float16", Half, Single, HalfFloor, 65504, static x => (double)(System.Half)x),
        new("bfloat16", Brain, Single, SingleFloor, 3e38, ToBfloat16),
        new("float32", Single, Single, SingleFloor, 3e38, static x => (float)x),
        new("float64", Double, Double, DoubleFloor, 1e308, static x => x),
    ];

    public static NumberFormat Float16 => All[0];

    public static NumberFormat Bfloat16 => All[1];

    public static NumberFormat Float32 => All[2];

    public static NumberFormat Float64 => All[3];

    public static NumberFormat Named(string name) => Array.Find(All, format => format.Name == name)!;

    // bfloat16 is the upper half of a float32, rounded to the nearest, ties to even.
    private static double ToBfloat16(double x)
    {
        uint bits = BitConverter.SingleToUInt32Bits((float)x);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
