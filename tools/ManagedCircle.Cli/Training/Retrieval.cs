namespace ManagedCircle.Cli.Training;

/// <summary>How well rows find others of their class by cosine similarity: two of <see cref="RetrievalMeasures"/>.</summary>
/// <param name="RecallAt1">The share of rows whose nearest other row is of their class.</param>
/// <param name="MapAtR">Mean average precision at R.</param>
internal readonly record struct Retrieval(double RecallAt1, double MapAtR)
{
    /// <summary>Lets every row search among the others, and calls partDone once for each.</summary>
    public static Retrieval Measure(LabeledRows rows, Action? partDone = null)
    {
        RetrievalMeasures measures = RetrievalMeasures.Of(
            new EmbeddingBatch(rows.Values, rows.Labels, rows.Dimension),
            execution: new ExecutionOptions { Threads = Environment.ProcessorCount },
            progress: Parts(partDone));
        return new Retrieval(measures.PrecisionAt1, measures.MeanAveragePrecisionAtR);
    }

    /// <summary>What calls partDone once for each of a number of rows.</summary>
    public static Action<int> Parts(Action? partDone) => count =>
    {
        for (int row = 0; row < count; row++)
        {
            partDone?.Invoke();
        }
    };
}
