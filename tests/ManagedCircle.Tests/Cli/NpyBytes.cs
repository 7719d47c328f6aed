using System.Buffers.Binary;
using System.Text;

namespace ManagedCircle.Tests.Cli;

/// <summary>Builds .npy files of any kind, right and wrong, from NumPy's description of the format and not with the tool's own writer.</summary>
internal static class NpyBytes
{
    /// <summary>A file of little-endian single-precision numbers.</summary>
    public static byte[] Floats(string shape, params float[] values) => Build("'<f4'", shape, [.. values.SelectMany(BitConverter.GetBytes)]);

    /// <summary>A file of little-endian 64-bit integers.</summary>
    public static byte[] Labels(params long[] values) => Build("'<i8'", $"({values.Length},)", [.. values.SelectMany(BitConverter.GetBytes)]);

    /// <summary>A file of numbers of a type such as <c>&lt;f4</c>, under another name of that type where one is given.</summary>
    public static byte[] Numbers(string type, string shape, IEnumerable<double> values, string? name = null, string fortranOrder = "False")
    {
        byte[] data = [.. values.SelectMany(value =>
        {
            byte[] bytes = type[1..] switch
            {
                "b1" or "u1" => [(byte)value],
                "i1" => [(byte)(sbyte)value],
                "u2" => BitConverter.GetBytes((ushort)value),
                "i2" => BitConverter.GetBytes((short)value),
                "u4" => BitConverter.GetBytes((uint)value),
                "i4" => BitConverter.GetBytes((int)value),
                "u8" => BitConverter.GetBytes((ulong)value),
                "i8" => BitConverter.GetBytes((long)value),
                "f2" => BitConverter.GetBytes((Half)value),
                "f4" => BitConverter.GetBytes((float)value),
                _ => BitConverter.GetBytes(value),
            };
            return type[0] == '>' ? bytes.Reverse() : bytes;
        })];
        return Build($"'{name ?? type}'", shape, data, fortranOrder);
    }

    /// <summary>A file with the given parts.</summary>
    public static byte[] Build(string descr, string shape, byte[] data, string fortranOrder = "False", byte version = 1) =>
        WithDictionary($"{{'descr': {descr}, 'fortran_order': {fortranOrder}, 'shape': {shape}, }}", data, version);

    /// <summary>A file with a header of the given text.</summary>
    public static byte[] WithDictionary(string dictionary, byte[] data, byte version = 1)
    {
        int prefix = version == 1 ? 10 : 12;
        string padded = dictionary + new string(' ', 63 - (prefix + dictionary.Length) % 64) + "\n";
        byte[] length = new byte[prefix - 8];
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)padded.Length);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)padded.Length);
        }

        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.Latin1.GetBytes(padded), .. data];
    }
}
