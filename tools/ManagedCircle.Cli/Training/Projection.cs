using System.Numerics.Tensors;

namespace ManagedCircle.Cli.Training;

/// <summary>A projection of rows, <c>Y = X W^T + b</c>: a linear layer, whose numbers are inner products of the rows with its weights, and a bias.</summary>
/// <param name="weights">W, shape [dimension, inputDimension], row-major.</param>
/// <param name="inputDimension">Numbers in a row to project.</param>
internal sealed class Projection(float[] weights, int inputDimension) : IDisposable
{
    private readonly CosineSimilarity products = new(new ExecutionOptions { Threads = Environment.ProcessorCount });

    /// <summary>W, shape [dimension, inputDimension], row-major.</summary>
    public float[] Weights => weights;

    /// <summary>b, shape [dimension]: where it puts the origin of the rows; 0 at first.</summary>
    public float[] Bias { get; } = new float[weights.Length / inputDimension];

    /// <summary>Numbers in a projected row.</summary>
    public int Dimension { get; } = weights.Length / inputDimension;

    /// <summary>A projection with weights drawn evenly from within 1 / sqrt(inputDimension) of 0.</summary>
    public static Projection Draw(int inputDimension, int dimension, Random random)
    {
        float[] weights = new float[dimension * inputDimension];
        float bound = 1 / MathF.Sqrt(inputDimension);
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i % dimension * inputDimension + i / dimension] = bound * (2 * random.NextSingle() - 1);
        }

        return new Projection(weights, inputDimension);
    }

    /// <summary>Projects rows: <c>X W^T + b</c>.</summary>
    public LabeledRows Apply(LabeledRows rows)
    {
        float[] projected = new float[rows.Count * Dimension];
        products.InnerProducts(new(rows.Values, inputDimension), new(weights, inputDimension), projected);
        for (int row = 0; row < projected.Length; row += Dimension)
        {
            Span<float> values = projected.AsSpan(row, Dimension);
            TensorPrimitives.Add(values, Bias, values);
        }

        return rows with { Values = projected, Dimension = Dimension };
    }

    /// <summary>Takes the gradient G of projected rows back to the weights: <c>G^T X</c>.</summary>
    public float[] WeightGradient(LabeledRows rows, ReadOnlySpan<float> projectedGradient)
    {
        float[] gradient = new float[weights.Length];
        products.InnerProductsBackward(new(rows.Values, inputDimension), new(weights, inputDimension), projectedGradient, default, gradient);
        return gradient;
    }

    /// <summary>Takes the gradient G of projected rows back to the bias: the sum of its rows.</summary>
    public float[] BiasGradient(ReadOnlySpan<float> projectedGradient)
    {
        float[] gradient = new float[Dimension];
        for (int row = 0; row < projectedGradient.Length; row += Dimension)
        {
            TensorPrimitives.Add(gradient, projectedGradient.Slice(row, Dimension), gradient);
        }

        return gradient;
    }

    /// <summary>The weights as NumPy's <c>X @ W</c> takes them, shape [inputDimension, dimension].</summary>
    public float[] ToColumns()
    {
        float[] columns = new float[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            columns[i % inputDimension * Dimension + i / inputDimension] = weights[i];
        }

        return columns;
    }

    public void Dispose() => products.Dispose();
}
