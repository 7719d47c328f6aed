using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
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
            verification.Precision.Name,
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
    string Case,
    string Quantity,
    string Verdict,
    double? ErrorOverTolerance,
    string? Where,
    double? Expected,
    double? Answer,
    double? Tolerance,
    string? Reason,
    string? Measure)
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
        check.Verdict == Golden.Verdict.Wrong ? ReasonOf(check) : check.Reason,
        check.Measure is { } measure ? JsonNamingPolicy.KebabCaseLower.ConvertName(measure.ToString()) : null);

    /// <summary>Its cells in a table.</summary>
    internal IEnumerable<string> Cells =>
        [Case, Quantity, ErrorOverTolerance?.ToString("G3", CultureInfo.InvariantCulture) ?? "", Where ?? "", Verdict, Reason ?? ""];

    private static string ReasonOf(AnswerCheck check)
    {
        double answer = check.Answer!.Value, expected = check.Expected!.Value;
        FormattableString reason = check.Measure switch
        {
            Golden.Measure.Distance => $"the numbers are all in all {answer:G3} from those expected (the root of the sum of squares), at most {check.Tolerance:G2} allowed",
            Golden.Measure.Scale => $"the numbers are on the whole {Shown(answer, 1)} times those expected, 1 +- {check.Tolerance:G2} allowed",
            Golden.Measure.Norm => $"the norm is {Shown(answer, 1)} times the one expected, from {Math.Exp(-check.Tolerance!.Value):G3} to {Math.Exp(check.Tolerance.Value):G3} times allowed",
            Golden.Measure.FineScale =>
                $"the numbers are {Shown(answer, 1)} times those expected and hardly differ but for that, where rounding would spread them; 1 +- {check.Tolerance:G2} allowed",
            Golden.Measure.CommonScale =>
                $"all gradients are about {Shown(answer, 1)} times those expected (the median), where rounding makes some longer and some shorter; 1 +- {check.Tolerance:G2} allowed",
            _ when !double.IsFinite(answer) => $"{answer}, expected {expected:G9} within {check.Tolerance:G2}",
            _ => $"{Shown(answer, expected)}, expected {Shown(expected, answer)} within {check.Tolerance:G2}: {Math.Abs(answer - expected):G3} apart",
        };
        return FormattableString.Invariant(reason);
    }

    /// <summary>A number with as many digits as show how it differs from another.</summary>
    private static string Shown(double number, double other)
    {
        for (int digits = 4; digits < 17; digits++)
        {
            string text = Text(number, digits);
            double shown = Parsed(text) - Parsed(Text(other, digits)), difference = number - other;
            if (Math.Abs(shown - difference) <= 0.1 * Math.Abs(difference))
            {
                return text;
            }
        }

        return Text(number, 17);

        static string Text(double x, int digits) => x.ToString($"G{digits}", CultureInfo.InvariantCulture);

        static double Parsed(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }
}
