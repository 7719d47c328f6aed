using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class ArenaTests
{
    [Fact]
    public void Without_memory_it_counts_whole_cache_lines_and_deals_out_nothing()
    {
        Arena arena = default;

        bool dealsOut = arena.Take<float>(17) != null || arena.Take<byte>(1) != null || arena.Take<long>(0) != null;

        Assert.False(dealsOut);
        Assert.Equal((nuint)192, arena.Used);
    }

    [Fact]
    public void Counts_beyond_32_bits_are_counted()
    {
        Arena arena = default;
        arena.Take<float>((nint)1 << 33);

        Assert.Equal((nuint)1 << 35, arena.Used);
    }

    [Fact]
    public void With_the_memory_counted_arrays_follow_each_other_at_the_beginnings_of_cache_lines()
    {
        using Workspace workspace = new();
        Arena arena = workspace.Reset(320);

        byte* first = (byte*)arena.Take<float>(3), second = (byte*)arena.Take<long>(9), none = (byte*)arena.Take<int>(0), third = (byte*)arena.Take<int>(32);

        Assert.Equal(0, (nint)first % 64);
        Assert.Equal((64, 192), ((int)(second - first), (int)(third - first)));
        Assert.True(none == null);
        Assert.Equal((nuint)320, arena.Used);
    }

    [Theory]
    [InlineData(0, 1, true, true)]
    [InlineData(1, 1, true, true)]
    [InlineData(33, 65, true, true)]
    [InlineData(33, 65, false, true)]
    [InlineData(64, 31, true, false)]
    public void Packed_rows_take_what_they_count_and_lie_apart(int count, int dimension, bool panels, bool slices)
    {
        Arena counted = default;
        PackedRows.Lay(ref counted, count, dimension, panels, slices);
        using Workspace workspace = new();
        Arena arena = workspace.Reset(counted.Used);

        PackedRows rows = PackedRows.Lay(ref arena, count, dimension, panels, slices);

        Assert.Equal(counted.Used, arena.Used);
        Assert.Equal((panels && count > 0, slices && count > 0, count > 0), (rows.Panels != null, rows.Slices != null, rows.InverseNorms != null));
        int packs = (dimension + 31) / 32;
        if (rows.Panels != null && rows.Slices != null)
        {
            Assert.Equal((count + 31) / 32 * packs * 1024, rows.Slices - rows.Panels);
        }

        if (rows.Slices != null)
        {
            Assert.True(rows.SliceStride >= count * 32);
            Assert.Equal(rows.SliceStride * packs, rows.InverseNorms - rows.Slices);
        }
    }

    [Fact]
    public void Running_sums_have_four_arrays_of_the_size_asked_for()
    {
        using Workspace workspace = new();
        Arena arena = workspace.Reset(4 * 48 * sizeof(float));

        RunningSums sums = RunningSums.Lay(ref arena, 48);

        (Scaled positives, Scaled negatives) = (sums.Positives, sums.Negatives);
        Assert.Equal(48, positives.Exponents - positives.Mantissas);
        Assert.Equal(48, negatives.Mantissas - positives.Exponents);
        Assert.Equal(48, negatives.Exponents - negatives.Mantissas);
        Assert.Equal((nuint)(4 * 48 * sizeof(float)), arena.Used);
    }
}
