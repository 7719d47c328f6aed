using ManagedCircle.Cli;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class OutputFilesTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Files_get_their_names_only_when_all_are_complete()
    {
        File.WriteAllText(directory["a"], "old");
        using (OutputFiles files = new())
        {
            files.Create(directory["a"]).Write("new"u8);
            files.Create(directory["b"]).Write("also"u8);
            Assert.Equal("old", File.ReadAllText(directory["a"]));
            Assert.False(File.Exists(directory["b"]));

            files.Commit();
        }

        Assert.Equal(["a", "b"], directory.Names);
        Assert.Equal("new", File.ReadAllText(directory["a"]));
        Assert.Equal("also", File.ReadAllText(directory["b"]));
    }

    [Fact]
    public void What_is_not_committed_leaves_nothing()
    {
        File.WriteAllText(directory["a"], "old");
        using (OutputFiles files = new())
        {
            files.Create(directory["a"]).Write("new"u8);
            files.Create(directory["b"]).Write("also"u8);
        }

        Assert.Equal(["a"], directory.Names);
        Assert.Equal("old", File.ReadAllText(directory["a"]));
    }

    [Fact]
    public void Nothing_is_left_to_write_when_a_file_is_closed()
    {
        using OutputFiles files = new();

        files.Create(directory["a"]).Write("new"u8);

        Assert.Equal(3, new FileInfo(directory[Assert.Single(directory.Names)]).Length);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_rejected_at_once()
    {
        using OutputFiles files = new();

        Assert.Throws<BadInputException>(() => files.Create(directory[Path.Combine("missing", "a")]));
        Assert.Throws<BadInputException>(() => files.Create(directory[""]));
    }

    [Fact]
    public void A_device_is_not_replaced_by_a_file()
    {
        using OutputFiles files = new();

        Assert.Throws<BadInputException>(() => files.Create("/dev/none.npy"));
        Assert.Throws<BadInputException>(() => files.Create("/dev/../dev/none.npy"));
        Assert.Throws<BadInputException>(() => files.Create(""));
    }

    [Fact]
    public void One_name_cannot_hold_two_outputs()
    {
        using OutputFiles files = new();
        files.Create(directory["a"]);

        Assert.Throws<UsageException>(() => files.Create(directory[Path.Combine(".", "a")]));
    }
}
