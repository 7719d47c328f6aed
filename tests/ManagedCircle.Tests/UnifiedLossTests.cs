using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>The losses that Circle loss becomes with the weight held at 1, each against its own formula: float and reference.</summary>
public sealed class UnifiedLossTests
{
    private const double Gamma = 24, Margin = 0.35;

    private static readonly CircleLossOptions Unified = new() { Gamma = Gamma, Margin = Margin, Weighting = PairWeighting.Constant };

    private static readonly float[] Positives = [0.8f, 0.3f, 0.55f], Negatives = [0.5f, -0.1f, 0.45f, 0.7f];

    [Fact]
    public void A_query_has_the_loss_of_pairwise_CosFace()
    {
        // log(1 + sum over all positives and negatives of e^(gamma (sn - sp + m))), and its derivatives.
        double Pair(double sp, double sn) => Math.Exp(Gamma * (sn - sp + Margin));
        double sum = Positives.Sum(sp => Negatives.Sum(sn => Pair(sp, sn))), expected = Math.Log(1 + sum);
        float[] ofPositives = new float[3], ofNegatives = new float[4];
        using SimilarityLoss loss = new(Unified);

        LossResult result = loss.OfQuery(Positives, Negatives, ofPositives, ofNegatives);

        Nearly.Equal(expected, result.Loss, Tolerances.LogitOfSimilarity(Unified, 1), "loss");
        AssertGradient([.. Positives.Select(sp => -Gamma / (1 + sum) * Negatives.Sum(sn => Pair(sp, sn)))], ofPositives);
        AssertGradient([.. Negatives.Select(sn => Gamma / (1 + sum) * Positives.Sum(sp => Pair(sp, sn)))], ofNegatives);
    }

    [Theory]
    [InlineData(WeightGradient.Detached)]
    [InlineData(WeightGradient.Attached)]
    public void A_constant_weight_has_no_gradient_to_attach(WeightGradient convention)
    {
        float[] gradient = new float[3], other = new float[3];
        using SimilarityLoss loss = new(Unified), either = new(Unified with { WeightGradient = convention });

        loss.OfQuery(Positives, Negatives, gradient);
        either.OfQuery(Positives, Negatives, other);

        Assert.Equal(gradient, other);
    }

    [Theory]
    [InlineData(0.35)]
    [InlineData(0)]
    public void Against_class_weights_it_is_AM_Softmax_and_without_margin_NormFace(double margin)
    {
        const int Count = 13, Classes = 7, Dimension = 5;
        (double[] rows, double[] classWeights, long[] labels) = Draw(Count, Classes, Dimension);
        LossProblem problem = new()
        {
            Options = CircleLossOptions.ClassLevel with { Gamma = Gamma, Margin = margin, Weighting = PairWeighting.Constant },
            Rows = rows,
            Labels = labels,
            References = classWeights,
            ReferenceLabels = [.. Enumerable.Range(0, Classes).Select(c => (long)c)],
        };
        double[] cosines = ReferenceSimilarity.Forward(rows, classWeights, Dimension, normalize: true);

        // -log(e^(gamma (s_y - m)) / (e^(gamma (s_y - m)) + sum over others of e^(gamma s_j))), and its derivatives: the softmax less 1 for the target.
        double[] expected = new double[Count], gradient = new double[Count * Classes];
        for (int i = 0; i < Count; i++)
        {
            double[] powers = [.. Enumerable.Range(0, Classes).Select(j => Math.Exp(Gamma * (cosines[i * Classes + j] - (j == labels[i] ? margin : 0))))];
            expected[i] = -Math.Log(powers[labels[i]] / powers.Sum());
            for (int j = 0; j < Classes; j++)
            {
                gradient[i * Classes + j] = Gamma / Count * (powers[j] / powers.Sum() - (j == labels[i] ? 1 : 0));
            }
        }

        (double[] ofRows, double[] ofClasses) = ReferenceSimilarity.Backward(rows, classWeights, Dimension, normalize: true, gradient);
        ReferenceResult reference = problem.SolveInDouble();
        Nearly.Equal(expected, reference.Losses, 1e-12 * Gamma, "losses of the reference");
        LossAnswer answer = problem.SolveInFloat();
        Nearly.Equal(expected, answer.Losses, Tolerances.PublishedLossInFloat * Gamma, "losses");
        Nearly.Equal(expected.Average(), answer.Result.Loss, Tolerances.PublishedLossInFloat * Gamma, "loss");
        Nearly.Equal(ofRows, answer.QueryGradient, Tolerances.PublishedGradientInFloat * Nearly.Largest(ofRows), "gradient of the rows");
        Nearly.Equal(ofClasses, answer.ReferenceGradient, Tolerances.PublishedGradientInFloat * Nearly.Largest(ofClasses), "gradient of the class weights");
    }

    [Fact]
    public void Over_gamma_it_tends_to_the_hinge_of_the_hardest_triplet()
    {
        double hinge = Negatives.Max() - Positives.Min() + Margin;
        foreach (double gamma in (double[])[64, 256, 1024, 16384])
        {
            using SimilarityLoss loss = new(Unified with { Gamma = gamma, OutputScale = OutputScale.InverseGamma });
            float[] ofPositives = new float[3], ofNegatives = new float[4];

            LossResult result = loss.OfQuery(Positives, Negatives, ofPositives, ofNegatives);

            // A log-sum-exp of so many terms is above the largest, and softplus is one more term.
            double above = Tolerances.LogSumExpOverLargest(Positives.Length * Negatives.Length + 1, gamma);
            Assert.InRange(result.Loss, hinge - Tolerances.PublishedLossInFloat, hinge + above + Tolerances.PublishedLossInFloat);
            if (gamma >= 1024)
            {
                // The gradient is the triplet's: -1 for the hardest positive, 1 for the hardest negative.
                Nearly.Equal([0, -1, 0], Doubles(ofPositives), Tolerances.PublishedGradientInFloat, "dL/dsp");
                Nearly.Equal([0, 0, 0, 1], Doubles(ofNegatives), Tolerances.PublishedGradientInFloat, "dL/dsn");
            }
        }
    }

    [Theory]
    [InlineData(1, 2.07460796)]
    [InlineData(64, 0.55062427)]
    public void The_published_values_between_are_reproduced(double gamma, double expected)
    {
        using SimilarityLoss loss = new(Unified with { Gamma = gamma, OutputScale = OutputScale.InverseGamma });

        Nearly.Equal(expected, loss.OfQuery([0.8f, 0.3f], [0.5f, -0.1f, 0.45f]).Loss, Tolerances.PublishedLossInFloat * expected, "loss");
    }

    [Fact]
    public void A_triplet_that_is_apart_by_more_than_the_margin_tends_to_no_loss()
    {
        using SimilarityLoss loss = new(Unified with { Gamma = 1024, OutputScale = OutputScale.InverseGamma });

        Assert.InRange(loss.OfQuery([0.9f], [0.1f]).Loss, 0, 1e-30);
    }

    private static void AssertGradient(double[] expected, float[] actual) =>
        Nearly.Equal(expected, Doubles(actual), Tolerances.PublishedGradientInFloat * Nearly.Largest(expected), "dL/ds");

    private static (double[] Rows, double[] ClassWeights, long[] Labels) Draw(int count, int classes, int dimension)
    {
        Random random = new(5);
        return (Numbers(count * dimension), Numbers(classes * dimension), [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))]);

        double[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => (double)(float)(random.NextDouble() - 0.5))];
    }

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
}
