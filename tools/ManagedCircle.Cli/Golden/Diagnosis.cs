namespace ManagedCircle.Cli.Golden;

/// <summary>The mistake that a backend's answers match.</summary>
/// <param name="Name">Its short name.</param>
/// <param name="Mistake">What the backend does.</param>
/// <param name="Explained">How many of the cases answered wrongly it gives the numbers of,</param>
/// <param name="Failed">of how many.</param>
internal sealed record Cause(string Name, string Mistake, int Explained, int Failed);

/// <summary>Finds the mistake that a backend's answers match.</summary>
internal static class Diagnosis
{
    // Every known mistake is computed for every failed case of up to this many multiplications: milliseconds each.
    private const long SmallCase = 1 << 15;

    // A mistake may change what another part of the backend gets wrong, too, but must explain so much of it.
    private const double LeastShare = 0.5;

    // The cases that candidates are found by: the first that fail, as the first one may have a reason of its own.
    private const int FirstCases = 3;

    /// <summary>
    /// The mistake that explains the most failed cases, at least half of them. Where several do, the one that the cases answered rightly contradict least, for
    /// a mistake shows in every case that tells it.
    /// </summary>
    public static Cause? Of(IReadOnlyList<CaseAnswers> cases, NumberFormat precision)
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

        Convention[] candidates = [.. Convention.All.Where(convention => failed.Take(FirstCases).Any(item => item.Match(convention, precision) == true))];
        int[] explained = [.. candidates.Select(convention => failed.Count(item => item.Match(convention, precision) == true))];
        int most = explained.DefaultIfEmpty(0).Max();
        if (most < LeastShare * failed.Length)
        {
            return FewerBits(failed, precision);
        }

        Convention[] best = [.. candidates.Where((_, i) => explained[i] == most)];
        CaseAnswers[] right = best.Length < 2 ? [] : [.. cases.Where(item => !item.Failed && item.Problem.Size <= SmallCase)];
        Convention likeliest = best.MinBy(convention => right.Count(item => item.Match(convention, precision) == false))!;
        return new(likeliest.Name, likeliest.Mistake, most, failed.Length);
    }

    /// <summary>Answers that are right in a precision of fewer bits, and not just by a factor.</summary>
    private static Cause? FewerBits(CaseAnswers[] failed, NumberFormat precision)
    {
        (NumberFormat Format, string Name, string Mistake)[] coarser =
        [
            (NumberFormat.Float32, "rounded-to-float32", "some step is rounded to the 24 bits of float32"),
            (NumberFormat.Float16, "rounded-to-11-bits", "some step is rounded to 11 bits, as TF32 matrix units do to float32 rows, and as float16 is"),
            (NumberFormat.Bfloat16, "rounded-to-8-bits", "some step is rounded to the 8 bits of bfloat16"),
        ];
        if (IsOneConstant(failed))
        {
            return null;
        }

        foreach ((NumberFormat format, string name, string mistake) in coarser.Where(candidate => candidate.Format.Unit > precision.Unit))
        {
            int explained = failed.Count(item => item.Wrong.All(quantity => IsRightIn(item, quantity, format)));
            if (explained >= 0.9 * failed.Length)
            {
                return new(name, mistake, explained, failed.Length);
            }
        }

        return null;
    }

    /// <summary>Whether all wrong numbers are off by about as much, to the same side, which is no rounding: those are as large as what is rounded.</summary>
    private static bool IsOneConstant(CaseAnswers[] failed)
    {
        double[] off = [.. failed.SelectMany(item => item.Wrong.Select(quantity =>
            Deviation.Of(item.Expected[quantity], item.Answers[quantity]).Worst is var worst
                ? item.Answers[quantity][worst] - item.Expected[quantity][worst]
                : 0))];
        return off.Length >= 3 && off.Max() - off.Min() <= 0.1 * Math.Abs(off.Average());
    }

    private static bool IsRightIn(CaseAnswers item, string quantity, NumberFormat format)
    {
        double[] expected = item.Expected[quantity], answer = item.Answers[quantity];
        ManifestArray array = item.Item.Outputs[quantity];
        Deviation off = Deviation.Of(expected, answer);
        return AnswerCheck.Of(item.Item.Name, quantity, expected, answer, array.Shape, array.Tolerance?.Of(format)).Verdict == Verdict.Right
            && (expected.Length < 8 || off.Scale is null || Math.Abs(off.Scale.Value) <= 2 * off.Spread);
    }
}
