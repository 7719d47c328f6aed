namespace ManagedCircle.Cli;

/// <summary>A file that a command reads: one on a disk, a pipe, or standard input.</summary>
internal static class InputFile
{
    /// <summary>The name that stands for standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>What messages call it.</summary>
    public static string NameOf(string path) => path == StandardInput ? "standard input" : path;

    /// <summary>Opens a file or a pipe to be read once.</summary>
    /// <exception cref="BadInputException">There is none, it cannot be opened, or nothing would ever come from it.</exception>
    public static Stream Open(string path) =>
        path != StandardInput ? OpenByName(path)
        : Console.IsInputRedirected ? Console.OpenStandardInput()
        : throw new BadInputException(NameOf(path), "a terminal: expected a file or a pipe");

    /// <summary>Opens a file of known length.</summary>
    /// <exception cref="BadInputException">There is none, or it cannot be opened.</exception>
    public static FileStream OpenFile(string path)
    {
        FileStream stream = OpenByName(path);
        if (stream.CanSeek)
        {
            return stream;
        }

        stream.Dispose();
        throw new BadInputException(path, "a pipe: expected a file of known length");
    }

    /// <summary>Refuses inputs of which one pipe is two.</summary>
    public static void ThrowIfReadTwice(params IEnumerable<string?> paths)
    {
        HashSet<string> pipes = [];
        if (paths.FirstOrDefault(path => path is not null && IsReadOnce(path) && !pipes.Add(RealPath(path))) is string again)
        {
            throw new UsageException($"{again} is named for two inputs, but can be read once: expected a file for one of them.");
        }
    }

    /// <summary>The full path without links; that of what standard input comes from.</summary>
    public static string RealPath(string path) => ReplacedFile.RealPath(path == StandardInput ? "/dev/stdin" : path);

    // A pipe has no length. One without a name is a link to nothing in the list of what a process has open.
    private static bool IsReadOnce(string path) =>
        path == StandardInput || (File.Exists(path) && new FileInfo(RealPath(path)) is not { Exists: true, Length: > 0 });

    private static FileStream OpenByName(string path)
    {
        if (path.Length == 0)
        {
            throw new BadInputException("an empty name: expected a .npy file");
        }

        if (Directory.Exists(path))
        {
            throw new BadInputException(path, "a directory: expected a .npy file");
        }

        try
        {
            if (!IsReadOnce(path))
            {
                return OpenToRead(path);
            }

            // Below /dev are devices, but for the files of /dev/shm and, where they are no links, the pipes of /dev/fd.
            string[] parts = RealPath(path).Split('/');
            if (parts is ["", "dev", not ("shm" or "fd"), ..])
            {
                throw new BadInputException(path, "a device: expected a .npy file or a pipe");
            }

            // A named pipe is opened for reading as soon as somebody writes to it, which may be never; this one writes nothing, and is gone before the reading.
            using FileStream? writer = OpenToWrite(path);
            return OpenToRead(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BadInputException(path, "no such file");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BadInputException(path, $"cannot be opened: {error.Message}");
        }
    }

    private static FileStream OpenToRead(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);

    private static FileStream? OpenToWrite(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
