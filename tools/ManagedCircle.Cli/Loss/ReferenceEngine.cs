using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Loss;

/// <summary>The loss in double: the reference, which is plain loops on one thread and takes loss and gradient together.</summary>
internal sealed class ReferenceEngine(CircleLossOptions options) : ILossEngine<double>
{
    /// <inheritdoc/>
    public SimdWidth SimdWidth => SimdWidth.Scalar;

    /// <inheritdoc/>
    public int Threads => 1;

    /// <inheritdoc/>
    public long WorkspaceBytes { get; private set; }

    /// <inheritdoc/>
    public LossResult Run(LossInput<double> input, Span<double> losses, Span<double> queryGradient, Span<double> referenceGradient)
    {
        long pairs = (long)input.Queries.Rows * (input.References ?? input.Queries).Rows;
        if (pairs > Array.MaxLength)
        {
            throw new BadInputException($"{pairs} pairs: expected at most {Array.MaxLength} with float64, which holds all similarities at once");
        }

        ReferenceTerms terms = new() { Weights = input.Weights };
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        ReferenceResult result = input.References is null
            ? ReferenceLoss.SelfBatch(options, input.Queries.Values, input.QueryLabels, terms)
            : ReferenceLoss.AgainstReferences(options, input.Queries.Values, input.QueryLabels, input.References.Values, input.ReferenceLabels, terms);
        WorkspaceBytes = GC.GetAllocatedBytesForCurrentThread() - allocated;

        CopyWhereAsked(result.Losses, losses);
        CopyWhereAsked(result.QueryGradient, queryGradient);
        CopyWhereAsked(result.ReferenceGradient, referenceGradient);
        return new LossResult(result.Loss, result.QueryCount, result.ReferenceCount, result.ValidCount, result.NonzeroCount);
    }

    /// <inheritdoc/>
    public void Similarities(ReadOnlySpan<double> queries, ReadOnlySpan<double> references, int dimension, Span<double> destination) =>
        ReferenceSimilarity.Forward(queries, references, dimension, options.Normalize).CopyTo(destination);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static void CopyWhereAsked(double[] values, Span<double> destination)
    {
        if (!destination.IsEmpty)
        {
            values.CopyTo(destination);
        }
    }
}
