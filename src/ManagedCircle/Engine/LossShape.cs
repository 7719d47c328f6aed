using System.Diagnostics;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>What a call of the loss is: how many rows there are, and what is asked for.</summary>
/// <param name="Self">Whether the references are the queries.</param>
/// <param name="QueryCount">How many queries take part.</param>
/// <param name="ReferenceCount">How many references take part; in a batch against itself as many as queries.</param>
/// <param name="Dimension">Numbers in a row.</param>
internal readonly record struct LossRequest(bool Self, int QueryCount, int ReferenceCount, int Dimension)
{
    /// <summary>How many queries the caller gave, those that take no part among them.</summary>
    public int GivenQueries { get; init; }

    /// <summary>How many references the caller gave.</summary>
    public int GivenReferences { get; init; }

    /// <summary>Whether the gradient of the queries is asked for; in a batch against itself that is all of it.</summary>
    public bool QueryGradient { get; init; }

    /// <summary>Whether the gradient of the references is asked for.</summary>
    public bool ReferenceGradient { get; init; }

    /// <summary>Whether queries may have a reference that they are not compared with.</summary>
    public bool Excludes { get; init; }

    /// <summary>Whether the loss asks for the totals of positives.</summary>
    public bool KeepsTotals { get; init; }

    /// <summary>Whether references count as queries, too.</summary>
    public bool BothDirections { get; init; }

    /// <summary>Whether the gradient of the scale is asked for.</summary>
    public bool ScaleGradient { get; init; }

    /// <summary>Whether the references are a gallery, which has them packed.</summary>
    public bool Packed { get; init; }

    /// <summary>Whether a label does not fit in 32 bits, so that labels have codes.</summary>
    public bool CodesLabels { get; init; }

    /// <summary>Whether two requests are alike, number by number: what a record does by itself allocates a comparer of each type, in the second call.</summary>
    public bool Equals(LossRequest other) =>
        (Self, QueryCount, ReferenceCount, Dimension) == (other.Self, other.QueryCount, other.ReferenceCount, other.Dimension)
        && (GivenQueries, GivenReferences, Excludes, CodesLabels) == (other.GivenQueries, other.GivenReferences, other.Excludes, other.CodesLabels)
        && (KeepsTotals, BothDirections, ScaleGradient, Packed) == (other.KeepsTotals, other.BothDirections, other.ScaleGradient, other.Packed)
        && (QueryGradient, ReferenceGradient) == (other.QueryGradient, other.ReferenceGradient);

    public override int GetHashCode() => HashCode.Combine(QueryCount, ReferenceCount, Dimension, GivenQueries, GivenReferences);
}

/// <summary>The sizes of a call of the loss: they follow from what it is.</summary>
/// <remarks>Tiles are cut by the counts alone, and so results do not depend on threads.</remarks>
internal readonly record struct LossShape
{
    /// <summary>How many labels are worth ordering the references by.</summary>
    /// <remarks>
    /// References may be many for few queries: ordering a thousand labels would pay from some 700 queries on, ordering this many does from 150 to 200.
    /// </remarks>
    public const int MostReferenceLabels = 256;

    private const int ManyReferences = 16 * Layout.Tile;

    /// <summary>The shape of a call that has so many workers at most.</summary>
    public LossShape(in LossRequest request, int threads)
    {
        Request = request;

        // Few queries against some references still make enough tiles for several workers; against many, their columns alone do. The gradient of a reference
        // would have other bits, as its sum goes over a block's queries.
        bool inOneBlock = !Self && !request.ReferenceGradient && QueryCount <= Layout.Tile && ReferenceCount >= ManyReferences;
        int rows = inOneBlock ? QueryCount : Self || QueryCount > 2 * Layout.Tile ? Layout.Tile : QueryCount / 4;
        RowBlock = Math.Clamp(Layout.Packed(rows), Layout.Pack, Layout.Tile);
        Debug.Assert(RowBlock % Layout.Pack == 0 && RowBlock <= Layout.Tile, "A tile has whole panels of rows, and fits the scratch.");
        RowBlocks = Layout.Blocks(QueryCount, RowBlock);
        ColumnBlocks = Layout.Blocks(ReferenceCount, ColumnBlock);
        Schedule = Self ? TileSchedule.OfBatch(RowBlocks) : TileSchedule.OfReferences(RowBlocks, ColumnBlocks);
        long work = (long)QueryCount * ReferenceCount * Math.Max(Dimension, Layout.SumLanes) / (Self ? 2 : 1);
        Workers = Team.Workers(Math.Min(work / Team.WorkPerWorker, Schedule.Steps), threads);
    }

    /// <summary>What the call is.</summary>
    public LossRequest Request { get; }

    public bool Self => Request.Self;

    public int QueryCount => Request.QueryCount;

    public int ReferenceCount => Request.ReferenceCount;

    public int Dimension => Request.Dimension;

    public bool NeedsGradient => Request.QueryGradient || Request.ReferenceGradient;

    /// <summary>Rows of a tile.</summary>
    public int RowBlock { get; }

    /// <summary>Columns of a tile.</summary>
    public const int ColumnBlock = Layout.Tile;

    public int RowBlocks { get; }

    public int ColumnBlocks { get; }

    /// <summary>The tiles in their order.</summary>
    public TileSchedule Schedule { get; }

    public int Workers { get; }

    /// <summary>Whether each tile packs its references for itself, in its worker's scratch: no other tile has them, or a gallery has done most of it.</summary>
    public bool PacksByTile => Request.Packed || (!Self && RowBlocks == 1);

    /// <summary>Numbers of the similarities of all tiles.</summary>
    public long SimilaritiesSize => KeptRows * Layout.TileStride * (Self ? Schedule.Steps : (long)RowBlocks * ColumnBlocks);

    /// <summary>Where the similarities of a tile lie among those of all.</summary>
    public nint SimilaritiesAt(TileUnit unit, long step) =>
        (nint)(Self ? step : ((long)unit.RowBlock * ColumnBlocks) + unit.ColumnBlock) * KeptRows * Layout.TileStride;

    // Rows of a tile that is kept: of a single block those that its queries need, up to the four that kernels evaluate at once.
    private int KeptRows => !Self && RowBlocks == 1 ? (QueryCount + 3) / 4 * 4 : RowBlock;
}
