using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class TileCopyTests
{
    private const int Rows = 3;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(32)]
    public void Rows_are_copied_and_what_lies_between_them_is_not(int columns) =>
        Copies(columns, gap: 5, before: 3, TileCopy.Rows);

    // Wherever in a cache line a row begins, and however many whole lines it has.
    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Streamed_rows_are_copied_and_what_lies_between_them_is_not(SimdWidth width)
    {
        foreach (int columns in (int[])[0, 1, 7, 15, 16, 17, 31, 32, 33, 64, 100])
        {
            for (int before = 0; before < Prefetch.Line; before++)
            {
                Copies(columns, gap: 5, before, KernelsAtWidth.Of(width).StreamRows);
                Copies(columns, gap: PairTile.RoundedUp(columns, Prefetch.Line) - columns, before, KernelsAtWidth.Of(width).StreamRows);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(70)]
    public void A_row_in_slices_becomes_a_row_side_by_side(int dimension)
    {
        const int SliceStride = 3 * Layout.Pack;
        int slices = PairTile.RoundedUp(dimension, Layout.Pack) / Layout.Pack;
        using GuardedMemory source = new(((slices - 1) * SliceStride) + Layout.Pack), destination = new(dimension);
        for (int k = 0; k < source.Length; k++)
        {
            source.Start[k] = k % SliceStride < Layout.Pack ? (k / SliceStride * Layout.Pack) + (k % SliceStride) : float.NaN;
        }

        TileCopy.Slices(source.Start, SliceStride, dimension, destination.Start);

        Assert.Equal(Enumerable.Range(0, dimension).Select(k => (float)k), destination.Numbers.ToArray());
    }

    private delegate void Copy(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride);

    // From rows that end at a guard page into rows with canaries around them; whole cache lines of the destination's rows are copied past the caches.
    private static void Copies(int columns, int gap, int before, Copy copy)
    {
        int stride = columns + gap, sourceStride = columns + 2;
        using GuardedMemory source = new(((Rows - 1) * sourceStride) + columns), result = new(Prefetch.Line + before + (Rows * stride) + Prefetch.Line);
        for (int i = 0; i < source.Length; i++)
        {
            source.Start[i] = i;
        }

        result.Numbers.Fill(PairTile.Canary);
        nint misaligned = (nint)result.Start / sizeof(float) % Prefetch.Line, first = (Prefetch.Line - misaligned) % Prefetch.Line + before;

        copy(source.Start, sourceStride, Rows, columns, result.Start + first, stride);

        for (int i = 0; i < result.Length; i++)
        {
            long place = i - first, row = Math.DivRem(place, stride == 0 ? 1 : stride, out long column);
            bool inside = place >= 0 && row < Rows && column < columns;
            Assert.Equal(inside ? (row * sourceStride) + column : PairTile.Canary, result.Start[i]);
        }
    }
}
