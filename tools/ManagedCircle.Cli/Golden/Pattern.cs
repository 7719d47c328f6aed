using System.Globalization;
using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>How one wrong answer is related to the expected one, in words that stand behind "the answer"; the most telling first.</summary>
internal sealed class Pattern
{
    // What a relation may be off by, in tolerances and in units of the largest number: answers of other sizes have errors of other sizes.
    private const double OfTolerance = 16, OfUnit = 4;

    // Factors that are the same in every case, and how near one must be.
    private static readonly (double Factor, string Word)[] Factors =
        [(-1, "-1"), (0.5, "0.5"), (2, "2"), (-2, "-2"), (0.25, "0.25"), (4, "4"), (1 / Math.Log(2), "1 / ln 2"), (Math.Log(2), "ln 2"),
            (1 / Math.Log(10), "1 / ln 10")];

    private readonly GoldenProblem problem;
    private readonly ReferenceResult result;
    private readonly double[] expected, answer;
    private readonly int rows, columns;
    private readonly bool ofQueries;
    private readonly double allowed, factorAllowed;

    private Pattern(CaseAnswers item, string quantity, NumberFormat precision)
    {
        problem = item.Problem;
        result = problem.Solve();
        (expected, answer) = (item.Expected[quantity], item.Answers[quantity]);
        int[] shape = problem.ShapeOf(quantity);
        (rows, columns) = (shape[0], shape.Length == 2 ? shape[1] : 1);
        ofQueries = quantity != Quantity.ReferenceGradient && rows == problem.Labels.Length;
        double largest = Largest(answer), right = Largest(expected), growth = right == 0 ? 1 : Math.Max(1, largest / right);
        allowed = OfTolerance * growth * (item.Item.Outputs[quantity].Tolerance?.Of(precision)?.Number ?? 0) + OfUnit * precision.Unit * largest;
        factorAllowed = precision.Unit > precision.Working ? 0.03 : 1e-3;
    }

    /// <summary>Every relation that holds.</summary>
    public static IEnumerable<string> Of(CaseAnswers item, string quantity, NumberFormat precision) =>
        new Pattern(item, quantity, precision).All(item, quantity);

    private IEnumerable<string> All(CaseAnswers item, string quantity)
    {
        if (answer.Any(x => !double.IsFinite(x)))
        {
            return NotFinite();
        }

        if (answer.All(x => x == 0))
        {
            return ["is 0"];
        }

        IEnumerable<string> others = item.Expected.Where(other => other.Key != quantity && IsNear(other.Value)).Select(other => $"is the {other.Key}");
        return [.. others, .. OfFactor(), .. OfNumbers(), .. OfOrder(), .. OfPlaces(), .. OfRows()];
    }

    private IEnumerable<string> NotFinite()
    {
        string kind = string.Join(" and ", ((string?[])
            [answer.Any(double.IsNaN) ? "NaN" : null, answer.Any(double.IsPositiveInfinity) ? "Infinity" : null,
                answer.Any(double.IsNegativeInfinity) ? "-Infinity" : null]).OfType<string>());
        if (rows == 1 || answer.All(x => !double.IsFinite(x)))
        {
            yield return $"is {kind}";
        }

        string[] where = [.. WhereRows(q => Enumerable.Range(q * columns, columns).Any(i => !double.IsFinite(answer[i])))];
        foreach (string rowsOfKind in where)
        {
            yield return $"holds {kind} in {rowsOfKind}";
        }

        yield return $"holds {kind}";
    }

    private IEnumerable<string> OfFactor()
    {
        double squares = expected.Sum(x => x * x), factor = squares == 0 ? 0 : expected.Zip(answer, (e, a) => e * a).Sum() / squares;
        if (squares == 0 || Is(factor, 1) || !IsNear([.. expected.Select(x => factor * x)]))
        {
            yield break;
        }

        foreach ((double known, string word) in Factors)
        {
            if (Is(factor, known))
            {
                yield return $"is {word} times the expected one";
            }
        }

        double rounded = double.Parse(factor.ToString("G3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        yield return string.Create(CultureInfo.InvariantCulture, $"is {rounded} times the expected one");
        (string Word, double Value)[] counts =
        [
            ("the number of queries", problem.Labels.Length),
            ("the number of references", problem.ReferenceCount),
            ("the number of valid queries", result.ValidCount),
            ("the number of losses above 0", result.NonzeroCount),
            ("the dimension", problem.Columns),
            ("the number of pairs", (double)problem.Labels.Length * problem.ReferenceCount),
            ("the number of positive pairs", result.PositiveCounts.Sum()),
            ("the number of negative pairs", result.NegativeCounts.Sum()),
            ("gamma", problem.Options.Gamma),
            ("gamma squared", problem.Options.Gamma * problem.Options.Gamma),
            ("the denominator of the mean", problem.Denominator(result)),
            ("the sum of the weights", Enumerable.Range(0, problem.Labels.Length).Sum(problem.WeightOf)),
            ("the upstream gradient", problem.UpstreamOf(0)),
        ];
        foreach ((string word, double value) in counts)
        {
            if (value is 0 or 1)
            {
                continue;
            }

            if (Is(factor, value))
            {
                yield return $"is the expected one times {word}";
            }

            if (Is(factor, 1 / value))
            {
                yield return $"is the expected one over {word}";
            }

            if (Is(factor, 1 / (value * value)))
            {
                yield return $"is the expected one over the square of {word}";
            }
        }

        if (expected.Length > 1)
        {
            yield return "is a multiple of the expected one, by another factor in each case";
        }
    }

    private IEnumerable<string> OfNumbers()
    {
        if (expected.Any(x => x < 0) && IsNear([.. expected.Select(Math.Abs)]))
        {
            yield return "is the absolute value of the expected one";
        }
        else if (expected.Zip(answer).All(pair => Math.Abs(Math.Abs(pair.First) - Math.Abs(pair.Second)) <= allowed))
        {
            yield return "is right but for signs";
        }

        // Of one number any constant is one; in many cases it is the same one by no accident.
        if (expected.Length != 2 && IsNear([.. expected.Select(x => x + answer[0] - expected[0])]))
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"is the expected one {(answer[0] < expected[0] ? '-' : '+')} {Math.Abs(answer[0] - expected[0]):G3} in every number");
            if (expected.Length > 2)
            {
                yield return "is the expected one and a constant more or less";
            }
        }

        if (IsNear([.. expected.Select(x => x * x)]))
        {
            yield return "is the square of the expected one";
        }

        if (IsNear([.. expected.Select(x => Math.Sqrt(Math.Max(0, x)))]))
        {
            yield return "is the root of the expected one";
        }
    }

    private IEnumerable<string> OfOrder()
    {
        if (expected.Length < 2 || Largest([.. expected.Select(x => x - expected[0])]) <= allowed)
        {
            yield break;
        }

        (string Word, Func<int, int> From)[] orders =
        [
            ("is in column-major order", i => i % rows * columns + i / rows),
            ("has its numbers transposed", i => i / columns + i % columns * rows),
            ("has its rows in reverse order", i => (rows - 1 - i / columns) * columns + i % columns),
            ("has its columns in reverse order", i => i / columns * columns + columns - 1 - i % columns),
            ("is in reverse order", i => expected.Length - 1 - i),
            ("has every row where the next one belongs", i => (i / columns + rows - 1) % rows * columns + i % columns),
            ("has every row where the one before belongs", i => (i / columns + 1) % rows * columns + i % columns),
            ("has every number where the next one belongs", i => (i + expected.Length - 1) % expected.Length),
            ("has every number where the one before belongs", i => (i + 1) % expected.Length),
        ];
        foreach ((string word, Func<int, int> from) in orders)
        {
            if (IsNear([.. expected.Select((_, i) => expected[from(i)])]))
            {
                yield return word;
            }
        }

        double[] sorted = [.. expected.Order()], sortedAnswer = [.. answer.Order()];
        if (sorted.Zip(sortedAnswer).All(pair => Math.Abs(pair.First - pair.Second) <= allowed))
        {
            if (IsNear(sorted))
            {
                yield return "is sorted";
            }

            if (IsNear([.. sorted.Reverse()]))
            {
                yield return "is sorted, the largest first";
            }

            yield return "has the right numbers in another order";
        }
    }

    // Rows that are multiples of the expected ones, each by its own factor.
    private IEnumerable<string> OfRows()
    {
        double[] factors = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<double> e = expected.AsSpan(row * columns, columns), a = answer.AsSpan(row * columns, columns);
            double squares = 0, product = 0, off = 0;
            for (int d = 0; d < columns; d++)
            {
                squares += e[d] * e[d];
                product += e[d] * a[d];
            }

            factors[row] = squares == 0 ? double.NaN : product / squares;
            for (int d = 0; d < columns; d++)
            {
                off = Math.Max(off, Math.Abs(a[d] - (squares == 0 ? 0 : factors[row] * e[d])));
            }

            if (off > allowed)
            {
                yield break;
            }
        }

        if (rows < 2 || factors.Count(double.IsFinite) < 2)
        {
            yield break;
        }

        foreach ((string word, Func<int, double> value) in RowValues())
        {
            if (Enumerable.Range(0, rows).All(row => double.IsNaN(factors[row]) || Math.Abs(factors[row] - value(row)) * RowLargest(row) <= allowed))
            {
                yield return $"is in every row the expected one times {word}";
            }
            else if (Enumerable.Range(0, rows)
                .All(row => double.IsNaN(factors[row]) || (value(row) != 0 && Math.Abs(factors[row] - 1 / value(row)) * RowLargest(row) <= allowed)))
            {
                yield return $"is in every row the expected one over {word}";
            }
        }

        if (columns > 1)
        {
            yield return "is in every row a multiple of the expected one, by another factor in each";
        }
    }

    private double RowLargest(int row) => Largest(expected.AsSpan(row * columns, columns).ToArray());

    private IEnumerable<(string Word, Func<int, double> Value)> RowValues()
    {
        if (problem.Entry != CaseEntry.Similarities)
        {
            double[] of = ofQueries ? problem.Rows : problem.References;
            if (of.Length == rows * problem.Columns)
            {
                double[] norms = [.. Enumerable.Range(0, rows)
                    .Select(row => Math.Sqrt(of.AsSpan(row * problem.Columns, problem.Columns).ToArray().Sum(x => x * x)))];
                yield return ("the norm of the row", row => norms[row]);
                yield return ("the squared norm of the row", row => norms[row] * norms[row]);
            }
        }

        if (ofQueries && result.Losses.Length == rows)
        {
            yield return ("the query's weight", problem.WeightOf);
            yield return ("the query's upstream gradient", problem.UpstreamOf);
            yield return ("the number of the query's positives", row => result.PositiveCounts[row]);
            yield return ("the number of the query's negatives", row => result.NegativeCounts[row]);
            yield return ("the query's loss", row => result.Losses[row]);
        }
    }

    // Which rows, columns or places are wrong.
    private IEnumerable<string> OfPlaces()
    {
        bool[] wrong = [.. expected.Zip(answer, (e, a) => !(Math.Abs(e - a) <= allowed))];
        foreach (string where in WhereRows(row => wrong.AsSpan(row * columns, columns).Contains(true)))
        {
            yield return $"is wrong in {where}";
        }

        bool[] wrongColumns = [.. Enumerable.Range(0, columns).Select(d => Enumerable.Range(0, rows).Any(row => wrong[row * columns + d]))];
        if (columns > 2 && SuffixOf(wrongColumns) is { } from)
        {
            yield return $"is wrong in the last columns only, behind the first {from}";
            yield return $"is wrong in the last columns only, {Behind(from)}";
            yield return "is wrong in the last columns only";
        }

        if (columns > 1 && wrong.Where((_, i) => i / columns != i % columns).All(isWrong => !isWrong))
        {
            yield return "is wrong on the diagonal only";
        }
    }

    /// <summary>In which rows something is so: all kinds of rows that are exactly those.</summary>
    private IEnumerable<string> WhereRows(Func<int, bool> isSo)
    {
        bool[] so = [.. Enumerable.Range(0, rows).Select(isSo)];
        if (rows < 3 || !so.Contains(true) || !so.Contains(false))
        {
            yield break;
        }

        if (ofQueries && result.Losses.Length == rows)
        {
            (string Word, Func<int, bool> Is)[] kinds =
            [
                ("the queries without a positive or without a negative only", q => result.PositiveCounts[q] == 0 || result.NegativeCounts[q] == 0),
                ("the queries without a positive only", q => result.PositiveCounts[q] == 0),
                ("the queries without a negative only", q => result.NegativeCounts[q] == 0),
                ("the queries with a positive and a negative only", q => result.PositiveCounts[q] > 0 && result.NegativeCounts[q] > 0),
                ("zero rows only", q => problem.Entry != CaseEntry.Similarities && problem.Rows.AsSpan(q * problem.Columns, problem.Columns).IndexOfAnyExcept(
                    0.0) < 0),
                ("the rows of the ignored label only", q => problem.Labels[q] == problem.Options.IgnoreLabel),
                ("the queries of weight 0 only", q => problem.WeightOf(q) == 0),
                ("the queries whose z = P + N is above 0 only", q => result.PositiveLogSumExp[q] + result.NegativeLogSumExp[q] > 0),
                ("the queries whose z = P + N is below 0 only", q => result.PositiveLogSumExp[q] + result.NegativeLogSumExp[q] < 0),
                ("the queries whose P or N is above 88.7, where e^x is beyond float32, only",
                    q => Math.Max(result.PositiveLogSumExp[q], result.NegativeLogSumExp[q]) > 88.72),
                ("the queries whose P or N is above 11.1, where e^x is beyond float16, only",
                    q => Math.Max(result.PositiveLogSumExp[q], result.NegativeLogSumExp[q]) > 11.09),
                ("the queries whose z = P + N is above 88.7, where e^z is beyond float32, only",
                    q => result.PositiveLogSumExp[q] + result.NegativeLogSumExp[q] > 88.72),
                ("the queries whose z = P + N is above 11.1, where e^z is beyond float16, only",
                    q => result.PositiveLogSumExp[q] + result.NegativeLogSumExp[q] > 11.09),
            ];
            foreach ((string word, Func<int, bool> isKind) in kinds)
            {
                if (Enumerable.Range(0, rows).All(q => isKind(q) == so[q]))
                {
                    yield return word;
                }
            }
        }

        if (SuffixOf(so) is { } first)
        {
            int from = Roundest(first);
            yield return $"the last rows only, behind the first {from}";
            yield return $"the last rows only, {Behind(from)}";
            yield return "the last rows only";
        }

        if (SuffixOf([.. so.Reverse()]) is not null)
        {
            yield return "the first rows only";
        }
    }

    /// <summary>Where a suffix begins, of which half is so at the least: what is expected to be about 0 there shows no mistake.</summary>
    private static int? SuffixOf(bool[] so) =>
        Array.IndexOf(so, true) is > 0 and int first && 2 * so.AsSpan(first).Count(true) >= so.Length - first && so[^1] ? first : null;

    // Rows before the first that is so may be so, too, where about 0 is expected of them: of where it may begin, what tiles are likeliest to make.
    private int Roundest(int first)
    {
        int least = first;
        while (least > 1 && RowLargest(least - 1) <= allowed)
        {
            least--;
        }

        return Enumerable.Range(least, first - least + 1).MaxBy(int.TrailingZeroCount);
    }

    private static string Behind(int count) => count % 64 == 0 ? "behind a multiple of 64"
        : count % 32 == 0 ? "behind a multiple of 32"
        : count % 16 == 0 ? "behind a multiple of 16"
        : count % 8 == 0 ? "behind a multiple of 8"
        : count % 4 == 0 ? "behind a multiple of 4"
        : "behind no multiple of 4";

    private bool Is(double factor, double known) => Math.Abs(factor - known) <= factorAllowed * Math.Abs(known);

    private bool IsNear(double[] numbers) => numbers.Length == answer.Length && numbers.Zip(answer).All(pair => Math.Abs(pair.First - pair.Second) <= allowed);

    private static double Largest(double[] numbers) => numbers.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
}
