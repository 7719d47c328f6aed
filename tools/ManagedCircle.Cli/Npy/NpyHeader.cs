using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ManagedCircle.Cli.Npy;

/// <summary>What stands before the numbers of a NumPy <c>.npy</c> file: their type, order and shape.</summary>
/// <param name="Type">NumPy's name of the numbers' type, such as <c>&lt;f4</c>, as the file has it.</param>
/// <param name="FortranOrder">Whether the first index runs fastest.</param>
/// <param name="Shape">The length of each axis.</param>
/// <remarks>
/// A file begins with <c>\x93NUMPY</c>, two bytes of version, and the length of a Python dictionary in 2 bytes (version 1) or 4 (versions 2 and 3),
/// little-endian; the dictionary follows, padded with spaces so that the numbers start at a multiple of 64. Source: NumPy Enhancement Proposal 1.
/// </remarks>
internal sealed partial record NpyHeader(string Type, bool FortranOrder, IReadOnlyList<int> Shape)
{
    // The dictionary of a plain array takes about a hundred bytes.
    private const int LongestDictionary = 1 << 16;
    private const int Alignment = 64;
    private const int LongestQuote = 120;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads up to the first number.</summary>
    /// <exception cref="BadInputException">This is no .npy file, or one that is broken or of another kind.</exception>
    public static NpyHeader Read(Stream stream, string path)
    {
        byte[] start = new byte[8];
        int began = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (began == 0)
        {
            throw new BadInputException(path, stream.CanSeek ? "empty: expected a .npy file" : "empty: nothing came out of it");
        }

        if (!start.AsSpan(0, Math.Min(began, Magic.Length)).SequenceEqual(Magic[..Math.Min(began, Magic.Length)]))
        {
            string hint = start.AsSpan().StartsWith("PK"u8) ? "; this is an archive, such as .npz, which has .npy files in it" : ", as numpy.save writes it";
            throw new BadInputException(path, $"no .npy file: expected it to begin with \\x93NUMPY{hint}");
        }

        if (began < start.Length)
        {
            throw Truncated();
        }

        (byte major, byte minor) = (start[6], start[7]);
        if (major is < 1 or > 3 || minor != 0)
        {
            throw new BadInputException(path, $".npy version {major}.{minor}: expected 1.0, 2.0 or 3.0");
        }

        uint length = major == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(Take(2)) : BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
        return length <= LongestDictionary
            ? Parse(Encoding.Latin1.GetString(Take((int)length)), path)
            : throw new BadInputException(path, $"a header of {length} bytes: expected at most {LongestDictionary}");

        byte[] Take(int count)
        {
            byte[] bytes = new byte[count];
            return stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) == count ? bytes : throw Truncated();
        }

        BadInputException Truncated() => new(path, "truncated: the file ends within its header");
    }

    /// <summary>The bytes of a version 1 header.</summary>
    public byte[] ToBytes()
    {
        string dictionary = $"{{'descr': '{Type}', 'fortran_order': {(FortranOrder ? "True" : "False")}, 'shape': {ShapeText}, }}";
        int prefix = Magic.Length + 4;
        int total = (prefix + dictionary.Length + 1 + Alignment - 1) / Alignment * Alignment;

        byte[] bytes = new byte[total];
        bytes.AsSpan().Fill((byte)' ');
        Magic.CopyTo(bytes);
        (bytes[6], bytes[7]) = (1, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)(total - prefix));
        Encoding.Latin1.GetBytes(dictionary, bytes.AsSpan(prefix));
        bytes[^1] = (byte)'\n';
        return bytes;
    }

    /// <summary>The shape as NumPy writes it.</summary>
    public string ShapeText => Shape.Count == 1 ? $"({Shape[0]},)" : $"({string.Join(", ", Shape)})";

    private static NpyHeader Parse(string dictionary, string path)
    {
        Match match = Dictionary().Match(dictionary);
        if (match.Groups["type"].Captures.Count != 1 || match.Groups["fortran"].Captures.Count != 1 || match.Groups["shape"].Captures.Count != 1)
        {
            string quoted = dictionary.Trim() is { Length: > LongestQuote } longer ? $"{longer[..LongestQuote]}..." : dictionary.Trim();
            throw new BadInputException(path, $"a header that cannot be read, {quoted}: expected {{'descr': '...', 'fortran_order': ..., 'shape': (...)}}");
        }

        int[] shape = [.. match.Groups["axis"].Captures.Select(axis => int.TryParse(axis.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            ? length
            : throw new BadInputException(path, $"an axis of {axis.Value}: expected at most {int.MaxValue}"))];
        return new NpyHeader(match.Groups["type"].Value, match.Groups["fortran"].Value == "True", shape);
    }

    // The three entries in any order, each followed by a comma or the closing brace; strings in quotes of either kind, which Python 2 began with a u, as it
    // ended an axis with an L. A type is a name, or a list of fields; NumPy has up to 64 axes, and one axis alone has a comma behind it.
    [GeneratedRegex("""
        ^\s*\{\s*(?:(?:
            u?(?<quote>['"])descr\k<quote>\s*:\s*(?:u?'(?<type>[^'\\]*)'|u?"(?<type>[^"\\]*)"|(?<type>\[[^{}]*\]))
          | u?(?<quote>['"])fortran_order\k<quote>\s*:\s*(?<fortran>True|False)
          | u?(?<quote>['"])shape\k<quote>\s*:\s*(?<shape>\(\s*(?:(?<axis>[0-9]{1,20})[lL]?\s*,\s*){0,64}(?:(?<=,\s*)(?<axis>[0-9]{1,20})[lL]?\s*)?\))
        )\s*(?:,\s*|(?=\})))*\}\s*$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Dictionary();
}
