using System.Globalization;

namespace ManagedCircle.Cli.Reports;

/// <summary>The tables of pairs that reports have in common.</summary>
internal static class PairTables
{
    private const int Hardest = 12;

    /// <summary>Adds counts and means of the pairs, a column for each survey.</summary>
    public static Page Statistics(this Page page, params IReadOnlyList<(string Name, PairSurvey Survey)> surveys)
    {
        IEnumerable<IReadOnlyList<string>> rows = [.. Of("positive", survey => survey.Positives), .. Of("negative", survey => survey.Negatives)];
        return page.Table("Pairs", new([string.Empty, .. surveys.Select(survey => survey.Name)], rows));

        IEnumerable<IReadOnlyList<string>> Of(string kind, Func<PairSurvey, PairTallies> pairs)
        {
            yield return Row($"{kind} pairs", tallies => tallies.Count.ToString("N0", CultureInfo.InvariantCulture));
            yield return Row($"{kind}s' mean similarity", tallies => PairCharts.Number(tallies.MeanSimilarity));
            yield return Row($"{kind}s' mean weight", tallies => PairCharts.Number(tallies.MeanWeight));
            yield return Row($"{kind}s without weight", tallies => PairCharts.Share(tallies.ZeroWeightShare));

            IReadOnlyList<string> Row(string name, Func<PairTallies, string> cell) => [name, .. surveys.Select(survey => cell(pairs(survey.Survey)))];
        }
    }

    /// <summary>Adds the hardest pairs, by the numbers of their rows in the files.</summary>
    /// <param name="page">The page.</param>
    /// <param name="survey">The pairs.</param>
    /// <param name="query">The number and the class of a query.</param>
    /// <param name="reference">The number and the class of a reference.</param>
    public static Page HardestPairs(this Page page, PairSurvey survey, Func<int, (int Number, long Label)> query, Func<int, (int Number, long Label)> reference)
    {
        return page
            .Heading("Hardest pairs")
            .Paragraph("Row numbers count from 0. A class whose rows are unlike, or two rows of two classes that are alike, may be labelled wrongly.")
            .Table("Least similar rows of one class", Rows("class", survey.HardestPositives))
            .Table("Most similar rows of two classes", Rows("classes", survey.HardestNegatives));

        NumberTable Rows(string classes, IEnumerable<SurveyedPair> pairs) => new(["row", "row", "similarity", classes], pairs.Take(Hardest).Select(Row));

        IReadOnlyList<string> Row(SurveyedPair pair)
        {
            ((int left, long leftLabel), (int right, long rightLabel)) = (query(pair.Query), reference(pair.Reference));
            return
            [
                $"{left}",
                $"{right}",
                PairCharts.Number(pair.Similarity),
                leftLabel == rightLabel ? $"{leftLabel}" : $"{leftLabel}, {rightLabel}",
            ];
        }
    }
}
