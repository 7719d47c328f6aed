using System.Globalization;
using Spectre.Console;

namespace ManagedCircle.Cli.Training;

/// <summary>How rows set aside are retrieved in one representation.</summary>
internal sealed record RetrievalResult(string Representation, int Dimension, double RecallAt1, double MapAtR)
{
    /// <summary>The columns of a table of results.</summary>
    public static readonly IReadOnlyList<string> Columns = ["test rows", "dimension", "Recall@1", "MAP@R"];

    /// <summary>Its cells.</summary>
    internal string[] Cells => [Representation, Dimension.ToString(CultureInfo.InvariantCulture), Share(RecallAt1), Share(MapAtR)];

    private static string Share(double share) => double.IsNaN(share) ? "-" : share.ToString("F4", CultureInfo.InvariantCulture);
}

/// <summary>What <c>mcircle train</c> says; the names and their order are a contract.</summary>
internal sealed record TrainingReport(
    int Training,
    int Test,
    int Steps,
    int Seed,
    double? Gamma,
    double? Margin,
    IReadOnlyList<RetrievalResult> Results,
    double Loss,
    double LossMilliseconds,
    double Milliseconds,
    int Ignored,
    IReadOnlyList<string> Hints,
    IReadOnlyList<TrainedLoss> Losses)
{
    /// <summary>What was done, in a sentence.</summary>
    internal string Summary
    {
        get
        {
            string ignored = Ignored == 0 ? string.Empty : Text($" ({Ignored} rows of the ignored label took no part)");
            string each = Losses.Count == 1 ? string.Empty : Text($" with each of {Losses.Count} losses");
            return Text($"{Steps} steps{each} on {Training} rows, measured on {Test} others{ignored}: ")
                + Text($"{Milliseconds / 1000:F2} s, of which {Losses.Sum(loss => loss.LossMilliseconds) / 1000:F2} s inside the loss.");
        }
    }

    /// <summary>The results for people.</summary>
    public Table ToTable()
    {
        Table table = new Table().AddColumns([.. RetrievalResult.Columns]);
        foreach (RetrievalResult result in Results)
        {
            table.AddRow(result.Cells);
        }

        return table;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
