using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>The error bounds that CircleLoss documents hold on batches as they are before, during and after training.</summary>
public sealed class AccuracyTests
{
    public static TheoryData<(int, int), WeightGradient> Sizes =>
        new MatrixTheoryData<(int, int), WeightGradient>([(64, 32), (256, 128), (256, 512)], [WeightGradient.Detached, WeightGradient.Attached]);

    [Theory]
    [MemberData(nameof(Sizes))]
    public void At_gamma_80_losses_and_gradients_are_as_near_the_reference_as_documented((int Count, int Dimension) size, WeightGradient weightGradient)
    {
        CircleLossOptions options = CircleLossOptions.Paper with { WeightGradient = weightGradient };
        foreach (double spread in (double[])[double.PositiveInfinity, 1, 0.5, 0.2])
        {
            LargeBatch batch = Draw(size.Count, size.Dimension, spread);

            float[][] actual = batch.Solve(options);

            ReferenceResult expected = ReferenceLoss.SelfBatch(options, Doubles(batch.Rows), batch.Labels);
            Nearly.Equal(expected.Losses, Doubles(actual[0]), Tolerances.LossAtGamma80, $"spread {spread}: losses");
            double largest = Nearly.Largest(expected.QueryGradient);
            Nearly.Equal(expected.QueryGradient, Doubles(actual[1]), Tolerances.GradientAtGamma80 * largest, $"spread {spread}: gradient");
        }
    }

    // Of rows that nearly agree the projection takes away nearly all that their pairs add up to, and leaves its rounding: no share of what is left bounds that.
    [Theory]
    [InlineData(1e-1, 0)]
    [InlineData(1e-2, 0)]
    [InlineData(1e-3, 0)]
    [InlineData(1e-4, 0)]
    [InlineData(1e-6, 0)]
    [InlineData(1e-4, 1)]
    [InlineData(1, 10)]
    [InlineData(1, 1e3)]
    [InlineData(1, 1e6)]
    public void At_gamma_80_gradients_of_rows_that_nearly_agree_are_as_near_the_reference_as_documented(double spread, double common)
    {
        foreach ((int count, int dimension) in ((int, int)[])[(64, 4), (64, 32), (256, 128)])
        {
            LargeBatch batch = Nearby(count, dimension, spread, common);
            ReferenceResult expected = ReferenceLoss.SelfBatch(CircleLossOptions.Paper, Doubles(batch.Rows), batch.Labels);

            double[] actual = Doubles(batch.Solve(CircleLossOptions.Paper)[1]);

            double[] norms = [.. Doubles(batch.Rows).Chunk(dimension).Select(row => Math.Sqrt(row.Sum(x => x * x)))];
            double bound = Tolerances.GradientAtGamma80 * Enumerable.Range(0, count).Max(row => OfPairs(expected, row, count));
            double[] Times(double[] gradient) => [.. gradient.Select((x, i) => x * norms[i / dimension])];
            Nearly.Equal(Times(expected.QueryGradient), Times(actual), bound, $"{count} x {dimension}: gradient");
        }
    }

    // What the pairs of a row add up to in magnitude, each at either end.
    private static double OfPairs(ReferenceResult result, int row, int count) =>
        Enumerable.Range(0, count).Sum(
            other => Math.Abs(result.SimilarityGradient[(row * count) + other]) + Math.Abs(result.SimilarityGradient[(other * count) + row]));

    /// <summary>Eight rows of each class: a row, and others at a distance; or all with one large component in common.</summary>
    private static LargeBatch Nearby(int count, int dimension, double spread, double common)
    {
        LargeBatch far = Draw(count, dimension, double.PositiveInfinity), offsets = Draw(count + 4, dimension, double.PositiveInfinity);
        int classes = count / 8;
        return new(
            [.. far.Rows.Select((_, i) => (float)(common + (common == 0 ? far.Rows[i % (classes * dimension)] : 0) + (spread * offsets.Rows[i])))],
            [.. Enumerable.Range(0, count).Select(row => (long)(row % classes / 2))],
            dimension);
    }

    // Two tiles without a label in common are not searched for positives. Tiles have 256 rows, which come label by label.
    [Theory]
    [InlineData(64)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(600)]
    public void Classes_that_end_with_a_tile_or_go_on_in_the_next_meet_all_their_positives(int classSize)
    {
        LargeBatch batch = Draw(800, 8, spread: 1) with { Labels = [.. Enumerable.Range(0, 800).Select(row => (long)(row / classSize))] };

        float[][] actual = batch.Solve(CircleLossOptions.Paper);

        ReferenceResult expected = ReferenceLoss.SelfBatch(CircleLossOptions.Paper, Doubles(batch.Rows), batch.Labels);
        Nearly.Equal(expected.Losses, Doubles(actual[0]), Tolerances.LossAtGamma80, "losses");
        Nearly.Equal(expected.QueryGradient, Doubles(actual[1]), Tolerances.GradientAtGamma80 * Nearly.Largest(expected.QueryGradient), "gradient");
    }

    /// <summary>Four rows of each class: its centre and a spread around it, all normally distributed; with an infinite spread there is no centre.</summary>
    private static LargeBatch Draw(int count, int dimension, double spread)
    {
        Random random = new(1000 * count);
        int classes = count / 4;
        double[] centres = [.. Enumerable.Range(0, classes * dimension).Select(_ => double.IsInfinity(spread) ? 0 : Normal())];
        double scale = double.IsInfinity(spread) ? 1 : spread;
        return new(
            [.. Enumerable.Range(0, count * dimension).Select(i => (float)(centres[i % centres.Length] + (scale * Normal())))],
            [.. Enumerable.Range(0, count).Select(row => (long)(row % classes))],
            dimension);

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
}
