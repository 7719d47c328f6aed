using System.Numerics;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Engine;

/// <summary>Turns labels of any 64 bits into 32-bit codes that are equal where the labels are. Labels that fit in 32 bits are their own codes.</summary>
internal static unsafe class LabelCodes
{
    /// <summary>Whether every label fits in 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Fit(EmbeddingBatch batch)
    {
        long beyond = 0;
        foreach (long label in batch.Labels64)
        {
            beyond |= label ^ (int)label;
        }

        return beyond == 0;
    }

    /// <summary>The length of a table for so many labels: two numbers for each of its places, of which at most half are taken.</summary>
    public static int TableSize(int labels) => (int)BitOperations.RoundUpToPowerOf2((2 * (uint)labels) + 1) * 2;

    /// <summary>Writes the code of each row that takes part.</summary>
    /// <param name="batch">The labels.</param>
    /// <param name="rows">The rows that take part, or null for all.</param>
    /// <param name="count">How many take part.</param>
    /// <param name="table">Hash table of labels and codes, shape [size, 2], cleared before the first batch that shares it; empty where all labels fit.</param>
    /// <param name="codes">Receives the codes, shape [count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(EmbeddingBatch batch, int* rows, int count, Span<long> table, int* codes)
    {
        ReadOnlySpan<long> wide = batch.Labels64;
        ReadOnlySpan<int> narrow = batch.Labels32;
        for (int i = 0; i < count; i++)
        {
            int row = rows == null ? i : rows[i];
            long label = wide.IsEmpty ? narrow[row] : wide[row];
            codes[i] = table.IsEmpty ? (int)label : Code(label, table);
        }
    }

    // Open addressing; a place is empty while its code, which counts from 1, is 0. The first bits of the product depend on all bits of the label.
    private static int Code(long label, Span<long> table)
    {
        int mask = (table.Length / 2) - 1;
        int place = (int)((ulong)label * 0x9E3779B97F4A7C15 >> BitOperations.LeadingZeroCount((ulong)mask)) & mask;
        while (table[(2 * place) + 1] != 0 && table[2 * place] != label)
        {
            place = (place + 1) & mask;
        }

        (table[2 * place], table[(2 * place) + 1]) = (label, place + 1);
        return place + 1;
    }
}
