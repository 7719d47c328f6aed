namespace ManagedCircle.Reference;

/// <summary>Euclidean distances of rows or their squares, and their backward pass.</summary>
public static class ReferenceDistance
{
    /// <summary>Computes the distance of every query to every reference.</summary>
    /// <param name="queries">Rows, shape [queryCount, dimension], row-major.</param>
    /// <param name="references">Rows, shape [referenceCount, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="normalize">Whether rows are divided by their norm first; squares are then <c>2 - 2 s</c>, but for zero rows, which stay zero.</param>
    /// <param name="squared">True for <c>|x - r|^2</c>, false for <c>|x - r|</c>.</param>
    /// <returns>Distances, shape [queryCount, referenceCount], row-major.</returns>
    public static double[] Forward(ReadOnlySpan<double> queries, ReadOnlySpan<double> references, int dimension, bool normalize, bool squared)
    {
        ThrowIf.NotRows(queries.Length, dimension);
        ThrowIf.NotRows(references.Length, dimension);
        ReadOnlySpan<double> u = normalize ? ReferenceSimilarity.UnitRows(queries, dimension) : queries;
        ReadOnlySpan<double> v = normalize ? ReferenceSimilarity.UnitRows(references, dimension) : references;
        int queryCount = queries.Length / dimension, referenceCount = references.Length / dimension;
        double[] distances = new double[checked(queryCount * referenceCount)];
        for (int q = 0; q < queryCount; q++)
        {
            for (int r = 0; r < referenceCount; r++)
            {
                double sum = 0;
                for (int d = 0; d < dimension; d++)
                {
                    double difference = u[q * dimension + d] - v[r * dimension + d];
                    sum += difference * difference;
                }

                distances[q * referenceCount + r] = squared ? sum : Math.Sqrt(sum);
            }
        }

        return distances;
    }

    /// <summary>Takes the gradient of distances back to the rows they were computed from.</summary>
    /// <param name="queries">Rows, shape [queryCount, dimension], row-major.</param>
    /// <param name="references">Rows, shape [referenceCount, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="normalize">As in <see cref="Forward"/>.</param>
    /// <param name="squared">As in <see cref="Forward"/>.</param>
    /// <param name="distanceGradient">The gradient with respect to the distances, shape [queryCount, referenceCount].</param>
    /// <returns>
    /// The gradients with respect to queries and references, of their shapes, as of <see cref="ReferenceSimilarity.Backward"/>. The root of 0 has no slope:
    /// rows
    /// at distance 0 get none from each other.
    /// </returns>
    public static (double[] Queries, double[] References) Backward(
        ReadOnlySpan<double> queries,
        ReadOnlySpan<double> references,
        int dimension,
        bool normalize,
        bool squared,
        ReadOnlySpan<double> distanceGradient)
    {
        double[] distances = Forward(queries, references, dimension, normalize, squared);
        ThrowIf.WrongLength(distanceGradient.Length, distances.Length, nameof(distanceGradient), "queryCount x referenceCount");
        ReadOnlySpan<double> u = normalize ? ReferenceSimilarity.UnitRows(queries, dimension) : queries;
        ReadOnlySpan<double> v = normalize ? ReferenceSimilarity.UnitRows(references, dimension) : references;
        int queryCount = queries.Length / dimension, referenceCount = references.Length / dimension;
        double[] queryGradient = new double[queries.Length];
        double[] referenceGradient = new double[references.Length];
        for (int q = 0; q < queryCount; q++)
        {
            for (int r = 0; r < referenceCount; r++)
            {
                // d|x - r|^2 / dx = 2 (x - r), and d|x - r| / dx = (x - r) / |x - r|.
                double distance = distances[q * referenceCount + r];
                double g = distanceGradient[q * referenceCount + r] * (squared ? 2 : distance == 0 ? 0 : 1 / distance);
                for (int d = 0; d < dimension; d++)
                {
                    double part = g * (u[q * dimension + d] - v[r * dimension + d]);
                    queryGradient[q * dimension + d] += part;
                    referenceGradient[r * dimension + d] -= part;
                }
            }
        }

        return normalize
            ? (ReferenceSimilarity.UnitRowsBackward(queries, dimension, queryGradient),
                ReferenceSimilarity.UnitRowsBackward(references, dimension, referenceGradient))
            : (queryGradient, referenceGradient);
    }
}
