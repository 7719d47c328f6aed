using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Support;

/// <summary>Rows with gaps, and a gradient of their similarities with gaps, to be solved by any implementation.</summary>
public sealed class SimilarityProblem
{
    private readonly Random random;

    /// <summary>Draws rows of a shape. Gaps hold NaN, which spoils any result that they get into.</summary>
    /// <param name="shape">Rows, and numbers in a row.</param>
    /// <param name="gaps">Numbers between rows: of the queries, the references and the matrix.</param>
    /// <param name="seed">What the numbers come from.</param>
    /// <param name="wholeNumbers">Whether every number is a whole one from -4 to 4, so that sums are exact.</param>
    public SimilarityProblem(
        (int Queries, int References, int Dimension) shape, (int Queries, int References, int Matrix) gaps = default, int seed = 0, bool wholeNumbers = false)
    {
        random = new(seed);
        (QueryCount, ReferenceCount, Dimension) = shape;
        (QueryStride, ReferenceStride, MatrixStride) = (Dimension + gaps.Queries, Dimension + gaps.References, ReferenceCount + gaps.Matrix);
        Queries = Draw(QueryCount, Dimension, QueryStride, wholeNumbers);
        References = Draw(ReferenceCount, Dimension, ReferenceStride, wholeNumbers);
        MatrixGradient = Draw(QueryCount, ReferenceCount, MatrixStride, wholeNumbers);
    }

    public int QueryCount { get; }

    public int ReferenceCount { get; }

    public int Dimension { get; }

    public int QueryStride { get; }

    public int ReferenceStride { get; }

    public int MatrixStride { get; }

    public float[] Queries { get; }

    public float[] References { get; }

    public float[] MatrixGradient { get; }

    public RowMatrix QueryRows => new(Queries, Dimension, QueryStride);

    public RowMatrix ReferenceRows => new(References, Dimension, ReferenceStride);

    /// <summary>Similarities, shape [QueryCount, ReferenceCount]; what lies between their rows and behind them was left alone, or this throws.</summary>
    public float[] Forward(CosineSimilarity similarity, bool normalize)
    {
        float[] destination = Canaries(QueryCount, MatrixStride);
        if (normalize)
        {
            similarity.Matrix(QueryRows, ReferenceRows, destination, MatrixStride);
        }
        else
        {
            similarity.InnerProducts(QueryRows, ReferenceRows, destination, MatrixStride);
        }

        return Dense(destination, QueryCount, ReferenceCount, MatrixStride);
    }

    /// <summary>Similarities of the queries with themselves.</summary>
    public float[] ForwardOfQueries(CosineSimilarity similarity, bool normalize)
    {
        int stride = QueryCount + MatrixStride - ReferenceCount;
        float[] destination = Canaries(QueryCount, stride);
        if (normalize)
        {
            similarity.Matrix(QueryRows, destination, stride);
        }
        else
        {
            similarity.InnerProducts(QueryRows, destination, stride);
        }

        return Dense(destination, QueryCount, QueryCount, stride);
    }

    /// <summary>The gradients of queries and references.</summary>
    public (float[] Queries, float[] References) Backward(CosineSimilarity similarity, bool normalize)
    {
        float[] queryGradient = Canaries(QueryCount, QueryStride), referenceGradient = Canaries(ReferenceCount, ReferenceStride);
        if (normalize)
        {
            similarity.MatrixBackward(QueryRows, ReferenceRows, MatrixGradient, queryGradient, referenceGradient, MatrixStride);
        }
        else
        {
            similarity.InnerProductsBackward(QueryRows, ReferenceRows, MatrixGradient, queryGradient, referenceGradient, MatrixStride);
        }

        return (Dense(queryGradient, QueryCount, Dimension, QueryStride), Dense(referenceGradient, ReferenceCount, Dimension, ReferenceStride));
    }

    /// <summary>The gradient of the queries, of their similarities with themselves; there are as many references, which take no part.</summary>
    public float[] BackwardOfQueries(CosineSimilarity similarity, bool normalize)
    {
        float[] gradient = Canaries(QueryCount, QueryStride);
        if (normalize)
        {
            similarity.MatrixBackward(QueryRows, MatrixGradient, gradient, MatrixStride);
        }
        else
        {
            similarity.InnerProductsBackward(QueryRows, MatrixGradient, gradient, MatrixStride);
        }

        return Dense(gradient, QueryCount, Dimension, QueryStride);
    }

    public double[] ForwardInDouble(bool normalize) => ReferenceSimilarity.Forward(QueriesInDouble(), ReferencesInDouble(), Dimension, normalize);

    public (double[] Queries, double[] References) BackwardInDouble(bool normalize) =>
        ReferenceSimilarity.Backward(QueriesInDouble(), ReferencesInDouble(), Dimension, normalize, MatrixGradientInDouble());

    public double[] QueriesInDouble() => InDouble(Dense(Queries, QueryCount, Dimension, QueryStride));

    public double[] ReferencesInDouble() => InDouble(Dense(References, ReferenceCount, Dimension, ReferenceStride));

    public double[] MatrixGradientInDouble() => InDouble(Dense(MatrixGradient, QueryCount, ReferenceCount, MatrixStride));

    public static double[] InDouble(float[] numbers) => [.. numbers.Select(x => (double)x)];

    /// <summary>As many numbers as rows of a stride take, and a row more, all a NaN of its own.</summary>
    public static float[] Canaries(int count, int stride) => [.. Enumerable.Repeat(Canary, (count + 1) * stride)];

    /// <summary>The rows without what lies between and behind them, which must be NaN as it was.</summary>
    public static float[] Dense(float[] rows, int count, int columns, int stride)
    {
        float[] dense = new float[count * columns];
        for (int i = 0; i < rows.Length; i++)
        {
            if (i / stride < count && i % stride < columns)
            {
                dense[(i / stride * columns) + (i % stride)] = rows[i];
            }
            else
            {
                Assert.Equal(BitConverter.SingleToInt32Bits(Canary), BitConverter.SingleToInt32Bits(rows[i]));
            }
        }

        return dense;
    }

    private static float Canary => BitConverter.Int32BitsToSingle(0x7fc0beef);

    private float[] Draw(int count, int columns, int stride, bool wholeNumbers)
    {
        float[] rows = [.. Enumerable.Repeat(Canary, count * stride)];
        for (int i = 0; i < rows.Length; i++)
        {
            if (i % stride < columns)
            {
                rows[i] = wholeNumbers ? random.Next(-4, 5) : (float)(random.NextDouble() - random.NextDouble());
            }
        }

        return rows;
    }
}
