using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>How a case enters the loss.</summary>
internal enum CaseEntry
{
    /// <summary>A batch against itself.</summary>
    Self,

    /// <summary>Queries against references.</summary>
    References,

    /// <summary>Similarities of queries to references.</summary>
    Similarities,
}

/// <summary>The names of answers, which are those of their files.</summary>
internal static class Quantity
{
    public const string Loss = "loss";
    public const string Losses = "losses";
    public const string SimilarityGradient = "similarity-gradient";
    public const string Gradient = "gradient";
    public const string ReferenceGradient = "reference-gradient";
}

/// <summary>What goes into the loss in one case, and what comes out of it.</summary>
internal sealed record GoldenProblem
{
    public required string Name { get; init; }

    /// <summary>What the case is there for.</summary>
    public required string About { get; init; }

    public required CircleLossOptions Options { get; init; }

    public required CaseEntry Entry { get; init; }

    /// <summary>Embeddings, shape [queryCount, dimension], or similarities, shape [queryCount, referenceCount].</summary>
    public required double[] Rows { get; init; }

    /// <summary>Numbers in a row.</summary>
    public required int Columns { get; init; }

    /// <summary>The class of each query.</summary>
    public required long[] Labels { get; init; }

    /// <summary>Embeddings, shape [referenceCount, dimension]; empty for the other entries.</summary>
    public double[] References { get; init; } = [];

    /// <summary>The class of each reference; empty for a batch against itself.</summary>
    public long[] ReferenceLabels { get; init; } = [];

    public ReferenceTerms Terms { get; init; } = new();

    public int ReferenceCount => Entry == CaseEntry.Self ? Labels.Length : ReferenceLabels.Length;

    /// <summary>Multiplications that the similarities take, to tell small cases from large ones.</summary>
    public long Size => (long)Labels.Length * ReferenceCount * Columns;

    /// <summary>Runs the reference.</summary>
    public ReferenceResult Solve() => Entry switch
    {
        CaseEntry.Self => ReferenceLoss.SelfBatch(Options, Rows, Labels, Terms),
        CaseEntry.References => ReferenceLoss.AgainstReferences(Options, Rows, Labels, References, ReferenceLabels, Terms),
        _ => ReferenceLoss.FromSimilarities(Options, Rows, Labels, ReferenceLabels, Terms),
    };

    /// <summary>The shape of an answer.</summary>
    public int[] ShapeOf(string quantity) => quantity switch
    {
        Quantity.Loss => [1],
        Quantity.Losses => [Options.Scope == LossScope.Batch ? 1 : Labels.Length],
        Quantity.ReferenceGradient => [ReferenceLabels.Length, Columns],
        _ => [Labels.Length, Columns],
    };

    /// <summary>The answers that a case asks for: no reduced loss where the losses are not reduced, and the gradients of what goes in.</summary>
    public Dictionary<string, double[]> AnswersOf(ReferenceResult result) =>
        AnswersOf(result, result.SimilarityGradient, result.QueryGradient, result.ReferenceGradient);

    /// <summary>The answers with other gradients than the result's.</summary>
    public Dictionary<string, double[]> AnswersOf(ReferenceResult result, double[] similarityGradient, double[] gradient, double[] referenceGradient)
    {
        Dictionary<string, double[]> answers = [];
        if (Options.Reduction != LossReduction.None || Options.Scope == LossScope.Batch)
        {
            answers[Quantity.Loss] = [result.Loss];
        }

        answers[Quantity.Losses] = result.Losses;
        if (Entry == CaseEntry.Similarities)
        {
            answers[Quantity.SimilarityGradient] = similarityGradient;
            return answers;
        }

        answers[Quantity.Gradient] = gradient;
        if (Entry == CaseEntry.References)
        {
            answers[Quantity.ReferenceGradient] = referenceGradient;
        }

        return answers;
    }

    /// <summary>
    /// The rows that similarities are taken of, queries and references: unit rows where the loss normalises, zero rows for the ignored label.
    /// </summary>
    public (double[] Queries, double[] References) RowsOfSimilarities()
    {
        double[] queries = WithoutIgnored(Rows, Labels);
        double[] references = Entry == CaseEntry.Self ? queries : WithoutIgnored(References, ReferenceLabels);
        return Options.Normalize
            ? (ReferenceSimilarity.UnitRows(queries, Columns), ReferenceSimilarity.UnitRows(references, Columns))
            : (queries, references);
    }

    /// <summary>Takes the gradient of similarities to the rows of <see cref="RowsOfSimilarities"/>, and on through the normalisation if told to.</summary>
    public (double[] Queries, double[] References) RowGradients(double[] similarityGradient, bool throughNormalization)
    {
        if (Entry == CaseEntry.Similarities)
        {
            return ([], []);
        }

        (double[] queries, double[] references) = RowsOfSimilarities();
        (double[] gradient, double[] referenceGradient) = ReferenceSimilarity.Backward(queries, references, Columns, normalize: false, similarityGradient);
        if (Entry == CaseEntry.Self)
        {
            gradient = [.. gradient.Zip(referenceGradient, (asQuery, asReference) => asQuery + asReference)];
            referenceGradient = [];
        }

        return !throughNormalization || !Options.Normalize
            ? (gradient, referenceGradient)
            : (ReferenceSimilarity.UnitRowsBackward(WithoutIgnored(Rows, Labels), Columns, gradient),
                referenceGradient.Length == 0 ? []
                    : ReferenceSimilarity.UnitRowsBackward(WithoutIgnored(References, ReferenceLabels), Columns, referenceGradient));
    }

    /// <summary>What each query's raw loss is multiplied by in the reduced loss, but for its weight and the output scale.</summary>
    public double MeanFactor(ReferenceResult result) => Denominator(result) is not 0 and double denominator ? 1 / denominator : 0;

    /// <summary>What the sum of the weighted losses is divided by; the reduced loss is 0 where it is 0.</summary>
    public double Denominator(ReferenceResult result)
    {
        if (Options.Scope == LossScope.Batch || Options.Reduction != LossReduction.Mean)
        {
            return 1;
        }

        return Options.Denominator switch
        {
            MeanDenominator.All => result.QueryCount,
            MeanDenominator.Valid => result.ValidCount,
            MeanDenominator.Nonzero => result.NonzeroCount,
            MeanDenominator.Weights => SumOfWeights(q => Labels[q] != Options.IgnoreLabel),
            _ => SumOfWeights(q => result.Losses[q] > 0),
        };

        double SumOfWeights(Func<int, bool> counts) => Enumerable.Range(0, Labels.Length).Where(counts).Sum(WeightOf);
    }

    /// <summary>The weight of a query, 1 unless given.</summary>
    public double WeightOf(int query) => Terms.Weights.Length == 0 ? 1 : Terms.Weights[query];

    /// <summary>The upstream gradient of a query, 1 unless given.</summary>
    public double UpstreamOf(int query) => Terms.Upstream.Length switch { 0 => 1, 1 => Terms.Upstream[0], _ => Terms.Upstream[query] };

    private double[] WithoutIgnored(double[] rows, long[] labels) =>
        Options.IgnoreLabel is null ? rows : [.. rows.Select((x, i) => labels[i / Columns] == Options.IgnoreLabel ? 0 : x)];
}
