using System.Runtime.Versioning;
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

        Assert.EndsWith($": cannot be written: no such directory {directory["missing"]}",
            Assert.Throws<BadInputException>(() => files.Create(directory["missing/a"])).Message, StringComparison.Ordinal);
        Assert.Throws<BadInputException>(() => files.Create(directory[""]));
    }

    [Fact]
    public void A_device_or_a_pipe_is_not_replaced_by_a_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no device files");
        DotnetProcess.Shell("mkfifo", directory["pipe"]);
        File.CreateSymbolicLink(directory["link"], "/dev/null");
        using OutputFiles files = new();

        foreach (string path in (string[])["/dev/null", "/dev/../dev/null", directory["link"], directory["pipe"]])
        {
            Assert.EndsWith("is a device or a pipe: expected a file.", Assert.Throws<BadInputException>(() => files.Create(path, 100)).Message,
                StringComparison.Ordinal);
        }

        files.Commit();
        Assert.Equal(["link", "pipe"], directory.Names);
        Assert.Equal("/dev/null", new FileInfo(directory["link"]).LinkTarget);
    }

    [Fact]
    public void What_names_no_file_is_rejected()
    {
        using OutputFiles files = new();

        Assert.Equal("'' is no name of an output: expected the name of a file to write.", Assert.Throws<UsageException>(() => files.Create("")).Message);
        Assert.Equal("'-' is no name of an output: expected the name of a file to write.", Assert.Throws<UsageException>(() => files.Create("-")).Message);
        Assert.EndsWith("a directory: expected the name of a file to write", Assert.Throws<BadInputException>(() => files.Create(directory["new/"])).Message,
            StringComparison.Ordinal);
        Assert.Empty(directory.Names);
    }

    [Fact]
    public void A_symbolic_link_is_written_through_and_stays()
    {
        Directory.CreateDirectory(directory["far"]);
        File.WriteAllText(directory["far/old"], "old");
        File.CreateSymbolicLink(directory["a"], directory["b"]);
        File.CreateSymbolicLink(directory["b"], Path.Combine("far", "old"));
        File.CreateSymbolicLink(directory["c"], Path.Combine("far", "new"));
        using (OutputFiles files = new())
        {
            files.Create(directory["a"]).Write("first"u8);
            files.Create(directory["c"]).Write("second"u8);
            files.Commit();
        }

        Assert.Equal(["a", "b", "c", "far"], directory.Names);
        Assert.Equal((directory["b"], Path.Combine("far", "new")), (new FileInfo(directory["a"]).LinkTarget, new FileInfo(directory["c"]).LinkTarget));
        Assert.Equal(("first", "second"), (File.ReadAllText(directory["far/old"]), File.ReadAllText(directory["far/new"])));
        Assert.Equal(2, Directory.GetFileSystemEntries(directory["far"]).Length);
    }

    [Fact]
    public void A_link_to_itself_is_rejected()
    {
        File.CreateSymbolicLink(directory["a"], directory["b"]);
        File.CreateSymbolicLink(directory["b"], directory["a"]);
        using OutputFiles files = new();

        Assert.Throws<BadInputException>(() => files.Create(directory["a"]));
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute)]
    [UnsupportedOSPlatform("windows")]
    public void An_existing_file_keeps_its_modes(UnixFileMode mode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes");
        File.WriteAllText(directory["a"], "old");
        File.SetUnixFileMode(directory["a"], mode);
        using (OutputFiles files = new())
        {
            files.Create(directory["a"]).Write("new"u8);
            Assert.Equal(mode, File.GetUnixFileMode(Directory.GetFiles(directory[""], "a.*.tmp").Single()));
            files.Commit();
        }

        Assert.Equal(("new", mode), (File.ReadAllText(directory["a"]), File.GetUnixFileMode(directory["a"])));
    }

    [Fact]
    public void An_input_is_no_output_whatever_its_name()
    {
        Directory.CreateDirectory(directory["far"]);
        File.WriteAllText(directory["X.npy"], "rows");
        File.CreateSymbolicLink(directory["link"], directory["X.npy"]);
        File.CreateSymbolicLink(directory["far/up"], "..");
        using OutputFiles files = new(null, "missing.npy", directory["X.npy"]);
        using OutputFiles throughLink = new(directory["link"]);

        foreach (string path in (
            string[])[directory["X.npy"], directory["far/../X.npy"], directory["link"], directory["far/up/link"], directory["far/up/far/up/X.npy"]])
        {
            Assert.Contains("expected another file to write", Assert.Throws<UsageException>(() => files.Create(path)).Message, StringComparison.Ordinal);
            Assert.Contains("expected another file to write", Assert.Throws<UsageException>(() => throughLink.Create(path)).Message, StringComparison.Ordinal);
        }

        files.Create(directory["Y.npy"]);
        Assert.Equal("rows", File.ReadAllText(directory["X.npy"]));
    }

    [Fact]
    public void A_hard_link_of_an_input_is_no_output()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux alone tells the number of a file");
        File.WriteAllText(directory["X.npy"], "rows");
        DotnetProcess.Shell("ln", directory["X.npy"], directory["same"]);
        DotnetProcess.Shell("cp", "-p", directory["X.npy"], directory["copy"]);
        using OutputFiles files = new(directory["X.npy"]);

        Assert.Throws<UsageException>(() => files.Create(directory["same"]));
        files.Create(directory["copy"]);
    }

    [Fact]
    public void What_has_no_room_is_not_begun_and_its_size_is_said()
    {
        using OutputFiles files = new();

        string message = Assert.Throws<BadInputException>(() => files.Create(directory["S.npy"], 4_000_000_000_000_128)).Message;

        Assert.StartsWith($"{directory["S.npy"]}: cannot be written: no room: 4000000 GB (4000000000000128 bytes) to write, and ", message,
            StringComparison.Ordinal);
        Assert.EndsWith(" bytes) free on that disk", message, StringComparison.Ordinal);
        Assert.Empty(directory.Names);
    }

    [Fact]
    public void A_name_as_long_as_a_name_may_be_is_written()
    {
        string name = new('é', 120);
        using (OutputFiles files = new())
        {
            files.Create(directory[name]).Write("new"u8);
            files.Commit();
        }

        Assert.Equal([name], directory.Names);
    }

    [Fact]
    public void One_name_cannot_hold_two_outputs()
    {
        File.CreateSymbolicLink(directory["here"], directory["."]);
        File.CreateSymbolicLink(directory["link"], "a");
        using OutputFiles files = new();
        files.Create(directory["a"]);

        foreach (string path in (string[])["a", "./a", "here/a", "link"])
        {
            Assert.Throws<UsageException>(() => files.Create(directory[path]));
        }
    }
}
