namespace ManagedCircle.Cli.Loss;

/// <summary>The words that command lines and manifests have for the choices of the loss.</summary>
internal static class OptionWords
{
    public static readonly (string Word, CircleLossOptions Value)[] Presets =
    [
        ("paper", CircleLossOptions.Paper),
        ("keras", CircleLossOptions.Keras),
        ("tensorflow-similarity", CircleLossOptions.TensorFlowSimilarity),
        ("pytorch-metric-learning", CircleLossOptions.PyTorchMetricLearning),
        ("fast-reid", CircleLossOptions.FastReId),
        ("paper-global", CircleLossOptions.PaperGlobal),
        ("class-level", CircleLossOptions.ClassLevel),
    ];

    public static readonly (string Word, SimdWidth Value)[] Isa =
    [
        ("auto", SimdWidth.Auto),
        ("vector512", SimdWidth.Vector512),
        ("vector256", SimdWidth.Vector256),
        ("vector128", SimdWidth.Vector128),
        ("vectort", SimdWidth.VectorT),
        ("scalar", SimdWidth.Scalar),
    ];

    public static readonly (string Word, SimilarityMeasure Value)[] Measure =
        [("cosine", SimilarityMeasure.Cosine), ("inner-product", SimilarityMeasure.InnerProduct)];

    public static readonly (string Word, PairWeighting Value)[] Alpha = [("circle", PairWeighting.Circle), ("constant", PairWeighting.Constant)];
    public static readonly (string Word, WeightGradient Value)[] AlphaGradient = [("detached", WeightGradient.Detached), ("attached", WeightGradient.Attached)];
    public static readonly (string Word, SimilarityClamp Value)[] Clamp =
        [("none", SimilarityClamp.None), ("max1", SimilarityClamp.AtMostOne), ("both", SimilarityClamp.MinusOneToOne)];
    public static readonly (string Word, LossScope Value)[] Scope = [("query", LossScope.PerQuery), ("batch", LossScope.Batch)];
    public static readonly (string Word, LossCombination Value)[] Combine = [("joint", LossCombination.Joint), ("separate", LossCombination.Separate)];
    public static readonly (string Word, DiagonalPairs Value)[] Diagonal = [("keep", DiagonalPairs.Kept), ("remove", DiagonalPairs.Removed)];
    public static readonly (string Word, LossReduction Value)[] Reduction =
        [("none", LossReduction.None), ("sum", LossReduction.Sum), ("mean", LossReduction.Mean)];
    public static readonly (string Word, MeanDenominator Value)[] Denominator =
    [
        ("all", MeanDenominator.All),
        ("valid", MeanDenominator.Valid),
        ("nonzero", MeanDenominator.Nonzero),
        ("weights", MeanDenominator.Weights),
        ("weights-nonzero", MeanDenominator.NonzeroWeights),
    ];

    public static readonly (string Word, OutputScale Value)[] Scale = [("1", OutputScale.One), ("inverse-gamma", OutputScale.InverseGamma)];
}
