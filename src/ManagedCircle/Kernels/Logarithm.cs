using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>ln(x).</summary>
/// <remarks>
/// Within 0.93 ulp for every float (all 2^32 were compared with double), or 1.2 where multiply-adds round twice; for subnormal arguments too.
/// ln(0) is -infinity, ln(infinity) is infinity, and the logarithm of a negative number and of NaN is NaN.
/// </remarks>
internal readonly struct Logarithm<TSimd> : IFunction<Logarithm<TSimd>, TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    // x = 2^n (1 + r), and ln(1 + r) = r + r^2 (c2 + r (c3 + ... r c10)). The coefficients minimise the largest relative error (Remez' exchange in 40
    // digits); they were rounded to float one after the other from c2 up, and those above fitted again each time. That leaves 4.2e-9; the rest is rounding.
    private readonly TSimd c2 = Constant.Of<TSimd>(-0.499999881f), c3 = Constant.Of<TSimd>(0.333333254f), c4 = Constant.Of<TSimd>(-0.250016093f);
    private readonly TSimd c5 = Constant.Of<TSimd>(0.200020045f), c6 = Constant.Of<TSimd>(-0.166084111f), c7 = Constant.Of<TSimd>(0.14180854f);
    private readonly TSimd c8 = Constant.Of<TSimd>(-0.132480681f), c9 = Constant.Of<TSimd>(0.12912941f), c10 = Constant.Of<TSimd>(-0.0761905238f);
    private readonly TSimd logOfTwo = Constant.Of<TSimd>(0.693147182f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Logarithm()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Logarithm<TSimd> New() => new();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Of(TSimd x) => Logarithm.AllNormal(x) ? OfNormal(x) : OfAny(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd OfNormal(TSimd x)
    {
        TSimd rest = Logarithm.Split(x, out TSimd exponent);
        return Joined(rest, exponent);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd OfAny(TSimd x)
    {
        TSimd subnormal = TSimd.LessThan(x, TSimd.Broadcast(Logarithm.SmallestNormal));
        TSimd rest = Logarithm.Split(TSimd.Select(subnormal, x * TSimd.Broadcast(1 << 23), x), out TSimd exponent);
        TSimd result = Joined(rest, exponent - (subnormal & TSimd.Broadcast(23f)));
        result = TSimd.Select(TSimd.LessThan(x, TSimd.Broadcast(float.PositiveInfinity)), result, x + x);
        result = TSimd.Select(TSimd.LessThan(x, TSimd.Broadcast(0f)), TSimd.Broadcast(float.NaN), result);
        return TSimd.Select(TSimd.Equal(x, TSimd.Broadcast(0f)), TSimd.Broadcast(float.NegativeInfinity), result);
    }

    /// <summary>ln(2^exponent (1 + rest)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Joined(TSimd rest, TSimd exponent)
    {
        TSimd result = TSimd.MultiplyAdd(rest, c10, c9);
        result = TSimd.MultiplyAdd(rest, result, c8);
        result = TSimd.MultiplyAdd(rest, result, c7);
        result = TSimd.MultiplyAdd(rest, result, c6);
        result = TSimd.MultiplyAdd(rest, result, c5);
        result = TSimd.MultiplyAdd(rest, result, c4);
        result = TSimd.MultiplyAdd(rest, result, c3);
        result = TSimd.MultiplyAdd(rest, result, c2);
        result = TSimd.MultiplyAdd(rest * rest, result, rest);
        return TSimd.MultiplyAdd(exponent, logOfTwo, result);
    }
}

/// <summary>Logarithms to the base two, and what every logarithm shares.</summary>
internal static class Logarithm
{
    public const float SmallestNormal = 1.17549435e-38f;

    // A positive normal number is x = 2^n (1 + r) with 1 + r from sqrt(1/2) to sqrt(2): as integers, the bits of x less those of sqrt(1/2) are
    // n 2^23 + the bits of 1 + r less those of sqrt(1/2), and the second term is below 2^23.
    private const int RootOfHalf = 0x3f3504f3, MantissaBits = 0x007fffff;

    // log2(1 + r) = r + r (c0 + r (c1 + ... r c8)), fitted like ln(1 + r) above, but for the largest absolute error, which leaves 6.8e-9.
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
    public static TSimd Split<TSimd>(TSimd value, out TSimd exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd bits = TSimd.AddBits(value, FromBits<TSimd>(-RootOfHalf));
        exponent = TSimd.BitsToNumber(TSimd.ShiftRightBits(bits, 23));
        return TSimd.AddBits(bits & FromBits<TSimd>(MantissaBits), FromBits<TSimd>(RootOfHalf)) - TSimd.Broadcast(1f);
    }

    /// <summary>Whether every lane is positive, normal and finite.</summary>
    // One comparison does: with the sign turned and one step further from 0, infinity has become NaN, and only those numbers are below -2^-126.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllNormal<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.AllLess(TSimd.AddBits(x, FromBits<TSimd>(int.MinValue + 1)), TSimd.Broadcast(-SmallestNormal));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd FromBits<TSimd>(int bits)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Broadcast(BitConverter.Int32BitsToSingle(bits));
}
