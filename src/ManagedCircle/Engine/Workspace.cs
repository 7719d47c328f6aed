using System.Runtime.InteropServices;
using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>One block of native memory that grows to the largest need seen.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private byte* memory;
    private bool disposed;

    /// <summary>The bytes it holds.</summary>
    public nuint Capacity { get; private set; }

    ~Workspace() => Free();

    /// <summary>Makes room for so many bytes, and returns an arena of them; what was dealt out before is dealt out again.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public Arena Reset(nuint bytes)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (bytes > Capacity)
        {
            Free();
            memory = (byte*)NativeMemory.AlignedAlloc(bytes, Arena.Alignment);
            Capacity = bytes;
        }

        return new Arena(memory, bytes);
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
