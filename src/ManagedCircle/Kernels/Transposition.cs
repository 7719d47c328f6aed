using System.Runtime.CompilerServices;
using ManagedCircle.Engine;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Transposes squares of as many rows as a vector has lanes.</summary>
internal static unsafe class Transposition
{
    /// <summary>Numbers of scratch that a square needs.</summary>
    public const int Scratch = Layout.SumLanes * Layout.SumLanes;

    /// <summary>to[i, j] = from[j, i].</summary>
    /// <remarks>
    /// One step exchanges the elements (i, l) and (i + step, l - step) wherever i has the bit `step` clear and l has it set; after the steps 8, 4, 2
    /// and 1, (i, l) and (l, i) have changed places. Between steps 4 and 2 the rows go through the scratch: all of them are more than the JIT inlines, and
    /// what is read again must not wait for the destination's memory. Not inlined for the same reason.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Square<TSimd, TStores>(float* from, int fromStride, float* to, nint toStride, float* scratch)
        where TSimd : unmanaged, ISimd<TSimd>
        where TStores : struct, IStores
    {
        if (TSimd.Lanes < 4)
        {
            TSimd.Store(TSimd.Load(from), to);
            return;
        }

        Four<TSimd> first = Four<TSimd>.Load(from, fromStride);
        if (TSimd.Lanes == 4)
        {
            Store<TSimd, TStores>(ExchangeWithin(first), to, toStride);
            return;
        }

        Four<TSimd> second = Four<TSimd>.Load(from + (4 * fromStride), fromStride);
        if (TSimd.Lanes == 16)
        {
            Four<TSimd> third = Four<TSimd>.Load(from + (8 * fromStride), fromStride), fourth = Four<TSimd>.Load(from + (12 * fromStride), fromStride);
            Exchange(ref first, ref third, 8);
            Exchange(ref second, ref fourth, 8);
            Exchange(ref third, ref fourth, 4);
            third.Store(scratch + (8 * TSimd.Lanes), TSimd.Lanes);
            fourth.Store(scratch + (12 * TSimd.Lanes), TSimd.Lanes);
        }

        Exchange(ref first, ref second, 4);
        first.Store(scratch, TSimd.Lanes);
        second.Store(scratch + (4 * TSimd.Lanes), TSimd.Lanes);
        for (int row = 0; row < TSimd.Lanes; row += 4, to += 4 * toStride)
        {
            Store<TSimd, TStores>(ExchangeWithin(Four<TSimd>.Load(scratch + (row * TSimd.Lanes), TSimd.Lanes)), to, toStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TStores>(Four<TSimd> rows, float* to, nint stride)
        where TSimd : unmanaged, ISimd<TSimd>
        where TStores : struct, IStores
    {
        TStores.Store(rows.A, to);
        TStores.Store(rows.B, to + stride);
        TStores.Store(rows.C, to + (2 * stride));
        TStores.Store(rows.D, to + (3 * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Exchange<TSimd>(ref Four<TSimd> upper, ref Four<TSimd> lower, int step)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd mask = LanesWith<TSimd>(step);
        Four<TSimd> swapped = Four<TSimd>.SwapLanes(upper, step);
        upper = Four<TSimd>.Select(mask, Four<TSimd>.SwapLanes(lower, step), upper);
        lower = Four<TSimd>.Select(mask, lower, swapped);
    }

    // The steps 2 and 1, among four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Four<TSimd> ExchangeWithin<TSimd>(Four<TSimd> rows)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd two = LanesWith<TSimd>(2), one = LanesWith<TSimd>(1);
        Four<TSimd> swapped = Four<TSimd>.SwapLanes(rows, 2);
        rows = new(TSimd.Select(two, swapped.C, rows.A), TSimd.Select(two, swapped.D, rows.B), TSimd.Select(two, rows.C, swapped.A), TSimd.Select(two, rows.D, swapped.B));
        swapped = Four<TSimd>.SwapLanes(rows, 1);
        return new(TSimd.Select(one, swapped.B, rows.A), TSimd.Select(one, rows.B, swapped.A), TSimd.Select(one, swapped.D, rows.C), TSimd.Select(one, rows.D, swapped.C));
    }

    // The mask of the lanes whose index has a bit: 2^23 + index holds the index in its low bits, and the bit, shifted to the sign, spreads.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd LanesWith<TSimd>(int bit)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.ShiftRightBits(TSimd.ShiftLeftBits(TSimd.Indices + TSimd.Broadcast(8388608f), 31 - int.Log2(bit)), 31);
}
