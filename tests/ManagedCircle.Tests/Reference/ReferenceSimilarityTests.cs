using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Reference;

public sealed class ReferenceSimilarityTests
{
    [Fact]
    public void Rows_are_divided_by_their_norm_whatever_their_size()
    {
        double[] units = ReferenceSimilarity.UnitRows([3, 4, 3e200, -4e200, 3e-9, 4e-9], 2);

        Nearly.Equal([0.6, 0.8, 0.6, -0.8, 0.6, 0.8], units, Tolerances.FewRoundings, "unit rows");
    }

    [Fact]
    public void A_row_below_the_floor_is_divided_by_it_and_a_zero_row_stays_zero()
    {
        double[] units = ReferenceSimilarity.UnitRows([3e-15, 4e-15, 0, 0, 3e-200, 0], 2);

        Nearly.Equal([3e-3, 4e-3, 0, 0, 3e-188, 0], units, x => Tolerances.FewRoundings * x, "unit rows");
    }

    [Fact]
    public void The_gradient_of_a_row_is_orthogonal_to_it_and_goes_with_one_over_its_norm()
    {
        Nearly.Equal([0.128, -0.096], ReferenceSimilarity.UnitRowsBackward([3, 4], 2, [1, 0]), Tolerances.FewRoundings, "gradient");
        Nearly.Equal([12.8, -9.6], ReferenceSimilarity.UnitRowsBackward([.03, .04], 2, [1, 0]), 100 * Tolerances.FewRoundings, "gradient");
    }

    [Fact]
    public void Below_the_floor_a_gradient_is_divided_by_it_and_a_zero_row_has_none()
    {
        double[] gradient = ReferenceSimilarity.UnitRowsBackward([3e-15, 4e-15, 0, 0], 2, [1, -2, 3, 4]);

        Assert.Equal([1 / 1e-12, -2 / 1e-12, 0, 0], gradient);
    }

    [Fact]
    public void A_row_at_the_floor_has_its_own_norm() => Assert.Equal([0, 1e12], ReferenceSimilarity.UnitRowsBackward([1e-12, 0], 2, [1, 1]));

    [Fact]
    public void Inner_products_and_their_gradients_are_matrix_products()
    {
        double[] queries = [1, 2, 3, 4], references = [5, 6, 7, 8, 9, 10];

        Assert.Equal([17, 23, 29, 39, 53, 67], ReferenceSimilarity.Forward(queries, references, 2, normalize: false));
        (double[] ofQueries, double[] ofReferences) = ReferenceSimilarity.Backward(queries, references, 2, normalize: false, [1, 0, -1, 0, 2, 0]);
        Assert.Equal([-4, -4, 14, 16], ofQueries);
        Assert.Equal([1, 2, 6, 8, -1, -2], ofReferences);
    }

    [Fact]
    public void No_rows_have_no_similarities()
    {
        Assert.Empty(ReferenceSimilarity.Forward([], [1, 2], 2, normalize: true));
        Assert.Equal([0, 0], ReferenceSimilarity.Backward([], [1, 2], 2, normalize: true, []).References);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_errors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ReferenceSimilarity.UnitRows([1], 0));
        const string Ragged = "rows hold 3 numbers: expected a multiple of the dimension 2. (Parameter 'rows')";
        AssertRefused(Ragged, () => ReferenceSimilarity.UnitRows([1, 2, 3], 2));
        AssertRefused(Ragged, () => ReferenceSimilarity.UnitRowsBackward([1, 2, 3], 2, [1, 2, 3]));
        AssertRefused(Ragged, () => ReferenceSimilarity.Forward([1, 2, 3], [1, 2], 2, normalize: false));
        AssertRefused(Ragged, () => ReferenceSimilarity.Forward([1, 2], [1, 2, 3], 2, normalize: false));
        AssertRefused(Ragged, () => ReferenceSimilarity.Backward([1, 2, 3], [1, 2], 2, normalize: false, [1]));
        AssertRefused(Ragged, () => ReferenceSimilarity.Backward([1, 2], [1, 2, 3], 2, normalize: false, [1]));
        AssertRefused("length 1: expected 2, the rows'", () => ReferenceSimilarity.UnitRowsBackward([1, 2], 2, [1]));
        AssertRefused("length 0: expected 1, queryCount x referenceCount", () => ReferenceSimilarity.Backward([1], [1], 1, true, []));

        static void AssertRefused(string message, Action call) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_similarities_than_an_array_holds_are_an_error()
    {
        double[] rows = new double[1 << 16];

        Assert.Throws<OverflowException>(() => ReferenceSimilarity.Forward(rows, rows, 1, normalize: false));
        Assert.Throws<OverflowException>(() => ReferenceSimilarity.Backward(rows, rows, 1, normalize: false, []));
    }
}
