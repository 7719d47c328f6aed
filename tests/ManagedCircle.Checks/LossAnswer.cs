namespace ManagedCircle.Checks;

/// <summary>What the float engine answers to a <see cref="LossProblem"/>, widened.</summary>
public sealed record LossAnswer(LossResult Result, double[] Losses, double[] QueryGradient, double[] ReferenceGradient);
