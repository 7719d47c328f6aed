using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

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
        RunningSums lanes = RunningSums.At(memory, Size);
        TSimd empty = TSimd.Broadcast(RunningSums.EmptyExponent), negativeExponent = TSimd.Broadcast(terms.NegativeExponent);
        for (int row = 0; row < pairs.Rows; row += RowsAtOnce)
        {
            bool anyMixed = false;
            if (TForm.Linear && pairs.LaneTotals.AreKept)
            {
                pairs.LaneTotals.Clear(Size);
            }

            for (int group = 0; group < Layout.SumLanes; group += TSimd.Lanes)
            {
                RunningSums ofGroup = lanes.From(group);
                default(Four<TSimd>).Store(ofGroup.Negatives.Mantissas, Layout.SumLanes);
                default(Four<TSimd>).Store(ofGroup.Positives.Mantissas, Layout.SumLanes);
                new Four<TSimd>(negativeExponent, negativeExponent, negativeExponent, negativeExponent).Store(ofGroup.Negatives.Exponents, Layout.SumLanes);
                new Four<TSimd>(empty, empty, empty, empty).Store(ofGroup.Positives.Exponents, Layout.SumLanes);
                int column = pairs.FirstPair(row) + group;
                while (column < pairs.Columns)
                {
                    if (pairs.AllTakePart(row, RowsAtOnce, column, TSimd.Lanes))
                    {
                        column = TForm.Narrow
                            ? AddNegatives<TSimd, TEnds, TForm, Yes>(pairs, terms, row, column, ofGroup, columns)
                            : AddNegatives<TSimd, TEnds, TForm, No>(pairs, terms, row, column, ofGroup, columns);
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
                RunningSums from = lanes.From(i * Layout.SumLanes), to = rows.From(row + i);
                if (TForm.Linear && pairs.LaneTotals.AreKept)
                {
                    PositiveTotals.AddLanes(pairs.LaneTotals.From(i * Layout.SumLanes), pairs.RowTotals.From(row + i));
                }

                if (TForm.Narrow)
                {
                    *to.Negatives.Mantissas = RunningSums.SumOfLanes(from.Negatives.Mantissas);
                    *to.Negatives.Exponents = terms.NegativeExponent;
                }
                else
                {
                    RunningSums.AddLanes(from.Negatives, to.Negatives);
                }

                if (anyMixed)
                {
                    RunningSums.AddLanes(from.Positives, to.Positives);
                }
                else
                {
                    *to.Positives.Mantissas = 0;
                    *to.Positives.Exponents = RunningSums.EmptyExponent;
                }
            }
        }
    }

    // The short way: four rows by vectors in which every pair takes part and is negative. Returns the first column where that ends. A method of its own,
    // without calls, so that the sums of the rows stay in registers. The JIT knows typeof(TNarrow) when it reads the code, so the branch not taken costs
    // nothing; TForm.Narrow it knows only after both branches were read and inlined, and it stops inlining at 512 locals.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int AddNegatives<TSimd, TEnds, TForm, TNarrow>(
        in TilePairs pairs, in PairTerms terms, int row, int column, in RunningSums lanes, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
        where TNarrow : struct, IFlag
    {
        TSimd scale = TSimd.Broadcast(terms.Negative.Scale), optimum = TSimd.Broadcast(terms.Negative.Weight);
        TSimd margin = TSimd.Broadcast(terms.Negative.ScaledMargin), rounding = TSimd.Broadcast(terms.Rounding);
        Four<TSimd> rowLabels = Four<TSimd>.Broadcast((float*)pairs.RowLabels + row);
        Four<TSimd> sum = Four<TSimd>.Load(lanes.Negatives.Mantissas, Layout.SumLanes);
        Four<TSimd> exponent = typeof(TNarrow) == typeof(Yes) ? default : Four<TSimd>.Load(lanes.Negatives.Exponents, Layout.SumLanes);
        float* similarities = pairs.Similarities + (row * Layout.TileStride), labels = (float*)pairs.ColumnLabels;
        float* columnSums = columns.Negatives.Mantissas, columnExponents = columns.Negatives.Exponents;
        int end = pairs.Columns - TSimd.Lanes;
        bool mayMatch = !pairs.NoPositives;
        for (; column <= end; column += Layout.SumLanes)
        {
            if ((mayMatch && Four<TSimd>.EqualBits(rowLabels, TSimd.Load(labels + column)).Any)
                || (!TEnds.Both && pairs.Excluded != null && pairs.Excludes(row, RowsAtOnce, column, TSimd.Lanes)))
            {
                break;
            }

            Four<TSimd> y = Four<TSimd>.Load(similarities + column, Layout.TileStride);
            if (TForm.Clamps)
            {
                y = Four<TSimd>.Max(TSimd.Broadcast(terms.Lowest), Four<TSimd>.Min(TSimd.Broadcast(terms.Highest), y));
            }

            Four<TSimd> logit = Four<TSimd>.MultiplyAdd(y, scale, margin);
            if (!TForm.Linear)
            {
                logit = Four<TSimd>.Max(default(TSimd), y + optimum) * logit;
            }

            if (typeof(TNarrow) == typeof(Yes))
            {
                Four<TSimd> rounded = logit + rounding;
                Four<TSimd> term = Four<TSimd>.AddShifted(Exponential.PowerOfFraction(logit - (rounded - rounding)), rounded);
                sum += term;
                if (TEnds.Both)
                {
                    TSimd.Store(TSimd.Load(columnSums + column) + term.Sum, columnSums + column);
                }
            }
            else
            {
                Four<TSimd> n = Four<TSimd>.Round(logit), term = Exponential.PowerOfFraction(logit - n);
                RunningSums.Add(term, n, ref sum, ref exponent);
                if (TEnds.Both)
                {
                    RunningSums.AddToColumn(term, n, columnSums + column, columnExponents + column);
                }
            }
        }

        sum.Store(lanes.Negatives.Mantissas, Layout.SumLanes);
        if (typeof(TNarrow) == typeof(No))
        {
            exponent.Store(lanes.Negatives.Exponents, Layout.SumLanes);
        }

        return column;
    }

    // Four rows by one vector that holds a positive, or a pair that takes no part: the same sums, with what does not belong masked to nothing.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void AddMixed<TSimd, TEnds, TForm>(
        in TilePairs pairs, in PairTerms pairTerms, int row, int column, in RunningSums lanes, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        MixedPairs<TSimd>.Evaluate<TForm>(pairs, pairTerms, row, column, out MixedPairs<TSimd> mixed);
        TSimd empty = TSimd.Broadcast(RunningSums.EmptyExponent);
        if (TForm.Narrow)
        {
            Four<TSimd> term = Four<TSimd>.Scale(mixed.Term, mixed.Exponent - TSimd.Broadcast(pairTerms.NegativeExponent)) & mixed.Negative;
            (Four<TSimd>.Load(lanes.Negatives.Mantissas, Layout.SumLanes) + term).Store(lanes.Negatives.Mantissas, Layout.SumLanes);
            if (TEnds.Both)
            {
                TSimd.Store(TSimd.Load(columns.Negatives.Mantissas + column) + term.Sum, columns.Negatives.Mantissas + column);
            }
        }
        else
        {
            RunningSums.AddInMemory<TSimd, TEnds>(
                mixed.Term & mixed.Negative, Four<TSimd>.Select(mixed.Negative, mixed.Exponent, empty),
                lanes.Negatives, Layout.SumLanes, columns.Negatives.From(column));
        }

        if (mixed.Positive.Any)
        {
            RunningSums.AddInMemory<TSimd, TEnds>(
                mixed.Term & mixed.Positive, Four<TSimd>.Select(mixed.Positive, mixed.Exponent, empty),
                lanes.Positives, Layout.SumLanes, columns.Positives.From(column));
            if (TForm.Linear && pairs.LaneTotals.AreKept)
            {
                Four<TSimd> similarity = Four<TSimd>.Load(pairs.Similarities + (row * Layout.TileStride) + column, Layout.TileStride);
                PositiveTotals.Add<TSimd, TEnds>(
                    LinearPairs.Clamped<TSimd, TForm>(pairTerms, similarity), mixed.Positive, pairs.LaneTotals.From(column % Layout.SumLanes),
                    pairs.ColumnTotals.From(column));
            }
        }
    }
}
