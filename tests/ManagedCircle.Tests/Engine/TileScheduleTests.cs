using ManagedCircle.Engine;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed class TileScheduleTests
{
    [Fact]
    public void A_batch_has_every_pair_of_blocks_once()
    {
        for (int blocks = 0; blocks <= 40; blocks++)
        {
            List<TileUnit> units = Units(TileSchedule.OfBatch(blocks));

            (int, int)[] expected = [.. from row in Enumerable.Range(0, blocks) from column in Enumerable.Range(row, blocks - row) select (row, column)];
            Assert.Equal(expected, units.Select(unit => (unit.RowBlock, unit.ColumnBlock)).Order());
        }
    }

    [Fact]
    public void References_are_met_by_every_query_block_once_and_in_ascending_order()
    {
        foreach ((int rows, int columns) in Shapes())
        {
            List<TileUnit> units = Units(TileSchedule.OfReferences(rows, columns));

            for (int row = 0; row < rows; row++)
            {
                Assert.Equal(Enumerable.Range(0, columns), units.Where(unit => unit.RowBlock == row).Select(unit => unit.ColumnBlock));
            }

            Assert.Equal(rows * columns, units.Count);
        }
    }

    [Fact]
    public void Turns_count_the_units_that_touched_a_block_before()
    {
        for (int blocks = 1; blocks <= 40; blocks++)
        {
            AssertTurns(Units(TileSchedule.OfBatch(blocks)), self: true);
        }

        foreach ((int rows, int columns) in Shapes())
        {
            AssertTurns(Units(TileSchedule.OfReferences(rows, columns)), self: false);
        }
    }

    [Fact]
    public void Backwards_every_unit_comes_in_the_opposite_order_with_the_turns_of_that_order()
    {
        for (int blocks = 1; blocks <= 40; blocks++)
        {
            AssertBackwards(TileSchedule.OfBatch(blocks), self: true);
        }

        foreach ((int rows, int columns) in Shapes())
        {
            AssertBackwards(TileSchedule.OfReferences(rows, columns), self: false);
        }

        static void AssertBackwards(TileSchedule schedule, bool self)
        {
            List<TileUnit> forwards = Units(schedule), backwards = [];
            for (long step = 0; step < schedule.Steps; step++)
            {
                if (schedule.TryGetBackwards(step, out TileUnit unit))
                {
                    backwards.Add(unit);
                }
            }

            forwards.Reverse();
            Assert.Equal(forwards.Select(unit => (unit.RowBlock, unit.ColumnBlock)), backwards.Select(unit => (unit.RowBlock, unit.ColumnBlock)));
            AssertTurns(backwards, self);
        }
    }

    [Fact]
    public void A_round_of_a_batch_has_each_block_once()
    {
        for (int blocks = 1; blocks <= 40; blocks++)
        {
            foreach (IGrouping<int, TileUnit> round in Units(TileSchedule.OfBatch(blocks)).GroupBy(unit => unit.RowTurn))
            {
                int[] met = [.. round.SelectMany(unit => unit.RowBlock == unit.ColumnBlock ? (int[])[unit.RowBlock] : [unit.RowBlock, unit.ColumnBlock])];
                Assert.Equal(Enumerable.Range(0, blocks), met.Order());
            }
        }
    }

    [Fact]
    public void Counts_of_tiles_beyond_32_bits_are_right()
    {
        // A span holds at most 2^31 numbers, so a batch at most 2^23 blocks: 2^45 tiles.
        const int Blocks = 1 << 23;
        TileSchedule batch = TileSchedule.OfBatch(Blocks), references = TileSchedule.OfReferences(Blocks, Blocks);

        Assert.Equal((long)Blocks * (Blocks + 1) / 2, batch.Steps);
        Assert.Equal(((2L * Blocks) - 1) * Blocks, references.Steps);
        Random random = new(1);
        HashSet<TileUnit> seen = [];
        for (int draw = 0; draw < 10_000; draw++)
        {
            long step = random.NextInt64(batch.Steps);
            Assert.True(batch.TryGet(step, out TileUnit unit));
            Assert.InRange(unit.RowBlock, 0, unit.ColumnBlock);
            Assert.InRange(unit.ColumnBlock, unit.RowBlock, Blocks - 1);
            Assert.Equal((unit.RowBlock + unit.ColumnBlock) % Blocks, unit.RowTurn % Blocks);

            step = random.NextInt64(references.Steps);
            if (references.TryGet(step, out unit))
            {
                Assert.Equal(step / Blocks, (long)unit.RowBlock + unit.ColumnBlock);
                Assert.Equal((unit.ColumnBlock, unit.RowBlock), (unit.RowTurn, unit.ColumnTurn));
            }
        }
    }

    private static IEnumerable<(int Rows, int Columns)> Shapes() =>
        from rows in (int[])[0, 1, 2, 3, 4, 7, 8, 15, 40] from columns in (int[])[0, 1, 2, 3, 5, 8, 16, 39, 40] select (rows, columns);

    private static void AssertTurns(List<TileUnit> units, bool self)
    {
        Dictionary<int, int> rowTurns = [], columnTurns = self ? rowTurns : [];
        foreach (TileUnit unit in units)
        {
            Assert.Equal((rowTurns.GetValueOrDefault(unit.RowBlock), columnTurns.GetValueOrDefault(unit.ColumnBlock)), (unit.RowTurn, unit.ColumnTurn));
            rowTurns[unit.RowBlock] = unit.RowTurn + 1;
            columnTurns[unit.ColumnBlock] = unit.ColumnTurn + 1;
        }
    }

    private static List<TileUnit> Units(TileSchedule schedule)
    {
        List<TileUnit> units = [];
        for (long step = 0; step < schedule.Steps; step++)
        {
            if (schedule.TryGet(step, out TileUnit unit))
            {
                units.Add(unit);
            }
        }

        return units;
    }
}
