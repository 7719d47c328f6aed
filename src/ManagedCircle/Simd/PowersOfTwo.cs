namespace ManagedCircle.Simd;

/// <summary>How a power of two is made from its exponent.</summary>
/// <remarks>
/// 1.5 * 2^23 + 127 plus a whole number n in [-127, 127] leaves n + 127 in the low bits of the sum, and a shift by 23 moves them into the exponent field
/// (everything above falls off). n = -127 makes the field 0, and so the number 0.
/// </remarks>
internal static class PowersOfTwo
{
    public const float Lowest = -127f;

    /// <summary>Scales every number from 1/2 on to a normal one.</summary>
    public const float LowestNormal = -125f;

    public const float Bias = 12582912f + 127f;
}
