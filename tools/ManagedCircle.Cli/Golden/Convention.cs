using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>A way to compute Circle loss that is not what a case asks for: a mistake that ports make.</summary>
/// <param name="Name">Its short name.</param>
/// <param name="Mistake">What an implementation that follows it does.</param>
/// <param name="Solve">What it answers to a case; null if the case cannot distinguish it from the correct computation.</param>
internal sealed record Convention(string Name, string Mistake, Func<GoldenProblem, Dictionary<string, double[]>?> Solve)
{
    /// <summary>Every known mistake; of two that give the same numbers, the likelier stands first.</summary>
    public static IReadOnlyList<Convention> All { get; } =
    [
        WithOptions("alpha-attached", "alpha is differentiated too (attached), where the case holds it constant (detached)", options =>
            options.Weighting == PairWeighting.Circle && options.WeightGradient == WeightGradient.Detached
                ? options with { WeightGradient = WeightGradient.Attached } : null),
        WithOptions("alpha-detached", "alpha is held constant (detached), where the case differentiates it too (attached)", options =>
            options.Weighting == PairWeighting.Circle && options.WeightGradient == WeightGradient.Attached
                ? options with { WeightGradient = WeightGradient.Detached } : null),
        OfPairs("alpha-attached-positives", "alpha is differentiated for positives only, where the case does so for all pairs or for none",
            (options, kind, s) =>
            HalfAttached(options, kind, s, PairKind.Positive)),
        OfPairs("alpha-attached-negatives", "alpha is differentiated for negatives only, where the case does so for all pairs or for none",
            (options, kind, s) =>
            HalfAttached(options, kind, s, PairKind.Negative)),
        OfPairs("alpha-half-attached", "half of alpha's derivative is in the gradient, where the case has all of it or none", (options, kind, s) =>
            options.Weighting == PairWeighting.Constant
                ? null
                : Right(options, kind, s) with { Slope = (AttachedSlope(options, kind, s) + DetachedSlope(options, kind, s)) / 2 }),
        OfPairs("alpha-constant", "alpha is 1, where the case weights a pair by its distance from the optimum", (options, kind, s) =>
            options.Weighting == PairWeighting.Circle ? new Pair(kind, Sign(options, kind) * (s - MarginOf(options, kind)), Sign(options, kind)) : null),
        WithOptions("alpha-circle", "a pair is weighted by its distance from the optimum, where the case has alpha 1", options =>
            options.Weighting == PairWeighting.Constant
                ? options with { Weighting = PairWeighting.Circle, PositiveMargin = options.PositiveMargin, NegativeMargin = options.NegativeMargin } : null),
        OfPairs("alpha-not-floored", "alpha is not floored at 0", UnflooredPair),
        OfPairs("alpha-zero-dropped", "pairs of alpha 0 are left out of the log-sum-exp, where each counts e^0", (options, kind, s) =>
            Right(options, PairFormulas.Weight(options, kind, s) == 0 ? PairKind.Ignored : kind, s)),
        new("masked-counts-one", "pairs masked out by a factor 0 still count e^0 in the log-sum-exp; they should not be in it", MaskedByAFactor),

        new("exp-before-max", "e^logit is taken before the largest logit is subtracted, and is beyond float32 where a log-sum-exp is above 88.7", problem =>
            Overflowing(problem, (p, n) => Math.Abs(p) > LargestExponent || Math.Abs(n) > LargestExponent)),
        new("softplus-overflow", "log(1 + e^z) is taken of a z above 88.7, where e^z is beyond float32 and the loss is about z", problem =>
            Overflowing(problem, problem.Options.Combination == LossCombination.Joint
                ? (p, n) => p + n > LargestExponent
                : (p, n) => p > LargestExponent || n > LargestExponent)),
        OfPlacedPairs("log-mean-exp", "the log-sum-exp is one of means, less the logarithm of the number of pairs", (problem, result, i) =>
            OfMeans(problem, result, i, slopeTimes: 1)),
        OfPlacedPairs("log-mean-exp-in-shares", "the log-sum-exp is one of means, and shares e^(logit - log-sum-exp) add up to the number of pairs",
            (problem, result, i) =>
            OfMeans(problem, result, i, slopeTimes: CountOf(problem, result, i))),
        new("base-2", "2^x and log2 x are taken for e^x and ln x", InBaseTwo),
        LastTileLeftOut(4),
        LastTileLeftOut(8),
        LastTileLeftOut(16),
        LastTileLeftOut(32),

        MeanOver("mean-over-all", "the mean is over all queries", MeanDenominator.All),
        MeanOver("mean-over-valid", "the mean is over the valid queries", MeanDenominator.Valid),
        MeanOver("mean-over-nonzero", "the mean is over the queries with a loss above 0", MeanDenominator.Nonzero),
        MeanOver("mean-over-weights", "the mean divides by the sum of the weights", MeanDenominator.Weights),
        MeanOver("mean-over-nonzero-weights", "the mean divides by the sum of the weights of queries with a loss above 0", MeanDenominator.NonzeroWeights),
        WithOptions("sum", "the losses are summed, where the case takes their mean", options =>
            options.Reduction == LossReduction.Mean ? options with { Reduction = LossReduction.Sum } : null),
        WithOptions("mean", "the mean of the losses is taken, where the case does not divide", options =>
            options.Reduction != LossReduction.Mean ? options with { Reduction = LossReduction.Mean } : null),

        WithOptions("diagonal-kept", "the pairs (i, i) are kept, where the case removes them", options =>
            options with { SelfDiagonal = DiagonalPairs.Kept, ReferenceDiagonal = DiagonalPairs.Kept }),
        WithOptions("diagonal-removed", "the pairs (i, i) are removed, where the case keeps them", options =>
            options with { SelfDiagonal = DiagonalPairs.Removed, ReferenceDiagonal = DiagonalPairs.Removed }),
        new("diagonal-negatives-removed", "reference i is removed from query i as a negative too; only as a positive it is no part", WithoutDiagonal),
        WithOptions("separate", "the loss is softplus(P) + softplus(N) (separate), where the case has softplus(P + N) (joint)", options =>
            options.Combination == LossCombination.Joint ? options with { Combination = LossCombination.Separate } : null),
        WithOptions("joint", "the loss is softplus(P + N) (joint), where the case has softplus(P) + softplus(N) (separate)", options =>
            options.Combination == LossCombination.Separate ? options with { Combination = LossCombination.Joint } : null),
        new("pairs-twice", "each unordered pair counts twice in the loss of the whole batch", BothOrders),

        CastLabels("labels-int32", "labels are cast to 32-bit integers", label => unchecked((int)label)),
        CastLabels("labels-float64", "labels are cast to float64", label => BitConverter.DoubleToInt64Bits(label)),
        CastLabels("labels-float32", "labels are cast to float32", label => BitConverter.SingleToInt32Bits(label)),
        CastLabels("labels-float16", "labels are cast to float16", label => BitConverter.HalfToInt16Bits((Half)label)),
        CastLabels("labels-bfloat16", "labels are cast to bfloat16", label => BitConverter.SingleToInt32Bits(ToBfloat16(label))),
        WithOptions("ignore-label-as-class", "rows of the ignored label take part as a class",
            options => options.IgnoreLabel is null ? null : options with { IgnoreLabel = null }),

        OfGradients("jacobian-missing", "the gradient stops at the unit rows: the Jacobian of the normalisation, (g - <g, u> u) / |x|, is missing",
            (problem, similarityGradient) =>
            problem.RowGradients(similarityGradient, throughNormalization: false)),
        OfGradients("jacobian-not-projected", "the gradient is divided by the norm but not projected: - <g, u> u is missing", (problem, similarityGradient) =>
            OfRows(problem, similarityGradient, (x, _, unprojected) => unprojected / x)),
        OfGradients("jacobian-not-divided", "the gradient is projected but not divided by the norm", (problem, similarityGradient) =>
            OfRows(problem, similarityGradient, (x, right, _) => right * x)),
        WithOptions("not-normalized", "rows are taken as they are, where the case normalises them",
            options => options.Normalize ? options with { Normalize = false } : null),
        WithOptions("normalized", "rows are normalised, where the case takes them as they are",
            options => options.Normalize ? null : options with { Normalize = true }),
        new("gradient-of-queries-only", "a row has a gradient as a query only; in a batch against itself it is a reference, too", problem => OneSided(
            problem, problem with { Entry = CaseEntry.References, References = problem.Rows, ReferenceLabels = problem.Labels }, asQueries: true)),
        new("gradient-of-references-only", "a row has a gradient as a reference only; in a batch against itself it is a query, too", problem => OneSided(
            problem, problem with { Entry = CaseEntry.References, References = problem.Rows, ReferenceLabels = problem.Labels }, asQueries: false)),
        OfGradients("gradient-negated", "the gradient has the opposite sign", (problem, similarityGradient) =>
            problem.RowGradients([.. similarityGradient.Select(g => -g)], throughNormalization: true), scale: -1),
        OfPairs("gradient-of-negatives-only", "positives have no gradient", (options, kind, s) =>
            Right(options, kind, s) is var pair && kind == PairKind.Positive ? pair with { Slope = 0 } : pair),
        OfPairs("gradient-of-positives-only", "negatives have no gradient", (options, kind, s) =>
            Right(options, kind, s) is var pair && kind == PairKind.Negative ? pair with { Slope = 0 } : pair),
        WithOptions("clamp-ignored", "similarities are not clamped",
            options => options.Clamp == SimilarityClamp.None ? null : options with { Clamp = SimilarityClamp.None }),
        OfPairs("clamp-passes-gradient", "a clamped similarity passes its gradient on, where it has none", (options, kind, s) =>
            options.Clamp == SimilarityClamp.None
                ? null
                : Right(options, kind, s) with { Slope = PairFormulas.Slope(
                    options, kind, Math.Clamp(s, options.Clamp == SimilarityClamp.MinusOneToOne ? -1 : double.MinValue, 1)) }),

        OfPairs("similarities-floored", "similarities below 0 count as 0 (a ReLU), without gradient", (options, kind, s) =>
            Right(options, kind, Math.Max(s, 0)) is var pair && s < 0 ? pair with { Slope = 0 } : pair),

        WithTerms("weights-ignored", "the weights are ignored", terms => terms.Weights.Length == 0 ? null : terms with { Weights = [] }),
        WithTerms("weights-sum-to-one", "the weights are divided by their sum", terms => Weighted(terms, sum => 1 / sum)),
        WithTerms("weights-mean-one", "the weights are divided by their mean", terms => Weighted(terms, sum => terms.Weights.Length / sum)),
        WithTerms("upstream-ignored", "the upstream gradient is ignored", terms => terms.Upstream.Length == 0 ? null : terms with { Upstream = [] }),
        WithTerms("excluded-references-ignored", "the excluded references take part",
            terms => terms.ExcludedReferences.Length == 0 ? null : terms with { ExcludedReferences = [] }),
        Excluding("excluded-references-from-1", "the excluded references are counted from 1: the one before is excluded", r => r - 1),
        Excluding("excluded-references-next", "the reference after the excluded one is excluded", r => r + 1),
        new("losses-sorted", "the losses are sorted", SortedLosses),
        new("column-major", "the numbers of a matrix are in column-major order, under a header that says row-major", ColumnMajor),
        new("losses-weighted", "the losses per query are multiplied by their weights; only the reduced loss is", WeightedLosses),
        WithOptions("output-scale-ignored", "the output scale 1 / gamma is ignored", options =>
            options.OutputScale == OutputScale.InverseGamma ? options with { OutputScale = OutputScale.One } : null),
        WithOptions("margins-swapped", "the margins of positives and negatives are exchanged", options =>
            options with { PositiveMargin = options.NegativeMargin, NegativeMargin = options.PositiveMargin }),
        WithOptions("negative-optimum-plus-margin", "the optimum of negatives is +m, not -m", options =>
            options.Weighting == PairWeighting.Circle && options.NegativeOptimum == -options.Margin ? options with { NegativeOptimum = options.Margin } : null),
        WithOptions("positive-optimum-minus-margin", "the optimum of positives is 1 - m, not 1 + m", options =>
            options.Weighting == PairWeighting.Circle && options.PositiveOptimum == 1 + options.Margin
                ? options with { PositiveOptimum = 1 - options.Margin } : null),
        WithOptions("positive-margin-plus", "the margin of positives is 1 + m, not 1 - m", options =>
            options.PositiveMargin == 1 - options.Margin ? options with { PositiveMargin = 1 + options.Margin } : null),
        WithOptions("negative-margin-minus", "the margin of negatives is -m, not m", options =>
            options.NegativeMargin == options.Margin ? options with { NegativeMargin = -options.Margin } : null),
        WithOptions("margin-negated", "m has the opposite sign in all four constants", options =>
            options.Weighting == PairWeighting.Circle && options.PositiveOptimum == 1 + options.Margin
                ? options with
                {
                    PositiveOptimum = 1 - options.Margin,
                    NegativeOptimum = options.Margin,
                    PositiveMargin = 1 + options.Margin,
                    NegativeMargin = -options.Margin,
                }
                : null),
        WithOptions("optimum-without-margin", "the optima are 1 and 0, without the margin", options =>
            options.Weighting == PairWeighting.Circle ? options with { PositiveOptimum = 1, NegativeOptimum = 0 } : null),
        new("softplus-missing", "the loss is P + N, without the softplus", WithoutSoftplus),
    ];

    // e^x is beyond float32 above ln 2^128, and is nothing or half lost below -87.3.
    private const double LargestExponent = 88.72;

    /// <summary>What a pair is, and the logit and slope that it has.</summary>
    private readonly record struct Pair(PairKind Kind, double Logit, double Slope);

    private static Convention WithOptions(string name, string mistake, Func<CircleLossOptions, CircleLossOptions?> change) =>
        new(name, mistake, problem => change(problem.Options) is { } options ? Answers(problem, problem with { Options = options }) : null);

    private static Convention MeanOver(string name, string mistake, MeanDenominator denominator) =>
        WithOptions(name, mistake,
            options => options.Reduction == LossReduction.Mean && options.Denominator != denominator ? options with { Denominator = denominator } : null);

    private static Convention WithTerms(string name, string mistake, Func<ReferenceTerms, ReferenceTerms?> change) =>
        new(name, mistake, problem => change(problem.Terms) is { } terms ? Answers(problem, problem with { Terms = terms }) : null);

    private static Convention CastLabels(string name, string mistake, Func<long, long> cast) => new(name, mistake, problem =>
    {
        long[] labels = [.. problem.Labels.Select(cast)], referenceLabels = [.. problem.ReferenceLabels.Select(cast)];
        long? ignored = problem.Options.IgnoreLabel is { } label ? cast(label) : null;
        return Answers(problem, problem with { Labels = labels, ReferenceLabels = referenceLabels, Options = problem.Options with { IgnoreLabel = ignored } });
    });

    private static Convention OfGradients(
        string name, string mistake, Func<GoldenProblem, double[], (double[] Queries, double[] References)> rowGradients, double scale = 1) =>
            new(name, mistake, problem =>
    {
        ReferenceResult result = problem.Solve();
        (double[] gradient, double[] referenceGradient) = rowGradients(problem, result.SimilarityGradient);
        return problem.AnswersOf(result, [.. result.SimilarityGradient.Select(g => scale * g)], gradient, referenceGradient);
    });

    /// <summary>A mistake in what single pairs are.</summary>
    private static Convention OfPairs(string name, string mistake, Func<CircleLossOptions, PairKind, double, Pair?> pairOf) =>
        OfPlacedPairs(name, mistake,
            (problem, result, i) => result.Pairs[i] == PairKind.Ignored ? default(Pair) : pairOf(problem.Options, result.Pairs[i], result.Similarities[i]));

    /// <summary>A mistake in what pairs are, by their place in the matrix.</summary>
    private static Convention OfPlacedPairs(string name, string mistake, Func<GoldenProblem, ReferenceResult, int, Pair?> pairOf) =>
        new(name, mistake, problem =>
    {
        ReferenceResult right = problem.Solve();
        Pair[] pairs = new Pair[right.Pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            if (pairOf(problem, right, i) is not { } pair)
            {
                return null;
            }

            pairs[i] = pair;
        }

        return FromPairs(problem, pairs, right.Similarities.Length);
    });

    /// <summary>What a changed problem answers to the questions of the case.</summary>
    private static Dictionary<string, double[]> Answers(GoldenProblem problem, GoldenProblem changed) => problem.AnswersOf(changed.Solve());

    private static Pair Right(CircleLossOptions options, PairKind kind, double s) =>
        new(kind, PairFormulas.Logit(options, kind, s), PairFormulas.Slope(options, kind, s));

    private static Pair PairAt(GoldenProblem problem, ReferenceResult result, int i) =>
        result.Pairs[i] == PairKind.Ignored ? default : Right(problem.Options, result.Pairs[i], result.Similarities[i]);

    private static int CountOf(GoldenProblem problem, ReferenceResult result, int i)
    {
        int loss = problem.Options.Scope == LossScope.Batch ? 0 : i / problem.ReferenceCount;
        return (result.Pairs[i] == PairKind.Positive ? result.PositiveCounts : result.NegativeCounts)[loss];
    }

    private static Pair OfMeans(GoldenProblem problem, ReferenceResult result, int i, double slopeTimes) =>
        PairAt(problem, result, i) is var pair && pair.Kind == PairKind.Ignored
        ? pair
        : new Pair(pair.Kind, pair.Logit - StableMath.Log(CountOf(problem, result, i)), slopeTimes * pair.Slope);

    private static double AttachedSlope(CircleLossOptions options, PairKind kind, double s) =>
        PairFormulas.Slope(options with { WeightGradient = WeightGradient.Attached }, kind, s);

    private static double DetachedSlope(CircleLossOptions options, PairKind kind, double s) =>
        PairFormulas.Slope(options with { WeightGradient = WeightGradient.Detached }, kind, s);

    private static Pair? HalfAttached(CircleLossOptions options, PairKind kind, double s, PairKind attached) => options.Weighting == PairWeighting.Constant
        ? null
        : Right(options, kind, s) with { Slope = kind == attached ? AttachedSlope(options, kind, s) : DetachedSlope(options, kind, s) };

    /// <summary>Loops over whole tiles of references leave out what is left.</summary>
    private static Convention LastTileLeftOut(int width) => OfPlacedPairs(
        $"last-tile-of-{width}-left-out", $"references behind the last whole tile of {width} are left out", (problem, result, i) =>
            i % problem.ReferenceCount < problem.ReferenceCount / width * width ? PairAt(problem, result, i) : default(Pair));

    /// <summary>
    /// NaN, which stands for any number that is not finite and what comes of it, in every loss that overflows and in the gradients that it touches.
    /// </summary>
    private static Dictionary<string, double[]>? Overflowing(GoldenProblem problem, Func<double, double, bool> overflows)
    {
        ReferenceResult result = problem.Solve();
        int pairsPerLoss = problem.Options.Scope == LossScope.Batch ? result.Pairs.Length : problem.ReferenceCount;
        double[] losses = [.. result.Losses], similarityGradient = [.. result.SimilarityGradient];
        for (int i = 0; i < losses.Length; i++)
        {
            if (result.PositiveCounts[i] > 0 && result.NegativeCounts[i] > 0 && overflows(result.PositiveLogSumExp[i], result.NegativeLogSumExp[i]))
            {
                losses[i] = double.NaN;
                for (int j = i * pairsPerLoss; j < (i + 1) * pairsPerLoss; j++)
                {
                    similarityGradient[j] = result.Pairs[j] == PairKind.Ignored ? 0 : double.NaN;
                }
            }
        }

        if (!losses.Any(double.IsNaN))
        {
            return null;
        }

        (double[] gradient, double[] referenceGradient) = problem.RowGradients(similarityGradient, throughNormalization: true);
        Dictionary<string, double[]> answers = problem.AnswersOf(result, similarityGradient, gradient, referenceGradient);
        answers[Quantity.Losses] = losses;
        if (answers.ContainsKey(Quantity.Loss))
        {
            answers[Quantity.Loss] = [double.NaN];
        }

        return answers;
    }

    // log2(1 + 2^z) with 2^x for all exponentials is the loss of gamma ln 2, over ln 2; an output scale of 1 / gamma has that of gamma itself.
    private static Dictionary<string, double[]> InBaseTwo(GoldenProblem problem)
    {
        double ln2 = StableMath.Log(2), scale = problem.Options.OutputScale == OutputScale.InverseGamma ? 1 : 1 / ln2;
        return Answers(problem, problem with { Options = problem.Options with { Gamma = problem.Options.Gamma * ln2 } })
            .ToDictionary(answer => answer.Key, answer => (double[])[.. answer.Value.Select(x => scale * x)]);
    }

    private static ReferenceTerms? Weighted(ReferenceTerms terms, Func<double, double> factor) => terms.Weights.Sum() is not 0 and double sum
        ? terms with { Weights = [.. terms.Weights.Select(weight => weight * factor(sum))] }
        : null;

    private static Convention Excluding(string name, string mistake, Func<int, int> instead) => new(name, mistake, problem =>
    {
        int[] excluded = [.. problem.Terms.ExcludedReferences.Select(r => r < 0 || instead(r) >= problem.ReferenceCount ? -1 : Math.Max(-1, instead(r)))];
        return excluded.Length == 0 ? null : Answers(problem, problem with { Terms = problem.Terms with { ExcludedReferences = excluded } });
    });

    private static Dictionary<string, double[]> SortedLosses(GoldenProblem problem)
    {
        Dictionary<string, double[]> answers = problem.AnswersOf(problem.Solve());
        answers[Quantity.Losses] = [.. answers[Quantity.Losses].Order()];
        return answers;
    }

    private static Dictionary<string, double[]> ColumnMajor(GoldenProblem problem)
    {
        Dictionary<string, double[]> answers = problem.AnswersOf(problem.Solve());
        return answers.ToDictionary(answer => answer.Key, answer => problem.ShapeOf(answer.Key) is [int rows, int columns]
            ? (double[])[.. answer.Value.Select((_, i) => answer.Value[i % rows * columns + i / rows])]
            : answer.Value);
    }

    private static Pair? UnflooredPair(CircleLossOptions options, PairKind kind, double s)
    {
        if (options.Weighting == PairWeighting.Constant)
        {
            return null;
        }

        double clamped = Math.Clamp(
            s, options.Clamp == SimilarityClamp.MinusOneToOne ? -1 : double.MinValue, options.Clamp == SimilarityClamp.None ? double.MaxValue : 1);
        double sign = Sign(options, kind), optimum = kind == PairKind.Positive ? options.PositiveOptimum : options.NegativeOptimum,
            margin = MarginOf(options, kind);
        double weight = kind == PairKind.Positive ? optimum - clamped : clamped - optimum;
        double attached = sign * (kind == PairKind.Positive ? optimum + margin - 2 * clamped : 2 * clamped - optimum - margin);
        double slope = clamped != s ? 0 : options.WeightGradient == WeightGradient.Attached ? attached : sign * weight;
        return new Pair(kind, sign * weight * (clamped - margin), slope);
    }

    private static double Sign(CircleLossOptions options, PairKind kind) => kind == PairKind.Positive ? -options.Gamma : options.Gamma;

    private static double MarginOf(CircleLossOptions options, PairKind kind) => kind == PairKind.Positive ? options.PositiveMargin : options.NegativeMargin;

    // With alpha 1 a logit is -gamma (s - Dp) or gamma (s - Dn): the similarity that has a given logit is Dp - logit / gamma or Dn + logit / gamma, and the
    // gradient of that similarity, times the slope wanted over -gamma or gamma, is the one wanted. Columns beyond the similarities' own have no gradient.
    private static Dictionary<string, double[]>? FromPairs(GoldenProblem problem, Pair[] pairs, int similarityCount)
    {
        if (problem.Options.IgnoreLabel is not null || pairs.Length == 0)
        {
            return null; // a mask does not say which queries are ignored, which a mean may ask for
        }

        CircleLossOptions options = problem.Options with
        {
            Weighting = PairWeighting.Constant,
            Clamp = SimilarityClamp.None,
            PositiveMargin = problem.Options.PositiveMargin,
            NegativeMargin = problem.Options.NegativeMargin,
        };
        double[] similarities =
            [.. pairs.Select(pair => pair.Kind == PairKind.Ignored ? 0 : MarginOf(options, pair.Kind) + pair.Logit / Sign(options, pair.Kind))];
        ReferenceTerms terms = problem.Terms with { ExcludedReferences = [] };
        ReferenceResult result = ReferenceLoss.FromSimilarities(options, similarities, [.. pairs.Select(pair => pair.Kind)], problem.Labels.Length, terms);

        int columns = pairs.Length / problem.Labels.Length, ownColumns = similarityCount / problem.Labels.Length;
        double[] similarityGradient = new double[similarityCount];
        for (int i = 0; i < similarityCount; i++)
        {
            int j = i / ownColumns * columns + i % ownColumns;
            similarityGradient[i] = pairs[j].Kind == PairKind.Ignored ? 0 : result.SimilarityGradient[j] * pairs[j].Slope / Sign(options, pairs[j].Kind);
        }

        (double[] gradient, double[] referenceGradient) = problem.RowGradients(similarityGradient, throughNormalization: true);
        return problem.AnswersOf(result, similarityGradient, gradient, referenceGradient);
    }

    /// <summary>Behind every query's own pairs, one of logit 0 for each that is no positive, and one for each that is no negative.</summary>
    private static Dictionary<string, double[]>? MaskedByAFactor(GoldenProblem problem)
    {
        ReferenceResult right = problem.Solve();
        int queryCount = problem.Labels.Length, columns = problem.ReferenceCount;
        bool wholeBatch = problem.Options.Scope == LossScope.Batch;
        Pair[] pairs = new Pair[3 * right.Pairs.Length];
        for (int i = 0; i < right.Pairs.Length; i++)
        {
            int q = i / columns, first = q * 3 * columns, r = i % columns, loss = wholeBatch ? 0 : q;
            PairKind kind = right.Pairs[i];
            bool valid = right.PositiveCounts[loss] > 0 && right.NegativeCounts[loss] > 0;
            pairs[first + r] = kind == PairKind.Ignored ? default : Right(problem.Options, kind, right.Similarities[i]);
            pairs[first + columns + r] = valid && kind != PairKind.Positive ? new Pair(PairKind.Positive, 0, 0) : default;
            pairs[first + 2 * columns + r] = valid && kind != PairKind.Negative ? new Pair(PairKind.Negative, 0, 0) : default;
        }

        return queryCount == 0 ? null : FromPairs(problem, pairs, right.Similarities.Length);
    }

    private static Dictionary<string, double[]>? BothOrders(GoldenProblem problem)
    {
        if (problem.Options.Scope != LossScope.Batch || problem.Entry != CaseEntry.Self)
        {
            return null;
        }

        GoldenProblem twice = problem with { Entry = CaseEntry.References, References = problem.Rows, ReferenceLabels = problem.Labels };
        int[] diagonal = [.. Enumerable.Range(0, problem.Labels.Length).Select(q => problem.Options.SelfDiagonal == DiagonalPairs.Removed ? q : -1)];
        ReferenceResult result = (twice with { Terms = twice.Terms with { ExcludedReferences = diagonal } }).Solve();
        double[] gradient = [.. result.QueryGradient.Zip(result.ReferenceGradient, (asQuery, asReference) => asQuery + asReference)];
        return problem.AnswersOf(result, [], gradient, []);
    }

    private static Dictionary<string, double[]>? WithoutDiagonal(GoldenProblem problem)
    {
        if (problem.Entry == CaseEntry.Self || problem.Options.ReferenceDiagonal == DiagonalPairs.Kept || problem.Terms.ExcludedReferences.Length > 0)
        {
            return null;
        }

        int[] diagonal = [.. Enumerable.Range(0, problem.Labels.Length).Select(q => q < problem.ReferenceCount ? q : -1)];
        return Answers(problem, problem with { Terms = problem.Terms with { ExcludedReferences = diagonal } });
    }

    private static Dictionary<string, double[]>? OneSided(GoldenProblem problem, GoldenProblem asReferences, bool asQueries)
    {
        if (problem.Entry != CaseEntry.Self)
        {
            return null;
        }

        ReferenceResult result = problem.Solve();
        (double[] queries, double[] references) = asReferences.RowGradients(result.SimilarityGradient, throughNormalization: true);
        return problem.AnswersOf(result, [], asQueries ? queries : references, []);
    }

    private static Dictionary<string, double[]>? WeightedLosses(GoldenProblem problem)
    {
        Dictionary<string, double[]> answers = problem.AnswersOf(problem.Solve());
        answers[Quantity.Losses] = [.. answers[Quantity.Losses].Select((loss, q) => loss * problem.WeightOf(q))];
        return problem.Terms.Weights.Length == 0 ? null : answers;
    }

    private static Dictionary<string, double[]>? WithoutSoftplus(GoldenProblem problem)
    {
        ReferenceResult result = problem.Solve();
        bool joint = problem.Options.Combination == LossCombination.Joint;
        if (!joint)
        {
            return null;
        }

        double unit = problem.Options.OutputScale == OutputScale.InverseGamma ? 1 / problem.Options.Gamma : 1, mean = problem.MeanFactor(result);
        int columns = problem.Options.Scope == LossScope.Batch ? result.Pairs.Length : problem.ReferenceCount;
        double[] losses = [.. result.Losses], similarityGradient = [.. result.SimilarityGradient];
        for (int i = 0; i < losses.Length; i++)
        {
            if (result.PositiveCounts[i] > 0 && result.NegativeCounts[i] > 0)
            {
                double z = result.PositiveLogSumExp[i] + result.NegativeLogSumExp[i], share = StableMath.Sigmoid(z);
                losses[i] = unit * z;
                for (int j = i * columns; j < (i + 1) * columns; j++)
                {
                    similarityGradient[j] = share == 0 ? 0 : similarityGradient[j] / share;
                }
            }
        }

        (double[] gradient, double[] referenceGradient) = problem.RowGradients(similarityGradient, throughNormalization: true);
        Dictionary<string, double[]> answers = problem.AnswersOf(result, similarityGradient, gradient, referenceGradient);
        answers[Quantity.Losses] = losses;
        if (answers.ContainsKey(Quantity.Loss))
        {
            answers[Quantity.Loss] = [losses.Select((loss, q) => mean * problem.WeightOf(q) * loss).Sum()];
        }

        return answers;
    }

    /// <summary>Row gradients of the norm |x| (1 for a zero row), the right gradient, and the one at the unit rows (0 for a zero row).</summary>
    private static (double[] Queries, double[] References) OfRows(
        GoldenProblem problem, double[] similarityGradient, Func<double, double, double, double> combine)
    {
        (double[] rightQueries, double[] rightReferences) = problem.RowGradients(similarityGradient, throughNormalization: true);
        (double[] queries, double[] references) = problem.RowGradients(similarityGradient, throughNormalization: false);
        return problem.Options.Normalize ? (Combine(problem.Rows, rightQueries, queries), Combine(problem.References, rightReferences, references))
            : (queries, references);

        double[] Combine(double[] rows, double[] right, double[] unprojected) =>
            [.. right.Select((g, i) =>
            {
                double norm = Math.Sqrt(rows.AsSpan(i / problem.Columns * problem.Columns, problem.Columns).ToArray().Sum(x => x * x));
                return norm == 0 ? 0 : combine(norm, g, unprojected[i]);
            })];
    }

    // bfloat16 is the upper half of a float32, rounded to the nearest, ties to even.
    private static float ToBfloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
