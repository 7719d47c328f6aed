using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>One call of the loss of similarities: float similarities, what their pairs are, and the ways to say so.</summary>
public sealed record PairProblem(LossProblem Source, float[] Similarities, PairKind[] Pairs)
{
    public int QueryCount => Source.Labels.Length;

    public CircleLossOptions Options => Source.Options;

    /// <summary>Its similarities are those of a problem's rows, rounded to float; its pairs those the labels, diagonals and exclusions make.</summary>
    public static PairProblem Of(LossProblem source)
    {
        ReferenceResult result = source.SolveInDouble();
        return new(source, [.. result.Similarities.Select(s => (float)s)], result.Pairs);
    }

    /// <summary>The reference on the same similarities; the mask already says what labels and exclusions do.</summary>
    public ReferenceResult SolveInDouble() => ReferenceLoss.FromSimilarities(
        Options, [.. Similarities.Select(s => (double)s)], Pairs, QueryCount, Source.Terms with { ExcludedReferences = [] });

    /// <summary>The same by the labels of queries and references, which know the ignored ones.</summary>
    public ReferenceResult SolveLabelsInDouble() =>
        ReferenceLoss.FromSimilarities(Options, [.. Similarities.Select(s => (double)s)], Source.Labels, Source.ReferenceLabels, Source.Terms);

    /// <summary>Weights and upstream gradients, without the excluded references.</summary>
    public QueryTerms Terms => new() { Weights = Floats(Source.Terms.Weights), Upstream = Floats(Source.Terms.Upstream) };

    public PairAnswer SolveByLabels(ExecutionOptions? execution = null)
    {
        QueryTerms terms = Terms with { ExcludedReferences = Source.Terms.ExcludedReferences };
        return Solve(
            Source.References is null ? new SimilarityBatch(Similarities, Source.Labels)
                : new SimilarityBatch(Similarities, Source.Labels, Source.ReferenceLabels),
            terms,
            execution);
    }

    public PairAnswer SolveByMask(ExecutionOptions? execution = null) => Solve(new SimilarityBatch(Similarities, Pairs, QueryCount), Terms, execution);

    /// <summary>The pairs as lists, shuffled, some of them twice.</summary>
    public PairAnswer SolveByLists(ExecutionOptions? execution = null)
    {
        int columns = QueryCount == 0 ? 0 : Similarities.Length / QueryCount;
        Random random = new(1);
        int[] positives = Listed(PairKind.Positive), negatives = Listed(PairKind.Negative);
        PairLists lists = new(
            [.. positives.Select(pair => pair / columns)], [.. positives.Select(pair => pair % columns)],
            [.. negatives.Select(pair => pair / columns)], [.. negatives.Select(pair => pair % columns)]);
        return Solve(new SimilarityBatch(Similarities, lists, QueryCount), Terms, execution);

        int[] Listed(PairKind kind)
        {
            int[] once = [.. Enumerable.Range(0, Pairs.Length).Where(pair => Pairs[pair] == kind)];
            int[] listed = [.. once, .. once.Where(_ => random.Next(3) == 0)];
            random.Shuffle(listed);
            return listed;
        }
    }

    private PairAnswer Solve(SimilarityBatch batch, QueryTerms terms, ExecutionOptions? execution)
    {
        using SimilarityLoss loss = new(Options, execution);
        int count = Options.Scope == LossScope.Batch ? 1 : QueryCount;
        PairAnswer answer = new(count, Similarities.Length);
        answer.Result = loss.ForwardBackward(batch, answer.Gradient, answer.Losses, terms, answer.Details);
        return answer;
    }

    private static float[] Floats(double[] numbers) => [.. numbers.Select(x => (float)x)];
}

/// <summary>All that the loss of similarities answers.</summary>
public sealed class PairAnswer(int lossCount, int pairCount)
{
    public LossResult Result { get; set; }

    public float[] Losses { get; } = new float[lossCount];

    public float[] Gradient { get; } = new float[pairCount];

    public float[] Weights { get; } = new float[pairCount];

    public float[] Logits { get; } = new float[pairCount];

    public float[] PositiveLogSumExp { get; } = new float[lossCount];

    public float[] NegativeLogSumExp { get; } = new float[lossCount];

    public int[] PositiveCounts { get; } = new int[lossCount];

    public int[] NegativeCounts { get; } = new int[lossCount];

    public int[] HardestPositives { get; } = new int[lossCount];

    public int[] HardestNegatives { get; } = new int[lossCount];

    public SimilarityDetails Details => new()
    {
        Weights = Weights,
        Logits = Logits,
        PositiveLogSumExp = PositiveLogSumExp,
        NegativeLogSumExp = NegativeLogSumExp,
        PositiveCounts = PositiveCounts,
        NegativeCounts = NegativeCounts,
        HardestPositives = HardestPositives,
        HardestNegatives = HardestNegatives,
    };

    public void AssertSameBits(PairAnswer other)
    {
        Xunit.Assert.Equal(other.Result, Result);
        Xunit.Assert.Equal(Bits(other), Bits(this));
    }

    private static int[] Bits(PairAnswer answer) =>
    [
        .. ((float[])[.. answer.Losses, .. answer.Gradient, .. answer.Weights, .. answer.Logits, .. answer.PositiveLogSumExp, .. answer.NegativeLogSumExp])
            .Select(BitConverter.SingleToInt32Bits),
        .. answer.PositiveCounts, .. answer.NegativeCounts, .. answer.HardestPositives, .. answer.HardestNegatives,
    ];
}
