using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ManagedCircle;

/// <summary>The memory of one call, a range at a time: one that is written overlaps no other.</summary>
/// <remarks>An error names two ranges in the order in which they were added.</remarks>
internal ref struct CallMemory
{
    // References, not addresses: what is not pinned may move between two looks at it. No array, not even an inline one, holds references.
    private Range r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13;
    private int count;

    /// <summary>Adds a range that the call reads.</summary>
    /// <exception cref="ArgumentException">It overlaps one that is written.</exception>
    public void Reads<T>(ReadOnlySpan<T> range, string name)
        where T : unmanaged => Add(Range.Of(range, name, isWritten: false), mayBeRead: false);

    /// <summary>Adds a range that the call writes.</summary>
    /// <param name="range">The range; empty for none.</param>
    /// <param name="name">What an error calls it.</param>
    /// <param name="mayBeRead">Whether it may be exactly a range that is read.</param>
    /// <exception cref="ArgumentException">It overlaps another.</exception>
    public void Writes<T>(Span<T> range, string name, bool mayBeRead = false)
        where T : unmanaged => Add(Range.Of<T>(range, name, isWritten: true), mayBeRead);

    private void Add(Range range, bool mayBeRead)
    {
        if (range.IsEmpty)
        {
            return;
        }

        for (int i = 0; i < count; i++)
        {
            ref Range earlier = ref At(ref this, i);
            if ((earlier.IsWritten || (range.IsWritten && !(mayBeRead && range.Is(earlier)))) && range.Overlaps(earlier))
            {
                throw ThrowIf.Overlapping(earlier.Name, range.Name);
            }
        }

        At(ref this, count) = range;
        count++;
    }

    private static ref Range At(ref CallMemory memory, int index)
    {
        switch (index)
        {
            case 0: return ref memory.r0;
            case 1: return ref memory.r1;
            case 2: return ref memory.r2;
            case 3: return ref memory.r3;
            case 4: return ref memory.r4;
            case 5: return ref memory.r5;
            case 6: return ref memory.r6;
            case 7: return ref memory.r7;
            case 8: return ref memory.r8;
            case 9: return ref memory.r9;
            case 10: return ref memory.r10;
            case 11: return ref memory.r11;
            case 12: return ref memory.r12;
            case 13: return ref memory.r13;
            default: throw new System.Diagnostics.UnreachableException("A call has at most 14 ranges.");
        }
    }

    private readonly ref struct Range
    {
        private readonly ref readonly byte start;
        private readonly nuint length;

        private Range(ref readonly byte start, nuint length, string name, bool isWritten)
        {
            this.start = ref start;
            this.length = length;
            Name = name;
            IsWritten = isWritten;
        }

        public string Name { get; }

        public bool IsWritten { get; }

        public bool IsEmpty => length == 0;

        public static Range Of<T>(ReadOnlySpan<T> range, string name, bool isWritten)
            where T : unmanaged =>
            new(in Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(range)), (nuint)range.Length * (nuint)Unsafe.SizeOf<T>(), name, isWritten);

        public bool Is(Range other) => Unsafe.AreSame(in start, in other.start) && length == other.length;

        public bool Overlaps(Range other)
        {
            nuint distance = (nuint)Unsafe.ByteOffset(in start, in other.start);
            return distance < length || (nuint)(-(nint)distance) < other.length;
        }
    }
}
