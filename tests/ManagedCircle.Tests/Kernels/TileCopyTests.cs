using ManagedCircle.Engine;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class TileCopyTests
{
    private const int MostRows = 50, Stride = 80;
    private const float Canary = -1;

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_transposed_strip_has_each_number_in_its_place_wherever_its_rows_begin(SimdWidth width)
    {
        for (int offset = 0; offset <= Layout.SumLanes; offset++)
        {
            for (int rows = 0; rows <= MostRows; rows++)
            {
                using GuardedMemory source = GuardedMemory.Of([.. Enumerable.Range(0, rows * Layout.Pack).Select(static i => (float)i)]);
                using GuardedMemory memory = new((Layout.Pack * Stride) + Layout.SumLanes);
                memory.Numbers.Fill(Canary);
                float* transposed = memory.Start + offset;

                KernelsAtWidth.Of(width).StreamTransposed(source.Start, rows, transposed, Stride);

                float[] expected = [.. Enumerable.Repeat(Canary, memory.Length)];
                for (int i = 0; i < source.Length; i++)
                {
                    expected[offset + (i % Layout.Pack * Stride) + (i / Layout.Pack)] = i;
                }

                Assert.True(expected.AsSpan().SequenceEqual(memory.Numbers), $"{rows} rows, from {offset} on");
            }
        }
    }
}
