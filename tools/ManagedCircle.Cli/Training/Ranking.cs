using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ManagedCircle.Cli.Training;

/// <summary>Ranks the rows of a query's class among those nearest to it, and sorts no more than that takes.</summary>
/// <param name="count">How many rows there are.</param>
/// <remarks>An instance is the scratch of one thread.</remarks>
internal sealed class Ranking(int count)
{
    private const int Buckets = 1024, MostHalvings = 32;

    private readonly int[] places = new int[count], buckets = new int[count], ends = new int[Buckets], hits = new int[Buckets];
    private readonly ulong[] keys = new ulong[count];

    /// <summary>Finds whether the nearest row is of the query's class, 1 or 0, and the average precision over the nearest <paramref name="wanted"/>.</summary>
    /// <param name="similarities">The query's similarity to every row, shape [count]; its own is overwritten.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <param name="query">The query's own place, which takes no part.</param>
    /// <param name="wanted">R, the number of other rows of its class; at least 1.</param>
    public (double FirstHit, double AveragePrecision) Rank(Span<float> similarities, ReadOnlySpan<long> labels, int query, int wanted)
    {
        float largest = TensorPrimitives.Max<float>(similarities), smallest = TensorPrimitives.Min<float>(similarities);
        similarities[query] = float.NegativeInfinity;
        float least = AtLeast(similarities, wanted, smallest, largest);
        ReadOnlySpan<int> candidates = places.AsSpan(0, Collect(similarities, least, places));

        // Candidates go into buckets by their similarity, the largest into the first.
        float perBucket = largest > least ? (Buckets - 1) / (largest - least) : 0;
        Array.Clear(ends);
        Array.Clear(hits);
        for (int i = 0; i < candidates.Length; i++)
        {
            buckets[i] = float.ConvertToIntegerNative<int>((largest - similarities[candidates[i]]) * perBucket);
            ends[buckets[i]]++;
        }

        for (int bucket = 0, total = 0; bucket < Buckets; bucket++)
        {
            (ends[bucket], total) = (total, total + ends[bucket]);
        }

        for (int i = 0; i < candidates.Length; i++)
        {
            int place = candidates[i], bucket = buckets[i], hit = labels[place] == labels[query] ? 1 : 0;
            keys[ends[bucket]++] = Key(similarities[place], place, hit);
            hits[bucket] += hit;
        }

        // A bucket's order matters only where it has both hits and others.
        (double sum, int found) = (0, 0);
        for (int bucket = 0, begin = 0; begin < wanted; begin = ends[bucket++])
        {
            Span<ulong> ranked = keys.AsSpan(begin, ends[bucket] - begin);
            if (hits[bucket] == 0)
            {
                continue;
            }

            if (hits[bucket] < ranked.Length)
            {
                ranked.Sort();
            }

            for (int i = 0; i < ranked.Length && begin + i < wanted; i++)
            {
                if ((ranked[i] & 1) != 0)
                {
                    sum += ++found / (begin + i + 1.0);
                }
            }
        }

        return (keys[0] & 1, sum / wanted);
    }

    /// <summary>A similarity that at least <paramref name="wanted"/> reach, and few more: the range is halved until it is near enough.</summary>
    private static float AtLeast(ReadOnlySpan<float> similarities, int wanted, float smallest, float largest)
    {
        int enough = wanted + wanted / 8 + 16;
        for (int halving = 0; halving < MostHalvings; halving++)
        {
            float middle = smallest + (largest - smallest) / 2;
            int reaching = CountOf(similarities, middle);
            (smallest, largest) = reaching >= wanted ? (middle, largest) : (smallest, middle);
            if (reaching >= wanted && reaching <= enough)
            {
                break;
            }
        }

        return smallest;
    }

    private static int CountOf(ReadOnlySpan<float> similarities, float least)
    {
        ReadOnlySpan<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(similarities);
        Vector256<int> counts = Vector256<int>.Zero;
        foreach (Vector256<float> vector in vectors)
        {
            counts -= Vector256.GreaterThanOrEqual(vector, Vector256.Create(least)).AsInt32();
        }

        int count = Vector256.Sum(counts);
        foreach (float similarity in similarities[(vectors.Length * Vector256<float>.Count)..])
        {
            count += similarity >= least ? 1 : 0;
        }

        return count;
    }

    /// <summary>Writes the places of all that reach <paramref name="least"/>, and returns how many they are.</summary>
    private static int Collect(ReadOnlySpan<float> similarities, float least, Span<int> places)
    {
        ReadOnlySpan<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(similarities);
        int count = 0;
        for (int i = 0; i < vectors.Length; i++)
        {
            uint reaching = Vector256.GreaterThanOrEqual(vectors[i], Vector256.Create(least)).ExtractMostSignificantBits();
            for (; reaching != 0; reaching &= reaching - 1)
            {
                places[count++] = i * Vector256<float>.Count + BitOperations.TrailingZeroCount(reaching);
            }
        }

        for (int place = vectors.Length * Vector256<float>.Count; place < similarities.Length; place++)
        {
            places[count] = place;
            count += similarities[place] >= least ? 1 : 0;
        }

        return count;
    }

    // The bits of a float, with those of a positive one turned, ascend as the float falls; the place below them decides between equal ones.
    private static ulong Key(float similarity, int place, int hit)
    {
        uint bits = BitConverter.SingleToUInt32Bits(similarity);
        return (ulong)(bits >> 31 == 0 ? ~bits & 0x7FFFFFFF : bits) << 32 | (uint)place << 1 | (uint)hit;
    }
}
