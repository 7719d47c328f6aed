using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>e^x.</summary>
/// <remarks>
/// Within 0.9 ulp for every float (all 2^32 were compared with double), or 1.25 where multiply-adds round twice; subnormal results are rounded once.
/// e^-infinity is 0, e^infinity and e^x above 88.72 are infinity, e^NaN is NaN.
/// </remarks>
internal readonly struct Exponential<TSimd> : IFunction<Exponential<TSimd>, TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    // e^x = 2^n e^r with n = round(x / ln 2) and r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2]. Adding 1.5 * 2^23 rounds to a whole number, which the last
    // bits then hold. ln 2 is a sum, whose first part has 15 bits: its product with n, and x less that product, are exact.
    private readonly TSimd perLogOfTwo = Constant.Of<TSimd>(1.44269504f), rounding = Constant.Of<TSimd>(12582912f);
    private readonly TSimd minusLogOfTwo = Constant.Of<TSimd>(-0.693145752f), minusLogOfTwoRest = Constant.Of<TSimd>(-1.42860677e-6f);

    // e^r = 1 + r (1 + r (c2 + ... r c6)). The coefficients minimise the largest relative error (Remez' exchange in 40 digits); they were rounded to
    // float one after the other from c2 up, and those above fitted again each time. That leaves 3.1e-9; the rest is rounding.
    private readonly TSimd one = Constant.Of<TSimd>(1f), c2 = Constant.Of<TSimd>(0.49999994f), c3 = Constant.Of<TSimd>(0.166665211f);
    private readonly TSimd c4 = Constant.Of<TSimd>(0.0416682661f), c5 = Constant.Of<TSimd>(0.00836867467f), c6 = Constant.Of<TSimd>(0.00138206105f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Exponential()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Exponential<TSimd> New() => new();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Of(TSimd x) => TSimd.AllLess(TSimd.AndNot(x, TSimd.Broadcast(-0f)), TSimd.Broadcast(Exponential.Ordinary)) ? OfOrdinary(x) : OfAny(x);

    /// <summary>e^x where neither it nor its half is subnormal or infinite: for |x| at most <see cref="Exponential.Ordinary"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd OfOrdinary(TSimd x)
    {
        TSimd power = Reduced(x, out TSimd shifted);
        return TSimd.AddBits(power, TSimd.ShiftLeftBits(shifted, 23));
    }

    // Beyond [-104, 89] the result is 0 or infinity, as it is at those ends. Two scalings reach the subnormal numbers with one rounding, and infinity.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd OfAny(TSimd x)
    {
        TSimd power = Reduced(TSimd.Min(TSimd.Max(x, TSimd.Broadcast(-104f)), TSimd.Broadcast(89f)), out TSimd shifted);
        TSimd exponent = shifted - rounding;
        TSimd half = TSimd.Round(exponent * TSimd.Broadcast(0.5f));
        power = TSimd.Scale(TSimd.Scale(power, half), exponent - half);
        return TSimd.Select(TSimd.Equal(x, x), power, x + x);
    }

    /// <summary>e^x = 2^n e^r: returns e^r, and n in the last bits of shifted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Reduced(TSimd x, out TSimd shifted)
    {
        shifted = TSimd.MultiplyAdd(x, perLogOfTwo, rounding);
        TSimd exponent = shifted - rounding;
        TSimd rest = TSimd.MultiplyAdd(exponent, minusLogOfTwo, x);
        rest = TSimd.MultiplyAdd(exponent, minusLogOfTwoRest, rest);

        TSimd power = TSimd.MultiplyAdd(rest, c6, c5);
        power = TSimd.MultiplyAdd(rest, power, c4);
        power = TSimd.MultiplyAdd(rest, power, c3);
        power = TSimd.MultiplyAdd(rest, power, c2);
        power = TSimd.MultiplyAdd(rest, power, one);
        return TSimd.MultiplyAdd(rest, power, one);
    }
}

/// <summary>Powers of two, and what every width shares.</summary>
internal static class Exponential
{
    /// <summary>The largest |x| for which <see cref="Exponential{TSimd}.OfOrdinary"/> holds.</summary>
    public const float Ordinary = 86f;

    // 2^f = 1 + f (c1 + f (c2 + ... f c6)), fitted like e^r above, but for f in [-0.5, 0.5], which leaves 3.0e-9.
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
