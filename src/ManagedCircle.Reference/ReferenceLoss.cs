namespace ManagedCircle.Reference;

/// <summary>The losses and their exact gradients in double, in plain loops: the formulas to port other backends from and check them against.</summary>
/// <remarks>
/// <para>
/// A loss turns each pair's similarity into a logit (<see cref="PairFormulas"/>) and the logits of a query into its loss (<see cref="PairLosses"/>); what is
/// here is common to all losses. In Circle loss, for a query i with P the log-sum-exp over its positives and N over its negatives (Sun et al., CVPR
/// 2020, arXiv 2002.10857v2, Eq. 6):
/// </para>
/// <code>
/// joint:     L_i = softplus(P + N)             dL_i/ds_ij = sigmoid(P + N) softmax_j slope_ij
/// separate:  L_i = softplus(P) + softplus(N)   dL_i/ds_ij = sigmoid(P) or sigmoid(N), softmax_j slope_ij
/// </code>
/// <para>
/// with softmax_j = e^(logit_ij - P) or e^(logit_ij - N) within the pair's own set. A query without a positive or without a negative has L = 0 and a
/// gradient of exactly 0; <see cref="PairLossOptions.Requires"/> says what other losses need. With <see cref="LossScope.Batch"/> there is one loss over all
/// pairs of all queries, each unordered pair once (a kept (i, i)
/// once, too); it has no query weights, its upstream gradient is one number, and reduction and denominator change nothing.
/// </para>
/// <para>
/// A query's part of the reduced loss is <c>outputScale weight_i L_i / denominator</c> (the output scale is <see cref="PairLossOptions.Factor"/>), and its
/// gradient is that of <c>upstream_i</c> times it.
/// The denominator is a constant of the gradient; it is 1 for <see cref="LossReduction.None"/> and <see cref="LossReduction.Sum"/>, and where it is 0,
/// loss and gradient are 0. It counts queries of the ignored label nowhere.
/// </para>
/// <para>
/// A zero row has similarity 0 to everything and, where rows are normalised, gradient 0. A similarity strictly outside the clamp's range has
/// gradient 0; one exactly on its edge passes it. Labels are compared as 64-bit integers; rows of the ignored label have loss 0 and gradient 0.
/// NaN or infinity in an input, but for rows of the ignored label, is an <see cref="ArgumentException"/> that names the row, unless
/// <see cref="CircleLossOptions.CheckInputs"/> is off: then it propagates. Time grows with queryCount referenceCount dimension, and memory with
/// queryCount referenceCount, which must stay below 2^31. The same input gives the same bits on any machine (<see cref="StableMath"/>).
/// </para>
/// </remarks>
public static class ReferenceLoss
{
    /// <summary>The loss of a batch against itself, and its gradient.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="rows">Embeddings, shape [count, dimension], row-major.</param>
    /// <param name="labels">The class of each row, shape [count].</param>
    /// <param name="terms">Weights and upstream gradients; excluded references are an error here.</param>
    /// <exception cref="ArgumentException">An option, a shape or a value is out of range.</exception>
    /// <remarks>Every row is query and reference: the gradient is <c>(G + G^T) U</c> through the normalisation, G that of the similarities.</remarks>
    public static ReferenceResult SelfBatch(CircleLossOptions options, ReadOnlySpan<double> rows, ReadOnlySpan<long> labels, ReferenceTerms? terms = null) =>
        SelfBatch(LossRules.Of(options), rows, labels, terms ?? new());

    /// <inheritdoc cref="SelfBatch(CircleLossOptions, ReadOnlySpan{double}, ReadOnlySpan{long}, ReferenceTerms?)"/>
    public static ReferenceResult SelfBatch(PairLossOptions options, ReadOnlySpan<double> rows, ReadOnlySpan<long> labels, ReferenceTerms? terms = null) =>
        SelfBatch(LossRules.Of(options), rows, labels, terms ?? new());

    /// <summary>The loss of queries against references, and the gradients of both.</summary>
    /// <param name="options">The choices.</param>
    /// <param name="queries">Embeddings, shape [queryCount, dimension], row-major.</param>
    /// <param name="labels">The class of each query, shape [queryCount].</param>
    /// <param name="references">Embeddings, shape [referenceCount, dimension], row-major; class weights for class-level Circle loss.</param>
    /// <param name="referenceLabels">The class of each reference, shape [referenceCount].</param>
    /// <param name="terms">Weights, upstream gradients, and the one reference that each query is not compared with.</param>
    /// <exception cref="ArgumentException">An option, a shape or a value is out of range.</exception>
    public static ReferenceResult AgainstReferences(
        CircleLossOptions options,
        ReadOnlySpan<double> queries,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<double> references,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms? terms = null) =>
        AgainstReferences(LossRules.Of(options), queries, labels, references, referenceLabels, terms ?? new());

    /// <inheritdoc cref="AgainstReferences(CircleLossOptions, ReadOnlySpan{double}, ReadOnlySpan{long}, ReadOnlySpan{double}, ReadOnlySpan{long},
    /// ReferenceTerms?)"/>
    public static ReferenceResult AgainstReferences(
        PairLossOptions options,
        ReadOnlySpan<double> queries,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<double> references,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms? terms = null) =>
        AgainstReferences(LossRules.Of(options), queries, labels, references, referenceLabels, terms ?? new());

    /// <summary>The loss of queries against references from their similarities and labels, and the gradient of the similarities.</summary>
    /// <param name="options">The choices; the normalisation has no part here.</param>
    /// <param name="similarities">Similarities, shape [queryCount, referenceCount], row-major.</param>
    /// <param name="labels">The class of each query, shape [queryCount].</param>
    /// <param name="referenceLabels">The class of each reference, shape [referenceCount].</param>
    /// <param name="terms">Weights, upstream gradients, and the one reference that each query is not compared with.</param>
    /// <exception cref="ArgumentException">An option, a shape or a value is out of range.</exception>
    /// <remarks>Queries and references are different rows here: (i, i) is a pair unless <see cref="CircleLossOptions.ReferenceDiagonal"/> removes it.</remarks>
    public static ReferenceResult FromSimilarities(
        CircleLossOptions options,
        ReadOnlySpan<double> similarities,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms? terms = null) =>
        FromSimilarities(LossRules.Of(options), similarities, labels, referenceLabels, terms ?? new());

    /// <inheritdoc cref="FromSimilarities(CircleLossOptions, ReadOnlySpan{double}, ReadOnlySpan{long}, ReadOnlySpan{long}, ReferenceTerms?)"/>
    public static ReferenceResult FromSimilarities(
        PairLossOptions options,
        ReadOnlySpan<double> similarities,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms? terms = null) =>
        FromSimilarities(LossRules.Of(options), similarities, labels, referenceLabels, terms ?? new());

    /// <summary>The loss of queries against references from their similarities and a mask of pairs, and the gradient of the similarities.</summary>
    /// <param name="options">The choices; the normalisation, the diagonals and the ignored label have no part here.</param>
    /// <param name="similarities">Similarities, shape [queryCount, referenceCount], row-major.</param>
    /// <param name="pairs">What query and reference are to each other, shape [queryCount, referenceCount].</param>
    /// <param name="queryCount">How many queries there are.</param>
    /// <param name="terms">Weights and upstream gradients; excluded references are an error here.</param>
    /// <exception cref="ArgumentException">An option, a shape or a value is out of range.</exception>
    public static ReferenceResult FromSimilarities(
        CircleLossOptions options, ReadOnlySpan<double> similarities, ReadOnlySpan<PairKind> pairs, int queryCount, ReferenceTerms? terms = null) =>
        FromSimilarities(LossRules.Of(options), similarities, pairs, queryCount, terms ?? new());

    /// <inheritdoc cref="FromSimilarities(CircleLossOptions, ReadOnlySpan{double}, ReadOnlySpan{PairKind}, int, ReferenceTerms?)"/>
    public static ReferenceResult FromSimilarities(
        PairLossOptions options, ReadOnlySpan<double> similarities, ReadOnlySpan<PairKind> pairs, int queryCount, ReferenceTerms? terms = null) =>
        FromSimilarities(LossRules.Of(options), similarities, pairs, queryCount, terms ?? new());

    private static ReferenceResult SelfBatch(LossRules rules, ReadOnlySpan<double> rows, ReadOnlySpan<long> labels, ReferenceTerms terms)
    {
        ThrowIf.OfBothDirections(rules);
        ThrowIf.AnyExcluded(terms, "expected none in a batch against itself");
        ThrowIf.NotUsable(terms, rules, labels.Length, labels.Length);
        int dimension = Math.Max(1, ThrowIf.NotRowsOf(labels.Length, rows.Length, nameof(rows)));
        double[] kept = WithoutIgnored(rules, rows, labels, dimension);
        if (rules.CheckInputs)
        {
            ThrowIf.NotFinite(kept, dimension, nameof(rows));
        }

        double[] similarities = Compared(rules, kept, kept, dimension);
        PairKind[] pairs = PairsOf(rules, labels, labels);
        for (int i = 0; i < labels.Length; i++)
        {
            if (rules.SelfDiagonal == DiagonalPairs.Removed)
            {
                pairs[i * labels.Length + i] = PairKind.Ignored;
            }

            if (rules.Scope == LossScope.Batch)
            {
                pairs.AsSpan(i * labels.Length, i).Clear(); // (i, j) with j < i counted as (j, i) already
            }
        }

        bool[] takesPart = TakesPart(rules, labels);
        return Compute(rules, similarities, pairs, takesPart, takesPart, terms, similarityGradient =>
        {
            (double[] gradient, double[] asReferences) = ComparedBackward(rules, kept, kept, dimension, similarityGradient);
            for (int d = 0; d < gradient.Length; d++)
            {
                gradient[d] += asReferences[d];
            }

            return (gradient, []);
        });
    }

    private static ReferenceResult AgainstReferences(
        LossRules rules,
        ReadOnlySpan<double> queries,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<double> references,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms terms)
    {
        int dimension = ThrowIf.DimensionsDiffer(
            ThrowIf.NotRowsOf(labels.Length, queries.Length, nameof(queries)),
            ThrowIf.NotRowsOf(referenceLabels.Length, references.Length, nameof(references)));
        ThrowIf.OfBothEnds(rules);
        double[] keptQueries = WithoutIgnored(rules, queries, labels, dimension);
        double[] keptReferences = WithoutIgnored(rules, references, referenceLabels, dimension);
        if (rules.CheckInputs)
        {
            ThrowIf.NotFinite(keptQueries, dimension, nameof(queries));
            ThrowIf.NotFinite(keptReferences, dimension, nameof(references));
        }

        double[] similarities = Compared(rules, keptQueries, keptReferences, dimension);
        return FromLabels(rules, similarities, labels, referenceLabels, terms, similarityGradient =>
            ComparedBackward(rules, keptQueries, keptReferences, dimension, similarityGradient));
    }

    private static ReferenceResult FromSimilarities(
        LossRules rules,
        ReadOnlySpan<double> similarities,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms terms)
    {
        ThrowIf.OfBothEnds(rules);
        ThrowIf.OfDistances(rules);
        ThrowIf.WrongLength(similarities.Length, checked(labels.Length * referenceLabels.Length), nameof(similarities), "queryCount x referenceCount");
        if (rules.CheckInputs)
        {
            ThrowIf.NotFinite(similarities, referenceLabels.Length, nameof(similarities));
        }

        return FromLabels(rules, similarities.ToArray(), labels, referenceLabels, terms, _ => ([], []));
    }

    private static ReferenceResult FromSimilarities(
        LossRules rules, ReadOnlySpan<double> similarities, ReadOnlySpan<PairKind> pairs, int queryCount, ReferenceTerms terms)
    {
        ThrowIf.OfBothEnds(rules);
        ThrowIf.OfDistances(rules);
        ThrowIf.AnyExcluded(terms, "expected none, the mask says which pairs take part");
        ThrowIf.WrongLength(pairs.Length, similarities.Length, nameof(pairs), "one for each similarity");
        int referenceCount = ThrowIf.NotMatrixOf(queryCount, similarities.Length, nameof(similarities));
        ThrowIf.NotUsable(terms, rules, queryCount, referenceCount);
        if (rules.CheckInputs)
        {
            ThrowIf.NotFinite(similarities, referenceCount, nameof(similarities));
        }

        return Compute(rules, similarities.ToArray(), pairs.ToArray(), All(queryCount), All(referenceCount), terms, _ => ([], []));
    }

    private static ReferenceResult FromLabels(
        LossRules rules,
        double[] similarities,
        ReadOnlySpan<long> labels,
        ReadOnlySpan<long> referenceLabels,
        ReferenceTerms terms,
        Func<double[], (double[] Queries, double[] References)> backward)
    {
        ThrowIf.NotUsable(terms, rules, labels.Length, referenceLabels.Length);
        PairKind[] pairs = PairsOf(rules, labels, referenceLabels);
        for (int q = 0; q < labels.Length; q++)
        {
            Span<PairKind> ofQuery = pairs.AsSpan(q * referenceLabels.Length, referenceLabels.Length);
            if (terms.ExcludedReferences.Length > 0)
            {
                if (terms.ExcludedReferences[q] >= 0)
                {
                    ofQuery[terms.ExcludedReferences[q]] = PairKind.Ignored;
                }
            }
            else if (rules.ReferenceDiagonal == DiagonalPairs.Removed && q < ofQuery.Length && ofQuery[q] == PairKind.Positive)
            {
                ofQuery[q] = PairKind.Ignored;
            }
        }

        return Compute(rules, similarities, pairs, TakesPart(rules, labels), TakesPart(rules, referenceLabels), terms, backward);
    }

    /// <summary>The loss and its gradients from similarities and what each pair is: all that the entries above have in common.</summary>
    private static ReferenceResult Compute(
        LossRules rules,
        double[] similarities,
        PairKind[] pairs,
        bool[] queryTakesPart,
        bool[] referenceTakesPart,
        ReferenceTerms terms,
        Func<double[], (double[] Queries, double[] References)> backward)
    {
        if (rules.BothDirections)
        {
            return ComputeBoth(rules with { BothDirections = false }, similarities, pairs, queryTakesPart, referenceTakesPart, terms, backward);
        }

        if (rules.Selection is { } selection)
        {
            pairs = Selected(similarities, pairs, queryTakesPart.Length, selection);
        }

        // A loss is taken over the pairs of one query, or over all pairs.
        bool wholeBatch = rules.Scope == LossScope.Batch;
        int lossCount = wholeBatch ? 1 : queryTakesPart.Length;
        int pairsPerLoss = wholeBatch ? pairs.Length : referenceTakesPart.Length;

        double[] losses = new double[lossCount]; // L_i, without the constant factor
        QueryLoss?[] ofQueries = new QueryLoss?[lossCount]; // null without the pairs that the loss requires
        double[] positiveLogSumExp = new double[lossCount], negativeLogSumExp = new double[lossCount];
        int[] positiveCounts = new int[lossCount], negativeCounts = new int[lossCount];
        int[] hardestPositives = new int[lossCount], hardestNegatives = new int[lossCount];
        for (int i = 0; i < lossCount; i++)
        {
            int first = i * pairsPerLoss;
            List<double> positives = [], negatives = [];
            hardestPositives[i] = hardestNegatives[i] = -1;
            for (int j = 0; j < pairsPerLoss; j++)
            {
                double s = similarities[first + j];
                if (pairs[first + j] == PairKind.Positive)
                {
                    positives.Add(rules.Logit(PairKind.Positive, s));
                    hardestPositives[i] = hardestPositives[i] < 0 || s < similarities[first + hardestPositives[i]] ? j : hardestPositives[i];
                }
                else if (pairs[first + j] == PairKind.Negative)
                {
                    negatives.Add(rules.Logit(PairKind.Negative, s));
                    hardestNegatives[i] = hardestNegatives[i] < 0 || s > similarities[first + hardestNegatives[i]] ? j : hardestNegatives[i];
                }
            }

            (positiveCounts[i], negativeCounts[i]) = (positives.Count, negatives.Count);
            positiveLogSumExp[i] = StableMath.LogSumExp([.. positives]);
            negativeLogSumExp[i] = StableMath.LogSumExp([.. negatives]);
            if (rules.IsValid(positives.Count, negatives.Count))
            {
                double farthest = positives.Count > 0 ? similarities[first + hardestPositives[i]] : 0;
                bool[] isFarther = [.. PairsAt(i, PairKind.Negative).Select(j => similarities[j] < farthest)];
                double[][] negativesOfPositives = !rules.OfBothEnds ? []
                    : [.. PositivesOf(i).Select(r => PairsAt(r, PairKind.Negative).Select(j => rules.Logit(PairKind.Negative, similarities[j])).ToArray())];
                ofQueries[i] = rules.OfLogits(new([.. positives], [.. negatives], negativesOfPositives, isFarther));
                losses[i] = ofQueries[i]!.Loss;
            }
        }

        double[] weights = terms.Weights.Length > 0 ? terms.Weights : Ones(lossCount);
        (double ofAll, double ofPositives, double ofNegatives) = Denominators(rules, losses, weights, ofQueries, positiveCounts, queryTakesPart);
        double scale = OrZero(rules.Factor, ofAll), positivePart = OrZero(1, ofPositives), negativePart = OrZero(1, ofNegatives);

        double loss = 0;
        double[] similarityGradient = new double[pairs.Length];
        for (int i = 0; i < lossCount; i++)
        {
            if (ofQueries[i] is not { } query)
            {
                continue;
            }

            loss += scale * weights[i] * (positivePart * query.PositiveTerms.Sum() + negativePart * query.NegativeTerms.Sum());
            double upstream = terms.Upstream.Length switch { 0 => 1, 1 => terms.Upstream[0], _ => terms.Upstream[i] };
            int positive = 0, negative = 0;
            for (int j = i * pairsPerLoss; j < (i + 1) * pairsPerLoss; j++)
            {
                double derivative = pairs[j] switch
                {
                    PairKind.Positive => positivePart * query.Positives[positive++],
                    PairKind.Negative => negativePart * query.Negatives[negative++],
                    _ => 0,
                };
                double own = upstream * scale * weights[i] * derivative * rules.Slope(pairs[j], similarities[j]);
                similarityGradient[j] = rules.OfBothEnds ? similarityGradient[j] + own : own; // 0 + -0 is not -0
            }

            foreach ((int r, double[] derivatives) in rules.OfBothEnds ? PositivesOf(i).Zip(query.NegativesOfPositives) : [])
            {
                foreach ((int j, double derivative) in PairsAt(r, PairKind.Negative).Zip(derivatives))
                {
                    similarityGradient[j] += upstream * scale * weights[i] * derivative * rules.Slope(pairs[j], similarities[j]);
                }
            }
        }

        (double[] queryGradient, double[] referenceGradient) = backward(similarityGradient);
        return new ReferenceResult(rules)
        {
            Loss = rules.Reduction == LossReduction.None && !wholeBatch ? double.NaN : loss,
            Losses = [.. losses.Select(l => rules.Factor * l)],
            QueryCount = queryTakesPart.Count(takesPart => takesPart),
            ReferenceCount = referenceTakesPart.Count(takesPart => takesPart),
            ValidCount = ofQueries.Count(query => query is not null),
            NonzeroCount = losses.Count(l => l > 0),
            QueryGradient = queryGradient,
            ReferenceGradient = referenceGradient,
            SimilarityGradient = similarityGradient,
            ScaleGradient = similarityGradient.Zip(similarities, (g, s) => g * s).Sum() / rules.CommonScale,
            BiasGradient = similarityGradient.Sum() / rules.CommonScale,
            Similarities = similarities,
            Pairs = pairs,
            PositiveLogSumExp = positiveLogSumExp,
            NegativeLogSumExp = negativeLogSumExp,
            PositiveCounts = positiveCounts,
            NegativeCounts = negativeCounts,
            HardestPositives = hardestPositives,
            HardestNegatives = hardestNegatives,
        };

        IEnumerable<int> PairsAt(int i, PairKind kind) => Enumerable.Range(i * pairsPerLoss, pairsPerLoss).Where(j => pairs[j] == kind);

        IEnumerable<int> PositivesOf(int i) => PairsAt(i, PairKind.Positive).Select(j => j - i * pairsPerLoss);
    }

    /// <summary>The mean of the loss of the queries and that of the references; in what is per query, these stand behind the queries.</summary>
    private static ReferenceResult ComputeBoth(
        LossRules rules,
        double[] similarities,
        PairKind[] pairs,
        bool[] queryTakesPart,
        bool[] referenceTakesPart,
        ReferenceTerms terms,
        Func<double[], (double[] Queries, double[] References)> backward)
    {
        int queryCount = queryTakesPart.Length, referenceCount = referenceTakesPart.Length;
        ReferenceResult first = Compute(
            rules, similarities, pairs, queryTakesPart, referenceTakesPart, Part(terms, 0, queryCount), _ => ([], []));
        ReferenceResult second = Compute(
            rules, Transposed(similarities, queryCount), Transposed(pairs, queryCount), referenceTakesPart, queryTakesPart,
            Part(terms, queryCount, referenceCount), _ => ([], []));
        double[] similarityGradient =
            [.. first.SimilarityGradient.Zip(Transposed(second.SimilarityGradient, referenceCount), (one, other) => (one + other) / 2)];
        (double[] queryGradient, double[] referenceGradient) = backward(similarityGradient);
        return new ReferenceResult(rules)
        {
            Loss = (first.Loss + second.Loss) / 2,
            Losses = [.. first.Losses, .. second.Losses],
            QueryCount = first.QueryCount,
            ReferenceCount = first.ReferenceCount,
            ValidCount = first.ValidCount + second.ValidCount,
            NonzeroCount = first.NonzeroCount + second.NonzeroCount,
            QueryGradient = queryGradient,
            ReferenceGradient = referenceGradient,
            SimilarityGradient = similarityGradient,
            ScaleGradient = (first.ScaleGradient + second.ScaleGradient) / 2,
            BiasGradient = (first.BiasGradient + second.BiasGradient) / 2,
            Similarities = similarities,
            Pairs = pairs,
            PositiveLogSumExp = [.. first.PositiveLogSumExp, .. second.PositiveLogSumExp],
            NegativeLogSumExp = [.. first.NegativeLogSumExp, .. second.NegativeLogSumExp],
            PositiveCounts = [.. first.PositiveCounts, .. second.PositiveCounts],
            NegativeCounts = [.. first.NegativeCounts, .. second.NegativeCounts],
            HardestPositives = [.. first.HardestPositives, .. second.HardestPositives],
            HardestNegatives = [.. first.HardestNegatives, .. second.HardestNegatives],
        };

        static ReferenceTerms Part(ReferenceTerms terms, int start, int count) => new()
        {
            Weights = terms.Weights.Length == 0 ? [] : terms.Weights[start..(start + count)],
            Upstream = terms.Upstream.Length <= 1 ? terms.Upstream : terms.Upstream[start..(start + count)],
        };

        static T[] Transposed<T>(T[] matrix, int rows)
        {
            int columns = rows == 0 ? 0 : matrix.Length / rows;
            return [.. Enumerable.Range(0, matrix.Length).Select(i => matrix[i % rows * columns + i / rows])];
        }
    }

    /// <summary>The pairs that MultiSimilarity's selection leaves: positives with s &lt; max of n + e and negatives with s &gt; min of p - e.</summary>
    private static PairKind[] Selected(double[] similarities, PairKind[] pairs, int queryCount, double margin)
    {
        PairKind[] selected = new PairKind[pairs.Length];
        int referenceCount = queryCount == 0 ? 0 : pairs.Length / queryCount;
        for (int first = 0; first < pairs.Length; first += referenceCount)
        {
            double farthest = double.PositiveInfinity, nearest = double.NegativeInfinity;
            for (int j = first; j < first + referenceCount; j++)
            {
                farthest = pairs[j] == PairKind.Positive ? Math.Min(farthest, similarities[j]) : farthest;
                nearest = pairs[j] == PairKind.Negative ? Math.Max(nearest, similarities[j]) : nearest;
            }

            for (int j = first; j < first + referenceCount; j++)
            {
                selected[j] = pairs[j] switch
                {
                    PairKind.Positive when similarities[j] < nearest + margin => PairKind.Positive,
                    PairKind.Negative when similarities[j] > farthest - margin => PairKind.Negative,
                    _ => PairKind.Ignored,
                };
            }
        }

        return selected;
    }

    /// <summary>What pairs are compared by: similarities, or minus distances or their squares.</summary>
    private static double[] Compared(LossRules rules, double[] queries, double[] references, int dimension) => rules.Measure == PairMeasure.Similarity
        ? ReferenceSimilarity.Forward(queries, references, dimension, rules.Normalize)
        : Negated(ReferenceDistance.Forward(queries, references, dimension, rules.Normalize, rules.Measure == PairMeasure.SquaredDistance));

    private static (double[] Queries, double[] References) ComparedBackward(
        LossRules rules, double[] queries, double[] references, int dimension, double[] gradient) => rules.Measure == PairMeasure.Similarity
        ? ReferenceSimilarity.Backward(queries, references, dimension, rules.Normalize, gradient)
        : ReferenceDistance.Backward(queries, references, dimension, rules.Normalize, rules.Measure == PairMeasure.SquaredDistance, Negated(gradient));

    private static double[] Negated(double[] values) => [.. values.Select(value => -value)];

    /// <summary>What the sum of the weighted losses is divided by, and beside it that of the positives' terms and that of the negatives'.</summary>
    private static (double OfAll, double OfPositives, double OfNegatives) Denominators(
        LossRules rules, double[] losses, double[] weights, QueryLoss?[] ofQueries, int[] positiveCounts, bool[] takesPart)
    {
        if (rules.Scope == LossScope.Batch || rules.Reduction != LossReduction.Mean)
        {
            return (1, 1, 1);
        }

        double queries = takesPart.Count(takes => takes);
        return rules.Denominator switch
        {
            PairMeanDenominator.Valid => (ofQueries.Count(query => query is not null), 1, 1),
            PairMeanDenominator.Nonzero => (losses.Count(l => l > 0), 1, 1),
            PairMeanDenominator.Weights => (weights.Where((_, i) => takesPart[i]).Sum(), 1, 1),
            PairMeanDenominator.NonzeroWeights => (weights.Where((_, i) => losses[i] > 0).Sum(), 1, 1),
            PairMeanDenominator.WithPositive => (1, positiveCounts.Count(count => count > 0), queries),
            PairMeanDenominator.PositivePairs => (positiveCounts.Sum(), 1, 1),
            PairMeanDenominator.NonzeroPairs => (1, Nonzero(query => query.PositiveTerms), Nonzero(query => query.NegativeTerms)),
            _ => (queries, 1, 1),
        };

        double Nonzero(Func<QueryLoss, double[]> terms) => ofQueries.Sum(query => query is null ? 0 : terms(query).Count(term => term > 0));
    }

    private static double OrZero(double numerator, double denominator) => denominator == 0 ? 0 : numerator / denominator;

    private static PairKind[] PairsOf(LossRules rules, ReadOnlySpan<long> labels, ReadOnlySpan<long> referenceLabels)
    {
        PairKind[] pairs = new PairKind[checked(labels.Length * referenceLabels.Length)];
        for (int q = 0; q < labels.Length; q++)
        {
            for (int r = 0; r < referenceLabels.Length; r++)
            {
                pairs[q * referenceLabels.Length + r] =
                    labels[q] == rules.IgnoreLabel || referenceLabels[r] == rules.IgnoreLabel ? PairKind.Ignored
                    : labels[q] == referenceLabels[r] ? PairKind.Positive
                    : PairKind.Negative;
            }
        }

        return pairs;
    }

    private static bool[] TakesPart(LossRules rules, ReadOnlySpan<long> labels)
    {
        bool[] takesPart = All(labels.Length);
        for (int i = 0; i < labels.Length; i++)
        {
            takesPart[i] = labels[i] != rules.IgnoreLabel;
        }

        return takesPart;
    }

    /// <summary>The rows, with a zero row, which touches nothing, for every row of the ignored label.</summary>
    private static double[] WithoutIgnored(LossRules rules, ReadOnlySpan<double> rows, ReadOnlySpan<long> labels, int dimension)
    {
        double[] kept = rows.ToArray();
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == rules.IgnoreLabel)
            {
                kept.AsSpan(i * dimension, dimension).Clear();
            }
        }

        return kept;
    }

    private static bool[] All(int count) => [.. Enumerable.Repeat(true, count)];

    private static double[] Ones(int count) => [.. Enumerable.Repeat(1.0, count)];
}
