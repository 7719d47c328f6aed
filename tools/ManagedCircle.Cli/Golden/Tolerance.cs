using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>How far an answer may be from the reference's, by the precision it was computed in; null where that precision tells nothing.</summary>
internal sealed record Tolerance(double? Float16, double? Bfloat16, double? Float32, double? Float64)
{
    /// <summary>The tolerance of a precision, by its name.</summary>
    public double? Of(string precision) => precision switch
    {
        "float16" => Float16,
        "bfloat16" => Bfloat16,
        "float32" => Float32,
        _ => Float64,
    };

    /// <summary>The tolerances of every answer of a case, as docs/golden.md derives them.</summary>
    public static Dictionary<string, Tolerance> Of(GoldenProblem problem, ReferenceResult result)
    {
        Dictionary<string, double[]> answers = problem.AnswersOf(result);
        Dictionary<string, double>[] errors = [.. NumberFormat.All.Select(format => new RoundingErrors(problem, result, format).OfAnswers())];
        return answers.ToDictionary(answer => answer.Key, answer =>
        {
            double largest = answer.Value.Select(Math.Abs).DefaultIfEmpty(0).Max();
            double?[] allowed = [.. NumberFormat.All.Zip(errors, (format, error) => format.Allowance(error[answer.Key], largest))];
            return new Tolerance(allowed[0], allowed[1], allowed[2], allowed[3]);
        });
    }
}
