namespace ManagedCircle;

/// <summary>Optional inputs of a search: what it may not find.</summary>
public readonly ref struct SearchTerms
{
    /// <summary>
    /// The one reference that each query does not find, shape [queryCount], each an index or -1 for none; empty for none. Rows that search among themselves
    /// never find themselves, and take none.
    /// </summary>
    public ReadOnlySpan<int> ExcludedReferences { get; init; }

    /// <summary>Which references may be found, shape [referenceCount]; empty for all.</summary>
    public ReadOnlySpan<bool> Mask { get; init; }
}
