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
            options.Weighting == PairWeighting.Circle && options.WeightGradient == WeightGradient.Detached ? options with { WeightGradient = WeightGradient.Attached } : null),
        WithOptions("alpha-detached", "alpha is held constant (detached), where the case differentiates it too (attached)", options =>
            options.Weighting == PairWeighting.Circle && options.WeightGradient == WeightGradient.Attached ? options with { WeightGradient = WeightGradient.Detached } : null),
        OfPairs("alpha-constant", "alpha is 1, where the case weights a pair by its distance from the optimum", (options, kind, s) =>
            options.Weighting == PairWeighting.Circle ? new Pair(kind, Sign(options, kind) * (s - MarginOf(options, kind)), Sign(options, kind)) : null),
        WithOptions("alpha-circle", "a pair is weighted by its distance from the optimum, where the case has alpha 1", options =>
            options.Weighting == PairWeighting.Constant ? options with { Weighting = PairWeighting.Circle, PositiveMargin = options.PositiveMargin, NegativeMargin = options.NegativeMargin } : null),
        OfPairs("alpha-not-floored", "alpha is not floored at 0", UnflooredPair),
        OfPairs("alpha-zero-dropped", "pairs of alpha 0 are left out of the log-sum-exp, where each counts e^0", (options, kind, s) =>
            Right(options, PairFormulas.Weight(options, kind, s) == 0 ? PairKind.Ignored : kind, s)),
        new("masked-counts-one", "pairs masked out by a factor 0 still count e^0 in the log-sum-exp; they should not be in it", MaskedByAFactor),

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
        WithOptions("ignore-label-as-class", "rows of the ignored label take part as a class", options => options.IgnoreLabel is null ? null : options with { IgnoreLabel = null }),

        OfGradients("jacobian-missing", "the gradient stops at the unit rows: the Jacobian of the normalisation, (g - <g, u> u) / |x|, is missing", (problem, similarityGradient) =>
            problem.RowGradients(similarityGradient, throughNormalization: false)),
        OfGradients("jacobian-not-projected", "the gradient is divided by the norm but not projected: - <g, u> u is missing", (problem, similarityGradient) =>
            OfRows(problem, similarityGradient, (x, _, unprojected) => unprojected / x)),
        OfGradients("jacobian-not-divided", "the gradient is projected but not divided by the norm", (problem, similarityGradient) =>
            OfRows(problem, similarityGradient, (x, right, _) => right * x)),
        WithOptions("not-normalized", "rows are taken as they are, where the case normalises them", options => options.Normalize ? options with { Normalize = false } : null),
        WithOptions("normalized", "rows are normalised, where the case takes them as they are", options => options.Normalize ? null : options with { Normalize = true }),
        new("gradient-of-queries-only", "a row has a gradient as a query only; in a batch against itself it is a reference, too", problem => OneSided(problem, problem with { Entry = CaseEntry.References, References = problem.Rows, ReferenceLabels = problem.Labels }, asQueries: true)),
        new("gradient-of-references-only", "a row has a gradient as a reference only; in a batch against itself it is a query, too", problem => OneSided(problem, problem with { Entry = CaseEntry.References, References = problem.Rows, ReferenceLabels = problem.Labels }, asQueries: false)),
        OfGradients("gradient-negated", "the gradient has the opposite sign", (problem, similarityGradient) =>
            problem.RowGradients([.. similarityGradient.Select(g => -g)], throughNormalization: true), scale: -1),
        WithOptions("clamp-ignored", "similarities are not clamped", options => options.Clamp == SimilarityClamp.None ? null : options with { Clamp = SimilarityClamp.None }),
        OfPairs("clamp-passes-gradient", "a clamped similarity passes its gradient on, where it has none", (options, kind, s) =>
            options.Clamp == SimilarityClamp.None
                ? null
                : Right(options, kind, s) with { Slope = PairFormulas.Slope(options, kind, Math.Clamp(s, options.Clamp == SimilarityClamp.MinusOneToOne ? -1 : double.MinValue, 1)) }),

        WithTerms("weights-ignored", "the weights are ignored", terms => terms.Weights.Length == 0 ? null : terms with { Weights = [] }),
        WithTerms("upstream-ignored", "the upstream gradient is ignored", terms => terms.Upstream.Length == 0 ? null : terms with { Upstream = [] }),
        WithTerms("excluded-references-ignored", "the excluded references take part", terms => terms.ExcludedReferences.Length == 0 ? null : terms with { ExcludedReferences = [] }),
        new("losses-weighted", "the losses per query are multiplied by their weights; only the reduced loss is", WeightedLosses),
        WithOptions("output-scale-ignored", "the output scale 1 / gamma is ignored", options =>
            options.OutputScale == OutputScale.InverseGamma ? options with { OutputScale = OutputScale.One } : null),
        WithOptions("margins-swapped", "the margins of positives and negatives are exchanged", options =>
            options with { PositiveMargin = options.NegativeMargin, NegativeMargin = options.PositiveMargin }),
        WithOptions("optimum-without-margin", "the optima are 1 and 0, without the margin", options =>
            options.Weighting == PairWeighting.Circle ? options with { PositiveOptimum = 1, NegativeOptimum = 0 } : null),
        new("softplus-missing", "the loss is P + N, without the softplus", WithoutSoftplus),
    ];

    /// <summary>What a pair is, and the logit and slope that it has.</summary>
    private readonly record struct Pair(PairKind Kind, double Logit, double Slope);

    private static Convention WithOptions(string name, string mistake, Func<CircleLossOptions, CircleLossOptions?> change) =>
        new(name, mistake, problem => change(problem.Options) is { } options ? Answers(problem, problem with { Options = options }) : null);

    private static Convention MeanOver(string name, string mistake, MeanDenominator denominator) =>
        WithOptions(name, mistake, options => options.Reduction == LossReduction.Mean && options.Denominator != denominator ? options with { Denominator = denominator } : null);

    private static Convention WithTerms(string name, string mistake, Func<ReferenceTerms, ReferenceTerms?> change) =>
        new(name, mistake, problem => change(problem.Terms) is { } terms ? Answers(problem, problem with { Terms = terms }) : null);

    private static Convention CastLabels(string name, string mistake, Func<long, long> cast) => new(name, mistake, problem =>
    {
        long[] labels = [.. problem.Labels.Select(cast)], referenceLabels = [.. problem.ReferenceLabels.Select(cast)];
        long? ignored = problem.Options.IgnoreLabel is { } label ? cast(label) : null;
        return Answers(problem, problem with { Labels = labels, ReferenceLabels = referenceLabels, Options = problem.Options with { IgnoreLabel = ignored } });
    });

    private static Convention OfGradients(
        string name, string mistake, Func<GoldenProblem, double[], (double[] Queries, double[] References)> rowGradients, double scale = 1) => new(name, mistake, problem =>
    {
        ReferenceResult result = problem.Solve();
        (double[] gradient, double[] referenceGradient) = rowGradients(problem, result.SimilarityGradient);
        return problem.AnswersOf(result, [.. result.SimilarityGradient.Select(g => scale * g)], gradient, referenceGradient);
    });

    /// <summary>A mistake in what single pairs are.</summary>
    private static Convention OfPairs(string name, string mistake, Func<CircleLossOptions, PairKind, double, Pair?> pairOf) => new(name, mistake, problem =>
    {
        ReferenceResult right = problem.Solve();
        Pair[] pairs = new Pair[right.Pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            if (right.Pairs[i] != PairKind.Ignored)
            {
                Pair? pair = pairOf(problem.Options, right.Pairs[i], right.Similarities[i]);
                if (pair is null)
                {
                    return null;
                }

                pairs[i] = pair.Value;
            }
        }

        return FromPairs(problem, pairs, right.Similarities.Length);
    });

    /// <summary>What a changed problem answers to the questions of the case.</summary>
    private static Dictionary<string, double[]> Answers(GoldenProblem problem, GoldenProblem changed) => problem.AnswersOf(changed.Solve());

    private static Pair Right(CircleLossOptions options, PairKind kind, double s) => new(kind, PairFormulas.Logit(options, kind, s), PairFormulas.Slope(options, kind, s));

    private static Pair? UnflooredPair(CircleLossOptions options, PairKind kind, double s)
    {
        if (options.Weighting == PairWeighting.Constant)
        {
            return null;
        }

        double clamped = Math.Clamp(s, options.Clamp == SimilarityClamp.MinusOneToOne ? -1 : double.MinValue, options.Clamp == SimilarityClamp.None ? double.MaxValue : 1);
        double sign = Sign(options, kind), optimum = kind == PairKind.Positive ? options.PositiveOptimum : options.NegativeOptimum, margin = MarginOf(options, kind);
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
        double[] similarities = [.. pairs.Select(pair => pair.Kind == PairKind.Ignored ? 0 : MarginOf(options, pair.Kind) + pair.Logit / Sign(options, pair.Kind))];
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
    private static (double[] Queries, double[] References) OfRows(GoldenProblem problem, double[] similarityGradient, Func<double, double, double, double> combine)
    {
        (double[] rightQueries, double[] rightReferences) = problem.RowGradients(similarityGradient, throughNormalization: true);
        (double[] queries, double[] references) = problem.RowGradients(similarityGradient, throughNormalization: false);
        return problem.Options.Normalize ? (Combine(problem.Rows, rightQueries, queries), Combine(problem.References, rightReferences, references)) : (queries, references);

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
