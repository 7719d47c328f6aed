using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Powers of e and of two.</summary>
internal static class Exponential
{
    // 2^f = 1 + f (c1 + f (c2 + ... f c6)). The coefficients minimise the largest relative error on [-0.5, 0.5] (Remez' exchange in 40 digits); they
    // were rounded to float one after the other from c1 up, and those above fitted again each time. That leaves 3.0e-9; the rest is rounding.
    private const float C1 = 0.693147182f, C2 = 0.240226477f, C3 = 0.0555035993f, C4 = 0.00961850584f, C5 = 0.00133908063f, C6 = 0.000153264715f;

    /// <summary>2^fraction for fractions in [-0.5, 0.5], within 7e-8 of the value, or 1e-7 where multiply-adds round twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd PowerOfFraction<TSimd>(TSimd fraction)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd power = TSimd.MultiplyAdd(fraction, TSimd.Broadcast(C6), TSimd.Broadcast(C5));
        power = TSimd.MultiplyAdd(fraction, power, TSimd.Broadcast(C4));
        power = TSimd.MultiplyAdd(fraction, power, TSimd.Broadcast(C3));
        power = TSimd.MultiplyAdd(fraction, power, TSimd.Broadcast(C2));
        power = TSimd.MultiplyAdd(fraction, power, TSimd.Broadcast(C1));
        return TSimd.MultiplyAdd(fraction, power, TSimd.Broadcast(1f));
    }

    /// <summary>The same for four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> PowerOfFraction<TSimd>(Four<TSimd> fraction)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        Four<TSimd> power = Four<TSimd>.MultiplyAdd(fraction, TSimd.Broadcast(C6), TSimd.Broadcast(C5));
        power = Four<TSimd>.MultiplyAdd(fraction, power, TSimd.Broadcast(C4));
        power = Four<TSimd>.MultiplyAdd(fraction, power, TSimd.Broadcast(C3));
        power = Four<TSimd>.MultiplyAdd(fraction, power, TSimd.Broadcast(C2));
        power = Four<TSimd>.MultiplyAdd(fraction, power, TSimd.Broadcast(C1));
        return Four<TSimd>.MultiplyAdd(fraction, power, TSimd.Broadcast(1f));
    }
}
