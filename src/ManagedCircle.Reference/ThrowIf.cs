using static System.FormattableString;

namespace ManagedCircle.Reference;

/// <summary>Every argument check of the reference, and every message.</summary>
internal static class ThrowIf
{
    /// <summary>Checks the options as the library itself does.</summary>
    public static void NotUsable(CircleLossOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
    }

    /// <inheritdoc cref="NotUsable(CircleLossOptions)"/>
    public static void NotUsable(PairLossOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
    }

    /// <summary>Throws if there are too few of something.</summary>
    public static void NotCount(int count, int least, string name)
    {
        if (count < least)
        {
            throw new ArgumentOutOfRangeException(name, Invariant($"{name} is {count}: expected at least {least}."));
        }
    }

    public static void NotRows(int length, int dimension)
    {
        NotCount(dimension, least: 1, nameof(dimension));
        if (length % dimension != 0)
        {
            throw Argument($"rows hold {length} numbers: expected a multiple of the dimension {dimension}.", "rows");
        }
    }

    /// <summary>Returns the numbers per row of rows with labels, or throws; 0 where there are no rows to tell.</summary>
    public static int NotRowsOf(int count, int length, string name)
    {
        if (count == 0 ? length == 0 : length > 0 && length % count == 0)
        {
            return count == 0 ? 0 : length / count;
        }

        string expected = count == 0 ? "none" : Invariant($"a positive multiple of {count}");
        throw Argument($"{name} holds {length} numbers for {count} labels: expected {expected}.", name);
    }

    /// <summary>Returns the numbers per query of a matrix with so many, or throws.</summary>
    public static int NotMatrixOf(int queryCount, int length, string name)
    {
        NotCount(queryCount, least: 0, nameof(queryCount));
        return queryCount == 0 && length == 0 ? 0
            : queryCount > 0 && length % queryCount == 0 ? length / queryCount
            : throw Argument($"{name} holds {length} numbers: expected a multiple of the {queryCount} queries.", name);
    }

    /// <summary>Returns the dimension that queries and references share, or throws.</summary>
    public static int DimensionsDiffer(int queryDimension, int referenceDimension) =>
        queryDimension == 0 || referenceDimension == 0 || queryDimension == referenceDimension
            ? Math.Max(1, Math.Max(queryDimension, referenceDimension))
            : throw Argument($"references have dimension {referenceDimension}: expected the queries' {queryDimension}.", "references");

    public static void WrongLength(int length, int expected, string name, string shape)
    {
        if (length != expected)
        {
            throw Argument($"{name} has length {length}: expected {expected}, {shape}.", name);
        }
    }

    public static void NotFinite(ReadOnlySpan<double> values, int dimension, string name)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i]))
            {
                throw Argument($"{name}: row {i / dimension} holds {values[i]}, expected finite numbers.", name);
            }
        }
    }

    /// <summary>Checks what a call gives for each query.</summary>
    public static void NotUsable(ReferenceTerms terms, LossRules rules, int queryCount, int referenceCount)
    {
        bool wholeBatch = rules.Scope == LossScope.Batch;
        if (wholeBatch && (terms.Weights.Length > 0 || terms.Upstream.Length > 1))
        {
            throw new ArgumentException("A loss of the whole batch has no queries to weight: expected no Weights, and one number as Upstream.", nameof(terms));
        }

        int lossCount = rules.BothDirections ? queryCount + referenceCount : queryCount;
        if (terms.Weights.Length > 0)
        {
            WrongLength(terms.Weights.Length, lossCount, nameof(terms.Weights), "one for each query");
        }

        if (terms.Upstream.Length > 1)
        {
            WrongLength(terms.Upstream.Length, lossCount, nameof(terms.Upstream), "one for each query, or one number");
        }

        if (rules.BothDirections)
        {
            AnyExcluded(terms, "expected none, as all pairs count in both directions");
        }

        if (rules.CheckInputs)
        {
            NotFinite(terms.Weights, 1, nameof(terms.Weights));
            NotFinite(terms.Upstream, 1, nameof(terms.Upstream));
        }

        if (terms.ExcludedReferences.Length > 0)
        {
            WrongLength(terms.ExcludedReferences.Length, queryCount, nameof(terms.ExcludedReferences), "one for each query");
        }

        for (int q = 0; q < terms.ExcludedReferences.Length; q++)
        {
            if (terms.ExcludedReferences[q] < -1 || terms.ExcludedReferences[q] >= referenceCount)
            {
                throw Argument(
                    $"ExcludedReferences: query {q} excludes reference {terms.ExcludedReferences[q]}, expected -1 to {referenceCount - 1}.", nameof(terms));
            }
        }
    }

    public static void AnyExcluded(ReferenceTerms terms, string instead)
    {
        if (terms.ExcludedReferences.Length > 0)
        {
            throw Argument($"ExcludedReferences are for queries against references with labels: {instead}.", nameof(terms));
        }
    }

    /// <summary>Throws if references are queries, too, where there are none.</summary>
    public static void OfBothDirections(LossRules rules)
    {
        if (rules.BothDirections)
        {
            throw new ArgumentException(
                "Directions is Both: expected queries against references, as a batch against itself has one direction.", "options");
        }
    }

    /// <summary>Throws if the loss asks for the negatives of a query's positives, which references do not have.</summary>
    public static void OfBothEnds(LossRules rules)
    {
        if (rules.OfBothEnds)
        {
            throw Argument($"Pooling is {PairPooling.EachOfBothEnds}: expected another, as that is of a batch against itself.", "options");
        }
    }

    /// <summary>Throws if the loss is of distances, where similarities are given.</summary>
    public static void OfDistances(LossRules rules)
    {
        if (rules.Measure != PairMeasure.Similarity)
        {
            throw Argument($"Measure is {rules.Measure}: expected {PairMeasure.Similarity}, as similarities are given.", "options");
        }
    }

    // Numbers read the same in every culture.
    private static ArgumentException Argument(FormattableString message, string? name) => new(Invariant(message), name);
}
