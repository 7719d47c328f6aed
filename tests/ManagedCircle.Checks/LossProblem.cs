using ManagedCircle.Reference;

namespace ManagedCircle.Checks;

/// <summary>One call of the loss: what goes in, in double, to be solved by any implementation.</summary>
public sealed record LossProblem
{
    private const float UntouchedNumber = -12345.678f;

    public required CircleLossOptions Options { get; init; }

    /// <summary>The batch, or the queries where there are references; shape [count, dimension].</summary>
    public required double[] Rows { get; init; }

    public required long[] Labels { get; init; }

    /// <summary>Null for a batch against itself.</summary>
    public double[]? References { get; init; }

    public long[] ReferenceLabels { get; init; } = [];

    public ReferenceTerms Terms { get; init; } = new();

    /// <summary>How to make it again.</summary>
    public string Name { get; init; } = "";

    /// <summary>Numbers in a row; 1 where there are no rows.</summary>
    public int Dimension => Labels.Length > 0 ? Rows.Length / Labels.Length : References?.Length > 0 ? References.Length / ReferenceLabels.Length : 1;

    /// <summary>Queries whose similarities to references are the given ones: inner products with the rows of the identity. Their gradient is dL/ds.</summary>
    public static LossProblem OfSimilarities(CircleLossOptions options, double[] similarities, long[] labels, long[] referenceLabels)
    {
        double[] identity = new double[referenceLabels.Length * referenceLabels.Length];
        for (int r = 0; r < referenceLabels.Length; r++)
        {
            identity[r * referenceLabels.Length + r] = 1;
        }

        options = options with { Normalize = false };
        return new() { Options = options, Rows = similarities, Labels = labels, References = identity, ReferenceLabels = referenceLabels };
    }

    public ReferenceResult SolveInDouble() => References is null
        ? ReferenceLoss.SelfBatch(Options, Rows, Labels, Terms)
        : ReferenceLoss.AgainstReferences(Options, Rows, Labels, References, ReferenceLabels, Terms);

    /// <summary>What the engine makes of the same numbers, rounded to float.</summary>
    /// <param name="execution">Where and how it runs.</param>
    /// <param name="padding">Numbers between the rows. They are NaN in the rows, which nobody is to read, and must stay untouched in the gradients.</param>
    /// <param name="intLabels">Whether the labels are passed as 32-bit integers.</param>
    public LossAnswer SolveInFloat(ExecutionOptions? execution = null, int padding = 0, bool intLabels = false)
    {
        using CircleLoss loss = new(Options, execution);
        int dimension = Dimension, stride = dimension + padding;
        float[] rows = Padded(Rows), references = Padded(References ?? []);
        float[] gradient = Untouched(rows.Length), referenceGradient = Untouched(references.Length);
        float[] losses = Untouched(Options.Scope == LossScope.Batch ? 1 : Labels.Length);
        QueryTerms terms = new() { Weights = Floats(Terms.Weights), Upstream = Floats(Terms.Upstream), ExcludedReferences = Terms.ExcludedReferences };
        EmbeddingBatch queries = Batch(rows, Labels);
        LossResult result = References is null
            ? loss.ForwardBackward(queries, gradient, losses, terms)
            : loss.ForwardBackward(queries, Batch(references, ReferenceLabels), gradient, referenceGradient, losses, terms);
        return new(result, Doubles(losses), Unpadded(gradient), Unpadded(referenceGradient));

        EmbeddingBatch Batch(float[] numbers, long[] labels) => intLabels
            ? new(numbers, labels.Select(label => checked((int)label)).ToArray(), dimension, stride)
            : new(numbers, labels, dimension, stride);

        float[] Padded(double[] numbers) =>
            [.. numbers.Chunk(dimension).SelectMany(row => Floats(row).Concat(Enumerable.Repeat(float.NaN, padding)))];

        double[] Unpadded(float[] numbers)
        {
            bool untouched = numbers.Where((_, i) => i % stride >= dimension).All(number => number == UntouchedNumber);
            return untouched ? Doubles([.. numbers.Where((_, i) => i % stride < dimension)])
                : throw new InvalidOperationException("A gradient was written between its rows.");
        }

        static float[] Untouched(int length) => [.. Enumerable.Repeat(UntouchedNumber, length)];

        static float[] Floats(double[] numbers) => [.. numbers.Select(x => (float)x)];

        static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
    }

    /// <summary>What the sum of the weighted losses is divided by, 1 for nothing; <paramref name="losses"/> says which are above 0.</summary>
    public double Denominator(double[] losses, int validCount) => (Options.Reduction, Options.Scope, Options.Denominator) switch
    {
        (not LossReduction.Mean, _, _) or (_, LossScope.Batch, _) => 1,
        (_, _, MeanDenominator.All) => Labels.Count(label => label != Options.IgnoreLabel),
        (_, _, MeanDenominator.Valid) => validCount,
        (_, _, MeanDenominator.Nonzero) => losses.Count(loss => loss > 0),
        (_, _, MeanDenominator.Weights) => Labels.Select((label, i) => label != Options.IgnoreLabel ? WeightOf(i) : 0).Sum(),
        _ => losses.Select((loss, i) => loss > 0 ? WeightOf(i) : 0).Sum(),
    };

    /// <summary>What each loss, without the output scale, is multiplied by in what the gradient is of: upstream outputScale weight / denominator.</summary>
    public double[] Coefficients(double denominator)
    {
        double scale = denominator == 0 ? 0 : (Options.OutputScale == OutputScale.One ? 1 : 1 / Options.Gamma) / denominator;
        double[] upstream = Terms.Upstream;
        int lossCount = Options.Scope == LossScope.Batch ? 1 : Labels.Length;
        return [.. Enumerable.Range(0, lossCount).Select(i => scale * WeightOf(i) * (upstream.Length switch { 0 => 1, 1 => upstream[0], _ => upstream[i] }))];
    }

    /// <summary>The weight of a query, or of the one loss of a whole batch.</summary>
    public double WeightOf(int i) => Terms.Weights.Length == 0 ? 1 : Terms.Weights[i];

    public override string ToString()
    {
        string references = References is null ? "themselves" : $"{ReferenceLabels.Length} references";
        return $"{Name}: {Labels.Length} queries against {references}, dimension {Dimension}, {Options}";
    }
}
