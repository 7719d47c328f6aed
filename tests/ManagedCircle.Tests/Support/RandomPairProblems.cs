using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>Draws calls of the further losses from a seed: every option that means something, shapes, labels, weights and upstream gradients.</summary>
/// <remarks>
/// Some rows are zero, some are there twice, of one label or of two, and there may be one class alone, or no row. No loss lies near a bend, where neither a
/// finite difference nor a float's gradient means anything.
/// </remarks>
public static class RandomPairProblems
{
    /// <summary>What <c>Arbitrary = [typeof(RandomPairProblems)]</c> draws from.</summary>
    public static Arbitrary<PairLossProblem> Problems() => Gen.Choose(0, int.MaxValue - 1).Select(seed => Draw(seed)).ToArbitrary();

    /// <summary>Makes the problem of a seed.</summary>
    public static PairLossProblem Draw(int seed)
    {
        Random random = new(seed);
        PairLossProblem problem;
        do
        {
            problem = Draw(random, maxRows: 12, maxDimension: 6) with { Name = $"RandomPairProblems.Draw({seed})" };
        }
        while (IsNearABend(problem));

        return problem;
    }

    private static PairLossProblem Draw(Random random, int maxRows, int maxDimension)
    {
        PairLossOptions options = DrawOptions(random);
        int dimension = random.Next(1, maxDimension + 1), queryCount = random.Next(0, maxRows + 1), referenceCount = random.Next(0, maxRows + 1);
        int classCount = random.Next(1, 5);
        bool both = options.Directions == LossDirections.Both;
        bool self = options.Pooling == PairPooling.EachOfBothEnds || !both && random.Next(2) == 0;
        (double[] rows, long[] labels) = DrawRows(queryCount);
        (double[] references, long[] referenceLabels) = self ? ([], []) : DrawRows(referenceCount);
        long[] asQueries = both ? [.. labels, .. referenceLabels] : labels;
        return new(options, rows, labels)
        {
            References = self ? null : references,
            ReferenceLabels = referenceLabels,
            Terms = new()
            {
                Weights = random.Next(2) == 0 ? [] : [.. asQueries.Select(_ => (double)(float)(2 * random.NextDouble()))],
                Upstream = random.Next(3) switch { 0 => [], 1 => [Upstream()], _ => [.. asQueries.Select(_ => Upstream())] },
            },
        };

        double Upstream() => (float)(4 * random.NextDouble() - 2);

        (double[] Rows, long[] Labels) DrawRows(int count)
        {
            double[][] drawn = [.. Enumerable.Range(0, count).Select(_ => DrawRow(random.Next(12) == 0 ? 0 : 1))];
            for (int i = 1; i < count; i++)
            {
                drawn[i] = random.Next(12) == 0 ? drawn[i - 1] : drawn[i];
            }

            return ([.. drawn.SelectMany(row => row)], [.. drawn.Select(_ => (long)random.Next(classCount))]);
        }

        double[] DrawRow(double scale) => [.. Enumerable.Range(0, dimension).Select(_ => (double)(float)(scale * (random.NextDouble() - random.NextDouble())))];
    }

    /// <summary>
    /// Whether a hinge begins near some loss, two pairs of a query are the hardest, or a positive lies where the angle is a root of rounding or its margin
    /// passes pi.
    /// </summary>
    private static bool IsNearABend(PairLossProblem problem)
    {
        PairLossOptions options = problem.Options;
        bool hinged = options.Link is LossLink.Hinge or LossLink.HalfSquaredHinge;
        ReferenceResult result = (hinged ? problem with { Options = options with { Link = LossLink.Identity } } : problem).SolveInDouble();
        bool hardestCounts = options.Pooling is PairPooling.Hardest or PairPooling.SemiHard;
        int perQuery = Math.Max(1, (problem.References is null ? problem.Labels : problem.ReferenceLabels).Length);
        double[] positives = [.. result.Similarities.Where((_, i) => result.Pairs[i] == PairKind.Positive)];
        return hinged && result.Losses.Any(z => z != 0 && Math.Abs(z) < 1e-3 * options.Factor)
            || hardestCounts && (options.Directions == LossDirections.Both ? HasTwoAlike(result.Similarities)
                : result.Similarities.Chunk(perQuery).Any(HasTwoAlike))
            || options.PositiveLogit != PositiveLogit.Linear
                && positives.Any(s => Math.Abs(s) > 0.999 || Math.Abs(s + Math.Cos(options.PositiveMargin)) < 1e-3);

        static bool HasTwoAlike(double[] row) => row.Order().Zip(row.Order().Skip(1)).Any(pair => pair.Second - pair.First < 1e-6);
    }

    private static PairLossOptions DrawOptions(Random random)
    {
        while (true)
        {
            double scale = Scale();
            PairLossOptions options = new()
            {
                PositiveScale = scale,
                NegativeScale = random.Next(2) == 0 ? scale : Scale(),
                PositiveMargin = random.NextDouble() * 1.5,
                NegativeMargin = random.NextDouble() * 2 - 1,
                NegativeHardness = random.Next(4) == 0 ? 5 * random.NextDouble() : 0,
                PositiveLogit = Any<PositiveLogit>(),
                Measure = Any<PairMeasure>(),
                Selection = random.Next(4) == 0 ? random.NextDouble() - 0.2 : null,
                Pooling = Any<PairPooling>(),
                Link = Any<LossLink>(),
                Requires = Any<RequiredPairs>(),
                Directions = random.Next(4) == 0 ? LossDirections.Both : LossDirections.Queries,
                Factor = random.Next(2) == 0 ? 1 : 0.1 + random.NextDouble(),
                Normalize = random.Next(2) == 0,
                Clamp = Any<SimilarityClamp>(),
                SelfDiagonal = Any<DiagonalPairs>(),
                ReferenceDiagonal = Any<DiagonalPairs>(),
                Reduction = Any<LossReduction>(),
                Denominator = Any<PairMeanDenominator>(),
                IgnoreLabel = random.Next(4) == 0 ? 0 : null,
            };
            try
            {
                options.Validate();
                if (options is not { Directions: LossDirections.Both, Pooling: PairPooling.EachOfBothEnds })
                {
                    return options;
                }
            }
            catch (ArgumentException)
            {
                // Options that mean nothing together are refused; draw others.
            }
        }

        double Scale() => Math.Exp(random.NextDouble() * Math.Log(100));

        T Any<T>()
            where T : struct, Enum => Enum.GetValues<T>() is { } values ? values[random.Next(values.Length)] : default;
    }
}
