using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>What takes the similarities that a search looks at.</summary>
internal unsafe interface INeighborSink
{
    /// <summary>What a similarity must exceed to be taken, shape [queries].</summary>
    float* Thresholds { get; }

    /// <summary>Takes those of a query's similarities to up to 32 neighbouring references that exceed its threshold.</summary>
    /// <param name="query">The query.</param>
    /// <param name="similarities">Its similarities.</param>
    /// <param name="reference">The reference of the first of them.</param>
    /// <param name="above">A bit for each of them that exceeds the threshold, the first one's the lowest; at least one.</param>
    void Take(int query, float* similarities, int reference, uint above);
}

/// <summary>Finds the few similarities that may be a neighbour's among the many that are not.</summary>
internal static unsafe class StripScan
{
    /// <summary>Gives a sink those rows of <c>strip[rows, 32]</c> that hold a number above their query's threshold; NaN is above none.</summary>
    /// <param name="strip">The similarities of queries to 32 references.</param>
    /// <param name="query">The query of the first row.</param>
    /// <param name="rows">How many rows there are.</param>
    /// <param name="reference">The reference of the first column.</param>
    /// <param name="columns">How many columns are references, 1 to 32; the rest are any numbers.</param>
    /// <param name="sink">What takes them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TSimd, TSink>(float* strip, int query, int rows, int reference, int columns, ref TSink sink)
        where TSimd : unmanaged, ISimd<TSimd>
        where TSink : struct, INeighborSink
    {
        float* thresholds = sink.Thresholds;
        uint isColumn = uint.MaxValue >> (Layout.Pack - columns);
        for (int end = query + rows; query < end; query++, strip += Layout.Pack)
        {
            TSimd threshold = TSimd.Broadcast(thresholds[query]), above = default;
            for (int lane = 0; lane < Layout.Pack; lane += TSimd.Lanes)
            {
                above |= TSimd.LessThan(threshold, TSimd.Load(strip + lane));
            }

            if (TSimd.Any(above) && (AboveIn<TSimd>(strip, threshold) & isColumn) is not 0 and uint bits)
            {
                sink.Take(query, strip, reference, bits);
            }
        }
    }

    private static uint AboveIn<TSimd>(float* row, TSimd threshold)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        uint above = 0;
        for (int lane = 0; lane < Layout.Pack; lane += TSimd.Lanes)
        {
            above |= TSimd.LaneBits(TSimd.LessThan(threshold, TSimd.Load(row + lane))) << lane;
        }

        return above;
    }
}

/// <summary>Which references the queries of a call may find.</summary>
internal unsafe struct Admission
{
    /// <summary>The one reference that each query does not find, or -1; null for none.</summary>
    public int* Excluded;

    /// <summary>Which references may be found, a byte each, 0 for no; null for all.</summary>
    public byte* Mask;

    /// <summary>Whether a query's own index is that of the reference it does not find.</summary>
    public bool Self;

    /// <summary>The caller's query that comes first.</summary>
    public int FirstQuery;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int ExcludedBy(int query) => Excluded != null ? Excluded[FirstQuery + query] : Self ? FirstQuery + query : -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Admits(int reference, int excluded) => reference != excluded && (Mask == null || Mask[reference] != 0);
}
