using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace ManagedCircle.Cli.Npy;

/// <summary>Reads NumPy <c>.npy</c> files of integers, bools and floats in either byte order, and says what is wrong with those it cannot read.</summary>
internal static class NpyReader
{
    private const int ChunkNumbers = 1 << 13, LongestQuote = 40;

    /// <summary>Reads a matrix of finite numbers, shape [rows, columns] with at least one column.</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static NpyMatrix<T> ReadMatrix<T>(string path)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Read(path, static (stream, name) =>
        {
            (NpyHeader header, NpyType type) = ReadHeader(stream, name);
            return header.Shape is [int rows, int columns and > 0]
                ? new NpyMatrix<T>(ReadValues<T, FiniteNumbers<T>>(stream, name, header, type, rows, columns), rows, columns)
                : throw new BadInputException(name, $"shape {header.ShapeText}: expected (rows, dimension) with a dimension of at least 1");
        });

    /// <summary>Reads finite numbers, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static T[] ReadColumn<T>(string path)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Read(path, static (stream, name) =>
        {
            (NpyHeader header, NpyType type) = ReadHeader(stream, name);
            return ReadValues<T, FiniteNumbers<T>>(stream, name, header, type, ColumnLength(header, name), 1);
        });

    /// <summary>Reads labels, which are whole numbers, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is missing, broken, or holds something else.</exception>
    public static long[] ReadLabels(string path) => Read(path, ReadLabels);

    /// <summary>Reads the labels of an open file, shape [count] or [count, 1].</summary>
    /// <exception cref="BadInputException">The file is broken, or holds something else.</exception>
    public static long[] ReadLabels(Stream stream, string path)
    {
        (NpyHeader header, NpyType type) = ReadHeader(stream, path);
        return ReadValues<long, Labels>(stream, path, header, type, ColumnLength(header, path), 1);
    }

    /// <summary>Reads the numbers of an open file, of up to two axes; NaN and infinity are numbers here.</summary>
    /// <exception cref="BadInputException">The file is broken, or holds something else.</exception>
    public static (double[] Values, NpyHeader Header) ReadNumbers(Stream stream, string path)
    {
        (NpyHeader header, NpyType type) = ReadHeader(stream, path);
        (int rows, int columns) = header.Shape switch
        {
            [] => (1, 1),
            [int count] => (count, 1),
            [int first, int second] => (first, second),
            _ => throw new BadInputException(path, $"shape {header.ShapeText}: expected at most two axes"),
        };
        return (ReadValues<double, AllNumbers>(stream, path, header, type, rows, columns), header);
    }

    private static T Read<T>(string path, Func<Stream, string, T> read)
    {
        string name = InputFile.NameOf(path);
        using Stream stream = InputFile.Open(path);
        try
        {
            return read(stream, name);
        }
        catch (IOException error)
        {
            throw new BadInputException(name, $"cannot be read: {error.Message}");
        }
    }

    /// <summary>Reads what stands before the numbers, which must be plain ones.</summary>
    private static (NpyHeader Header, NpyType Type) ReadHeader(Stream stream, string path)
    {
        NpyHeader header = NpyHeader.Read(stream, path);
        string quoted = header.Type.Length > LongestQuote ? $"{header.Type[..LongestQuote]}..." : header.Type;
        return NpyType.Of(header.Type) is { } type ? (header, type)
            : throw new BadInputException(path, $"{NpyType.Describe(header.Type)}type {quoted}: expected integers, bools, or floats of 16, 32 or 64 bits");
    }

    private static int ColumnLength(NpyHeader header, string path) => header.Shape switch
    {
        [int count] => count,
        [int count, 1] => count,
        _ => throw new BadInputException(path, $"shape {header.ShapeText}: expected (rows,) or (rows, 1)"),
    };

    // ---- Of what a file stores, what is taken ------------------------------------------------------------------------------------------------------------

    private interface ITaken<T>
    {
        /// <summary>The number that a stored one is; false where that is none that may be here.</summary>
        static abstract bool TryTake<TStored>(TStored stored, out T value)
            where TStored : INumber<TStored>;

        /// <summary>What a number that was not taken should have been.</summary>
        static abstract string Expected<TStored>(TStored stored)
            where TStored : INumber<TStored>;
    }

    /// <summary>Any number, rounded to a double.</summary>
    private readonly struct AllNumbers : ITaken<double>
    {
        public static bool TryTake<TStored>(TStored stored, out double value)
            where TStored : INumber<TStored>
        {
            value = double.CreateTruncating(stored);
            return true;
        }

        public static string Expected<TStored>(TStored stored)
            where TStored : INumber<TStored> => "a number";
    }

    /// <summary>Finite numbers, rounded to the nearest one of <typeparamref name="T"/>.</summary>
    private readonly struct FiniteNumbers<T> : ITaken<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private static string Name => typeof(T) == typeof(float) ? "float32" : "float64";

        public static bool TryTake<TStored>(TStored stored, out T value)
            where TStored : INumber<TStored>
        {
            value = T.CreateTruncating(stored);
            return T.IsFinite(value);
        }

        public static string Expected<TStored>(TStored stored)
            where TStored : INumber<TStored> => TStored.IsFinite(stored)
                ? string.Create(CultureInfo.InvariantCulture, $"a number that {Name} holds, at most {float.MaxValue} in size")
                : $"a finite {Name}";
    }

    /// <summary>Whole numbers of 64 bits.</summary>
    private readonly struct Labels : ITaken<long>
    {
        public static bool TryTake<TStored>(TStored stored, out long value)
            where TStored : INumber<TStored>
        {
            Int128 whole = Int128.CreateSaturating(stored);
            value = long.CreateTruncating(whole);
            return TStored.IsInteger(stored) && value == whole;
        }

        public static string Expected<TStored>(TStored stored)
            where TStored : INumber<TStored> =>
                TStored.IsInteger(stored) ? $"a label from {long.MinValue} to {long.MaxValue}" : "a label that is a whole number";
    }

    // ---- The numbers, a chunk at a time ------------------------------------------------------------------------------------------------------------------

    /// <summary>Reads the numbers into row-major order.</summary>
    private static T[] ReadValues<T, TTaken>(Stream stream, string path, NpyHeader header, NpyType type, int rows, int columns)
        where TTaken : ITaken<T> => type switch
        {
            (NpyKind.Bool or NpyKind.Unsigned, 1, _) => ReadStored<byte, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Unsigned, 2, _) => ReadStored<ushort, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Unsigned, 4, _) => ReadStored<uint, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Unsigned, 8, _) => ReadStored<ulong, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Signed, 1, _) => ReadStored<sbyte, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Signed, 2, _) => ReadStored<short, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Signed, 4, _) => ReadStored<int, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Signed, 8, _) => ReadStored<long, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Float, 2, _) => ReadStored<Half, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Float, 4, _) => ReadStored<float, T, TTaken>(stream, path, header, type, rows, columns),
            (NpyKind.Float, 8, _) => ReadStored<double, T, TTaken>(stream, path, header, type, rows, columns),
            _ => throw new UnreachableException(),
        };

    private static T[] ReadStored<TStored, T, TTaken>(Stream stream, string path, NpyHeader header, NpyType type, int rows, int columns)
        where TStored : unmanaged, INumber<TStored>
        where TTaken : ITaken<T>
    {
        long count = (long)rows * columns;
        Int128 expected = (Int128)count * type.Bytes;
        long? held = stream.CanSeek ? stream.Length - stream.Position : null;
        if (held is not null && held != expected)
        {
            throw OtherLength(held < expected ? "truncated" : "longer than its header says", $"{held}");
        }

        if (count > Array.MaxLength)
        {
            throw new BadInputException(path, $"{count} numbers: expected at most {Array.MaxLength}");
        }

        // How long a pipe is nobody knows, so the array grows with what comes out of it, and not with what its header claims.
        TStored[] chunk = new TStored[Math.Min(count, ChunkNumbers)];
        T[] values = new T[held is null ? chunk.Length : count];
        for (long done = 0; done < count; done += chunk.Length)
        {
            Span<TStored> stored = chunk.AsSpan(0, (int)Math.Min(chunk.Length, count - done));
            Span<byte> bytes = MemoryMarshal.AsBytes(stored);
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (read < bytes.Length)
            {
                throw OtherLength("truncated", $"{done * type.Bytes + read}");
            }

            Straighten(bytes, type);
            if (values.Length < done + stored.Length)
            {
                Array.Resize(ref values, (int)Math.Min(count, 2L * values.Length));
            }

            Span<T> taken = values.AsSpan((int)done, stored.Length);
            for (int i = 0; i < stored.Length; i++)
            {
                if (!TTaken.TryTake(stored[i], out taken[i]))
                {
                    (long row, long column) = header.FortranOrder ? ((done + i) % rows, (done + i) / rows) : ((done + i) / columns, (done + i) % columns);
                    string place = columns == 1 ? $"row {row}" : $"row {row}, column {column}";
                    string number = stored[i].ToString(null, CultureInfo.InvariantCulture);
                    throw new BadInputException(path, $"{place} holds {number}: expected {TTaken.Expected(stored[i])}");
                }
            }
        }

        if (held is null && stream.ReadByte() >= 0)
        {
            throw OtherLength("longer than its header says", "more");
        }

        return header.FortranOrder ? RowMajor(values, rows, columns) : values;

        BadInputException OtherLength(string what, string bytes) =>
            new(path, $"{what}: {bytes} bytes of numbers, expected {expected} for shape {header.ShapeText} of {header.Type}");
    }

    /// <summary>Makes the bytes of each number those of this machine; a bool is 0 or 1.</summary>
    private static void Straighten(Span<byte> bytes, NpyType type)
    {
        for (int i = 0; type.Kind == NpyKind.Bool && i < bytes.Length; i++)
        {
            bytes[i] = bytes[i] == 0 ? (byte)0 : (byte)1;
        }

        for (int i = 0; type.BigEndian == BitConverter.IsLittleEndian && i < bytes.Length; i += type.Bytes)
        {
            bytes.Slice(i, type.Bytes).Reverse();
        }
    }

    private static T[] RowMajor<T>(T[] columnMajor, int rows, int columns)
    {
        T[] values = new T[columnMajor.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                values[row * columns + column] = columnMajor[column * rows + row];
            }
        }

        return values;
    }
}
