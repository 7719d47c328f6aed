using ManagedCircle.Tests.Cli;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Where <see cref="CrossBatchMemory.Save(string)"/> writes, and what it leaves alone.</summary>
public sealed class SavedMemoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly CrossBatchMemory memory = new(4, 2);

    public SavedMemoryTests() => memory.Enqueue(new EmbeddingBatch([1, 2, 3, 4], [0, 1]));

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_files_beside_it_are_left_alone()
    {
        File.WriteAllText(directory["memory.unfinished"], "mine");

        memory.Save(directory["memory"]);

        Assert.Equal(["memory", "memory.unfinished"], directory.Names);
        Assert.Equal("mine", File.ReadAllText(directory["memory.unfinished"]));
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_nothing_else()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no device files");
        memory.Save(directory["memory"]);
        byte[] before = File.ReadAllBytes(directory["memory"]);

        Assert.Throws<DirectoryNotFoundException>(() => memory.Save(directory["missing/memory"]));
        Assert.Throws<ArgumentException>(() => memory.Save(""));
        Assert.Throws<ArgumentNullException>(() => memory.Save((string)null!));

        Assert.Equal(["memory"], directory.Names);
        Assert.Equal(before, File.ReadAllBytes(directory["memory"]));
    }

    [Fact]
    public void Devices_pipes_and_directories_are_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no device files");
        Directory.CreateDirectory(directory["directory"]);
        DotnetProcess.Shell("mkfifo", directory["pipe"]);
        File.CreateSymbolicLink(directory["link"], "/dev/null");

        Assert.EndsWith("is a device or a pipe: expected a file.", Assert.Throws<IOException>(() => memory.Save(directory["pipe"])).Message,
            StringComparison.Ordinal);
        Assert.EndsWith("is a device or a pipe: expected a file.", Assert.Throws<IOException>(() => memory.Save(directory["link"])).Message,
            StringComparison.Ordinal);
        Assert.EndsWith("is a directory: expected the name of a file.", Assert.Throws<IOException>(() => memory.Save(directory["directory"])).Message,
            StringComparison.Ordinal);
        Assert.Equal(["directory", "link", "pipe"], directory.Names);
    }

    [Fact]
    public void Devices_pipes_and_directories_are_not_read()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no device files");
        Directory.CreateDirectory(directory["directory"]);
        DotnetProcess.Shell("mkfifo", directory["pipe"]);
        File.CreateSymbolicLink(directory["link"], "pipe");

        foreach (string path in (string[])["/dev/zero", directory["pipe"], directory["link"]])
        {
            Assert.Equal($"{path} is empty, a device or a pipe: expected a file that Save wrote.",
                Assert.Throws<InvalidDataException>(() => CrossBatchMemory.Load(path)).Message);
            Assert.Equal($"{path} is empty, a device or a pipe: expected a file that Save wrote.",
                Assert.Throws<InvalidDataException>(() => Gallery.Load(path)).Message);
        }

        Assert.Throws<UnauthorizedAccessException>(() => CrossBatchMemory.Load(directory["directory"]));
    }

    [Fact]
    public void A_link_is_written_through_and_modes_are_kept()
    {
        File.WriteAllText(directory["real"], "old");
        File.CreateSymbolicLink(directory["link"], "real");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(directory["real"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite);
        }

        memory.Save(directory["link"]);

        Assert.Equal("real", new FileInfo(directory["link"]).LinkTarget);
        Assert.Equal(2, CrossBatchMemory.Load(directory["real"]).Count);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite, File.GetUnixFileMode(directory["real"]));
        }
    }
}
