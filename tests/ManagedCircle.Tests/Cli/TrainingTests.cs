using ManagedCircle.Cli;
using ManagedCircle.Cli.Training;
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
        Assert.Equal([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], digits.Labels.CountBy(label => label).OrderBy(pair => pair.Key).Select(pair => pair.Value));
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
    public void Training_needs_two_classes_of_two_rows()
    {
        LabeledRows rows = new(new float[4], [1, 1, 2, 3], 1);

        BadInputException error = Assert.Throws<BadInputException>(() => new BalancedBatches(rows, new Random(0)));

        Assert.Equal("1 classes with two or more training rows: expected at least 2", error.Message);
    }

    [Fact]
    public void A_projection_is_a_matrix_product_and_its_gradient_the_transposed_one()
    {
        Projection projection = new([1, 2, 3, 4, 5, 6], 3);
        LabeledRows rows = new([1, 2, 0, -1], [7, 8], 2);

        LabeledRows projected = projection.Apply(rows);

        Assert.Equal(3, projected.Dimension);
        Assert.Equal([9f, 12, 15, -4, -5, -6], projected.Values);
        Assert.Equal(rows.Labels, projected.Labels);
        Assert.Equal([1f, 0, 0, 2, -1, 0], projection.WeightGradient(rows, [1, 0, 0, 0, 1, 0]));
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
        LabeledRows line = new([0, 0, 3, 4, 6, 8], [0, 0, 0], 2);

        LabeledRows projected = PrincipalComponents.Project(line, line, 1);

        // Distances from the mean (3, 4) along (3, 4) / 5, in either direction.
        Assert.Equal([5f, 0, 5], projected.Values.Select(Math.Abs));
        Assert.Equal(-projected.Values[0], projected.Values[2]);
    }
}
