using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>Draws calls of the loss from a seed: every option, ragged and empty shapes, labels, weights, upstream gradients and excluded references.</summary>
/// <remarks>
/// A property takes a <see cref="LossProblem"/> with <c>[Property(Arbitrary = [typeof(RandomProblems)])]</c>; a failing one prints the seed, and
/// <c>RandomProblems.Draw(seed)</c> makes it again. No pair lies near a kink of the loss, where neither a finite difference nor a float's gradient means
/// anything; but cosines of exactly 1 or -1 may occur, which the normalisation makes harmless: the gradient of rows vanishes there.
/// </remarks>
public static class RandomProblems
{
    /// <summary>What <c>Arbitrary = [typeof(RandomProblems)]</c> draws from: up to 80 queries and references of up to 70 dimensions.</summary>
    public static Arbitrary<LossProblem> Problems() => Gen.Choose(0, int.MaxValue - 1).Select(seed => Draw(seed)).ToArbitrary();

    /// <summary>Makes the problem of a seed; <paramref name="dimension"/> is drawn unless given.</summary>
    public static LossProblem Draw(int seed, int maxRows = 80, int maxDimension = 70, int? dimension = null)
    {
        Random random = new(seed);
        LossProblem problem;
        do
        {
            string name = $"RandomProblems.Draw({seed}, {maxRows}, {maxDimension}, {dimension?.ToString() ?? "null"})";
            problem = Draw(random, maxRows, maxDimension, dimension) with { Name = name };
        }
        while (IsNearAKink(problem));

        return problem;
    }

    private static LossProblem Draw(Random random, int maxRows, int maxDimension, int? fixedDimension)
    {
        CircleLossOptions options = DrawOptions(random);
        bool self = Chance(random, 0.5);
        int queryCount = DrawCount(random, maxRows), referenceCount = self ? queryCount : DrawCount(random, maxRows);
        int dimension = fixedDimension ?? (Chance(random, 0.1) ? 1 : random.Next(1, maxDimension + 1));

        // Classes are few or many, around centres that may be close or all over the place.
        int classCount = Chance(random, 0.1) ? random.Next(1, queryCount + 2) : random.Next(2, 3 + queryCount / 3);
        double spread = Pick(random, 0.2, 1, 5);
        double scale = options.Normalize && Chance(random, 0.3) ? 100 : 1.3;
        double[][] centres = [.. Enumerable.Range(0, classCount).Select(_ => DrawRow(random, dimension))];
        (long step, long offset) = Pick(random, (1L, 0L), (1L, -3L), (1L << 32, 5L), (-1L, long.MaxValue));

        (double[] rows, long[] labels) = DrawRows(queryCount);
        (double[]? references, long[] referenceLabels) = self ? (null, []) : DrawRows(referenceCount);
        if (Chance(random, 0.25))
        {
            options = options with { IgnoreLabel = offset + step * random.Next(classCount) };
        }

        return new()
        {
            Options = options,
            Rows = rows,
            Labels = labels,
            References = references,
            ReferenceLabels = referenceLabels,
            Terms = DrawTerms(random, options, queryCount, self ? 0 : referenceCount),
        };

        (double[] Rows, long[] Labels) DrawRows(int count)
        {
            int[] classes = [.. Enumerable.Range(0, count).Select(_ => random.Next(classCount))];
            double zeroRows = Chance(random, 0.1) ? 0.2 : 0;
            double[][] drawn = [.. classes.Select(c => DrawRow(random, dimension).Zip(centres[c], (noise, centre) => centre + spread * noise).ToArray())];
            foreach (double[] row in drawn)
            {
                // Rows that are taken as they are keep their products around [-1.7, 1.7].
                double norm = Chance(random, zeroRows) ? 0 : Math.Pow(scale, 2 * random.NextDouble() - 1);
                double length = Math.Sqrt(row.Sum(x => x * x));
                for (int d = 0; d < dimension; d++)
                {
                    row[d] = (float)(row[d] / length * norm); // exact in float, for engines that take it
                }
            }

            return ([.. drawn.SelectMany(row => row)], [.. classes.Select(c => offset + step * c)]);
        }
    }

    private static CircleLossOptions DrawOptions(Random random)
    {
        CircleLossOptions options = new()
        {
            Gamma = Chance(random, 0.5) ? Pick<double>(random, 1, 16, 80, 256, 1024) : Math.Exp(random.NextDouble() * Math.Log(1024)),
            Margin = random.NextDouble() * 1.1 - 0.5,
            Weighting = PickAny<PairWeighting>(random),
            WeightGradient = PickAny<WeightGradient>(random),
            Normalize = Chance(random, 0.6),
            Clamp = PickAny<SimilarityClamp>(random),
            Scope = Chance(random, 0.25) ? LossScope.Batch : LossScope.PerQuery,
            Combination = PickAny<LossCombination>(random),
            SelfDiagonal = PickAny<DiagonalPairs>(random),
            ReferenceDiagonal = PickAny<DiagonalPairs>(random),
            Reduction = PickAny<LossReduction>(random),
            Denominator = PickAny<MeanDenominator>(random),
            OutputScale = PickAny<OutputScale>(random),
            CheckInputs = Chance(random, 0.5),
        };
        return Chance(random, 0.75) ? options : options with
        {
            PositiveOptimum = random.NextDouble() * 2 - 0.5,
            NegativeOptimum = random.NextDouble() * 2 - 1.5,
            PositiveMargin = random.NextDouble() * 2 - 0.5,
            NegativeMargin = random.NextDouble() * 2 - 0.5,
        };
    }

    private static ReferenceTerms DrawTerms(Random random, CircleLossOptions options, int queryCount, int referenceCount)
    {
        bool wholeBatch = options.Scope == LossScope.Batch;
        double zeroWeights = Chance(random, 0.05) ? 1 : Pick(random, 0, 0.2);
        return new()
        {
            Weights = wholeBatch || Chance(random, 0.5) ? [] : Many(double () => Chance(random, zeroWeights) ? 0 : (float)(2 * random.NextDouble())),
            Upstream = random.Next(3) switch
            {
                0 => [],
                1 => [DrawUpstream()],
                _ => wholeBatch ? [] : Many(DrawUpstream),
            },
            ExcludedReferences = referenceCount == 0 || Chance(random, 0.75) ? [] : Many(() => random.Next(-1, referenceCount)),
        };

        double DrawUpstream() => (float)(4 * random.NextDouble() - 2);

        T[] Many<T>(Func<T> draw) => [.. Enumerable.Range(0, queryCount).Select(_ => draw())];
    }

    /// <summary>
    /// Whether the loss may bend where a pair lies: the weight begins at the optimum, and the clamp ends at 1 and -1. The more pairs there are, the nearer
    /// one of them is bound to be.
    /// </summary>
    private static bool IsNearAKink(LossProblem problem)
    {
        double[] references = problem.References ?? problem.Rows;
        CircleLossOptions options = problem.Options;
        double[] similarities = ReferenceSimilarity.Forward(problem.Rows, references, problem.Dimension, options.Normalize);
        double near = Math.Min(1e-3, 0.06 / Math.Max(1, similarities.Length));
        double[] kinks =
        [
            .. options.Weighting == PairWeighting.Circle ? new[] { options.PositiveOptimum, options.NegativeOptimum } : [],
            .. options.Clamp == SimilarityClamp.None ? [] : new[] { 1.0, -1.0 },
        ];
        return similarities.Any(s => kinks.Any(kink => Math.Abs(s - kink) < near) && !(options.Normalize && Math.Abs(s) > 1 - 1e-9));
    }

    private static int DrawCount(Random random, int largest) => Chance(random, 0.1) ? random.Next(3) : random.Next(2, largest + 1);

    private static double[] DrawRow(Random random, int dimension) => [.. Enumerable.Range(0, dimension).Select(_ => random.NextDouble() - random.NextDouble())];

    private static bool Chance(Random random, double probability) => random.NextDouble() < probability;

    private static T Pick<T>(Random random, params T[] values) => values[random.Next(values.Length)];

    private static T PickAny<T>(Random random)
        where T : struct, Enum => Pick(random, Enum.GetValues<T>());
}
