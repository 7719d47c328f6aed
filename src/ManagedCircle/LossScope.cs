namespace ManagedCircle;

/// <summary>What one loss is taken over.</summary>
public enum LossScope
{
    /// <summary>One loss per query, over its own positives and negatives.</summary>
    PerQuery,

    /// <summary>One loss for the whole batch: all pairs in one log-sum-exp each, each unordered pair once.</summary>
    Batch,
}
