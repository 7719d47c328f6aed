namespace ManagedCircle.Cli;

/// <summary>The files that a command writes: each under a temporary name beside its own, all renamed when all are complete.</summary>
internal sealed class OutputFiles : IDisposable
{
    private readonly List<(FileStream Stream, string Path)> files = [];

    /// <summary>Begins a file.</summary>
    /// <exception cref="BadInputException">No file can be written there.</exception>
    public Stream Create(string path)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException(path, "a directory: expected the name of a file to write");
        }

        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            string fullPath = Path.GetFullPath(path);
            if (files.Exists(file => Path.GetFullPath(file.Path) == fullPath))
            {
                throw new UsageException($"{path} is named for two outputs.");
            }

            // A rename would put a file in the device's place.
            if (Path.GetDirectoryName(fullPath) == "/dev")
            {
                throw new BadInputException(path, "a device: expected the name of a file to write");
            }

            // Without a buffer, whose rest a full disk would not take when the file is closed, and which would keep it from being removed.
            files.Add((new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0), path));
            return files[^1].Stream;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BadInputException(path, $"cannot be written: {error.Message}");
        }
    }

    /// <summary>Gives every file its name, in place of what had it before.</summary>
    public void Commit()
    {
        foreach ((FileStream stream, _) in files)
        {
            stream.Dispose();
        }

        foreach ((FileStream stream, string path) in files)
        {
            File.Move(stream.Name, path, overwrite: true);
        }

        files.Clear();
    }

    /// <summary>Removes what was not committed.</summary>
    public void Dispose()
    {
        foreach ((FileStream stream, _) in files)
        {
            stream.Dispose();
            File.Delete(stream.Name);
        }
    }
}
