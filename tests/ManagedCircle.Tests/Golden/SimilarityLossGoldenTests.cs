using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Golden;

/// <summary>The loss of similarities in float against PyTorch Metric Learning's runs with lists of pairs and triplets.</summary>
public sealed class SimilarityLossGoldenTests
{
    public static TheoryData<string> OfPairs => [.. GoldenProblems.OfPairs];

    [Theory]
    [MemberData(nameof(OfPairs))]
    public void Losses_and_gradients_of_listed_pairs_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        GoldenInputs inputs = golden.Inputs;
        double[] rows = inputs.Emb.ToDoubles();
        int count = inputs.Emb.Shape[0], dimension = inputs.Emb.Shape[1];
        float[] similarities = [.. ReferenceSimilarity.Forward(rows, rows, dimension, normalize: true).Select(s => (float)s)], losses = new float[count];
        PairLists lists = new(Indices(inputs.A1 ?? inputs.A), Indices(inputs.P), Indices(inputs.A2 ?? inputs.A), Indices(inputs.N));
        using SimilarityLoss loss = new(CircleLossOptions.PyTorchMetricLearning);

        LossResult result = loss.ForwardBackward(new SimilarityBatch(similarities, lists, count), similarities, losses);

        Nearly.Equal(golden.Hp!.AnchorLosses.ToDoubles(), [.. losses.Select(x => (double)x)], x => Tolerances.PeerLossInFloat * Math.Max(1, x), "losses");
        Nearly.Equal(golden.Out64.Loss, result.Loss, Tolerances.PeerLossInFloat * Math.Max(1, result.Loss), "loss");
        Assert.Equal(golden.Out64.NNonzero ?? 0, result.NonzeroCount);
        (double[] gradient, double[] asReferences) = ReferenceSimilarity.Backward(rows, rows, dimension, normalize: true,
            [.. similarities.Select(g => (double)g)]);
        double[] expected = golden.Out64.GradEmb!.ToDoubles();
        Nearly.Equal(expected, [.. gradient.Zip(asReferences, (q, r) => q + r)], Tolerances.PeerGradientInFloat * Nearly.Largest(expected), "gradient");
    }

    private static int[] Indices(GoldenArray? list) => [.. list!.ToLongs().Select(index => (int)index)];
}
