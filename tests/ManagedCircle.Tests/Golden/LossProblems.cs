using System.Text.Json;
using ManagedCircle.Tests.Support;

namespace ManagedCircle.Tests.Golden;

/// <summary>Rows of a case: all rows of one of its arrays, or some of them.</summary>
public sealed record LossSide(GoldenArray Source, long[] Labels, int[]? Picked = null)
{
    public double[] Rows => Picked is null ? Source.ToDoubles() : [.. Picked.SelectMany(row => Source.ToDoubles().Skip(row * Dimension).Take(Dimension))];

    private int Dimension => Source.Shape[1];

    /// <summary>Adds the gradient of the rows to that of the array.</summary>
    public void AddTo(double[] gradientOfArray, double[] gradient)
    {
        for (int i = 0; i < gradient.Length; i++)
        {
            gradientOfArray[(Picked is null ? i / Dimension : Picked[i / Dimension]) * Dimension + i % Dimension] += gradient[i];
        }
    }
}

/// <summary>A call of this library that answers a case.</summary>
public sealed record LossCall(PairLossOptions Options, LossSide Queries, LossSide? References = null)
{
    public int[] Excluded { get; init; } = [];

    public PairLossProblem Problem => new(Options, Queries.Rows, Queries.Labels)
    {
        References = References?.Rows,
        ReferenceLabels = References?.Labels ?? [],
        Terms = new() { ExcludedReferences = Excluded },
    };
}

/// <summary>The preset and the options that make each case a call of this library, and the cases that are left out.</summary>
public static class LossProblems
{
    private const string SomeNegatives = "another loss: some of the negatives weighted by how hard they are, not all";

    /// <summary>Groups of cases, and single cases, that this library answers otherwise or not at all, with the reason.</summary>
    public static IReadOnlyDictionary<string, string> LeftOut { get; } = new Dictionary<string, string>
    {
        ["pml/tuplet_margin"] = "another loss: a margin on angles that goes down",
        ["pml/subcenter_arcface"] = "another loss: several centres a class",
        ["pml/soft_triple"] = "another loss: several centres a class",
        ["pml/instance"] = "peer quirk: the class is a column of the matrix of rows",
        ["pml/margin"] = "another loss: triplets' distances against a learned boundary",
        ["pml/triplet"] = "another loss: every triplet",
        ["pml/triplet_cosine"] = "another loss: every triplet",
        ["pml/triplet_smooth"] = "another loss: every triplet",
        ["pml/triplet_smooth_cosine"] = "another loss: every triplet",
        ["pml/semihard"] = "another loss: every triplet of a range",
        ["sbert/batch_all_triplet"] = "another loss: every triplet",
        ["tfa/triplet_semihard"] = "another loss: a semi-hard negative for every positive",
        ["sbert/batch_semi_hard_triplet"] = "another loss: a semi-hard negative for every positive",
        ["fastreid/triplet_weighted"] = "another loss: distances weighted by a softmax",
        ["tfsim/pn"] = "another loss: negatives of query and positive",
        ["tfsim/triplet/pk16x8/easy_margin1"] = "another loss: the farthest negative",
        ["tfsim/triplet/pk16x8/easy_margin0.2"] = "another loss: the farthest negative",
        ["tfsim/lifted"] = "peer quirk: columns are reordered instead of rows",
        ["tfsim/multineg_rank"] = "peer quirk: 1 is added inside of the logarithm, and the sum is over N x N",
        ["sbert/mnrl_hardness/16x8_hard1/in_batch_negatives_9"] = SomeNegatives,
        ["sbert/mnrl_hardness/16x8_hard1/hard_negatives_5"] = SomeNegatives,
        ["sbert/mnrl_hardness/37x19_hard2/in_batch_negatives_9"] = SomeNegatives,
        ["sbert/mnrl_gte"] = "another loss: one partition over four directions",
        ["sbert/cosent"] = "a list of scored pairs, not rows with labels; of scores 0 and 1 it is SimilarityLoss.OfQuery",
    };

    /// <summary>Cases whose peer is flagged.</summary>
    public static bool IsQuirk(LossCase golden) => golden.Flags.Any(flag => flag is "peer_quirk" or "peer_gate" or "peer_raises" or "nonfinite64");

    /// <summary>Why a case is left out, by its name or its group; null where it is run.</summary>
    public static string? WhyLeftOut(LossCase golden) => LeftOut.GetValueOrDefault(golden.Name) ?? LeftOut.GetValueOrDefault(golden.Group)
        ?? (IsQuirk(golden) ? "peer quirk" : null);

    /// <summary>
    /// Cases of a mask of pairs: key i is the positive of query i, the keys behind these are negatives, and other queries' positives take no part.
    /// </summary>
    public static IReadOnlyList<string> OfMasks { get; } = [.. LossSet.Names.Where(name => LossSet.Case(name).Group == "infonce/unpaired")];

    /// <summary>Cases of labelled rows.</summary>
    public static IReadOnlyList<string> Run { get; } = [.. LossSet.Names.Where(name => WhyLeftOut(LossSet.Case(name)) is null && !OfMasks.Contains(name))];

    /// <summary>The call that answers a case.</summary>
    public static LossCall Of(LossCase golden)
    {
        LossInputs inputs = golden.Inputs;
        LossSide rows = new(inputs.Emb, inputs.Labels!.ToLongs());
        LossSide? keys = inputs.RefEmb is null ? null : new(inputs.RefEmb, inputs.RefLabels!.ToLongs());
        LossSide? classes = inputs.ClassWeight is { } weights ? new(weights, [.. Enumerable.Range(0, weights.Shape[0]).Select(c => (long)c)]) : null;
        return golden.Group switch
        {
            "pml/proxy_anchor" or "proxyanchor/reference" => new(OptionsOf(golden), classes!, rows),
            "pml/npairs" => OnePairOfEveryLabel(),
            "supcontrast/supcon" when golden.Text("contrast_mode") == "one" => new(OptionsOf(golden), FirstHalf(), rows) { Excluded = FirstHalf().Picked! },
            _ => new(OptionsOf(golden), rows, keys ?? classes),
        };

        LossSide FirstHalf() => new(inputs.Emb, rows.Labels[..(rows.Labels.Length / 2)], [.. Enumerable.Range(0, rows.Labels.Length / 2)]);

        LossCall OnePairOfEveryLabel()
        {
            int[][] ofLabels = [.. Enumerable.Range(0, rows.Labels.Length).GroupBy(i => rows.Labels[i], (_, ofLabel) => ofLabel.ToArray())];
            int[][] pairs = [.. ofLabels.Where(ofLabel => ofLabel.Length > 1)];
            long[] labels = [.. pairs.Select(pair => rows.Labels[pair[0]])];
            return new(OptionsOf(golden), End(0), End(1));

            LossSide End(int end) => new(inputs.Emb, labels, [.. pairs.Select(pair => pair[end])]);
        }
    }

    private static PairLossOptions OptionsOf(LossCase golden) => golden.Group switch
    {
        "pml/multi_similarity" => MultiSimilarity(golden),
        "pml/supcon" => SupCon(golden["temperature"]) with { Denominator = PairMeanDenominator.Nonzero },
        "supcontrast/supcon" => SupCon(golden["temperature"]) with { Factor = golden["temperature"] / golden["base_temperature"] },
        "tfa/npairs" => SupCon(1) with { Normalize = false, SelfDiagonal = DiagonalPairs.Kept },
        "pml/nca" => Nearest(2 * golden["softmax_scale"]) with { Denominator = PairMeanDenominator.Valid },
        "tfsim/soft_nn" => Nearest(1 / golden["temperature"]) with { Normalize = false, Clamp = SimilarityClamp.AtMostOne },
        "pml/proxy_nca" => PairLossOptions.ProxyNcaPyTorchMetricLearning(golden["softmax_scale"]),
        "pml/generalized_lifted_cosine" => Softmax(1) with
        {
            Link = LossLink.Hinge,
            PositiveMargin = golden["pos_margin"],
            NegativeMargin = golden["neg_margin"],
            Requires = RequiredPairs.Any,
        },
        "pml/arcface" => Arc(PositiveLogit.ArcThenLinear, golden["scale"], double.DegreesToRadians(golden["margin"])),
        "insightface/arcface" or "insightface/combined_arc" => Arc(PositiveLogit.ArcStraightThrough, golden["scale"], golden["margin_radians"]),
        "fastreid/arc_softmax" => Arc(PositiveLogit.Arc, golden["scale"], golden["margin_radians"]),
        "pml/cosface" or "insightface/cosface" or "fastreid/cos_softmax" => PairLossOptions.CosFace(golden["scale"], golden["margin"]),
        "pml/normalized_softmax" => PairLossOptions.NormFace(golden["temperature"]),
        "pml/proxy_anchor" or "proxyanchor/reference" => Softmax(golden["alpha"]) with
        {
            PositiveMargin = golden["margin"],
            NegativeMargin = -golden["margin"],
            Pooling = PairPooling.Separate,
            Requires = RequiredPairs.Any,
            Denominator = PairMeanDenominator.WithPositive,
        },
        "openclip/clip" or "sbert/mnrl_symmetric" => PairLossOptions.Clip(golden["scale"]),
        "sbert/mnrl" => PairLossOptions.MultipleNegativesRanking(golden["scale"]),
        "sbert/mnrl_hardness" => Softmax(golden["scale"]) with
        {
            // Of further keys there are none, but where all negatives are meant.
            NegativeHardness = golden.Text("hardness_mode") == "hard_negatives" ? 0 : golden["hardness"],
        },
        "sbert/mnrl_dot" => PairLossOptions.MultipleNegativesRanking(golden["scale"]) with { Normalize = false },
        "infonce/paired" or "lightly/ntxent" or "pml/self_supervised_ntxent" => PairLossOptions.InfoNce(golden["temperature"]),
        "simclr/objective" or "tfsim/simclr" => PairLossOptions.InfoNce(golden["temperature"]) with { Factor = 2 },
        "lightly/dcl" => PairLossOptions.InfoNce(golden["temperature"]) with { Link = LossLink.Identity },
        "pml/npairs" => PairLossOptions.InfoNce(1),
        "pml/multi_similarity_mined" => MultiSimilarity(golden) with { Selection = golden["epsilon"] },
        "msloss/reference" => MultiSimilarity(golden) with { Selection = golden["epsilon"], Normalize = false },
        "tfsim/multi_similarity" => MultiSimilarity(golden) with { Selection = golden["epsilon"], Normalize = false, Clamp = SimilarityClamp.AtMostOne },
        "pml/ntxent" => Each(golden["temperature"]) with { Denominator = PairMeanDenominator.PositivePairs },
        "pml/ntxent_per_anchor" => Each(golden["temperature"]) with { Pooling = PairPooling.MeanOfEach },
        "pml/generalized_lifted" => Lifted(golden) with
        {
            Pooling = PairPooling.LogSumExp,
            Link = LossLink.Hinge,
            Requires = RequiredPairs.Any,
            Denominator = PairMeanDenominator.All,
        },
        "pml/lifted" => Lifted(golden),
        "tfa/lifted" => Lifted(golden) with { Normalize = false, PositiveMargin = 0, NegativeMargin = -golden["margin"] },
        "openclip/siglip" => Softmax(golden["scale"]) with
        {
            PositiveMargin = -golden["bias"] / golden["scale"],
            NegativeMargin = -golden["bias"] / golden["scale"],
            Pooling = PairPooling.Pairs,
            Requires = RequiredPairs.Any,
        },
        "pml/contrastive_cosine" => Contrastive(PairMeasure.Similarity, golden["pos_margin"], golden["neg_margin"]),
        "pml/contrastive" => Contrastive(PairMeasure.Distance, -golden["pos_margin"], -golden["neg_margin"]),
        "pml/contrastive_squared" => Contrastive(PairMeasure.SquaredDistance, -golden["pos_margin"], -golden["neg_margin"]),
        "pml/batch_hard" => Triplet(golden, golden.Text("measure") == "cos" ? PairMeasure.Similarity : PairMeasure.Distance) with
        {
            Denominator = PairMeanDenominator.Nonzero,
        },
        "tfa/triplet_hard" or "sbert/batch_hard_triplet" or "sbert/batch_hard_soft_margin_triplet" =>
            Triplet(golden, PairMeasure.Distance) with { Normalize = false, Requires = RequiredPairs.Any },
        "fastreid/triplet_hard" when golden.Text("measure") == "2 - 2 s" => Triplet(golden, PairMeasure.SquaredDistance) with { Requires = RequiredPairs.Any },
        "fastreid/triplet_hard" => Triplet(golden, PairMeasure.Distance) with { Normalize = false, Requires = RequiredPairs.Any },
        "tfsim/triplet" => Triplet(golden, PairMeasure.Similarity) with
        {
            Pooling = golden.Text("negative") == "hard" ? PairPooling.Hardest : PairPooling.SemiHard,
            Normalize = false,
            Clamp = SimilarityClamp.AtMostOne,
        },
        _ => throw new InvalidDataException($"{golden.Name}: nobody has said what it is, or that it is left out."),
    };

    private static PairLossOptions MultiSimilarity(LossCase golden) => new()
    {
        PositiveScale = golden["alpha"],
        NegativeScale = golden["beta"],
        PositiveMargin = golden["base"],
        NegativeMargin = golden["base"],
        Pooling = PairPooling.SeparateByScale,
        Requires = RequiredPairs.Any,
    };

    private static PairLossOptions Each(double temperature) => Softmax(1 / temperature) with { Pooling = PairPooling.Each };

    private static PairLossOptions Lifted(LossCase golden) => Softmax(1) with
    {
        Measure = PairMeasure.Distance,
        PositiveMargin = golden.Params.TryGetProperty("pos_margin", out JsonElement margin) ? -margin.GetDouble() : 0,
        NegativeMargin = golden.Params.TryGetProperty("neg_margin", out margin) ? -margin.GetDouble() : 0,
        Pooling = PairPooling.EachOfBothEnds,
        Link = LossLink.HalfSquaredHinge,
        Requires = RequiredPairs.Positive,
        Denominator = PairMeanDenominator.PositivePairs,
    };

    private static PairLossOptions Contrastive(PairMeasure measure, double positiveMargin, double negativeMargin) => Softmax(1) with
    {
        Measure = measure,
        PositiveMargin = positiveMargin,
        NegativeMargin = negativeMargin,
        Pooling = PairPooling.Pairs,
        Link = LossLink.Hinge,
        Requires = RequiredPairs.Any,
        Denominator = PairMeanDenominator.NonzeroPairs,
    };

    private static PairLossOptions Triplet(LossCase golden, PairMeasure measure)
    {
        bool soft = golden.Text("margin") is "" or "0";
        return Softmax(1) with
        {
            Measure = measure,
            NegativeMargin = soft ? 0 : -golden["margin"], // a query without positives counts with it
            Pooling = PairPooling.Hardest,
            Link = soft ? LossLink.Softplus : LossLink.Hinge,
        };
    }

    private static PairLossOptions Softmax(double scale) => PairLossOptions.MultipleNegativesRanking(scale);

    private static PairLossOptions SupCon(double temperature) =>
        Softmax(1 / temperature) with { Pooling = PairPooling.Mean, Requires = RequiredPairs.Positive };

    private static PairLossOptions Nearest(double scale) => Softmax(scale) with { Pooling = PairPooling.Nearest };

    private static PairLossOptions Arc(PositiveLogit logit, double scale, double margin) =>
        PairLossOptions.CosFace(scale, margin) with { PositiveLogit = logit };
}
