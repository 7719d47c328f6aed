namespace ManagedCircle.Checks;

/// <summary>The functions of one number that the kernels have.</summary>
public enum KernelFunction
{
    Exponential,
    Logarithm,
    Softplus,
}
