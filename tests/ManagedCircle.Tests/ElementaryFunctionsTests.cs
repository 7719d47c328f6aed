using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class ElementaryFunctionsTests
{
    private delegate void Function(ReadOnlySpan<float> source, Span<float> destination);

    private static readonly Dictionary<KernelFunction, Function> Functions = new()
    {
        [KernelFunction.Exponential] = ElementaryFunctions.Exp,
        [KernelFunction.Logarithm] = ElementaryFunctions.Log,
        [KernelFunction.Softplus] = ElementaryFunctions.Softplus,
    };

    public static TheoryData<KernelFunction> Names => [.. Functions.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void They_are_the_kernels_at_the_widest_vectors_whatever_the_length_and_in_place_too(KernelFunction function)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(SimdChoice.Resolve(SimdWidth.Auto));
        foreach (int length in (int[])[0, 1, 7, 16, 17, 100])
        {
            float[] numbers = [.. Enumerable.Range(1, length).Select(i => i / 7f)], destination = new float[length];
            float[] expected = kernels.Apply(function, numbers);

            Functions[function](numbers, destination);
            Functions[function](numbers, numbers);

            Assert.Equal(expected, destination);
            Assert.Equal(expected, numbers);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Another_length_is_an_error(KernelFunction function)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Functions[function](new float[3], new float[2]));

        Assert.Equal("destination", error.ParamName);
        Assert.StartsWith("destination has length 2: expected 3, one per argument.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Spans_that_overlap_without_being_the_same_are_an_error_and_nothing_is_written(KernelFunction function)
    {
        float[] numbers = [1, 2, 3, 4];

        ArgumentException error = Assert.Throws<ArgumentException>(() => Functions[function](numbers.AsSpan(0, 3), numbers.AsSpan(1, 3)));

        Assert.Equal("source and destination overlap: expected memory of their own.", error.Message);
        Assert.Equal([1, 2, 3, 4], numbers);
    }
}
