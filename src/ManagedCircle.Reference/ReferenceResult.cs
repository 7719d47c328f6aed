namespace ManagedCircle.Reference;

/// <summary>A loss, its gradients, and everything on the way to them that a port may want to compare.</summary>
/// <remarks>
/// Matrices are row-major. A loss is taken over one query's pairs, or with <see cref="LossScope.Batch"/> over all pairs; what is given per loss has
/// shape [queryCount] or [1].
/// </remarks>
public sealed class ReferenceResult
{
    private readonly LossRules rules;

    internal ReferenceResult(LossRules rules) => this.rules = rules;

    /// <summary>
    /// The reduced loss: the sum over queries of <c>outputScale weight_i L_i / denominator</c>. Upstream gradients have no part in it.
    /// NaN with <see cref="LossReduction.None"/>, except for the one loss of a whole batch.
    /// </summary>
    public double Loss { get; internal init; }

    /// <summary>
    /// Each loss, <c>outputScale L_i</c> without its weight; 0 without the pairs that it requires, a positive and a negative unless the options say otherwise.
    /// </summary>
    public required double[] Losses { get; init; }

    /// <summary>How many queries took part (rows with the ignored label do not).</summary>
    public int QueryCount { get; internal init; }

    /// <summary>How many references took part.</summary>
    public int ReferenceCount { get; internal init; }

    /// <summary>How many losses had the pairs that they require.</summary>
    public int ValidCount { get; internal init; }

    /// <summary>How many losses were above 0.</summary>
    public int NonzeroCount { get; internal init; }

    /// <summary>The gradient of the queries, shape [queryCount, dimension]; of a batch against itself the whole gradient. Empty from similarities.</summary>
    public double[] QueryGradient { get; internal init; } = [];

    /// <summary>The gradient of the references, shape [referenceCount, dimension]. Empty for a batch against itself and from similarities.</summary>
    public double[] ReferenceGradient { get; internal init; } = [];

    /// <summary>
    /// The gradient with respect to the similarities before the clamp, shape [queryCount, referenceCount]:
    /// <c>outputScale upstream_i weight_i / denominator dL_i/ds_ij</c>. Queries and references count as different rows here, also in a batch against itself.
    /// </summary>
    public required double[] SimilarityGradient { get; init; }

    /// <summary>
    /// The derivative by the scale a of the logits <c>-(a s + b)</c> and <c>a s + b</c>, where <c>b = -a m</c> is held; NaN where logits are others.
    /// </summary>
    public double ScaleGradient { get; internal init; } = double.NaN;

    /// <summary>The derivative by the bias b of these logits; NaN where logits are others.</summary>
    public double BiasGradient { get; internal init; } = double.NaN;

    /// <summary>The similarities before the clamp, shape [queryCount, referenceCount]. Rows with the ignored label have similarity 0 to everything.</summary>
    public required double[] Similarities { get; init; }

    /// <summary>What query and reference are to each other, shape [queryCount, referenceCount]. In a whole batch against itself only i &lt;= j do.</summary>
    public required PairKind[] Pairs { get; init; }

    /// <summary>P of each loss, the log-sum-exp of its positive logits; -infinity without positives.</summary>
    public required double[] PositiveLogSumExp { get; init; }

    /// <summary>N of each loss, the log-sum-exp of its negative logits; -infinity without negatives.</summary>
    public required double[] NegativeLogSumExp { get; init; }

    /// <summary>How many positive pairs each loss has.</summary>
    public required int[] PositiveCounts { get; init; }

    /// <summary>How many negative pairs each loss has.</summary>
    public required int[] NegativeCounts { get; init; }

    /// <summary>
    /// The hardest positive of each loss, the first of the least similarity; -1 for none. The index of the reference, or for a
    /// whole batch of the pair, <c>query referenceCount + reference</c>.
    /// </summary>
    public required int[] HardestPositives { get; init; }

    /// <summary>The hardest negative of each loss, the first of the greatest similarity; -1 for none. An index as in <see cref="HardestPositives"/>.</summary>
    public required int[] HardestNegatives { get; init; }

    /// <summary>
    /// Computes the weight of every pair (Circle loss's alpha; 1 in other losses), shape [queryCount, referenceCount]; 0 for an ignored pair.
    /// </summary>
    public double[] PairWeights() => OfEveryPair(rules.Weight);

    /// <summary>Computes the logit of every pair, shape [queryCount, referenceCount]; -infinity for an ignored pair.</summary>
    public double[] PairLogits() => OfEveryPair(rules.Logit);

    private double[] OfEveryPair(Func<PairKind, double, double> formula) => [.. Pairs.Zip(Similarities, formula)];
}
