using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed unsafe class WorkspaceTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 64)]
    [InlineData(16, 64)]
    [InlineData(17, 128)]
    [InlineData(1L << 31, 1L << 33)]
    public void Sizes_are_whole_cache_lines(long count, long bytes)
    {
        Arena counted = default;
        counted.Take<float>((nint)count);

        Assert.Equal((nuint)bytes, counted.Used);
    }

    [Fact]
    public void Parts_are_aligned_and_follow_each_other()
    {
        using Workspace workspace = new();
        Arena arena = workspace.Reset(256);

        byte* first = (byte*)arena.Take<float>(3), second = (byte*)arena.Take<long>(9), third = (byte*)arena.Take<int>(1);

        Assert.Equal(0, (nint)first % 64);
        Assert.Equal((64, 128), ((int)(second - first), (int)(third - second)));
        Assert.Equal(((nuint)256, (nuint)256), (arena.Used, workspace.Capacity));
    }

    [Fact]
    public void It_grows_to_the_largest_need_and_stays()
    {
        using Workspace workspace = new();
        Arena large = workspace.Reset(1024);
        float* memory = large.Take<float>(256);

        Arena small = workspace.Reset(64);
        Assert.True(memory == small.Take<float>(16));
        Assert.Equal((nuint)1024, workspace.Capacity);

        workspace.Reset(4096);
        Assert.Equal((nuint)4096, workspace.Capacity);
    }

    [Fact]
    public void Disposed_it_holds_nothing()
    {
        Workspace workspace = new();
        workspace.Reset(1024);

        workspace.Dispose();
        workspace.Dispose();

        Assert.Equal((nuint)0, workspace.Capacity);
    }
}
