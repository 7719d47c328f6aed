using System.Runtime.InteropServices;

namespace ManagedCircle.Tests.Support;

/// <summary>Numbers that end where readable memory ends: touching one beyond ends the process. Without mmap (Windows) there is no guard.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private readonly byte* memory;
    private readonly nuint extent;

    public GuardedMemory(int length)
    {
        Length = length;
        nuint page = (nuint)Environment.SystemPageSize, bytes = (nuint)length * sizeof(float);
        nuint pages = ((bytes + page - 1) / page) * page;
        extent = pages + page;
        if (!HasGuard)
        {
            memory = (byte*)NativeMemory.AllocZeroed(extent);
        }
        else
        {
            memory = (byte*)MemoryMap(null, extent, ReadAndWrite, Private | (OperatingSystem.IsLinux() ? 0x20 : 0x1000), -1, 0);
            if (memory == (byte*)-1 || Protect(memory + pages, page, 0) != 0)
            {
                throw new InvalidOperationException($"no guard page: error {Marshal.GetLastPInvokeError()}");
            }
        }

        Start = (float*)(memory + pages - bytes);
    }

    public static bool HasGuard => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    public float* Start { get; }

    public int Length { get; }

    public Span<float> Numbers => new(Start, Length);

    public static GuardedMemory Of(ReadOnlySpan<float> numbers)
    {
        GuardedMemory memory = new(numbers.Length);
        numbers.CopyTo(memory.Numbers);
        return memory;
    }

    public void Dispose()
    {
        if (HasGuard)
        {
            _ = Unmap(memory, extent);
        }
        else
        {
            NativeMemory.Free(memory);
        }
    }

    private const int ReadAndWrite = 3, Private = 2;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* MemoryMap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);
}
