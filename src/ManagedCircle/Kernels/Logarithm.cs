using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Logarithms to the base e and to the base two.</summary>
internal static class Logarithm
{
    // A positive number is x = 2^n (1 + r) with 1 + r from sqrt(1/2) to sqrt(2): as integers, the bits of x less those of sqrt(1/2) are
    // n 2^23 + the bits of 1 + r less those of sqrt(1/2), and the second term is below 2^23.
    private const int RootOfHalf = 0x3f3504f3, MantissaBits = 0x007fffff;

    // log2(1 + r) = r + r (c0 + r (c1 + ... r c8)). The coefficients minimise the largest absolute error (Remez' exchange in 40 digits); they were
    // rounded to float one after the other from c0 up, and those above fitted again each time. That leaves 6.8e-9; the rest is rounding.
    private const float C0 = 0.442694873f, C1 = -0.721347153f, C2 = 0.480922222f, C3 = -0.360720009f, C4 = 0.287662297f;
    private const float C5 = -0.238539249f, C6 = 0.217354536f, C7 = -0.210192874f, C8 = 0.125349119f;

    /// <summary>log2(value) as a whole exponent and a fraction in [-0.5, 0.5], the fraction within 3.2e-8, or 4.5e-8 where multiply-adds round twice.</summary>
    /// <param name="value">Above 0, finite, not subnormal.</param>
    /// <param name="exponent">The whole number.</param>
    /// <returns>The fraction.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Base2<TSimd>(TSimd value, out TSimd exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd rest = Split(value, out exponent);
        TSimd fraction = TSimd.MultiplyAdd(rest, TSimd.Broadcast(C8), TSimd.Broadcast(C7));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C6));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C5));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C4));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C3));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C2));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C1));
        fraction = TSimd.MultiplyAdd(rest, fraction, TSimd.Broadcast(C0));
        return TSimd.MultiplyAdd(rest, fraction, rest);
    }

    /// <summary>value = 2^exponent (1 + r): returns r, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Split<TSimd>(TSimd value, out TSimd exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd bits = TSimd.AddBits(value, FromBits<TSimd>(-RootOfHalf));
        exponent = TSimd.BitsToNumber(TSimd.ShiftRightBits(bits, 23));
        return TSimd.AddBits(bits & FromBits<TSimd>(MantissaBits), FromBits<TSimd>(RootOfHalf)) - TSimd.Broadcast(1f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd FromBits<TSimd>(int bits)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Broadcast(BitConverter.Int32BitsToSingle(bits));
}
