using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed class TilePairsTests
{
    public static MatrixTheoryData<SimdWidth, string> WidthsAndForms => new(KernelsAtWidth.All, PairTile.Forms.Keys);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void All_pairs_of_a_vector_take_part_where_each_one_does(int lanes)
    {
        foreach (PairTile tile in PairTile.All("wide"))
        {
            using (tile)
            {
                for (int row = 0; row < tile.Pairs.Rows; row += 4)
                {
                    for (int column = tile.Pairs.FirstPair(row); column < tile.Pairs.Columns; column += lanes)
                    {
                        bool expected = Pairs(row, column, lanes).All(pair => tile.Kind(pair.Row, pair.Column) != PairKind.Ignored);
                        Assert.Equal(expected, tile.Pairs.AllTakePart(row, 4, column, lanes));
                    }
                }
            }
        }
    }

    [Fact]
    public void The_pairs_of_a_row_begin_where_its_first_one_is_or_at_most_fifteen_columns_before()
    {
        foreach (PairTile tile in PairTile.All("wide"))
        {
            using (tile)
            {
                for (int row = 0; row < tile.Pairs.Rows; row++)
                {
                    int first = tile.Pairs.FirstPair(row);
                    Assert.Equal(0, first % Layout.SumLanes);
                    Assert.All(Enumerable.Range(0, Math.Min(first, tile.Pairs.Columns)), column => Assert.Equal(PairKind.Ignored, tile.Kind(row, column)));
                    Assert.InRange(first, tile.Pairs.Triangle ? row - Layout.SumLanes + 1 : 0, row);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndForms))]
    public void Pairs_of_any_kind_have_the_terms_and_slopes_of_the_formula(SimdWidth width, string form)
    {
        int lanes = KernelsAtWidth.Of(width).Lanes;
        foreach (PairTile tile in PairTile.All(form))
        {
            using (tile)
            {
                for (int row = 0; row < tile.Pairs.Rows; row += 4)
                {
                    for (int column = 0; column < tile.Pairs.Columns; column += lanes)
                    {
                        float[,,] mixed = KernelsAtWidth.Of(width).Mixed(tile.Pairs, tile.Terms, row, column);
                        foreach ((int r, int c) in Pairs(row, column, lanes))
                        {
                            IsThePair(tile, r, c, [.. Enumerable.Range(0, 5).Select(part => mixed[part, r - row, c - column])]);
                        }
                    }
                }
            }
        }
    }

    private static void IsThePair(PairTile tile, int row, int column, float[] parts)
    {
        PairKind kind = tile.Kind(row, column);
        string what = $"row {row}, column {column} of {tile.Pairs.Rows} x {tile.Pairs.Columns}";
        Assert.Equal(kind == PairKind.Positive ? -1 : 0, BitConverter.SingleToInt32Bits(parts[0]));
        Assert.Equal(kind == PairKind.Negative ? -1 : 0, BitConverter.SingleToInt32Bits(parts[1]));
        if (kind != PairKind.Ignored)
        {
            double term = tile.Exponential(row, column), s = tile.Similarity(row, column);
            Nearly.Equal(term, Math.ScaleB(parts[2], (int)parts[3]), term * Tolerances.TermInFloat(tile.Options, s), $"e^logit of {what}");
            Nearly.Equal(tile.Slope(row, column), parts[4], Tolerances.PairGradientInFloat(tile.Options, s, 1), $"slope of {what}");
        }
    }

    private static IEnumerable<(int Row, int Column)> Pairs(int row, int column, int lanes) =>
        from r in Enumerable.Range(row, 4)
        from c in Enumerable.Range(column, lanes)
        select (r, c);
}
