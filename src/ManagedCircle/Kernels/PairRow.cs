using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>The two passes over the pairs of one query, each pair with a kind of its own: similarities to sums of e^logit, and to dL/ds.</summary>
/// <remarks>
/// A row has 64 running sums side by side on every width of vector, and they are added up in one order, so that every width gives the same bits.
/// Similarities may be any numbers: the terms clamp them as for rows taken as they are.
/// </remarks>
internal static unsafe class PairRow
{
    /// <summary>Columns that are taken at once; rows are padded to whole multiples of it with pairs that take no part.</summary>
    public const int Width = 4 * Layout.SumLanes;

    /// <summary>value rounded up to whole multiples of <see cref="Width"/>.</summary>
    public static int Padded(int value) => (value + Width - 1) / Width * Width;

    /// <summary>Writes the sums of e^logit of a row's positives and negatives.</summary>
    /// <param name="similarities">Shape [columns].</param>
    /// <param name="kinds">A <see cref="PairKind"/> for each, as 32-bit integers, shape [columns].</param>
    /// <param name="columns">A multiple of <see cref="Width"/>.</param>
    /// <param name="pairTerms">The loss's constants.</param>
    /// <param name="sums">Receives one sum each.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Accumulate<TSimd, TWeight>(float* similarities, int* kinds, int columns, in PairTerms pairTerms, in RunningSums sums)
        where TSimd : unmanaged, ISimd<TSimd>
        where TWeight : struct, IPairWeight
    {
        float* memory = stackalloc float[4 * Width];
        RunningSums lanes = RunningSums.At(memory, Width);
        lanes.Clear(Width, RunningSums.EmptyExponent);
        PairTerms<TSimd, PairForm<Yes, No, TWeight>> terms = new(pairTerms);
        TSimd empty = TSimd.Broadcast(RunningSums.EmptyExponent);
        for (int start = 0; start < columns; start += Width)
        {
            for (int lane = 0; lane < Layout.SumLanes; lane += TSimd.Lanes)
            {
                Four<TSimd> kind = Four<TSimd>.Load((float*)kinds + start + lane, Layout.SumLanes);
                Four<TSimd> positive = Are(kind, PairKind.Positive), negative = Are(kind, PairKind.Negative);
                Four<TSimd> similarity = Four<TSimd>.Load(similarities + start + lane, Layout.SumLanes);
                Four<TSimd> term = terms.MixedTermAndSlope(pairTerms, similarity, positive, out Four<TSimd> exponent, out _);
                RunningSums.AddInMemory<TSimd, RowEnd>(
                    term & negative, Four<TSimd>.Select(negative, exponent, empty), lanes.Negatives.From(lane), Layout.SumLanes, default);
                if (positive.Any)
                {
                    RunningSums.AddInMemory<TSimd, RowEnd>(
                        term & positive, Four<TSimd>.Select(positive, exponent, empty), lanes.Positives.From(lane), Layout.SumLanes, default);
                }
            }
        }

        int half = Width / 2;
        for (; half >= Simd128.Lanes; half /= 2)
        {
            RunningSums.Merge<Simd128>(lanes.From(half), lanes, half);
        }

        for (; half > 0; half /= 2)
        {
            RunningSums.Merge<SimdScalar>(lanes.From(half), lanes, half);
        }

        // The larger of two exponents may drop one that is NaN; a sum does not.
        *sums.Positives.Mantissas = *lanes.Positives.Mantissas;
        *sums.Positives.Exponents = *lanes.Positives.Exponents + (*lanes.Positives.Mantissas - *lanes.Positives.Mantissas);
        *sums.Negatives.Mantissas = *lanes.Negatives.Mantissas;
        *sums.Negatives.Exponents = *lanes.Negatives.Exponents + (*lanes.Negatives.Mantissas - *lanes.Negatives.Mantissas);
    }

    /// <summary>Writes dL/ds of a row's pairs, and 0 where there is no pair; <see cref="PairGradientTile"/> has the formula.</summary>
    /// <param name="similarities">Shape [columns].</param>
    /// <param name="kinds">A <see cref="PairKind"/> for each, as 32-bit integers, shape [columns].</param>
    /// <param name="columns">A multiple of <see cref="Width"/>.</param>
    /// <param name="pairTerms">The loss's constants.</param>
    /// <param name="coefficients">The query's coefficients, as <see cref="PairCoefficients.Scale"/> leaves them.</param>
    /// <param name="destination">Receives dL/ds, shape [columns]; may be the similarities.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient<TSimd, TWeight>(
        float* similarities, int* kinds, int columns, in PairTerms pairTerms, in PairCoefficients coefficients, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
        where TWeight : struct, IPairWeight
    {
        PairTerms<TSimd, PairForm<Yes, No, TWeight>> terms = new(pairTerms);
        TSimd ofPositives = TSimd.Broadcast(*coefficients.Positives.Mantissas), ofNegatives = TSimd.Broadcast(*coefficients.Negatives.Mantissas);
        TSimd positiveExponent = TSimd.Broadcast(*coefficients.Positives.Exponents), negativeExponent = TSimd.Broadcast(*coefficients.Negatives.Exponents);
        for (int start = 0; start < columns; start += 4 * TSimd.Lanes)
        {
            Four<TSimd> kind = Four<TSimd>.Load((float*)kinds + start, TSimd.Lanes);
            Four<TSimd> positive = Are(kind, PairKind.Positive), negative = Are(kind, PairKind.Negative);
            Four<TSimd> similarity = Four<TSimd>.Load(similarities + start, TSimd.Lanes);
            Four<TSimd> term = terms.MixedTermAndSlope(pairTerms, similarity, positive, out Four<TSimd> exponent, out Four<TSimd> slope);
            Four<TSimd> power = Four<TSimd>.PowerOfTwo(exponent + Four<TSimd>.Select(positive, positiveExponent, negativeExponent));
            Four<TSimd> value = Four<TSimd>.Select(positive, ofPositives, ofNegatives) * power * (term * slope);
            (PairCoefficients.Lowered(value) & (positive | negative)).Store(destination + start, TSimd.Lanes);
        }
    }

    /// <summary>Writes the total of a row's positives, in the order of the columns.</summary>
    public static void Total(float* similarities, int* kinds, int columns, in PairTerms terms, PositiveTotals total)
    {
        (*total.Similarities, *total.Counts) = (0, 0);
        for (int column = 0; column < columns; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                *total.Similarities += Math.Clamp(similarities[column], terms.Lowest, terms.Highest);
                (*total.Counts)++;
            }
        }
    }

    /// <summary>Adds a number to dL/ds of each of a row's positives, in the clamp's range.</summary>
    public static void Shift(float* similarities, int* kinds, int columns, in PairTerms terms, float shift, float* gradient)
    {
        for (int column = 0; column < columns; column++)
        {
            bool inside = similarities[column] >= terms.Lowest && similarities[column] <= terms.Highest;
            gradient[column] += kinds[column] == (int)PairKind.Positive && inside ? shift : 0;
        }
    }

    /// <summary>Writes the kind of each pair of a query with references by their labels, as bits; 0 where the reference takes no part.</summary>
    /// <param name="label">The query's.</param>
    /// <param name="labels">The references', shape [columns].</param>
    /// <param name="takesPart">All bits set for each reference that takes part, none for the others, shape [columns].</param>
    /// <param name="columns">A multiple of <see cref="Width"/>.</param>
    /// <param name="kinds">Receives a <see cref="PairKind"/> for each, as 32-bit integers, shape [columns].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void KindsOfLabels<TSimd>(int label, int* labels, int* takesPart, int columns, int* kinds)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd own = Bits<TSimd>(label), positive = Bits<TSimd>((int)PairKind.Positive), negative = Bits<TSimd>((int)PairKind.Negative);
        for (int column = 0; column < columns; column += TSimd.Lanes)
        {
            TSimd match = TSimd.EqualBits(TSimd.Load((float*)labels + column), own);
            TSimd.Store(TSimd.Select(match, positive, negative) & TSimd.Load((float*)takesPart + column), (float*)kinds + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Four<TSimd> Are<TSimd>(Four<TSimd> kinds, PairKind kind)
        where TSimd : unmanaged, ISimd<TSimd> => Four<TSimd>.EqualBits(kinds, Bits<TSimd>((int)kind));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Bits<TSimd>(int bits)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Broadcast(BitConverter.Int32BitsToSingle(bits));
}
