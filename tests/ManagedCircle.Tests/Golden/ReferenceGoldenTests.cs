using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Golden;

/// <summary>The reference against what other implementations computed, and where there is one against the formula in 80-bit arithmetic.</summary>
public sealed class ReferenceGoldenTests
{
    public static TheoryData<string> OfLabels => [.. GoldenProblems.OfLabels];

    public static TheoryData<string> OfGradients => [.. GoldenProblems.OfGradients];

    public static TheoryData<string> OfPairs => [.. GoldenProblems.OfPairs];

    public static TheoryData<string, string> Refused => [.. GoldenProblems.Refused.Select(pair => (pair.Key, pair.Value))];

    public static TheoryData<string> OfKerasReductions => [.. GoldenProblems.OfLabels.Where(name => GoldenSet.Case(name).Out64.LossSum is not null)];

    public static TheoryData<string> OfClasses => [.. GoldenProblems.OfLabels.Where(name => GoldenSet.Case(name).Out64.Logits is not null)];

    public static TheoryData<string> OfFiniteDifferences => [.. GoldenProblems.OfLabels.Where(name => name.StartsWith("fd/", StringComparison.Ordinal))];

    [Fact]
    public void Every_case_is_run_or_left_out_by_name()
    {
        string[] all = [.. GoldenProblems.OfLabels, .. GoldenProblems.OfPairs, .. GoldenProblems.Refused.Keys, .. GoldenProblems.LeftOut.Keys,
            GoldenProblems.MeanOfLogits];

        Assert.Equal(319, all.Length);
        Assert.Equal(GoldenSet.Names.Order(StringComparer.Ordinal), all.Order(StringComparer.Ordinal));
        Assert.Equal((304, 5, 6, 3), (GoldenProblems.OfLabels.Count, GoldenProblems.OfPairs.Count, GoldenProblems.Refused.Count, GoldenProblems.LeftOut.Count));
        Assert.All(GoldenProblems.LeftOut.Values, reason => Assert.StartsWith("peer quirk: ", reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_array_of_the_set_is_read()
    {
        GoldenCase[] cases = [.. GoldenSet.Names.Select(GoldenSet.Case)];

        Assert.Equal((123, 301, 216, 178, 178, 7, 7, 32), (
            cases.Count(c => c.Params.ClampsAtOne),
            cases.Count(c => c.FloatDeviations is not null),
            cases.Count(c => c.Hp is not null),
            cases.Count(c => c.Hp?.GradEmbDetached is not null),
            cases.Count(c => c.Hp?.GradEmbFull is not null),
            cases.Count(c => c.Hp?.GradRefDetached is not null),
            cases.Count(c => c.Hp?.GradRefFull is not null),
            cases.Count(c => c.Hp?.Loss is not null)));
        GoldenOutputs[] outputs = [.. cases.Select(c => c.Out64)];
        Assert.Equal((218, 193, 29, 29, 9, 9, 90, 3), (
            outputs.Count(o => o.AnchorLosses is not null),
            outputs.Count(o => o.NNonzero is not null),
            outputs.Count(o => o.NPosPairs is not null),
            outputs.Count(o => o.NNegPairs is not null),
            outputs.Count(o => o.Logits is not null),
            outputs.Count(o => o.Cosines is not null),
            outputs.Count(o => (o.LossSum ?? o.LossSumOverBatchSize ?? o.LossMean ?? o.LossMeanWithSampleWeight) is not null),
            outputs.Count(o => o.WeightedLosses is not null)));
        Assert.Equal((318, 1, 319, 8, 13, 18, 18), (
            outputs.Count(o => o.GradEmb is not null),
            outputs.Count(o => o.GradEmbRows is not null),
            outputs.Count(o => o.GradEmbStats is not null),
            outputs.Count(o => (o.GradRef, o.GradRefStats) is (not null, not null)),
            outputs.Count(o => (o.GradWeight, o.GradWeightStats) is (not null, not null)),
            outputs.Count(o => o.GradFdFull is not null),
            outputs.Count(o => o.GradFdFrozenAlpha is not null)));
    }

    [Theory]
    [MemberData(nameof(OfLabels))]
    public void The_preset_makes_the_choices_that_the_case_names(string name)
    {
        GoldenParameters parameters = GoldenSet.Case(name).Params;
        CircleLossOptions options = GoldenProblems.Of(GoldenSet.Case(name)).Options;

        if (parameters.Normalize is { } normalize)
        {
            Assert.Equal(normalize, options.Normalize);
            Assert.Equal(parameters.ClampsAtOne, options.Clamp == SimilarityClamp.AtMostOne);
        }

        Assert.Equal(parameters.AlphaDetached, options.WeightGradient == WeightGradient.Detached);
    }

    [Theory]
    [MemberData(nameof(OfLabels))]
    public void Losses_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        double gamma = golden.Params.Gamma;
        LossProblem problem = GoldenProblems.Of(golden);
        ReferenceResult result = problem.SolveInDouble();

        if (golden.Out64.AnchorLosses is { } peerLosses && golden.Hp is null)
        {
            Nearly.Equal(peerLosses.ToDoubles(), result.Losses, loss => Tolerances.LossInDouble(loss, gamma) + Tolerances.PeerSoftplus, "losses");
        }

        if (golden.Hp is { } precise)
        {
            Nearly.Equal(precise.AnchorLosses.ToDoubles(), result.Losses, loss => Tolerances.LossInDouble(loss, gamma), "losses");
        }

        if (golden.Out64.WeightedLosses is { } weightedLosses)
        {
            double[] weighted = [.. problem.Terms.Weights.Zip(result.Losses, (w, l) => w * l)];
            double tolerance = Tolerances.LossInDouble(result.Losses.Max(), gamma) + Tolerances.PeerSoftplus;
            Nearly.Equal(weightedLosses.ToDoubles(), weighted, problem.Terms.Weights.Max() * tolerance, "weighted losses");
        }

        Nearly.Equal(golden.Hp?.Loss ?? golden.Out64.Loss, result.Loss, OfReducedLoss(problem, result.Loss), "loss");
        Assert.Equal(golden.Out64.NNonzero ?? result.NonzeroCount, result.NonzeroCount);
        if (golden.Out64.NPosPairs is { } positivePairs)
        {
            Assert.Equal((positivePairs, golden.Out64.NNegPairs), (result.PositiveCounts.Single(), result.NegativeCounts.Single()));
        }
    }

    [Theory]
    [MemberData(nameof(OfKerasReductions))]
    public void Every_reduction_of_Keras_is_reproduced(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        LossProblem problem = GoldenProblems.Of(golden);
        CircleLossOptions preset = CircleLossOptions.Keras with { Gamma = golden.Params.Gamma, Margin = golden.Params.M };

        AssertLoss(golden.Out64.LossSum, preset with { Reduction = LossReduction.Sum });
        AssertLoss(golden.Out64.LossSumOverBatchSize, preset);
        AssertLoss(golden.Out64.LossMean, preset);
        AssertLoss(golden.Out64.LossMeanWithSampleWeight, preset with { Denominator = MeanDenominator.NonzeroWeights });

        void AssertLoss(double? expected, CircleLossOptions options)
        {
            LossProblem reduced = problem with { Options = options };
            Nearly.Equal(expected!.Value, reduced.SolveInDouble().Loss, OfReducedLoss(reduced, expected.Value), "loss");
        }
    }

    [Theory]
    [MemberData(nameof(OfGradients))]
    public void Gradients_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        LossProblem problem = GoldenProblems.Of(golden);
        double relative = Tolerances.LogitInDouble(golden.Params.Gamma);
        if (golden.Hp is { } precise)
        {
            AssertBoth(WeightGradient.Detached, precise.GradEmbDetached, precise.GradRefDetached);
            AssertBoth(WeightGradient.Attached, precise.GradEmbFull, precise.GradRefFull);
        }

        ReferenceResult result = problem.SolveInDouble();
        GoldenOutputs peer = golden.Out64;
        AssertGradient(problem.Rows, peer.GradEmb ?? peer.GradEmbRows, peer.GradEmbStats, result.QueryGradient);
        AssertGradient(problem.References, peer.GradRef ?? peer.GradWeight, peer.GradRefStats ?? peer.GradWeightStats, result.ReferenceGradient);

        void AssertBoth(WeightGradient convention, GoldenArray? ofQueries, GoldenArray? ofReferences)
        {
            ReferenceResult result = (problem with { Options = problem.Options with { WeightGradient = convention } }).SolveInDouble();
            GoldenGradients.AssertRows(problem.Rows, ofQueries, result.QueryGradient, largest => relative * largest);
            GoldenGradients.AssertRows(problem.References, ofReferences, result.ReferenceGradient, largest => relative * largest);
        }

        void AssertGradient(double[]? rows, GoldenArray? expected, GoldenStatistics? statistics, double[] actual)
        {
            if (expected is null)
            {
                return;
            }

            double fromPeer = relative + Tolerances.PeerSoftplus;
            int dimension = expected.Shape[1];
            bool whole = expected.Shape[0] * dimension == actual.Length;
            double[] kept = whole ? actual : [.. statistics!.Rows.SelectMany(row => actual.AsSpan(row * dimension, dimension).ToArray())];
            GoldenGradients.AssertRows(whole ? rows : null, expected, kept, largest => fromPeer * largest);
            if (!GoldenGradients.HasZeroRow(rows!, dimension))
            {
                AssertStatistics(statistics!, actual, fromPeer);
            }
        }
    }

    [Theory]
    [MemberData(nameof(OfFiniteDifferences))]
    public void Gradients_are_the_finite_differences_of_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        LossProblem problem = GoldenProblems.Of(golden);
        double tolerance = Tolerances.PeerFiniteDifference(golden.Out64.Loss);

        Nearly.Equal(golden.Out64.GradFdFull!.ToDoubles(), Gradient(WeightGradient.Attached), tolerance, "gradient, weight attached");
        Nearly.Equal(golden.Out64.GradFdFrozenAlpha!.ToDoubles(), Gradient(WeightGradient.Detached), tolerance, "gradient, weight detached");

        double[] Gradient(WeightGradient convention) =>
            (problem with { Options = problem.Options with { WeightGradient = convention } }).SolveInDouble().QueryGradient;
    }

    [Theory]
    [MemberData(nameof(OfClasses))]
    public void Logits_of_classes_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        ReferenceResult result = GoldenProblems.Of(golden).SolveInDouble();

        // The peer raises the logit of the target class where the pair's logit falls.
        double[] logits = [.. result.PairLogits().Zip(result.Pairs, (logit, kind) => kind == PairKind.Positive ? -logit : logit)];
        Nearly.Equal(golden.Out64.Logits!.ToDoubles(), logits, Tolerances.LogitInDouble(golden.Params.Gamma), "logits");
        Nearly.Equal(golden.Out64.Cosines!.ToDoubles(), result.Similarities, Tolerances.LogitInDouble(1), "similarities");
    }

    [Theory]
    [MemberData(nameof(OfPairs))]
    public void Losses_and_gradients_of_listed_pairs_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        double[] rows = golden.Inputs.Emb.ToDoubles();
        int count = golden.Inputs.Emb.Shape[0], dimension = golden.Inputs.Emb.Shape[1];
        double[] similarities = ReferenceSimilarity.Forward(rows, rows, dimension, normalize: true);

        PairKind[] pairs = GoldenProblems.PairsOf(golden.Inputs);
        ReferenceResult result = ReferenceLoss.FromSimilarities(CircleLossOptions.PyTorchMetricLearning, similarities, pairs, count);
        (double[] gradient, double[] asReferences) = ReferenceSimilarity.Backward(rows, rows, dimension, normalize: true, result.SimilarityGradient);

        double gamma = golden.Params.Gamma, relative = Tolerances.LogitInDouble(gamma) + Tolerances.PeerSoftplus;
        double[] expected = golden.Out64.GradEmb!.ToDoubles();
        Assert.Equal((80, 0.4), (gamma, golden.Params.M));
        Nearly.Equal(golden.Hp!.AnchorLosses.ToDoubles(), result.Losses, loss => Tolerances.LossInDouble(loss, gamma), "losses");
        Nearly.Equal(golden.Out64.Loss, result.Loss, Tolerances.LossInDouble(result.Loss, gamma) + Tolerances.PeerSoftplus, "loss");
        Nearly.Equal(expected, [.. gradient.Zip(asReferences, (q, r) => q + r)], relative * Nearly.Largest(expected), "gradient");
        Assert.Equal(golden.Out64.NNonzero ?? 0, result.NonzeroCount);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void Rows_that_are_not_finite_are_refused_by_name(string name, string message)
    {
        LossProblem problem = GoldenProblems.Of(GoldenSet.Case(name));

        ArgumentException error = Assert.Throws<ArgumentException>(() => problem.SolveInDouble());

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Every loss may be low by the peer's softplus: a mean by as much, a sum by as much for each, times the weights.</summary>
    private static double OfReducedLoss(LossProblem problem, double loss) =>
        Tolerances.LossInDouble(Math.Abs(loss), problem.Options.Gamma)
        + Tolerances.PeerSoftplus * (problem.Options.Reduction == LossReduction.Sum ? problem.Labels.Length : 1) * problem.Terms.Weights.Append(1).Max();

    /// <summary>If every entry is within t, a sum of n entries, each times at most 1, is within n t, and their norm within sqrt(n) t.</summary>
    private static void AssertStatistics(GoldenStatistics expected, double[] actual, double relative)
    {
        double entry = relative * expected.MaxAbs;
        double sum = entry * actual.Length;
        Nearly.Equal(expected.Sum, actual.Sum(), sum, "sum");
        Nearly.Equal(expected.AbsSum, actual.Sum(Math.Abs), sum, "sum of magnitudes");
        Nearly.Equal(expected.L2, Math.Sqrt(actual.Sum(x => x * x)), entry * Math.Sqrt(actual.Length), "norm");
        Nearly.Equal(expected.MaxAbs, Nearly.Largest(actual), entry, "largest");
        Nearly.Equal(expected.ProjCos, actual.Select((x, k) => x * Math.Cos(0.37 * k + 0.11)).Sum(), sum, "projection");
    }
}
