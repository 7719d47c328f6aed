using System.Runtime.CompilerServices;
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

    /// <summary>Set where no row shares its label with a column, so that labels need not be compared.</summary>
    public bool NoPositives;

    /// <summary>Labels of the rows, as bits.</summary>
    public int* RowLabels;

    /// <summary>Labels of the columns, as bits; readable up to a whole tile.</summary>
    public int* ColumnLabels;

    /// <summary>The reference that each row is not compared with, or null.</summary>
    public int* Excluded;

    /// <summary>The reference in the first column.</summary>
    public int FirstColumn;

    /// <summary>The totals of the rows' and the columns' positives, and room for four rows of 16 side by side; none where not asked for.</summary>
    public PositiveTotals RowTotals, ColumnTotals, LaneTotals;

    /// <summary>The column in which a row's pairs begin, rounded down to whole sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FirstPair(int row) => Triangle ? row / Layout.SumLanes * Layout.SumLanes : 0;

    /// <summary>Whether every pair of the rows from <paramref name="row"/> on with the columns from <paramref name="column"/> on takes part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool AllTakePart(int row, int rows, int column, int lanes) =>
        row + rows <= Rows && column + lanes <= Columns && (!Triangle || column >= row + rows) && (Excluded == null || !Excludes(row, rows, column, lanes));

    /// <summary>Whether one of the rows is not compared with one of the columns.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly bool Excludes(int row, int rows, int column, int lanes)
    {
        bool any = false;
        for (int i = 0; i < rows; i++)
        {
            any |= (uint)(Excluded[row + i] - FirstColumn - column) < (uint)lanes;
        }

        return any;
    }

    /// <summary>The masks of the pairs of four rows that take part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Four<TSimd> TakePart<TSimd>(int row, int column)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd index = TSimd.Indices + TSimd.Broadcast(column);
        TSimd inside = TSimd.LessThan(index, TSimd.Broadcast(Columns));
        return new(TakesPart(row, index, inside), TakesPart(row + 1, index, inside), TakesPart(row + 2, index, inside), TakesPart(row + 3, index, inside));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly TSimd TakesPart<TSimd>(int row, TSimd index, TSimd inside)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (row >= Rows)
        {
            return default;
        }

        if (Triangle)
        {
            inside &= TSimd.LessThan(TSimd.Broadcast(row), index);
        }

        return Excluded == null ? inside : TSimd.AndNot(inside, TSimd.Equal(index, TSimd.Broadcast(Excluded[row] - FirstColumn)));
    }
}
