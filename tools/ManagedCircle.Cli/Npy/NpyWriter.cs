using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ManagedCircle.Cli.Npy;

/// <summary>Writes a NumPy <c>.npy</c> file, version 1, little-endian, C order.</summary>
internal static class NpyWriter
{
    /// <summary>Writes <paramref name="values"/>, of as many numbers as <paramref name="shape"/> says.</summary>
    public static void Write<T>(Stream stream, ReadOnlySpan<T> values, params int[] shape)
        where T : unmanaged
    {
        WriteHeader<T>(stream, shape);
        WriteValues(stream, values);
    }

    /// <summary>How many bytes such a file has.</summary>
    public static long Length<T>(params int[] shape)
        where T : unmanaged => long.CreateSaturating(HeaderOf<T>(shape).Length + shape.Aggregate((Int128)Unsafe.SizeOf<T>(), (bytes, axis) => bytes * axis));

    /// <summary>Writes what stands before the numbers, which follow in parts.</summary>
    public static void WriteHeader<T>(Stream stream, params int[] shape)
        where T : unmanaged => stream.Write(HeaderOf<T>(shape));

    private static byte[] HeaderOf<T>(int[] shape)
        where T : unmanaged
    {
        string type = typeof(T) == typeof(float) ? "<f4"
            : typeof(T) == typeof(double) ? "<f8"
            : typeof(T) == typeof(long) ? "<i8"
            : throw new NotSupportedException($"{typeof(T)} is no type of an output.");
        return new NpyHeader(type, FortranOrder: false, shape).ToBytes();
    }

    /// <summary>Writes the next numbers.</summary>
    public static void WriteValues<T>(Stream stream, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        const int Part = 1 << 20;
        for (; !values.IsEmpty; values = values[Math.Min(Part, values.Length)..])
        {
            stream.Write(MemoryMarshal.AsBytes(values[..Math.Min(Part, values.Length)]));
        }
    }
}
