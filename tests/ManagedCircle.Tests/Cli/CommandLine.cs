using System.Globalization;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Tests.Cli;

/// <summary>The words of a command line: its text is split at spaces, and what stands in braces is never split, so that a path may have spaces.</summary>
[InterpolatedStringHandler]
internal sealed class CommandLine
{
    private readonly List<string> complete = [];
    private string? word;

    public CommandLine(int literalLength, int formattedCount)
    {
    }

    public IReadOnlyList<string> Words => word is null ? complete : [.. complete, word];

    public static implicit operator CommandLine(string text)
    {
        CommandLine line = new(text.Length, 0);
        line.AppendLiteral(text);
        return line;
    }

    public void AppendLiteral(string text)
    {
        foreach (char letter in text)
        {
            if (letter == ' ')
            {
                EndWord();
            }
            else
            {
                word += letter;
            }
        }
    }

    public void AppendFormatted<T>(T value) => word += Convert.ToString(value, CultureInfo.InvariantCulture);

    /// <summary>Puts in the words of another line.</summary>
    public void AppendFormatted(CommandLine line)
    {
        EndWord();
        complete.AddRange(line.Words);
    }

    private void EndWord()
    {
        if (word is not null)
        {
            complete.Add(word);
            word = null;
        }
    }
}
