using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>A query as a filter of rows has it.</summary>
/// <param name="Row">The (unit) row of the query, shape [dimension].</param>
/// <param name="Norm">Its norm, which bounds an error; infinite where that bound would not hold.</param>
internal readonly unsafe record struct FilterQuery(nint Row, float Norm)
{
    public float* Numbers => (float*)Row;
}

/// <summary>Tells which rows may be above a query's threshold: from sums in another order, as rows lie in memory, and a bound of the difference.</summary>
/// <remarks>
/// <para>
/// Packing rows costs more than reading them, and few queries do too little with a packed row to make up for it. Few rows are near a query, so that the rest
/// need not be packed.
/// </para>
/// <para>
/// With s the similarity as a product of packed rows gives it, d a sum of the products of the query and the row in another order, and n the row's norm, under
/// inner products |s - d| is at most E |q| n, and under cosines |s - d / n| at most E, with E = (3 D + 64) 2^-24: a sum of D products rounds by at most
/// 2 D 2^-24 of their magnitudes where products are rounded too, the other order and the norm by D / 2 2^-24 each, and what is left is for norms, quotients and
/// the comparison itself. Rows and queries whose squares underflow or overflow may always pass.
/// </para>
/// </remarks>
internal static unsafe class RowFilter
{
    // Rows.
    private const int Ahead = 8;

    /// <summary>What bounds the difference of two ways to a cosine.</summary>
    public static float ErrorOf(int dimension) => ((3f * dimension) + 64) / (1 << 24);

    /// <summary>A query as it is compared, once its (unit) row is known.</summary>
    public static FilterQuery Of<TSimd>(float* row, int dimension)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        float square = Dot<TSimd>(row, row, dimension);
        return new((nint)row, IsSafe(square) ? MathF.Sqrt(square) : float.PositiveInfinity);
    }

    /// <summary>Whether one of some rows may have a similarity above the threshold of one of the queries.</summary>
    /// <param name="rows">The rows as they are, shape [count, dimension].</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    /// <param name="count">How many rows there are.</param>
    /// <param name="dimension">Numbers in a row.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="thresholds">What a similarity must exceed, for each query.</param>
    /// <param name="normalize">Whether similarities are cosines.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool MayPass<TSimd>(
        float* rows, nint stride, int count, int dimension, ReadOnlySpan<FilterQuery> queries, float* thresholds, bool normalize)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        float error = ErrorOf(dimension);
        for (int row = 0; row < count; row++, rows += stride)
        {
            // Rows of a gallery come from memory, and it takes longer than the work on one of them: what comes next is asked for in time.
            for (int i = 0; i < dimension; i += Prefetch.Line)
            {
                Prefetch.Near(rows + (Ahead * stride) + i);
            }

            float square = Dot<TSimd>(rows, rows, dimension), norm = MathF.Sqrt(square);
            if (!IsSafe(square))
            {
                return true;
            }

            for (int query = 0; query < queries.Length; query++)
            {
                float product = Dot<TSimd>(queries[query].Numbers, rows, dimension), threshold = thresholds[query];
                float most = normalize ? product + ((error - threshold) * norm) : product + (error * queries[query].Norm * norm) - threshold;
                if (!(most < 0))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsSafe(float square) => square is >= RowPacking.SafeLow and <= RowPacking.SafeHigh;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [SkipLocalsInit]
    private static float Dot<TSimd>(float* left, float* right, int dimension)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + (4 * TSimd.Lanes) <= dimension; i += 4 * TSimd.Lanes)
        {
            TSimd.AddProduct(TSimd.Load(left + i), TSimd.Load(right + i), ref a);
            TSimd.AddProduct(TSimd.Load(left + i + TSimd.Lanes), TSimd.Load(right + i + TSimd.Lanes), ref b);
            TSimd.AddProduct(TSimd.Load(left + i + (2 * TSimd.Lanes)), TSimd.Load(right + i + (2 * TSimd.Lanes)), ref c);
            TSimd.AddProduct(TSimd.Load(left + i + (3 * TSimd.Lanes)), TSimd.Load(right + i + (3 * TSimd.Lanes)), ref d);
        }

        float* lanes = stackalloc float[Layout.SumLanes];
        TSimd.Store((a + b) + (c + d), lanes);
        float sum = 0;
        for (int lane = 0; lane < TSimd.Lanes; lane++)
        {
            sum += lanes[lane];
        }

        for (; i < dimension; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }
}
