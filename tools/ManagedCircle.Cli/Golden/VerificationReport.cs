using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace ManagedCircle.Cli.Golden;

/// <summary>What <c>mcircle verify</c> says; the names and their order are a contract.</summary>
internal sealed record VerificationReport(
    bool Passed,
    string Precision,
    int Cases,
    int Answers,
    int Wrong,
    int Missing,
    int Unreadable,
    VerificationCause? Cause,
    IReadOnlyList<VerificationRow> Checks,
    IReadOnlyList<string> Findings)
{
    // What a terminal shows of the answers that are not right.
    private const int RowsShown = 20;

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
            verification.Cause is { } cause ? new(cause.Name, cause.Mistake, cause.Explained, cause.Failed) : null,
            [.. checks.Select(VerificationRow.Of)],
            verification.Findings);

        int Count(Verdict verdict) => checks.Count(check => check.Verdict == verdict);
    }

    /// <summary>The answers that are not right, in the order of the set.</summary>
    [JsonIgnore]
    public IEnumerable<VerificationRow> NotRight => Checks.Where(row => row.Verdict != "right");

    /// <summary>The table for people: what is not right, each with its reason; null where there is nothing.</summary>
    public Table? ToTable()
    {
        if (Passed)
        {
            return null;
        }

        Table table = new Table().AddColumns("case", "quantity", "verdict", "error / tolerance", "where", "reason");
        foreach (VerificationRow row in NotRight.Take(RowsShown))
        {
            table.AddRow([.. row.Cells.Select(Markup.Escape)]);
        }

        int more = NotRight.Count() - RowsShown;
        return more > 0 ? table.Caption($"{more} more: --html and --json have them all") : table;
    }

    /// <summary>What it comes to, in a few lines.</summary>
    public IEnumerable<string> Summary()
    {
        int right = Answers - Wrong - Missing - Unreadable;
        yield return $"{Answers} answers to {Cases} cases in {Precision}: {right} right, {Wrong} wrong, {Missing} missing, {Unreadable} unreadable";
        if (NotRight.FirstOrDefault() is { } first)
        {
            yield return $"first: {first.Case}, {first.Quantity} {first.Where}{(first.Where is null ? "" : " ")}{first.Verdict}: {first.Reason}";
        }

        foreach (string finding in Findings)
        {
            yield return finding;
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
}

/// <summary>The mistake that the answers match, and how many of the small cases that failed it gives the numbers of.</summary>
internal sealed record VerificationCause(string Name, string Mistake, int Explained, int Failed);

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
        [Case, Quantity, Verdict, ErrorOverTolerance?.ToString("G3", CultureInfo.InvariantCulture) ?? "", Where ?? "", Reason ?? ""];

    private static string ReasonOf(AnswerCheck check)
    {
        double answer = check.Answer!.Value, expected = check.Expected!.Value;
        double? allowed = check.Tolerance;
        string times = Shown(answer, 1);
        FormattableString reason = check.Measure switch
        {
            Golden.Measure.Distance =>
                $"the numbers are all in all {answer:G3} from those expected (the root of the sum of squares), at most {allowed:G2} allowed",
            Golden.Measure.Scale => $"the numbers are on the whole {times} times those expected, 1 +- {allowed:G2} allowed",
            Golden.Measure.Norm =>
                $"the norm is {times} times the one expected, from {Math.Exp(-allowed!.Value):G3} to {Math.Exp(allowed.Value):G3} times allowed",
            Golden.Measure.FineScale =>
                $"the numbers are {times} times those expected and hardly differ but for that, where rounding would spread them; 1 +- {allowed:G2} allowed",
            Golden.Measure.CommonScale =>
                $"all gradients are about {times} times those expected (the median), where rounding makes some longer, some shorter; 1 +- {allowed:G2} allowed",
            _ when !double.IsFinite(answer) => $"{answer}, expected {expected:G9} within {allowed:G2}",
            _ => $"{Shown(answer, expected)}, expected {Shown(expected, answer)} within {allowed:G2}: {Math.Abs(answer - expected):G3} apart",
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
