using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed class BaseTwoTests
{
    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void The_power_of_a_fraction_is_within_its_bound(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        for (int i = -20_000; i <= 20_000; i++)
        {
            float fraction = i / 40_000f;
            double truth = Math.Pow(2, fraction);

            Nearly.Equal(truth, kernels.PowerOfFraction(fraction), truth * Tolerances.PowerOfFraction, $"2^{fraction:G9}");
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_logarithm_is_a_whole_number_and_a_fraction_within_its_bound(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        for (int bits = 0x00800000; bits < 0x7f800000; bits += 49_999)
        {
            float value = BitConverter.Int32BitsToSingle(bits);
            (float fraction, float exponent) = kernels.Base2(value);

            Assert.Equal(MathF.Round(exponent), exponent);
            Assert.InRange(fraction, -0.5f, 0.5f);
            Nearly.Equal(LogarithmOfMantissa(value, exponent), fraction, Tolerances.Base2Fraction, $"log2({value:G9})");
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void The_logarithm_of_a_power_of_two_is_its_exponent(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        for (int exponent = -126; exponent <= 127; exponent++)
        {
            Assert.Equal((0f, exponent), kernels.Base2(MathF.ScaleB(1, exponent)));
        }
    }

    // Scaled first, so that the whole part takes no digits from the fraction.
    private static double LogarithmOfMantissa(float value, float exponent) => Math.Log2(Math.ScaleB(value, -(int)exponent));
}
