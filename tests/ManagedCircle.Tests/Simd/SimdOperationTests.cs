using System.Numerics;
using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Simd;

public sealed class SimdOperationTests
{
    // What a lane holds after these depends on its place.
    private static readonly string[] AcrossLanes = ["Indices", "InterleaveLower", "InterleaveUpper"];

    // These are promised for a range only, which has a test of its own.
    private static readonly string[] Partial = ["Max", "Min", "Scale", "PowerOfTwo"];

    public static MatrixTheoryData<SimdWidth, string> LaneByLane =>
        new(KernelsAtWidth.All, [.. KernelsAtWidth.Of(SimdWidth.Scalar).OperationNames.Except(AcrossLanes).Except(Partial)]);

    [Theory]
    [MemberData(nameof(LaneByLane))]
    public void An_operation_gives_the_bits_of_one_number_at_a_time(SimdWidth width, string name)
    {
        (float[] x, float[] y, float[] z) = Operands();

        float[] expected = KernelsAtWidth.Of(SimdWidth.Scalar).Operate(name, x, y, z), actual = KernelsAtWidth.Of(width).Operate(name, x, y, z);

        // Which NaN arithmetic makes is nobody's promise; masks, though, are NaN as well, and one of all bits.
        bool masks = name is "LessThan" or "Equal" or "EqualBits";
        for (int i = 0; i < x.Length; i++)
        {
            bool same = Bits(expected[i]) == Bits(actual[i]) || (!masks && float.IsNaN(expected[i]) && float.IsNaN(actual[i]));
            string call = $"{name}({x[i]:G9}, {y[i]:G9}, {z[i]:G9})";
            Assert.True(same, $"{call} is {actual[i]:G9} ({Bits(actual[i]):x8}), expected {expected[i]:G9} ({Bits(expected[i]):x8})");
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Comparisons_give_all_bits_or_none(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        (float[] x, float[] y, float[] z) = Operands();
        float[] less = kernels.Operate("LessThan", x, y, z), equal = kernels.Operate("Equal", x, y, z), equalBits = kernels.Operate("EqualBits", x, y, z);
        for (int i = 0; i < x.Length; i++)
        {
            (int, int, int) expected = (x[i] < y[i] ? -1 : 0, x[i] == y[i] ? -1 : 0, Bits(x[i]) == Bits(y[i]) ? -1 : 0);
            Assert.Equal(expected, (Bits(less[i]), Bits(equal[i]), Bits(equalBits[i])));
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void The_larger_and_the_smaller_of_two_numbers_are_found_and_beside_NaN_one_of_the_two(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        (float[] x, float[] y, float[] z) = Operands();
        float[] larger = kernels.Operate("Max", x, y, z), smaller = kernels.Operate("Min", x, y, z);
        for (int i = 0; i < x.Length; i++)
        {
            if (float.IsNaN(x[i]) || float.IsNaN(y[i]))
            {
                Assert.Contains(larger[i], new[] { x[i], y[i] });
                Assert.Contains(smaller[i], new[] { x[i], y[i] });
            }
            else
            {
                Assert.True(larger[i] == Math.Max(x[i], y[i]), $"Max({x[i]:G9}, {y[i]:G9}) is {larger[i]:G9}");
                Assert.True(smaller[i] == Math.Min(x[i], y[i]), $"Min({x[i]:G9}, {y[i]:G9}) is {smaller[i]:G9}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_number_is_scaled_exactly_by_powers_of_two_and_to_almost_nothing_by_those_too_small(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        const float Value = 1.2345678f;
        for (int exponent = -1000; exponent <= 127; exponent++)
        {
            float[] values = Whole(Value), exponents = Whole(exponent);
            float scaled = kernels.Operate("Scale", values, exponents, values)[0], power = kernels.Operate("PowerOfTwo", exponents, values, values)[0];
            Assert.Equal(exponent >= -126 ? MathF.ScaleB(1, exponent) : 0, power);
            if (exponent >= -125)
            {
                Assert.Equal(MathF.ScaleB(Value, exponent), scaled);
            }
            else
            {
                Assert.InRange(scaled, 0, MathF.ScaleB(Value, -125));
            }
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Vectors_interleave_within_every_four_lanes(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        if (kernels.Lanes == 1)
        {
            return;
        }

        float[] left = [.. Enumerable.Range(0, kernels.Lanes).Select(static lane => (float)lane)], right = [.. left.Select(static lane => -lane)];
        IEnumerable<float> Half(int first) =>
            Enumerable.Range(0, kernels.Lanes).Select(lane => (lane % 2 == 0 ? left : right)[(lane & ~3) + first + (lane % 4 / 2)]);

        Assert.Equal(Half(first: 0), kernels.Operate("InterleaveLower", left, right, left));
        Assert.Equal(Half(first: 2), kernels.Operate("InterleaveUpper", left, right, left));
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Lanes_are_counted_from_0_and_are_a_power_of_two(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        float[] lanes = new float[kernels.Lanes];

        Assert.Equal(Enumerable.Range(0, kernels.Lanes).Select(lane => (float)lane), kernels.Operate("Indices", lanes, lanes, lanes));
        Assert.True(BitOperations.IsPow2(kernels.Lanes) && kernels.Lanes <= Layout.SumLanes);
        Assert.Contains(kernels.TileRows, new[] { 6, 8 });
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void One_lane_is_enough_for_any_and_too_few_for_all(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        float all = BitConverter.Int32BitsToSingle(-1);
        float[] none = new float[kernels.Lanes], ones = [.. Enumerable.Repeat(1f, kernels.Lanes)];
        Assert.False(kernels.Any(none));
        Assert.Equal(0u, kernels.LaneBits(none));
        Assert.True(kernels.AllLess(none, ones));
        for (int lane = 0; lane < kernels.Lanes; lane++)
        {
            float[] mask = new float[kernels.Lanes], left = new float[kernels.Lanes];
            mask[lane] = all;
            Assert.True(kernels.Any(mask));
            Assert.Equal(1u << lane, kernels.LaneBits(mask));
            foreach (float notLess in (float[])[1, 2, float.NaN])
            {
                left[lane] = notLess;
                Assert.False(kernels.AllLess(left, ones));
            }
        }
    }

    /// <summary>Every pair of special numbers, and random bits.</summary>
    private static (float[] X, float[] Y, float[] Z) Operands()
    {
        float[] special =
        [
            0, -0f, float.Epsilon, -float.Epsilon, 1.17549421e-38f, 1.17549435e-38f, 0.5f, -0.5f, 1, -1, 1.5f, 2.5f, -2.5f, 0.3f, -0.3f,
            8388607.5f, 8388609, 16777216, -16777217, 2.14748365e9f, -2.14748365e9f, float.MaxValue, float.MinValue,
            float.PositiveInfinity, float.NegativeInfinity, float.NaN, BitConverter.Int32BitsToSingle(-1), BitConverter.Int32BitsToSingle(0x7fc12345),
        ];
        Random random = new(7);
        float[] RandomBits(int count) => [.. Enumerable.Range(0, count).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];
        float[] RandomNumbers(int count) => [.. Enumerable.Range(0, count).Select(_ => 200 * random.NextSingle() - 100)];
        int pairs = special.Length * special.Length, rest = 4096 - pairs;

        float[] x = [.. special.SelectMany(first => special.Select(_ => first)), .. RandomBits(rest / 2), .. RandomNumbers(rest - rest / 2)];
        float[] y = [.. special.SelectMany(_ => special), .. RandomBits(rest / 2), .. RandomNumbers(rest - rest / 2)];
        float[] z = [.. RandomNumbers(pairs / 2), .. RandomBits(pairs - pairs / 2), .. RandomBits(rest / 2), .. RandomNumbers(rest - rest / 2)];
        return (x, y, z);
    }

    private static float[] Whole(float value) => [.. Enumerable.Repeat(value, Layout.SumLanes)];

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
}
