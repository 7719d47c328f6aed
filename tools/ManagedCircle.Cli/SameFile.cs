namespace ManagedCircle.Cli;

/// <summary>Whether two names are of one file.</summary>
internal static class SameFile
{
    // Where X.npy and x.npy are one file.
    private static readonly StringComparison Names =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    /// <summary>Compares them without symbolic links, and by the file that is there: a hard link is the same file under another name.</summary>
    public static bool IsOne(string first, string second) =>
        string.Equals(InputFile.RealPath(first), InputFile.RealPath(second), Names)
        || (NumberOf(second) is { } number && number == NumberOf(first));

    /// <summary>
    /// The number that Linux gives an open file, with its length and time, as every disk counts on its own. Null elsewhere, where hard links stay unseen: that
    /// loses no input, as an output takes the place of its own name alone.
    /// </summary>
    private static (string Number, long Length, DateTime Time)? NumberOf(string path)
    {
        FileInfo file = new(InputFile.RealPath(path));
        if (!OperatingSystem.IsLinux() || !file.Exists || file.Length == 0)
        {
            return null; // what has no length may be a pipe, which would wait to be opened
        }

        try
        {
            using FileStream open = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            IEnumerable<string> lines = File.ReadLines($"/proc/self/fdinfo/{open.SafeFileHandle.DangerousGetHandle()}");
            string? number = lines.FirstOrDefault(line => line.StartsWith("ino:", StringComparison.Ordinal));
            return number is null ? null : (number, file.Length, file.LastWriteTimeUtc);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
