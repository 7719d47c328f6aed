using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle;

/// <summary>Exponential, logarithm and softplus of spans of floats.</summary>
/// <remarks>
/// <para>
/// Errors are bounded in units of the result's last place, over all 2^32 floats; where the hardware does not fuse multiply and add the second bound holds.
/// They run on the widest vectors there are. A result depends on its argument alone, not on its place; and where the hardware fuses, not on the width.
/// </para>
/// <para>
/// Measured on an AMD EPYC with AVX2, numbers in the L1 cache: 0.34, 0.46 and 1.0 ns each; TensorPrimitives.Exp and Log of System.Numerics.Tensors take 1.0 and
/// 0.6 to 0.7 ns, a loop of MathF over softplus 7 ns.
/// </para>
/// <para>Source and destination may be the same span; spans that overlap otherwise are an error.</para>
/// </remarks>
public static unsafe class ElementaryFunctions
{
    private static readonly SimdWidth Width = SimdChoice.Resolve(SimdWidth.Auto);

    /// <summary>Computes <c>e^x</c> within 0.9 units of the last place, or 1.25.</summary>
    /// <param name="source">The arguments.</param>
    /// <param name="destination">Receives <c>e^source[i]</c>, as many; may be the source.</param>
    /// <exception cref="ArgumentException">The lengths differ, or the spans overlap without being the same.</exception>
    /// <remarks>e^-infinity is 0, e^x above 88.72 is infinity, e^NaN is NaN. Subnormal results are rounded once.</remarks>
    public static void Exp(ReadOnlySpan<float> source, Span<float> destination)
    {
        ThrowIf.NotInPlace(source, destination, nameof(source), "one per argument");
        fixed (float* from = source, to = destination)
        {
            SimdChoice.On<ExpCode, int>(Width, new ExpCode(from, to, source.Length));
        }
    }

    /// <summary>Computes the natural logarithm within 0.93 units of the last place, or 1.2.</summary>
    /// <param name="source">The arguments.</param>
    /// <param name="destination">Receives <c>ln(source[i])</c>, as many; may be the source.</param>
    /// <exception cref="ArgumentException">The lengths differ, or the spans overlap without being the same.</exception>
    /// <remarks>ln(0) is -infinity, ln(infinity) is infinity, that of a negative number or NaN is NaN. Subnormal arguments are as exact as others.</remarks>
    public static void Log(ReadOnlySpan<float> source, Span<float> destination)
    {
        ThrowIf.NotInPlace(source, destination, nameof(source), "one per argument");
        fixed (float* from = source, to = destination)
        {
            SimdChoice.On<LogCode, int>(Width, new LogCode(from, to, source.Length));
        }
    }

    /// <summary>Computes <c>ln(1 + e^x)</c> within 1.95 units of the last place, or 2.4.</summary>
    /// <param name="source">The arguments.</param>
    /// <param name="destination">Receives <c>ln(1 + e^source[i])</c>, as many; may be the source.</param>
    /// <exception cref="ArgumentException">The lengths differ, or the spans overlap without being the same.</exception>
    /// <remarks>Nothing cancels and nothing overflows: softplus(-infinity) is 0, softplus(x) is x for large x, softplus(NaN) is NaN.</remarks>
    public static void Softplus(ReadOnlySpan<float> source, Span<float> destination)
    {
        ThrowIf.NotInPlace(source, destination, nameof(source), "one per argument");
        fixed (float* from = source, to = destination)
        {
            SimdChoice.On<SoftplusCode, int>(Width, new SoftplusCode(from, to, source.Length));
        }
    }

    private readonly struct ExpCode(float* source, float* destination, int length) : ISimdCode<int>
    {
        public int Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd>
        {
            Elementwise.Apply<TSimd, Exponential<TSimd>>(source, destination, length);
            return length;
        }
    }

    private readonly struct LogCode(float* source, float* destination, int length) : ISimdCode<int>
    {
        public int Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd>
        {
            Elementwise.Apply<TSimd, Logarithm<TSimd>>(source, destination, length);
            return length;
        }
    }

    private readonly struct SoftplusCode(float* source, float* destination, int length) : ISimdCode<int>
    {
        public int Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd>
        {
            Elementwise.Apply<TSimd, Softplus<TSimd>>(source, destination, length);
            return length;
        }
    }
}
