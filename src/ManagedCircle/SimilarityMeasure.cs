namespace ManagedCircle;

/// <summary>What a search compares rows by.</summary>
public enum SimilarityMeasure
{
    /// <summary>The cosine, as <see cref="CosineSimilarity.Matrix(RowMatrix, RowMatrix, Span{float}, int)"/> computes it.</summary>
    Cosine,

    /// <summary>The inner product, as <see cref="CosineSimilarity.InnerProducts(RowMatrix, RowMatrix, Span{float}, int)"/> computes it.</summary>
    InnerProduct,
}
