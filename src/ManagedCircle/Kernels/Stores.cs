using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>How a kernel stores.</summary>
internal unsafe interface IStores
{
    /// <summary>Stores a vector; past the caches only to where a vector of memory begins.</summary>
    static abstract void Store<TSimd>(TSimd value, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <summary>Through the caches.</summary>
internal readonly unsafe struct Cached : IStores
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Store(value, destination);
}

/// <summary>Through the caches, added to what is there.</summary>
internal readonly unsafe struct Added : IStores
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Store(TSimd.Load(destination) + value, destination);
}

/// <summary>Past the caches: what is not read again soon need not go through them.</summary>
internal readonly unsafe struct Streamed : IStores
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreStreaming(value, destination);
}
