namespace ManagedCircle.Cli;

/// <summary>The files that a command writes: each under a temporary name beside its own, all renamed when all are complete.</summary>
/// <param name="inputs">The files that the command reads, which none of them may replace; null for one that was not named.</param>
internal sealed class OutputFiles(params IReadOnlyList<string?> inputs) : IUnfinished, IDisposable
{
    private readonly List<(ReplacedFile File, string Path)> files = [];

    /// <summary>Begins a file.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="length">The bytes it is going to have; 0 where that is not known.</param>
    /// <exception cref="BadInputException">No file can be written there, or there is no room for it.</exception>
    /// <exception cref="UsageException">The file is an input of the command, or another of its outputs.</exception>
    public Stream Create(string path, long length = 0)
    {
        if (path is "" or "-")
        {
            throw new UsageException($"'{path}' is no name of an output: expected the name of a file to write.");
        }

        if (Directory.Exists(path) || Path.EndsInDirectorySeparator(path))
        {
            throw new BadInputException(path, "a directory: expected the name of a file to write");
        }

        try
        {
            ThrowIfTaken(path);
            Interruption.Begin(this, () => files.Add((new ReplacedFile(path, length), path)));
            return files[^1].File.Stream;
        }
        catch (DirectoryNotFoundException)
        {
            throw new BadInputException(path, $"cannot be written: no such directory {Path.GetDirectoryName(path)}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BadInputException(path, $"cannot be written: {error.Message}");
        }
    }

    /// <summary>Gives every file its name, in place of what had it before.</summary>
    public void Commit() => Interruption.End(this, () =>
    {
        foreach ((ReplacedFile file, _) in files)
        {
            file.Commit();
        }
    });

    /// <summary>Removes what was not committed.</summary>
    public void Dispose() => Interruption.End(this, () =>
    {
        foreach ((ReplacedFile file, _) in files)
        {
            file.Dispose();
        }
    });

    /// <inheritdoc/>
    public void Remove()
    {
        foreach ((ReplacedFile file, _) in files)
        {
            File.Delete(file.TemporaryPath);
        }
    }

    private void ThrowIfTaken(string path)
    {
        if (inputs.FirstOrDefault(input => input is not null && SameFile.IsOne(input, path)) is string input)
        {
            throw new UsageException($"{path} is {(input == path ? "an input" : $"the input {InputFile.NameOf(input)}")}: expected another file to write.");
        }

        if (files.Exists(file => SameFile.IsOne(file.Path, path)))
        {
            throw new UsageException($"{path} is named for two outputs.");
        }
    }
}
