using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Takes some rows out of panels.</summary>
internal static unsafe class PanelCopy
{
    /// <summary>Makes <paramref name="taken"/> hold rows of <paramref name="source"/>: panels and slices where it has room for them.</summary>
    /// <param name="source">Rows in panels.</param>
    /// <param name="order">The row at each place, or null for all in their order; then panels are not copied.</param>
    /// <param name="first">The first place to take, which begins a panel.</param>
    /// <param name="taken">As many rows as it counts, from place 0 on; panels or slices that it is not to have are null.</param>
    public static void Take<TSimd>(in PackedRows source, int* order, int first, ref PackedRows taken)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int row = 0; order != null && row < taken.Count; row++)
        {
            int from = order[first + row];
            CopyRow(source.Panel(from) + (from % Layout.Pack), row, taken);
        }

        if (order == null)
        {
            taken.Panels = source.Panel(first);
            if (taken.Slices != null)
            {
                ToSlices<TSimd>(taken);
            }
        }
    }

    // A row's coordinates lie 32 numbers apart in its panel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyRow(float* from, int row, in PackedRows taken)
    {
        float* panel = taken.Panels == null ? null : taken.Panel(row) + (row % Layout.Pack), slice = taken.Slices == null ? null : taken.Slice(0, row);
        int dimension = taken.Dimension;
        for (int i = 0; i < dimension; i++)
        {
            float coordinate = from[i * Layout.Pack];
            if (panel != null)
            {
                panel[i * Layout.Pack] = coordinate;
            }

            if (slice != null)
            {
                slice[((i / Layout.Pack) * taken.SliceStride) + (i % Layout.Pack)] = coordinate;
            }
        }

        if (slice != null)
        {
            ClearRest(slice, taken);
        }
    }

    private static void ToSlices<TSimd>(in PackedRows rows)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int first = 0; first < rows.Count; first += Layout.Pack)
        {
            float* panel = rows.Panel(first), slice = rows.Slice(0, first);
            int count = Math.Min(Layout.Pack, rows.Count - first);
            for (int start = 0; start < rows.Dimension; start += Layout.Pack, slice += rows.SliceStride)
            {
                int coordinates = Math.Min(Layout.Pack, rows.Dimension - start);
                Transposition.Transpose<TSimd, Cached>(panel + (start * Layout.Pack), Layout.Pack, coordinates, count, slice, Layout.Pack);
            }

            for (int row = first; row < first + count; row++)
            {
                ClearRest(rows.Slice(0, row), rows);
            }
        }
    }

    // Behind a row's last coordinate its last slice is 0.
    private static void ClearRest(float* slice, in PackedRows rows)
    {
        int last = (rows.Dimension - 1) / Layout.Pack, rest = rows.Dimension - (last * Layout.Pack);
        new Span<float>(slice + (last * rows.SliceStride) + rest, Layout.Pack - rest).Clear();
    }
}
