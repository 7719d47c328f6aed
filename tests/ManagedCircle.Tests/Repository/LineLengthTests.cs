using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Repository;

/// <summary>What no analyzer looks at.</summary>
public sealed class LineLengthTests
{
    private const int Most = 160;

    [Theory]
    [InlineData("src")]
    [InlineData("tests")]
    [InlineData("tools")]
    [InlineData("bench")]
    public void No_line_of_code_is_longer_than_160_characters(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(RepositoryFiles.PathOf(folder), "*.cs", SearchOption.AllDirectories).Where(IsSource)];

        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(file => File.ReadLines(file).Index().Where(line => line.Item.Length > Most).Select(line => $"{file}:{line.Index + 1}")));
    }

    // What the compiler makes is not ours.
    private static bool IsSource(string file) => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj");
}
