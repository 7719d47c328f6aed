using ManagedCircle.Cli.Training;
using MathNet.Numerics.LinearAlgebra;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class TrainingTests
{
    [Fact]
    public void The_embedded_digits_are_all_there()
    {
        LabeledRows digits = Digits.Read();

        Assert.Equal((1797, 64), (digits.Count, digits.Dimension));
        Assert.Equal(1797 * 64, digits.Values.Length);
        Assert.Equal([0f, 0, 5, 13, 9, 1, 0, 0], digits.Values[..8]);
        Assert.Equal((0f, 16f), (digits.Values.Min(), digits.Values.Max()));
        Assert.Equal([178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
            digits.Labels.CountBy(label => label).OrderBy(pair => pair.Key).Select(pair => pair.Value));
    }

    [Fact]
    public void A_split_is_the_same_every_time_and_loses_no_row()
    {
        LabeledRows rows = new([.. Enumerable.Range(0, 10).Select(i => (float)i)], [.. Enumerable.Range(0, 10).Select(i => (long)i)], 1);

        (LabeledRows training, LabeledRows test) = rows.Split(6);
        (LabeledRows again, _) = rows.Split(6);

        Assert.Equal((6, 4), (training.Count, test.Count));
        Assert.Equal(again.Labels, training.Labels);
        Assert.Equal(rows.Labels, training.Labels.Concat(test.Labels).Order());
        Assert.Equal(training.Labels.Select(label => (float)label), training.Values);
    }

    [Fact]
    public void A_batch_holds_a_few_different_rows_of_each_class()
    {
        LabeledRows rows = new(new float[30], [.. Enumerable.Range(0, 30).Select(i => (long)(i < 1 ? 0 : i < 4 ? 1 : i % 2 + 2))], 1);

        BalancedBatches batches = new(rows, new Random(1));

        for (int draw = 0; draw < 20; draw++)
        {
            int[] batch = batches.Next();
            Assert.Equal(batch.Length, batch.Distinct().Count());
            Assert.Equal([(1L, 3), (2L, 5), (3L, 5)], batch.CountBy(row => rows.Labels[row]).OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)));
        }
    }

    [Fact]
    public void Classes_of_one_row_give_no_batch()
    {
        LabeledRows rows = new(new float[5], [1, 1, 2, 3, 3], 1);

        BalancedBatches batches = new(rows, new Random(0));

        Assert.Equal(2, batches.ClassCount);
        Assert.Equal([1L, 1, 3, 3], batches.Next().Select(row => rows.Labels[row]).Order());
    }

    [Fact]
    public void A_projection_is_a_matrix_product_and_its_gradient_the_transposed_one()
    {
        using Projection projection = new([1, 4, 2, 5, 3, 6], 2);
        LabeledRows rows = new([1, 2, 0, -1], [7, 8], 2);

        LabeledRows projected = projection.Apply(rows);

        Assert.Equal(3, projected.Dimension);
        Assert.Equal([9f, 12, 15, -4, -5, -6], projected.Values);
        Assert.Equal(rows.Labels, projected.Labels);
        Assert.Equal([1f, 2, 0, -1, 0, 0], projection.WeightGradient(rows, [1, 0, 0, 0, 1, 0]));
        Assert.Equal([1f, 2, 3, 4, 5, 6], projection.ToColumns());
        Assert.Equal([1f, 1, 0], projection.BiasGradient([1, 0, 0, 0, 1, 0]));
        new[] { 10f, 0, -1 }.CopyTo(projection.Bias);
        Assert.Equal([19f, 12, 14, 6, -5, -7], projection.Apply(rows).Values);
    }

    [Fact]
    public void Centred_training_rows_have_the_mean_0_and_stay_finite_and_small()
    {
        LabeledRows training = new([float.MaxValue, 300, -float.MaxValue, 302], [0, 0], 2), test = new([0, 303], [0], 2);

        Centring centring = Centring.Of(training);

        float[] centred = centring.Apply(training).Values;
        Assert.Equal((0, 0), (centred[0] + centred[2], centred[1] + centred[3]));
        Assert.InRange(centred[0], 1f, 2);
        Assert.Equal(-centred[1] * 2, centring.Apply(test).Values[1]);
    }

    [Fact]
    public void The_bias_of_a_projection_of_centred_rows_serves_rows_as_they_are()
    {
        LabeledRows rows = new([10, 21, 14, 25, 12, 29], [0, 0, 0], 2);
        using Projection projection = new([1, 2, -1, 3], 2);
        new[] { 0.5f, -4 }.CopyTo(projection.Bias);
        Centring centring = Centring.Of(rows);

        float[] centred = projection.Apply(centring.Apply(rows)).Values, bias = centring.BiasOf(projection);
        using Projection same = new(projection.Weights, 2);
        bias.CopyTo(same.Bias);

        // The scale of centred rows is a power of two, and the same for all of them.
        float[] asTheyAre = same.Apply(rows).Values;
        float scale = asTheyAre[0] / centred[0];
        Assert.True(float.IsPow2(scale));
        Assert.Equal(centred.Select(value => value * scale), asTheyAre);
    }

    [Fact]
    public void Rows_keep_their_numbers_through_splits_and_labels_left_out()
    {
        LabeledRows rows = new([10, 11, 12, 13, 14, 15], [1, -1, 2, 1, -1, 2], 1);

        LabeledRows labelled = rows.Without(-1);
        (LabeledRows training, LabeledRows test) = labelled.Split(2);

        Assert.Equal([0, 2, 3, 5], labelled.Numbers);
        Assert.All(training.Values.Zip(training.Numbers).Concat(test.Values.Zip(test.Numbers)), row => Assert.Equal(row.First, 10 + row.Second));
    }

    [Fact]
    public void The_first_step_of_Adam_is_one_learning_rate_against_the_gradient()
    {
        float[] weights = [1, 1, 1];

        new Adam(weights).Step([4, -0.25f, 0], 0.5f);

        Assert.Equal([0.5f, 1.5f, 1], weights);
    }

    [Fact]
    public void The_first_principal_component_lies_along_a_line_of_points()
    {
        LabeledRows line = new([-3, -4, 0, 0, 3, 4], [0, 0, 0], 2);

        using Projection component = PrincipalComponents.Of(line, 1, static () => { });

        Assert.Equal([0.6f, 0.8f], component.Weights.Select(Math.Abs));
        Assert.Equal([5f, 0, 5], component.Apply(line).Values.Select(Math.Abs));
    }

    [Theory]
    [InlineData(40, 500, 3)]
    [InlineData(500, 40, 3)]
    [InlineData(400, 300, 5)]
    [InlineData(4, 6, 6)]
    public void Principal_components_are_orthonormal_and_hold_as_much_variance_as_the_largest_eigenvalues(int count, int dimension, int components)
    {
        Random random = new(count);
        float[] values = [.. Enumerable.Range(0, count * dimension).Select(i => (random.NextSingle() - 0.5f) * 10 / (1 + i % dimension % 20))];
        LabeledRows rows = new(values, new long[count], dimension);
        rows = Centring.Of(rows).Apply(rows);

        using Projection found = PrincipalComponents.Of(rows, components, static () => { });

        Matrix<double> weights = Rows(found.Weights, dimension), data = Rows(rows.Values, dimension);
        Assert.InRange((weights * weights.Transpose() - Matrix<double>.Build.DenseIdentity(components)).L2Norm(), 0, 1e-5);
        double[] eigenvalues = [.. data.TransposeThisAndMultiply(data).Evd(Symmetricity.Symmetric).EigenValues.Select(value => value.Real)];
        double most = Math.Sqrt(eigenvalues[^components..].Sum());
        Assert.InRange((data * weights.Transpose()).FrobeniusNorm(), 0.999 * most, 1.00001 * most);

        static Matrix<double> Rows(float[] values, int columns) =>
            Matrix<double>.Build.DenseOfRowMajor(values.Length / columns, columns, values.Select(value => (double)value));
    }

    [Fact]
    public void Principal_components_of_wide_rows_take_no_matrix_of_their_dimension_squared()
    {
        const int Count = 48, Dimension = 3072;
        Random random = new(1);
        LabeledRows rows = new([.. Enumerable.Range(0, Count * Dimension).Select(_ => random.NextSingle() - 0.5f)], new long[Count], Dimension);

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        using Projection components = PrincipalComponents.Of(rows, 8, static () => { });

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, (long)Dimension * Dimension * sizeof(double) / 2);
    }
}
