namespace ManagedCircle;

/// <summary>How the positive log-sum-exp P and the negative log-sum-exp N become one loss.</summary>
public enum LossCombination
{
    /// <summary><c>softplus(P + N)</c>: the paper.</summary>
    Joint,

    /// <summary><c>softplus(P) + softplus(N)</c>: TensorFlow Similarity.</summary>
    Separate,
}
