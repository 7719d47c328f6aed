using System.Numerics;
using ManagedCircle.Cli.Npy;

namespace ManagedCircle.Cli.Loss;

/// <summary>The rows, labels and weights that a loss is taken of.</summary>
/// <param name="Queries">Embeddings, shape [queryCount, dimension].</param>
/// <param name="QueryLabels">The class of each query.</param>
/// <param name="References">Embeddings, shape [referenceCount, dimension]; null for the queries themselves.</param>
/// <param name="ReferenceLabels">The class of each reference; null as the references are.</param>
/// <param name="Weights">The weight of each query; empty for 1.</param>
internal sealed record LossInput<T>(NpyMatrix<T> Queries, long[] QueryLabels, NpyMatrix<T>? References, long[]? ReferenceLabels, T[] Weights)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Reads the files, which must fit each other.</summary>
    public static LossInput<T> Read(string embeddings, string labels, string? references, string? referenceLabels, string? weights)
    {
        (NpyMatrix<T> queries, long[] queryLabels) = LabeledFiles.Read<T>(embeddings, labels);
        if (references is null || referenceLabels is null)
        {
            return new(queries, queryLabels, null, null, ReadWeights());
        }

        (NpyMatrix<T> referenceRows, long[] referenceClasses) = LabeledFiles.Read<T>(references, referenceLabels);
        return referenceRows.Columns == queries.Columns
            ? new(queries, queryLabels, referenceRows, referenceClasses, ReadWeights())
            : throw new BadInputException(
                InputFile.NameOf(references), $"rows of dimension {referenceRows.Columns}: expected {queries.Columns}, as in {InputFile.NameOf(embeddings)}");

        T[] ReadWeights()
        {
            T[] values = weights is null ? [] : NpyReader.ReadColumn<T>(weights);
            return weights is null || values.Length == queries.Rows
                ? values
                : throw new BadInputException(
                    InputFile.NameOf(weights), $"{values.Length} weights: expected {queries.Rows}, one per row of {InputFile.NameOf(embeddings)}");
        }
    }
}
