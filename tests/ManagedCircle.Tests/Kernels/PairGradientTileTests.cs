using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class PairGradientTileTests
{
    private const float Factor = 0.75f;

    public static MatrixTheoryData<SimdWidth, string> WidthsAndForms => new(KernelsAtWidth.All, PairTile.Forms.Keys);

    [Theory]
    [MemberData(nameof(WidthsAndForms))]
    public void The_gradient_of_a_tile_is_that_of_plain_loops(SimdWidth width, string form)
    {
        foreach (PairTile tile in PairTile.All(form))
        {
            using (tile)
            {
                HasTheGradient(width, tile, bothEnds: false);
                if (tile.Pairs.Excluded == null)
                {
                    HasTheGradient(width, tile, bothEnds: true);
                }
            }
        }
    }

    private static void HasTheGradient(SimdWidth width, PairTile tile, bool bothEnds)
    {
        (int rowCount, int columnCount) = (tile.Pairs.Rows, tile.Pairs.Columns);
        using Coefficients rows = new(width, tile, rowCount, tile.RowSums), columns = new(width, tile, columnCount, tile.ColumnSums);
        using GuardedMemory destination = new(tile.Length);
        destination.Numbers.Fill(PairTile.Canary);

        KernelsAtWidth.Of(width).Gradient(bothEnds, tile.Pairs, tile.Terms, rows.Memory, bothEnds ? columns.Memory : default, destination.Start);

        for (int row = 0; row < PairTile.RoundedUp(rowCount, 4); row++)
        {
            int first = tile.Pairs.FirstPair(row), end = PairTile.RoundedUp(columnCount, Layout.SumLanes);
            for (int column = 0; column < Math.Min(Layout.TileStride, tile.Length - (row * Layout.TileStride)); column++)
            {
                float actual = destination.Start[(row * Layout.TileStride) + column];
                string what = $"{rowCount} x {columnCount}, both ends {bothEnds}: dL/ds of row {row}, column {column}";
                if (column < first || column >= end)
                {
                    Assert.True(actual == PairTile.Canary, $"{what} was written: {actual}");
                }
                else if (row >= rowCount || column >= columnCount)
                {
                    Assert.True(actual is 0 or PairTile.Canary, $"{what} lies outside and is {actual}");
                }
                else if (tile.Kind(row, column) == PairKind.Ignored)
                {
                    Assert.True(actual == 0, $"{what} is {actual}, and there is no pair");
                }
                else
                {
                    bool positive = tile.Kind(row, column) == PairKind.Positive;
                    double share = (rows.Of(positive, row) + (bothEnds ? columns.Of(positive, column) : 0)) * tile.Exponential(row, column);
                    Nearly.Equal(
                        share * tile.Slope(row, column), actual, Tolerances.PairGradientInFloat(tile.Options, tile.Similarity(row, column), share), what);
                }
            }
        }

        float[] apart = destination.Numbers.ToArray();
        KernelsAtWidth.Of(width).Gradient(bothEnds, tile.Pairs, tile.Terms, rows.Memory, bothEnds ? columns.Memory : default, tile.Pairs.Similarities);
        for (int row = 0; row < rowCount; row++)
        {
            int start = (row * Layout.TileStride) + tile.Pairs.FirstPair(row), end = (row * Layout.TileStride) + columnCount;
            Assert.Equal(apart.AsSpan(start..Math.Max(start, end)), new Span<float>(tile.Pairs.Similarities, tile.Length)[start..Math.Max(start, end)]);
        }

        tile.Restore();
    }

    /// <summary>A coefficient m / (sum of e^logit) for each query, 0 for one that has none; as the kernels keep them, and in double.</summary>
    private sealed class Coefficients : IDisposable
    {
        private readonly GuardedMemory memory;
        private readonly double[] positives, negatives;

        public Coefficients(SimdWidth width, PairTile tile, int count, Func<int, (double Positive, double Negative, double, double)> sums)
        {
            int room = PairTile.RoundedUp(count, Layout.SumLanes);
            memory = new(4 * room);
            RunningSums empty = RunningSums.At(memory.Start, room);
            empty.Clear(room, RunningSums.EmptyExponent);
            Memory = PairCoefficients.InPlaceOf(empty);
            (positives, negatives) = (new double[count], new double[count]);
            for (int query = 0; query < count; query++)
            {
                (double positive, double negative, _, _) = sums(query);
                if (query % 7 != 6)
                {
                    positives[query] = Set(Memory.Positives, query, positive);
                    negatives[query] = Set(Memory.Negatives, query, negative);
                }
            }

            KernelsAtWidth.Of(width).Scale(Memory, count, tile.Terms, Factor, null);
        }

        public PairCoefficients Memory { get; }

        public double Of(bool positive, int query) => positive ? positives[query] : negatives[query];

        public void Dispose() => memory.Dispose();

        private static double Set(Scaled coefficients, int query, double sum)
        {
            if (sum == 0)
            {
                return 0;
            }

            coefficients.Exponents[query] = -Math.ILogB(sum);
            coefficients.Mantissas[query] = 0.5f + (0.4f * (query % 3 / 3f));
            return Factor * PairTile.Value(coefficients, query);
        }
    }
}
