using System.Globalization;

namespace ManagedCircle.Cli.Golden;

/// <summary>What wrong answers have in common: which quantities, in what way, and in which cases only. It is there for mistakes that nobody knew of.</summary>
internal static class Findings
{
    // Patterns run the reference once more, which takes some tens of milliseconds in a case of this many multiplications.
    private const long SmallCase = 1 << 23;

    private static readonly (string Name, string[] Quantities)[] Groups =
    [
        ("loss", [Quantity.Loss]),
        ("losses", [Quantity.Losses]),
        ("gradients", [Quantity.Gradient, Quantity.ReferenceGradient, Quantity.SimilarityGradient]),
    ];

    private static readonly int[] Tiles = [2, 4, 8, 16, 32, 64];

    /// <summary>A line about each quantity with wrong answers, and one about those without; none where nothing is wrong.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<CaseAnswers> cases, NumberFormat precision)
    {
        List<string> lines = [], right = [];
        foreach ((string name, string[] quantities) in Groups)
        {
            CaseAnswers[] asked = [.. cases.Where(item => quantities.Any(item.Answers.ContainsKey))],
                wrong = [.. asked.Where(item => quantities.Any(item.Wrong.Contains))];
            if (wrong.Length > 0)
            {
                lines.Add($"{name}: wrong in {wrong.Length} of {asked.Length} cases{Way(wrong, quantities, precision)}{Where(asked, wrong)}");
            }
            else if (asked.Length > 0)
            {
                right.Add(name);
            }
        }

        return lines.Count == 0 ? [] : right.Count == 0 ? lines : [.. lines, $"right everywhere: {string.Join(", ", right)}"];
    }

    /// <summary>The pattern that most wrong answers show, if half of them do.</summary>
    private static string Way(CaseAnswers[] wrong, string[] quantities, NumberFormat precision)
    {
        Dictionary<string, int> counts = [];
        List<string> order = [];
        int answers = 0;
        foreach (CaseAnswers item in wrong.Where(item => item.Problem.Size <= SmallCase))
        {
            foreach (string quantity in quantities.Where(item.Wrong.Contains))
            {
                answers++;
                foreach (string pattern in Pattern.Of(item, quantity, precision).Distinct())
                {
                    if (!counts.TryAdd(pattern, 1))
                    {
                        counts[pattern]++;
                    }
                    else
                    {
                        order.Add(pattern);
                    }
                }
            }
        }

        // The first is the most telling, and may be lacking in a case too small to show it.
        double most = 0.9 * counts.Values.DefaultIfEmpty(0).Max();
        string? best = order.FirstOrDefault(pattern => counts[pattern] >= most);
        return best is null || 2 * counts[best] < answers ? "" : counts[best] == answers ? $"; each {best}"
            : $"; of {answers} answers {counts[best]}: each {best}";
    }

    /// <summary>The choice, input or size, or two of them, that all wrong cases have and as few others as possible.</summary>
    private static string Where(CaseAnswers[] asked, CaseAnswers[] wrong)
    {
        if (wrong.Length == asked.Length)
        {
            return "";
        }

        HashSet<CaseAnswers> isWrong = [.. wrong];
        (string Text, bool[] Has)[] traits =
            [.. Traits(asked, wrong).Select(trait => (trait.Text, (bool[])[.. asked.Select(trait.Has)]))
                .Where(trait => Enumerable.Range(0, asked.Length).All(i => trait.Item2[i] || !isWrong.Contains(asked[i])))];
        (string Text, int Count) best = ("", asked.Length);
        foreach ((string text, bool[] has) in traits)
        {
            int count = has.Count(x => x);
            best = count < best.Count ? (text, count) : best;
        }

        // A second trait is worth its words only where it says more.
        (string Text, int Count) both = best;
        foreach ((string text, bool[] has) in traits)
        {
            foreach ((string other, bool[] otherHas) in traits)
            {
                int count = Enumerable.Range(0, asked.Length).Count(i => has[i] && otherHas[i]);
                both = count < both.Count ? ($"{text} and {other}", count) : both;
            }
        }

        best = both.Count < best.Count - best.Count / 8 ? both : best;
        return best.Count > asked.Length * 9 / 10
            ? $"; the first is {wrong[0].Problem.Name}"
            : $"; only where {best.Text} ({wrong.Length} of {best.Count} such cases)";
    }

    private static IEnumerable<(string Text, Func<CaseAnswers, bool> Has)> Traits(CaseAnswers[] asked, CaseAnswers[] wrong)
    {
        // Choices, under the names of the manifest.
        (string Name, Func<CaseAnswers, string> Value)[] choices =
        [
            ("alpha-gradient", item => item.Item.Options.AlphaGradient),
            ("alpha", item => item.Item.Options.Alpha),
            ("entry", item => item.Item.Entry),
            ("normalize", item => item.Item.Options.Normalize ? "true" : "false"),
            ("clamp", item => item.Item.Options.Clamp),
            ("scope", item => item.Item.Options.Scope),
            ("combine", item => item.Item.Options.Combine),
            ("diagonal", item => item.Item.Options.Diagonal),
            ("reduction", item => item.Item.Options.Reduction),
            ("denominator", item => item.Item.Options.Denominator),
            ("output-scale", item => item.Item.Options.OutputScale),
        ];
        foreach ((string name, Func<CaseAnswers, string> value) in choices)
        {
            foreach (string word in wrong.Select(value).Distinct())
            {
                yield return ($"{name} is {word}", item => value(item) == word);
            }

            foreach (string word in asked.Select(value).Distinct().Except(wrong.Select(value)))
            {
                yield return ($"{name} is not {word}", item => value(item) != word);
            }
        }

        yield return ("ignore-label is given", item => item.Item.Options.IgnoreLabel is not null);
        foreach (string input in (string[])[ManifestCase.Weights, ManifestCase.Upstream, ManifestCase.ExcludedReferences])
        {
            yield return ($"{input} are given", item => item.Item.Inputs.ContainsKey(input));
        }

        // Numbers, with the tightest bounds that all wrong cases keep.
        (string Name, Func<CaseAnswers, double> Value)[] numbers =
        [
            ("gamma", item => item.Problem.Options.Gamma),
            ("margin", item => item.Problem.Options.Margin),
            ("the number of queries", item => item.Problem.Labels.Length),
            ("the number of references", item => item.Problem.ReferenceCount),
            ("the dimension", item => item.Problem.Entry == CaseEntry.Similarities ? 0 : item.Problem.Columns),
            ("the largest label", item => item.Problem.Labels.Concat(item.Problem.ReferenceLabels).Select(label => Math.Abs((double)label)).Max()),
        ];
        foreach ((string name, Func<CaseAnswers, double> value) in numbers)
        {
            double least = wrong.Min(value), most = wrong.Max(value);
            yield return (string.Create(CultureInfo.InvariantCulture, $"{name} is at least {least}"), item => value(item) >= least);
            yield return (string.Create(CultureInfo.InvariantCulture, $"{name} is at most {most}"), item => value(item) <= most);
            yield return (string.Create(CultureInfo.InvariantCulture, $"{name} is {least}"), item => value(item) == least);
        }

        foreach (int tile in Tiles)
        {
            yield return ($"the number of queries is no multiple of {tile}", item => item.Problem.Labels.Length % tile != 0);
            yield return ($"the number of references is no multiple of {tile}", item => item.Problem.ReferenceCount % tile != 0);
            yield return ($"the dimension is no multiple of {tile}", item => item.Problem.Entry != CaseEntry.Similarities && item.Problem.Columns % tile != 0);
        }

        yield return ("queries and references differ in number", item => item.Problem.Labels.Length != item.Problem.ReferenceCount);
        yield return ("a label is negative", item => item.Problem.Labels.Concat(item.Problem.ReferenceLabels).Any(label => label < 0));
        yield return ("an expected loss is 0", item => item.Expected[Quantity.Losses].Contains(0));
        yield return ("a row is 0", item => item.Problem.Entry != CaseEntry.Similarities && Norms(item.Problem).Any(norm => norm == 0));
        yield return ("norms of rows are not 1",
            item => item.Problem.Entry != CaseEntry.Similarities && Norms(item.Problem).Any(norm => Math.Abs(norm - 1) > 1e-3));
        yield return ("a similarity or product may be beyond 1",
            item => item.Problem.Entry == CaseEntry.Similarities ? item.Problem.Rows.Any(s => Math.Abs(s) > 1) : !item.Problem.Options.Normalize);
        yield return ("the constants are not those of the margin", item => !IsOfMargin(item.Problem.Options));
    }

    private static IEnumerable<double> Norms(GoldenProblem problem) =>
        problem.Rows.Concat(problem.References).Chunk(problem.Columns).Select(row => Math.Sqrt(row.Sum(x => x * x)));

    private static bool IsOfMargin(CircleLossOptions options) =>
        options.PositiveOptimum == 1 + options.Margin && options.NegativeOptimum == -options.Margin
        && options.PositiveMargin == 1 - options.Margin && options.NegativeMargin == options.Margin;
}
