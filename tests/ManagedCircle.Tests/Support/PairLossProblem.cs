using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>One call of a further loss: what goes in, in double, to be solved by any implementation.</summary>
public sealed record PairLossProblem(PairLossOptions Options, double[] Rows, long[] Labels)
{
    /// <summary>Null for a batch against itself.</summary>
    public double[]? References { get; init; }

    public long[] ReferenceLabels { get; init; } = [];

    public ReferenceTerms Terms { get; init; } = new();

    /// <summary>How to make it again.</summary>
    public string Name { get; init; } = "";

    /// <summary>Numbers in a row; 1 where there are no rows.</summary>
    public int Dimension => Labels.Length > 0 ? Rows.Length / Labels.Length : References?.Length > 0 ? References.Length / ReferenceLabels.Length : 1;

    /// <summary>Whether the engine computes such a loss.</summary>
    public bool IsComputed
    {
        get
        {
            try
            {
                return ThrowIf.NotComputed(Options) is not null;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }

    public ReferenceResult SolveInDouble() => References is null
        ? ReferenceLoss.SelfBatch(Options, Rows, Labels, Terms)
        : ReferenceLoss.AgainstReferences(Options, Rows, Labels, References, ReferenceLabels, Terms);

    /// <summary>What the engine makes of the same numbers, rounded to float.</summary>
    public LossAnswer SolveInFloat(ExecutionOptions? execution = null)
    {
        using PairLoss loss = new(Options, execution);
        float[] rows = Floats(Rows), references = Floats(References ?? []);
        float[] gradient = new float[rows.Length], referenceGradient = new float[references.Length];
        float[] losses = new float[Labels.Length + (Options.Directions == LossDirections.Both ? ReferenceLabels.Length : 0)];
        QueryTerms terms = new() { Weights = Floats(Terms.Weights), Upstream = Floats(Terms.Upstream), ExcludedReferences = Terms.ExcludedReferences };
        EmbeddingBatch queries = new(rows, Labels, Dimension);
        LossResult result = References is null
            ? loss.ForwardBackward(queries, gradient, losses, terms)
            : loss.ForwardBackward(queries, new(references, ReferenceLabels, Dimension), gradient, referenceGradient, losses, terms);
        return new(result, Doubles(losses), Doubles(gradient), Doubles(referenceGradient));

        static float[] Floats(double[] numbers) => [.. numbers.Select(x => (float)x)];

        static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
    }

    public override string ToString() =>
        $"{Name}: {Labels.Length} queries, {(References is null ? "no" : ReferenceLabels.Length)} references, dimension {Dimension}, {Options}";
}
