using System.Globalization;
using System.Text;
using ManagedCircle.Cli;
using ManagedCircle.Cli.Golden;
using ManagedCircle.Cli.Npy;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>
/// Real files, damaged: every one is read as it says or is a clear error, and none takes more memory than a file of its size may. 2,000 inputs for each reader,
/// or as many as <c>MANAGEDCIRCLE_FUZZ_INPUTS</c> says.
/// </summary>
public sealed class GoldenFuzzTests : IDisposable
{
    // Numbers are decoded to 8 bytes from 2 at the least, text to parts that each have an object; and a reader has its fixed costs.
    private const int BytesPerByte = 64, FixedBytes = 1 << 20;

    private readonly TemporaryDirectory directory = new();

    private static int Inputs => int.Parse(Environment.GetEnvironmentVariable("MANAGEDCIRCLE_FUZZ_INPUTS") ?? "2000", CultureInfo.InvariantCulture);

    public GoldenFuzzTests()
    {
        string[] chosen = ["weights-references", "similarities-weights", "excluded-references", "degenerate-one-row"];
        GoldenSet.Write(directory["set"], 0, [.. new GoldenCases(0).All().Where(problem => chosen.Contains(problem.Name))], static () => { });
    }

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Damaged_arrays_are_read_as_they_say_or_rejected()
    {
        byte[][] files =
        [
            .. Directory.EnumerateFiles(directory["set"], "*.npy", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllBytes),
            NpyBytes.Build("'<f2'", "(3, 2)", new byte[12], "True", version: 2),
            NpyBytes.Build("'<u4'", "(5, 1)", new byte[20], version: 3),
            NpyBytes.Numbers(">f4", "(3, 2)", [1, 2, 3, 4, 5, 6], fortranOrder: "True"),
            NpyBytes.Numbers(">i2", "(4,)", [1, 2, 3, 4]),
            NpyBytes.Numbers("|b1", "(4, 1)", [0, 1, 1, 0], "?"),
            NpyBytes.Numbers("<f8", "(4,)", [1, 2, 3, 4.5], "float64"),
            NpyBytes.WithDictionary("{u'shape': (6L, 2L), \"descr\": u\"uint8\", 'fortran_order': False}", new byte[12]),
        ];
        int rejected = 0;
        for (int seed = 0; seed < Inputs; seed++)
        {
            Random random = new(seed);
            byte[] file = Damage(random, files[random.Next(files.Length)], files[random.Next(files.Length)]);
            rejected += Rejects(seed, file.Length, () =>
            {
                (double[] values, NpyHeader header) = NpyReader.ReadNumbers(new MemoryStream(file), "file");
                Assert.Equal(header.Shape.Aggregate(1L, (count, axis) => count * axis), values.Length);
            }) ? 1 : 0;
            rejected += Rejects(seed, file.Length, () =>
            {
                long[] labels = NpyReader.ReadLabels(new MemoryStream(file), "file");
                Assert.Equal(labels.Select(label => (double)label), NpyReader.ReadNumbers(new MemoryStream(file), "file").Values);
            }) ? 1 : 0;
            bool rejectedInPipe = Rejects(seed, file.Length, () => NpyReader.ReadNumbers(new UnseekableStream(file), "file"));
            Assert.Equal(rejectedInPipe, Rejects(seed, file.Length, () => NpyReader.ReadNumbers(new MemoryStream(file), "file")));
        }

        Assert.InRange(rejected, Inputs / 2, 2 * Inputs - 1); // most are neither numbers nor labels any more, and some are both
    }

    [Fact]
    public void Damaged_manifests_are_read_as_they_say_or_rejected()
    {
        // The hash is made to fit, so that the manifest itself is what is read.
        string path = Path.Combine(directory["set"], GoldenManifest.FileName);
        byte[] original = File.ReadAllBytes(path);
        int rejected = 0;
        for (int seed = 0; seed < Inputs; seed++)
        {
            byte[] manifest = Damage(new Random(seed), original, original);
            File.WriteAllBytes(path, manifest);
            File.WriteAllText(Path.Combine(directory["set"], GoldenManifest.HashName), $"{GoldenManifest.Hash(manifest)}  {GoldenManifest.FileName}\n",
                Encoding.Latin1);
            rejected += Rejects(seed, manifest.Length, () =>
            {
                GoldenSet set = GoldenSet.Open(directory["set"]);
                foreach (ManifestCase item in set.Manifest.Cases)
                {
                    set.ReadProblem(item);
                    foreach (string quantity in item.Outputs.Keys)
                    {
                        set.ReadAnswer(item, quantity);
                    }
                }
            }) ? 1 : 0;
        }

        Assert.InRange(rejected, Inputs / 4, Inputs - 1); // a changed digit of a tolerance leaves a manifest
    }

    private static bool Rejects(int seed, int length, Action read)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool rejected = false;
        try
        {
            read();
        }
        catch (BadInputException error)
        {
            rejected = true;
            Assert.False(string.IsNullOrWhiteSpace(error.Message));
        }
        catch (Exception error)
        {
            Assert.Fail($"seed {seed}: {error}");
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= FixedBytes + (long)BytesPerByte * length, $"seed {seed}: {allocated} bytes for a file of {length}");
        return rejected;
    }

    /// <summary>Does one to four kinds of damage to a file.</summary>
    private static byte[] Damage(Random random, byte[] file, byte[] other)
    {
        List<byte> damaged = [.. file];
        for (int count = random.Next(1, 5); count > 0 && damaged.Count > 1; count--)
        {
            int at = random.Next(damaged.Count);

            // Where the header of an array is, as often as anywhere.
            at = random.Next(2) == 0 ? Math.Min(at, random.Next(128)) : at;
            switch (random.Next(7))
            {
                case 0:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged[at] = (byte)"0123456789(),' <>|{}[]\":-.eOifun"[random.Next(31)];
                    break;
                case 2:
                    damaged.RemoveRange(at, random.Next(damaged.Count - at));
                    break;
                case 3:
                    damaged.RemoveRange(at, Math.Min(damaged.Count - at, random.Next(1, 9)));
                    break;
                case 4:
                    string[] words = ["2147483647", "99999999999999999999", "-1", "null", "1e999", "0.5", "../", "\"\"", "{}", "[", "'<f8'", "True", "\0"];
                    damaged.InsertRange(at, Encoding.ASCII.GetBytes(words[random.Next(words.Length)]));
                    break;
                case 5:
                    int from = random.Next(other.Length);
                    damaged.InsertRange(at, other.AsSpan(from, random.Next(Math.Min(300, other.Length - from))).ToArray());
                    break;
                default:
                    int digit = damaged.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                    {
                        damaged[digit] = (byte)('0' + random.Next(10));
                    }

                    break;
            }
        }

        return [.. damaged];
    }
}
