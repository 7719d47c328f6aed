using System.Buffers.Binary;
using System.Security.Cryptography;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Mutated memory files: each is loaded or refused by one kind of error, and none makes the reader allocate beyond the file's size class.</summary>
/// <remarks>MANAGEDCIRCLE_FUZZ_INPUTS is how many to try; the seed of each is its number, so that a failure names the input that made it.</remarks>
public sealed class CrossBatchMemoryFuzzTests
{
    private const int DefaultInputs = 2000;

    // The reader's first buffer, beside a few times the file: doubling buffers, labels and rows; errors have messages.
    private const int FixedBytes = 1 << 17, TimesTheFile = 6;

    private static readonly int[] Interesting = [0, 1, -1, 2, 255, 1 << 16, int.MaxValue, int.MinValue, int.MaxValue / 4, 0x7f800000, 0x7fc00000];

    private static int Inputs => int.TryParse(Environment.GetEnvironmentVariable("MANAGEDCIRCLE_FUZZ_INPUTS"), out int inputs) ? inputs : DefaultInputs;

    [Fact]
    public void Mutated_files_are_loaded_or_refused()
    {
        byte[][] files = [File(0, 1, 5), File(3, 4, 5), File(9, 7, 4), File(70, 33, 64)];
        int loaded = 0, refused = 0;
        for (int seed = 0; seed < Inputs; seed++)
        {
            Random random = new(seed);
            byte[] original = files[random.Next(files.Length)], mutated = Mutate(original, random);
            bool resealed = random.Next(2) == 0;
            if (resealed && mutated.Length >= SHA256.HashSizeInBytes)
            {
                SHA256.HashData(mutated.AsSpan(..^SHA256.HashSizeInBytes), mutated.AsSpan(^SHA256.HashSizeInBytes..));
            }

            using MemoryStream stream = new(mutated);
            long before = GC.GetAllocatedBytesForCurrentThread(), allocated = 0;
            try
            {
                CrossBatchMemory memory = CrossBatchMemory.LoadToEnd(stream);
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(resealed || mutated.AsSpan().SequenceEqual(original), $"input {seed}: an altered file was loaded");
                Assert.InRange(memory.Count, 0, memory.Capacity);
                Assert.Equal(memory.Count, memory.References.Count);
                loaded++;
            }
            catch (InvalidDataException error)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.False(string.IsNullOrWhiteSpace(error.Message));
                refused++;
            }
            catch (Exception error)
            {
                Assert.Fail($"input {seed}: {error}");
            }

            Assert.True(allocated <= FixedBytes + TimesTheFile * mutated.Length,
                $"input {seed}: {allocated} bytes were allocated for a file of {mutated.Length}");
        }

        // Both ways are taken often, so that neither check is idle.
        Assert.True(loaded > Inputs / 50, $"{loaded} of {Inputs} were loaded");
        Assert.True(refused > Inputs / 2, $"{refused} of {Inputs} were refused");
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        List<byte> bytes = [.. original];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(bytes.Count + 1);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 2:
                    byte[] more = new byte[random.Next(1, 100)];
                    random.NextBytes(more);
                    bytes.InsertRange(at, more);
                    break;
                case 3:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 40)));
                    break;
                default:
                    // A number of the header, or any other.
                    int place = random.Next(2) == 0 ? 8 + 4 * random.Next(5) : at / 4 * 4;
                    byte[] number = new byte[4];
                    BinaryPrimitives.WriteInt32LittleEndian(number, random.Next(3) == 0 ? random.Next(-4, 80) : Interesting[random.Next(Interesting.Length)]);
                    for (int k = 0; k < 4 && place + k < bytes.Count; k++)
                    {
                        bytes[place + k] = number[k];
                    }

                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] File(int stored, int dimension, int capacity)
    {
        CrossBatchMemory memory = new(capacity, dimension);
        for (int i = 0; i < stored; i++)
        {
            memory.Enqueue(new EmbeddingBatch([.. Enumerable.Range(0, dimension).Select(d => (float)Math.Sin(i + d))], [(long)i % 5]));
        }

        using MemoryStream stream = new();
        memory.Save(stream);
        return stream.ToArray();
    }
}
