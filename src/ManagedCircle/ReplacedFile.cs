using System.Security.Cryptography;
using static System.FormattableString;

namespace ManagedCircle;

/// <summary>A file that is written beside the one whose place it takes: the name holds the old file until the new one is complete.</summary>
/// <remarks>
/// A symbolic link is followed: what it leads to is replaced, and the link stays. The new file has the modes of the old one. The temporary name cannot be
/// guessed and is never one that is there already, so that nobody can put a link in its place.
/// </remarks>
internal sealed class ReplacedFile : IDisposable
{
    // Linux follows as many links.
    private const int MostLinks = 40;

    // A name may have 255 bytes, of which a letter takes up to three.
    private const int MostLettersOfName = 60;

    private bool unfinished;

    /// <summary>Begins a file.</summary>
    /// <param name="path">The file to replace, or a new one.</param>
    /// <param name="length">The bytes it is going to have: there must be room, which is reserved where the disk can; 0 where that is not known.</param>
    /// <exception cref="IOException">There is a directory, a device or a pipe, the directory is missing, or the disk has no room.</exception>
    /// <exception cref="UnauthorizedAccessException">The file or its directory may not be written.</exception>
    public ReplacedFile(string path, long length = 0)
    {
        if (Directory.Exists(path) || Path.EndsInDirectorySeparator(path))
        {
            throw new IOException(Invariant($"{path} is a directory: expected the name of a file."));
        }

        UnixFileMode? mode = ModeOfRegularFile(path);
        Target = RealPath(path);
        string name = Path.GetFileName(Target);
        string directory = Path.GetDirectoryName(Target)!;
        string start = name[..Math.Min(name.Length, MostLettersOfName)], unguessable = RandomNumberGenerator.GetHexString(32, lowercase: true);
        TemporaryPath = Path.Combine(directory, start + "." + unguessable + ".tmp");

        ThrowIfNoRoom(directory, length);

        // Without a buffer, whose rest a full disk would not take when the file is closed, and which would keep it from being removed.
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read | FileShare.Delete,
            BufferSize = 0,
            PreallocationSize = length,
        };
        if (!OperatingSystem.IsWindows() && mode is not null)
        {
            options.UnixCreateMode = mode;
        }

        Stream = new FileStream(TemporaryPath, options);
        unfinished = true;
        try
        {
            // Again, as a file is made with fewer rights than asked for where the process has a mask.
            if (!OperatingSystem.IsWindows() && mode is { } kept && File.GetUnixFileMode(Stream.SafeFileHandle) != kept)
            {
                File.SetUnixFileMode(Stream.SafeFileHandle, kept);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the bytes go.</summary>
    public FileStream Stream { get; }

    /// <summary>The file that is replaced: the path without links.</summary>
    public string Target { get; }

    /// <summary>The name until then.</summary>
    public string TemporaryPath { get; }

    /// <summary>Puts the file in its place.</summary>
    public void Commit()
    {
        Stream.Dispose();
        File.Move(TemporaryPath, Target, overwrite: true);
        unfinished = false;
    }

    /// <summary>Removes the file where it was not put in its place.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        if (unfinished)
        {
            File.Delete(TemporaryPath);
        }
    }

    /// <summary>Opens a file that was written so.</summary>
    /// <exception cref="InvalidDataException">It is empty, a device or a pipe.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileStream OpenRead(string path)
    {
        // Devices and pipes have no length. Opening a pipe that nobody writes to would wait for ever.
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileInfo(RealPath(path)) is { Exists: true, Length: 0 }
            ? throw new InvalidDataException(Invariant($"{path} is empty, a device or a pipe: expected a file that Save wrote."))
            : File.OpenRead(path);
    }

    /// <summary>The full path without links, of a file that need not be there.</summary>
    public static string RealPath(string path) => RealPath(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), 0);

    private static string RealPath(string full, int links)
    {
        if (Path.GetDirectoryName(full) is not string parent)
        {
            return full;
        }

        string here = Path.Combine(RealPath(parent, links), Path.GetFileName(full));
        FileInfo file = new(here);
        return file.LinkTarget is not string target ? here
            : links < MostLinks ? RealPath(Path.TrimEndingDirectorySeparator(Path.GetFullPath(target, Path.GetDirectoryName(here)!)), links + 1)
            : throw new IOException(Invariant($"{full} is a link with too many links behind it."));
    }

    private static void ThrowIfNoRoom(string directory, long length)
    {
        if (length == 0 || !Directory.Exists(directory))
        {
            return;
        }

        long free = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(directory)! : directory).AvailableFreeSpace;
        if (length > free)
        {
            throw new IOException(Invariant($"no room: {Size(length)} to write, and {Size(free)} free on that disk"));
        }

        static string Size(long bytes) =>
            bytes < 1_000_000 ? Invariant($"{bytes} bytes") : Invariant($"{bytes / 1e9:0.###} GB ({bytes} bytes)");
    }

    /// <summary>The modes of a file, or null where there is none yet, or on a system without modes.</summary>
    private static UnixFileMode? ModeOfRegularFile(string path)
    {
        try
        {
            // For reading too, as a pipe that nobody reads would keep one that only writes waiting.
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            return IsRegular(file) ? OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(file.SafeFileHandle)
                : throw new IOException(Invariant($"{path} is a device or a pipe: expected a file."));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static bool IsRegular(FileStream file)
    {
        try
        {
            // A device is as long as an empty file, but keeps no length.
            if (file.CanSeek && file.Length == 0)
            {
                file.SetLength(0);
            }

            return file.CanSeek;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
