using System.Buffers.Binary;
using System.Text;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>Makes a need for a symbol version in a 64-bit ELF library weak, so that the loader warns where it would refuse.</summary>
/// <remarks>
/// Section .gnu.version_r is a chain of Verneed (version, aux count, file, aux offset, next offset), each with a chain of Vernaux (hash, flags, other, name,
/// next offset); flag 2 is VER_FLG_WEAK. (System V ABI, and the LSB's symbol versioning.)
/// </remarks>
internal static class WeakVersion
{
    private const uint NeedSection = 0x6ffffffe;
    private const ushort Weak = 2;

    /// <summary>Changes the file in place, and says how many needs it made weak.</summary>
    public static int Mark(string path, string version)
    {
        byte[] file = File.ReadAllBytes(path);
        int sections = (int)Long(file, 40), sectionSize = Short(file, 58), sectionCount = Short(file, 60), marked = 0;
        for (int i = 0; i < sectionCount; i++)
        {
            int section = sections + (i * sectionSize);
            if (Int(file, section + 4) != NeedSection)
            {
                continue;
            }

            int names = (int)Long(file, sections + ((int)Int(file, section + 40) * sectionSize) + 24);
            int need = (int)Long(file, section + 24);
            for (uint left = Int(file, section + 44); left > 0; left--)
            {
                int aux = need + (int)Int(file, need + 8);
                for (int auxLeft = Short(file, need + 2); auxLeft > 0; auxLeft--)
                {
                    if (Name(file, names + (int)Int(file, aux + 8)) == version)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(aux + 4), (ushort)(Short(file, aux + 4) | Weak));
                        marked++;
                    }

                    aux += (int)Int(file, aux + 12);
                }

                need += (int)Int(file, need + 12);
            }
        }

        File.WriteAllBytes(path, file);
        return marked;
    }

    private static ushort Short(byte[] file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(at));

    private static uint Int(byte[] file, int at) => BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at));

    private static ulong Long(byte[] file, int at) => BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));

    private static string Name(byte[] file, int at) => Encoding.ASCII.GetString(file.AsSpan(at)[..file.AsSpan(at).IndexOf((byte)0)]);
}
