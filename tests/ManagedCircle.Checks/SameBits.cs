using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Checks;

/// <summary>
/// Fixed calls of the loss, and one hash of everything that the engine answers to them: the same on every platform, width and number of threads.
/// </summary>
/// <remarks>
/// Made of whole numbers, divisions and roots, which are the same bits everywhere, and of no test framework: programs for other platforms compile it too.
/// </remarks>
public static class SameBits
{
    /// <summary>
    /// The hash where the hardware fuses multiply and add. <c>tools/update-same-bits.sh</c> writes it anew after a change of the order of sums.
    /// </summary>
    public const string Fused = "bae8367edb80f6c3";

    /// <summary>The hash where a multiply-add is a product, rounded, and a sum.</summary>
    public const string Unfused = "d7180ca4400bd963";

    /// <summary>The hash of this process.</summary>
    public static string Expected => Fuses ? Fused : Unfused;

    /// <summary>Whether multiply and add are fused here: (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, whose last term does not survive a rounding.</summary>
    public static bool Fuses => MultiplyAdd(1 + 1f / 4096, -(1 + 1f / 2048)) != 0;

    /// <summary>Presets and options of every class, one and many tiles, dimensions around the packs of 32.</summary>
    public static IReadOnlyList<LossProblem> Problems { get; } =
    [
        Self("Paper", CircleLossOptions.Paper, 600, 128),
        Self("Paper, gamma 1024", CircleLossOptions.Paper with { Gamma = 1024, CheckInputs = false }, 257, 127),
        Self("Keras", CircleLossOptions.Keras, 100, 3),
        Against("Keras", CircleLossOptions.Keras with { Denominator = MeanDenominator.NonzeroWeights }, 70, 300, 127, weights: true),
        Self("TensorFlow Similarity", CircleLossOptions.TensorFlowSimilarity, 200, 128),
        Against("PyTorch Metric Learning", CircleLossOptions.PyTorchMetricLearning, 300, 90, 512, upstream: true, excluded: true),
        Self("fast-reid", CircleLossOptions.FastReId, 513, 512),
        Self("whole batch", CircleLossOptions.PaperGlobal, 290, 128),
        Against("whole batch, separate",
            CircleLossOptions.PaperGlobal with { Combination = LossCombination.Separate, ReferenceDiagonal = DiagonalPairs.Removed }, 40, 33, 3),
        Against("class level", CircleLossOptions.ClassLevel, 150, 40, 128),
        Self("one dimension", CircleLossOptions.Keras with { Clamp = SimilarityClamp.MinusOneToOne, Denominator = MeanDenominator.Weights }, 65, 1,
            weights: true),
        Self("unified", new() { Weighting = PairWeighting.Constant, Reduction = LossReduction.Sum, OutputScale = OutputScale.InverseGamma }, 130, 127),
        Self("itself kept, a label ignored",
            new() { Gamma = 16, Margin = -0.1, SelfDiagonal = DiagonalPairs.Kept, IgnoreLabel = 2, Reduction = LossReduction.None }, 333, 128),
        Self("free constants, attached", new()
        {
            Gamma = 5,
            WeightGradient = WeightGradient.Attached,
            PositiveOptimum = 0.9,
            NegativeOptimum = -0.2,
            PositiveMargin = 0.6,
            NegativeMargin = 0.3,
            Denominator = MeanDenominator.All,
        }, 96, 512, upstream: true),
    ];

    /// <summary>The vectors that this process runs in hardware.</summary>
    public static IReadOnlyList<SimdWidth> Widths { get; } = [.. Enum.GetValues<SimdWidth>().Where(width => width != SimdWidth.Auto && Runs(width))];

    /// <summary>One to four threads, keeping similarities between the passes and computing them again.</summary>
    public static IEnumerable<ExecutionOptions> Executions(SimdWidth width) =>
        Enumerable.Range(1, 4)
            .Select(threads => new ExecutionOptions { SimdWidth = width, Threads = threads, MaxKeptSimilarityBytes = threads % 2 == 0 ? 0 : 64L << 20 });

    /// <summary>The hash of all answers at the widest vectors.</summary>
    public static string HashOfAll() => Hash(Problems.Select(problem => problem.SolveInFloat()));

    /// <summary>
    /// FNV-1a of the reduced loss, losses and gradients, bytes in little-endian order. (On Linux SHA-256 would be OpenSSL's, which small systems lack.)
    /// </summary>
    public static string Hash(params IEnumerable<LossAnswer> answers)
    {
        ulong hash = 0xCBF29CE484222325;
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        foreach (LossAnswer answer in answers)
        {
            foreach (double number in (IEnumerable<double>)[answer.Result.Loss, .. answer.Losses, .. answer.QueryGradient, .. answer.ReferenceGradient])
            {
                BinaryPrimitives.WriteDoubleLittleEndian(bytes, number);
                foreach (byte value in bytes)
                {
                    hash = (hash ^ value) * 0x100000001B3;
                }
            }
        }

        return $"{hash:x16}";
    }

    private static LossProblem Self(string name, CircleLossOptions options, int count, int dimension, bool weights = false, bool upstream = false) =>
        Draw(name, options, count, 0, dimension, weights, upstream, excluded: false);

    private static LossProblem Against(
        string name, CircleLossOptions options, int queries, int references, int dimension, bool weights = false, bool upstream = false,
            bool excluded = false) =>
        Draw($"{name}, against references", options, queries, references, dimension, weights, upstream, excluded);

    private static LossProblem Draw(
        string name, CircleLossOptions options, int queries, int references, int dimension, bool weights, bool upstream, bool excluded)
    {
        Random random = new(queries + (1000 * references) + dimension);
        double root = Math.Sqrt(dimension);
        int classes = 2 + (queries / 8);
        double[] centres = Many(classes * dimension, Number);
        long[] labels = Labels(queries), referenceLabels = Labels(references);
        return new()
        {
            Name = name,
            Options = options,
            Rows = Rows(labels),
            Labels = labels,
            References = references == 0 ? null : Rows(referenceLabels),
            ReferenceLabels = referenceLabels,
            Terms = new()
            {
                Weights = weights ? Many(queries, () => 1 + Number()) : [],
                Upstream = upstream ? Many(queries, Number) : [],
                ExcludedReferences = excluded ? [.. Enumerable.Range(0, queries).Select(_ => random.Next(-1, references))] : [],
            },
        };

        // Rows about as long as 1, around the centre of their class; exact in float.
        double[] Rows(long[] rowLabels) =>
            [.. rowLabels.SelectMany(
                label => Enumerable.Range(0, dimension).Select(d => (double)(float)((centres[(label * dimension) + d] + Number()) / root)))];

        long[] Labels(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))];

        double Number() => random.Next(-4096, 4097) / 4096.0;

        static double[] Many(int count, Func<double> draw) => [.. Enumerable.Range(0, count).Select(_ => draw())];
    }

    private static bool Runs(SimdWidth width)
    {
        try
        {
            using CircleLoss loss = new(CircleLossOptions.Paper, new ExecutionOptions { SimdWidth = width });
            return true;
        }
        catch (PlatformNotSupportedException)
        {
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdd(float x, float addend) => float.MultiplyAddEstimate(x, x, addend);
}
