using System.Net;
using System.Text;
using OxyPlot;

namespace ManagedCircle.Cli.Reports;

/// <summary>A page that needs no other file and no script: it asks for nothing, in the light and in the dark, on a phone and on a desk.</summary>
/// <param name="title">What it is about.</param>
internal sealed class Page(string title)
{
    private readonly StringBuilder body = new();
    private int charts;

    /// <summary>A heading of a part.</summary>
    public Page Heading(string text) => Add($"<h2>{Text(text)}</h2>\n");

    /// <summary>Some sentences.</summary>
    public Page Paragraph(string text) => Add($"<p>{Text(text)}</p>\n");

    /// <summary>A sentence that stands out.</summary>
    public Page Notice(string text) => Add($"<p class=\"notice\">{Text(text)}</p>\n");

    /// <summary>A table, whose first column names its rows.</summary>
    public Page Table(string caption, NumberTable table) => Add(TableOf(caption, table));

    /// <summary>Charts side by side where there is room, each with the numbers that it shows.</summary>
    public Page Charts(params IEnumerable<Chart> figures)
    {
        Add("<div class=\"charts\">\n");
        foreach (Chart chart in figures)
        {
            Add($"<figure>\n<figcaption>{Text(chart.Title)}</figcaption>\n{chart.ToInlineSvg($"chart{charts++}")}\n<p>{Text(chart.Description)}</p>\n");
            Add(chart.Numbers is null ? string.Empty : $"<details><summary>The numbers</summary>\n{TableOf(chart.Title, chart.Numbers)}</details>\n");
            Add("</figure>\n");
        }

        return Add("</div>\n");
    }

    /// <summary>The page, in UTF-8.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes($$"""
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>{{Text(title)}}</title><style>
        :root { color-scheme: light dark; --paper: #fff; --notice: #fff3d6; {{Variables(static color => color.Light)}} }
        @media (prefers-color-scheme: dark) { :root { --paper: #15181c; --notice: #3d3216; {{Variables(static color => color.Dark)}} } }
        body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1080px; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2rem; }
        .notice { background: var(--notice); border-left: 4px solid var(--negative); padding: .6rem 1rem; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 480px)); gap: 1.5rem 3rem; }
        figure { margin: 0; min-width: 0; }
        figcaption, caption { font-weight: 600; }
        figure p { margin: .3rem 0; font-size: .9rem; }
        svg { display: block; width: 100%; height: auto; }
        .table { overflow-x: auto; margin-top: 1rem; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        caption { text-align: left; padding: .3rem 0; white-space: nowrap; }
        th, td { border-bottom: 1px solid var(--grid); padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top; }
        thead th { white-space: nowrap; }
        tbody th { font-weight: normal; }
        summary { cursor: pointer; }
        @media (max-width: 480px) { th, td { padding-right: .5rem; } }
        </style></head><body><main>
        <h1>{{Text(title)}}</h1>
        {{body}}</main></body></html>

        """);

    private static string TableOf(string caption, NumberTable table)
    {
        string head = string.Concat(table.Columns.Select(column => $"<th scope=\"col\">{Text(column)}</th>"));
        IEnumerable<string> rows = table.Rows.Select(row =>
            $"<tr><th scope=\"row\">{Text(row[0])}</th>{string.Concat(row.Skip(1).Select(cell => $"<td>{Text(cell)}</td>"))}</tr>");
        return $"""
            <div class="table" tabindex="0"><table><caption>{Text(caption)}</caption>
            {(head.Length == 0 ? string.Empty : $"<thead><tr>{head}</tr></thead>")}
            <tbody>
            {string.Join('\n', rows)}
            </tbody></table></div>

            """;
    }

    private static string Variables(Func<PaletteColor, OxyColor> shade) =>
        string.Join(" ", Palette.All.Select(color => $"--{color.Name}: #{shade(color).R:x2}{shade(color).G:x2}{shade(color).B:x2};"));

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private Page Add(string html)
    {
        body.Append(html);
        return this;
    }
}
