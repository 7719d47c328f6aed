using System.Runtime.CompilerServices;
using ManagedCircle.Engine;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>The pairs of one tile: queries along the rows, references along the columns.</summary>
internal unsafe struct TilePairs
{
    /// <summary>Similarities, rows <see cref="Layout.TileStride"/> apart; what lies beyond the last column or row is never used.</summary>
    public float* Similarities;

    public int Rows;

    public int Columns;

    /// <summary>Whether only the pairs above the diagonal take part (a block of a batch against itself).</summary>
    public bool Triangle;

    /// <summary>Labels of the rows, as bits.</summary>
    public int* RowLabels;

    /// <summary>Labels of the columns, as bits; readable up to a whole tile.</summary>
    public int* ColumnLabels;

    /// <summary>The reference that each row is not compared with, or null.</summary>
    public int* Excluded;

    /// <summary>The reference in the first column.</summary>
    public int FirstColumn;

    /// <summary>The column in which a row's pairs begin, rounded down to whole sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FirstPair(int row) => Triangle ? row / Layout.SumLanes * Layout.SumLanes : 0;

    /// <summary>Whether every pair of the rows from <paramref name="row"/> on with the columns from <paramref name="column"/> on takes part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Whole(int row, int rows, int column, int lanes) =>
        row + rows <= Rows && column + lanes <= Columns && (!Triangle || column >= row + rows) && Excluded == null;

    /// <summary>The mask of the pairs of one row that take part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TSimd TakesPart<TSimd>(int row, int column)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (row >= Rows)
        {
            return default;
        }

        TSimd index = TSimd.Indices + TSimd.Broadcast(column);
        TSimd mask = TSimd.LessThan(index, TSimd.Broadcast(Columns));
        if (Triangle)
        {
            mask &= TSimd.LessThan(TSimd.Broadcast(row), index);
        }

        if (Excluded != null)
        {
            mask = TSimd.AndNot(mask, TSimd.Equal(index, TSimd.Broadcast(Excluded[row] - FirstColumn)));
        }

        return mask;
    }
}
