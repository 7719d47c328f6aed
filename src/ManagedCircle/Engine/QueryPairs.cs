using System.Numerics.Tensors;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>The kinds of a query's pairs, from labels, a mask or lists, written one row at a time.</summary>
internal unsafe struct QueryPairs
{
    /// <summary>In <see cref="excluded"/>: every pair of the query takes part; none does.</summary>
    private const int None = -1, All = -2;

    private PairSource source;
    private PairKind* mask;
    private int* starts, entries;
    private int* queryCodes, referenceCodes, takesPart, excluded;
    private long* labelTable;
    private int labelTableSize;
    private bool triangle, diagonal;

    /// <summary>How many references there are.</summary>
    public int Columns { get; private set; }

    /// <summary>How many queries take part; those of the ignored label do not.</summary>
    public int QueryCount { get; private set; }

    /// <summary>How many references take part.</summary>
    public int ReferenceCount { get; private set; }

    /// <summary>Takes the memory for the pairs of a batch.</summary>
    public static QueryPairs Lay(ref Arena arena, SimilarityBatch batch)
    {
        bool listed = batch.Source == PairSource.Lists, labelled = batch.Source is PairSource.Labels or PairSource.BatchLabels;
        int padded = labelled ? PairRow.Padded(batch.ReferenceCount) : 0, tableSize = labelled ? TableSize(batch) : 0;
        return new QueryPairs
        {
            source = batch.Source,
            Columns = batch.ReferenceCount,
            QueryCount = batch.QueryCount,
            ReferenceCount = batch.ReferenceCount,
            starts = arena.Take<int>(listed ? batch.QueryCount + 2 : 0),
            entries = arena.Take<int>(listed ? ListedPairs(batch.Lists) : 0),
            queryCodes = arena.Take<int>(labelled ? batch.QueryCount : 0),
            excluded = arena.Take<int>(labelled ? batch.QueryCount : 0),
            referenceCodes = arena.Take<int>(padded),
            takesPart = arena.Take<int>(padded),
            labelTable = arena.Take<long>(tableSize),
            labelTableSize = tableSize,
        };
    }

    /// <summary>Reads labels or lists.</summary>
    /// <param name="batch">The pairs.</param>
    /// <param name="pinnedMask">The batch's mask, pinned; null where there is none.</param>
    /// <param name="loss">The ignored label, the diagonals, and whether a loss is over the whole batch.</param>
    /// <param name="given">The excluded references; empty for what the options say.</param>
    /// <param name="kinds">Scratch, shape [<see cref="PairRow.Padded"/>(referenceCount)].</param>
    /// <exception cref="ArgumentException">A pair is listed as positive and as negative.</exception>
    public void Read(SimilarityBatch batch, PairKind* pinnedMask, LossDescription loss, ReadOnlySpan<int> given, int* kinds)
    {
        mask = pinnedMask;
        if (source == PairSource.Lists)
        {
            ReadLists(batch, kinds);
        }
        else if (source != PairSource.Mask)
        {
            ReadLabels(batch, loss, given);
        }
    }

    /// <summary>Writes the kind of each of a query's pairs as a 32-bit integer, and that of no pair up to the padded length.</summary>
    public readonly void Write<TSimd>(int query, int* kinds)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int padded = PairRow.Padded(Columns);
        switch (source)
        {
            case PairSource.Mask:
                TensorPrimitives.ConvertTruncating<byte, int>(new ReadOnlySpan<byte>(mask + ((nint)query * Columns), Columns), new Span<int>(kinds, Columns));
                new Span<int>(kinds + Columns, padded - Columns).Clear();
                break;

            case PairSource.Lists:
                new Span<int>(kinds, padded).Clear();
                for (int entry = starts[query]; entry < starts[query + 1]; entry++)
                {
                    kinds[Reference(entries[entry])] = Kind(entries[entry]);
                }

                break;

            default:
                PairRow.KindsOfLabels<TSimd>(queryCodes[query], referenceCodes, takesPart, padded, kinds);
                int first = triangle ? query + (diagonal ? 0 : 1) : 0;
                new Span<int>(kinds, excluded[query] == All ? padded : first).Clear();
                if (excluded[query] >= 0)
                {
                    kinds[excluded[query]] = (int)PairKind.Ignored;
                }

                break;
        }
    }

    /// <summary>Whether a query takes part.</summary>
    public readonly bool TakesPart(int query) => source is PairSource.Mask or PairSource.Lists || excluded[query] != All;

    // ---- Labels -------------------------------------------------------------------------------------------------------------------------------------

    private void ReadLabels(SimilarityBatch batch, LossDescription loss, ReadOnlySpan<int> given)
    {
        int padded = PairRow.Padded(Columns);
        bool self = batch.Source == PairSource.BatchLabels;
        Span<long> codes = new(labelTable, labelTableSize);
        codes.Clear();
        LabelCodes.Write(batch.Queries, null, batch.QueryCount, codes, queryCodes);
        LabelCodes.Write(batch.References, null, batch.ReferenceCount, codes, referenceCodes);
        triangle = self && loss.Scope == LossScope.Batch;
        diagonal = loss.SelfDiagonal == DiagonalPairs.Kept;

        new Span<int>(takesPart, padded).Clear();
        for (int column = 0; column < Columns; column++)
        {
            takesPart[column] = batch.References.Label(column) == loss.IgnoreLabel ? 0 : -1;
            ReferenceCount -= takesPart[column] + 1;
        }

        bool removed = self ? !diagonal : given.IsEmpty && loss.ReferenceDiagonal == DiagonalPairs.Removed;
        for (int query = 0; query < batch.QueryCount; query++)
        {
            bool ignored = batch.Queries.Label(query) == loss.IgnoreLabel;
            QueryCount -= ignored ? 1 : 0;
            bool removesOwn = removed && query < Columns && queryCodes[query] == referenceCodes[query];
            excluded[query] = ignored ? All : !given.IsEmpty ? given[query] : removesOwn ? query : None;
        }
    }

    private static int TableSize(SimilarityBatch batch) =>
        LabelCodes.Fit(batch.Queries) && LabelCodes.Fit(batch.References) ? 0 : LabelCodes.TableSize(batch.QueryCount + batch.ReferenceCount);

    // ---- Lists: each query's references, those of its negatives as their complement --------------------------------------------------------------------

    private readonly void ReadLists(SimilarityBatch batch, int* kinds)
    {
        PairLists lists = batch.Lists;
        Span<int> ends = new(starts, batch.QueryCount + 2);

        // Counted one place late and summed, each query's number is where its pairs begin; placing them moves it to where they end, which is where
        // the next query's begin.
        ends.Clear();
        Count(lists.PositiveQueries, ends);
        Count(lists.NegativeQueries, ends);
        for (int query = 1; query < ends.Length; query++)
        {
            ends[query] += ends[query - 1];
        }

        for (int i = 0; i < lists.Positives.Length; i++)
        {
            entries[ends[lists.PositiveQueries[i] + 1]++] = lists.Positives[i];
        }

        for (int i = 0; i < lists.Negatives.Length; i++)
        {
            entries[ends[lists.NegativeQueries[i] + 1]++] = ~lists.Negatives[i];
        }

        RefuseBoth(batch.QueryCount, kinds);
    }

    private readonly void RefuseBoth(int queryCount, int* kinds)
    {
        new Span<int>(kinds, Columns).Clear();
        for (int query = 0; query < queryCount; query++)
        {
            for (int entry = starts[query]; entry < starts[query + 1]; entry++)
            {
                int reference = Reference(entries[entry]);
                kinds[reference] |= Kind(entries[entry]);
                if (kinds[reference] == (int)(PairKind.Positive | PairKind.Negative))
                {
                    throw ThrowIf.ListedAsBoth(query, reference);
                }
            }

            for (int entry = starts[query]; entry < starts[query + 1]; entry++)
            {
                kinds[Reference(entries[entry])] = 0;
            }
        }
    }

    private static int ListedPairs(PairLists lists) => checked(lists.Positives.Length + lists.Negatives.Length);

    private static void Count(ReadOnlySpan<int> queries, Span<int> counts)
    {
        foreach (int query in queries)
        {
            counts[query + 2]++;
        }
    }

    private static int Reference(int entry) => entry < 0 ? ~entry : entry;

    private static int Kind(int entry) => (int)(entry < 0 ? PairKind.Negative : PairKind.Positive);
}
