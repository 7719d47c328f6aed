using FsCheck;
using FsCheck.Fluent;
using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>Draws calls of the further losses from a seed: every option that means something, shapes, labels, weights and upstream gradients.</summary>
public static class RandomPairProblems
{
    /// <summary>What <c>Arbitrary = [typeof(RandomPairProblems)]</c> draws from.</summary>
    public static Arbitrary<PairLossProblem> Problems() => Gen.Choose(0, int.MaxValue - 1).Select(seed => Draw(seed)).ToArbitrary();

    /// <summary>Makes the problem of a seed.</summary>
    public static PairLossProblem Draw(int seed, int maxRows = 12, int maxDimension = 6)
    {
        Random random = new(seed);
        PairLossOptions options = DrawOptions(random);
        int dimension = random.Next(1, maxDimension + 1), queryCount = random.Next(0, maxRows + 1), referenceCount = random.Next(0, maxRows + 1);
        int classCount = random.Next(1, 5);
        bool self = random.Next(2) == 0;
        (double[] rows, long[] labels) = DrawRows(queryCount);
        (double[] references, long[] referenceLabels) = self ? ([], []) : DrawRows(referenceCount);
        return new(options, rows, labels)
        {
            References = self ? null : references,
            ReferenceLabels = referenceLabels,
            Terms = new()
            {
                Weights = random.Next(2) == 0 ? [] : [.. labels.Select(_ => (double)(float)(2 * random.NextDouble()))],
                Upstream = random.Next(3) switch { 0 => [], 1 => [Upstream()], _ => [.. labels.Select(_ => Upstream())] },
            },
        };

        double Upstream() => (float)(4 * random.NextDouble() - 2);

        // Some rows are zero, and some are there twice, of the same label or of another.
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

    private static PairLossOptions DrawOptions(Random random)
    {
        while (true)
        {
            PairLossOptions options = new()
            {
                PositiveScale = Scale(),
                NegativeScale = Scale(),
                PositiveMargin = random.NextDouble() * 1.5,
                NegativeMargin = random.NextDouble() * 2 - 1,
                PositiveLogit = Any<PositiveLogit>(),
                Pooling = Any<PairPooling>(),
                Link = Any<LossLink>(),
                Requires = Any<RequiredPairs>(),
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
                return options;
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
