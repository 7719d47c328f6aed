using ManagedCircle.Reference;
using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class ElementwiseTests
{
    private const int Block = 1 << 14;
    private const float Inf = float.PositiveInfinity, NaN = float.NaN, Tiny = float.Epsilon;

    private static readonly KernelFunction[] Functions = Enum.GetValues<KernelFunction>();

    public static MatrixTheoryData<SimdWidth, KernelFunction> WidthsAndFunctions => new(KernelsAtWidth.All, Functions);

    [Theory]
    [InlineData(KernelFunction.Exponential)]
    [InlineData(KernelFunction.Logarithm)]
    [InlineData(KernelFunction.Softplus)]
    public void The_error_stays_within_its_bound_over_the_whole_float_range(KernelFunction function)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(SimdChoice.Resolve(SimdWidth.Auto));
        float[] arguments = new float[Block];
        for (long bits = 0; bits <= uint.MaxValue;)
        {
            for (int i = 0; i < Block; i++, bits += 257)
            {
                arguments[i] = BitConverter.UInt32BitsToSingle((uint)bits);
            }

            AssertWithinBound(function, arguments, kernels.Apply(function, arguments));
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndFunctions))]
    public void The_error_stays_within_its_bound_where_something_changes(SimdWidth width, KernelFunction function)
    {
        float[] arguments = [.. Turns()];

        AssertWithinBound(function, arguments, KernelsAtWidth.Of(width).Apply(function, arguments));
    }

    [Theory]
    [InlineData(KernelFunction.Exponential, 0f, 1f)]
    [InlineData(KernelFunction.Exponential, Tiny, 1f)]
    [InlineData(KernelFunction.Exponential, 88.72284f, Inf)]
    [InlineData(KernelFunction.Exponential, float.MaxValue, Inf)]
    [InlineData(KernelFunction.Exponential, Inf, Inf)]
    [InlineData(KernelFunction.Exponential, -103.9f, Tiny)]
    [InlineData(KernelFunction.Exponential, -104f, 0f)]
    [InlineData(KernelFunction.Exponential, -float.MaxValue, 0f)]
    [InlineData(KernelFunction.Exponential, -Inf, 0f)]
    [InlineData(KernelFunction.Exponential, NaN, NaN)]
    [InlineData(KernelFunction.Logarithm, 1f, 0f)]
    [InlineData(KernelFunction.Logarithm, 0f, -Inf)]
    [InlineData(KernelFunction.Logarithm, Tiny, -103.278929f)]
    [InlineData(KernelFunction.Logarithm, -Tiny, NaN)]
    [InlineData(KernelFunction.Logarithm, -1f, NaN)]
    [InlineData(KernelFunction.Logarithm, -Inf, NaN)]
    [InlineData(KernelFunction.Logarithm, Inf, Inf)]
    [InlineData(KernelFunction.Logarithm, NaN, NaN)]
    [InlineData(KernelFunction.Softplus, 0f, 0.693147182f)]
    [InlineData(KernelFunction.Softplus, 100f, 100f)]
    [InlineData(KernelFunction.Softplus, float.MaxValue, float.MaxValue)]
    [InlineData(KernelFunction.Softplus, Inf, Inf)]
    [InlineData(KernelFunction.Softplus, -103.9f, Tiny)]
    [InlineData(KernelFunction.Softplus, -104f, 0f)]
    [InlineData(KernelFunction.Softplus, -Inf, 0f)]
    [InlineData(KernelFunction.Softplus, NaN, NaN)]
    public void Special_arguments_give_special_results_at_every_width(KernelFunction function, float argument, float expected)
    {
        foreach (SimdWidth width in KernelsAtWidth.All)
        {
            Assert.Equal(expected, KernelsAtWidth.Of(width).Apply(function, [argument]).Single());
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndFunctions))]
    public void Every_width_gives_the_bits_of_one_number_at_a_time(SimdWidth width, KernelFunction function)
    {
        Random random = new(1);
        float[] arguments = [.. Turns(), .. Enumerable.Range(0, 1000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];

        float[] expected = KernelsAtWidth.Of(SimdWidth.Scalar).Apply(function, arguments), actual = KernelsAtWidth.Of(width).Apply(function, arguments);

        AssertSameBits(expected, actual, arguments);
    }

    [Theory]
    [MemberData(nameof(WidthsAndFunctions))]
    public void The_bits_of_a_result_depend_on_its_argument_alone(SimdWidth width, KernelFunction function)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        float[] turns = [.. Turns()];
        float[] results = kernels.Apply(function, turns);
        Random random = new(2);
        for (int length = 0; length <= 4 * kernels.Lanes + 1; length++)
        {
            int[] picks = [.. Enumerable.Range(0, length).Select(_ => random.Next(turns.Length))];
            float[] arguments = [.. picks.Select(pick => turns[pick])];

            AssertSameBits([.. picks.Select(pick => results[pick])], kernels.Apply(function, arguments), arguments);
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndFunctions))]
    public void Nothing_is_read_or_written_outside_the_arrays(SimdWidth width, KernelFunction function)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        float[] numbers = [.. Enumerable.Range(1, 8 * kernels.Lanes + 2).Select(i => i / 8f)];
        float[] results = kernels.Apply(function, numbers);
        for (int length = 0; length <= 4 * kernels.Lanes + 1; length++)
        {
            for (int offset = 0; offset <= kernels.Lanes; offset++)
            {
                using GuardedMemory source = GuardedMemory.Of(numbers.AsSpan(offset, length));
                using GuardedMemory destination = new(offset + length);
                destination.Numbers.Fill(NaN);

                kernels.Apply(function, source.Start, destination.Start + offset, length);

                Assert.All(destination.Numbers[..offset].ToArray(), before => Assert.Equal(NaN, before));
                Assert.Equal(results.AsSpan(offset, length), destination.Numbers[offset..]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndFunctions))]
    public void The_destination_may_be_the_source(SimdWidth width, KernelFunction function)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        float[] numbers = [.. Enumerable.Range(1, 3 * kernels.Lanes + 1).Select(i => i / 8f)];
        float[] expected = kernels.Apply(function, numbers);

        fixed (float* both = numbers)
        {
            kernels.Apply(function, both, both, numbers.Length);
        }

        Assert.Equal(expected, numbers);
    }

    /// <summary>The arguments where a function, or the path it is computed on, changes, with 40 floats on either side of each.</summary>
    private static IEnumerable<float> Turns()
    {
        float[] turns =
        [
            0, Tiny, 1.17549435e-38f, 5.9604645e-8f, 0.5f, 0.70710677f, 1, 1.41421354f, 2, 16, 17, 43.6f, 86, 87, 87.3365f, 88, 88.72284f, 89,
            103.27893f, 103.97208f, 104, 1e10f, float.MaxValue, Inf,
            .. Enumerable.Range(-125, 250).Select(n => (n + 0.5f) * 0.693147182f),
        ];
        foreach (float turn in turns)
        {
            int bits = BitConverter.SingleToInt32Bits(turn);
            for (int near = bits - 40; near <= bits + 40; near++)
            {
                yield return BitConverter.Int32BitsToSingle(near);
                yield return -BitConverter.Int32BitsToSingle(near);
            }
        }

        yield return NaN;
    }

    private static void AssertWithinBound(KernelFunction function, float[] arguments, float[] results)
    {
        Func<double, double> truth = function switch
        {
            KernelFunction.Exponential => Math.Exp,
            KernelFunction.Logarithm => Math.Log,
            _ => StableMath.Softplus,
        };
        double bound = Tolerances.LastPlaces(function);
        for (int i = 0; i < arguments.Length; i++)
        {
            double error = LastPlaces.Error(results[i], truth(arguments[i]));
            if (!(error <= bound))
            {
                Assert.Fail($"{function}({arguments[i]:G9}) is {results[i]:G9}: {error:F3} last places off, allowed {bound}");
            }
        }
    }

    private static void AssertSameBits(float[] expected, float[] actual, float[] arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            bool sameBits = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]);
            bool bothNaN = float.IsNaN(expected[i]) && float.IsNaN(actual[i]);
            Assert.True(sameBits || bothNaN, $"{arguments[i]:G9} gives {actual[i]:G9}, expected the bits of {expected[i]:G9}");
        }
    }
}
