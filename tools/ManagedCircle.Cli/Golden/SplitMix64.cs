using System.Text;

namespace ManagedCircle.Cli.Golden;

/// <summary>Random numbers that are the same on any machine: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).</summary>
/// <param name="seed">The first state.</param>
internal sealed class SplitMix64(ulong seed)
{
    private ulong state = seed;

    /// <summary>Begins the numbers of one case: its FNV-1a hash is added to the seed, so that a new case leaves the others as they are.</summary>
    public static SplitMix64 Of(ulong seed, string name) =>
        new(seed + Encoding.UTF8.GetBytes(name).Aggregate(0xCBF29CE484222325, (hash, letter) => (hash ^ letter) * 0x100000001B3));

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A multiple of 2^-23 in [-1, 1).</summary>
    public double Signed() => ((double)(Next() >> 40) - (1 << 23)) / (1 << 23);

    /// <summary>A multiple of 2^-24 in [0, 1).</summary>
    public double Unit() => (double)(Next() >> 40) / (1 << 24);

    /// <summary>Heads or tails.</summary>
    public bool Flip() => Next() >> 63 == 0;

    /// <summary>A whole number from 0 to <paramref name="count"/> - 1.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);
}
