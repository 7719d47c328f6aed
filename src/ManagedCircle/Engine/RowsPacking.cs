using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>One side of a call: where its rows lie, and where they are packed.</summary>
internal unsafe struct RowsToPack
{
    public float* Rows;

    /// <summary>Numbers from one row to the next.</summary>
    public nint Stride;

    /// <summary>The row at each place, or null for the order of <see cref="Packed"/>.</summary>
    public int* Order;

    /// <summary>The place of the first row to pack.</summary>
    public int First;

    public PackedRows Packed;

    public readonly int Panels => Layout.Blocks(Packed.Count, Layout.Pack);
}

/// <summary>Packs the rows of a call, a panel at a time, by whichever workers are there.</summary>
internal unsafe struct RowsPacking
{
    private SharedCounter taken, done;
    private int badQuery, badReference;

    /// <summary>The first query that holds NaN or infinity; <see cref="int.MaxValue"/> for none.</summary>
    public readonly int BadQuery => badQuery;

    /// <summary>The first reference that holds NaN or infinity; <see cref="int.MaxValue"/> for none.</summary>
    public readonly int BadReference => badReference;

    /// <summary>Whether a row holds NaN or infinity.</summary>
    public readonly bool FoundBad => Math.Min(badQuery, badReference) != int.MaxValue;

    /// <summary>Makes ready for a call.</summary>
    public void Reset() => (taken.Value, done.Value, badQuery, badReference) = (0, 0, int.MaxValue, int.MaxValue);

    /// <summary>Takes part in the packing, and returns when every panel is packed.</summary>
    /// <param name="team">The workers.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references; none in a batch against itself.</param>
    /// <param name="normalize">Whether rows are divided by their norm.</param>
    /// <param name="scratch">The worker's, room for a panel's slices.</param>
    public void Run<TSimd>(Team team, in RowsToPack queries, in RowsToPack references, bool normalize, float* scratch)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int queryPanels = queries.Panels, panels = queryPanels + references.Panels;
        for (long panel = team.Next(ref taken); panel < panels; panel = team.Next(ref taken))
        {
            if (panel < queryPanels)
            {
                Pack<TSimd>(queries, (int)panel, normalize, scratch, ref badQuery);
            }
            else
            {
                Pack<TSimd>(references, (int)panel - queryPanels, normalize, scratch, ref badReference);
            }

            Interlocked.Increment(ref done.Value);
        }

        team.Await(ref done, panels);
    }

    /// <summary>Packs some of the references.</summary>
    /// <param name="references">Those of a tile.</param>
    /// <param name="normalize">Whether rows are divided by their norm.</param>
    /// <param name="scratch">The worker's, room for a panel's slices.</param>
    public void Pack<TSimd>(in RowsToPack references, bool normalize, float* scratch)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int panel = 0; panel < references.Panels; panel++)
        {
            Pack<TSimd>(references, panel, normalize, scratch, ref badReference);
        }
    }

    // Slices, from which panels are made, are written over each other in the scratch where no product needs them, and so stay in the L1 cache.
    private static void Pack<TSimd>(in RowsToPack rows, int panel, bool normalize, float* scratch, ref int bad)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int first = panel * Layout.Pack;
        PackedRows packed = rows.Packed;
        if (packed.Slices == null)
        {
            packed.Slices = scratch - ((nint)first * Layout.Pack);
            packed.SliceStride = 0;
        }

        bool ordered = rows.Order != null;
        int found = RowPacking.Pack<TSimd>(
            ordered ? rows.Rows : rows.Rows + (rows.First * rows.Stride), rows.Stride, ordered ? rows.Order + rows.First : null, normalize, packed, first);
        found = found < 0 || ordered ? found : found + rows.First;
        for (int known = Volatile.Read(ref bad); found >= 0 && found < known; known = Volatile.Read(ref bad))
        {
            Interlocked.CompareExchange(ref bad, found, known);
        }
    }
}
