using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Sums of the similarities of some queries' positives, and how many there are; no memory where a loss does not ask for them.</summary>
internal unsafe struct PositiveTotals
{
    public float* Similarities, Counts;

    /// <summary>Whether a loss asks for them.</summary>
    public readonly bool AreKept => Counts != null;

    /// <summary>Takes the memory of <paramref name="count"/> totals, whole cache lines of them.</summary>
    public static PositiveTotals Lay(ref Arena arena, nint count) => new() { Similarities = arena.Take<float>(count), Counts = arena.Take<float>(count) };

    /// <summary>Totals in memory of twice <paramref name="count"/> numbers.</summary>
    public static PositiveTotals At(float* memory, nint count) => new() { Similarities = memory, Counts = memory + count };

    /// <summary>The totals from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly PositiveTotals From(nint first) => new() { Similarities = Similarities + first, Counts = Counts + first };

    /// <summary>Makes <paramref name="count"/> totals empty.</summary>
    public readonly void Clear(int count)
    {
        new Span<float>(Similarities, count).Clear();
        new Span<float>(Counts, count).Clear();
    }

    /// <summary>Adds <paramref name="count"/> totals to others, element by element.</summary>
    public static void Merge<TSimd>(PositiveTotals from, PositiveTotals into, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.Load(into.Similarities + i) + TSimd.Load(from.Similarities + i), into.Similarities + i);
            TSimd.Store(TSimd.Load(into.Counts + i) + TSimd.Load(from.Counts + i), into.Counts + i);
        }
    }

    /// <summary>Adds the positives among four rows by one vector to the rows' totals, and where pairs count for both ends to the columns'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Add<TSimd, TEnds>(in Four<TSimd> similarity, in Four<TSimd> positive, PositiveTotals rows, PositiveTotals columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        Four<TSimd> value = similarity & positive, one = positive & TSimd.Broadcast(1f);
        (Four<TSimd>.Load(rows.Similarities, Layout.SumLanes) + value).Store(rows.Similarities, Layout.SumLanes);
        (Four<TSimd>.Load(rows.Counts, Layout.SumLanes) + one).Store(rows.Counts, Layout.SumLanes);
        if (TEnds.Both)
        {
            TSimd.Store(TSimd.Load(columns.Similarities) + value.Sum, columns.Similarities);
            TSimd.Store(TSimd.Load(columns.Counts) + one.Sum, columns.Counts);
        }
    }

    /// <summary>Adds up the 16 totals that lie side by side.</summary>
    public static void AddLanes(PositiveTotals lanes, PositiveTotals total)
    {
        *total.Similarities = RunningSums.SumOfLanes(lanes.Similarities);
        *total.Counts = RunningSums.SumOfLanes(lanes.Counts);
    }
}
