using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>Deals out the arrays of a call from one block of memory; without a block it counts the bytes that they take.</summary>
/// <remarks>So each array is named once, with its size: the same declaration is run twice, first to count and then to place.</remarks>
internal unsafe ref struct Arena
{
    /// <summary>Every array begins a cache line.</summary>
    public const int Alignment = 64;

    private readonly byte* memory;
    private readonly nuint size;

    /// <summary>Deals out a block, which begins a cache line.</summary>
    public Arena(void* memory, nuint size)
    {
        Debug.Assert((nuint)memory % Alignment == 0, "The block of an arena begins a cache line.");
        this.memory = (byte*)memory;
        this.size = size;
    }

    /// <summary>The bytes taken so far.</summary>
    public nuint Used { get; private set; }

    /// <summary>The next <paramref name="count"/> numbers, not cleared; null for none, and while it counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* Take<T>(nint count)
        where T : unmanaged
    {
        Debug.Assert(count >= 0, "An array has no negative size.");
        byte* part = memory + Used;
        Used = checked(Used + ((((nuint)count * (nuint)sizeof(T)) + (Alignment - 1)) / Alignment * Alignment));
        Debug.Assert(memory == null || Used <= size, "An array lies within the block that was counted for it.");
        return memory == null || count == 0 ? null : (T*)part;
    }
}
