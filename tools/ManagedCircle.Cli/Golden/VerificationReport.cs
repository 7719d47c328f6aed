using System.Globalization;
using System.Net;
using System.Text;
using Spectre.Console;

namespace ManagedCircle.Cli.Golden;

/// <summary>What <c>mcircle verify</c> says; the names and their order are a contract.</summary>
internal sealed record VerificationReport(
    bool Passed, string Precision, int Cases, int Answers, int Wrong, int Missing, int Unreadable, VerificationCause? Cause, IReadOnlyList<VerificationRow> Checks)
{
    public static VerificationReport Of(Verification verification)
    {
        IReadOnlyList<AnswerCheck> checks = verification.Checks;
        return new(
            verification.Passed,
            verification.Precision,
            checks.Select(check => check.Case).Distinct().Count(),
            checks.Count,
            Count(Verdict.Wrong),
            Count(Verdict.Missing),
            Count(Verdict.Unreadable),
            verification.Cause is { } cause ? new(cause.Name, cause.Mistake) : null,
            [.. checks.Select(VerificationRow.Of)]);

        int Count(Verdict verdict) => checks.Count(check => check.Verdict == verdict);
    }

    /// <summary>The table for people.</summary>
    public Table ToTable()
    {
        Table table = new Table().AddColumns("case", "quantity", "error / tolerance", "where", "verdict");
        foreach (VerificationRow row in Checks)
        {
            table.AddRow(row.Cells.Take(5).Select(Markup.Escape).ToArray());
        }

        return table;
    }

    /// <summary>What it comes to, in a few lines.</summary>
    public IEnumerable<string> Summary()
    {
        yield return $"{Answers} answers to {Cases} cases in {Precision}: {Answers - Wrong - Missing - Unreadable} right, {Wrong} wrong, {Missing} missing, {Unreadable} unreadable";
        if (Checks.FirstOrDefault(row => row.Verdict != "right") is { } first)
        {
            yield return $"first: {first.Case}, {first.Quantity} {first.Where}{(first.Where is null ? "" : " ")}{first.Verdict}: {first.Reason}";
        }

        if (Cause is not null)
        {
            yield return $"likely cause: {Cause.Name}: {Cause.Mistake}";
        }
        else if (Wrong > 0)
        {
            yield return "likely cause: none of the known mistakes gives these numbers";
        }
    }

    /// <summary>A page that needs nothing else.</summary>
    public string ToHtml()
    {
        StringBuilder page = new("""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>mcircle verify</title><style>
            body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; }
            table { border-collapse: collapse; }
            th, td { border-bottom: 1px solid #ccc; padding: .2em .8em; text-align: left; font-variant-numeric: tabular-nums; }
            .wrong, .missing, .unreadable { background: #fdd; }
            </style></head><body>

            """);
        page.Append(CultureInfo.InvariantCulture, $"<h1>{(Passed ? "Right" : "Not right")}</h1>\n");
        foreach (string line in Summary())
        {
            page.Append(CultureInfo.InvariantCulture, $"<p>{WebUtility.HtmlEncode(line)}</p>\n");
        }

        page.Append("<table>\n<tr><th>case</th><th>quantity</th><th>error / tolerance</th><th>where</th><th>verdict</th><th>reason</th></tr>\n");
        foreach (VerificationRow row in Checks)
        {
            string cells = string.Concat(row.Cells.Select(cell => $"<td>{WebUtility.HtmlEncode(cell)}</td>"));
            page.Append(CultureInfo.InvariantCulture, $"<tr class=\"{row.Verdict}\">{cells}</tr>\n");
        }

        return page.Append("</table>\n</body></html>\n").ToString();
    }
}

/// <summary>The mistake that the answers match.</summary>
internal sealed record VerificationCause(string Name, string Mistake);

/// <summary>One answer in a report.</summary>
internal sealed record VerificationRow(
    string Case, string Quantity, string Verdict, double? ErrorOverTolerance, string? Where, double? Expected, double? Answer, double? Tolerance, string? Reason)
{
    public static VerificationRow Of(AnswerCheck check) => new(
        check.Case,
        check.Quantity,
        check.Verdict.ToString().ToLowerInvariant(),
        check.ErrorOverTolerance,
        check.Where,
        check.Expected,
        check.Answer,
        check.Tolerance,
        check.Verdict == Golden.Verdict.Wrong
            ? string.Create(CultureInfo.InvariantCulture, $"{check.Answer:G9}, expected {check.Expected:G9} within {check.Tolerance:G2}")
            : check.Reason);

    /// <summary>Its cells in a table.</summary>
    internal IEnumerable<string> Cells =>
        [Case, Quantity, ErrorOverTolerance?.ToString("G3", CultureInfo.InvariantCulture) ?? "", Where ?? "", Verdict, Reason ?? ""];
}
