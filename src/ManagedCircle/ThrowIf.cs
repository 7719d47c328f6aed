using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ManagedCircle.Engine;
using static System.FormattableString;

namespace ManagedCircle;

/// <summary>Every argument check of the library, and every message.</summary>
internal static class ThrowIf
{
    /// <summary>Returns the numbers per row, or throws.</summary>
    public static int NotDivisible(int length, int count)
    {
        if (count == 0)
        {
            return length == 0 ? 1 : throw Argument($"rows holds {length} numbers, but there are no labels: expected none.", "rows");
        }

        return length % count == 0 && length > 0
            ? length / count
            : throw Argument(
                $"rows holds {length} numbers, which is no whole number of rows for {count} labels: expected a positive multiple of {count}.",
                "rows");
    }

    /// <summary>Returns the stride of rows of a shape, or throws.</summary>
    public static int NotRows(int length, int count, int dimension, int stride)
    {
        stride = NotStride(NotDimension(dimension), stride, nameof(stride));
        long extent = Extent(count, dimension, stride);
        return length >= extent
            ? stride
            : throw Argument($"rows holds {length} numbers: expected at least {extent} for {count} rows of dimension {dimension}, {stride} apart.", "rows");
    }

    /// <summary>Returns the numbers in a row, or throws if there are none.</summary>
    public static int NotDimension(int dimension) =>
        dimension >= 1 ? dimension : throw Argument($"dimension is {dimension}: expected at least 1.", nameof(dimension));

    /// <summary>Returns the numbers from one row's start to the next's, or throws if rows would overlap.</summary>
    public static int NotStride(int columns, int stride, string name) =>
        stride == 0 ? columns
        : stride >= columns ? stride
        : throw Argument($"{name} is {stride}: expected at least the {columns} numbers of a row, or 0 for rows without gaps.", name);

    /// <summary>Returns how many rows a span holds, whose last row may end without its gap, or throws.</summary>
    public static int NotWholeRows(int length, int dimension, int stride, string name)
    {
        (int count, int rest) = Math.DivRem(length, stride);
        return rest == 0 ? count
            : rest >= dimension ? count + 1
            : throw Argument($"{name} holds {length} numbers: expected whole rows of dimension {dimension}, {stride} apart.", name);
    }

    /// <summary>Throws if a span does not have room for rows of a shape.</summary>
    public static void NotRoom(int length, int count, int columns, int stride, string name, bool mayBeEmpty = false)
    {
        if (length < Extent(count, columns, stride) && !(mayBeEmpty && length == 0))
        {
            throw Argument(
                $"{name} holds {length} numbers: expected at least {Extent(count, columns, stride)} for {count} rows of {columns}, {stride} apart.", name);
        }
    }

    /// <summary>Returns the options, or throws if one is out of its range.</summary>
    public static CircleLossOptions Invalid(CircleLossOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        NotScale(options.Gamma, nameof(options.Gamma));
        NotFinite(options.Margin, nameof(options.Margin));
        NotFinite(options.PositiveOptimum, nameof(options.PositiveOptimum));
        NotFinite(options.NegativeOptimum, nameof(options.NegativeOptimum));
        NotFinite(options.PositiveMargin, nameof(options.PositiveMargin));
        NotFinite(options.NegativeMargin, nameof(options.NegativeMargin));
        NotDefined(options.Weighting, nameof(options.Weighting));
        NotDefined(options.WeightGradient, nameof(options.WeightGradient));
        NotDefined(options.Clamp, nameof(options.Clamp));
        NotDefined(options.Scope, nameof(options.Scope));
        NotDefined(options.Combination, nameof(options.Combination));
        NotDefined(options.SelfDiagonal, nameof(options.SelfDiagonal));
        NotDefined(options.ReferenceDiagonal, nameof(options.ReferenceDiagonal));
        NotDefined(options.Reduction, nameof(options.Reduction));
        NotDefined(options.Denominator, nameof(options.Denominator));
        NotDefined(options.OutputScale, nameof(options.OutputScale));

        // The largest logit of unit rows, in base 2, is to stay a float, with room for a sum of two.
        double optimum = Math.Max(Math.Abs(options.PositiveOptimum), Math.Abs(options.NegativeOptimum));
        double margin = Math.Max(Math.Abs(options.PositiveMargin), Math.Abs(options.NegativeMargin));
        double logit = options.Gamma * (options.Weighting == PairWeighting.Constant ? 1 : 1 + optimum) * (1 + margin);
        return logit <= 1e37
            ? options
            : throw Argument(
                $"Gamma is {options.Gamma} and margins are up to {margin}: expected logits of unit rows, here up to {logit:0.#E+0}, to stay below 1E+37.",
                nameof(options));
    }

    /// <summary>Returns the options, or throws if one is out of its range or has no meaning beside another.</summary>
    public static PairLossOptions Invalid(PairLossOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        NotScale(options.PositiveScale, nameof(options.PositiveScale));
        NotScale(options.NegativeScale, nameof(options.NegativeScale));
        NotScale(options.Factor, nameof(options.Factor));
        NotFinite(options.PositiveMargin, nameof(options.PositiveMargin));
        NotFinite(options.NegativeMargin, nameof(options.NegativeMargin));
        if (!(options.NegativeHardness >= 0))
        {
            throw Argument($"NegativeHardness is {options.NegativeHardness}: expected 0 or more.", nameof(options));
        }

        NotDefined(options.PositiveLogit, nameof(options.PositiveLogit));
        NotDefined(options.Measure, nameof(options.Measure));
        NotDefined(options.Directions, nameof(options.Directions));
        NotDefined(options.Pooling, nameof(options.Pooling));
        NotDefined(options.Link, nameof(options.Link));
        NotDefined(options.Requires, nameof(options.Requires));
        NotDefined(options.Clamp, nameof(options.Clamp));
        NotDefined(options.SelfDiagonal, nameof(options.SelfDiagonal));
        NotDefined(options.ReferenceDiagonal, nameof(options.ReferenceDiagonal));
        NotDefined(options.Reduction, nameof(options.Reduction));
        NotDefined(options.Denominator, nameof(options.Denominator));

        bool separate = options.Pooling is PairPooling.Separate or PairPooling.SeparateByScale;
        Meaningless(separate && options.Link != LossLink.Softplus, nameof(options.Link), options.Link, "Softplus, the link of both parts");
        bool mean = options.Pooling == PairPooling.Mean;
        Meaningless(mean && options.Link != LossLink.Softplus, nameof(options.Link), options.Link, "Softplus, as it has no link");
        bool ofPairs = options.Pooling == PairPooling.Pairs, ofBothEnds = options.Pooling == PairPooling.EachOfBothEnds;
        Meaningless(options.Requires == RequiredPairs.Positive && !mean && !ofBothEnds, nameof(options.Requires), options.Requires,
            "another, as a query without negatives has no such loss");
        bool needsPositives = mean || ofBothEnds
            || options.Pooling is PairPooling.Nearest or PairPooling.Each or PairPooling.MeanOfEach or PairPooling.SemiHard;
        Meaningless(options.Requires == RequiredPairs.Any && needsPositives, nameof(options.Requires), options.Requires,
            "another, as a query without positives has no such loss");
        Meaningless(options.Requires != RequiredPairs.Any && ofPairs, nameof(options.Requires), options.Requires, "Any, as every pair has a loss by itself");
        Meaningless(!separate && options.Denominator == PairMeanDenominator.WithPositive, nameof(options.Denominator), options.Denominator,
            "another, as the loss has one part");
        Meaningless(options.Pooling is not (PairPooling.Each or PairPooling.EachOfBothEnds) && options.Denominator == PairMeanDenominator.PositivePairs,
            nameof(options.Denominator), options.Denominator, "another, as a positive has no term of its own");
        Meaningless(!ofPairs && options.Denominator == PairMeanDenominator.NonzeroPairs, nameof(options.Denominator), options.Denominator,
            "another, as a pair has no term of its own");
        if (options.Selection is { } selection)
        {
            NotFinite(selection, nameof(options.Selection));
            Meaningless(options.Pooling != PairPooling.SeparateByScale, nameof(options.Selection), selection, "null, as the selection is of MultiSimilarity");
        }

        bool angles = options.PositiveLogit != PositiveLogit.Linear;
        Meaningless(angles && mean, nameof(options.PositiveLogit), options.PositiveLogit, "Linear, as the mean is of similarities");
        if (angles && !options.Normalize)
        {
            throw Argument($"PositiveLogit is {options.PositiveLogit} and Normalize is false: expected unit rows, as angles are of these.", nameof(options));
        }

        if (options.Measure != PairMeasure.Similarity && (angles || options.Clamp != SimilarityClamp.None))
        {
            throw Argument(
                $"Measure is {options.Measure}, PositiveLogit is {options.PositiveLogit}, Clamp is {options.Clamp}: expected Linear and None for distances.",
                nameof(options));
        }

        if (options.Directions == LossDirections.Both && options.ReferenceDiagonal == DiagonalPairs.Removed)
        {
            throw Argument($"Directions is {options.Directions} and ReferenceDiagonal is Removed: expected Kept, as all pairs count.", nameof(options));
        }

        // The largest logit of unit rows, in base 2, is to stay a float, with room for a sum of two.
        double scale = Math.Max(options.PositiveScale, options.NegativeScale + options.NegativeHardness);
        double margin = Math.Max(Math.Abs(options.PositiveMargin), Math.Abs(options.NegativeMargin));
        return scale * (1 + margin) <= 1e37
            ? options
            : throw Argument(
                $"Scales are up to {scale}, margins to {margin}: expected logits of unit rows, here up to {scale * (1 + margin):0.#E+0}, to stay below 1E+37.",
                nameof(options));

        void Meaningless<T>(bool wrong, string name, T value, string expected)
        {
            if (wrong)
            {
                throw Argument($"{name} is {value} and Pooling is {options.Pooling}: expected {expected}.", nameof(options));
            }
        }
    }

    /// <summary>Returns the options, or throws if one is out of its range or of a loss that the engine has no kernels for.</summary>
    public static PairLossOptions NotComputed(PairLossOptions options) =>
        Invalid(options) is { Measure: PairMeasure.Similarity, Selection: null, Pooling: <= PairPooling.Mean }
            ? options
            : throw Argument(
                $"Pooling is {options.Pooling}, Measure is {options.Measure}, Selection is {options.Selection}: only ManagedCircle.Reference has such a loss.",
                nameof(options));

    /// <summary>Returns the options, or throws if they are of two directions.</summary>
    public static PairLossOptions BothDirections(PairLossOptions options) => options.Directions == LossDirections.Queries
        ? options
        : throw Argument($"Directions is {options.Directions}: expected Queries, as similarities have one direction.", nameof(options));

    /// <summary>Throws if details are asked for that another loss than Circle loss does not have.</summary>
    public static void NotOfCircle(SimilarityDetails details, PairLossOptions? options)
    {
        bool ofCircle = details.Weights.Length + details.Logits.Length + details.PositiveLogSumExp.Length + details.NegativeLogSumExp.Length > 0;
        if (ofCircle && options is not null)
        {
            throw new ArgumentException("Weights, logits and log-sum-exps are details of Circle loss: expected none of another.", nameof(details));
        }
    }

    // ---- Options ------------------------------------------------------------------------------------------------------------------------------------

    private static void NotScale(double value, string name)
    {
        if (!(value > 0 && float.IsNormal((float)value)))
        {
            throw Argument($"{name} is {value}: expected a number above 0 that a float holds, from 1.2E-38 up.", "options");
        }
    }

    private static void NotFinite(double value, string name)
    {
        if (!float.IsFinite((float)value))
        {
            throw Argument($"{name} is {value}: expected a finite number.", "options");
        }
    }

    private static void NotDefined<T>(T value, string name, string argument = "options")
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            int number = Convert.ToInt32(value, CultureInfo.InvariantCulture);
            throw Argument($"{name} is {number}: expected one of {string.Join(", ", Enum.GetNames<T>())}.", argument);
        }
    }

    /// <summary>Returns the options, the default for none, or throws if one is out of its range.</summary>
    public static ExecutionOptions Invalid(ExecutionOptions? execution)
    {
        execution ??= ExecutionOptions.Default;
        if (execution.Threads is < 1 or > 4096)
        {
            throw Argument($"Threads is {execution.Threads}: expected 1 to 4096.", nameof(execution));
        }

        return execution.MaxKeptSimilarityBytes >= 0
            ? execution
            : throw Argument($"MaxKeptSimilarityBytes is {execution.MaxKeptSimilarityBytes}: expected 0 or more.", nameof(execution));
    }

    /// <summary>Throws if two batches have unlike dimensions.</summary>
    public static void Unlike(EmbeddingBatch queries, EmbeddingBatch references) =>
        Unlike(queries.Count, queries.Dimension, references.Count, references.Dimension);

    /// <summary>Throws if two matrices have rows of unlike dimensions.</summary>
    public static void Unlike(RowMatrix queries, RowMatrix references) => Unlike(queries.Count, queries.Dimension, references.Count, references.Dimension);

    /// <summary>Throws if a gradient does not have room for its rows.</summary>
    public static void NotExtent(ReadOnlySpan<float> gradient, EmbeddingBatch batch, string name, bool mayBeEmpty = false)
    {
        if (gradient.Length < batch.Extent && !(mayBeEmpty && gradient.IsEmpty))
        {
            string rows = Invariant($"{batch.Count} rows of dimension {batch.Dimension}, {batch.Stride} apart");
            throw Argument($"{name} has room for {gradient.Length} numbers: expected at least {batch.Extent} for {rows}.", name);
        }
    }

    /// <summary>Throws if a span has another length.</summary>
    public static void NotLength(int length, int expected, string name, string meaning, bool mayBeEmpty = false)
    {
        if (length != expected && !(mayBeEmpty && length == 0))
        {
            throw Argument($"{name} has length {length}: expected {expected}, {meaning}.", name);
        }
    }

    /// <summary>Throws if what is given for each query does not fit the call.</summary>
    public static void NotTerms(QueryTerms terms, LossDescription loss, int queryCount, int referenceCount, bool self)
    {
        bool whole = loss.OfBatch;
        if (loss.BothDirections)
        {
            NotBothDirections(terms, self);
            queryCount += referenceCount;
        }

        string perWeight = whole ? "as a whole-batch loss has no queries to weight" : "one per query";
        string perExcluded = self ? "as a batch against itself excludes by SelfDiagonal" : "one per query";
        NotLength(terms.Weights.Length, whole ? 0 : queryCount, nameof(terms.Weights), perWeight, mayBeEmpty: true);
        NotLength(terms.ExcludedReferences.Length, self ? 0 : queryCount, nameof(terms.ExcludedReferences), perExcluded, mayBeEmpty: true);
        if (terms.Upstream.Length > 1)
        {
            NotLength(terms.Upstream.Length, whole ? 1 : queryCount, nameof(terms.Upstream), whole ? "as there is one loss" : "one per query, or 1 for all");
        }

        NotFinite(loss.CheckInputs, terms.Weights, nameof(terms.Weights));
        NotFinite(loss.CheckInputs, terms.Upstream, nameof(terms.Upstream));
        NotExcluded(terms.ExcludedReferences, referenceCount);
    }

    /// <summary>Throws if what a search may not find does not fit its queries and references.</summary>
    public static void NotTerms(SearchTerms terms, int queryCount, int referenceCount, bool self)
    {
        string perExcluded = self ? "as no row finds itself" : "one per query";
        NotLength(terms.ExcludedReferences.Length, self ? 0 : queryCount, nameof(terms.ExcludedReferences), perExcluded, mayBeEmpty: true);
        NotLength(terms.Mask.Length, referenceCount, nameof(terms.Mask), "one per reference", mayBeEmpty: true);
        NotExcluded(terms.ExcludedReferences, referenceCount);
    }

    /// <summary>Returns the measure, or throws if it is none.</summary>
    public static SimilarityMeasure Invalid(SimilarityMeasure measure)
    {
        NotDefined(measure, nameof(measure), nameof(measure));
        return measure;
    }

    /// <summary>Throws if a similarity to compare with is none.</summary>
    public static void NotNumber(float value, string name)
    {
        if (float.IsNaN(value))
        {
            throw Argument($"{name} is {value}: expected a number.", name);
        }
    }

    private static void NotBothDirections(QueryTerms terms, bool self)
    {
        if (self)
        {
            throw new ArgumentException("Directions is Both: expected queries against references, as a batch against itself has one direction.", "batch");
        }

        NotLength(terms.ExcludedReferences.Length, 0, nameof(terms.ExcludedReferences), "as all pairs count in both directions");
    }

    /// <summary>Throws if a row was found to hold NaN or infinity.</summary>
    public static void NotFinite(bool check, int badRow, string name)
    {
        if (check && badRow != int.MaxValue)
        {
            throw Argument($"{name}: row {badRow} holds NaN or infinity: expected finite numbers.", name);
        }
    }

    /// <summary>Throws if two spans share memory.</summary>
    public static void Overlap<T>(ReadOnlySpan<T> first, ReadOnlySpan<T> second, string firstName, string secondName)
    {
        if (first.Overlaps(second))
        {
            throw Overlapping(firstName, secondName);
        }
    }

    /// <summary>The error that two ranges of memory overlap.</summary>
    public static ArgumentException Overlapping(string first, string second) => Argument($"{first} and {second} overlap: expected memory of their own.", null);

    /// <summary>Throws if a destination has another length than the numbers it is for, or overlaps them without being the same.</summary>
    public static void NotInPlace(
        ReadOnlySpan<float> source, ReadOnlySpan<float> destination, string name = "similarities", string meaning = "one per similarity")
    {
        NotLength(destination.Length, source.Length, nameof(destination), meaning);
        if (source != destination)
        {
            Overlap(source, destination, name, nameof(destination));
        }
    }

    /// <summary>Throws if similarities are not one per query and reference.</summary>
    public static void NotShape(int length, int queryCount, int referenceCount)
    {
        if (length != (long)queryCount * referenceCount)
        {
            throw Argument(
                $"similarities holds {length} numbers: expected {(long)queryCount * referenceCount}, {queryCount} queries by {referenceCount} references.",
                "similarities");
        }
    }

    /// <summary>Returns how many references similarities to so many queries have, or throws.</summary>
    public static int NotMatrix(int length, int queryCount)
    {
        NotCount(queryCount, least: 0, nameof(queryCount));
        return queryCount == 0 && length == 0 ? 0
            : queryCount > 0 && length % queryCount == 0 ? length / queryCount
            : throw Argument($"similarities holds {length} numbers: expected a multiple of the {queryCount} queries.", "similarities");
    }

    /// <summary>Throws if a mask is not one kind per similarity.</summary>
    public static void NotMask(ReadOnlySpan<PairKind> mask, int length, int referenceCount)
    {
        NotLength(mask.Length, length, nameof(mask), "one per similarity");
        int bad = MemoryMarshal.AsBytes(mask).IndexOfAnyExceptInRange((byte)PairKind.Ignored, (byte)PairKind.Negative);
        if (bad >= 0)
        {
            (int query, int reference) = Math.DivRem(bad, referenceCount);
            throw Argument(
                $"mask: the pair of query {query} and reference {reference} is {(byte)mask[bad]}: expected 0 (ignored), 1 (positive) or 2 (negative).",
                nameof(mask));
        }
    }

    /// <summary>Throws if an index of a list is none.</summary>
    public static void NotIndices(ReadOnlySpan<int> list, int count, string name, string meaning)
    {
        int bad = count == 0 ? list.Length - 1 : list.IndexOfAnyExceptInRange(0, count - 1);
        if (bad >= 0)
        {
            throw Argument($"{name}[{bad}] is {list[bad]}: expected a {meaning} from 0 to {count - 1}.", "lists");
        }
    }

    /// <summary>The error that a pair is listed as positive and as negative.</summary>
    public static ArgumentException ListedAsBoth(int query, int reference) =>
        new(Invariant($"The pair of query {query} and reference {reference} is listed as positive and as negative: expected one of them."), "lists");

    /// <summary>Throws if excluded references are given where the pairs themselves are.</summary>
    public static void AnyExcluded(QueryTerms terms, PairSource source)
    {
        if (terms.ExcludedReferences.Length > 0 && source is PairSource.Mask or PairSource.Lists)
        {
            throw new ArgumentException("ExcludedReferences are for labels: expected none, as the pairs that take part are given.", nameof(terms));
        }
    }

    /// <summary>Throws if there are too few of something.</summary>
    public static void NotCount(int count, int least, string name)
    {
        if (count < least)
        {
            throw new ArgumentOutOfRangeException(name, Invariant($"{name} is {count}: expected at least {least}."));
        }
    }

    /// <summary>Throws if rows or their labels do not fit a gallery, or are not finite.</summary>
    public static void NotOfGallery(RowMatrix rows, ReadOnlySpan<long> labels, int dimension)
    {
        NotOfGallery(rows, dimension, nameof(rows));
        NotLength(labels.Length, rows.Count, nameof(labels), "one per row", mayBeEmpty: true);
        for (int row = 0; row < rows.Count; row++)
        {
            NotFinite(!TensorPrimitives.IsFiniteAll(rows.Rows.Slice(row * rows.Stride, dimension)), row, nameof(rows));
        }
    }

    /// <summary>Throws if rows have another dimension than a gallery.</summary>
    public static void NotOfGallery(RowMatrix rows, int dimension, string name = "queries")
    {
        if (rows.Dimension != dimension && rows.Count > 0)
        {
            throw Argument($"{name} has dimension {rows.Dimension}: expected {dimension}, as the gallery has.", name);
        }
    }

    /// <summary>Throws if a gallery has no such row.</summary>
    public static void NotRow(int index, int count)
    {
        if ((uint)index >= (uint)count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), Invariant($"index is {index}: expected a row from 0 to {count - 1}."));
        }
    }

    /// <summary>Throws if a gallery has no such rows to replace.</summary>
    public static void NotRoomAt(int first, int count, int galleryCount)
    {
        if (first < 0 || first > galleryCount - count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(first), Invariant($"first is {first}, for {count} rows: expected rows among the {galleryCount} of the gallery."));
        }
    }

    /// <summary>Throws if a gallery is packed for other similarities than a search has.</summary>
    public static void NotMeasure(SimilarityMeasure ofGallery, SimilarityMeasure ofSearch)
    {
        if (ofGallery != ofSearch)
        {
            throw Argument($"gallery is packed for {ofGallery}: expected {ofSearch}, which the search compares by.", "gallery");
        }
    }

    /// <summary>Throws if a loss cannot take a gallery as its references.</summary>
    public static void NotOfGallery(EmbeddingBatch queries, Gallery gallery, LossDescription loss)
    {
        ArgumentNullException.ThrowIfNull(gallery);
        if (queries.Dimension != gallery.Dimension && queries.Count > 0)
        {
            throw Argument($"queries have dimension {queries.Dimension}: expected {gallery.Dimension}, as the gallery has.", nameof(queries));
        }

        if (gallery.Measure == SimilarityMeasure.Cosine != loss.Normalize)
        {
            SimilarityMeasure expected = loss.Normalize ? SimilarityMeasure.Cosine : SimilarityMeasure.InnerProduct;
            throw Argument($"gallery is packed for {gallery.Measure}: expected {expected}, as the loss has Normalize {loss.Normalize}.", nameof(gallery));
        }
    }

    /// <summary>Throws if an object that readers share is being changed, or is read while it is to change, or disposed.</summary>
    public static void NotSharable(object owner, bool inUse, bool disposed)
    {
        ObjectDisposedException.ThrowIf(disposed, owner);
        if (inUse)
        {
            throw new InvalidOperationException(
                Invariant($"This {owner.GetType().Name} is in use: expected no other call while it changes, and no change while it is used."));
        }
    }

    /// <summary>Throws if a place among neighbours is none.</summary>
    public static void NotRank(int k, int neighbors)
    {
        if (k < 1 || k > neighbors)
        {
            throw new ArgumentOutOfRangeException(nameof(k), Invariant($"k is {k}: expected 1 to {neighbors}, the neighbours that were looked at."));
        }
    }

    /// <summary>Throws if a query has more neighbours than are looked at.</summary>
    public static void NotNeighbors(int count, int neighbors)
    {
        if (count > neighbors)
        {
            throw Argument($"neighborLabels has length {count}: expected at most {neighbors}, the neighbours that are looked at.", "neighborLabels");
        }
    }

    /// <summary>Throws if a memory of a shape is none that an array holds.</summary>
    public static void NotCapacity(int capacity, int dimension)
    {
        NotCount(capacity, least: 1, nameof(capacity));
        NotCount(dimension, least: 1, nameof(dimension));
        if ((long)capacity * dimension > Array.MaxLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(capacity),
                Invariant($"capacity is {capacity} and dimension {dimension}: expected a product of at most {Array.MaxLength}, as an array holds."));
        }
    }

    /// <summary>Throws if rows cannot enter a memory: of another dimension, too many, or not finite.</summary>
    public static void NotStorable(EmbeddingBatch batch, ReadOnlySpan<bool> mask, int dimension, int count, int capacity)
    {
        if (batch.Dimension != dimension && batch.Count > 0)
        {
            throw Argument($"batch has dimension {batch.Dimension}: expected {dimension}, as the memory has.", nameof(batch));
        }

        if (count > capacity)
        {
            throw Argument($"batch has {count} rows to store: expected at most {capacity}, the memory's capacity.", nameof(batch));
        }

        for (int row = 0; row < batch.Count; row++)
        {
            NotFinite((mask.IsEmpty || mask[row]) && !IsFinite(batch, row), row, nameof(batch));
        }
    }

    /// <summary>Throws if a row that takes part holds NaN or infinity.</summary>
    public static void NotFinite(LossDescription loss, EmbeddingBatch batch, string name)
    {
        for (int row = 0; loss.CheckInputs && row < batch.Count; row++)
        {
            NotFinite(batch.Label(row) != loss.IgnoreLabel && !IsFinite(batch, row), row, name);
        }
    }

    private static bool IsFinite(EmbeddingBatch batch, int row) => TensorPrimitives.IsFiniteAll(batch.Rows.Slice(row * batch.Stride, batch.Dimension));

    /// <summary>Throws if similarities hold NaN or infinity.</summary>
    public static void NotFinite(bool check, ReadOnlySpan<float> similarities, int referenceCount)
    {
        if (check && similarities.Length > 0 && !TensorPrimitives.IsFiniteAll(similarities))
        {
            NotFinite(check, FirstNotFinite(similarities) / referenceCount, nameof(similarities));
        }

        static int FirstNotFinite(ReadOnlySpan<float> values)
        {
            int i = 0;
            while (float.IsFinite(values[i]))
            {
                i++;
            }

            return i;
        }
    }

    /// <summary>Throws if an object that one call may use is in use, or disposed.</summary>
    public static void NotFree(object owner, bool inCall, bool disposed)
    {
        ObjectDisposedException.ThrowIf(disposed, owner);
        if (inCall)
        {
            throw new InvalidOperationException(
                Invariant($"This {owner.GetType().Name} is in a call that has not ended: expected one call at a time. Make one for each thread."));
        }
    }

    /// <summary>Throws if a scheduler runs a worker whose number there is not.</summary>
    public static void UnknownWorker(IWorkScheduler scheduler, int worker, int workers)
    {
        if ((uint)worker >= (uint)workers)
        {
            throw new InvalidOperationException(
                Invariant($"The scheduler {scheduler.GetType().Name} ran worker {worker}: expected the numbers from 0 to {workers - 1}, each once."));
        }
    }

    /// <summary>Throws if a scheduler runs a worker again.</summary>
    public static void WorkerTwice(bool twice, IWorkScheduler scheduler, int worker, int workers)
    {
        if (twice)
        {
            throw new InvalidOperationException(
                Invariant($"The scheduler {scheduler.GetType().Name} ran worker {worker} twice: expected the numbers from 0 to {workers - 1}, each once."));
        }
    }

    /// <summary>What is wrong with a scheduler that returns too early.</summary>
    public static InvalidOperationException WorkersMissing(IWorkScheduler scheduler, int ended, int workers) =>
        new(Invariant($"The scheduler {scheduler.GetType().Name} returned when {ended} of {workers} workers had ended: ")
            + Invariant($"expected it to run the numbers from 0 to {workers - 1}, each once, and to wait until all have returned."));

    private static void Unlike(int queryCount, int queryDimension, int referenceCount, int referenceDimension)
    {
        if (queryDimension != referenceDimension && queryCount > 0 && referenceCount > 0)
        {
            throw Argument($"references has dimension {referenceDimension}: expected {queryDimension}, as queries has.", "references");
        }
    }

    // Numbers read the same in every culture.
    private static ArgumentException Argument(FormattableString message, string? name) => new(Invariant(message), name);

    // Numbers from the first row's start to the last row's end.
    private static long Extent(int count, int columns, int stride) => count == 0 ? 0 : (count - 1L) * stride + columns;

    private static void NotExcluded(ReadOnlySpan<int> excluded, int referenceCount)
    {
        for (int query = 0; query < excluded.Length; query++)
        {
            if (excluded[query] < -1 || excluded[query] >= referenceCount)
            {
                throw Argument(
                    $"ExcludedReferences[{query}] is {excluded[query]}: expected -1, or a reference from 0 to {referenceCount - 1}.", "terms");
            }
        }
    }

    private static void NotFinite(bool check, ReadOnlySpan<float> values, string name)
    {
        for (int i = 0; check && i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw Argument($"{name}[{i}] is {values[i]}: expected a finite number.", name);
            }
        }
    }
}
