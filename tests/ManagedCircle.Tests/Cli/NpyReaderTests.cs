using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipes;
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

    public static TheoryData<string> Types =>
        ["|b1", "|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4", "<u8", ">u8", "<i8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"];

    [Theory]
    [MemberData(nameof(Types))]
    public void Rows_weights_and_labels_are_read_in_every_type_and_byte_order(string type)
    {
        double[] values = type == "|b1" ? [0, 1, 1, 0] : type[1] == 'u' ? [0, 1, 200, 3] : [0, -1, 100, -128];
        byte[] rows = NpyBytes.Numbers(type, "(2, 2)", values), column = NpyBytes.Numbers(type, "(4, 1)", values),
            flat = NpyBytes.Numbers(type, "(4,)", values);
        byte[] transposed = NpyBytes.Numbers(type, "(2, 2)", [values[0], values[2], values[1], values[3]], fortranOrder: "True");

        Assert.Equal(values, NpyReader.ReadMatrix<double>(Save(rows)).Values);
        Assert.Equal(values.Select(value => (float)value), NpyReader.ReadMatrix<float>(Save(transposed)).Values);
        Assert.Equal(values, NpyReader.ReadColumn<double>(Save(column)));
        Assert.Equal(values.Select(value => (long)value), NpyReader.ReadLabels(Save(column)));
        Assert.Equal(values.Select(value => (long)value), NpyReader.ReadLabels(Save(flat)));
    }

    [Theory]
    [InlineData("<f4", "f4", "=f4", "|f4", "f", "<f", "float32", "single")]
    [InlineData(">f4", ">f", ">float32")]
    [InlineData("<f2", "f2", "e", "float16", "half")]
    [InlineData("<f8", "f8", "d", "float64", "double", "float", "float_")]
    [InlineData("|b1", "b1", "?", "|?", "<?", "bool", "bool_", "bool8")]
    [InlineData("|i1", "i1", "<i1", ">i1", "b", "int8", "byte")]
    [InlineData("|u1", "u1", "=u1", ">u1", "B", "uint8", "ubyte")]
    [InlineData("<i2", "h", "int16", "short")]
    [InlineData("<u2", "H", "uint16", "ushort")]
    [InlineData("<i4", "i", "int32", "intc")]
    [InlineData(">i4", ">i")]
    [InlineData("<u4", "I", "uint32", "uintc")]
    [InlineData("<i8", "i8", "=i8", "l", "q", "p", "int", "int64", "int_", "intp", "longlong")]
    [InlineData("<u8", "L", "Q", "uint", "uint64", "uintp", "ulonglong")]
    public void A_type_may_have_any_name_that_NumPy_has_for_it(string type, params string[] names)
    {
        Assert.All(names, name => Assert.Equal([1.0, 0, 1], NpyReader.ReadColumn<double>(Save(NpyBytes.Numbers(type, "(3,)", [1, 0, 1], name)))));
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L), }")]
    [InlineData("{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (1, 2)}")]
    [InlineData("{u'descr': u'<f4', u'fortran_order': False, u'shape': (1, 2,)}")]
    [InlineData(" {\t'shape'\n:\n( 1 , 2 , ) , 'fortran_order' : False,\n'descr' : '<f4' } \n")]
    [InlineData("{'shape':(1,2),'fortran_order':False,'descr':'<f4'}")]
    public void A_header_is_read_as_Python_reads_it(string dictionary)
    {
        NpyMatrix<float> read = NpyReader.ReadMatrix<float>(Save(NpyBytes.WithDictionary(dictionary, [0, 0, 128, 63, 0, 0, 0, 64])));

        Assert.Equal((1, 2), (read.Rows, read.Columns));
        Assert.Equal([1f, 2f], read.Values);
    }

    [Theory]
    [InlineData("(3)")]
    [InlineData("[1, 3]")]
    [InlineData("3")]
    [InlineData("(,)")]
    [InlineData("(1,,3)")]
    [InlineData("(1 3)")]
    [InlineData("(1, 3")]
    [InlineData("(1.0, 3)")]
    [InlineData("(0x1, 3)")]
    [InlineData("('1', 3)")]
    public void A_shape_that_is_no_tuple_is_quoted(string shape)
    {
        string path = Save(NpyBytes.Build("'<f4'", shape, new byte[12]));

        string message = Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>(path)).Message;

        Assert.StartsWith($"{path}: a header that cannot be read, {{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}: expected", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Bools_are_0_or_1_whatever_their_byte()
    {
        Assert.Equal([0L, 1, 1, 1], NpyReader.ReadLabels(Save(NpyBytes.Build("'|b1'", "(4,)", [0, 1, 2, 255]))));
    }

    [Fact]
    public void Integers_are_rounded_to_the_nearest_float()
    {
        // 2^24 + 1 lies between two floats; 2^63 + 2^39 + 1 is nearer to the upper one, but no double holds it to say so.
        Assert.Equal([16777216f, -16777216f], NpyReader.ReadColumn<float>(Save(NpyBytes.Numbers("<i4", "(2,)", [16777217, -16777217]))));
        Assert.Equal([16777217.0], NpyReader.ReadColumn<double>(Save(NpyBytes.Numbers("<i4", "(1,)", [16777217]))));
        Assert.Equal(
            [9223373136366403584f, 18446744073709551616f],
            NpyReader.ReadColumn<float>(
                Save(NpyBytes.Build("'<u8'", "(2,)", [.. BitConverter.GetBytes((1UL << 63) + (1UL << 39) + 1), .. BitConverter.GetBytes(ulong.MaxValue)]))));
    }

    [Theory]
    [InlineData("<f2", 2.5, "2.5: expected a label that is a whole number")]
    [InlineData("<f4", 0.1, "0.1: expected a label that is a whole number")]
    [InlineData(">f8", -1e-300, "-1E-300: expected a label that is a whole number")]
    [InlineData("<f4", double.NaN, "NaN: expected a label that is a whole number")]
    [InlineData("<f8", double.PositiveInfinity, "Infinity: expected a label that is a whole number")]
    [InlineData("<f8", double.NegativeInfinity, "-Infinity: expected a label that is a whole number")]
    [InlineData("<f8", 9223372036854775808, "9.223372036854776E+18: expected a label from -9223372036854775808 to 9223372036854775807")]
    [InlineData("<f4", -1e38, "-1E+38: expected a label from -9223372036854775808 to 9223372036854775807")]
    [InlineData(">u8", 9223372036854775808, "9223372036854775808: expected a label from -9223372036854775808 to 9223372036854775807")]
    public void A_label_that_is_no_whole_number_of_64_bits_is_named_by_its_row(string type, double label, string reason)
    {
        string path = Save(NpyBytes.Numbers(type, "(3,)", [1, 2, label]));

        Assert.Equal($"{path}: row 2 holds {reason}", Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(path)).Message);
    }

    [Fact]
    public void Whole_floats_of_any_size_are_labels()
    {
        double[] labels = [0, -0.0, 65504, -9223372036854775808, 9223372036854774784, 1L << 53];

        Assert.Equal(labels.Select(label => (long)label), NpyReader.ReadLabels(Save(NpyBytes.Numbers("<f8", "(6,)", labels))));
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

    public static TheoryData<string> BrokenMatrices => [.. Broken.Keys];

    private static readonly Dictionary<string, (byte[] File, string Reason)> Broken = new()
    {
        ["an empty file"] = ([], "empty: expected a .npy file"),
        ["a header with a key of its own"] =
            (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), 'more': 1}", new byte[4]), "a header that cannot be read"),
        ["a header of unlike quotes"] =
            (NpyBytes.WithDictionary("{'descr\": '<f4', 'fortran_order': False, 'shape': (1, 1)}", new byte[4]), "a header that cannot be read"),
        ["a long header"] = (
            NpyBytes.WithDictionary($"{{'descr': {new string('x', 300)}", []), $"a header that cannot be read, {{'descr': {new string('x', 110)}...: expected"),
        ["another format"] = ([.. "PK\x03\x04 and so on"u8], "no .npy file: expected it to begin with \\x93NUMPY; this is an archive"),
        ["a short text"] = ([.. "0\n1\n"u8], "no .npy file: expected it to begin with \\x93NUMPY, as numpy.save writes it"),
        ["a file cut in its magic string"] = (NpyBytes.Floats("(1, 1)", 1)[..5], "truncated: the file ends within its header"),
        ["a file cut in its header's length"] = (NpyBytes.Floats("(1, 1)", 1)[..9], "truncated: the file ends within its header"),
        ["a file cut in its header"] = (NpyBytes.Floats("(1, 1)", 1)[..40], "truncated: the file ends within its header"),
        ["a file cut in its numbers"] = (NpyBytes.Floats("(2, 2)", 1, 2, 3, 4)[..^3], "truncated: 13 bytes of numbers, expected 16 for shape (2, 2) of <f4"),
        ["a file with more than its numbers"] =
            ([.. NpyBytes.Floats("(1, 1)", 1), 0], "longer than its header says: 5 bytes of numbers, expected 4 for shape (1, 1) of <f4"),
        ["version 4"] = ([0x93, .. "NUMPY"u8, 4, 0, 0, 0], ".npy version 4.0: expected 1.0, 2.0 or 3.0"),
        ["version 1.1"] = ([0x93, .. "NUMPY"u8, 1, 1, 0, 0], ".npy version 1.1: expected 1.0, 2.0 or 3.0"),
        ["a header of 4 GB"] = ([0x93, .. "NUMPY"u8, 2, 0, 255, 255, 255, 255], "a header of 4294967295 bytes: expected at most 65536"),
        ["a header that is no dictionary"] = (NpyBytes.WithDictionary("hello", []), "a header that cannot be read"),
        ["a header without a shape"] = (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, }", []), "a header that cannot be read"),
        ["a header with two shapes"] = (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), 'shape': (1, 1), }", new byte[4]),
            "a header that cannot be read"),
        ["a header with more after it"] =
            (NpyBytes.WithDictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), } x", new byte[4]), "a header that cannot be read"),
        ["an order that is neither"] = (NpyBytes.Build("'<f4'", "(1, 1)", new byte[4], "Maybe"), "a header that cannot be read"),
        ["a negative axis"] = (NpyBytes.Floats("(-1, 2)"), "a header that cannot be read"),
        ["Python objects"] = (NpyBytes.Build("'|O'", "(1, 1)", new byte[8]), "object type |O: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["records"] = (NpyBytes.Build("[('a', '<f4'), ('b', '<f4')]", "(1, 1)", new byte[8]),
            "structured type [('a', '<f4'), ('b', '<f4')]: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["text"] = (NpyBytes.Build("'<U1'", "(1, 1)", new byte[4]), "text type <U1: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["dates"] = (NpyBytes.Build("'<M8[ns]'", "(1, 1)", new byte[8]), "time type <M8[ns]: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["a bfloat16"] = (NpyBytes.Build("'<V2'", "(1, 1)", new byte[2]),
            "raw (which a bfloat16 is stored as) type <V2: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["80-bit floats"] = (NpyBytes.Build("'<f16'", "(1, 1)", new byte[16]), "type <f16: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["two orders"] = (NpyBytes.Build("'<<f4'", "(1, 1)", new byte[4]), "type <<f4: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["a type of many letters"] = (NpyBytes.Build($"'{new string('x', 1000)}'", "(1, 1)", new byte[4]),
            "type xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["records in one column"] =
            (NpyBytes.Build("[('a', '<f4'), ('b', '<f4')]", "(6,)", new byte[48]), "structured type [('a', '<f4'), ('b', '<f4')]: expected integers"),
        ["complex numbers"] = (NpyBytes.Build("'<c8'", "(1, 1)", new byte[8]), "complex type <c8: expected integers, bools, or floats of 16, 32 or 64 bits"),
        ["no type"] = (NpyBytes.Build("''", "(1, 1)", new byte[4]), "type : expected integers, bools, or floats of 16, 32 or 64 bits"),
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
        ["a double that no float holds"] = (NpyBytes.Build("'<f8'", "(1, 1)", BitConverter.GetBytes(1e39)),
            "row 0 holds 1E+39: expected a number that float32 holds, at most 3.4028235E+38 in size"),
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
        Expect("text type |S1: expected integers, bools, or floats of 16, 32 or 64 bits", NpyBytes.Build("'|S1'", "(1,)", new byte[1]));
        Expect("object type |O: expected integers, bools, or floats of 16, 32 or 64 bits", NpyBytes.Build("'|O'", "(1,)", new byte[8]));
        Expect("shape (1, 2): expected (rows,) or (rows, 1)", NpyBytes.Build("'<i4'", "(1, 2)", new byte[8]));
        Expect("shape (): expected (rows,) or (rows, 1)", NpyBytes.Build("'<i4'", "()", new byte[4]));
        Expect("row 1 holds 18446744073709551615: expected a label from -9223372036854775808 to 9223372036854775807",
            NpyBytes.Build("'<u8'", "(2,)", [.. new byte[8], .. BitConverter.GetBytes(-1L)]));

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
        Assert.Equal($"{directory[""]}: a directory: expected a .npy file",
            Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(directory[""])).Message);
        Assert.Throws<BadInputException>(() => NpyReader.ReadLabels(""));
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a file that opens and whose first bytes cannot be read");

        Assert.StartsWith("/proc/self/mem: cannot be read: ",
            Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>("/proc/self/mem")).Message, StringComparison.Ordinal);
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

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(30_000)]
    public void A_pipe_is_read_to_its_end(int rows)
    {
        double[] values = [.. Enumerable.Range(0, 3 * rows).Select(i => (double)i)];
        byte[] file = NpyBytes.Numbers("<f4", $"({rows}, 3)", values);

        Assert.Equal(values, NpyReader.ReadNumbers(new UnseekableStream(file), "pipe").Values);
        Assert.Equal(
            $"pipe: longer than its header says: more bytes of numbers, expected {12 * rows} for shape ({rows}, 3) of <f4",
            Assert.Throws<BadInputException>(() => NpyReader.ReadNumbers(new UnseekableStream([.. file, 0]), "pipe")).Message);
        Assert.Equal(
            $"pipe: truncated: {12 * rows} bytes of numbers, expected {12 * rows + 12} for shape ({rows + 1}, 3) of <f4",
            Assert.Throws<BadInputException>(() => NpyReader.ReadNumbers(new UnseekableStream(NpyBytes.Numbers("<f4", $"({rows + 1}, 3)", values)), "pipe"))
                .Message);
    }

    [Fact]
    public void A_pipe_whose_header_claims_much_takes_no_memory()
    {
        byte[] file = NpyBytes.Build("'<f8'", "(2147483591, 1)", new byte[80]);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<BadInputException>(() => NpyReader.ReadNumbers(new UnseekableStream(file), "pipe"));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_pipe_without_a_name_is_read_by_its_number()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux names the pipes of a process in /dev/fd");
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        string path = $"/dev/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}";
        pipe.Write(NpyBytes.Floats("(2, 1)", 3, 4));
        pipe.SafePipeHandle.Dispose();

        Assert.Equal([3f, 4f], NpyReader.ReadMatrix<float>(path).Values);
    }

    [Fact]
    public async Task A_named_pipe_that_somebody_writes_to_is_read()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux lists what a process has open");
        string path = directory["pipe"];
        DotnetProcess.Shell("mkfifo", path);
        Task<NpyMatrix<float>> reading;
        using (FileStream writer = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0))
        {
            writer.Write(NpyBytes.Floats("(2, 1)", 3, 4));
            reading = Task.Run(() => NpyReader.ReadMatrix<float>(path));

            // The reader has opened it too: its end is the end of what was written.
            while (Directory.GetFiles("/proc/self/fd").Count(file => new FileInfo(file).LinkTarget == path) < 2)
            {
                Thread.Yield();
            }
        }

        NpyMatrix<float> read = await reading;
        Assert.Equal([3f, 4f], read.Values);
    }

    [Fact]
    public void A_named_pipe_that_nobody_writes_to_is_rejected_at_once()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes among its files");
        string path = directory["pipe"];
        DotnetProcess.Shell("mkfifo", path);

        Assert.Equal($"{path}: empty: nothing came out of it", Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>(path)).Message);
        Assert.Equal($"{path}: a pipe: expected a file of known length", Assert.Throws<BadInputException>(() => InputFile.OpenFile(path)).Message);
    }

    [Fact]
    public void A_device_is_rejected()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no devices among its files");

        Assert.Equal("/dev/zero: a device: expected a .npy file or a pipe",
            Assert.Throws<BadInputException>(() => NpyReader.ReadMatrix<float>("/dev/zero")).Message);
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
