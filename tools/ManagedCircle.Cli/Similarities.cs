using System.Numerics.Tensors;

namespace ManagedCircle.Cli;

/// <summary>Similarities of rows in float.</summary>
internal static class Similarities
{
    /// <summary>Computes the similarity of every query to every reference: cosines, or inner products where <paramref name="normalize"/> is off.</summary>
    /// <param name="queries">Rows, shape [queryCount, dimension].</param>
    /// <param name="references">Rows, shape [referenceCount, dimension].</param>
    /// <param name="dimension">Numbers in a row.</param>
    /// <param name="normalize">Whether rows are divided by their norm. A zero row then has similarity 0 to everything.</param>
    /// <param name="destination">Receives shape [queryCount, referenceCount].</param>
    public static void Compute(ReadOnlySpan<float> queries, ReadOnlySpan<float> references, int dimension, bool normalize, Span<float> destination)
    {
        int referenceCount = references.Length / dimension;
        for (int i = 0; i < destination.Length; i++)
        {
            ReadOnlySpan<float> query = queries.Slice(i / referenceCount * dimension, dimension);
            ReadOnlySpan<float> reference = references.Slice(i % referenceCount * dimension, dimension);
            float product = TensorPrimitives.Dot(query, reference);
            destination[i] = normalize && product != 0 ? product / (TensorPrimitives.Norm(query) * TensorPrimitives.Norm(reference)) : product;
        }
    }
}
