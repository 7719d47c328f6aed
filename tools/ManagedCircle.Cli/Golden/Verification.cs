using ManagedCircle.Cli.Npy;

namespace ManagedCircle.Cli.Golden;

/// <summary>What became of one answer.</summary>
internal enum Verdict
{
    Right,
    Wrong,
    Missing,
    Unreadable,
}

/// <summary>One answer against the reference's.</summary>
/// <param name="Case">The case.</param>
/// <param name="Quantity">Which of its answers.</param>
/// <param name="Verdict">Right only where every number is.</param>
/// <param name="ErrorOverTolerance">The worst of all numbers: right up to 1; infinite where none is allowed; null where there is nothing to compare.</param>
/// <param name="Where">Its index.</param>
/// <param name="Expected">What the reference has there.</param>
/// <param name="Answer">What the backend has there.</param>
/// <param name="Tolerance">How far they may be apart.</param>
/// <param name="Reason">Why an answer could not be read, or has no tolerance.</param>
internal sealed record AnswerCheck(
    string Case, string Quantity, Verdict Verdict, double? ErrorOverTolerance, string? Where, double? Expected, double? Answer, double? Tolerance, string? Reason)
{
    /// <summary>Compares numbers of a shape.</summary>
    public static AnswerCheck Of(string name, string quantity, double[] expected, double[] answer, IReadOnlyList<int> shape, double? tolerance)
    {
        if (tolerance is not { } allowed)
        {
            return new(name, quantity, Verdict.Right, null, null, null, null, null, "beyond this precision, so that any answer will do");
        }

        int worst = -1;
        double worstRatio = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs(answer[i] - expected[i]);
            double ratio = difference == 0 ? 0 : double.IsNaN(difference) || allowed == 0 ? double.PositiveInfinity : difference / allowed;
            if (worst < 0 || ratio > worstRatio)
            {
                (worst, worstRatio) = (i, ratio);
            }
        }

        return worst < 0
            ? new(name, quantity, Verdict.Right, 0, null, null, null, allowed, null)
            : new(name, quantity, worstRatio <= 1 ? Verdict.Right : Verdict.Wrong, worstRatio, IndexText(worst, shape), expected[worst], answer[worst], allowed, null);
    }

    private static string IndexText(int index, IReadOnlyList<int> shape) => shape.Count == 2 ? $"[{index / shape[1]}, {index % shape[1]}]" : $"[{index}]";
}

/// <summary>A backend's answers against those of a golden set.</summary>
/// <param name="Precision">The precision they were computed in.</param>
/// <param name="Checks">Every answer, in the order of the set.</param>
/// <param name="Cause">The mistake that the numbers match, where there is one.</param>
internal sealed record Verification(string Precision, IReadOnlyList<AnswerCheck> Checks, Convention? Cause)
{
    public bool Passed => Checks.All(check => check.Verdict == Verdict.Right);

    /// <summary>Compares the answers in a directory.</summary>
    /// <exception cref="BadInputException">The golden set is not as it was written, or there is no such directory.</exception>
    public static Verification Of(GoldenSet set, string results, string precision, Action caseDone)
    {
        GoldenSet.ThrowIfNoDirectory(results);

        List<AnswerCheck> checks = [];
        List<CaseAnswers> cases = [];
        foreach (ManifestCase item in set.Manifest.Cases)
        {
            GoldenProblem problem = set.ReadProblem(item);
            Dictionary<string, double[]> answers = [];
            int before = checks.Count;
            foreach ((string quantity, ManifestArray array) in item.Outputs)
            {
                double[] expected = set.ReadAnswer(item, quantity);
                checks.Add(Check(results, item.Name, quantity, array, expected, precision, answers));
            }

            bool failed = checks.Skip(before).Any(check => check.Verdict == Verdict.Wrong);
            cases.Add(new CaseAnswers(problem, item, answers, failed));
            caseDone();
        }

        return new Verification(precision, checks, Diagnosis.Of(cases, precision));
    }

    private static AnswerCheck Check(
        string results, string name, string quantity, ManifestArray array, double[] expected, string precision, Dictionary<string, double[]> answers)
    {
        string path = GoldenSet.PathOf(results, name, quantity);
        double? tolerance = array.Tolerance?.Of(precision);
        if (!Path.Exists(path))
        {
            return new(name, quantity, Verdict.Missing, null, null, null, null, tolerance, $"{path}: no such file");
        }

        try
        {
            using FileStream stream = InputFile.OpenFile(path);
            (double[] answer, NpyHeader header) = NpyReader.ReadNumbers(stream, path);

            // One number may have any shape, and a column be a matrix of one column.
            if (!header.Shape.SequenceEqual(array.Shape) && !header.Shape.SequenceEqual([.. array.Shape, 1]) && !(array.Shape is [1] && answer.Length == 1))
            {
                throw new BadInputException(path, $"shape {header.ShapeText}: expected {new NpyHeader("", false, array.Shape).ShapeText}");
            }

            answers[quantity] = answer;
            return AnswerCheck.Of(name, quantity, expected, answer, array.Shape, tolerance);
        }
        catch (BadInputException error)
        {
            return new(name, quantity, Verdict.Unreadable, null, null, null, null, tolerance, error.Message);
        }
    }
}

/// <summary>What a backend answers to a case.</summary>
internal sealed record CaseAnswers(GoldenProblem Problem, ManifestCase Item, Dictionary<string, double[]> Answers, bool Failed)
{
    /// <summary>Whether they are those of a mistake; null where the case does not tell that mistake.</summary>
    public bool? Match(Convention convention, string precision)
    {
        if (convention.Solve(Problem) is not { } mistaken)
        {
            return null;
        }

        return Answers.All(answer => AnswerCheck.Of(
            Problem.Name, answer.Key, mistaken[answer.Key], answer.Value, Item.Outputs[answer.Key].Shape, Item.Outputs[answer.Key].Tolerance?.Of(precision)).Verdict == Verdict.Right);
    }
}

/// <summary>Finds the mistake that a backend's answers match.</summary>
internal static class Diagnosis
{
    // Every known mistake is computed for every failed case of up to this many multiplications: milliseconds each.
    private const long SmallCase = 1 << 15;

    /// <summary>
    /// The mistake that explains the first failed case and the most others. Where several do, the one that the cases answered rightly contradict least, for a
    /// mistake shows in every case that tells it.
    /// </summary>
    public static Convention? Of(IReadOnlyList<CaseAnswers> cases, string precision)
    {
        CaseAnswers[] failed = [.. cases.Where(item => item.Failed && item.Problem.Size <= SmallCase)];
        if (failed.Length == 0)
        {
            failed = [.. cases.Where(item => item.Failed).Take(1)];
        }

        if (failed.Length == 0)
        {
            return null;
        }

        Convention[] candidates = [.. Convention.All.Where(convention => failed[0].Match(convention, precision) == true)];
        int[] explained = [.. candidates.Select(convention => failed.Count(item => item.Match(convention, precision) == true))];
        Convention[] best = [.. candidates.Where((_, i) => explained[i] == explained.Max())];
        CaseAnswers[] right = best.Length < 2 ? [] : [.. cases.Where(item => !item.Failed && item.Problem.Size <= SmallCase)];
        return best.MinBy(convention => right.Count(item => item.Match(convention, precision) == false));
    }
}
