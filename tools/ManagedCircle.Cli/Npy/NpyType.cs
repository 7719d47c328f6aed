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
    private static readonly Dictionary<string, (NpyKind Kind, int Bytes)> Names = new(StringComparer.Ordinal)
    {
        ["?"] = (NpyKind.Bool, 1), ["b1"] = (NpyKind.Bool, 1), ["bool"] = (NpyKind.Bool, 1), ["bool_"] = (NpyKind.Bool, 1), ["bool8"] = (NpyKind.Bool, 1),
        ["i1"] = (NpyKind.Signed, 1), ["b"] = (NpyKind.Signed, 1), ["int8"] = (NpyKind.Signed, 1), ["byte"] = (NpyKind.Signed, 1),
        ["i2"] = (NpyKind.Signed, 2), ["h"] = (NpyKind.Signed, 2), ["int16"] = (NpyKind.Signed, 2), ["short"] = (NpyKind.Signed, 2),
        ["i4"] = (NpyKind.Signed, 4), ["i"] = (NpyKind.Signed, 4), ["int32"] = (NpyKind.Signed, 4), ["intc"] = (NpyKind.Signed, 4),
        ["i8"] = (NpyKind.Signed, 8), ["l"] = (NpyKind.Signed, 8), ["q"] = (NpyKind.Signed, 8), ["p"] = (NpyKind.Signed, 8), ["n"] = (NpyKind.Signed, 8),
        ["int64"] = (NpyKind.Signed, 8), ["int"] = (NpyKind.Signed, 8), ["int_"] = (NpyKind.Signed, 8), ["intp"] = (NpyKind.Signed, 8),
        ["long"] = (NpyKind.Signed, 8), ["longlong"] = (NpyKind.Signed, 8),
        ["u1"] = (NpyKind.Unsigned, 1), ["B"] = (NpyKind.Unsigned, 1), ["uint8"] = (NpyKind.Unsigned, 1), ["ubyte"] = (NpyKind.Unsigned, 1),
        ["u2"] = (NpyKind.Unsigned, 2), ["H"] = (NpyKind.Unsigned, 2), ["uint16"] = (NpyKind.Unsigned, 2), ["ushort"] = (NpyKind.Unsigned, 2),
        ["u4"] = (NpyKind.Unsigned, 4), ["I"] = (NpyKind.Unsigned, 4), ["uint32"] = (NpyKind.Unsigned, 4), ["uintc"] = (NpyKind.Unsigned, 4),
        ["u8"] = (NpyKind.Unsigned, 8), ["L"] = (NpyKind.Unsigned, 8), ["Q"] = (NpyKind.Unsigned, 8), ["P"] = (NpyKind.Unsigned, 8), ["N"] = (NpyKind.Unsigned, 8),
        ["uint64"] = (NpyKind.Unsigned, 8), ["uint"] = (NpyKind.Unsigned, 8), ["uintp"] = (NpyKind.Unsigned, 8),
        ["ulong"] = (NpyKind.Unsigned, 8), ["ulonglong"] = (NpyKind.Unsigned, 8),
        ["f2"] = (NpyKind.Float, 2), ["e"] = (NpyKind.Float, 2), ["float16"] = (NpyKind.Float, 2), ["half"] = (NpyKind.Float, 2),
        ["f4"] = (NpyKind.Float, 4), ["f"] = (NpyKind.Float, 4), ["float32"] = (NpyKind.Float, 4), ["single"] = (NpyKind.Float, 4),
        ["f8"] = (NpyKind.Float, 8), ["d"] = (NpyKind.Float, 8), ["float64"] = (NpyKind.Float, 8), ["double"] = (NpyKind.Float, 8),
        ["float"] = (NpyKind.Float, 8), ["float_"] = (NpyKind.Float, 8),
    };

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
