using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Golden;

/// <summary>The reference and the float engine against what other implementations of the further losses computed.</summary>
public sealed class PairLossGoldenTests
{
    public static TheoryData<string> Cases => [.. LossProblems.Run];

    public static TheoryData<string> OfEngine =>
        [.. LossProblems.Run.Where(name => LossProblems.Of(LossSet.Case(name)).All(call => call.Problem.IsComputed))];

    [Fact]
    public void Every_case_is_run_or_left_out_for_a_reason()
    {
        LossCase[] all = [.. LossSet.Names.Select(LossSet.Case)];

        Assert.Equal(640, all.Length);
        Assert.All(LossProblems.LeftOut.Keys, key => Assert.Contains(all, golden => golden.Group == key || golden.Name == key));
        Assert.Equal(all.Length - LossProblems.Run.Count, all.Count(golden => LossProblems.WhyLeftOut(golden) is not null));
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

    private static double ToleranceOf(LossCase golden) => golden.Group switch
    {
        "tfsim/soft_nn" => Tolerances.PeerEpsilon,
        "fastreid/triplet_hard" when golden.Text("measure") != "2 - 2 s" => Tolerances.PeerLeastDistance,
        _ => Tolerances.PeerInDouble,
    };

    private static LossAnswer Solved(ManagedCircle.Reference.ReferenceResult result) =>
        new(new(result.Loss, result.QueryCount, result.ReferenceCount, result.ValidCount, result.NonzeroCount),
            result.Losses, result.QueryGradient, result.ReferenceGradient);

    /// <summary>Asserts loss and gradients, with tolerances relative to max(1, L) and to the largest entry.</summary>
    private static void AssertIsThePeers(
        LossCase golden, Func<PairLossProblem, LossAnswer> solve, double ofLoss, double ofGradient, double leastGradient)
    {
        LossOutputs peer = golden.Out64!;
        LossCall[] calls = LossProblems.Of(golden);
        LossAnswer[] answers = [.. calls.Select(call => solve(call.Problem))];

        // Losses about 0 are above it or not by rounding, and a mean over those above 0 is then over others.
        int counted = answers[0].Result.NonzeroCount;
        double ratio = golden.Flags.Contains("count_differs") && calls[0].Options.Denominator == PairMeanDenominator.Nonzero && counted > 0
            ? (double)peer.NNonzero!.Value / counted : 1;
        Nearly.Equal(ratio * peer.Loss, answers.Average(answer => answer.Result.Loss), ofLoss * Math.Max(1, Math.Abs(peer.Loss)), "loss");
        // The peer's are the sums over the positives, of which its mean over queries takes means.
        bool summed = calls[0].Options.Pooling == PairPooling.MeanOfEach;
        if (peer.AnchorLosses is { } losses && !summed && calls.Length == 1 && losses.Shape[0] == answers[0].Losses.Length)
        {
            Nearly.Equal(losses.ToDoubles(), answers[0].Losses, loss => ofLoss * Math.Max(1, Math.Abs(loss)), "losses");
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
            foreach ((LossCall call, LossAnswer answer) in calls.Zip(answers))
            {
                Add(call.Queries, answer.QueryGradient);
                Add(call.References, answer.ReferenceGradient);
            }

            double[] kept = rows is null ? gradient : [.. rows.SelectMany(row => gradient.AsSpan(row * input.Shape[1], input.Shape[1]).ToArray())];
            GoldenGradients.AssertRows(rows is null ? input.ToDoubles() : null, expected, [.. kept.Select(g => g / ratio / calls.Length)],
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
