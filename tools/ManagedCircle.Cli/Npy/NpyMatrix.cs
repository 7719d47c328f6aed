namespace ManagedCircle.Cli.Npy;

/// <summary>A matrix, row after row.</summary>
internal sealed record NpyMatrix<T>(T[] Values, int Rows, int Columns);
