using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>A similarity and the index of its reference in one number: the more similar, and of equals the lower index, the smaller the number.</summary>
/// <remarks>The bits of a float ascend with it once those of a negative one are turned, and the sign of others is. A zero loses its sign.</remarks>
internal static class SimilarityKey
{
    private const uint Sign = 1u << 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(float similarity, int index)
    {
        uint bits = BitConverter.SingleToUInt32Bits(similarity + 0f);
        uint descending = (bits & Sign) == 0 ? ~(bits | Sign) : bits;
        return ((ulong)descending << 32) | (uint)index;
    }

    public static int Index(ulong key) => (int)key;

    public static float Similarity(ulong key)
    {
        uint descending = (uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((descending & Sign) == 0 ? ~descending & ~Sign : descending);
    }
}
