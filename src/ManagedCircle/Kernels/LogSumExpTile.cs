using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Running sums of e^logit of some queries, each as sum * 2^exponent, positives and negatives apart.</summary>
internal unsafe struct RunningSums
{
    public float* PositiveSums;

    public float* PositiveExponents;

    public float* NegativeSums;

    public float* NegativeExponents;

    /// <summary>Takes the memory of <paramref name="count"/> sums, whole cache lines of them.</summary>
    public static RunningSums Lay(ref Arena arena, nint count) => At(arena.Take<float>(4 * count), count);

    /// <summary>Sums in memory of four times <paramref name="count"/> numbers.</summary>
    public static RunningSums At(float* memory, nint count) => new()
    {
        PositiveSums = memory,
        PositiveExponents = memory + count,
        NegativeSums = memory + (2 * count),
        NegativeExponents = memory + (3 * count),
    };

    /// <summary>The sums from <paramref name="first"/> on.</summary>
    public readonly RunningSums From(nint first) => new()
    {
        PositiveSums = PositiveSums + first,
        PositiveExponents = PositiveExponents + first,
        NegativeSums = NegativeSums + first,
        NegativeExponents = NegativeExponents + first,
    };

    /// <summary>Makes <paramref name="count"/> sums empty.</summary>
    public readonly void Clear(int count, float negativeExponent)
    {
        new Span<float>(PositiveSums, count).Clear();
        new Span<float>(NegativeSums, count).Clear();
        new Span<float>(PositiveExponents, count).Fill(PairTerms.EmptyExponent);
        new Span<float>(NegativeExponents, count).Fill(negativeExponent);
    }
}

/// <summary>Which ends of a pair it counts for.</summary>
internal interface IPairEnds
{
    /// <summary>Whether a pair counts for its column's query too (a batch against itself), or for its row's alone.</summary>
    static abstract bool Both { get; }
}

/// <summary>Each pair counts for its row and for its column.</summary>
internal readonly struct BothEnds : IPairEnds
{
    public static bool Both => true;
}

/// <summary>Each pair counts for its row.</summary>
internal readonly struct RowEnd : IPairEnds
{
    public static bool Both => false;
}

/// <summary>The forward pass over one tile: from similarities to running sums of e^logit per query.</summary>
/// <remarks>
/// A sum is kept as sum * 2^exponent with the largest exponent of its terms, so no gamma overflows it and rescaling it is exact. A row has 16
/// such sums side by side, whatever the vectors' width, and they are added up in one order. A column takes four rows at a time.
/// Most vectors hold no positive pair, as rows come label by label, so one comparison of labels chooses the short way.
/// </remarks>
internal static unsafe class LogSumExpTile
{
    private const int RowsAtOnce = 4;

    /// <summary>Writes the sums of each row of the tile; adds to those of each column where pairs count for both ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Accumulate<TSimd, TEnds, TForm>(in TilePairs pairs, in PairTerms terms, in RunningSums rows, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        const int Size = RowsAtOnce * Layout.SumLanes;
        float* memory = stackalloc float[4 * Size];
        RunningSums lanes = new() { PositiveSums = memory, PositiveExponents = memory + Size, NegativeSums = memory + (2 * Size), NegativeExponents = memory + (3 * Size) };
        TSimd empty = TSimd.Broadcast(PairTerms.EmptyExponent), negativeExponent = TSimd.Broadcast(terms.NegativeExponent);
        for (int row = 0; row < pairs.Rows; row += RowsAtOnce)
        {
            bool anyMixed = false;
            for (int group = 0; group < Layout.SumLanes; group += TSimd.Lanes)
            {
                RunningSums ofGroup = lanes.From(group);
                default(Four<TSimd>).Store(ofGroup.NegativeSums, Layout.SumLanes);
                default(Four<TSimd>).Store(ofGroup.PositiveSums, Layout.SumLanes);
                new Four<TSimd>(negativeExponent, negativeExponent, negativeExponent, negativeExponent).Store(ofGroup.NegativeExponents, Layout.SumLanes);
                new Four<TSimd>(empty, empty, empty, empty).Store(ofGroup.PositiveExponents, Layout.SumLanes);
                int column = pairs.FirstPair(row) + group;
                while (column < pairs.Columns)
                {
                    if (pairs.Whole(row, RowsAtOnce, column, TSimd.Lanes))
                    {
                        column = TForm.Narrow
                            ? AddNarrowNegatives<TSimd, TEnds, TForm>(pairs, terms, row, column, ofGroup, columns)
                            : AddWideNegatives<TSimd, TEnds, TForm>(pairs, terms, row, column, ofGroup, columns);
                    }

                    if (column < pairs.Columns)
                    {
                        AddMixed<TSimd, TEnds, TForm>(pairs, terms, row, column, ofGroup, columns);
                        anyMixed = true;
                        column += Layout.SumLanes;
                    }
                }
            }

            for (int i = 0; i < RowsAtOnce && row + i < pairs.Rows; i++)
            {
                AddLanes<TForm>(lanes.NegativeSums + (i * Layout.SumLanes), lanes.NegativeExponents + (i * Layout.SumLanes), rows.NegativeSums + row + i, rows.NegativeExponents + row + i);
                rows.PositiveSums[row + i] = 0;
                rows.PositiveExponents[row + i] = PairTerms.EmptyExponent;
                if (anyMixed)
                {
                    AddLanes<PairForm<No, No, No>>(lanes.PositiveSums + (i * Layout.SumLanes), lanes.PositiveExponents + (i * Layout.SumLanes), rows.PositiveSums + row + i, rows.PositiveExponents + row + i);
                }
            }
        }
    }

    /// <summary>Adds <paramref name="count"/> sums to others, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Merge<TSimd>(in RunningSums from, in RunningSums into, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int i = 0; i < count; i += TSimd.Lanes)
        {
            Merge<TSimd>(from.PositiveSums + i, from.PositiveExponents + i, into.PositiveSums + i, into.PositiveExponents + i);
            Merge<TSimd>(from.NegativeSums + i, from.NegativeExponents + i, into.NegativeSums + i, into.NegativeExponents + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Merge<TSimd>(float* fromSums, float* fromExponents, float* sums, float* exponents)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd from = TSimd.Load(fromExponents), into = TSimd.Load(exponents), larger = TSimd.Max(from, into);
        TSimd.Store(TSimd.Scale(TSimd.Load(sums), into - larger) + TSimd.Scale(TSimd.Load(fromSums), from - larger), sums);
        TSimd.Store(larger, exponents);
    }

    // The short way: four rows by vectors in which every pair takes part and is negative. Returns the first column where that ends. Methods of their
    // own, without calls, so that the sums of the rows stay in registers; and one for each form, as the JIT stops inlining at 512 locals.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int AddNarrowNegatives<TSimd, TEnds, TForm>(in TilePairs pairs, in PairTerms terms, int row, int column, in RunningSums lanes, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        TSimd scale = TSimd.Broadcast(terms.Scale), weightSlope = TSimd.Broadcast(terms.WeightSlope), optimum = TSimd.Broadcast(terms.Negative.Weight);
        TSimd margin = TSimd.Broadcast(terms.Negative.ScaledMargin), rounding = TSimd.Broadcast(terms.Rounding);
        Four<TSimd> rowLabels = Four<TSimd>.Broadcast((float*)pairs.RowLabels + row), sum = Four<TSimd>.Load(lanes.NegativeSums, Layout.SumLanes);
        float* similarities = pairs.Similarities + (row * Layout.TileStride), labels = (float*)pairs.ColumnLabels, columnSums = columns.NegativeSums;
        int end = pairs.Columns - TSimd.Lanes;
        bool mayMatch = !pairs.NoPositives;
        for (; column <= end; column += Layout.SumLanes)
        {
            if ((mayMatch && Four<TSimd>.EqualBits(rowLabels, TSimd.Load(labels + column)).Any) || (!TEnds.Both && pairs.Excluded != null && pairs.Excludes(row, RowsAtOnce, column, TSimd.Lanes)))
            {
                break;
            }

            Four<TSimd> y = Four<TSimd>.Load(similarities + column, Layout.TileStride);
            if (TForm.Clamps)
            {
                y = Four<TSimd>.Max(TSimd.Broadcast(terms.Lowest), Four<TSimd>.Min(TSimd.Broadcast(terms.Highest), y));
            }

            Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), Four<TSimd>.MultiplyAdd(y, weightSlope, optimum));
            Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, scale, margin), rounded = logit + rounding;
            Four<TSimd> term = Four<TSimd>.AddShifted(Exponential.PowerOfFraction(logit - (rounded - rounding)), rounded);
            sum += term;
            if (TEnds.Both)
            {
                TSimd.Store(TSimd.Load(columnSums + column) + term.Sum, columnSums + column);
            }
        }

        sum.Store(lanes.NegativeSums, Layout.SumLanes);
        return column;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int AddWideNegatives<TSimd, TEnds, TForm>(in TilePairs pairs, in PairTerms terms, int row, int column, in RunningSums lanes, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        TSimd scale = TSimd.Broadcast(terms.Scale), weightSlope = TSimd.Broadcast(terms.WeightSlope), optimum = TSimd.Broadcast(terms.Negative.Weight);
        TSimd margin = TSimd.Broadcast(terms.Negative.ScaledMargin);
        Four<TSimd> rowLabels = Four<TSimd>.Broadcast((float*)pairs.RowLabels + row);
        Four<TSimd> sum = Four<TSimd>.Load(lanes.NegativeSums, Layout.SumLanes), exponent = Four<TSimd>.Load(lanes.NegativeExponents, Layout.SumLanes);
        float* similarities = pairs.Similarities + (row * Layout.TileStride), labels = (float*)pairs.ColumnLabels;
        int end = pairs.Columns - TSimd.Lanes;
        bool mayMatch = !pairs.NoPositives;
        for (; column <= end; column += Layout.SumLanes)
        {
            if ((mayMatch && Four<TSimd>.EqualBits(rowLabels, TSimd.Load(labels + column)).Any) || (!TEnds.Both && pairs.Excluded != null && pairs.Excludes(row, RowsAtOnce, column, TSimd.Lanes)))
            {
                break;
            }

            Four<TSimd> y = Four<TSimd>.Load(similarities + column, Layout.TileStride);
            if (TForm.Clamps)
            {
                y = Four<TSimd>.Max(TSimd.Broadcast(terms.Lowest), Four<TSimd>.Min(TSimd.Broadcast(terms.Highest), y));
            }

            Four<TSimd> weight = Four<TSimd>.Max(default(TSimd), Four<TSimd>.MultiplyAdd(y, weightSlope, optimum));
            Four<TSimd> logit = weight * Four<TSimd>.MultiplyAdd(y, scale, margin), n = Four<TSimd>.Round(logit);
            Four<TSimd> term = Exponential.PowerOfFraction(logit - n);
            AddWide(term, n, ref sum, ref exponent);
            if (TEnds.Both)
            {
                AddWideToColumn(term, n, columns.NegativeSums + column, columns.NegativeExponents + column);
            }
        }

        sum.Store(lanes.NegativeSums, Layout.SumLanes);
        exponent.Store(lanes.NegativeExponents, Layout.SumLanes);
        return column;
    }

    // Four rows by one vector that holds a positive, or a pair that takes no part: the same sums, with what does not belong masked to nothing.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void AddMixed<TSimd, TEnds, TForm>(in TilePairs pairs, in PairTerms pairTerms, int row, int column, in RunningSums lanes, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        MixedPairs<TSimd>.Evaluate<TForm>(pairs, pairTerms, row, column, out MixedPairs<TSimd> mixed);
        TSimd empty = TSimd.Broadcast(PairTerms.EmptyExponent);
        if (TForm.Narrow)
        {
            Four<TSimd> term = Four<TSimd>.Scale(mixed.Term, mixed.Exponent - TSimd.Broadcast(pairTerms.NegativeExponent)) & mixed.Negative;
            (Four<TSimd>.Load(lanes.NegativeSums, Layout.SumLanes) + term).Store(lanes.NegativeSums, Layout.SumLanes);
            if (TEnds.Both)
            {
                TSimd.Store(TSimd.Load(columns.NegativeSums + column) + term.Sum, columns.NegativeSums + column);
            }
        }
        else
        {
            AddInMemory<TSimd, TEnds>(
                mixed.Term & mixed.Negative, Four<TSimd>.Select(mixed.Negative, mixed.Exponent, empty),
                lanes.NegativeSums, lanes.NegativeExponents, Layout.SumLanes, columns.NegativeSums + column, columns.NegativeExponents + column);
        }

        if (mixed.Positive.Any)
        {
            AddInMemory<TSimd, TEnds>(
                mixed.Term & mixed.Positive, Four<TSimd>.Select(mixed.Positive, mixed.Exponent, empty),
                lanes.PositiveSums, lanes.PositiveExponents, Layout.SumLanes, columns.PositiveSums + column, columns.PositiveExponents + column);
        }
    }

    /// <summary>Adds terms to four vectors of sums, <paramref name="stride"/> numbers apart, and all four to those of the columns where pairs count for both ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddInMemory<TSimd, TEnds>(in Four<TSimd> term, in Four<TSimd> n, float* sums, float* exponents, int stride, float* columnSums, float* columnExponents)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        Four<TSimd> sum = Four<TSimd>.Load(sums, stride), exponent = Four<TSimd>.Load(exponents, stride);
        AddWide(term, n, ref sum, ref exponent);
        sum.Store(sums, stride);
        exponent.Store(exponents, stride);
        if (TEnds.Both)
        {
            AddWideToColumn(term, n, columnSums, columnExponents);
        }
    }

    // sum 2^exponent + term 2^n, with the larger of the two exponents.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddWide<TSimd>(Four<TSimd> term, Four<TSimd> n, ref Four<TSimd> sum, ref Four<TSimd> exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        Four<TSimd> larger = Four<TSimd>.Max(exponent, n);
        sum = Four<TSimd>.Scale(sum, exponent - larger) + Four<TSimd>.Scale(term, n - larger);
        exponent = larger;
    }

    // Four terms of each column at once.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddWideToColumn<TSimd>(Four<TSimd> term, Four<TSimd> n, float* sums, float* exponents)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd before = TSimd.Load(exponents), exponent = TSimd.Max(n.Largest, before);
        TSimd.Store(TSimd.Scale(TSimd.Load(sums), before - exponent) + Four<TSimd>.Scale(term, n - exponent).Sum, sums);
        TSimd.Store(exponent, exponents);
    }

    // The 16 sums of a row in one order for every width: lanes 4 apart first, then 2, then 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddLanes<TForm>(float* sums, float* exponents, float* sum, float* exponent)
        where TForm : struct, IPairForm
    {
        if (TForm.Narrow)
        {
            *sum = RowPacking.SumOfLanes(sums);
            *exponent = *exponents;
            return;
        }

        Four<Simd128> n = Four<Simd128>.Load(exponents, Simd128.Lanes);
        Simd128 largest = n.Largest;
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 2));
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 1));
        Simd128 total = Four<Simd128>.Scale(Four<Simd128>.Load(sums, Simd128.Lanes), n - largest).Sum;
        total += Simd128.SwapLanes(total, 2);
        total += Simd128.SwapLanes(total, 1);
        *sum = Simd128.First(total);
        *exponent = Simd128.First(largest);
    }
}
