using System.Text.RegularExpressions;
using System.Xml.Linq;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace ManagedCircle.Cli.Reports;

/// <summary>A table, whose first column names its rows.</summary>
internal sealed record NumberTable(IReadOnlyList<string> Columns, IEnumerable<IReadOnlyList<string>> Rows);

/// <summary>A plot, with what a reader who does not see it is told.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Description">What is to be seen in it.</param>
/// <param name="Plot">The plot, without title.</param>
/// <param name="Numbers">The numbers that it shows, or a part of them.</param>
internal sealed record Chart(string Title, string Description, PlotModel Plot, NumberTable? Numbers = null)
{
    /// <summary>The size of a chart: legible as it is on a phone.</summary>
    public const int Width = 380, Height = 300;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>An empty plot with two axes and a legend above.</summary>
    public static PlotModel NewPlot(Axis bottom, Axis left, bool legend = true)
    {
        PlotModel plot = new()
        {
            TextColor = Palette.Ink.Light,
            PlotAreaBorderColor = Palette.Ink.Light,
            PlotAreaBorderThickness = new OxyThickness(1, 0, 0, 1),
            DefaultFont = "system-ui, sans-serif",
        };
        foreach ((Axis axis, AxisPosition position) in new[] { (bottom, AxisPosition.Bottom), (left, AxisPosition.Left) })
        {
            axis.Position = position;
            axis.MajorGridlineStyle = LineStyle.Solid;
            axis.MajorGridlineColor = Palette.Grid.Light;
            axis.TicklineColor = Palette.Ink.Light;
            axis.MinorTickSize = 0;
            plot.Axes.Add(axis);
        }

        if (legend)
        {
            plot.Legends.Add(new Legend
            {
                LegendPosition = LegendPosition.TopCenter,
                LegendPlacement = LegendPlacement.Outside,
                LegendOrientation = LegendOrientation.Horizontal,
            });
        }

        return plot;
    }

    /// <summary>An axis of similarities.</summary>
    public static LinearAxis Similarities(string title, double lowest = -1, double highest = 1) => new() { Title = title, Minimum = lowest, Maximum = highest };

    /// <summary>A line through points.</summary>
    public static LineSeries Line(
        string? title, PaletteColor color, IEnumerable<(double X, double Y)> points, LineStyle style = LineStyle.Solid, double thickness = 2)
    {
        LineSeries line = new() { Title = title, Color = color.Light, LineStyle = style, StrokeThickness = thickness };
        line.Points.AddRange(points.Select(point => new DataPoint(point.X, point.Y)));
        return line;
    }

    /// <summary>A line across the plot, with a word beside it.</summary>
    public static LineAnnotation Mark(LineAnnotationType type, double place, string text, PaletteColor color) => new()
    {
        Type = type,
        X = place,
        Y = place,
        Text = text,
        Color = color.Light,
        TextColor = color.Light,
        LineStyle = LineStyle.Dash,
        TextOrientation = AnnotationTextOrientation.Horizontal,
    };

    /// <summary>The chart as a part of a page: its colours are the page's, and its size what there is room for.</summary>
    /// <param name="id">What no other chart of the page is called.</param>
    public string ToInlineSvg(string id)
    {
        XElement svg = ToSvg(id);
        svg.SetAttributeValue("width", null);
        svg.SetAttributeValue("height", null);
        svg.SetAttributeValue("role", "img");
        svg.SetAttributeValue("aria-labelledby", $"{id}-title {id}-desc");
        svg.AddFirst(
            new XElement(Svg + "title", new XAttribute("id", $"{id}-title"), Title),
            new XElement(Svg + "desc", new XAttribute("id", $"{id}-desc"), Description));
        return Palette.All.Aggregate(
            svg.ToString(SaveOptions.DisableFormatting), (text, color) => text.Replace(Written(color.Light), color.Variable, StringComparison.Ordinal));
    }

    /// <summary>Charts in a file of their own, two in a row, on white under one title.</summary>
    public static string ToFile(string title, string description, params IReadOnlyList<Chart> charts)
    {
        const int Head = 40, Caption = 24;
        int rows = (charts.Count + 1) / 2, width = 2 * Width, height = Head + rows * (Height + Caption);
        XElement file = new(
            Svg + "svg",
            new XAttribute("width", width),
            new XAttribute("height", height),
            new XAttribute("viewBox", $"0 0 {width} {height}"),
            new XAttribute("role", "img"),
            new XAttribute("aria-labelledby", "title desc"),
            new XElement(Svg + "title", new XAttribute("id", "title"), title),
            new XElement(Svg + "desc", new XAttribute("id", "desc"), description),
            new XElement(Svg + "rect", new XAttribute("width", width), new XAttribute("height", height), new XAttribute("fill", "white")),
            Text(width / 2, 26, 16, title));
        foreach ((int index, Chart chart) in charts.Index())
        {
            (int x, int y) = (index % 2 * Width, Head + index / 2 * (Height + Caption));
            XElement svg = chart.ToSvg($"chart{index}");
            svg.SetAttributeValue("x", x);
            svg.SetAttributeValue("y", y + Caption);
            file.Add(Text(x + Width / 2, y + 16, 13, chart.Title), svg);
        }

        return file.ToString(SaveOptions.DisableFormatting);

        static XElement Text(int x, int y, int size, string text) => new(
            Svg + "text",
            new XAttribute("x", x),
            new XAttribute("y", y),
            new XAttribute("text-anchor", "middle"),
            new XAttribute("font-family", "system-ui, sans-serif"),
            new XAttribute("font-size", size),
            new XAttribute("font-weight", 600),
            new XAttribute("fill", Written(Palette.Ink.Light)),
            text);
    }

    private XElement ToSvg(string id)
    {
        string text = new SvgExporter { Width = Width, Height = Height, TextMeasurer = new BrowserText(Width, Height) }.ExportToString(Plot);

        // The ids of clips hold for a whole page.
        XElement svg = XElement.Parse(Regex.Replace(text, "(?<=[\"#])clipPath", $"{id}-clip"));
        svg.SetAttributeValue("viewBox", $"0 0 {Width} {Height}");
        return svg;
    }

    // As OxyPlot writes it.
    private static string Written(OxyColor color) => $"rgb({color.R},{color.G},{color.B})";
}
