using System.Runtime.InteropServices;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>One block of native memory that grows to the largest need seen, and deals out aligned parts of itself.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private byte* memory;
    private nuint used;
    private bool disposed;

    /// <summary>The bytes it holds.</summary>
    public nuint Capacity { get; private set; }

    ~Workspace() => Free();

    /// <summary>The bytes that <paramref name="count"/> numbers take.</summary>
    public static nuint SizeOf<T>(nint count)
        where T : unmanaged => ((nuint)count * (nuint)sizeof(T) + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment;

    /// <summary>Makes room for so many bytes, takes back everything dealt out, and returns an arena of them.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public Arena Reset(nuint bytes)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        used = 0;
        if (bytes > Capacity)
        {
            Free();
            memory = (byte*)NativeMemory.AlignedAlloc(bytes, Arena.Alignment);
            Capacity = bytes;
        }

        return new Arena(memory, bytes);
    }

    /// <summary>The next <paramref name="count"/> numbers, not cleared.</summary>
    public T* Take<T>(nint count)
        where T : unmanaged
    {
        T* part = (T*)(memory + used);
        used += SizeOf<T>(count);
        System.Diagnostics.Debug.Assert(used <= Capacity, "More taken than asked for.");
        return part;
    }

    public void Dispose()
    {
        disposed = true;
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the memory back; the workspace can be used again.</summary>
    public void Free()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
        Capacity = 0;
    }
}
