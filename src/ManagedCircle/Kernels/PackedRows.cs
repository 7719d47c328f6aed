namespace ManagedCircle.Kernels;

/// <summary>Where packed rows live; see <see cref="Layout"/>.</summary>
internal unsafe struct PackedRows
{
    /// <summary>Shape [count / 32][dimension][32], or null where no product needs it.</summary>
    public float* Panels;

    /// <summary>Shape [dimension / 32][count][32], slices <see cref="SliceStride"/> apart, or null where no product needs it.</summary>
    public float* Slices;

    /// <summary>1 / norm of each row, 0 for a zero row, 1 where rows are taken as they are; shape [count].</summary>
    public float* InverseNorms;

    /// <summary>Numbers from one slice to the next.</summary>
    public nint SliceStride;

    /// <summary>Rows.</summary>
    public int Count;

    /// <summary>The caller's row that comes first; the rows before it come last.</summary>
    public int First;

    /// <summary>Coordinates of a row.</summary>
    public int Dimension;

    /// <summary>Takes the memory of so many rows.</summary>
    public static PackedRows Lay(ref Arena arena, int count, int dimension, bool panels = true, bool slices = true)
    {
        PackedRows rows = new() { Count = count, Dimension = dimension, SliceStride = StrideOfSlices(count) };
        rows.Panels = arena.Take<float>(panels ? Layout.Blocks(count, Layout.Pack) * rows.PanelSize : 0);
        rows.Slices = arena.Take<float>(slices ? rows.SlicesSize : 0);
        rows.InverseNorms = arena.Take<float>(Layout.Packed(count));
        return rows;
    }

    /// <summary>Numbers in a panel.</summary>
    public readonly nint PanelSize => (nint)Layout.Packed(Dimension) * Layout.Pack;

    /// <summary>Numbers in all slices, which are also those of a gradient.</summary>
    public readonly nint SlicesSize => SliceStride * Layout.Blocks(Dimension, Layout.Pack);

    /// <summary>Places from <see cref="First"/> on to the caller's last row; the rows before <see cref="First"/> have those behind.</summary>
    public readonly int Wrap => Count - First;

    /// <summary>The caller's row at a place.</summary>
    public readonly int Row(int place) => place < Wrap ? place + First : place - Wrap;

    /// <summary>The first place from <paramref name="place"/> on, or <paramref name="end"/>, whose row does not follow the row before it.</summary>
    public readonly int RunEnd(int place, int end) => place < Wrap ? Math.Min(end, Wrap) : end;

    /// <summary>The panel that holds <paramref name="row"/>, which begins one.</summary>
    public readonly float* Panel(int row) => Panels + (row / Layout.Pack * PanelSize);

    /// <summary>Row <paramref name="row"/> of slice <paramref name="slice"/>.</summary>
    public readonly float* Slice(int slice, int row) => Slices + (slice * SliceStride) + ((nint)row * Layout.Pack);

    // Eight rows more than needed: neighbouring slices of a power of two of rows would fall into the same cache sets.
    private static nint StrideOfSlices(int count) => count == 0 ? 0 : (nint)(Layout.Packed(count) + 8) * Layout.Pack;
}
