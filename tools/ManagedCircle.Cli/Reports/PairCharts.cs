using System.Globalization;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace ManagedCircle.Cli.Reports;

/// <summary>The charts of similarities: how they are distributed, and where the pairs of a row lie in the plane of both.</summary>
internal static class PairCharts
{
    private static readonly (string Name, double Part)[] Quartiles =
        [("smallest", 0), ("a quarter below", 0.25), ("median", 0.5), ("a quarter above", 0.75), ("largest", 1)];

    private const int BinsOfTable = 20, MostPoints = 600, PlaneSteps = 160;

    /// <summary>How similar positives are, and how similar negatives.</summary>
    public static Chart Histogram(string title, PairSurvey survey)
    {
        PlotModel plot = Chart.NewPlot(Chart.Similarities("similarity s", survey.Lowest, survey.Highest), new LinearAxis { Title = "% of pairs", Minimum = 0 });
        plot.Series.Add(Steps("positives", Palette.Positive, survey.Positives.Shares, LineStyle.Solid, survey));
        plot.Series.Add(Steps("negatives", Palette.Negative, survey.Negatives.Shares, LineStyle.Dash, survey));
        (string positive, string negative) = (Number(survey.Positives.MeanSimilarity), Number(survey.Negatives.MeanSimilarity));
        string description = $"Positive pairs have a mean similarity of {positive}, negative ones of {negative}. "
            + "The less the two heaps overlap, the better classes are told apart.";
        return new Chart(title, description, plot, new(["similarity", "positives", "negatives"], Rows()));

        IEnumerable<IReadOnlyList<string>> Rows()
        {
            const int Together = PairTallies.Bins / BinsOfTable;
            for (int bin = 0; bin < PairTallies.Bins; bin += Together)
            {
                yield return
                [
                    $"{Number(Edge(survey, bin))} to {Number(Edge(survey, bin + Together))}",
                    Text($"{survey.Positives.Shares[bin..(bin + Together)].Sum():P1}"),
                    Text($"{survey.Negatives.Shares[bin..(bin + Together)].Sum():P1}"),
                ];
            }
        }
    }

    /// <summary>The hardest pairs of every query, and where a positive and a negative balance each other.</summary>
    public static Chart Plane(string title, CircleLossOptions options, PairSurvey survey)
    {
        PlotModel plot = EmptyPlane(new CircleMargins(options), Math.Min(-1, survey.Lowest), Math.Max(1, survey.Highest));
        ScatterSeries points = new()
        {
            MarkerType = MarkerType.Circle,
            MarkerSize = 2.2,
            MarkerFill = OxyColor.FromAColor(150, Palette.Positive.Light),
        };
        int every = (survey.Hardest.Count + MostPoints - 1) / MostPoints;
        (SurveyedPair Positive, SurveyedPair Negative)[] shown = [.. survey.Hardest.Where((_, index) => index % Math.Max(1, every) == 0)];
        points.Points.AddRange(shown.Select(pairs => new ScatterPoint(pairs.Negative.Similarity, pairs.Positive.Similarity)));
        plot.Series.Add(points);

        CircleMargins margins = new(options);
        double beyond = survey.Hardest.Count == 0
            ? double.NaN
            : survey.Hardest.Average(pairs => Balance(margins, pairs.Negative.Similarity, pairs.Positive.Similarity) < 0 ? 1.0 : 0);
        string some = every > 1 ? $" ({shown.Length} of {survey.Hardest.Count} rows)" : string.Empty;
        string description = $"A dot for each row{some}: its most similar negative and its least similar positive. "
            + $"The line is where the two balance; {Share(beyond)} of the rows lie above and left of it, where the loss is small.";
        IEnumerable<IReadOnlyList<string>> quartiles = Quartiles.Select(quartile => new[]
        {
            quartile.Name,
            Number(Quantile(survey.Hardest.Select(pairs => pairs.Positive.Similarity), quartile.Part)),
            Number(Quantile(survey.Hardest.Select(pairs => pairs.Negative.Similarity), quartile.Part)),
        });
        return new Chart(title, description, plot, new([string.Empty, "least similar positive", "most similar negative"], quartiles));
    }

    /// <summary>The plane of a negative's similarity and a positive's, with the line where their logits balance.</summary>
    public static PlotModel EmptyPlane(CircleMargins margins, double lowest = -1, double highest = 1)
    {
        PlotModel plot = Chart.NewPlot(
            Chart.Similarities("s of the negative", lowest, highest), Chart.Similarities("s of the positive", lowest, highest), legend: false);
        double[] places = [.. Enumerable.Range(0, PlaneSteps + 1).Select(step => lowest + (highest - lowest) * step / PlaneSteps)];
        double[,] balance = new double[places.Length, places.Length];
        for (int x = 0; x < places.Length; x++)
        {
            for (int y = 0; y < places.Length; y++)
            {
                balance[x, y] = Balance(margins, places[x], places[y]);
            }
        }

        plot.Series.Add(new ContourSeries
        {
            ColumnCoordinates = places,
            RowCoordinates = places,
            Data = balance,
            ContourLevels = [0],
            Color = Palette.Accent.Light,
            StrokeThickness = 2.5,
            LabelBackground = OxyColors.Undefined,
            LabelStep = int.MaxValue,
            FontSize = 0.1,
        });
        return plot;
    }

    /// <summary>A similarity, or a dash where there is none.</summary>
    public static string Number(double value)
    {
        // Where cosines crowd at their end, three digits do not tell them apart. 0 has no sign.
        int digits = Math.Abs(value) is > 0.999 and < 1 ? 6 : 3;
        return double.IsNaN(value) ? "-" : (Math.Round(value, digits) + 0.0).ToString($"F{digits}", CultureInfo.InvariantCulture);
    }

    /// <summary>A share, or a dash where there is none.</summary>
    public static string Share(double value) => double.IsNaN(value) ? "-" : Text($"{value:P1}");

    /// <summary>The sum of a negative's and a positive's logit, the z of their loss softplus(z).</summary>
    private static double Balance(CircleMargins margins, double negative, double positive) => margins.NegativeLogit(negative) + margins.PositiveLogit(positive);

    private static AreaSeries Steps(string title, PaletteColor color, double[] shares, LineStyle style, PairSurvey survey)
    {
        AreaSeries steps = new()
        {
            Title = title,
            Color = color.Light,
            Color2 = OxyColors.Transparent,
            Fill = OxyColor.FromAColor(50, color.Light),
            LineStyle = style,
            StrokeThickness = 2,
        };
        for (int bin = 0; bin < shares.Length; bin++)
        {
            steps.Points.Add(new DataPoint(Edge(survey, bin), 100 * shares[bin]));
            steps.Points.Add(new DataPoint(Edge(survey, bin + 1), 100 * shares[bin]));
        }

        return steps;
    }

    private static double Quantile(IEnumerable<double> values, double part) =>
        values.Order().ToArray() is { Length: > 0 } sorted ? sorted[(int)(part * (sorted.Length - 1))] : double.NaN;

    private static double Edge(PairSurvey survey, int bin) => survey.Lowest + (survey.Highest - survey.Lowest) * bin / PairTallies.Bins;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
