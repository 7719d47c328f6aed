using System.Numerics.Tensors;

namespace ManagedCircle.Kernels;

/// <summary>The formulas of one kind of pairs, of one similarity or of a span; a destination may be the similarities.</summary>
internal readonly struct PairSide
{
    private readonly double gamma, optimum, margin;
    private readonly float lowest, highest;
    private readonly bool constant, attached;
    private readonly int sign;

    // Seen from its optimum, a negative pair is a positive one with every similarity negated. Both sides share one formula in
    // y = -s, a = Op, b = Dp   or   y = s, a = -On, b = -Dn:   weight = max(0, y + a),   logit = gamma * weight * (y + b).
    private PairSide(in PairFormula formula, int sign, double scale, double optimum, double margin)
    {
        gamma = scale;
        constant = !formula.Circle;
        attached = formula.Circle && formula.Attached;
        (lowest, highest) = ((float)formula.Lowest, (float)formula.Highest);
        (this.sign, this.optimum, this.margin) = (sign, optimum, margin);
    }

    /// <summary>The positive pairs.</summary>
    public static PairSide Positive(in PairFormula formula) => new(formula, -1, formula.PositiveScale, formula.PositiveOptimum, formula.PositiveMargin);

    /// <summary>The negative pairs.</summary>
    public static PairSide Negative(in PairFormula formula) => new(formula, 1, formula.NegativeScale, -formula.NegativeOptimum, -formula.NegativeMargin);

    public double Weight(double similarity) => constant ? 1 : Math.Max(0, Turned(similarity) + optimum);

    public double Logit(double similarity) => gamma * Weight(similarity) * (Turned(similarity) + margin);

    public double Slope(double similarity)
    {
        double weight = Weight(similarity);
        if (weight == 0 || similarity < lowest || similarity > highest)
        {
            return 0;
        }

        return sign * gamma * (attached ? optimum + margin + 2 * Turned(similarity) : weight);
    }

    public void Weights(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        Distances(similarities, (float)optimum, destination);
        if (constant)
        {
            destination.Fill(1);
        }
        else
        {
            TensorPrimitives.Max(destination, 0, destination);
        }
    }

    public void Logits(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        if (constant)
        {
            Distances(similarities, (float)margin, destination);
        }
        else
        {
            // Where the weight is not 0, y + b is the weight + (b - a); where it is, that does not matter.
            Weights(similarities, destination);
            TensorPrimitives.AddMultiply(destination, (float)(margin - optimum), destination, destination);
        }

        TensorPrimitives.Multiply(destination, (float)gamma, destination);
    }

    public void Slopes(ReadOnlySpan<float> similarities, Span<float> destination)
    {
        if (!attached && !constant && highest > 1)
        {
            Weights(similarities, destination);
            TensorPrimitives.Multiply(destination, (float)(sign * gamma), destination);
            return;
        }

        for (int i = 0; i < similarities.Length; i++)
        {
            destination[i] = (float)Slope(similarities[i]);
        }
    }

    // y + constant.
    private void Distances(ReadOnlySpan<float> similarities, float constant, Span<float> destination)
    {
        TensorPrimitives.Clamp(similarities, lowest, highest, destination);
        TensorPrimitives.Multiply(destination, sign, destination);
        TensorPrimitives.Add(destination, constant, destination);
    }

    private double Turned(double similarity) => sign * Math.Clamp(similarity, lowest, highest);
}
