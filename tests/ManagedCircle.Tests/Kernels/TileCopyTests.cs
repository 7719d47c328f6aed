using ManagedCircle.Engine;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class TileCopyTests
{
    private const int MostRows = 64, Stride = 80;
    private const float Canary = -1;

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_transposed_strip_has_each_number_in_its_place(SimdWidth width)
    {
        for (int rows = 0; rows <= MostRows; rows += Layout.SumLanes)
        {
            using GuardedMemory source = GuardedMemory.Of([.. Enumerable.Range(0, rows * Layout.Pack).Select(static i => (float)i)]);
            using GuardedMemory transposed = new(Layout.Pack * Stride);
            transposed.Numbers.Fill(Canary);

            KernelsAtWidth.Of(width).StreamTransposed(source.Start, rows, transposed.Start, Stride);

            float[] expected = [.. Enumerable.Repeat(Canary, transposed.Length)];
            for (int i = 0; i < source.Length; i++)
            {
                expected[(i % Layout.Pack * Stride) + (i / Layout.Pack)] = i;
            }

            Assert.True(expected.AsSpan().SequenceEqual(transposed.Numbers), $"{rows} rows");
        }
    }
}
