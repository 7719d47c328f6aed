namespace ManagedCircle.Tests.Cli;

/// <summary>An empty directory, removed with all that was written to it; its name has a space and a letter beyond ASCII, as those of users do.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("mcircle é ");

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => Path.Combine(directory.FullName, name);

    /// <summary>The names of the files in it, in order.</summary>
    public IEnumerable<string> Names => directory.EnumerateFileSystemInfos().Select(file => file.Name).Order(StringComparer.Ordinal);

    public void Dispose() => directory.Delete(recursive: true);
}
