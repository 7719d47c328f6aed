using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Xunit;
using ManagedCircle.Cli;
using ManagedCircle.Cli.Npy;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class NpyReaderTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("<f2", "False", 1)]
    [InlineData("<f4", "False", 1)]
    [InlineData("<f8", "False", 1)]
    [InlineData("<f4", "True", 1)]
    [InlineData("<f8", "True", 2)]
    [InlineData("<f2", "True", 3)]
    [InlineData("<f4", "False", 2)]
    [InlineData("<f4", "False", 3)]
    public void A_matrix_is_read_in_every_type_order_and_version(string type, string fortranOrder, byte version)
    {
        // Rows 0.5 1 1.5 and 2 2.5 3, which every type holds exactly.
        float[] stored = fortranOrder == "True" ? [0.5f, 2, 1, 2.5f, 1.5f, 3] : [0.5f, 1, 1.5f, 2, 2.5f, 3];
        byte[] data = [.. stored.SelectMany(value => type switch
        {
            "<f2" => BitConverter.GetBytes((Half)value),
            "<f4" => BitConverter.GetBytes(value),
            _ => BitConverter.GetBytes((double)value),
        })];
        string path = Save(NpyBytes.Build($"'{type}'", "(2, 3)", data, fortranOrder, version));

        NpyMatrix<float> single = NpyReader.ReadMatrix<float>(path);
        NpyMatrix<double> wide = NpyReader.ReadMatrix<double>(path);

        Assert.Equal((2, 3), (single.Rows, single.Columns));
        Assert.Equal([0.5f, 1, 1.5f, 2, 2.5f, 3], single.Values);
        Assert.Equal([0.5, 1, 1.5, 2, 2.5, 3], wide.Values);
    }

    [Theory]
    [InlineData("<i4")]
    [InlineData("<i8")]
    [InlineData("<u4")]
    [InlineData("<u8")]
    public void Labels_are_read_in_every_type_and_in_both_shapes(string type)
    {
        long[] labels = [0, 1, 257, int.MaxValue];
        byte[] data = [.. labels.SelectMany(label => type[2] == '4' ? BitConverter.GetBytes((int)label) : BitConverter.GetBytes(label))];

        Assert.Equal(labels, NpyReader.ReadLabels(Save(NpyBytes.Build($"'{type}'", "(4,)", data))));
        Assert.Equal(labels, NpyReader.ReadLabels(Save(NpyBytes.Build($"'{type}'", "(4, 1)", data))));
    }

    [Fact]
    public void Labels_keep_their_last_bit()
    {
        long[] labels = [long.MaxValue, long.MaxValue - 1, (1L << 53) + 1, -1, long.MinValue];

        Assert.Equal(labels, NpyReader.ReadLabels(Save(NpyBytes.Labels(labels))));
        Assert.Equal([uint.MaxValue], NpyReader.ReadLabels(Save(NpyBytes.Build("'<u4'", "(1,)", [255, 255, 255, 255]))));
    }

    [Fact]
    public void Weights_are_read_in_both_shapes()
    {
        Assert.Equal([0.5f, 2f], NpyReader.ReadColumn<float>(Save(NpyBytes.Floats("(2,)", 0.5f, 2))));
        Assert.Equal([0.5f, 2f], NpyReader.ReadColumn<float>(Save(NpyBytes.Floats("(2, 1)", 0.5f, 2))));
    }

    [Fact]
    public void A_matrix_without_rows_keeps_its_dimension()
    {
        NpyMatrix<float> empty = NpyReader.ReadMatrix<float>(Save(NpyBytes.Floats("(0, 3)")));

        Assert.Equal((0, 3, 0), (empty.Rows, empty.Columns, empty.Values.Length));
    }

    [Fact]
    public void The_entries_of_a_header_stand_in_any_order_and_need_no_last_comma()
    {
        byte[] file = NpyBytes.WithDictionary("{'shape':(1,2),'fortran_order':False,'descr':'<f4'}", new byte[8]);

        Assert.Equal([0f, 0f], NpyReader.ReadMatrix<float>(Save(file)).Values);
    }

    public static TheoryData<string> BrokenMatrices => [.. Broken.Keys];

    private static readonly Dictionary<string, (byte[] File, string Reason)> Broken = new()
    {
        ["an empty file"] = ([], "truncated: the file ends within its header"),
        ["another format"] = ([.. "PK\x03\x04 and so on"u8], "no .npy file: expected it to begin with \\x93NUMPY"),
        ["a file cut in its magic string"] = (NpyBytes.Floats("(1, 1)", 1)[..5], "truncated: the file ends within its header"),
        ["a file cut in its header's length"] = (NpyBytes.Floats("(1, 1)", 1)[..9], "truncated: the file ends within its header"),
        ["a file cut in its header"] = (NpyBytes.Floats("(1, 1)", 1)[..40], "truncated: the file ends within its header"),
        ["a file cut in its numbers"] = (NpyBytes.Floats("(2, 2)", 1, 2, 3, 4)[..^3], "truncated: 13 bytes of numbers, expected 16 for shape (2, 2) of <f4"),
        ["a file with more than its numbers"] = ([.. NpyBytes.Floats("(1, 1)", 1), 0], "longer than its header says: 5 bytes of numbers, expected 4 for shape (1, 1) of <f4"),
        ["version 4"] = ([0x93, .. "NUMPY"u8, 4, 0, 0, 0], ".npy version 4.0: expected 1.0, 2.0 or 3.0"),
        ["version 1.1"] = ([0x93, .. "NUMPY"u8, 1, 1, 0, 0], ".npy version 1.1: expected 1.0, 2.0 or 3.0"),
        ["a header of 4 GB"] = ([0x93, .. "NUMPY"u8, 2, 0, 255, 255, 255, 255], "a header of 4294967295 bytes: expected at most 65536"),
        ["a header that is no dictionary"] = (NpyBytes.WithDictionary("hello", []), "a header that cannot be read"),
        ["a header without a shape"] = (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, }", []), "a header that cannot be read"),
        ["a header with two shapes"] = (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), 'shape': (1, 1), }", new byte[4]), "a header that cannot be read"),
        ["a header with more after it"] = (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), } x", new byte[4]), "a header that cannot be read"),
        ["an order that is neither"] = (NpyBytes.Build("'<f4'", "(1, 1)", new byte[4], "Maybe"), "a header that cannot be read"),
        ["a negative axis"] = (NpyBytes.Floats("(-1, 2)"), "a header that cannot be read"),
        ["big-endian numbers"] = (NpyBytes.Build("'>f4'", "(1, 1)", new byte[4]), "big-endian type >f4: expected numbers of <f2, <f4 or <f8"),
        ["Python objects"] = (NpyBytes.Build("'|O'", "(1, 1)", new byte[8]), "object type |O: expected numbers of <f2, <f4 or <f8"),
        ["records"] = (NpyBytes.Build("[('a', '<f4'), ('b', '<f4')]", "(1, 1)", new byte[8]), "structured type [('a', '<f4'), ('b', '<f4')]: expected numbers of <f2, <f4 or <f8"),
        ["integers"] = (NpyBytes.Build("'<i4'", "(1, 1)", new byte[4]), "type <i4: expected numbers of <f2, <f4 or <f8"),
        ["complex numbers"] = (NpyBytes.Build("'<c8'", "(1, 1)", new byte[8]), "type <c8: expected numbers of <f2, <f4 or <f8"),
        ["no type"] = (NpyBytes.Build("''", "(1, 1)", new byte[4]), "type : expected numbers of <f2, <f4 or <f8"),
        ["a scalar"] = (NpyBytes.Floats("()", 1), "shape (): expected (rows, dimension) with a dimension of at least 1"),
        ["a vector"] = (NpyBytes.Floats("(2,)", 1, 2), "shape (2,): expected (rows, dimension) with a dimension of at least 1"),
        ["three axes"] = (NpyBytes.Floats("(1, 1, 1)", 1), "shape (1, 1, 1): expected (rows, dimension) with a dimension of at least 1"),
        ["rows of dimension 0"] = (NpyBytes.Floats("(2, 0)"), "shape (2, 0): expected (rows, dimension) with a dimension of at least 1"),
        ["an axis beyond 32 bits"] = (NpyBytes.Floats("(4294967297, 1)", 1), "an axis of 4294967297: expected at most 2147483647"),
        ["an axis beyond 64 bits"] = (NpyBytes.Floats("(36893488147419103233, 1)", 1), "an axis of 36893488147419103233: expected at most 2147483647"),
        ["an axis of a thousand digits"] = (NpyBytes.Floats($"({new string('9', 1000)}, 1)", 1), "a header that cannot be read"),
        ["a thousand axes"] = (NpyBytes.Floats($"({string.Concat(Enumerable.Repeat("1,", 1000))})", 1), "a header that cannot be read"),
        ["a shape whose bytes overflow"] = (
            NpyBytes.Build("'<f8'", "(2147483647, 2147483647)", new byte[8]),
            "truncated: 8 bytes of numbers, expected 36893488113059364872 for shape (2147483647, 2147483647) of <f8"),
        ["NaN"] = (NpyBytes.Floats("(2, 2)", 1, 2, 3, float.NaN), "row 1, column 1 holds NaN: expected a finite float32"),
        ["infinity"] = (NpyBytes.Floats("(2, 2)", 1, 2, float.NegativeInfinity, 4), "row 1, column 0 holds -Infinity: expected a finite float32"),
        ["a double that no float holds"] = (NpyBytes.Build("'<f8'", "(1, 1)", BitConverter.GetBytes(1e39)), "row 0 holds Infinity: expected a finite float32"),
        ["NaN in Fortran order"] = (
            NpyBytes.Build("'<f4'", "(2, 2)", [.. new[] { 1, float.NaN, 3, 4 }.SelectMany(BitConverter.GetBytes)], "True"),
            "row 1, column 0 holds NaN: expected a finite float32"),
    };

    [Theory]
    [MemberData(nameof(BrokenMatrices))]
    public void A_matrix_that_cannot_be_read_is_rejected_with_the_reason(string what)
    {
        string path = Save(Broken[what].File);

        BadInputException error = Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>(path));

        Assert.StartsWith($"{path}: {Broken[what].Reason}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_cannot_be_read_are_rejected_with_the_reason()
    {
        Expect("type <f4: expected labels of <i4, <i8, <u4 or <u8", NpyBytes.Floats("(1,)", 1));
        Expect("type |i1: expected labels of <i4, <i8, <u4 or <u8", NpyBytes.Build("'|i1'", "(1,)", new byte[1]));
        Expect("big-endian type >i8: expected labels of <i4, <i8, <u4 or <u8", NpyBytes.Build("'>i8'", "(1,)", new byte[8]));
        Expect("shape (1, 2): expected (rows,) or (rows, 1)", NpyBytes.Build("'<i4'", "(1, 2)", new byte[8]));
        Expect("shape (): expected (rows,) or (rows, 1)", NpyBytes.Build("'<i4'", "()", new byte[4]));
        Expect("row 1 holds 18446744073709551615: expected labels of at most 9223372036854775807", NpyBytes.Build("'<u8'", "(2,)", [.. new byte[8], .. BitConverter.GetBytes(-1L)]));

        void Expect(string reason, byte[] file)
        {
            string path = Save(file);
            Assert.Equal($"{path}: {reason}", Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(path)).Message);
        }
    }

    [Fact]
    public void A_file_that_cannot_be_opened_is_rejected_with_the_reason()
    {
        string missing = directory["missing.npy"];

        Assert.Equal($"{missing}: no such file", Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(missing)).Message);
        Assert.Equal($"{directory[""]}: a directory: expected a .npy file", Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(directory[""])).Message);
        Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(""));
    }

    [Theory]
    [InlineData("an empty file")]
    [InlineData("a header of 4 GB")]
    [InlineData("a shape whose bytes overflow")]
    [InlineData("a file cut in its numbers")]
    public void A_small_file_makes_no_large_allocation(string what)
    {
        string path = Save(Broken[what].File);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Property]
    public void What_is_written_is_read_back_to_the_bit(float[] values, PositiveInt columns)
    {
        float[] finite = [.. values.Where(float.IsFinite)];
        int dimension = Math.Min(columns.Get, Math.Max(1, finite.Length));
        float[] matrix = finite[..(finite.Length / dimension * dimension)];
        string path = directory["written.npy"];
        using (FileStream file = File.Create(path))
        {
            NpyWriter.Write<float>(file, matrix, matrix.Length / dimension, dimension);
        }

        NpyMatrix<float> read = NpyReader.ReadMatrix<float>(path);

        Assert.Equal((matrix.Length / dimension, dimension), (read.Rows, read.Columns));
        Assert.Equal(matrix.Select(BitConverter.SingleToInt32Bits), read.Values.Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void A_written_file_has_the_bytes_that_NumPy_writes()
    {
        using MemoryStream file = new();
        NpyWriter.Write<double>(file, [1, 2, 3], 3);
        byte[] bytes = file.ToArray();

        string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }";
        Assert.Equal([0x93, .. "NUMPY"u8, 1, 0, 118, 0], bytes[..10]);
        Assert.Equal(header.PadRight(117) + "\n", Encoding.Latin1.GetString(bytes[10..128]));
        Assert.Equal(24, bytes.Length - 128);
        Assert.Equal(3, BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(144)));
    }

    [Property(MaxTest = 1000)]
    public void A_damaged_file_is_read_as_it_says_or_rejected_by_name(int seed)
    {
        Random random = new(seed);
        byte[] file = NpyBytes.Build("'<f4'", "(3, 2)", new byte[24], random.Next(2) == 0 ? "False" : "True", (byte)random.Next(1, 4));
        switch (random.Next(3))
        {
            case 0:
                file = file[..random.Next(file.Length)];
                break;
            case 1:
                file = [.. file, .. new byte[random.Next(1, 100)]];
                break;
            default:
                for (int damage = random.Next(1, 4); damage > 0; damage--)
                {
                    // Within the part that carries meaning, with a byte that means something there or any other.
                    file[random.Next(100)] = random.Next(2) == 0 ? (byte)"0123456789(),' <>|{}Oifu"[random.Next(23)] : (byte)random.Next(256);
                }

                break;
        }

        string path = Save(file);
        try
        {
            NpyMatrix<float> read = NpyReader.ReadMatrix<float>(path);
            Assert.Equal(read.Rows * read.Columns, read.Values.Length);
            Assert.All(read.Values, value => Assert.True(float.IsFinite(value)));
        }
        catch (BadInputException error)
        {
            Assert.StartsWith($"{path}: ", error.Message, StringComparison.Ordinal);
        }
    }

    private string Save(byte[] file)
    {
        string path = directory[string.Create(CultureInfo.InvariantCulture, $"{file.Length}.npy")];
        File.WriteAllBytes(path, file);
        return path;
    }
}
