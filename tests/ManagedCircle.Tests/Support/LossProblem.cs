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

    /// <summary>Queries whose similarities to the references are the given ones: inner products with the rows of the identity. Their gradient is dL/ds.</summary>
    public static LossProblem OfSimilarities(CircleLossOptions options, double[] similarities, long[] labels, long[] referenceLabels)
    {
        double[] identity = new double[referenceLabels.Length * referenceLabels.Length];
        for (int r = 0; r < referenceLabels.Length; r++)
        {
            identity[r * referenceLabels.Length + r] = 1;
        }

        return new() { Options = options with { Normalize = false }, Rows = similarities, Labels = labels, References = identity, ReferenceLabels = referenceLabels };
    }

    public ReferenceResult SolveInDouble() => References is null
        ? ReferenceLoss.SelfBatch(Options, Rows, Labels, Terms)
        : ReferenceLoss.AgainstReferences(Options, Rows, Labels, References, ReferenceLabels, Terms);

    public override string ToString() =>
        $"{Name}: {Labels.Length} queries, {(References is null ? "against themselves" : $"{ReferenceLabels.Length} references")}, dimension {Dimension}, {Options}";
}
