using System.Text.Json;

namespace ManagedCircle.Tests.Golden;

/// <summary>The preset and the options that make each golden case a call of this library.</summary>
public static class GoldenProblems
{
    private const string ClassWeighted = "peer quirk: the weights are averaged before they meet the losses";
    private const string MaskedByAConstant = "the peer masks with -99999999, which such logits pass";
    private const string MeanOfInterval = "mean_of_losses_in_open_interval";

    /// <summary>
    /// A case with a peer quirk: a batch of one shifts the index of its own copy in the memory, so that the copy stays a positive. Without the exclusion
    /// the case is reproduced in double; in float its e^-13 makes no difference.
    /// </summary>
    public const string OwnCopyStays = "pml/xbm/batch1_mem40/step2";

    /// <summary>A case that is no loss: the mean of the logits of classes, some targets outside them.</summary>
    public const string MeanOfLogits = "fastreid/circle_softmax/partial_targets/r37x19";

    /// <summary>Cases that this library answers otherwise on purpose, with the reason.</summary>
    public static IReadOnlyDictionary<string, string> LeftOut { get; } = new Dictionary<string, string>
    {
        ["pml/reducer/class_weighted/easy64x32/g1024_m0.25"] = ClassWeighted,
        ["pml/reducer/class_weighted/easy64x32/g256_m0.25"] = ClassWeighted,
        ["keras/labels/2p32_vs_0_function"] = "peer quirk: labels are cast to 32 bits, where 2^32 and 0 are one class",
    };

    /// <summary>Cases with NaN or infinity in an input, and the row that the error names.</summary>
    public static IReadOnlyDictionary<string, string> Refused { get; } = new Dictionary<string, string>
    {
        ["pml/ref/nan_in_ref/r37x19"] = "row 3 holds",
        ["pml/numeric/nan_row"] = "row 1 holds",
        ["pml/numeric/inf_element"] = "row 1 holds",
        ["keras/numeric/nan_row"] = "row 1 holds",
        ["keras/numeric/inf_element"] = "row 1 holds",
        ["fastreid/pairwise/numeric/nan_row"] = "row 1 holds",
    };

    /// <summary>Cases of a memory, each a batch and what the memory holds once the batch has entered it.</summary>
    public static IReadOnlyList<string> OfMemory { get; } = [.. GoldenSet.Names.Where(name => name.StartsWith("pml/xbm/", StringComparison.Ordinal))];

    /// <summary>Cases with lists of pairs instead of labels.</summary>
    public static IReadOnlyList<string> OfPairs { get; } = [.. GoldenSet.Names.Where(name => name.StartsWith("pml/indices/", StringComparison.Ordinal))];

    /// <summary>Cases whose loss is compared and whose gradient is not, with the reason.</summary>
    public static IReadOnlyDictionary<string, string> WithoutGradient { get; } = new Dictionary<string, string>
    {
        ["pml/numeric/collapsed"] = "the rows are equal: their gradient is 0 up to rounding",
        ["keras/numeric/collapsed"] = "all similarities are 1 up to rounding, which decides what is clamped",
        ["fastreid/pairwise/numeric/gamma_1e+08/easy64x32"] = MaskedByAConstant,
        ["fastreid/pairwise/numeric/gamma_1e+09/easy64x32"] = MaskedByAConstant,
    };

    /// <summary>
    /// Cases beyond gamma 256 whose reduced loss is not held to six times the deviation of the peer's float32, with that deviation: it happens to be the float
    /// nearest to the truth, and how near floats lie to a number says nothing of an engine. A last place is asked for instead or, at gamma 1e8, what
    /// similarities in float allow.
    /// </summary>
    public static IReadOnlyDictionary<string, string> NearestByChance { get; } = new Dictionary<string, string>
    {
        ["tfsim/grid/r16x8n/g1024_m0.4"] = "1/8 of a last place; of its queries' losses 4 places",
        ["tinyzeamays/global/grid/r37x19/g1024_m0.4"] = "1/139 of a last place",
        ["pml/grid/keras5x4/g1024_m0.0"] = "1/13 of a last place; of its queries' losses 1.4 places",
        ["fastreid/pairwise/numeric/gamma_1e+08/easy64x32"] = "3/8 of a last place, 0.02, where half a place of one similarity moves its logit by up to 12",
    };

    /// <summary>Cases that are a loss of labelled rows.</summary>
    public static IReadOnlyList<string> OfLabels { get; } =
        [.. GoldenSet.Names.Where(name => !LeftOut.ContainsKey(name) && !Refused.ContainsKey(name) && !OfPairs.Contains(name) && name != MeanOfLogits)];

    /// <summary>Cases that are a loss of labelled rows and whose gradient means something.</summary>
    public static IReadOnlyList<string> OfGradients { get; } = [.. OfLabels.Where(name => !WithoutGradient.ContainsKey(name))];

    public static LossProblem Of(GoldenCase golden)
    {
        GoldenInputs inputs = golden.Inputs;
        CircleLossOptions options = OptionsOf(golden);
        long[] labels = inputs.Labels.ToLongs();
        if (inputs.EnqueueMask is not null)
        {
            // Rows that went to the memory are no queries.
            options = options with { IgnoreLabel = long.MinValue };
            labels = [.. labels.Zip(inputs.EnqueueMask.ToLongs(), (label, enqueued) => enqueued == 1 ? long.MinValue : label)];
        }

        GoldenArray? references = inputs.RefEmb ?? inputs.ClassWeight;
        bool excludes = golden.Params.RemoveDiagonal is { ValueKind: JsonValueKind.String } removes
            && removes.GetString()!.StartsWith("self comparisons", StringComparison.Ordinal) && golden.Name != OwnCopyStays;
        return new()
        {
            Options = options,
            Rows = inputs.Emb.ToDoubles(),
            Labels = labels,
            References = references?.ToDoubles(),
            ReferenceLabels = inputs.RefLabels?.ToLongs() ?? [.. Enumerable.Range(0, references?.Shape[0] ?? 0).Select(c => (long)c)],
            Terms = new()
            {
                Weights = golden.Params.Reduction == MeanOfInterval ? InInterval(golden) : inputs.SampleWeight?.ToDoubles() ?? [],
                ExcludedReferences = excludes ? [.. inputs.CurrBatchIdx!.ToLongs().Select(r => (int)r)] : [],
            },
        };
    }

    /// <summary>What the lists of pairs or triplets make of every pair of rows; a pair that is listed twice counts once.</summary>
    public static PairKind[] PairsOf(GoldenInputs inputs)
    {
        int count = inputs.Emb.Shape[0];
        PairKind[] pairs = new PairKind[count * count];
        Mark(inputs.A1 ?? inputs.A, inputs.P, PairKind.Positive);
        Mark(inputs.A2 ?? inputs.A, inputs.N, PairKind.Negative);
        return pairs;

        void Mark(GoldenArray? queries, GoldenArray? references, PairKind kind)
        {
            foreach ((long q, long r) in queries!.ToLongs().Zip(references!.ToLongs()))
            {
                pairs[q * count + r] = kind;
            }
        }
    }

    private static CircleLossOptions OptionsOf(GoldenCase golden)
    {
        CircleLossOptions preset = PresetOf(golden) with { Gamma = golden.Params.Gamma, Margin = golden.Params.M };
        return golden.Params.Reduction switch
        {
            "sum" => preset with { Reduction = LossReduction.Sum },
            "mean" when golden.Peer.StartsWith("pytorch", StringComparison.Ordinal) => preset with { Denominator = MeanDenominator.All },
            "mean_with_sample_weight" => preset with { Denominator = MeanDenominator.NonzeroWeights },
            MeanOfInterval => preset with { Denominator = MeanDenominator.Weights },
            _ => preset,
        } with
        {
            // Keras takes it per call, where references are given.
            ReferenceDiagonal = golden.Params.RemoveDiagonal is { ValueKind: JsonValueKind.False } ? DiagonalPairs.Kept : preset.ReferenceDiagonal,
        };
    }

    private static CircleLossOptions PresetOf(GoldenCase golden)
    {
        string[] path = golden.Name.Split('/');
        return (path[0], path[1]) switch
        {
            ("pml", _) or ("fd", "pytorch-metric-learning") => CircleLossOptions.PyTorchMetricLearning,
            ("keras", _) or ("fd", "keras") => CircleLossOptions.Keras,
            ("tfsim", _) or ("fd", "tensorflow-similarity") => CircleLossOptions.TensorFlowSimilarity,
            ("fastreid", "pairwise") or ("fd", "fastreid-pairwise") => CircleLossOptions.FastReId,
            ("fastreid", "circle_softmax") or ("tinyzeamays", "class_level") or ("fd", "fastreid-circle-softmax") => CircleLossOptions.ClassLevel,
            ("tinyzeamays", "global") or ("fd", "tinyzeamays") or ("fd", "tinyzeamays-manual-backward") => CircleLossOptions.PaperGlobal,
            ("fd", "qianjinhao") => CircleLossOptions.PaperGlobal with { WeightGradient = WeightGradient.Attached },
            _ => throw new InvalidDataException($"{golden.Name}: no preset."),
        };
    }

    /// <summary>The mean of some losses is the mean weighted 1 for them and 0 for others.</summary>
    private static double[] InInterval(GoldenCase golden) =>
        [.. golden.Out64.AnchorLosses!.ToDoubles().Select(loss => loss > golden.Params.Low && loss < golden.Params.High ? 1.0 : 0.0)];
}
