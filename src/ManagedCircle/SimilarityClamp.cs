namespace ManagedCircle;

/// <summary>The range that similarities are clamped to before the loss. A clamped pair has gradient 0.</summary>
public enum SimilarityClamp
{
    /// <summary>Similarities are taken as they are.</summary>
    None,

    /// <summary>Similarities above 1 count as 1 (Keras, TensorFlow Similarity).</summary>
    AtMostOne,

    /// <summary>Similarities below -1 count as -1, and those above 1 as 1.</summary>
    MinusOneToOne,
}
