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
    /// <summary>The type of a name; null for one that is not of plain numbers.</summary>
    public static NpyType? Of(string name)
    {
        (char order, string type) = name is ['<' or '>' or '=' or '|', ..] ? (name[0], name[1..]) : ('=', name);
        return Number(type) is (NpyKind kind, int bytes)
            ? new NpyType(kind, bytes, order == '>' || (order != '<' && !BitConverter.IsLittleEndian))
            : null;
    }

    // NumPy's codes of kind and size, its letters, and its names; C's long is that of Linux and macOS. The letter b is a byte, the code b1 a bool.
    private static (NpyKind Kind, int Bytes)? Number(string name) => name switch
    {
        "b1" or "?" or "bool" or "bool_" or "bool8" => (NpyKind.Bool, 1),
        "i1" or "b" or "int8" or "byte" => (NpyKind.Signed, 1),
        "i2" or "h" or "int16" or "short" => (NpyKind.Signed, 2),
        "i4" or "i" or "int32" or "intc" => (NpyKind.Signed, 4),
        "i8" or "l" or "q" or "p" or "n" or "int64" or "int" or "int_" or "intp" or "long" or "longlong" => (NpyKind.Signed, 8),
        "u1" or "B" or "uint8" or "ubyte" => (NpyKind.Unsigned, 1),
        "u2" or "H" or "uint16" or "ushort" => (NpyKind.Unsigned, 2),
        "u4" or "I" or "uint32" or "uintc" => (NpyKind.Unsigned, 4),
        "u8" or "L" or "Q" or "P" or "N" or "uint64" or "uint" or "uintp" or "ulong" or "ulonglong" => (NpyKind.Unsigned, 8),
        "f2" or "e" or "float16" or "half" => (NpyKind.Float, 2),
        "f4" or "f" or "float32" or "single" => (NpyKind.Float, 4),
        "f8" or "d" or "float64" or "double" or "float" or "float_" => (NpyKind.Float, 8),
        _ => null,
    };

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
