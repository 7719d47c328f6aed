using System.Diagnostics;
using System.Runtime.InteropServices;
using ManagedCircle.Reference;

namespace ManagedCircle.Checks;

/// <summary>Checks the engine on the platform that this runs on, and times it.</summary>
public static class Probe
{
    /// <summary>Checks everything and says what was found.</summary>
    /// <param name="failures">How many checks failed.</param>
    /// <returns>JSON.</returns>
    public static string Run(out int failures)
    {
        string hash = SameBits.HashOfAll();
        List<string> failed =
            [.. PublishedValues.All.SelectMany(value => value.MismatchesInFloat().Select(mismatch => $"{value.Name}: {mismatch}")), .. GradientMismatches()];
        if (hash != SameBits.Expected)
        {
            failed.Add($"hash {hash}, expected {SameBits.Expected}");
        }

        (double forward, double both) = Time();
        failures = failed.Count;
        return $$"""
            {
              "platform": "{{RuntimeInformation.RuntimeIdentifier}}",
              "width": "{{SameBits.Widths[0]}}",
              "fused": {{(SameBits.Fuses ? "true" : "false")}},
              "hash": "{{hash}}",
              "published": {{PublishedValues.All.Count}},
              "failures": [{{string.Join(", ", failed.Select(failure => $"\"{failure.Replace('"', '\'')}\""))}}],
              "lossMilliseconds": {{forward:F4}},
              "lossAndGradientMilliseconds": {{both:F4}}
            }
            """;
    }

    /// <summary>The first loss of a process, which is what a user waits for.</summary>
    public static double First() => PublishedValues.All[0].Problem.SolveInFloat().Result.Loss;

    /// <summary>
    /// Milliseconds of a call, the best of groups that together take about half a second: what the code can do, whatever else the machine does.
    /// </summary>
    public static double Best(Action call)
    {
        call();
        Stopwatch watch = Stopwatch.StartNew();
        call();
        int group = (int)Math.Clamp(TimeSpan.FromMilliseconds(5) / watch.Elapsed, 1, 1000);
        double best = double.PositiveInfinity;
        for (Stopwatch whole = Stopwatch.StartNew(); whole.ElapsedMilliseconds < 500;)
        {
            watch.Restart();
            for (int i = 0; i < group; i++)
            {
                call();
            }

            best = Math.Min(best, watch.Elapsed.TotalMilliseconds / group);
        }

        return best;
    }

    // Against the reference, whose gradients the tests hold to central differences.
    private static IEnumerable<string> GradientMismatches()
    {
        foreach (LossProblem problem in SameBits.Problems.Where(problem => problem.Rows.Length < 10_000))
        {
            ReferenceResult expected = problem.SolveInDouble();
            LossAnswer actual = problem.SolveInFloat();
            double off = expected.QueryGradient.Zip(actual.QueryGradient, (one, other) => Math.Abs(one - other)).Max() / expected.QueryGradient.Max(Math.Abs);
            if (!(off <= Tolerances.PeerGradientInFloat))
            {
                yield return $"gradient of {problem.Name}: off by {off:E1} of its largest entry";
            }
        }
    }

    /// <summary>Milliseconds of one call on one thread, at 256 rows of 128 numbers in classes of 8: the loss, and the loss with its gradient.</summary>
    private static (double Forward, double Both) Time()
    {
        const int Count = 256, Dimension = 128;
        Random random = new(1);
        float[] rows = [.. Enumerable.Range(0, Count * Dimension).Select(_ => random.NextSingle() - 0.5f)], gradient = new float[rows.Length];
        long[] labels = [.. Enumerable.Range(0, Count).Select(i => (long)(i / 8))];
        using CircleLoss loss = new(CircleLossOptions.Paper);
        return (Best(() => loss.Forward(new EmbeddingBatch(rows, labels))), Best(() => loss.ForwardBackward(new EmbeddingBatch(rows, labels), gradient)));
    }
}
