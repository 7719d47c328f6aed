namespace ManagedCircle.Cli.Training;

/// <summary>Rows and the class of each.</summary>
/// <param name="Values">Rows, shape [count, dimension], row-major.</param>
/// <param name="Labels">The class of each row, shape [count].</param>
/// <param name="Dimension">Numbers in a row.</param>
internal sealed record LabeledRows(float[] Values, long[] Labels, int Dimension)
{
    // The split stays the same for every seed of the training, so that its results can be compared.
    private const int SplitSeed = 20;

    /// <summary>The number of each row in the file it is from, shape [count].</summary>
    public int[] Numbers { get; init; } = [.. Enumerable.Range(0, Labels.Length)];

    /// <summary>How many rows there are.</summary>
    public int Count => Labels.Length;

    /// <summary>The rows that do not have a label.</summary>
    public LabeledRows Without(long label) =>
        Labels.Contains(label) ? Take([.. Enumerable.Range(0, Count).Where(row => Labels[row] != label)]) : this;

    /// <summary>Splits the rows at random, always in the same way: the first <paramref name="trainingCount"/> of a shuffle, and the others.</summary>
    public (LabeledRows Training, LabeledRows Test) Split(int trainingCount)
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        new Random(SplitSeed).Shuffle(order);
        return (Take(order.AsSpan(0, trainingCount)), Take(order.AsSpan(trainingCount)));
    }

    /// <summary>Takes the rows at the given places, in their order.</summary>
    public LabeledRows Take(ReadOnlySpan<int> places)
    {
        float[] values = new float[places.Length * Dimension];
        long[] labels = new long[places.Length];
        int[] numbers = new int[places.Length];
        for (int i = 0; i < places.Length; i++)
        {
            Values.AsSpan(places[i] * Dimension, Dimension).CopyTo(values.AsSpan(i * Dimension));
            labels[i] = Labels[places[i]];
            numbers[i] = Numbers[places[i]];
        }

        return new LabeledRows(values, labels, Dimension) { Numbers = numbers };
    }
}
