using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace ManagedCircle.Kernels;

/// <summary>Asks for memory ahead of its use, where the hardware cannot foresee it.</summary>
/// <remarks>Any address will do: one that is not there is ignored, as is all where .NET has no such instruction.</remarks>
internal static unsafe class Prefetch
{
    /// <summary>Numbers in a cache line of 64 bytes.</summary>
    public const int Line = 16;

    /// <summary>Asks for a line into the L1 cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Near(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Asks for a packed row, two lines, into the L1 cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NearRow(float* row)
    {
        Near(row);
        Near(row + Layout.Pack - 1);
    }

    /// <summary>Asks for a line into the L2 cache, and leaves the L1 cache to what is used now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Far(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
