namespace ManagedCircle;

/// <summary>A constant factor on every loss and gradient.</summary>
public enum OutputScale
{
    /// <summary>1: the paper.</summary>
    One,

    /// <summary>1 / gamma, so that the loss stays in units of similarity (the triplet limit).</summary>
    InverseGamma,
}
