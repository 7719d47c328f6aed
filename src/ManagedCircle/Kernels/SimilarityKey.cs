using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>A similarity and the index of its reference in one number: the more similar, and of equals the lower index, the smaller the number.</summary>
/// <remarks>The bits of a negative float ascend as it falls; those of others, which come first, do once they are turned. A zero loses its sign.</remarks>
internal static class SimilarityKey
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(float similarity, int index)
    {
        uint descending = Turned(BitConverter.SingleToUInt32Bits(similarity + 0f));
        return ((ulong)descending << 32) | (uint)index;
    }

    public static int Index(ulong key) => (int)key;

    public static float Similarity(ulong key) => BitConverter.UInt32BitsToSingle(Turned((uint)(key >> 32)));

    // Without a branch, as signs of similarities are of either kind. Turning twice changes nothing.
    private static uint Turned(uint bits) => bits ^ ((uint)~((int)bits >> 31) >> 1);
}
