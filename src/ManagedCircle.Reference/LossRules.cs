namespace ManagedCircle.Reference;

/// <summary>What a loss is to the reference, whichever options it was made with.</summary>
internal sealed record LossRules
{
    /// <summary>The weight, the logit and the slope of a pair of some similarity.</summary>
    public required Func<PairKind, double, double> Weight { get; init; }

    /// <inheritdoc cref="Weight"/>
    public required Func<PairKind, double, double> Logit { get; init; }

    /// <inheritdoc cref="Weight"/>
    public required Func<PairKind, double, double> Slope { get; init; }

    /// <summary>The loss of a query, or of a whole batch, from the logits of its positives and negatives.</summary>
    public required Func<double[], double[], QueryLoss> OfLogits { get; init; }

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
            OfLogits = (p, n) => options.Combination == LossCombination.Joint
                ? PairLosses.LogSumExp(p, n, LossLink.Softplus)
                : PairLosses.Separate(p, n, positiveWeight: 1, negativeWeight: 1),
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
            OfLogits = (p, n) => options.Pooling switch
            {
                PairPooling.LogSumExp => PairLosses.LogSumExp(p, n, options.Link),
                PairPooling.Separate => PairLosses.Separate(p, n, positiveWeight: 1, negativeWeight: 1),
                PairPooling.SeparateByScale => PairLosses.Separate(p, n, 1 / options.PositiveScale, 1 / options.NegativeScale),
                PairPooling.Nearest => PairLosses.Nearest(p, n, options.Link),
                _ => PairLosses.Mean(p, n),
            },
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

    /// <summary>Whether a query has the pairs that it must have.</summary>
    public bool IsValid(int positiveCount, int negativeCount) => Requires switch
    {
        RequiredPairs.PositiveAndNegative => positiveCount > 0 && negativeCount > 0,
        RequiredPairs.Positive => positiveCount > 0,
        _ => positiveCount > 0 || negativeCount > 0,
    };
}
