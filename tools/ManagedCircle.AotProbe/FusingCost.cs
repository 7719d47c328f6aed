using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ManagedCircle.Checks;

namespace ManagedCircle.AotProbe;

/// <summary>The library's multiply-add, which fuses where the hardware does, beside one that must fuse and is a call for each lane where it does not.</summary>
internal static class FusingCost
{
    private const int Count = 4096;

    private interface IMultiplyAdd
    {
        static abstract Vector128<float> Of(Vector128<float> left, Vector128<float> right, Vector128<float> addend);
    }

    /// <summary>Times one inner product with both.</summary>
    /// <returns>JSON: billions of multiplications and additions a second.</returns>
    public static string Measure() => $$"""{"estimate": {{Gflops<Estimate>():F2}}, "fused": {{Gflops<Fused>():F2}}}""";

    private static double Gflops<TMultiplyAdd>()
        where TMultiplyAdd : IMultiplyAdd
    {
        float[] left = [.. Enumerable.Range(0, Count).Select(i => 1f / (i + 1))], right = [.. left.Reverse()];
        return 2 * Count / Probe.Best(() => InnerProduct<TMultiplyAdd>(left, right)) / 1e6;
    }

    // Sixteen lanes, as the library's sums have: enough chains that the additions do not wait for each other.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float InnerProduct<TMultiplyAdd>(float[] left, float[] right)
        where TMultiplyAdd : IMultiplyAdd
    {
        Vector128<float> a = default, b = default, c = default, d = default;
        ref float x = ref left[0], y = ref right[0];
        for (nuint i = 0; i < Count; i += 16)
        {
            a = TMultiplyAdd.Of(Vector128.LoadUnsafe(ref x, i), Vector128.LoadUnsafe(ref y, i), a);
            b = TMultiplyAdd.Of(Vector128.LoadUnsafe(ref x, i + 4), Vector128.LoadUnsafe(ref y, i + 4), b);
            c = TMultiplyAdd.Of(Vector128.LoadUnsafe(ref x, i + 8), Vector128.LoadUnsafe(ref y, i + 8), c);
            d = TMultiplyAdd.Of(Vector128.LoadUnsafe(ref x, i + 12), Vector128.LoadUnsafe(ref y, i + 12), d);
        }

        return Vector128.Sum(a + b + (c + d));
    }

    private readonly struct Estimate : IMultiplyAdd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Of(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
            Vector128.MultiplyAddEstimate(left, right, addend);
    }

    private readonly struct Fused : IMultiplyAdd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Of(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
            Vector128.FusedMultiplyAdd(left, right, addend);
    }
}
