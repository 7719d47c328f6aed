using System.Runtime.CompilerServices;
using ManagedCircle.Engine;
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
    /// <summary>Writes dL/ds of every pair of the tile, and 0 where there is no pair.</summary>
    /// <param name="pairs">The tile.</param>
    /// <param name="pairTerms">The loss's constants.</param>
    /// <param name="rows">Coefficients of the rows' queries: m in the sums' place, e in the exponents'.</param>
    /// <param name="columns">Coefficients of the columns' queries, readable up to a whole tile; unused where pairs count for their row alone.</param>
    /// <param name="strip">In a triangle, row r is written from column r / strip * strip on: a multiple of 16.</param>
    /// <param name="destination">Receives dL/ds, laid out as the similarities; may be the same memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute<TSimd, TEnds>(in TilePairs pairs, in PairTerms pairTerms, in RunningSums rows, in RunningSums columns, int strip, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
        where TEnds : struct, IPairEnds
    {
        PairTerms<TSimd> terms = new(pairTerms);
        float* columnNegatives = columns.NegativeSums, columnNegativeExponents = columns.NegativeExponents;
        float* columnPositives = columns.PositiveSums, columnPositiveExponents = columns.PositiveExponents;
        for (int row = 0; row < pairs.Rows; row++)
        {
            TSimd negative = TSimd.Broadcast(rows.NegativeSums[row]), negativeExponent = TSimd.Broadcast(rows.NegativeExponents[row]);
            TSimd positive = TSimd.Broadcast(rows.PositiveSums[row]), positiveExponent = TSimd.Broadcast(rows.PositiveExponents[row]);
            TSimd label = TSimd.Broadcast(BitConverter.Int32BitsToSingle(pairs.RowLabels[row]));
            float* similarities = pairs.Similarities + (row * Layout.TileStride);
            float* h = destination + (row * Layout.TileStride);
            int column = pairs.FirstPair(row);
            if (pairs.Triangle)
            {
                int start = row / strip * strip;
                new Span<float>(h + start, column - start).Clear();
            }

            for (; column < pairs.Columns; column += TSimd.Lanes)
            {
                TSimd match = TSimd.EqualBits(TSimd.Load((float*)pairs.ColumnLabels + column), label);
                TSimd value;
                if (pairs.Whole(row, 1, column, TSimd.Lanes) && !TSimd.Any(match))
                {
                    TSimd term = terms.NegativeTermAndSlope(TSimd.Load(similarities + column), out TSimd n, out TSimd slope);
                    value = negative * PowersOfTwo.Of(n + negativeExponent);
                    if (TEnds.Both)
                    {
                        value = TSimd.MultiplyAdd(TSimd.Load(columnNegatives + column), PowersOfTwo.Of(n + TSimd.Load(columnNegativeExponents + column)), value);
                    }

                    value *= term * slope;
                }
                else
                {
                    TSimd term = terms.MixedTermAndSlope(TSimd.Load(similarities + column), match, out TSimd n, out TSimd slope);
                    value = TSimd.Select(match, positive, negative) * PowersOfTwo.Of(n + TSimd.Select(match, positiveExponent, negativeExponent));
                    if (TEnds.Both)
                    {
                        TSimd coefficient = TSimd.Select(match, TSimd.Load(columnPositives + column), TSimd.Load(columnNegatives + column));
                        TSimd exponent = TSimd.Select(match, TSimd.Load(columnPositiveExponents + column), TSimd.Load(columnNegativeExponents + column));
                        value = TSimd.MultiplyAdd(coefficient, PowersOfTwo.Of(n + exponent), value);
                    }

                    value *= term * slope;
                    value &= pairs.TakesPart<TSimd>(row, column);
                }

                TSimd.Store(value, h + column);
            }
        }
    }
}
