namespace ManagedCircle.Reference;

/// <summary>The logits of a query's pairs, and what some losses ask beside them.</summary>
/// <param name="Positives">The logits of the positives.</param>
/// <param name="Negatives">The logits of the negatives.</param>
/// <param name="NegativesOfPositives">The logits of the negatives of each positive, of a batch against itself.</param>
/// <param name="IsFarther">Whether each negative is farther than the farthest positive.</param>
internal sealed record QueryLogits(double[] Positives, double[] Negatives, double[][] NegativesOfPositives, bool[] IsFarther);

/// <summary>What a loss is to the reference, whichever options it was made with.</summary>
internal sealed record LossRules
{
    /// <summary>The weight, the logit and the slope of a pair of some similarity.</summary>
    public required Func<PairKind, double, double> Weight { get; init; }

    /// <inheritdoc cref="Weight"/>
    public required Func<PairKind, double, double> Logit { get; init; }

    /// <inheritdoc cref="Weight"/>
    public required Func<PairKind, double, double> Slope { get; init; }

    /// <summary>The loss of a query, or of a whole batch, from the logits of its pairs.</summary>
    public required Func<QueryLogits, QueryLoss> OfLogits { get; init; }

    public PairMeasure Measure { get; init; }

    /// <summary>Whether references are queries, too.</summary>
    public bool BothDirections { get; init; }

    /// <summary>The scale, where every logit is <c>scale s + bias</c> or minus that; else NaN.</summary>
    public double CommonScale { get; init; } = double.NaN;

    /// <summary>Whether the negatives of a query's positives have a part in its loss.</summary>
    public bool OfBothEnds { get; init; }

    /// <summary>How much easier than the other side's hardest a pair may be to count; null for any.</summary>
    public double? Selection { get; init; }

    public required RequiredPairs Requires { get; init; }

    /// <summary>A constant factor on every loss and gradient.</summary>
    public required double Factor { get; init; }

    public required LossScope Scope { get; init; }

    public required bool Normalize { get; init; }

    public required DiagonalPairs SelfDiagonal { get; init; }

    public required DiagonalPairs ReferenceDiagonal { get; init; }

    public required LossReduction Reduction { get; init; }

    public required PairMeanDenominator Denominator { get; init; }

    public required long? IgnoreLabel { get; init; }

    public required bool CheckInputs { get; init; }

    /// <summary>Circle loss.</summary>
    public static LossRules Of(CircleLossOptions options)
    {
        ThrowIf.NotUsable(options);
        return new()
        {
            Weight = (kind, s) => PairFormulas.Weight(options, kind, s),
            Logit = (kind, s) => PairFormulas.Logit(options, kind, s),
            Slope = (kind, s) => PairFormulas.Slope(options, kind, s),
            OfLogits = query => options.Combination == LossCombination.Joint
                ? PairLosses.LogSumExp(query.Positives, query.Negatives, LossLink.Softplus)
                : PairLosses.Separate(query.Positives, query.Negatives, positiveWeight: 1, negativeWeight: 1),
            Requires = RequiredPairs.PositiveAndNegative,
            Factor = options.OutputScale == OutputScale.InverseGamma ? 1 / options.Gamma : 1,
            Scope = options.Scope,
            Normalize = options.Normalize,
            SelfDiagonal = options.SelfDiagonal,
            ReferenceDiagonal = options.ReferenceDiagonal,
            Reduction = options.Reduction,
            Denominator = Enum.Parse<PairMeanDenominator>(options.Denominator.ToString()),
            IgnoreLabel = options.IgnoreLabel,
            CheckInputs = options.CheckInputs,
        };
    }

    /// <summary>Another loss of pairs.</summary>
    public static LossRules Of(PairLossOptions options)
    {
        ThrowIf.NotUsable(options);
        return new()
        {
            Weight = (kind, _) => kind == PairKind.Ignored ? 0 : 1,
            Logit = (kind, s) => PairFormulas.Logit(options, kind, s),
            Slope = (kind, s) => PairFormulas.Slope(options, kind, s),
            OfLogits = query => Pooled(options, query),
            Measure = options.Measure,
            BothDirections = options.Directions == LossDirections.Both,
            CommonScale = IsOfOneScale(options) ? options.PositiveScale : double.NaN,
            OfBothEnds = options.Pooling == PairPooling.EachOfBothEnds,
            Selection = options.Selection,
            Requires = options.Requires,
            Factor = options.Factor,
            Scope = LossScope.PerQuery,
            Normalize = options.Normalize,
            SelfDiagonal = options.SelfDiagonal,
            ReferenceDiagonal = options.ReferenceDiagonal,
            Reduction = options.Reduction,
            Denominator = options.Denominator,
            IgnoreLabel = options.IgnoreLabel,
            CheckInputs = options.CheckInputs,
        };
    }

    private static bool IsOfOneScale(PairLossOptions options) =>
        options is { PositiveLogit: PositiveLogit.Linear, Measure: PairMeasure.Similarity, Clamp: SimilarityClamp.None, NegativeHardness: 0 }
        && options.Pooling != PairPooling.SeparateByScale
        && (options.PositiveScale, options.PositiveMargin) == (options.NegativeScale, options.NegativeMargin);

    private static QueryLoss Pooled(PairLossOptions options, QueryLogits query)
    {
        (double[] p, double[] n) = (query.Positives, query.Negatives);
        return options.Pooling switch
        {
            PairPooling.LogSumExp => PairLosses.LogSumExp(p, n, options.Link),
            PairPooling.Separate => PairLosses.Separate(p, n, positiveWeight: 1, negativeWeight: 1),
            PairPooling.SeparateByScale => PairLosses.Separate(p, n, 1 / options.PositiveScale, 1 / options.NegativeScale),
            PairPooling.Nearest => PairLosses.Nearest(p, n, options.Link),
            PairPooling.Mean => PairLosses.Mean(p, n),
            PairPooling.Each => PairLosses.Each(p, n, options.Link),
            PairPooling.MeanOfEach => PairLosses.MeanOfEach(p, n, options.Link),
            PairPooling.EachOfBothEnds => PairLosses.EachOfBothEnds(p, n, query.NegativesOfPositives, options.Link),
            PairPooling.Pairs => PairLosses.Pairs(p, n, options.Link),
            PairPooling.Hardest => PairLosses.Hardest(p, n, options.Link),
            _ => PairLosses.SemiHard(p, n, query.IsFarther, options.Link),
        };
    }

    /// <summary>Whether a query has the pairs that it must have.</summary>
    public bool IsValid(int positiveCount, int negativeCount) => Requires switch
    {
        RequiredPairs.PositiveAndNegative => positiveCount > 0 && negativeCount > 0,
        RequiredPairs.Positive => positiveCount > 0,
        _ => positiveCount > 0 || negativeCount > 0,
    };
}
