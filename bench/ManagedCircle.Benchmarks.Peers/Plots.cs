using ManagedCircle.Cli.Reports;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>The plots: time and memory against N, and each product's share of the peak.</summary>
internal static class Plots
{
    // Colours that people of any colour vision can tell apart (Okabe and Ito).
    private static readonly OxyColor[] Palette =
    [
        OxyColor.FromRgb(0, 114, 178), OxyColor.FromRgb(213, 94, 0), OxyColor.FromRgb(0, 158, 115), OxyColor.FromRgb(204, 121, 167),
        OxyColor.FromRgb(230, 159, 0), OxyColor.FromRgb(86, 180, 233), OxyColor.FromRgb(90, 90, 90),
    ];

    public static void Write(Measurement[] losses, Measurement[] products, string directory)
    {
        Measurement[] shown = [.. losses.Where(
            static m => m.Threads == 1 && m.D == 128 && m.Peer != "managedcircle-keras" && !m.Peer.EndsWith("@tuned", StringComparison.Ordinal))];
        Save(AgainstRows("Loss and gradient, D = 128, one thread", "ms", [.. shown.Where(static m => m.Peer != "managedcircle-24mb")], static m => m.Median),
            directory, "time.svg");
        Save(AgainstRows("Memory beyond inputs, D = 128, one thread", "MB", shown, static m => m.OwnRss / 1e6), directory, "memory.svg");
        Save(Shares([.. products.Where(static m => m.Threads == 1)]), directory, "share.svg");
    }

    public static void WriteScaling(Measurement[] losses, string directory)
    {
        Save(AgainstRows("Loss and gradient, D = 128, one thread", "ms", losses, static m => m.Median), directory, "scaling-time.svg");
        Save(AgainstRows("Memory beyond inputs, D = 128, one thread", "MB", losses, static m => m.OwnRss / 1e6), directory, "scaling-memory.svg");
    }

    private static PlotModel AgainstRows(string title, string unit, Measurement[] measurements, Func<Measurement, double> value)
    {
        PlotModel plot = Plot(title);
        plot.Axes.Add(new LogarithmicAxis { Position = AxisPosition.Bottom, Base = 2, Title = "rows N", MajorGridlineStyle = LineStyle.Dot });
        plot.Axes.Add(new LogarithmicAxis { Position = AxisPosition.Left, Title = unit, MajorGridlineStyle = LineStyle.Dot });
        foreach ((int index, IGrouping<string, Measurement> peer) in measurements.GroupBy(static m => m.Peer).Index())
        {
            bool own = Report.IsOwn(peer.First());
            LineSeries line = new() { Title = Plain(peer.First()), Color = Palette[index % Palette.Length], StrokeThickness = own ? 3 : 1.5,
                MarkerType = MarkerType.Circle, MarkerFill = Palette[index % Palette.Length] };
            line.Points.AddRange(peer.OrderBy(static m => m.N).Select(m => new DataPoint(m.N, Math.Max(value(m), 0.01))));
            plot.Series.Add(line);
        }

        return plot;
    }

    private static PlotModel Shares(Measurement[] measurements)
    {
        PlotModel plot = Plot("Similarity product, share of one core's peak");
        (int N, int D)[] sizes = [.. measurements.Select(static m => (m.N, m.D)).Distinct().Order()];
        string[] peers = [.. measurements.Select(static m => m.Peer).Distinct()];
        CategoryAxis names = new() { Position = AxisPosition.Left, Key = "peers", GapWidth = 0.4, StartPosition = 1, EndPosition = 0 };
        names.Labels.AddRange(peers.Select(peer => Plain(measurements.First(m => m.Peer == peer))));
        plot.Axes.Add(names);
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Key = "share", Minimum = 0, Title = "%", MajorGridlineStyle = LineStyle.Dot });
        foreach ((int index, (int n, int d)) in sizes.Index())
        {
            BarSeries bars = new() { Title = $"({n}, {d})", FillColor = Palette[index % Palette.Length], XAxisKey = "share", YAxisKey = "peers" };
            foreach (string peer in peers)
            {
                bars.Items.Add(new BarItem(100 * (measurements.FirstOrDefault(m => m.Peer == peer && (m.N, m.D) == (n, d))?.Share ?? 0)));
            }

            plot.Series.Add(bars);
        }

        return plot;
    }

    private static string Plain(Measurement m) => Report.Name(m).Replace("**", string.Empty, StringComparison.Ordinal);

    private static PlotModel Plot(string title)
    {
        PlotModel plot = new() { Title = title, TitleFontSize = 14, Background = OxyColors.White };
        plot.Legends.Add(new Legend { LegendPosition = LegendPosition.BottomCenter, LegendPlacement = LegendPlacement.Outside,
            LegendOrientation = LegendOrientation.Vertical });
        return plot;
    }

    private static void Save(PlotModel plot, string directory, string name)
    {
        using FileStream file = File.Create(Path.Combine(directory, name));
        new SvgExporter { Width = 900, Height = 620, TextMeasurer = new BrowserText(900, 620) }.Export(plot, file);
    }
}
