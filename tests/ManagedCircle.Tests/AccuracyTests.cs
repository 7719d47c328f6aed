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
