namespace ManagedCircle;

/// <summary>How the pairs of a <see cref="SimilarityBatch"/> are given.</summary>
internal enum PairSource
{
    /// <summary>By the labels of a batch that is compared with itself.</summary>
    BatchLabels,

    /// <summary>By the labels of queries and references.</summary>
    Labels,

    /// <summary>By a byte for each.</summary>
    Mask,

    /// <summary>By lists.</summary>
    Lists,
}
