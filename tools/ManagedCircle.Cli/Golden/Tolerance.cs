using System.Globalization;
using System.Text.Json.Serialization;
using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>How far an array of answers is from the reference's, measured in ways that see different mistakes.</summary>
/// <param name="Number">The largest difference of two numbers.</param>
/// <param name="Worst">Its index.</param>
/// <param name="Distance">The root of the sum of all squared differences.</param>
/// <param name="Scale">The multiple of the expected numbers that is nearest to the answer, less 1; null where all expected numbers are 0.</param>
/// <param name="Norm">The logarithm of the answer's norm over the expected one; null as above.</param>
/// <param name="Spread">How far the answer is from that multiple, over the expected norm; null as above.</param>
internal readonly record struct Deviation(double Number, int Worst, double Distance, double? Scale, double? Norm, double? Spread)
{
    public static Deviation Of(double[] expected, double[] answer)
    {
        double largest = 0, worstDifference = -1;
        int worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs(answer[i] - expected[i]);
            difference = double.IsNaN(difference) ? double.PositiveInfinity : difference;
            (worst, worstDifference) = difference > worstDifference ? (i, difference) : (worst, worstDifference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }

        // In units of the largest number, so that no square leaves the range of a double.
        double unit = largest == 0 ? 1 : largest, squares = 0, answerSquares = 0, differenceSquares = 0, product = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double e = expected[i] / unit, a = answer[i] / unit, difference = a - e;
            squares += e * e;
            answerSquares += a * a;
            differenceSquares += difference * difference;
            product += difference * e;
        }

        double distance = unit * Math.Sqrt(differenceSquares);
        if (largest == 0)
        {
            return new(Math.Max(0, worstDifference), worst, distance, null, null, null);
        }

        double scale = product / squares, across = differenceSquares - scale * scale * squares;
        return new(
            Math.Max(0, worstDifference),
            worst,
            distance,
            scale,
            StableMath.Log(answerSquares / squares) / 2,
            Math.Sqrt(Math.Max(across, 0) / squares));
    }
}

/// <summary>How far the answer of a right backend may be from the reference's in one precision, by the measures of <see cref="Deviation"/>.</summary>
/// <param name="Number">Of every number.</param>
/// <param name="Distance">Of all numbers together.</param>
/// <param name="Scale">Of the scale from 1.</param>
/// <param name="Norm">Of the norm's logarithm.</param>
/// <param name="Spread">An answer nearer than this to a multiple of the expected one comes of more than 16 bits in its steps,</param>
/// <param name="FineScale">and may be no more off in its scale than this.</param>
internal sealed record Tolerance(
    double Number,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Distance = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Scale = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Norm = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Spread = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? FineScale = null)
{
    // What is allowed is this many times the largest of all trials, and of measures that have a sign, and so may happen to be small, this many times their
    // root mean square.
    private const double OfLargest = 3, OfRootMeanSquare = 6;

    // A measure that right answers spread as far as this in tells nothing.
    private const double Useless = 1e3;

    // Of so many times what counts as 0, an array has no whole.
    private const double Vanishing = 64;

    // Two more roundings, of the answer and of a factor that all its numbers have: trials may happen to round alike.
    private const int Factors = 2;

    // How much nearer than all that round every step an answer must be for another kind.
    private const double Apart = 0.8;

    [JsonIgnore]
    public IEnumerable<double> All => ((double?[])[Number, Distance, Scale, Norm, Spread, FineScale]).OfType<double>();

    /// <summary>The tolerance that trials of right backends need; null where they, or the answer, leave the range of the format.</summary>
    /// <param name="expected">The reference's answer.</param>
    /// <param name="everyStep">Answers of backends that round every step.</param>
    /// <param name="heldOnly">Answers of backends that round what they hold, and work in more; none where that is all the same.</param>
    /// <param name="format">The precision.</param>
    public static Tolerance? Of(double[] expected, IReadOnlyList<double[]> everyStep, IReadOnlyList<double[]> heldOnly, NumberFormat format)
    {
        double largest = expected.Select(Math.Abs).DefaultIfEmpty(0).Max();
        if (largest > format.Largest / 2 || everyStep.Concat(heldOnly).Any(trial => trial.Any(x => !double.IsFinite(x))))
        {
            return null;
        }

        Deviation[] deviations = [.. everyStep.Select(trial => Deviation.Of(expected, trial))],
            fine = [.. heldOnly.Select(trial => Deviation.Of(expected, trial))];
        double number = OfLargest * deviations.Max(deviation => deviation.Number) + Factors * format.Unit * largest,
            floor = number > 0 || largest > 0 ? format.Floor : 0;
        Tolerance ofNumbers = new(Rounded(number + floor)!.Value);
        if (expected.Length < 2 || largest <= Vanishing * floor)
        {
            return ofNumbers;
        }

        double norm = Math.Sqrt(expected.Sum(x => x * x));
        Tolerance tolerance = ofNumbers with
        {
            Distance = Rounded(OfLargest * deviations.Max(deviation => deviation.Distance) + Factors * format.Unit * norm + Math.Sqrt(expected.Length) * floor),
            Scale = Allowed(deviations, deviation => deviation.Scale, Factors * format.Unit),
            Norm = Allowed(deviations, deviation => deviation.Norm, Factors * format.Unit),
        };
        double spread = Apart * deviations.Min(deviation => deviation.Spread!.Value),
            fineScale = Math.Max(Factors * format.Unit, Allowed(fine, deviation => deviation.Scale, 0) ?? 0);
        return fine.Length == 0 || fineScale >= tolerance.Scale ? tolerance : tolerance with { Spread = Rounded(spread), FineScale = Rounded(fineScale) };
    }

    /// <summary>The same of a precision whose roundings are smaller by a factor.</summary>
    public Tolerance Times(double factor) => new(Rounded(factor * Number)!.Value, Rounded(factor * Distance), Rounded(factor * Scale), Rounded(factor * Norm));

    private static double? Allowed(Deviation[] trials, Func<Deviation, double?> measure, double ofFactors)
    {
        double spread = ofFactors + OfRootMeanSquare * Math.Sqrt(trials.Sum(trial => measure(trial)!.Value * measure(trial)!.Value) / trials.Length);
        return spread < Useless ? Rounded(spread) : null;
    }

    // Up, to two digits.
    private static double? Rounded(double? x) =>
        x is { } value ? double.Parse((1.05 * value).ToString("E1", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;
}

/// <summary>The tolerance of every precision; null where that precision tells nothing.</summary>
internal sealed record Tolerances(Tolerance? Float16, Tolerance? Bfloat16, Tolerance? Float32, Tolerance? Float64)
{
    // Trials of cases of few multiplications, of more, and of the largest, whose many numbers spread the less.
    private const int Trials = 16, TrialsOfLargeCases = 8, TrialsOfLargestCases = 4;
    private const long LargeCase = 1 << 17, LargestCase = 1 << 20;

    // Roundings are 2^-29 of float32's. The reference has its own, as large as a backend's; and where the trials happen to round well, as float32 holds what
    // they come upon, a double may not.
    private const double Float64OverFloat32 = 8.0 / (1 << 29);

    public Tolerance? Of(NumberFormat format) =>
        format == NumberFormat.Float16 ? Float16 : format == NumberFormat.Bfloat16 ? Bfloat16 : format == NumberFormat.Float32 ? Float32 : Float64;

    /// <summary>The tolerances of every answer of a case, as docs/golden.md derives them.</summary>
    public static Dictionary<string, Tolerances> Of(GoldenProblem problem, ReferenceResult result)
    {
        SplitMix64 random = SplitMix64.Of(0, problem.Name + "/roundings");
        Dictionary<string, double[]> answers = problem.AnswersOf(result);
        int count = problem.Size > LargestCase ? TrialsOfLargestCases : problem.Size > LargeCase ? TrialsOfLargeCases : Trials;
        Dictionary<string, Tolerance?> float16 = InFormat(NumberFormat.Float16), bfloat16 = InFormat(NumberFormat.Bfloat16),
            float32 = InFormat(NumberFormat.Float32);
        return answers.Keys.ToDictionary(quantity => quantity, quantity =>
            new Tolerances(float16[quantity], bfloat16[quantity], float32[quantity], float32[quantity]?.Times(Float64OverFloat32)));

        Dictionary<string, Tolerance?> InFormat(NumberFormat format)
        {
            Dictionary<string, double[]>[] everyStep = Solve(format, true, count),
                heldOnly = Solve(format, false, format.Unit > format.Working ? count / 2 : 0);
            return answers.ToDictionary(answer => answer.Key, answer =>
                Tolerance.Of(answer.Value, [.. everyStep.Select(trial => trial[answer.Key])], [.. heldOnly.Select(trial => trial[answer.Key])], format));
        }

        Dictionary<string, double[]>[] Solve(NumberFormat format, bool everyStep, int trials) =>
            [.. Enumerable.Range(0, trials).Select(_ => new RightBackend(problem, result, format, everyStep, random).Answers())];
    }
}
