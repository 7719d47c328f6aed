using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>The backward pass over one tile: from similarities to dL/ds.</summary>
/// <remarks>
/// With the query's coefficient c_i = w_i gamma sigmoid(z_i) / (sum of e^logit), kept as m_i 2^e_i, for positives and negatives apart,
///   dL/ds_ij = (c_i + c_j) e^logit_ij slope_ij / gamma
/// where c_j is there only if the pair counts for its column's query too. As e^logit = p 2^n, that is
///   (m_i 2^(n + e_i) + m_j 2^(n + e_j)) p slope_ij / gamma
/// and no exponent is above that of a softmax, so no gamma overflows.
/// </remarks>
internal static unsafe class PairGradientTile
{
    private const int RowsAtOnce = 4;

    /// <summary>Writes dL/ds of every pair of the tile, and 0 where there is no pair: in a triangle from the column on where the row's sums begin.</summary>
    /// <param name="pairs">The tile.</param>
    /// <param name="pairTerms">The loss's constants.</param>
    /// <param name="rows">Coefficients of the rows' queries, as <see cref="PairCoefficients.Scale"/> leaves them.</param>
    /// <param name="columns">Coefficients of the columns' queries, readable up to a whole tile; unused where pairs count for their row alone.</param>
    /// <param name="destination">Receives dL/ds, laid out as the similarities; may be the same memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute<TSimd, TEnds, TForm>(
        in TilePairs pairs, in PairTerms pairTerms, in PairCoefficients rows, in PairCoefficients columns, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        for (int row = 0; row < pairs.Rows; row += RowsAtOnce)
        {
            int column = pairs.FirstPair(row);
            while (column < pairs.Columns)
            {
                if (pairs.AllTakePart(row, RowsAtOnce, column, TSimd.Lanes))
                {
                    column = TForm.Narrow
                        ? Negatives<TSimd, TEnds, TForm, Yes>(pairs, pairTerms, rows, columns, row, column, destination)
                        : Negatives<TSimd, TEnds, TForm, No>(pairs, pairTerms, rows, columns, row, column, destination);
                }

                if (column < pairs.Columns)
                {
                    Mixed<TSimd, TEnds, TForm>(pairs, pairTerms, rows, columns, row, column, destination);
                    column += TSimd.Lanes;
                }
            }
        }
    }

    // The short way: four rows by vectors in which every pair takes part and is negative. Returns the first column where that ends. Detached, the
    // slope is the weight. LogSumExpTile.AddNegatives says why it asks for typeof(TNarrow).
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Negatives<TSimd, TEnds, TForm, TNarrow>(
        in TilePairs pairs, in PairTerms terms, in PairCoefficients rows, in PairCoefficients columns, int row, int column, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
        where TNarrow : struct, IFlag
    {
        TSimd scale = TSimd.Broadcast(terms.Negative.Scale), optimum = TSimd.Broadcast(terms.Negative.Weight);
        TSimd margin = TSimd.Broadcast(terms.Negative.ScaledMargin), rounding = TSimd.Broadcast(terms.Rounding);
        Four<TSimd> rowLabels = Four<TSimd>.Broadcast((float*)pairs.RowLabels + row);
        Four<TSimd> coefficient = Four<TSimd>.Broadcast(rows.Negatives.Mantissas + row), exponent = Four<TSimd>.Broadcast(rows.Negatives.Exponents + row);
        float* similarities = pairs.Similarities + (row * Layout.TileStride), labels = (float*)pairs.ColumnLabels;
        float* columnMantissas = columns.Negatives.Mantissas, columnExponents = columns.Negatives.Exponents;
        int end = pairs.Columns - TSimd.Lanes;
        bool mayMatch = !pairs.NoPositives;
        destination += row * Layout.TileStride;
        for (; column <= end; column += TSimd.Lanes)
        {
            if ((mayMatch && Four<TSimd>.EqualBits(rowLabels, TSimd.Load(labels + column)).Any)
                || (!TEnds.Both && pairs.Excluded != null && pairs.Excludes(row, RowsAtOnce, column, TSimd.Lanes)))
            {
                break;
            }

            // Kept similarities come from memory: ask for those of the next four rows.
            float* next = similarities + (RowsAtOnce * Layout.TileStride) + column;
            Prefetch.Near(next);
            Prefetch.Near(next + Layout.TileStride);
            Prefetch.Near(next + (2 * Layout.TileStride));
            Prefetch.Near(next + (3 * Layout.TileStride));

            Four<TSimd> y = Four<TSimd>.Load(similarities + column, Layout.TileStride);
            if (TForm.Clamps)
            {
                y = Four<TSimd>.Max(TSimd.Broadcast(terms.Lowest), Four<TSimd>.Min(TSimd.Broadcast(terms.Highest), y));
            }

            Four<TSimd> logit = Four<TSimd>.MultiplyAdd(y, scale, margin), slope = default;
            if (!TForm.Linear)
            {
                slope = Four<TSimd>.Max(default(TSimd), y + optimum);
                logit = slope * logit;
            }

            if (TForm.Attached)
            {
                slope = Four<TSimd>.MultiplyAdd(slope, TSimd.Broadcast(2f), TSimd.Broadcast(terms.Negative.Slope)) & Four<TSimd>.LessThan(default, slope);
            }

            Four<TSimd> both = coefficient, term;
            if (typeof(TNarrow) == typeof(Yes))
            {
                Four<TSimd> rounded = logit + rounding;
                term = Four<TSimd>.AddShifted(Exponential.PowerOfFraction(logit - (rounded - rounding)), rounded);
                if (TEnds.Both)
                {
                    both += TSimd.Load(columnMantissas + column);
                }
            }
            else
            {
                Four<TSimd> n = Four<TSimd>.Round(logit);
                term = Exponential.PowerOfFraction(logit - n);
                both *= Four<TSimd>.PowerOfTwo(n + exponent);
                if (TEnds.Both)
                {
                    Four<TSimd> power = Four<TSimd>.PowerOfTwo(n + TSimd.Load(columnExponents + column));
                    both = Four<TSimd>.MultiplyAdd(power, TSimd.Load(columnMantissas + column), both);
                }
            }

            if (!TForm.Linear)
            {
                term *= slope;
            }

            if (TForm.Clamps)
            {
                term &= Four<TSimd>.Equal(Four<TSimd>.Load(similarities + column, Layout.TileStride), y);
            }

            term *= both;
            if (typeof(TNarrow) == typeof(No))
            {
                term = PairCoefficients.Lowered(term);
            }

            term.Store(destination + column, Layout.TileStride);
        }

        return column;
    }

    // Four rows by one vector that holds a positive, or a pair that takes no part.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void Mixed<TSimd, TEnds, TForm>(
        in TilePairs pairs, in PairTerms pairTerms, in PairCoefficients rows, in PairCoefficients columns, int row, int column, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
        where TForm : struct, IPairForm
    {
        MixedPairs<TSimd>.Evaluate<TForm>(pairs, pairTerms, row, column, out MixedPairs<TSimd> mixed);
        Four<TSimd> positive = mixed.Positive;
        Scaled positives = rows.Positives.From(row), negatives = rows.Negatives.From(row);
        Four<TSimd> coefficient = Four<TSimd>.Select(positive, Four<TSimd>.Broadcast(positives.Mantissas), Four<TSimd>.Broadcast(negatives.Mantissas));
        Four<TSimd> exponent = Four<TSimd>.Select(positive, Four<TSimd>.Broadcast(positives.Exponents), Four<TSimd>.Broadcast(negatives.Exponents));
        Four<TSimd> value = coefficient * Four<TSimd>.PowerOfTwo(mixed.Exponent + exponent);
        if (TEnds.Both)
        {
            coefficient = Four<TSimd>.Select(positive, TSimd.Load(columns.Positives.Mantissas + column), TSimd.Load(columns.Negatives.Mantissas + column));
            exponent = Four<TSimd>.Select(positive, TSimd.Load(columns.Positives.Exponents + column), TSimd.Load(columns.Negatives.Exponents + column));
            value = Four<TSimd>.MultiplyAdd(coefficient, Four<TSimd>.PowerOfTwo(mixed.Exponent + exponent), value);
        }

        value = PairCoefficients.Lowered(value * (mixed.Term * mixed.Slope));
        if (TForm.Linear && rows.Shifts != null)
        {
            value = PairCoefficients.Shifted<TSimd, TEnds>(value, mixed.Slope & positive, rows.Shifts + row, columns.Shifts + column);
        }

        value &= positive | mixed.Negative;
        value.Store(destination + (row * Layout.TileStride) + column, Layout.TileStride);
    }
}
