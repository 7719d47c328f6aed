using System.Numerics;

namespace ManagedCircle.Cli.Npy;

/// <summary>A file of rows and the file of their labels.</summary>
internal static class LabeledFiles
{
    /// <summary>Reads both, which must fit each other.</summary>
    /// <exception cref="BadInputException">A file cannot be read, or there are not as many labels as rows.</exception>
    public static (NpyMatrix<T> Rows, long[] Labels) Read<T>(string embeddings, string labels)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        NpyMatrix<T> rows = NpyReader.ReadMatrix<T>(embeddings);
        long[] classes = NpyReader.ReadLabels(labels);
        return classes.Length == rows.Rows
            ? (rows, classes)
            : throw new BadInputException(
                InputFile.NameOf(labels), $"{classes.Length} labels: expected {rows.Rows}, one per row of {InputFile.NameOf(embeddings)}");
    }
}
