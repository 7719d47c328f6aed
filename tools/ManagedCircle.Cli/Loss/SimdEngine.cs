namespace ManagedCircle.Cli.Loss;

/// <summary>The loss in float: the SIMD engine.</summary>
internal sealed class SimdEngine(CircleLoss loss, ExecutionOptions execution) : ILossEngine<float>
{
    private readonly CosineSimilarity similarity = new(execution);

    /// <summary>Makes the engine.</summary>
    /// <exception cref="UsageException">The options contradict each other, or ask for vectors that this machine does not have.</exception>
    public static SimdEngine Create(CircleLossOptions options, ExecutionOptions execution)
    {
        try
        {
            return new SimdEngine(new CircleLoss(options, execution), execution);
        }
        catch (Exception error) when (error is ArgumentException or PlatformNotSupportedException)
        {
            throw new UsageException(error.Message);
        }
    }

    /// <inheritdoc/>
    public SimdWidth SimdWidth => loss.SimdWidth;

    /// <inheritdoc/>
    public int Threads => execution.Threads;

    /// <inheritdoc/>
    public long WorkspaceBytes => loss.WorkspaceBytes;

    /// <inheritdoc/>
    public LossResult Run(LossInput<float> input, Span<float> losses, Span<float> queryGradient, Span<float> referenceGradient)
    {
        QueryTerms terms = new() { Weights = input.Weights };
        EmbeddingBatch queries = new(input.Queries.Values, input.QueryLabels, input.Queries.Columns);
        if (input.References is null)
        {
            return queryGradient.IsEmpty ? loss.Forward(queries, losses, terms) : loss.ForwardBackward(queries, queryGradient, losses, terms);
        }

        EmbeddingBatch references = new(input.References.Values, input.ReferenceLabels, input.References.Columns);
        return queryGradient.IsEmpty && referenceGradient.IsEmpty
            ? loss.Forward(queries, references, losses, terms)
            : loss.ForwardBackward(queries, references, queryGradient, referenceGradient, losses, terms);
    }

    /// <inheritdoc/>
    public void Similarities(ReadOnlySpan<float> queries, ReadOnlySpan<float> references, int dimension, Span<float> destination)
    {
        if (loss.Options.Normalize)
        {
            similarity.Matrix(new(queries, dimension), new(references, dimension), destination);
        }
        else
        {
            similarity.InnerProducts(new(queries, dimension), new(references, dimension), destination);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        loss.Dispose();
        similarity.Dispose();
    }
}
