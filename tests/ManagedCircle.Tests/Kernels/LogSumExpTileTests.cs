using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class LogSumExpTileTests
{
    public static MatrixTheoryData<SimdWidth, string> WidthsAndForms => new(KernelsAtWidth.All, PairTile.Forms.Keys);

    [Fact]
    public void The_options_of_these_tests_have_every_form()
    {
        IEnumerable<(bool, bool, bool)> forms = PairTile.Forms.Keys.Select(form =>
        {
            using PairTile tile = new(form, 1, 1);
            return (tile.Terms.Clamps, tile.Terms.Narrow, tile.Terms.Attached);
        });

        Assert.Equal(8, forms.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(WidthsAndForms))]
    public void Sums_of_a_tile_are_those_of_plain_loops(SimdWidth width, string form)
    {
        foreach (PairTile tile in PairTile.All(form))
        {
            using (tile)
            {
                AccumulatesForBothEnds(width, tile, bothEnds: false);
                if (tile.Pairs.Excluded == null)
                {
                    AccumulatesForBothEnds(width, tile, bothEnds: true);
                }
            }
        }
    }

    // Twice: the rows' sums are written, the columns' are added to. Both kinds of sums have canaries between them, and end at a guard page.
    private static void AccumulatesForBothEnds(SimdWidth width, PairTile tile, bool bothEnds)
    {
        int rowCount = tile.Pairs.Rows, columnCount = tile.Pairs.Columns, columnRoom = PairTile.RoundedUp(columnCount, Layout.SumLanes);
        using GuardedMemory rowMemory = new(4 * (rowCount + 1)), columnMemory = new(4 * (columnRoom + 1));
        rowMemory.Numbers.Fill(PairTile.Canary);
        columnMemory.Numbers.Fill(PairTile.Canary);
        RunningSums rows = RunningSums.At(rowMemory.Start, rowCount + 1), columns = RunningSums.At(columnMemory.Start, columnRoom + 1);
        columns.Clear(columnRoom, tile.Terms.NegativeExponent);

        KernelsAtWidth.Of(width).Accumulate(bothEnds, tile.Pairs, tile.Terms, rows, bothEnds ? columns : default);
        KernelsAtWidth.Of(width).Accumulate(bothEnds, tile.Pairs, tile.Terms, rows, bothEnds ? columns : default);

        string what = $"{rowCount} x {columnCount}, both ends {bothEnds}";
        for (int row = 0; row < rowCount; row++)
        {
            (double positive, double negative, double positiveTolerance, double negativeTolerance) = tile.RowSums(row);
            Nearly.Equal(positive, PairTile.Value(rows.Positives, row), positiveTolerance, $"{what}: positives of row {row}");
            Nearly.Equal(negative, PairTile.Value(rows.Negatives, row), negativeTolerance, $"{what}: negatives of row {row}");
        }

        for (int column = 0; column < columnCount; column++)
        {
            (double positive, double negative, double positiveTolerance, double negativeTolerance) = bothEnds ? tile.ColumnSums(column) : default;
            Nearly.Equal(2 * positive, PairTile.Value(columns.Positives, column), 2 * positiveTolerance, $"{what}: positives of column {column}");
            Nearly.Equal(2 * negative, PairTile.Value(columns.Negatives, column), 2 * negativeTolerance, $"{what}: negatives of column {column}");
        }

        Assert.Equal(Enumerable.Repeat(PairTile.Canary, 4), Ends(rows, rowCount));
        Assert.Equal(Enumerable.Repeat(PairTile.Canary, 4), Ends(columns, columnRoom));
    }

    private static float[] Ends(RunningSums sums, int count) =>
        [sums.Positives.Mantissas[count], sums.Positives.Exponents[count], sums.Negatives.Mantissas[count], sums.Negatives.Exponents[count]];
}
