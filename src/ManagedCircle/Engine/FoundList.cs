using System.Numerics;
using System.Runtime.InteropServices;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>A reference that a query found.</summary>
internal readonly record struct Found(int Query, ulong Key);

/// <summary>All that a worker finds above a similarity; it grows to the most that were found.</summary>
internal sealed unsafe class FoundList : IDisposable
{
    private Found* found;
    private nint room;

    ~FoundList() => Free();

    /// <summary>How many there are.</summary>
    public nint Count { get; private set; }

    public long Bytes => room * sizeof(Found);

    public ref readonly Found this[nint index] => ref found[index];

    public void Clear() => Count = 0;

    public void Add(int query, ulong key)
    {
        if (Count == room)
        {
            nint more = Math.Max(2 * room, 1 << 10);
            found = (Found*)NativeMemory.Realloc(found, checked((nuint)more * (nuint)sizeof(Found)));
            room = more;
        }

        found[Count++] = new Found(query, key);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(found);
        found = null;
        (room, Count) = (0, 0);
    }
}

/// <summary>Gives a worker's list what its queries find.</summary>
internal readonly unsafe struct FoundSink(FoundList list, float* thresholds, Admission admission) : INeighborSink
{
    private readonly Admission admission = admission;

    public float* Thresholds => thresholds;

    public void Take(int query, float* similarities, int reference, uint above)
    {
        int excluded = admission.ExcludedBy(query);
        for (; above != 0; above &= above - 1)
        {
            int column = BitOperations.TrailingZeroCount(above);
            if (admission.Admits(reference + column, excluded))
            {
                list.Add(admission.FirstQuery + query, SimilarityKey.Of(similarities[column], reference + column));
            }
        }
    }
}
