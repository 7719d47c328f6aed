using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Golden;

/// <summary>The reference and the float engine against what other implementations of the further losses computed.</summary>
public sealed class PairLossGoldenTests
{
    public static TheoryData<string> Cases => [.. LossProblems.Run];

    public static TheoryData<string> OfEngine =>
        [.. LossProblems.Run.Where(name => LossProblems.Of(LossSet.Case(name)).Problem.IsComputed)];

    public static TheoryData<string> OfMasks => [.. LossProblems.OfMasks];

    public static TheoryData<string> OfBias => [.. LossProblems.Run.Where(name => LossSet.Case(name).Out64!.GradBias is not null)];

    [Fact]
    public void Every_case_is_run_or_left_out_for_a_reason()
    {
        LossCase[] all = [.. LossSet.Names.Select(LossSet.Case)];

        Assert.Equal(640, all.Length);
        Assert.All(LossProblems.LeftOut.Keys, key => Assert.Contains(all, golden => golden.Group == key || golden.Name == key));
        Assert.Equal(all.Length - LossProblems.Run.Count - LossProblems.OfMasks.Count, all.Count(golden => LossProblems.WhyLeftOut(golden) is not null));
        Assert.Equal(4, LossProblems.OfMasks.Count);
        Assert.Equal(492, LossProblems.Run.Count);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_is_the_peers(string name) =>
        AssertIsThePeers(LossSet.Case(name), problem => Solved(problem.SolveInDouble()),
            ToleranceOf(LossSet.Case(name)), ToleranceOf(LossSet.Case(name)), Tolerances.LeastGradient);

    [Theory]
    [MemberData(nameof(OfEngine))]
    public void The_engine_is_the_peers(string name) =>
        AssertIsThePeers(LossSet.Case(name), problem => problem.SolveInFloat(),
            Tolerances.FurtherLossInFloat, Tolerances.FurtherGradientInFloat, Tolerances.LeastGradientInFloat);

    [Theory]
    [MemberData(nameof(OfMasks))]
    public void The_reference_of_a_mask_is_the_peers(string name)
    {
        LossCase golden = LossSet.Case(name);
        double[] queries = golden.Inputs.Emb.ToDoubles(), keys = golden.Inputs.RefEmb!.ToDoubles();
        int count = golden.Inputs.Emb.Shape[0], keyCount = golden.Inputs.RefEmb.Shape[0], dimension = golden.Inputs.Emb.Shape[1];
        PairKind[] pairs = [.. Enumerable.Range(0, count * keyCount).Select(i => (Query: i / keyCount, Key: i % keyCount)).Select(pair =>
            pair.Key == pair.Query ? PairKind.Positive : pair.Key < count ? PairKind.Ignored : PairKind.Negative)];

        double[] similarities = ReferenceSimilarity.Forward(queries, keys, dimension, normalize: true);
        ReferenceResult result = ReferenceLoss.FromSimilarities(PairLossOptions.InfoNce(golden["temperature"]), similarities, pairs, count);
        (double[] ofQueries, double[] ofKeys) = ReferenceSimilarity.Backward(queries, keys, dimension, normalize: true, result.SimilarityGradient);

        Nearly.Equal(golden.Out64!.Loss, result.Loss, Tolerances.PeerInDouble * golden.Out64.Loss, "loss");
        AssertGradient(golden.Out64.GradEmb!, ofQueries);
        AssertGradient(golden.Out64.GradRef!, ofKeys);

        static void AssertGradient(GoldenArray peer, double[] gradient) =>
            Nearly.Equal(peer.ToDoubles(), gradient, Tolerances.PeerInDouble * Nearly.Largest(peer.ToDoubles()), "gradient");
    }

    [Theory]
    [MemberData(nameof(OfBias))]
    public void The_gradient_of_a_bias_is_the_peers(string name)
    {
        double expected = LossSet.Case(name).Out64!.GradBias!.Value;

        double actual = LossProblems.Of(LossSet.Case(name)).Problem.SolveInDouble().BiasGradient;

        Nearly.Equal(expected, actual, Tolerances.PeerInDouble * Math.Max(1, Math.Abs(expected)), "gradient of the bias");
    }

    private static double ToleranceOf(LossCase golden) => golden.Group switch
    {
        "tfsim/soft_nn" => Tolerances.PeerEpsilon,
        "fastreid/triplet_hard" when golden.Text("measure") != "2 - 2 s" => Tolerances.PeerLeastDistance,
        _ => Tolerances.PeerInDouble,
    };

    private static LossAnswer Solved(ReferenceResult result) =>
        new(new(result.Loss, result.QueryCount, result.ReferenceCount, result.ValidCount, result.NonzeroCount) { ScaleGradient = result.ScaleGradient },
            result.Losses, result.QueryGradient, result.ReferenceGradient);

    /// <summary>Asserts loss and gradients, with tolerances relative to max(1, L) and to the largest entry.</summary>
    private static void AssertIsThePeers(
        LossCase golden, Func<PairLossProblem, LossAnswer> solve, double ofLoss, double ofGradient, double leastGradient)
    {
        LossOutputs peer = golden.Out64!;
        LossCall call = LossProblems.Of(golden);
        LossAnswer answer = solve(call.Problem);

        // Losses about 0 are above it or not by rounding, and a mean over those above 0 is then over others.
        int counted = answer.Result.NonzeroCount;
        double ratio = golden.Flags.Contains("count_differs") && call.Options.Denominator == PairMeanDenominator.Nonzero && counted > 0
            ? (double)peer.NNonzero!.Value / counted : 1;
        Nearly.Equal(ratio * peer.Loss, answer.Result.Loss, ofLoss * Math.Max(1, Math.Abs(peer.Loss)), "loss");

        // Where a loss is the mean over a query's positives, the peer's losses are still their sums.
        if (peer.AnchorLosses is { } losses && call.Options.Pooling != PairPooling.MeanOfEach && losses.Shape[0] == answer.Losses.Length)
        {
            Nearly.Equal(losses.ToDoubles(), answer.Losses, loss => ofLoss * Math.Max(1, Math.Abs(loss)), "losses");
        }

        if (peer.GradScale is { } ofScale)
        {
            Nearly.Equal(ofScale, answer.Result.ScaleGradient, ofGradient * Math.Max(1, Math.Abs(ofScale)), "gradient of the scale");
        }

        AssertGradient(golden.Inputs.Emb, peer.GradEmb, null);
        AssertGradient(golden.Inputs.RefEmb, peer.GradRef, null);
        AssertGradient(golden.Inputs.ClassWeight, peer.GradWeight ?? peer.GradWeightRows, peer.GradWeight is null ? peer.Rows : null);

        void AssertGradient(GoldenArray? input, GoldenArray? expected, int[]? rows)
        {
            if (expected is null)
            {
                return;
            }

            double[] gradient = new double[input!.Shape[0] * input.Shape[1]];
            Add(call.Queries, answer.QueryGradient);
            Add(call.References, answer.ReferenceGradient);
            double[] kept = rows is null ? gradient : [.. rows.SelectMany(row => gradient.AsSpan(row * input.Shape[1], input.Shape[1]).ToArray())];
            GoldenGradients.AssertRows(rows is null ? input.ToDoubles() : null, expected, [.. kept.Select(g => g / ratio)],
                largest => ofGradient * Math.Max(largest, leastGradient));

            void Add(LossSide? side, double[] ofSide)
            {
                if (side?.Source == input)
                {
                    side.AddTo(gradient, ofSide);
                }
            }
        }
    }
}
