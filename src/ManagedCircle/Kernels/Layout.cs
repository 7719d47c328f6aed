namespace ManagedCircle.Kernels;

/// <summary>The sizes that packed rows and tiles share.</summary>
/// <remarks>
/// Unit rows are packed twice. <b>Panels</b> <c>[count / 32][dimension][32]</c> hold 32 rows side by side, so that a vector is the same coordinate of
/// neighbouring rows: the right operand of the similarity product. <b>Slices</b> <c>[dimension / 32][count][32]</c> hold 32 coordinates of
/// a row side by side: the left operand of the similarity product, the right operand of the gradient product, and the gradient itself.
/// </remarks>
internal static class Layout
{
    /// <summary>Numbers side by side in a packed row: 32 rows in a panel, 32 coordinates in a slice.</summary>
    public const int Pack = 32;

    /// <summary>Rows and columns of a tile of similarities, which stays in the L2 cache while it is used.</summary>
    public const int Tile = 256;

    /// <summary>Numbers from one row of a tile to the next.</summary>
    /// <remarks>No power of two, so that the rows of a column fall into different cache sets; a constant, so that a kernel's rows are displacements.</remarks>
    public const int TileStride = Tile + 16;

    /// <summary>Lanes that every running sum has, on any width of vector, so that every width gives the same bits.</summary>
    public const int SumLanes = 16;

    /// <summary>The longest chain of products that is summed before it is added to its destination.</summary>
    public const int Depth = 256;

    /// <summary>The longest chain of products of a similarity that is no part of a loss.</summary>
    /// <remarks>
    /// Twice a gradient's: adding to the caller's matrix, whose rows may fall into the same cache sets, costs more than a panel of 64 KB that the L1 cache does
    /// not hold. A search has the same, as it gives the same bits.
    /// </remarks>
    public const int SimilarityDepth = 2 * Depth;

    /// <summary>value rounded up to whole packs.</summary>
    public static int Packed(int value) => (value + Pack - 1) / Pack * Pack;

    /// <summary>How many blocks of a size hold <paramref name="count"/>.</summary>
    public static int Blocks(int count, int size) => (int)(((long)count + size - 1) / size);
}
