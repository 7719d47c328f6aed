using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>Every array of a call of the loss.</summary>
internal unsafe struct LossMemory
{
    /// <summary>The unit rows; in a batch against itself the references are the queries, and where tiles pack their own there are none.</summary>
    public PackedRows Queries, References;

    /// <summary>dL/du in slices, as the rows are; null where it is not asked for. In a batch against itself they are one.</summary>
    public float* QueryGradient, ReferenceGradient;

    /// <summary>Sums of each query, until <see cref="Coefficients"/> take their place.</summary>
    public RunningSums Sums;

    /// <summary>Where the sums of references begin behind those of the queries, where references count as queries, too; or 0.</summary>
    public int FirstReferenceSum;

    /// <summary>What each row of the queries adds to the gradient of the scale; null where that is not asked for.</summary>
    public float* ScaleParts;

    /// <summary>Totals of each query's positives, and what is added to the gradient of these; none where the loss does not ask for them.</summary>
    public PositiveTotals Totals;

    /// <inheritdoc cref="Totals"/>
    public float* Shifts;

    /// <summary>The loss of each query, and what its gradient is multiplied by.</summary>
    public float* Losses, Factors;

    /// <summary>The similarity of each row with itself, and then its dL/ds.</summary>
    public float* SelfSimilarities;

    /// <summary>How many units have added to each block.</summary>
    public int* RowTurns, ColumnTurns;

    /// <summary>What the workers have each for themselves, one after the other: a <see cref="LossScratch"/>.</summary>
    public byte* Scratch;

    /// <summary>The bytes that each worker has of it.</summary>
    public nint ScratchSize;

    /// <summary>Hash table of labels and their codes; null where labels are their own codes.</summary>
    public long* LabelTable;

    /// <summary>Scratch of <see cref="LabelOrder"/>.</summary>
    public int* OrderScratch;

    /// <summary>The code of each row's label; readable up to a whole tile.</summary>
    public int* QueryLabels, ReferenceLabels;

    /// <summary>The caller's row that each packed row is, in the room for it; null for all in their order.</summary>
    public int* QueryOrder, ReferenceOrder, QueryOrderRoom, ReferenceOrderRoom;

    /// <summary>The packed reference that each query is not compared with, -1 for none; null where there is none for any.</summary>
    public int* Excluded;

    /// <summary>The similarities of all tiles, kept between the passes; null where they are computed again.</summary>
    public float* Kept;

    /// <summary>The coefficients of each query, in the sums' place.</summary>
    public readonly PairCoefficients Coefficients => PairCoefficients.InPlaceOf(Sums) with { Shifts = Shifts };

    /// <summary>Takes the memory of a call, but for what is kept.</summary>
    public void Lay(ref Arena arena, in LossShape shape)
    {
        // Vectors reach beyond the last row, and tiles beyond the last column.
        int perQuery = Layout.Packed(shape.QueryCount) + Layout.Tile, perReference = shape.Self ? 0 : Layout.Packed(shape.ReferenceCount) + Layout.Tile;
        Queries = PackedRows.Lay(ref arena, shape.QueryCount, shape.Dimension, panels: shape.Self);
        QueryGradient = arena.Take<float>(shape.Request.QueryGradient ? Queries.SlicesSize : 0);
        References = Queries;
        ReferenceGradient = QueryGradient;
        if (!shape.Self)
        {
            References = PackedRows.Lay(ref arena, shape.PacksByTile ? 0 : shape.ReferenceCount, shape.Dimension, slices: shape.NeedsGradient);
            ReferenceGradient = arena.Take<float>(shape.Request.ReferenceGradient ? References.SlicesSize : 0);
        }

        FirstReferenceSum = shape.Request.BothDirections ? perQuery : 0;
        int sums = perQuery + (shape.Request.BothDirections ? perReference : 0);
        Sums = RunningSums.Lay(ref arena, sums);
        Totals = PositiveTotals.Lay(ref arena, shape.Request.KeepsTotals ? sums : 0);
        Shifts = arena.Take<float>(shape.Request.KeepsTotals ? sums : 0);
        Losses = arena.Take<float>(sums);
        Factors = arena.Take<float>(sums);
        ScaleParts = arena.Take<float>(shape.Request.ScaleGradient ? perQuery : 0);
        SelfSimilarities = arena.Take<float>(shape.Self ? perQuery : 0);
        RowTurns = arena.Take<int>(shape.RowBlocks);
        ColumnTurns = arena.Take<int>(shape.Self ? 0 : shape.ColumnBlocks);
        ScratchSize = LossScratch.Size(shape);
        Scratch = arena.Take<byte>(ScratchSize * shape.Workers);
        LabelTable = arena.Take<long>(LabelTableSize(shape));
        OrderScratch = arena.Take<int>(Math.Max(
            LabelOrder.ScratchSize(shape.Request.GivenQueries, shape.Request.GivenQueries),
            shape.Self ? 0 : LabelOrder.ScratchSize(shape.Request.GivenReferences, LossShape.MostReferenceLabels)));
        QueryLabels = arena.Take<int>(perQuery);
        QueryOrderRoom = arena.Take<int>(perQuery);
        ReferenceLabels = shape.Self ? QueryLabels : arena.Take<int>(perReference);
        ReferenceOrderRoom = arena.Take<int>(perReference);
        Excluded = arena.Take<int>(shape.Request.Excludes ? perQuery : 0);
    }

    /// <summary>What a worker has for itself.</summary>
    public readonly LossScratch ScratchOf(int worker, in LossShape shape)
    {
        Arena arena = new(Scratch + (worker * ScratchSize), (nuint)ScratchSize);
        return LossScratch.Lay(ref arena, shape);
    }

    /// <summary>The table of label codes, cleared.</summary>
    public readonly Span<long> ClearedLabelTable(in LossShape shape)
    {
        Span<long> table = new(LabelTable, LabelTableSize(shape));
        table.Clear();
        return table;
    }

    /// <summary>Makes all blocks wait for their first units.</summary>
    public readonly void ClearTurns(in LossShape shape)
    {
        new Span<int>(RowTurns, shape.RowBlocks).Clear();
        new Span<int>(ColumnTurns, shape.Self ? 0 : shape.ColumnBlocks).Clear();
    }

    private static int LabelTableSize(in LossShape shape) =>
        shape.Request.CodesLabels ? LabelCodes.TableSize(shape.QueryCount + (shape.Self ? 0 : shape.ReferenceCount)) : 0;
}

/// <summary>What a worker has for itself.</summary>
internal unsafe struct LossScratch
{
    // Vectors reach beyond the last row.
    private const int Sums = Layout.Tile + Layout.SumLanes;

    /// <summary>The tile under way.</summary>
    public float* Tile;

    /// <summary>The sums of the tile's rows and columns.</summary>
    public RunningSums Rows, Columns;

    /// <summary>The totals of their positives, and those of four rows side by side; none where the loss does not ask for them.</summary>
    public PositiveTotals RowTotals, ColumnTotals, LaneTotals;

    /// <summary>The tile's references, where each tile packs its own.</summary>
    public PackedRows References;

    /// <summary>Their dL/du in slices; null where it is not asked for.</summary>
    public float* ReferenceGradient;

    /// <summary>What a tile adds to dL/du of its queries, slices <see cref="QuerySliceStride"/> apart; null where it is added in place.</summary>
    public float* QueryGradient;

    public nint QuerySliceStride;

    /// <summary>The bytes that a worker needs.</summary>
    public static nint Size(in LossShape shape)
    {
        Arena counted = default;
        Lay(ref counted, shape);
        return (nint)counted.Used;
    }

    /// <summary>Takes the memory of a worker.</summary>
    public static LossScratch Lay(ref Arena arena, in LossShape shape)
    {
        LossScratch scratch = new()
        {
            Tile = arena.Take<float>(Layout.Tile * Layout.TileStride),
            Rows = RunningSums.Lay(ref arena, Sums),
            Columns = RunningSums.Lay(ref arena, Sums),
            RowTotals = PositiveTotals.Lay(ref arena, shape.Request.KeepsTotals ? Sums : 0),
            ColumnTotals = PositiveTotals.Lay(ref arena, shape.Request.KeepsTotals ? Sums : 0),
            LaneTotals = PositiveTotals.Lay(ref arena, shape.Request.KeepsTotals ? 4 * Layout.SumLanes : 0),
        };
        if (shape.PacksByTile)
        {
            int references = Math.Min(LossShape.ColumnBlock, shape.ReferenceCount);
            scratch.References = PackedRows.Lay(ref arena, references, shape.Dimension, slices: shape.NeedsGradient);
            scratch.ReferenceGradient = arena.Take<float>(shape.Request.ReferenceGradient ? scratch.References.SlicesSize : 0);

            // Every tile adds to the same block of queries: a worker that made its product while the block is its own would have all others wait for it.
            bool apart = shape.Request.QueryGradient && shape.Workers > 1;
            scratch.QuerySliceStride = shape.RowBlock * Layout.Pack;
            scratch.QueryGradient = arena.Take<float>(apart ? scratch.QuerySliceStride * Layout.Blocks(shape.Dimension, Layout.Pack) : 0);
        }

        return scratch;
    }
}
