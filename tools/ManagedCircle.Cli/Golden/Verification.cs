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

/// <summary>The ways to measure how far an answer is from the reference's; <see cref="Deviation"/> says what each is.</summary>
internal enum Measure
{
    Number,
    Distance,
    Scale,
    Norm,
    FineScale,
    CommonScale,
}

/// <summary>One answer against the reference's.</summary>
/// <param name="Case">The case.</param>
/// <param name="Quantity">Which of its answers.</param>
/// <param name="Verdict">Right only where every measure is.</param>
/// <param name="ErrorOverTolerance">The worst of all measures: right up to 1; infinite where none is allowed; null where there is nothing to compare.</param>
/// <param name="Measure">Which measure that is; a number that is wrong goes before all others.</param>
/// <param name="Where">The index of the number.</param>
/// <param name="Expected">What the reference has there; of the scale and the norm 1, of the distance 0.</param>
/// <param name="Answer">What the backend has there.</param>
/// <param name="Tolerance">How far they may be apart.</param>
/// <param name="Reason">Why an answer could not be read, or has no tolerance.</param>
/// <param name="Scale">The multiple of the expected numbers that is nearest to the answer, less 1, where it has a tolerance.</param>
internal sealed record AnswerCheck(
    string Case,
    string Quantity,
    Verdict Verdict,
    double? ErrorOverTolerance = null,
    Measure? Measure = null,
    string? Where = null,
    double? Expected = null,
    double? Answer = null,
    double? Tolerance = null,
    string? Reason = null,
    double? Scale = null)
{
    /// <summary>Compares numbers of a shape.</summary>
    public static AnswerCheck Of(string name, string quantity, double[] expected, double[] answer, IReadOnlyList<int> shape, Tolerance? tolerance)
    {
        if (tolerance is null)
        {
            return new(name, quantity, Verdict.Right, Reason: "beyond this precision, so that any answer will do");
        }

        if (expected.Length == 0)
        {
            return new(name, quantity, Verdict.Right, 0);
        }

        Deviation off = Deviation.Of(expected, answer);
        AnswerCheck number = new(
            name, quantity, Verdict.Right, Share(off.Number, tolerance.Number), Golden.Measure.Number, IndexText(off.Worst, shape), expected[off.Worst],
                answer[off.Worst], tolerance.Number);
        if (number.ErrorOverTolerance > 1 || !double.IsFinite(off.Number))
        {
            return number with { Verdict = Verdict.Wrong };
        }

        AnswerCheck worst = ((AnswerCheck[])
        [
            number,
            OfWhole(Golden.Measure.Distance, off.Distance, 0, off.Distance, tolerance.Distance),
            OfWhole(Golden.Measure.Scale, off.Scale, 1, 1 + off.Scale, tolerance.Scale),
            OfWhole(Golden.Measure.Norm, off.Norm, 1, off.Norm is { } logarithm ? Math.Exp(logarithm) : null, tolerance.Norm),
            OfWhole(Golden.Measure.FineScale, off.Spread < tolerance.Spread ? off.Scale : null, 1, 1 + off.Scale, tolerance.FineScale),
        ]).MaxBy(check => check.ErrorOverTolerance)!;
        return worst with { Verdict = worst.ErrorOverTolerance <= 1 ? Verdict.Right : Verdict.Wrong, Scale = tolerance.Scale is null ? null : off.Scale };

        AnswerCheck OfWhole(Measure measure, double? error, double whole, double? answered, double? allowed) =>
            new(name, quantity, Verdict.Right, error is { } value && allowed is { } most ? Share(Math.Abs(value), most) : 0, measure, null, whole, answered,
                allowed);
    }

    private static double Share(double error, double allowed) =>
        error == 0 ? 0 : double.IsNaN(error) || allowed == 0 ? double.PositiveInfinity : error / allowed;

    private static string IndexText(int index, IReadOnlyList<int> shape) => shape.Count == 2 ? $"[{index / shape[1]}, {index % shape[1]}]" : $"[{index}]";
}

/// <summary>
/// What no array can tell alone: where rounding makes some gradients too long and some too short, a factor makes all of them too long. In 16 bits a factor of
/// 1.01 is within the errors of most single arrays.
/// </summary>
internal static class CommonScale
{
    // The median of right backends' scales is within half a unit; fewer arrays than this may lean to one side.
    private const double Units = 1.5;
    private const int FewestArrays = 16;

    /// <summary>The same checks; where gradients have a common scale, those that are nearer to it than to 1 are wrong.</summary>
    public static IReadOnlyList<AnswerCheck> Judge(IReadOnlyList<AnswerCheck> checks, NumberFormat precision)
    {
        double[] scales = [.. checks.Where(IsGradient).Select(check => check.Scale!.Value).Order()];
        if (scales.Length < FewestArrays || precision.Unit <= precision.Working)
        {
            return checks;
        }

        double common = scales[scales.Length / 2], allowed = Units * precision.Unit;
        return Math.Abs(common) <= allowed
            ? checks
            : [.. checks.Select(
                check => !IsGradient(check) || check.Verdict != Verdict.Right || Math.Abs(check.Scale!.Value - common) > Math.Abs(check.Scale.Value)
                ? check
                : check with
                {
                    Verdict = Verdict.Wrong,
                    ErrorOverTolerance = Math.Abs(common) / allowed,
                    Measure = Measure.CommonScale,
                    Where = null,
                    Expected = 1,
                    Answer = 1 + common,
                    Tolerance = allowed,
                })];
    }

    private static bool IsGradient(AnswerCheck check) =>
        check is { Scale: not null, Quantity: Quantity.Gradient or Quantity.ReferenceGradient or Quantity.SimilarityGradient };
}

/// <summary>A backend's answers against those of a golden set.</summary>
/// <param name="Precision">The precision they were computed in.</param>
/// <param name="Checks">Every answer, in the order of the set.</param>
/// <param name="Cause">The mistake that the numbers match, where there is one.</param>
/// <param name="Findings">What the wrong answers have in common.</param>
internal sealed record Verification(NumberFormat Precision, IReadOnlyList<AnswerCheck> Checks, Cause? Cause, IReadOnlyList<string> Findings)
{
    public bool Passed => Checks.All(check => check.Verdict == Verdict.Right);

    /// <summary>Compares the answers in a directory.</summary>
    /// <exception cref="BadInputException">The golden set is not as it was written, or there is no such directory.</exception>
    public static Verification Of(GoldenSet set, string results, NumberFormat precision, Action caseDone)
    {
        GoldenSet.ThrowIfNoDirectory(results);

        List<AnswerCheck> checks = [];
        List<CaseAnswers> cases = [];
        foreach (ManifestCase item in set.Manifest.Cases)
        {
            GoldenProblem problem = set.ReadProblem(item);
            Dictionary<string, double[]> answers = [], expected = [];
            foreach ((string quantity, ManifestArray array) in item.Outputs)
            {
                expected[quantity] = set.ReadAnswer(item, quantity);
                checks.Add(Check(results, item.Name, quantity, array, expected[quantity], precision, answers));
            }

            cases.Add(new CaseAnswers(problem, item, expected, answers, new HashSet<string>()));
            caseDone();
        }

        IReadOnlyList<AnswerCheck> judged = CommonScale.Judge(checks, precision);
        ILookup<string, string> wrong = judged.Where(check => check.Verdict == Verdict.Wrong).ToLookup(check => check.Case, check => check.Quantity);
        cases = [.. cases.Select(item => item with { Wrong = wrong[item.Item.Name].ToHashSet() })];
        return new Verification(precision, judged, Diagnosis.Of(cases, precision), Golden.Findings.Of(cases, precision));
    }

    private static AnswerCheck Check(
        string results, string name, string quantity, ManifestArray array, double[] expected, NumberFormat precision, Dictionary<string, double[]> answers)
    {
        string path = GoldenSet.PathOf(results, name, quantity);
        Tolerance? tolerance = array.Tolerance?.Of(precision);
        if (!Path.Exists(path))
        {
            return new(name, quantity, Verdict.Missing, Tolerance: tolerance?.Number, Reason: $"{path}: no such file");
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
            return new(name, quantity, Verdict.Unreadable, Tolerance: tolerance?.Number, Reason: error.Message);
        }
    }
}

/// <summary>What a backend answers to a case, and which of it is wrong.</summary>
internal sealed record CaseAnswers(
    GoldenProblem Problem, ManifestCase Item, Dictionary<string, double[]> Expected, Dictionary<string, double[]> Answers, IReadOnlySet<string> Wrong)
{
    public bool Failed => Wrong.Count > 0;

    // Numbers under a mistake may be larger than the right ones, and their errors with them; trials are no bound of those.
    private const double OfTolerance = 16, OfUnit = 4;

    /// <summary>Whether they are those of a mistake; null where the case does not tell that mistake from the right way.</summary>
    public bool? Match(Convention convention, NumberFormat precision)
    {
        if (convention.Solve(Problem) is not { } mistaken)
        {
            return null;
        }

        double growth = Growth(Quantity.Losses);
        bool told = false, match = true, anyUnsettled = false, anyNotFinite = false;
        foreach ((string quantity, double[] answer) in Answers)
        {
            double[] expected = Expected[quantity], wrong = mistaken[quantity];
            double largest = Largest(wrong);
            double allowed = Item.Outputs[quantity].Tolerance?.Of(precision) is not { } tolerance ? double.PositiveInfinity
                : OfTolerance * tolerance.Number * Growth(quantity) * growth + OfUnit * (Largest(expected) == 0 ? 1 << 8 : 1) * precision.Unit * largest;
            for (int i = 0; i < answer.Length; i++)
            {
                // NaN stands for what a mistake does not settle: some of it is not finite.
                anyUnsettled |= double.IsNaN(wrong[i]);
                anyNotFinite |= !double.IsFinite(answer[i]);
                told |= !(Math.Abs(wrong[i] - expected[i]) <= allowed);
                match &= double.IsNaN(wrong[i]) || Math.Abs(wrong[i] - answer[i]) <= allowed;
            }
        }

        return told ? match && anyUnsettled == anyNotFinite : null;

        double Growth(string quantity) => Largest(Expected[quantity]) is > 0 and double right ? Math.Max(1, Largest(mistaken[quantity]) / right) : 1;
    }

    private static double Largest(double[] numbers) => numbers.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
}
