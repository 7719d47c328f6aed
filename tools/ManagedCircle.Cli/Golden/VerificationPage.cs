using System.Globalization;
using System.Net;
using System.Text;

namespace ManagedCircle.Cli.Golden;

/// <summary>The report as a page that needs nothing else: no script, and filters that are plain CSS.</summary>
internal static class VerificationPage
{
    private static readonly string[] Headings = ["case", "quantity", "verdict", "error / tolerance", "where", "reason"];

    private const string Style = """
        :root { color-scheme: light dark; --line: #8884; --bad: #d339; --muted: #777; }
        body { font: 16px/1.45 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; }
        h1 { font-size: 1.5rem; }
        ul { padding-left: 1.2rem; }
        form { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1rem 0; }
        fieldset { border: 1px solid var(--line); border-radius: .4rem; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: .3rem .8rem; }
        label { white-space: nowrap; }
        table { border-collapse: collapse; width: 100%; }
        th, td { border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
          padding: .25rem .6rem; text-align: left; vertical-align: top; }
        th { white-space: nowrap; }
        tr.of { border-left: .3rem solid transparent; }
        tr.wrong, tr.missing, tr.unreadable { border-left-color: var(--bad); }
        body:has(#show-not-right:checked) tr.right { display: none; }
        body:has(#of-loss:checked) tr.of:not(.loss), body:has(#of-losses:checked) tr.of:not(.losses),
        body:has(#of-gradients:checked) tr.of:not(.gradients) { display: none; }
        @media (max-width: 45rem) {
          thead { display: none; }
          table, tbody, tr, td { display: block; }
          tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
          td { border: 0; padding: .05rem .6rem; }
          td:empty { display: none; }
          td::before { color: var(--muted); content: attr(data-name) ": "; }
        }
        """;

    public static string Of(VerificationReport report)
    {
        StringBuilder page = new();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>mcircle verify</title>
            <link rel="icon" href="data:,"><style>
            {Style}
            </style></head><body>
            <h1>{(report.Passed ? "Right" : "Not right")}</h1>
            <ul>

            """);
        foreach (string line in report.Summary())
        {
            page.Append(CultureInfo.InvariantCulture, $"<li>{WebUtility.HtmlEncode(line)}</li>\n");
        }

        int notRight = report.NotRight.Count();
        page.Append(CultureInfo.InvariantCulture, $"""
            </ul>
            <form>
            <fieldset><legend>Show</legend>
            <label><input type="radio" name="show" id="show-all"{(report.Passed ? " checked" : "")}> all {report.Checks.Count}</label>
            <label><input type="radio" name="show" id="show-not-right"{(report.Passed ? "" : " checked")}> not right ({notRight})</label>
            </fieldset>
            <fieldset><legend>Of</legend>
            <label><input type="radio" name="of" checked> every quantity</label>
            <label><input type="radio" name="of" id="of-loss"> loss</label>
            <label><input type="radio" name="of" id="of-losses"> losses</label>
            <label><input type="radio" name="of" id="of-gradients"> gradients</label>
            </fieldset>
            </form>
            <table>
            <thead><tr>{string.Concat(Headings.Select(heading => $"<th scope=\"col\">{heading}</th>"))}</tr></thead>
            <tbody>

            """);
        foreach (VerificationRow row in report.NotRight.Concat(report.Checks.Except(report.NotRight)))
        {
            string cells = string.Concat(Headings.Zip(row.Cells, (heading, cell) => $"<td data-name=\"{heading}\">{WebUtility.HtmlEncode(cell)}</td>"));
            string group = row.Quantity is Quantity.Loss or Quantity.Losses ? row.Quantity : "gradients";
            page.Append(CultureInfo.InvariantCulture, $"<tr class=\"of {group} {row.Verdict}\">{cells}</tr>\n");
        }

        return page.Append("</tbody>\n</table>\n</body></html>\n").ToString();
    }
}
