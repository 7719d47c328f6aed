using System.Numerics;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Engine;

/// <summary>Groups rows by label, in order of first appearance, so that positive pairs lie side by side.</summary>
/// <remarks>
/// Vectors of negatives alone are two to three times cheaper than those that hold a positive, too. In a batch whose classes lie scattered most vectors do;
/// after ordering, a few. That depends on the labels of these rows alone, so results do too. It costs some 10 ns a row, and 40 where rows then come from
/// memory in no order; a vector holds a positive more seldom the more labels there are, and from a number on ordering is not worth it.
/// </remarks>
internal static unsafe class LabelOrder
{
    /// <summary>Numbers of scratch for so many rows, and labels at most.</summary>
    public static int ScratchSize(int count, int mostLabels) => checked(TableSize(count, mostLabels) + (4 * count));

    // At most half of it is taken.
    private static int TableSize(int count, int mostLabels) => checked((int)BitOperations.RoundUpToPowerOf2((2 * (uint)Math.Min(count, mostLabels)) + 2));

    /// <summary>
    /// Orders codes, and the rows they are of. Returns the rows in order; or <paramref name="rows"/> if no label's rows lie apart, or there are more labels.
    /// </summary>
    /// <param name="codes">A label's code for each row, shape [count]; ordered in place.</param>
    /// <param name="rows">The rows, shape [count], or null for all in their order.</param>
    /// <param name="count">How many.</param>
    /// <param name="mostLabels">How many labels are worth it.</param>
    /// <param name="ordered">Receives the rows in order, shape [count]; may be where they are.</param>
    /// <param name="scratch">Shape [<see cref="ScratchSize"/>].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int* Of(int* codes, int* rows, int count, int mostLabels, int* ordered, int* scratch)
    {
        int* groupOf = scratch, codeOf = groupOf + count, start = codeOf + count, from = start + count, table = from + count;
        int tableSize = TableSize(count, mostLabels), groups = 0;
        bool apart = false;
        new Span<int>(table, tableSize).Clear();
        new Span<int>(start, count).Clear();
        for (int i = 0; i < count; i++)
        {
            groupOf[i] = i > 0 && codes[i] == codes[i - 1] ? groupOf[i - 1] : Group(codes[i], codeOf, ref groups, table, tableSize, ref apart);
            start[groupOf[i]]++;
            if (groups > mostLabels)
            {
                return rows;
            }
        }

        if (!apart)
        {
            return rows;
        }

        for (int group = 0, next = 0; group < groups; group++)
        {
            int size = start[group];
            new Span<int>(codes + next, size).Fill(codeOf[group]);
            start[group] = next;
            next += size;
        }

        for (int i = 0; i < count; i++)
        {
            from[i] = rows == null ? i : rows[i];
        }

        for (int i = 0; i < count; i++)
        {
            ordered[start[groupOf[i]]++] = from[i];
        }

        return ordered;
    }

    // Open addressing, as for codes: a place holds the number of a group, counted from 1.
    private static int Group(int code, int* codeOf, ref int groups, int* table, int tableSize, ref bool apart)
    {
        int mask = tableSize - 1, place = (int)((uint)code * 0x9E3779B1u >> BitOperations.LeadingZeroCount((uint)mask)) & mask;
        while (table[place] != 0)
        {
            if (codeOf[table[place] - 1] == code)
            {
                apart = true;
                return table[place] - 1;
            }

            place = (place + 1) & mask;
        }

        codeOf[groups++] = code;
        return (table[place] = groups) - 1;
    }
}
