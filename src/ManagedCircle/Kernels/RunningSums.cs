using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Running sums of e^logit of some queries, positives and negatives apart.</summary>
/// <remarks>A sum is kept with the largest exponent of its terms, so no gamma overflows it, and rescaling it is exact.</remarks>
internal unsafe struct RunningSums
{
    /// <summary>Stands for the exponent of an empty sum: below that of every term, and still exact beside it.</summary>
    public const float EmptyExponent = -1e38f;

    public Scaled Positives, Negatives;

    /// <summary>Takes the memory of <paramref name="count"/> sums, whole cache lines of them.</summary>
    public static RunningSums Lay(ref Arena arena, nint count) => At(arena.Take<float>(4 * count), count);

    /// <summary>Sums in memory of four times <paramref name="count"/> numbers.</summary>
    public static RunningSums At(float* memory, nint count) => new()
    {
        Positives = new() { Mantissas = memory, Exponents = memory + count },
        Negatives = new() { Mantissas = memory + (2 * count), Exponents = memory + (3 * count) },
    };

    /// <summary>The sums from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RunningSums From(nint first) => new() { Positives = Positives.From(first), Negatives = Negatives.From(first) };

    /// <summary>Makes <paramref name="count"/> sums empty; those of negatives begin with an exponent of their own.</summary>
    public readonly void Clear(int count, float negativeExponent)
    {
        Positives.Fill(count, 0, EmptyExponent);
        Negatives.Fill(count, 0, negativeExponent);
    }

    /// <summary>Adds <paramref name="count"/> sums to others, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Merge<TSimd>(in RunningSums from, in RunningSums into, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            Merge<TSimd>(from.Positives.From(i), into.Positives.From(i));
            Merge<TSimd>(from.Negatives.From(i), into.Negatives.From(i));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Merge<TSimd>(Scaled from, Scaled into)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd fromExponent = TSimd.Load(from.Exponents), exponent = TSimd.Load(into.Exponents), larger = TSimd.Max(fromExponent, exponent);
        TSimd sum = TSimd.Scale(TSimd.Load(into.Mantissas), exponent - larger) + TSimd.Scale(TSimd.Load(from.Mantissas), fromExponent - larger);
        TSimd.Store(sum, into.Mantissas);
        TSimd.Store(larger, into.Exponents);
    }

    /// <summary>Adds terms to four vectors of sums, <paramref name="stride"/> numbers apart.</summary>
    /// <remarks>Where pairs count for both ends, the terms of all four are added to the columns' sums too.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddInMemory<TSimd, TEnds>(in Four<TSimd> term, in Four<TSimd> n, Scaled sums, int stride, Scaled columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        Four<TSimd> sum = Four<TSimd>.Load(sums.Mantissas, stride), exponent = Four<TSimd>.Load(sums.Exponents, stride);
        Add(term, n, ref sum, ref exponent);
        sum.Store(sums.Mantissas, stride);
        exponent.Store(sums.Exponents, stride);
        if (TEnds.Both)
        {
            AddToColumn(term, n, columns.Mantissas, columns.Exponents);
        }
    }

    /// <summary>sum 2^exponent + term 2^n, with the larger of the two exponents.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<TSimd>(Four<TSimd> term, Four<TSimd> n, ref Four<TSimd> sum, ref Four<TSimd> exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        Four<TSimd> larger = Four<TSimd>.Max(exponent, n);
        sum = Four<TSimd>.Scale(sum, exponent - larger) + Four<TSimd>.Scale(term, n - larger);
        exponent = larger;
    }

    /// <summary>Adds four terms of each column at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddToColumn<TSimd>(Four<TSimd> term, Four<TSimd> n, float* sums, float* exponents)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd before = TSimd.Load(exponents), exponent = TSimd.Max(n.Largest, before);
        TSimd.Store(TSimd.Scale(TSimd.Load(sums), before - exponent) + Four<TSimd>.Scale(term, n - exponent).Sum, sums);
        TSimd.Store(exponent, exponents);
    }

    /// <summary>Adds up the 16 sums that lie side by side, in one order for every width: lanes 4 apart first, then 2, then 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddLanes(Scaled lanes, Scaled sum)
    {
        Four<Simd128> n = Four<Simd128>.Load(lanes.Exponents, Simd128.Lanes);
        Simd128 largest = n.Largest;
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 2));
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 1));
        Simd128 total = Four<Simd128>.Scale(Four<Simd128>.Load(lanes.Mantissas, Simd128.Lanes), n - largest).Sum;
        total += Simd128.SwapLanes(total, 2);
        total += Simd128.SwapLanes(total, 1);
        *sum.Mantissas = Simd128.First(total);
        *sum.Exponents = Simd128.First(largest);
    }

    /// <summary>Adds up 16 numbers that lie side by side, in the same order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfLanes(float* lanes)
    {
        Simd128 sum = (Simd128.Load(lanes) + Simd128.Load(lanes + 4)) + (Simd128.Load(lanes + 8) + Simd128.Load(lanes + 12));
        sum += Simd128.SwapLanes(sum, 2);
        sum += Simd128.SwapLanes(sum, 1);
        return Simd128.First(sum);
    }
}
