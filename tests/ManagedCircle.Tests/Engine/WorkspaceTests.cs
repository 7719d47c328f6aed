using ManagedCircle.Engine;
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
    public void Sizes_are_whole_cache_lines(long count, long bytes) => Assert.Equal((nuint)bytes, Workspace.SizeOf<float>((nint)count));

    [Fact]
    public void Parts_are_aligned_and_follow_each_other()
    {
        using Workspace workspace = new();
        workspace.Reset(Workspace.SizeOf<float>(3) + Workspace.SizeOf<long>(9) + Workspace.SizeOf<int>(1));

        byte* first = (byte*)workspace.Take<float>(3), second = (byte*)workspace.Take<long>(9), third = (byte*)workspace.Take<int>(1);

        Assert.Equal(0, (nint)first % 64);
        Assert.Equal((64, 128), ((int)(second - first), (int)(third - second)));
        Assert.Equal((nuint)256, workspace.Capacity);
    }

    [Fact]
    public void It_grows_to_the_largest_need_and_stays()
    {
        using Workspace workspace = new();
        workspace.Reset(1024);
        float* memory = workspace.Take<float>(256);

        workspace.Reset(64);
        Assert.True(memory == workspace.Take<float>(16));
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
