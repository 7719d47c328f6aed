namespace ManagedCircle;

/// <summary>The reduced loss of a call, and how many rows took part.</summary>
/// <param name="Loss">The reduced loss; NaN with <see cref="LossReduction.None"/>.</param>
/// <param name="QueryCount">How many queries took part (rows with the ignored label do not).</param>
/// <param name="ReferenceCount">How many references took part.</param>
/// <param name="ValidCount">How many queries had the pairs they need, a positive and a negative unless options differ; for a whole-batch loss 1 or 0.</param>
/// <param name="NonzeroCount">How many losses were above 0.</param>
public readonly record struct LossResult(double Loss, int QueryCount, int ReferenceCount, int ValidCount, int NonzeroCount)
{
    /// <summary>
    /// The gradient with respect to the scale of a <see cref="PairLoss"/>, one over its temperature, where that of the queries is computed too. NaN where it is
    /// not, and for losses in which not all logits are the scale times s: with two scales, margins, hardness, a clamp, or parts divided by their scale.
    /// </summary>
    public double ScaleGradient { get; init; } = double.NaN;
}
