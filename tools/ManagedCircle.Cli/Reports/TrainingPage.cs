using System.Globalization;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Cli.Training;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;

namespace ManagedCircle.Cli.Reports;

/// <summary>The page of <c>mcircle train --report</c>.</summary>
internal static class TrainingPage
{
    // As many of the rows set aside as show how similar their pairs are; their order is random already.
    private const int SurveyedRows = 2000, RowsOfTable = 20;

    public static byte[] Of(TrainingReport report, CircleLossOptions options, TrainingCourse course, string? embeddings)
    {
        LabeledRows rows = course.Before;
        (PairSurvey before, PairSurvey after) = (Survey(options, course.Before), Survey(options, course.After));
        string choices = string.Create(CultureInfo.InvariantCulture, $"Gamma {report.Gamma}, m {report.Margin}, seed {report.Seed}.");
        string rowsName = embeddings is null ? "the digits" : Path.GetFileName(embeddings);
        Page page = new Page($"A projection of {rowsName}, learned with Circle loss").Paragraph($"{report.Summary} {choices}");
        foreach (string hint in report.Hints)
        {
            page.Notice(hint);
        }

        string surveyed = $"All of these are rows set aside, which were not trained on: {Math.Min(rows.Count, SurveyedRows)} of {rows.Count}.";
        return page
            .Table("Retrieval of the rows set aside", new(RetrievalResult.Columns, report.Results.Select(result => result.Cells)))
            .Heading("Training")
            .Charts(Curve(course))
            .Heading("Similarities before and after")
            .Paragraph(surveyed)
            .Charts(
                PairCharts.Histogram("Similarities before", before),
                PairCharts.Histogram("Similarities after", after),
                PairCharts.Plane("The hardest pairs of each row, before", options, before),
                PairCharts.Plane("The hardest pairs of each row, after", options, after))
            .Statistics(("before", before), ("after", after))
            .HardestPairs(after, row => (rows.Numbers[row], rows.Labels[row]), row => (rows.Numbers[row], rows.Labels[row]))
            .ToBytes();
    }

    private static PairSurvey Survey(CircleLossOptions options, LabeledRows rows)
    {
        LabeledRows some = rows.Take([.. Enumerable.Range(0, Math.Min(rows.Count, SurveyedRows))]);
        using SimdEngine engine = SimdEngine.Create(options, ExecutionOptions.Default);
        LossInput<float> input = new(new NpyMatrix<float>(some.Values, some.Count, some.Dimension), some.Labels, null, null, []);
        return PairSurvey.Of(options, input, engine, static () => { });
    }

    private static Chart Curve(TrainingCourse course)
    {
        PlotModel plot = Chart.NewPlot(new LinearAxis { Title = "step" }, new LinearAxis { Title = "loss of the batch", Minimum = 0 }, legend: false);
        plot.Series.Add(Chart.Line(null, Palette.Positive, course.Losses.Select((loss, step) => (step + 1.0, loss)), thickness: 1.2));
        plot.Annotations.Add(Chart.Mark(LineAnnotationType.Horizontal, course.CollapsedLoss, "all rows alike", Palette.Negative));
        string description = course.Losses.Length == 0
            ? "There was no step."
            : Text($"The loss went from {course.Losses[0]:F2} to {course.Losses[^1]:F2}. The dashed line, {course.CollapsedLoss:F2}, is what rows have ")
                + "that all point one way: a loss that stays there learns nothing.";
        IEnumerable<IReadOnlyList<string>> steps =
            Enumerable.Range(0, course.Losses.Length).Where(Shown).Select(step => new[] { $"{step + 1}", Text($"{course.Losses[step]:F3}") });
        return new Chart("Loss of every batch", description, plot, new(["step", "loss"], steps));

        bool Shown(int step) => step % Math.Max(1, course.Losses.Length / RowsOfTable) == 0 || step == course.Losses.Length - 1;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>How a training went.</summary>
/// <param name="Losses">The loss of every batch.</param>
/// <param name="CollapsedLoss">The loss of a batch whose rows all point one way.</param>
/// <param name="Before">The rows set aside, as the first weights project them.</param>
/// <param name="After">The same, as the learned weights do.</param>
internal sealed record TrainingCourse(double[] Losses, double CollapsedLoss, LabeledRows Before, LabeledRows After);
