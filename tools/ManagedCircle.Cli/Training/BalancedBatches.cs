namespace ManagedCircle.Cli.Training;

/// <summary>Draws batches of P classes with K rows each, so that every query has positives and negatives.</summary>
internal sealed class BalancedBatches
{
    private const int MostClasses = 32, MostRowsPerClass = 5;

    private readonly Random random;
    private readonly int[][] rowsOfClasses;

    /// <summary>Sorts the rows by class; classes of one row are left out.</summary>
    public BalancedBatches(LabeledRows rows, Random random)
    {
        this.random = random;
        rowsOfClasses =
        [
            .. Enumerable.Range(0, rows.Count).GroupBy(row => rows.Labels[row], (_, members) => members.ToArray()).Where(members => members.Length > 1),
        ];
    }

    /// <summary>How many classes have two rows or more; a query has positives and negatives where there are two of them.</summary>
    public int ClassCount => rowsOfClasses.Length;

    /// <summary>Draws the rows of the next batch.</summary>
    public int[] Next() => [.. Draw(rowsOfClasses, MostClasses).SelectMany(members => Draw(members, MostRowsPerClass))];

    /// <summary>Draws at most so many, by shuffling only these to the front.</summary>
    private T[] Draw<T>(T[] items, int most)
    {
        int count = Math.Min(items.Length, most);
        for (int i = 0; i < count; i++)
        {
            int drawn = random.Next(i, items.Length);
            (items[i], items[drawn]) = (items[drawn], items[i]);
        }

        return items[..count];
    }
}
