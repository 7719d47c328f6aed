using System.Globalization;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;

namespace ManagedCircle.Cli.Reports;

/// <summary>The charts of a pair's weight, logit and slope by its similarity, and of the plane where a positive and a negative balance.</summary>
internal static class MarginCharts
{
    private const int Steps = 200;

    /// <summary>All four in one file.</summary>
    public static string ToFile(CircleLossOptions options)
    {
        CircleMargins margins = new(options);
        string places = Text($"Op {margins.PositiveOptimum}, On {margins.NegativeOptimum}, Dp {margins.PositiveMargin}, Dn {margins.NegativeMargin}");
        string alpha = margins.Weighting == PairWeighting.Constant ? "alpha constant" : $"alpha circle, {margins.WeightGradient.ToString().ToLowerInvariant()}";
        (string, double, PaletteColor)[] optima = [("Op", margins.PositiveOptimum, Palette.Positive), ("On", margins.NegativeOptimum, Palette.Negative)];
        (string, double, PaletteColor)[] zeros = [("Dp", margins.PositiveMargin, Palette.Positive), ("Dn", margins.NegativeMargin, Palette.Negative)];
        const string Boundary = "The line where the logits of a positive and of a negative balance.";
        return Chart.ToFile(
            Text($"Circle loss, gamma {margins.Gamma}, {places}"),
            Text($"Weight, logit and slope of a positive and of a negative pair by their similarity, {alpha}; and where a positive and a negative balance."),
            Curves("Weight", "weight", margins.PositiveWeight, margins.NegativeWeight, optima),
            Curves("Logit, 0 at the margins", "logit", margins.PositiveLogit, margins.NegativeLogit, zeros),
            Curves(Text($"Slope dlogit/ds, {alpha}"), "slope", margins.PositiveSlope, margins.NegativeSlope),
            new Chart("Loss small above and left of the line", Boundary, PairCharts.EmptyPlane(margins)));
    }

    private static Chart Curves(
        string title, string name, Func<double, double> positive, Func<double, double> negative, params (string Name, double Place, PaletteColor Color)[] marks)
    {
        PlotModel plot = Chart.NewPlot(Chart.Similarities("similarity s"), new LinearAxis { Title = name });
        double[] places = [.. Enumerable.Range(0, Steps + 1).Select(step => -1 + 2.0 * step / Steps)];
        plot.Series.Add(Chart.Line("positive", Palette.Positive, places.Select(s => (s, positive(s)))));
        plot.Series.Add(Chart.Line("negative", Palette.Negative, places.Select(s => (s, negative(s))), LineStyle.Dash));
        foreach ((string mark, double place, PaletteColor color) in marks.Where(mark => Math.Abs(mark.Place) <= 1))
        {
            plot.Annotations.Add(Chart.Mark(LineAnnotationType.Vertical, place, mark, color));
        }

        return new Chart(title, string.Empty, plot);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
