using System.Numerics.Tensors;

namespace ManagedCircle.Cli.Training;

/// <summary>A linear projection of rows, <c>Y = X W</c>.</summary>
/// <param name="weights">W, shape [inputDimension, dimension], row-major.</param>
/// <param name="dimension">Numbers in a projected row.</param>
internal sealed class Projection(float[] weights, int dimension)
{
    /// <summary>W, shape [inputDimension, dimension], row-major.</summary>
    public float[] Weights => weights;

    /// <summary>A projection with weights drawn evenly from within 1 / sqrt(inputDimension) of 0.</summary>
    public static Projection Draw(int inputDimension, int dimension, Random random)
    {
        float[] weights = new float[inputDimension * dimension];
        float bound = 1 / MathF.Sqrt(inputDimension);
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = bound * (2 * random.NextSingle() - 1);
        }

        return new Projection(weights, dimension);
    }

    /// <summary>Projects rows: <c>X W</c>.</summary>
    public LabeledRows Apply(LabeledRows rows)
    {
        float[] projected = new float[rows.Count * dimension];
        for (int i = 0; i < rows.Values.Length; i++)
        {
            Span<float> row = projected.AsSpan(i / rows.Dimension * dimension, dimension);
            TensorPrimitives.MultiplyAdd(WeightsOf(i % rows.Dimension), rows.Values[i], row, row);
        }

        return rows with { Values = projected, Dimension = dimension };
    }

    /// <summary>Takes the gradient of projected rows back to the weights: <c>X^T G</c>.</summary>
    public float[] WeightGradient(LabeledRows rows, ReadOnlySpan<float> projectedGradient)
    {
        float[] gradient = new float[weights.Length];
        for (int i = 0; i < rows.Values.Length; i++)
        {
            Span<float> row = gradient.AsSpan(i % rows.Dimension * dimension, dimension);
            TensorPrimitives.MultiplyAdd(projectedGradient.Slice(i / rows.Dimension * dimension, dimension), rows.Values[i], row, row);
        }

        return gradient;
    }

    private ReadOnlySpan<float> WeightsOf(int input) => weights.AsSpan(input * dimension, dimension);
}
