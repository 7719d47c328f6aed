namespace ManagedCircle;

/// <summary>Whose losses a loss of queries against references is made of.</summary>
public enum LossDirections
{
    /// <summary>The queries'.</summary>
    Queries,

    /// <summary>
    /// The queries' and the references', each compared with the other side: the mean of both reduced losses (CLIP). References then count as queries, too,
    /// behind these, wherever something is given or received for each query; a batch against itself is an error.
    /// </summary>
    Both,
}
