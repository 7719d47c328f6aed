using System.Runtime.CompilerServices;

namespace ManagedCircle.Simd;

/// <summary>Powers of two made from their exponents.</summary>
internal static class PowersOfTwo
{
    // 1.5 * 2^23 + 127. Adding a whole number n in [-127, 127] leaves n + 127 in the low bits, which the shift moves into the exponent
    // field (everything above falls off). n = -127 makes the field 0, and so the number 0.
    private const float ExponentBias = 12582912f + 127f;

    /// <summary>2^exponent for whole exponents up to 127, and 0 for those below -126.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Of<TSimd>(TSimd exponent)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.ShiftLeftBits(TSimd.Max(exponent, TSimd.Broadcast(-127f)) + TSimd.Broadcast(ExponentBias), 23);
}
