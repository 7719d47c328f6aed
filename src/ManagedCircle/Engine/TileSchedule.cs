namespace ManagedCircle.Engine;

/// <summary>One unit of work: a tile of query block by reference block, and its place in the order of units that write each of its blocks.</summary>
internal readonly record struct TileUnit(int RowBlock, int ColumnBlock, int RowTurn, int ColumnTurn);

/// <summary>The tiles of a batch in their fixed order, computed from a number: nothing is stored, and nothing depends on threads.</summary>
internal readonly record struct TileSchedule
{
    private readonly bool self;
    private readonly int rowBlocks, columnBlocks;

    private TileSchedule(bool self, int rowBlocks, int columnBlocks)
    {
        this.self = self;
        this.rowBlocks = rowBlocks;
        this.columnBlocks = columnBlocks;
        long n = rowBlocks;
        Steps = self ? n * (n + 1) / 2 : (n + columnBlocks - 1) * Math.Min(n, columnBlocks);
    }

    /// <summary>Numbers to go through; some of them may hold no tile.</summary>
    public long Steps { get; }

    /// <summary>Every unordered pair of blocks of a batch with itself, once.</summary>
    public static TileSchedule OfBatch(int blocks) => new(true, blocks, blocks);

    /// <summary>Every query block with every reference block, once; for each query block the reference blocks come in ascending order.</summary>
    public static TileSchedule OfReferences(int rowBlocks, int columnBlocks) => new(false, rowBlocks, columnBlocks);

    /// <summary>The tile at a step, if there is one.</summary>
    public bool TryGet(long step, out TileUnit unit)
    {
        unit = self ? InBatch(step) : InWave(step);
        return unit.RowBlock >= 0;
    }

    /// <summary>The tile at a step counted from the end, its turns too: what was used last is used first, while a cache may still hold it.</summary>
    public bool TryGetBackwards(long step, out TileUnit unit)
    {
        bool found = TryGet(Steps - 1 - step, out unit);
        unit = unit with { RowTurn = columnBlocks - 1 - unit.RowTurn, ColumnTurn = rowBlocks - 1 - unit.ColumnTurn };
        return found;
    }

    // A round-robin tournament: in round r block a meets block (r - a) mod n, so every round has each block once (a block that meets itself is a
    // tile on the diagonal), neighbouring units share no block, and a block's turn is the round. An odd n has (n + 1) / 2 units in each round;
    // an even n has n / 2 + 1 in even rounds, two of them on the diagonal, and n / 2 in odd rounds.
    private TileUnit InBatch(long step)
    {
        int n = rowBlocks, round, index, centre;
        if (n % 2 == 1)
        {
            (round, index) = ((int)(step / ((n + 1) / 2)), (int)(step % ((n + 1) / 2)));
            centre = (int)((long)round * ((n + 1) / 2) % n);
        }
        else
        {
            (round, index) = ((int)(step / (n + 1)) * 2, (int)(step % (n + 1)));
            if (index > n / 2)
            {
                (round, index) = (round + 1, index - (n / 2) - 1);
            }

            centre = round / 2;
        }

        int first = (centre - index + n) % n, second = ((round - first) % n + n) % n;
        return new TileUnit(Math.Min(first, second), Math.Max(first, second), round, round);
    }

    // Diagonal waves: wave w holds the tiles with row block + column block = w, so neighbouring units share no block.
    private TileUnit InWave(long step)
    {
        int width = Math.Min(rowBlocks, columnBlocks), wave = (int)(step / width), index = (int)(step % width), other = wave - index;
        (int row, int column) = rowBlocks <= columnBlocks ? (index, other) : (other, index);
        return other >= 0 && other < Math.Max(rowBlocks, columnBlocks) ? new TileUnit(row, column, column, row) : new TileUnit(-1, -1, 0, 0);
    }
}
