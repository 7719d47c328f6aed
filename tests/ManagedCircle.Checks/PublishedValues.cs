using System.Globalization;
using ManagedCircle.Reference;

namespace ManagedCircle.Checks;

/// <summary>A published value of the loss, as it was printed.</summary>
/// <param name="Name">What was computed.</param>
/// <param name="Problem">The call.</param>
public sealed record PublishedValue(string Name, LossProblem Problem)
{
    /// <summary>The reduced loss, or empty.</summary>
    public string Loss { get; init; } = "";

    /// <summary>The reduced loss in float where it is another; null where it is the same.</summary>
    public string? FloatLoss { get; init; }

    /// <summary>The losses of the first queries, separated by spaces; * for one that was not printed.</summary>
    public string Losses { get; init; } = "";

    /// <summary>The first numbers of the query gradient, separated by spaces.</summary>
    public string Gradient { get; init; } = "";

    /// <summary>What the reference has other than printed: nothing, to every digit.</summary>
    public IEnumerable<string> MismatchesInDouble()
    {
        ReferenceResult result = Problem.SolveInDouble();
        return
        [
            .. Mismatches("loss", Loss, [result.Loss], Tolerances.HalfAUnitOfTheLastDigit),
            .. Mismatches("loss of a query", Losses, result.Losses, Tolerances.HalfAUnitOfTheLastDigit),
            .. Mismatches("gradient", Gradient, result.QueryGradient, Tolerances.HalfAUnitOfTheLastDigit),
        ];
    }

    /// <summary>What the engine has other than printed: nothing, as close as floats are.</summary>
    public IEnumerable<string> MismatchesInFloat()
    {
        LossAnswer answer = Problem.SolveInFloat();
        double largest = Problem.SolveInDouble().QueryGradient.Max(Math.Abs);
        return
        [
            .. Mismatches("loss", FloatLoss ?? Loss, [answer.Result.Loss], OfALoss),
            .. Mismatches("loss of a query", Losses, answer.Losses, OfALoss),
            .. Mismatches("gradient", Gradient, answer.QueryGradient, OfAnEntry),
        ];

        double OfAnEntry(string number) => Tolerances.HalfAUnitOfTheLastDigit(number) + Tolerances.PublishedGradientInFloat * largest;

        static double OfALoss(string number) =>
            Tolerances.HalfAUnitOfTheLastDigit(number) + Tolerances.PublishedLossInFloat * Math.Max(1, double.Parse(number, CultureInfo.InvariantCulture));
    }

    private static IEnumerable<string> Mismatches(string what, string printed, double[] actual, Func<string, double> tolerance)
    {
        string[] numbers = printed.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < numbers.Length; i++)
        {
            bool right = numbers[i] == "*" || Math.Abs(actual[i] - double.Parse(numbers[i], CultureInfo.InvariantCulture)) <= tolerance(numbers[i]);
            if (!right)
            {
                yield return $"{what} {i}: {actual[i]:R}, expected {numbers[i]}";
            }
        }
    }

    public override string ToString() => Name;
}

/// <summary>The values that this library promises to reproduce: unit tests of Keras and PyTorch Metric Learning, and runs of other implementations.</summary>
public static class PublishedValues
{
    private static readonly long[] BatchLabels = [1, 1, 2, 2, 3];
    private static readonly double[] Batch =
    [
        .70014004, -.42008403, .14002801, .56011203,
        .17609018, .70436073, -.52827054, .44022545,
        -.34050261, .25537696, -.68100522, .59587957,
        .32163376, -.75047877, .53605627, -.21442251,
        .51261459, -.34174306, .17087153, .76892189,
    ];

    private static readonly long[] ReferenceLabels = [1, 1, 2, 2, 3, 4];
    private static readonly double[] References =
    [
        .40824829, -.54433105, .27216553, .68041382,
        .76376261, .10910895, -.54554473, .32732684,
        -.74420841, .24806947, .49613894, -.3721042,
        .52981294, -.13245324, .79471941, -.26490647,
        .54554473, -.32732684, .10910895, .76376261,
        -.27216553, .68041382, .40824829, -.54433105,
    ];

    private static readonly double[] Angles =
        [.. new[] { 0.0, 20, 40, 60, 80 }.Select(double.DegreesToRadians).SelectMany(angle => new[] { Math.Cos(angle), Math.Sin(angle) })];

    private static readonly double[] ClassCosines =
    [
        .85675, .15308, .48325, .52465, .78845, .062924, .50915, .77957, .53919, .053219,
        .73506, .80188, .79237, .84039, .060384, .45711, .50027, .22803, .11671, .96149,
        .11187, .26528, .78812, .66587, .00075084, .5851, .63166, .2998, .28037, .35707,
    ];

    // Every loss is 0 or about 1448 / 6; how many count as above 0 depends on the precision.
    private static readonly double[] Corners = [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, .6, .8, 0, .6, .8];

    public static IReadOnlyList<PublishedValue> All { get; } =
    [
        new("Keras 80/.4", Self(Keras(80, .4)))
        {
            Loss = "188.3883143522",
            Losses = "127.6789470877 98.4444904555 275.9191485550 251.5106713106 0",
            Gradient = "11.90368318 -84.28701548 59.41398941 -10.02584847",
        },
        new("Keras 80/.4, alpha detached", Self(Keras(80, .4) with { WeightGradient = WeightGradient.Detached }))
        {
            Loss = "188.3883143522",
            Gradient = "9.80549750 -62.14431537 43.80993239 -7.61861106",
        },
        new("Keras 256/.25", Self(Keras(256, .25)))
        {
            Loss = "652.7617075040",
            Losses = "458.4926306808 364.9423694578 932.8612753761 854.7505545015 0",
        },
        new("Keras 80/.4 with weights", Self(Keras(80, .4), new() { Weights = [2, 2, 1, 1, .5] })) { Loss = "244.9191737380" },
        new("Keras 80/.4, mean with weights", Self(Keras(80, .4) with { Denominator = MeanDenominator.NonzeroWeights }, new() { Weights = [2, 2, 1, 1, .5] }))
        {
            Loss = "163.2794491587",
        },
        new("Keras 80/.4 against references, diagonal kept", AgainstReferences(Keras(80, .4) with { ReferenceDiagonal = DiagonalPairs.Kept }))
        {
            Losses = "61.5843683048 94.3464584272 276.9344267531 90.9873333881 48.8963360459",
        },
        new("Keras 80/.4 against references, diagonal removed", AgainstReferences(Keras(80, .4))) { Losses = "61.5843652997 * * * 0" },
        new("Keras 80/.4, the references as the batch", new()
        {
            Options = Keras(80, .4) with { Reduction = LossReduction.Sum },
            Rows = References,
            Labels = ReferenceLabels,
        })
        {
            Loss = "264.8445615552",
            Losses = "82.9115942490 36.7941869144 92.4589666028 52.6798137890 0 0",
        },
        new("Keras 1024/.25, the mean whose count depends on the precision", new() { Options = Keras(1024, .25), Rows = Corners, Labels = [0, 0, 1, 1, 2, 2] })
        {
            Loss = "160.8888",
            FloatLoss = "241.3332",
        },
        new("TensorFlow Similarity 80/.4", Self(CircleLossOptions.TensorFlowSimilarity))
        {
            Loss = "150.7108662424",
            Losses = "127.6789470877 98.4444904555 275.9191485550 251.5117451138 0",
        },
        new("PyTorch Metric Learning 80/.4", Self(CircleLossOptions.PyTorchMetricLearning))
        {
            Loss = "188.3883155104",
            Gradient = "-14.58625985 -47.50926086 38.93158095 -27.13201682",
        },
        new("PyTorch Metric Learning 80/.4, mean over all", Self(CircleLossOptions.PyTorchMetricLearning with { Denominator = MeanDenominator.All }))
        {
            Loss = "150.7106524083",
        },
        new("fast-reid 80/.4", Self(CircleLossOptions.FastReId with { Gamma = 80, Margin = .4 })) { Loss = "150.7106524083" },
        new("fast-reid 256/.25", Self(CircleLossOptions.FastReId with { Gamma = 256 })) { Loss = "522.2093689681" },
        new("whole batch 80/.4", Self(CircleLossOptions.PaperGlobal with { Gamma = 80, Margin = .4 })) { Loss = "305.1536074994" },
        new("whole batch 256/.25", Self(CircleLossOptions.PaperGlobal)) { Loss = "1026.4115439982" },
        new("unified loss 80/.4, mean over all", Self(CircleLossOptions.Paper with { Weighting = PairWeighting.Constant, Denominator = MeanDenominator.All }))
        {
            Loss = "97.9916009478",
        },
        new("angles 256/.25", OnACircle(256, .25)) { Loss = "176.0280751016", Losses = "119.1580336182 194.9847555961 194.9847555961 194.9847555961 0" },
        new("angles 80/.4", OnACircle(80, .4)) { Loss = "39.4087734694" }, // PyTorch prints ...693: its softplus(z) is z above 20
        new("angles 128/.25", OnACircle(128, .25)) { Loss = "88.0140375508" },
        new("one pair of each, 256/.25, detached", Lists(new() { Gamma = 256, Margin = .25 }, [.8], [.8])) { Loss = "142.08", Gradient = "-115.2 268.8" },
        new("one pair of each, 256/.25, attached", Lists(new() { Gamma = 256, Margin = .25, WeightGradient = WeightGradient.Attached }, [.8], [.8]))
        {
            Loss = "142.08",
            Gradient = "-102.4 409.6",
        },
        new("two positives, three negatives, 16/.25, detached", Lists(new() { Gamma = 16, Margin = .25 }, [.8, .3], [.5, -.1, -.4]))
        {
            Loss = "9.9096508216",
            Gradient = "-.0053711 -15.1879056 11.2009896 .0481499 0",
        },
        new("two positives, three negatives, 16/.25, attached", Lists(
            new() { Gamma = 16, Margin = .25, WeightGradient = WeightGradient.Attached }, [.8, .3], [.5, -.1, -.4]))
        {
            Loss = "9.9096508216",
            Gradient = "-.00477435 -22.3821767 14.9346529 -.0641999 0",
        },
        new("class level 64/.25", ClassLevel(64, .25)) { Loss = "59.2354108523", Losses = "84.8838803824 53.9246880440 38.8976641304" },
        new("class level 256/.25", ClassLevel(256, .25)) { Loss = "236.9402263211" },
        new("class level 64/.35", ClassLevel(64, .35)) { Loss = "51.5554108523" },
        new("unified loss over gamma, gamma 1", UnifiedOverGamma(1)) { Loss = "2.07460796" },
        new("unified loss over gamma, gamma 64", UnifiedOverGamma(64)) { Loss = ".55062427" },
    ];

    /// <summary>L_uni / gamma on two positives and three negatives, which tends to the batch-hard triplet hinge .55 as gamma grows.</summary>
    public static LossProblem UnifiedOverGamma(double gamma) => Lists(
        new()
        {
            Gamma = gamma,
            Margin = .35,
            Weighting = PairWeighting.Constant,
            OutputScale = OutputScale.InverseGamma,
        },
        [.8, .3],
        [.5, -.1, .45]);

    private static CircleLossOptions Keras(double gamma, double margin) => CircleLossOptions.Keras with { Gamma = gamma, Margin = margin };

    private static LossProblem Self(CircleLossOptions options, ReferenceTerms? terms = null) =>
        new() { Options = options, Rows = Batch, Labels = BatchLabels, Terms = terms ?? new() };

    private static LossProblem AgainstReferences(CircleLossOptions options) =>
        new() { Options = options, Rows = Batch, Labels = BatchLabels, References = References, ReferenceLabels = ReferenceLabels };

    private static LossProblem OnACircle(double gamma, double margin) =>
        new() { Options = CircleLossOptions.PyTorchMetricLearning with { Gamma = gamma, Margin = margin }, Rows = Angles, Labels = [0, 0, 1, 1, 2] };

    private static LossProblem ClassLevel(double gamma, double margin) => LossProblem.OfSimilarities(
        CircleLossOptions.ClassLevel with { Gamma = gamma, Margin = margin }, ClassCosines, [1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    private static LossProblem Lists(CircleLossOptions options, double[] positives, double[] negatives) => LossProblem.OfSimilarities(
        options, [.. positives, .. negatives], [1], [.. positives.Select(_ => 1L), .. negatives.Select(_ => 0L)]);
}
