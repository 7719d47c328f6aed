using System.Globalization;
using Spectre.Console;

namespace ManagedCircle.Cli.Loss;

/// <summary>What <c>mcircle loss</c> says; the names and their order are a contract.</summary>
internal sealed record LossReport(
    double? Loss, long WorkspaceBytes, int Queries, int References, int Dimension, int Valid, int Nonzero, string Precision, string Isa, int Threads,
    double Milliseconds)
{
    /// <summary>The same for people.</summary>
    public Table ToTable()
    {
        Table table = new Table().AddColumns("", "").HideHeaders();
        foreach ((string name, string value) in Lines())
        {
            table.AddRow(name, value);
        }

        return table;
    }

    /// <summary>Its lines, each a name and a value.</summary>
    public IEnumerable<(string Name, string Value)> Lines()
    {
        yield return ("loss", Loss is double loss ? loss.ToString("G9", CultureInfo.InvariantCulture) : "not reduced");
        string valid = Valid > 0 ? "" : " (none has both a positive and a negative: its class again, and another)";
        yield return ("queries", $"{Queries}, of which {Valid} valid{valid} and {Nonzero} with a loss above 0");
        yield return ("references", $"{References}");
        yield return ("dimension", $"{Dimension}");
        yield return ("run", $"{Precision}, {Isa}, {Threads} thread{(Threads == 1 ? "" : "s")}, {WorkspaceBytes / 1e6:F1} MB of workspace");
        yield return ("time", $"{Milliseconds:F3} ms");
    }
}
