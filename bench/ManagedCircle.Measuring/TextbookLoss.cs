using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Measuring;

/// <summary>
/// What a C# developer writes first: the formulas in loops, with <see cref="TensorPrimitives"/> for each dot product and each row of the gradient. The baseline
/// for small batches.
/// </summary>
public sealed class TextbookLoss(int count, int dimension)
{
    private const float Gamma = 80, Margin = 0.4f;

    private readonly float[] units = new float[count * dimension], norms = new float[count], similarities = new float[count * count],
        slopes = new float[count * count];
    private readonly float[] unitGradient = new float[count * dimension];

    // Compiled in full at once, as it would be in an app that has run for a while.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public float ForwardBackward(ReadOnlySpan<float> rows, ReadOnlySpan<int> labels, Span<float> gradient)
    {
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> row = rows.Slice(i * dimension, dimension);
            norms[i] = MathF.Max(TensorPrimitives.Norm(row), 1e-12f);
            TensorPrimitives.Divide(row, norms[i], units.AsSpan(i * dimension, dimension));
        }

        int valid = 0;
        float total = 0;
        Array.Clear(slopes);
        for (int i = 0; i < count; i++)
        {
            Span<float> s = similarities.AsSpan(i * count, count);
            float positive = float.NegativeInfinity, negative = float.NegativeInfinity;
            for (int j = 0; j < count; j++)
            {
                s[j] = TensorPrimitives.Dot<float>(units.AsSpan(i * dimension, dimension), units.AsSpan(j * dimension, dimension));
                positive = j != i && labels[j] == labels[i] ? MathF.Max(positive, PositiveLogit(s[j])) : positive;
                negative = labels[j] != labels[i] ? MathF.Max(negative, NegativeLogit(s[j])) : negative;
            }

            if (float.IsNegativeInfinity(positive) || float.IsNegativeInfinity(negative))
            {
                continue;
            }

            float positiveSum = 0, negativeSum = 0;
            for (int j = 0; j < count; j++)
            {
                positiveSum += j != i && labels[j] == labels[i] ? MathF.Exp(PositiveLogit(s[j]) - positive) : 0;
                negativeSum += labels[j] != labels[i] ? MathF.Exp(NegativeLogit(s[j]) - negative) : 0;
            }

            float z = positive + MathF.Log(positiveSum) + negative + MathF.Log(negativeSum), sigmoid = 1 / (1 + MathF.Exp(-z));
            total += MathF.Max(z, 0) + MathF.Log(1 + MathF.Exp(-MathF.Abs(z)));
            valid++;
            for (int j = 0; j < count; j++)
            {
                if (labels[j] != labels[i])
                {
                    slopes[(i * count) + j] = sigmoid * MathF.Exp(NegativeLogit(s[j]) - negative) / negativeSum * Gamma * MathF.Max(0, s[j] + Margin);
                }
                else if (j != i)
                {
                    slopes[(i * count) + j] = -sigmoid * MathF.Exp(PositiveLogit(s[j]) - positive) / positiveSum * Gamma * MathF.Max(0, 1 + Margin - s[j]);
                }
            }
        }

        Array.Clear(unitGradient);
        for (int i = 0; i < count; i++)
        {
            Span<float> g = unitGradient.AsSpan(i * dimension, dimension);
            for (int j = 0; j < count; j++)
            {
                TensorPrimitives.MultiplyAdd(units.AsSpan(j * dimension, dimension), slopes[(i * count) + j] + slopes[(j * count) + i], g, g);
            }

            ReadOnlySpan<float> unit = units.AsSpan(i * dimension, dimension);
            Span<float> result = gradient.Slice(i * dimension, dimension);
            TensorPrimitives.MultiplyAdd(unit, -TensorPrimitives.Dot<float>(g, unit), g, result);
            TensorPrimitives.Multiply(result, 1 / (norms[i] * Math.Max(valid, 1)), result);
        }

        return total / Math.Max(valid, 1);
    }

    private static float PositiveLogit(float s) => -Gamma * MathF.Max(0, 1 + Margin - s) * (s - (1 - Margin));

    private static float NegativeLogit(float s) => Gamma * MathF.Max(0, s + Margin) * (s - Margin);
}
