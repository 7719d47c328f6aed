using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>One call of the loss: what goes in, in double, to be solved by any implementation.</summary>
public sealed record LossProblem
{
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
    public LossAnswer SolveInFloat(ExecutionOptions? execution = null)
    {
        using CircleLoss loss = new(Options, execution);
        float[] rows = Floats(Rows), references = Floats(References ?? []);
        float[] gradient = new float[rows.Length], referenceGradient = new float[references.Length];
        float[] losses = new float[Options.Scope == LossScope.Batch ? 1 : Labels.Length];
        QueryTerms terms = new() { Weights = Floats(Terms.Weights), Upstream = Floats(Terms.Upstream), ExcludedReferences = Terms.ExcludedReferences };
        EmbeddingBatch queries = new(rows, Labels, Dimension);
        LossResult result = References is null
            ? loss.ForwardBackward(queries, gradient, losses, terms)
            : loss.ForwardBackward(queries, new EmbeddingBatch(references, ReferenceLabels, Dimension), gradient, referenceGradient, losses, terms);
        return new(result, Doubles(losses), Doubles(gradient), Doubles(referenceGradient));

        static float[] Floats(double[] numbers) => [.. numbers.Select(x => (float)x)];

        static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
    }

    public override string ToString()
    {
        string references = References is null ? "themselves" : $"{ReferenceLabels.Length} references";
        return $"{Name}: {Labels.Length} queries against {references}, dimension {Dimension}, {Options}";
    }
}
