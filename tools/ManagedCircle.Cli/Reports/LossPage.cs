using System.Globalization;
using System.Numerics;
using ManagedCircle.Cli.Loss;

namespace ManagedCircle.Cli.Reports;

/// <summary>The page of <c>mcircle loss --report</c>.</summary>
internal static class LossPage
{
    // Above this mean similarity rows of different classes are too alike.
    private const double Alike = 0.9;

    public static byte[] Of<T>(LossReport report, CircleLossOptions options, LossInput<T> input, PairSurvey survey, string embeddings)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] references = input.ReferenceLabels ?? input.QueryLabels;
        Page page = new($"Circle loss of {Path.GetFileName(embeddings)}");
        if (options.Normalize && survey.Negatives.MeanSimilarity > Alike)
        {
            page.Notice(
                "Rows of different classes point nearly the same way: what they have in common hides what tells them apart. "
                + "Subtract the mean of the rows first.");
        }

        return page
            .Table("Result", new([], report.Lines().Select(line => (IReadOnlyList<string>)[line.Name, line.Value]).Append(["options", OptionsOf(options)])))
            .Heading("Similarities")
            .Charts(PairCharts.Histogram("Similarities of pairs", survey), PairCharts.Plane("The hardest pairs of each row", options, survey))
            .Statistics(("value", survey))
            .HardestPairs(survey, row => (row, input.QueryLabels[row]), row => (row, references[row]))
            .ToBytes();
    }

    private static string OptionsOf(CircleLossOptions options) => string.Create(
        CultureInfo.InvariantCulture,
        $"gamma {options.Gamma}, Op {options.PositiveOptimum}, On {options.NegativeOptimum}, Dp {options.PositiveMargin}, Dn {options.NegativeMargin}, "
        + $"alpha {Word(OptionWords.Alpha, options.Weighting)} and {Word(OptionWords.AlphaGradient, options.WeightGradient)}");

    private static string Word<T>((string Word, T Value)[] words, T value) => words.First(choice => Equals(choice.Value, value)).Word;
}
