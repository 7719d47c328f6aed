using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>ln(1 + e^x), the smooth maximum of x and 0.</summary>
/// <remarks>
/// Within 1.95 ulp for every float (all 2^32 were compared with double), or 2.4 where multiply-adds round twice; for subnormal results too.
/// softplus(-infinity) is 0, softplus(infinity) is infinity, softplus(NaN) is NaN.
/// </remarks>
internal readonly struct Softplus<TSimd> : IFunction<Softplus<TSimd>, TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    // softplus(x) = max(x, 0) + ln(1 + y) with y = e^-|x| in [0, 1]: nothing cancels and nothing overflows.
    // ln(1 + y) = y + y^2 (c2 + y (c3 + ... y c10)). The coefficients minimise the largest relative error (Remez' exchange in 40 digits); they were
    // rounded to float one after the other from c2 up, and those above fitted again each time. That leaves 5.3e-9; the rest is rounding.
    private readonly TSimd c2 = Constant.Of<TSimd>(-0.499999315f), c3 = Constant.Of<TSimd>(0.333304644f), c4 = Constant.Of<TSimd>(-0.24958019f);
    private readonly TSimd c5 = Constant.Of<TSimd>(0.196921021f), c6 = Constant.Of<TSimd>(-0.153448805f), c7 = Constant.Of<TSimd>(0.106611282f);
    private readonly TSimd c8 = Constant.Of<TSimd>(-0.057457231f), c9 = Constant.Of<TSimd>(0.0200862419f), c10 = Constant.Of<TSimd>(-0.00329046859f);
    private readonly Exponential<TSimd> exponential = new();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Softplus()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Softplus<TSimd> New() => new();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Of(TSimd x)
    {
        // Far below 0 the power matters even where it is subnormal; far above 0 any tiny number will do for it.
        TSimd lowest = TSimd.Broadcast(-Exponential.Ordinary);
        TSimd negative = x | TSimd.Broadcast(-0f);
        TSimd power = TSimd.AllLess(lowest, x) ? exponential.OfOrdinary(TSimd.Max(negative, lowest)) : exponential.Of(negative);

        TSimd result = TSimd.MultiplyAdd(power, c10, c9);
        result = TSimd.MultiplyAdd(power, result, c8);
        result = TSimd.MultiplyAdd(power, result, c7);
        result = TSimd.MultiplyAdd(power, result, c6);
        result = TSimd.MultiplyAdd(power, result, c5);
        result = TSimd.MultiplyAdd(power, result, c4);
        result = TSimd.MultiplyAdd(power, result, c3);
        result = TSimd.MultiplyAdd(power, result, c2);

        // y (y q) rather than y^2 q, since y^2 is subnormal already for x = -44, and subnormal numbers are slow.
        result = TSimd.MultiplyAdd(power, power * result, power);
        return TSimd.Max(x, TSimd.Broadcast(0f)) + result;
    }
}
