using Xunit;

namespace ManagedCircle.Tests;

public sealed class RowMatrixTests
{
    [Theory]
    [InlineData(12, 4, 0, 3)]
    [InlineData(14, 4, 5, 3)]
    [InlineData(15, 4, 5, 3)]
    [InlineData(0, 4, 0, 0)]
    public void A_span_holds_as_many_rows_as_end_in_it(int length, int dimension, int stride, int count)
    {
        RowMatrix rows = new(new float[length], dimension, stride);

        Assert.Equal((count, dimension, stride == 0 ? dimension : stride, length), (rows.Count, rows.Dimension, rows.Stride, rows.Rows.Length));
    }

    [Theory]
    [InlineData(13, 4, 0, "rows holds 13 numbers: expected whole rows of dimension 4, 4 apart.")]
    [InlineData(12, 0, 0, "dimension is 0: expected at least 1.")]
    [InlineData(12, 4, 3, "stride is 3: expected at least the 4 numbers of a row, or 0 for rows without gaps.")]
    public void A_shape_that_does_not_fit_is_an_error(int length, int dimension, int stride, string message)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => _ = new RowMatrix(new float[length], dimension, stride).Count);

        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_matrix_has_no_rows_to_compare()
    {
        using CosineSimilarity similarity = new();
        float[] gradient = [1, 2, 3, 4, 5, 6];

        similarity.Matrix(default, []);
        similarity.UnitRows(default, []);
        similarity.Matrix(default, new(gradient, 3), []);
        similarity.MatrixBackward(default, new([1, 2, 3, 4, 5, 6], 3), [], [], gradient);

        Assert.Equal(new float[6], gradient); // nothing is compared with the references
    }
}
