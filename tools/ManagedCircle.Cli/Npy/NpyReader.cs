using System.Buffers.Binary;
using System.Numerics;

namespace ManagedCircle.Cli.Npy;

/// <summary>Reads NumPy <c>.npy</c> files, and says what is wrong with those it cannot read.</summary>
internal static class NpyReader
{
    private const int ChunkBytes = 1 << 16;

    private delegate T Decoder<T>(ReadOnlySpan<byte> bytes);

    /// <summary>Reads a matrix of finite numbers, shape [rows, columns] with at least one column.</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static NpyMatrix<T> ReadMatrix<T>(string path)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using FileStream stream = Open(path);
        NpyHeader header = NpyHeader.Read(stream, path);
        return header.Shape is [int rows, int columns and > 0]
            ? new NpyMatrix<T>(ReadFinite<T>(stream, path, header, rows, columns), rows, columns)
            : throw new BadInputException(path, $"shape {header.ShapeText}: expected (rows, dimension) with a dimension of at least 1");
    }

    /// <summary>Reads finite numbers, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static T[] ReadColumn<T>(string path)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using FileStream stream = Open(path);
        NpyHeader header = NpyHeader.Read(stream, path);
        return ReadFinite<T>(stream, path, header, ColumnLength(header, path), 1);
    }

    /// <summary>Reads integer labels, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static long[] ReadLabels(string path)
    {
        using FileStream stream = Open(path);
        return ReadLabels(stream, path);
    }

    /// <summary>Reads the integer labels of an open file, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is broken, or holds something else.</exception>
    public static long[] ReadLabels(Stream stream, string path)
    {
        NpyHeader header = NpyHeader.Read(stream, path);
        int count = ColumnLength(header, path);
        long[] labels = ReadValues<long>(stream, path, header, count, 1, header.Type switch
        {
            "<i4" => static bytes => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            "<u4" => static bytes => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            "<i8" or "<u8" => BinaryPrimitives.ReadInt64LittleEndian,
            _ => throw WrongType(path, header.Type, "labels of <i4, <i8, <u4 or <u8"),
        });

        int negative = header.Type == "<u8" ? labels.AsSpan().IndexOfAnyInRange(long.MinValue, -1) : -1;
        return negative < 0
            ? labels
            : throw new BadInputException(path, $"row {negative} holds {(ulong)labels[negative]}: expected labels of at most {long.MaxValue}");
    }

    /// <summary>Reads the numbers of an open file, of up to two axes; NaN and infinity are numbers here.</summary>
    /// <exception cref="BadInputException">The file is broken, or holds something else.</exception>
    public static (double[] Values, NpyHeader Header) ReadNumbers(Stream stream, string path)
    {
        NpyHeader header = NpyHeader.Read(stream, path);
        (int rows, int columns) = header.Shape switch
        {
            [] => (1, 1),
            [int count] => (count, 1),
            [int first, int second] => (first, second),
            _ => throw new BadInputException(path, $"shape {header.ShapeText}: expected at most two axes"),
        };
        return (ReadValues(stream, path, header, rows, columns, DecoderOf<double>(header, path)), header);
    }

    /// <summary>Opens a file of known length.</summary>
    /// <exception cref="BadInputException">There is none, or it cannot be opened.</exception>
    public static FileStream Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException(path, "a directory: expected a .npy file");
        }

        try
        {
            FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            return stream.CanSeek ? stream : throw new BadInputException(path, "a pipe or device: expected a file of known length");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BadInputException(path, "no such file");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BadInputException(path, $"cannot be opened: {error.Message}");
        }
    }

    private static int ColumnLength(NpyHeader header, string path) => header.Shape switch
    {
        [int count] => count,
        [int count, 1] => count,
        _ => throw new BadInputException(path, $"shape {header.ShapeText}: expected (rows,) or (rows, 1)"),
    };

    private static T[] ReadFinite<T>(Stream stream, string path, NpyHeader header, int rows, int columns)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] values = ReadValues(stream, path, header, rows, columns, DecoderOf<T>(header, path));
        for (int i = 0; i < values.Length; i++)
        {
            if (!T.IsFinite(values[i]))
            {
                string place = columns == 1 ? $"row {i}" : $"row {i / columns}, column {i % columns}";
                throw new BadInputException(path, $"{place} holds {values[i]}: expected a finite {(typeof(T) == typeof(float) ? "float32" : "float64")}");
            }
        }

        return values;
    }

    private static Decoder<T> DecoderOf<T>(NpyHeader header, string path)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => header.Type switch
        {
            "<f2" => static bytes => T.CreateTruncating(BinaryPrimitives.ReadHalfLittleEndian(bytes)),
            "<f4" => static bytes => T.CreateTruncating(BinaryPrimitives.ReadSingleLittleEndian(bytes)),
            "<f8" => static bytes => T.CreateTruncating(BinaryPrimitives.ReadDoubleLittleEndian(bytes)),
            _ => throw WrongType(path, header.Type, "numbers of <f2, <f4 or <f8"),
        };

    /// <summary>Reads the numbers into row-major order, a chunk at a time.</summary>
    private static T[] ReadValues<T>(Stream stream, string path, NpyHeader header, int rows, int columns, Decoder<T> decode)
    {
        int itemBytes = header.Type[^1] - '0';
        long count = (long)rows * columns;
        Int128 expected = (Int128)count * itemBytes;
        long held = stream.Length - stream.Position;
        if (held != expected)
        {
            string what = held < expected ? "truncated" : "longer than its header says";
            throw new BadInputException(path, $"{what}: {held} bytes of numbers, expected {expected} for shape {header.ShapeText} of {header.Type}");
        }

        if (count > Array.MaxLength)
        {
            throw new BadInputException(path, $"{count} numbers: expected at most {Array.MaxLength}");
        }

        T[] values = new T[count];
        byte[] chunk = new byte[Math.Min(ChunkBytes, held)];
        for (long done = 0; done < count;)
        {
            int taken = (int)Math.Min(chunk.Length / itemBytes, count - done);
            stream.ReadExactly(chunk, 0, taken * itemBytes);
            for (int i = 0; i < taken; i++, done++)
            {
                values[header.FortranOrder ? done % rows * columns + done / rows : done] = decode(chunk.AsSpan(i * itemBytes, itemBytes));
            }
        }

        return values;
    }

    private static BadInputException WrongType(string path, string type, string expected)
    {
        string what = type switch
        {
            ['>', ..] => "big-endian ",
            ['|', 'O', ..] => "object ",
            ['[', ..] => "structured ",
            _ => "",
        };
        return new BadInputException(path, $"{what}type {(type.Length > 40 ? type[..40] + "..." : type)}: expected {expected}");
    }
}
