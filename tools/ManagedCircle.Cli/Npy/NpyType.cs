namespace ManagedCircle.Cli.Npy;

/// <summary>What the numbers of an array are.</summary>
internal enum NpyKind
{
    Bool,
    Signed,
    Unsigned,
    Float,
}

/// <summary>The type of an array's numbers.</summary>
/// <param name="Kind">What they are.</param>
/// <param name="Bytes">The bytes that each takes.</param>
/// <param name="BigEndian">Whether the first byte is the most significant one.</param>
internal readonly record struct NpyType(NpyKind Kind, int Bytes, bool BigEndian)
{
    // NumPy's codes of kind and size, its letters, and its names; C's long is that of Linux and macOS. The letter b is a byte, the code b1 a bool.
    private static readonly Dictionary<string, (NpyKind Kind, int Bytes)> Names = new (NpyKind Kind, int Bytes, string Names)[]
    {
        (NpyKind.Bool, 1, "? b1 bool bool_ bool8"),
        (NpyKind.Signed, 1, "i1 b int8 byte"),
        (NpyKind.Signed, 2, "i2 h int16 short"),
        (NpyKind.Signed, 4, "i4 i int32 intc"),
        (NpyKind.Signed, 8, "i8 l q p n int64 int int_ intp long longlong"),
        (NpyKind.Unsigned, 1, "u1 B uint8 ubyte"),
        (NpyKind.Unsigned, 2, "u2 H uint16 ushort"),
        (NpyKind.Unsigned, 4, "u4 I uint32 uintc"),
        (NpyKind.Unsigned, 8, "u8 L Q P N uint64 uint uintp ulong ulonglong"),
        (NpyKind.Float, 2, "f2 e float16 half"),
        (NpyKind.Float, 4, "f4 f float32 single"),
        (NpyKind.Float, 8, "f8 d float64 double float float_"),
    }
    .SelectMany(type => type.Names.Split(' '), (type, name) => (Name: name, Type: (type.Kind, type.Bytes)))
    .ToDictionary(named => named.Name, named => named.Type, StringComparer.Ordinal);

    /// <summary>The type of a name; null for one that is not of plain numbers.</summary>
    public static NpyType? Of(string name)
    {
        (char order, string type) = name is ['<' or '>' or '=' or '|', ..] ? (name[0], name[1..]) : ('=', name);
        return Names.TryGetValue(type, out (NpyKind Kind, int Bytes) known)
            ? new NpyType(known.Kind, known.Bytes, order == '>' || (order != '<' && !BitConverter.IsLittleEndian))
            : null;
    }

    /// <summary>What a name that is none of these names.</summary>
    public static string Describe(string name) => name.TrimStart('<', '>', '=', '|') switch
    {
        ['O', ..] or "object" => "object ",
        ['[', ..] or ['(', ..] => "structured ",
        ['c' or 'F' or 'D' or 'G', ..] => "complex ",
        ['U' or 'S' or 'a', ..] or "str" or "bytes" => "text ",
        ['M' or 'm', ..] => "time ",
        "V2" => "raw (which a bfloat16 is stored as) ",
        ['V', ..] => "raw ",
        _ => "",
    };
}
