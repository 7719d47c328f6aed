namespace ManagedCircle.Reference;

/// <summary>Cosine similarities or plain inner products of rows, and their backward pass.</summary>
public static class ReferenceSimilarity
{
    /// <summary>The least number that a row is divided by.</summary>
    public const double NormFloor = 1e-12;

    /// <summary>Divides every row by its norm.</summary>
    /// <param name="rows">Rows, shape [count, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <returns>Rows of norm 1, shape [count, dimension]; a row of norm below 1e-12 is divided by 1e-12 instead, so that a zero row stays zero.</returns>
    public static double[] UnitRows(ReadOnlySpan<double> rows, int dimension)
    {
        ThrowIf.NotRows(rows.Length, dimension);
        double[] unitRows = new double[rows.Length];
        for (int start = 0; start < rows.Length; start += dimension)
        {
            double divisor = Math.Max(Norm(rows.Slice(start, dimension)), NormFloor);
            for (int d = start; d < start + dimension; d++)
            {
                unitRows[d] = rows[d] / divisor;
            }
        }

        return unitRows;
    }

    /// <summary>Takes the gradient of unit rows back to the rows they were made from.</summary>
    /// <param name="rows">The rows, shape [count, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="unitGradient">The gradient g with respect to the unit rows u, shape [count, dimension].</param>
    /// <returns>
    /// The gradient with respect to the rows x, shape [count, dimension]: <c>(g - (g . u) u) / |x|</c>; where |x| is below 1e-12 and above 0,
    /// u is x / 1e-12 and the gradient <c>g / 1e-12</c>; a zero row has gradient 0.
    /// </returns>
    public static double[] UnitRowsBackward(ReadOnlySpan<double> rows, int dimension, ReadOnlySpan<double> unitGradient)
    {
        ThrowIf.NotRows(rows.Length, dimension);
        ThrowIf.WrongLength(unitGradient.Length, rows.Length, nameof(unitGradient), "the rows'");
        double[] unitRows = UnitRows(rows, dimension);
        double[] gradient = new double[rows.Length];
        for (int start = 0; start < rows.Length; start += dimension)
        {
            double norm = Norm(rows.Slice(start, dimension));
            if (norm == 0)
            {
                continue;
            }

            double radial = norm < NormFloor ? 0 : Dot(unitGradient.Slice(start, dimension), unitRows.AsSpan(start, dimension));
            for (int d = start; d < start + dimension; d++)
            {
                gradient[d] = (unitGradient[d] - radial * unitRows[d]) / Math.Max(norm, NormFloor);
            }
        }

        return gradient;
    }

    /// <summary>Computes the similarity of every query to every reference.</summary>
    /// <param name="queries">Rows, shape [queryCount, dimension], row-major.</param>
    /// <param name="references">Rows, shape [referenceCount, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="normalize">True for cosine similarities, <c>(x . r) / (|x| |r|)</c>; false for inner products, <c>x . r</c>.</param>
    /// <returns>Similarities, shape [queryCount, referenceCount], row-major. A zero row has similarity 0 to everything.</returns>
    public static double[] Forward(ReadOnlySpan<double> queries, ReadOnlySpan<double> references, int dimension, bool normalize)
    {
        ThrowIf.NotRows(queries.Length, dimension);
        ThrowIf.NotRows(references.Length, dimension);
        ReadOnlySpan<double> u = normalize ? UnitRows(queries, dimension) : queries;
        ReadOnlySpan<double> v = normalize ? UnitRows(references, dimension) : references;
        int queryCount = queries.Length / dimension, referenceCount = references.Length / dimension;
        double[] similarities = new double[checked(queryCount * referenceCount)];
        for (int q = 0; q < queryCount; q++)
        {
            for (int r = 0; r < referenceCount; r++)
            {
                similarities[q * referenceCount + r] = Dot(u.Slice(q * dimension, dimension), v.Slice(r * dimension, dimension));
            }
        }

        return similarities;
    }

    /// <summary>Takes the gradient of similarities back to the rows they were computed from.</summary>
    /// <param name="queries">Rows, shape [queryCount, dimension], row-major.</param>
    /// <param name="references">Rows, shape [referenceCount, dimension], row-major.</param>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="normalize">As in <see cref="Forward"/>.</param>
    /// <param name="similarityGradient">The gradient G with respect to the similarities, shape [queryCount, referenceCount].</param>
    /// <returns>
    /// The gradients with respect to queries and references, of their shapes: <c>G V</c> and <c>G^T U</c> for the (unit) rows U and V, through
    /// <see cref="UnitRowsBackward"/> where rows are normalised. Where queries and references are the same rows, their gradient is the sum
    /// of both, <c>(G + G^T) U</c>.
    /// </returns>
    public static (double[] Queries, double[] References) Backward(
        ReadOnlySpan<double> queries, ReadOnlySpan<double> references, int dimension, bool normalize, ReadOnlySpan<double> similarityGradient)
    {
        ThrowIf.NotRows(queries.Length, dimension);
        ThrowIf.NotRows(references.Length, dimension);
        int queryCount = queries.Length / dimension, referenceCount = references.Length / dimension;
        ThrowIf.WrongLength(similarityGradient.Length, checked(queryCount * referenceCount), nameof(similarityGradient), "queryCount x referenceCount");
        ReadOnlySpan<double> u = normalize ? UnitRows(queries, dimension) : queries;
        ReadOnlySpan<double> v = normalize ? UnitRows(references, dimension) : references;
        double[] queryGradient = new double[queries.Length];
        double[] referenceGradient = new double[references.Length];
        for (int q = 0; q < queryCount; q++)
        {
            for (int r = 0; r < referenceCount; r++)
            {
                double g = similarityGradient[q * referenceCount + r];
                for (int d = 0; d < dimension; d++)
                {
                    queryGradient[q * dimension + d] += g * v[r * dimension + d];
                    referenceGradient[r * dimension + d] += g * u[q * dimension + d];
                }
            }
        }

        return normalize
            ? (UnitRowsBackward(queries, dimension, queryGradient), UnitRowsBackward(references, dimension, referenceGradient))
            : (queryGradient, referenceGradient);
    }

    private static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double sum = 0;
        for (int d = 0; d < x.Length; d++)
        {
            sum += x[d] * y[d];
        }

        return sum;
    }

    // Squares are taken relative to the largest number: neither 1e200 nor 1e-200 leaves the range of a double.
    private static double Norm(ReadOnlySpan<double> row)
    {
        double largest = 0;
        foreach (double x in row)
        {
            largest = Math.Max(largest, Math.Abs(x));
        }

        if (largest == 0)
        {
            return 0;
        }

        double sum = 0;
        foreach (double x in row)
        {
            sum += x / largest * (x / largest);
        }

        return largest * Math.Sqrt(sum);
    }
}
