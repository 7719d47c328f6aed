using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>How many pairs of each kind a query has, and its hardest ones.</summary>
internal unsafe struct PairDescription
{
    private int positiveCount, negativeCount, hardestPositive, hardestNegative;
    private float leastPositive, greatestNegative;

    /// <summary>Describes a row of pairs.</summary>
    public static PairDescription Of(ReadOnlySpan<float> similarities, int* kinds)
    {
        PairDescription result = Empty;
        for (int column = 0; column < similarities.Length; column++)
        {
            if (kinds[column] == (int)PairKind.Positive)
            {
                result.positiveCount++;
                result.TakePositive(column, similarities[column]);
            }
            else if (kinds[column] == (int)PairKind.Negative)
            {
                result.negativeCount++;
                result.TakeNegative(column, similarities[column]);
            }
        }

        return result;
    }

    /// <summary>Writes what was asked for, for each query or for the whole batch.</summary>
    public static void Write(PairDescription* ofQueries, in RunningSums sums, int queryCount, int columns, bool whole, SimilarityDetails destination)
    {
        if (!whole)
        {
            for (int query = 0; query < queryCount; query++)
            {
                ofQueries[query].Write(query, sums.From(query), destination);
            }

            return;
        }

        PairDescription all = Empty;
        for (int query = 0; query < queryCount; query++)
        {
            all.Add(ofQueries[query], query * columns);
        }

        float* memory = stackalloc float[4];
        RunningSums total = RunningSums.At(memory, 1);
        LossReducer.Total(sums, queryCount, total);
        all.Write(0, total, destination);
    }

    private static PairDescription Empty => new() { hardestPositive = -1, hardestNegative = -1 };

    private void Add(in PairDescription other, int firstPair)
    {
        positiveCount += other.positiveCount;
        negativeCount += other.negativeCount;
        if (other.hardestPositive >= 0)
        {
            TakePositive(firstPair + other.hardestPositive, other.leastPositive);
        }

        if (other.hardestNegative >= 0)
        {
            TakeNegative(firstPair + other.hardestNegative, other.greatestNegative);
        }
    }

    private void TakePositive(int index, float similarity)
    {
        if (hardestPositive < 0 || similarity < leastPositive)
        {
            (hardestPositive, leastPositive) = (index, similarity);
        }
    }

    private void TakeNegative(int index, float similarity)
    {
        if (hardestNegative < 0 || similarity > greatestNegative)
        {
            (hardestNegative, greatestNegative) = (index, similarity);
        }
    }

    private readonly void Write(int index, in RunningSums sums, SimilarityDetails destination)
    {
        Set(destination.PositiveCounts, positiveCount);
        Set(destination.NegativeCounts, negativeCount);
        Set(destination.HardestPositives, hardestPositive);
        Set(destination.HardestNegatives, hardestNegative);
        Set(destination.PositiveLogSumExp, LogSumExp(*sums.Positives.Mantissas, *sums.Positives.Exponents));
        Set(destination.NegativeLogSumExp, LogSumExp(*sums.Negatives.Mantissas, *sums.Negatives.Exponents));

        void Set<T>(Span<T> span, T value)
        {
            if (!span.IsEmpty)
            {
                span[index] = value;
            }
        }

        static float LogSumExp(float sum, float exponent) => (float)((Math.Log2(sum) + exponent) / Math.Log2(Math.E));
    }
}
