namespace ManagedCircle.Cli.Training;

/// <summary>Draws batches of P classes with K rows each, so that every query has positives and negatives.</summary>
internal sealed class BalancedBatches
{
    private const int MostClasses = 32, MostRowsPerClass = 5;

    private readonly Random random;
    private readonly int[][] rowsOfClasses;

    /// <summary>Sorts the rows by class; classes of one row are left out.</summary>
    /// <exception cref="BadInputException">There are not two classes of two rows.</exception>
    public BalancedBatches(LabeledRows rows, Random random)
    {
        this.random = random;
        rowsOfClasses = [.. Enumerable.Range(0, rows.Count).GroupBy(row => rows.Labels[row], (_, members) => members.ToArray()).Where(members => members.Length > 1)];
        if (rowsOfClasses.Length < 2)
        {
            throw new BadInputException($"{rowsOfClasses.Length} classes with two or more training rows: expected at least 2");
        }
    }

    /// <summary>Draws the rows of the next batch.</summary>
    public int[] Next()
    {
        random.Shuffle(rowsOfClasses);
        List<int> batch = [];
        foreach (int[] members in rowsOfClasses.Take(MostClasses))
        {
            random.Shuffle(members);
            batch.AddRange(members.Take(MostRowsPerClass));
        }

        return [.. batch];
    }
}
