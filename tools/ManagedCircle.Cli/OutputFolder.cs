using System.Security.Cryptography;

namespace ManagedCircle.Cli;

/// <summary>A directory that a command fills: with all of its files in the end, or with none.</summary>
/// <remarks>
/// A directory that is there stays the same one, be it a mount, a link's target or where the user stands: its files are gathered in a directory below it, and
/// change places with the old ones. A new one is gathered beside its name.
/// </remarks>
internal sealed class OutputFolder : IUnfinished, IDisposable
{
    private readonly string path;
    private readonly bool isNew;
    private readonly List<string> newParents = [];
    private readonly string old;
    private bool committed;

    /// <summary>Begins a directory; missing parents are made with it.</summary>
    /// <exception cref="BadInputException">It cannot be made.</exception>
    public OutputFolder(string path)
    {
        this.path = path;
        Target = ReplacedFile.RealPath(path);
        isNew = !Directory.Exists(Target);
        string random = RandomNumberGenerator.GetHexString(32, lowercase: true);
        Unfinished = isNew ? $"{Target}.{random}.tmp" : Path.Combine(Target, $"{random}.tmp");
        old = $"{Unfinished}.old";
        Interruption.Begin(this, () => Try(() =>
        {
            for (string? parent = Path.GetDirectoryName(Unfinished); parent is not null && !Directory.Exists(parent); parent = Path.GetDirectoryName(parent))
            {
                newParents.Add(parent);
            }

            Directory.CreateDirectory(Unfinished);
        }));
    }

    /// <summary>The directory, without links.</summary>
    public string Target { get; }

    /// <summary>Where its files are gathered.</summary>
    public string Unfinished { get; }

    /// <summary>Writes a file into it.</summary>
    /// <exception cref="BadInputException">It cannot be written.</exception>
    public void Write(string name, ReadOnlySpan<byte> content)
    {
        byte[] bytes = content.ToArray();
        Interruption.Step(() => Try(() =>
        {
            string file = Path.Combine(Unfinished, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, bytes);
        }));
    }

    /// <summary>Puts its files in their place, instead of all that was there.</summary>
    /// <exception cref="BadInputException">They cannot be put there.</exception>
    public void Commit() => Interruption.Step(() => Try(() =>
    {
        if (isNew)
        {
            Directory.Move(Unfinished, Target);
        }
        else
        {
            Exchange();
        }

        committed = true;
    }));

    /// <summary>Removes what was not committed.</summary>
    public void Dispose() => Interruption.End(this, Remove);

    /// <inheritdoc/>
    public void Remove()
    {
        foreach (string directory in (string[])[Unfinished, old])
        {
            if (Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }

        foreach (string parent in committed ? [] : newParents.Where(parent => Directory.Exists(parent) && !Directory.EnumerateFileSystemEntries(parent).Any()))
        {
            Directory.Delete(parent);
        }
    }

    private void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(path, $"cannot be written: {error.Message}");
        }
    }

    private void Exchange()
    {
        List<(string From, string To)> moved = [];
        try
        {
            string[] entries = [.. Directory.EnumerateFileSystemEntries(Target).Where(entry => entry != Unfinished)];
            Directory.CreateDirectory(old);
            MoveAll(entries, old);
            MoveAll([.. Directory.EnumerateFileSystemEntries(Unfinished)], Target);
        }
        catch
        {
            foreach ((string from, string to) in Enumerable.Reverse(moved))
            {
                Move(to, from);
            }

            throw;
        }

        void MoveAll(IEnumerable<string> entries, string directory)
        {
            foreach (string entry in entries)
            {
                string destination = Path.Combine(directory, Path.GetFileName(entry));
                Move(entry, destination);
                moved.Add((entry, destination));
            }
        }
    }

    private static void Move(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to);
        }
    }
}
