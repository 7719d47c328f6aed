using System.Runtime.CompilerServices;
using ManagedCircle.Engine;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Running sums of e^logit of some queries, each as sum * 2^exponent, positives and negatives apart.</summary>
internal unsafe struct RunningSums
{
    public float* PositiveSums;

    public float* PositiveExponents;

    public float* NegativeSums;

    public float* NegativeExponents;

    /// <summary>The sums from <paramref name="first"/> on.</summary>
    public readonly RunningSums From(nint first) => new()
    {
        PositiveSums = PositiveSums + first,
        PositiveExponents = PositiveExponents + first,
        NegativeSums = NegativeSums + first,
        NegativeExponents = NegativeExponents + first,
    };

    /// <summary>Makes <paramref name="count"/> sums empty.</summary>
    public readonly void Clear(int count)
    {
        new Span<float>(PositiveSums, count).Clear();
        new Span<float>(NegativeSums, count).Clear();
        new Span<float>(PositiveExponents, count).Fill(PairTerms.EmptyExponent);
        new Span<float>(NegativeExponents, count).Fill(PairTerms.EmptyExponent);
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
/// Most vectors hold no positive pair, so one comparison of labels chooses the short way.
/// </remarks>
internal static unsafe class LogSumExpTile
{
    private const int RowsAtOnce = 4;

    /// <summary>Writes the sums of each row of the tile; adds to those of each column where pairs count for both ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Accumulate<TSimd, TEnds>(in TilePairs pairs, in PairTerms pairTerms, in RunningSums rows, in RunningSums columns)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        PairTerms<TSimd> terms = new(pairTerms);
        TSimd empty = TSimd.Broadcast(PairTerms.EmptyExponent);
        float* lanes = stackalloc float[4 * RowsAtOnce * Layout.SumLanes];
        RunningSums rowLanes = new()
        {
            PositiveSums = lanes,
            PositiveExponents = lanes + (RowsAtOnce * Layout.SumLanes),
            NegativeSums = lanes + (2 * RowsAtOnce * Layout.SumLanes),
            NegativeExponents = lanes + (3 * RowsAtOnce * Layout.SumLanes),
        };
        TSimd* negatives = stackalloc TSimd[2 * RowsAtOnce];
        float* columnSums = columns.NegativeSums, columnExponents = columns.NegativeExponents;

        for (int row = 0; row < pairs.Rows; row += RowsAtOnce)
        {
            rowLanes.Clear(RowsAtOnce * Layout.SumLanes);
            bool anyPositive = false;
            float* similarities = pairs.Similarities + (row * Layout.TileStride);
            TSimd label0 = Label<TSimd>(pairs.RowLabels + row), label1 = Label<TSimd>(pairs.RowLabels + row + 1);
            TSimd label2 = Label<TSimd>(pairs.RowLabels + row + 2), label3 = Label<TSimd>(pairs.RowLabels + row + 3);
            for (int group = 0; group < Layout.SumLanes; group += TSimd.Lanes)
            {
                TSimd sum0 = default, sum1 = default, sum2 = default, sum3 = default;
                TSimd exponent0 = empty, exponent1 = empty, exponent2 = empty, exponent3 = empty;
                for (int column = pairs.FirstPair(row) + group; column < pairs.Columns; column += Layout.SumLanes)
                {
                    TSimd labels = TSimd.Load((float*)pairs.ColumnLabels + column);
                    TSimd match = TSimd.EqualBits(labels, label0) | TSimd.EqualBits(labels, label1) | TSimd.EqualBits(labels, label2) | TSimd.EqualBits(labels, label3);
                    TSimd term0, term1, term2, term3, n0, n1, n2, n3;
                    if (pairs.Whole(row, RowsAtOnce, column, TSimd.Lanes) && !TSimd.Any(match))
                    {
                        float* s = similarities + column;
                        term0 = terms.NegativeTerm(TSimd.Load(s), out n0);
                        term1 = terms.NegativeTerm(TSimd.Load(s + Layout.TileStride), out n1);
                        term2 = terms.NegativeTerm(TSimd.Load(s + (2 * Layout.TileStride)), out n2);
                        term3 = terms.NegativeTerm(TSimd.Load(s + (3 * Layout.TileStride)), out n3);
                    }
                    else
                    {
                        AddPositives<TSimd, TEnds>(pairs, terms, row, column, group, rowLanes, columns, negatives);
                        anyPositive = true;
                        (term0, term1, term2, term3) = (negatives[0], negatives[1], negatives[2], negatives[3]);
                        (n0, n1, n2, n3) = (negatives[4], negatives[5], negatives[6], negatives[7]);
                    }

                    Add(term0, n0, ref sum0, ref exponent0);
                    Add(term1, n1, ref sum1, ref exponent1);
                    Add(term2, n2, ref sum2, ref exponent2);
                    Add(term3, n3, ref sum3, ref exponent3);
                    if (TEnds.Both)
                    {
                        TSimd before = TSimd.Load(columnExponents + column);
                        TSimd exponent = TSimd.Max(TSimd.Max(TSimd.Max(n0, n1), TSimd.Max(n2, n3)), before);
                        TSimd sum = TSimd.Scale(TSimd.Load(columnSums + column), before - exponent);
                        sum += TSimd.Scale(term0, n0 - exponent) + TSimd.Scale(term1, n1 - exponent);
                        sum += TSimd.Scale(term2, n2 - exponent) + TSimd.Scale(term3, n3 - exponent);
                        TSimd.Store(sum, columnSums + column);
                        TSimd.Store(exponent, columnExponents + column);
                    }
                }

                Store(sum0, exponent0, rowLanes, group);
                Store(sum1, exponent1, rowLanes, group + Layout.SumLanes);
                Store(sum2, exponent2, rowLanes, group + (2 * Layout.SumLanes));
                Store(sum3, exponent3, rowLanes, group + (3 * Layout.SumLanes));
            }

            for (int i = 0; i < RowsAtOnce && row + i < pairs.Rows; i++)
            {
                AddLanes(rowLanes.NegativeSums + (i * Layout.SumLanes), rowLanes.NegativeExponents + (i * Layout.SumLanes), rows.NegativeSums + row + i, rows.NegativeExponents + row + i);
                (rows.PositiveSums[row + i], rows.PositiveExponents[row + i]) = (0, PairTerms.EmptyExponent);
                if (anyPositive)
                {
                    AddLanes(rowLanes.PositiveSums + (i * Layout.SumLanes), rowLanes.PositiveExponents + (i * Layout.SumLanes), rows.PositiveSums + row + i, rows.PositiveExponents + row + i);
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
            AddInMemory(TSimd.Load(from.PositiveSums + i), TSimd.Load(from.PositiveExponents + i), into.PositiveSums + i, into.PositiveExponents + i);
            AddInMemory(TSimd.Load(from.NegativeSums + i), TSimd.Load(from.NegativeExponents + i), into.NegativeSums + i, into.NegativeExponents + i);
        }
    }

    // sum 2^exponent + term 2^n, with the larger of the two exponents.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TSimd>(TSimd term, TSimd n, ref TSimd sum, ref TSimd exponent)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd larger = TSimd.Max(exponent, n);
        sum = TSimd.Scale(sum, exponent - larger) + TSimd.Scale(term, n - larger);
        exponent = larger;
    }

    // Four rows by one vector that holds a positive, or a pair that takes no part. Adds the positives to the sums in memory, and leaves the
    // negatives' terms [4] and exponents [4], empty where there is none, so that the sums of the negatives go on as in the short way.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddPositives<TSimd, TEnds>(in TilePairs pairs, in PairTerms<TSimd> terms, int row, int column, int group, in RunningSums rowLanes, in RunningSums columns, TSimd* negatives)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        TSimd empty = TSimd.Broadcast(PairTerms.EmptyExponent);
        TSimd labels = TSimd.Load((float*)pairs.ColumnLabels + column);
        for (int i = 0; i < RowsAtOnce; i++)
        {
            TSimd takesPart = pairs.TakesPart<TSimd>(row + i, column);
            TSimd match = TSimd.EqualBits(labels, Label<TSimd>(pairs.RowLabels + row + i));
            TSimd positive = match & takesPart, negative = TSimd.AndNot(takesPart, match);
            TSimd term = terms.MixedTerm(TSimd.Load(pairs.Similarities + ((row + i) * Layout.TileStride) + column), match, out TSimd n);
            negatives[i] = term & negative;
            negatives[RowsAtOnce + i] = TSimd.Select(negative, n, empty);
            if (TSimd.Any(positive))
            {
                term &= positive;
                n = TSimd.Select(positive, n, empty);
                AddInMemory(term, n, rowLanes.PositiveSums + (i * Layout.SumLanes) + group, rowLanes.PositiveExponents + (i * Layout.SumLanes) + group);
                if (TEnds.Both)
                {
                    AddInMemory(term, n, columns.PositiveSums + column, columns.PositiveExponents + column);
                }
            }
        }
    }

    /// <summary>Adds term 2^n to a vector of sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInMemory<TSimd>(TSimd term, TSimd n, float* sums, float* exponents)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd sum = TSimd.Load(sums), exponent = TSimd.Load(exponents);
        Add(term, n, ref sum, ref exponent);
        TSimd.Store(sum, sums);
        TSimd.Store(exponent, exponents);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Label<TSimd>(int* label)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Broadcast(BitConverter.Int32BitsToSingle(*label));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd>(TSimd sum, TSimd exponent, in RunningSums lanes, int index)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd.Store(sum, lanes.NegativeSums + index);
        TSimd.Store(exponent, lanes.NegativeExponents + index);
    }

    // The 16 sums of a row in one order for every width: lanes 4 apart first, then 2, then 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddLanes(float* sums, float* exponents, float* sum, float* exponent)
    {
        Simd128 n0 = Simd128.Load(exponents), n1 = Simd128.Load(exponents + 4), n2 = Simd128.Load(exponents + 8), n3 = Simd128.Load(exponents + 12);
        Simd128 largest = Simd128.Max(Simd128.Max(n0, n1), Simd128.Max(n2, n3));
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 2));
        largest = Simd128.Max(largest, Simd128.SwapLanes(largest, 1));
        Simd128 total = (Simd128.Scale(Simd128.Load(sums), n0 - largest) + Simd128.Scale(Simd128.Load(sums + 4), n1 - largest))
            + (Simd128.Scale(Simd128.Load(sums + 8), n2 - largest) + Simd128.Scale(Simd128.Load(sums + 12), n3 - largest));
        total += Simd128.SwapLanes(total, 2);
        total += Simd128.SwapLanes(total, 1);
        *sum = Simd128.First(total);
        *exponent = Simd128.First(largest);
    }
}
