using System.Numerics.Tensors;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>How near a peer must be to ManagedCircle before any time of it is taken.</summary>
internal static class Agreement
{
    // Both sides work in float32: a similarity has an error of a few 1e-7, gamma (4 - 2m) times that in a logit is 1e-4 at the most and a tenth of it at
    // random, and a softmax's relative error is its logit's absolute one.
    private const double LossTolerance = 1e-5, GradientTolerance = 2e-4, ProductTolerance = 1e-5;

    public static void OfLoss(Problem problem, CircleLossOptions options, double loss, ReadOnlySpan<float> gradient)
    {
        using CircleLoss own = new(options);
        float[] expected = new float[problem.Rows.Length];
        double expectedLoss = own.ForwardBackward(new(problem.Rows, problem.Labels), expected).Loss;
        if (!(Math.Abs(loss - expectedLoss) <= LossTolerance * Math.Abs(expectedLoss)))
        {
            throw new DisagreementException($"loss {loss:R}, ManagedCircle's {expectedLoss:R}");
        }

        Near("gradient", expected, gradient, GradientTolerance * MathF.Abs(TensorPrimitives.MaxMagnitude<float>(expected)));
    }

    public static void OfProduct(Problem problem, ReadOnlySpan<float> product)
    {
        using CosineSimilarity own = new();
        float[] expected = new float[problem.N * problem.N];
        own.InnerProducts(new(problem.Rows, problem.D), new(problem.Rows, problem.D), expected);
        Near("product", expected, product, ProductTolerance);
    }

    private static void Near(string name, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(actual[i] - expected[i]) <= tolerance))
            {
                throw new DisagreementException($"{name}[{i}] is {actual[i]:R}, ManagedCircle's {expected[i]:R}");
            }
        }
    }
}
