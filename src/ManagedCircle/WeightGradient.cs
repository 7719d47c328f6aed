namespace ManagedCircle;

/// <summary>Whether the weight of a pair (the paper's alpha) carries gradient.</summary>
public enum WeightGradient
{
    /// <summary>The weight is a constant of the gradient: the paper's Eq. 9 and 10, PyTorch Metric Learning, fast-reid.</summary>
    Detached,

    /// <summary>The weight is differentiated too: Keras, TensorFlow Similarity.</summary>
    Attached,
}
