using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Four rows by one vector of pairs of any kind: positives, negatives, and pairs that take no part.</summary>
internal unsafe struct MixedPairs<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>The masks of the positives and of the negatives that take part.</summary>
    public Four<TSimd> Positive, Negative;

    /// <summary>e^logit as Term 2^Exponent, and d logit / ds over gamma.</summary>
    public Four<TSimd> Term, Exponent, Slope;

    /// <summary>Evaluates the pairs of four rows with one vector of columns.</summary>
    /// <remarks>Not inlined: inside the loops that need it there would be too much of it for the JIT.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Evaluate<TForm>(in TilePairs pairs, in PairTerms pairTerms, int row, int column, out MixedPairs<TSimd> result)
        where TForm : struct, IPairForm
    {
        PairTerms<TSimd, TForm> terms = new(pairTerms);
        Four<TSimd> match = Four<TSimd>.EqualBits(Four<TSimd>.Broadcast((float*)pairs.RowLabels + row), TSimd.Load((float*)pairs.ColumnLabels + column));
        Four<TSimd> similarity = Four<TSimd>.Load(pairs.Similarities + (row * Layout.TileStride) + column, Layout.TileStride);
        result.Term = terms.MixedTermAndSlope(pairTerms, similarity, match, out result.Exponent, out result.Slope);
        Four<TSimd> takePart = pairs.TakePart<TSimd>(row, column);
        result.Positive = takePart & match;
        result.Negative = Four<TSimd>.AndNot(takePart, match);
    }
}
