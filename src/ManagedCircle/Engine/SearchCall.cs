using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>What a search is made of.</summary>
internal ref struct SearchCall
{
    public RowMatrix Queries;

    /// <summary>The references; none where they are packed.</summary>
    public RowMatrix References;

    /// <summary>The references where they are packed; otherwise none.</summary>
    public PackedRows Packed;

    /// <summary>Whether rows are divided by their norm; packed ones are as they are to be.</summary>
    public bool Normalize;

    /// <summary>Whether a query finds the reference of its own index.</summary>
    public bool Self;

    public SearchTerms Terms;

    public readonly int ReferenceCount => Packed.Count + References.Count;

    public readonly int Dimension => Queries.Count > 0 ? Queries.Dimension : References.Dimension;
}

/// <summary>The sizes of a search.</summary>
internal readonly record struct SearchShape
{
    // The bytes that lists of all workers may take together before a search goes over the references more than once, and the queries that it has at least.
    private const long ListBytes = 64L << 20;
    private const int LeastQueries = Layout.Tile;

    // Units that each worker has at least, so that they end together.
    private const int UnitsPerWorker = 8;

    // Up to so many queries, rows that are certainly not wanted are not packed, if at least so many references are there for each that is.
    private const int FewQueries = 4, ReferencesPerWanted = 16;

    public int QueryCount { get; private init; }

    public int ReferenceCount { get; private init; }

    public int Dimension { get; private init; }

    /// <summary>References that each query is to find; 0 where it finds all above a similarity.</summary>
    public int Wanted { get; private init; }

    public int Workers { get; private init; }

    /// <summary>Whether the references are packed already.</summary>
    public bool Packed { get; private init; }

    /// <summary>Whether rows are looked at before they are packed, as most need not be.</summary>
    public bool Filtered { get; private init; }

    /// <summary>Queries that go over the references together; others follow them.</summary>
    public int QueriesAtOnce { get; private init; }

    /// <summary>Queries of a product: as its left operand they fit the L2 cache well, beside the references that they meet.</summary>
    public int RowBlock { get; private init; }

    /// <summary>References of a unit, whose panels stay in the L2 cache.</summary>
    public int ColumnBlock { get; private init; }

    /// <summary>Blocks of references.</summary>
    public int Blocks => Layout.Blocks(ReferenceCount, ColumnBlock);

    /// <summary>The shape of a call.</summary>
    public static unsafe SearchShape Of(in SearchCall call, int neighbors, int threads)
    {
        int dimension = call.Dimension, wanted = neighbors == 0 ? 0 : Math.Clamp(call.ReferenceCount, 1, neighbors);
        long work = (long)call.Queries.Count * call.ReferenceCount * Math.Max(dimension, Layout.SumLanes);
        int workers = Team.Workers(work / Team.WorkPerWorker, threads);
        long bytesPerQuery = (long)NearestLists.Room(wanted) * sizeof(ulong) * workers;
        int most = wanted == 0 ? int.MaxValue : (int)Math.Max(LeastQueries, ListBytes / bytesPerQuery / Layout.Pack * Layout.Pack);
        return new SearchShape
        {
            QueryCount = call.Queries.Count,
            ReferenceCount = call.ReferenceCount,
            Dimension = dimension,
            Wanted = wanted,
            Workers = workers,
            Packed = call.Packed.Panels != null,
            Filtered = call.Packed.Panels == null && call.Queries.Count <= FewQueries && call.ReferenceCount / ReferencesPerWanted >= wanted,
            QueriesAtOnce = Math.Min(call.Queries.Count, most),
            RowBlock = Math.Clamp((1 << 15) / dimension / Layout.Pack * Layout.Pack, 2 * Layout.Pack, Layout.Tile),
            ColumnBlock = Math.Clamp((1 << 15) / dimension / Layout.Pack * Layout.Pack, Layout.Pack, Layout.Tile),
        };
    }

    /// <summary>Into how many groups so many queries are cut, each of which meets every block of references: as few as keep every worker busy.</summary>
    public int Groups(int queries) =>
        Math.Clamp(Layout.Blocks(Workers == 1 ? 1 : UnitsPerWorker * Workers, Math.Max(1, Blocks)), 1, Layout.Blocks(queries, RowBlock));
}

/// <summary>Every array of a search.</summary>
internal unsafe struct SearchMemory
{
    /// <summary>The queries that go over the references together, in slices.</summary>
    public PackedRows Queries;

    /// <summary>The lists of each worker, one after another.</summary>
    public NearestLists* Lists;

    /// <summary>What a similarity must exceed where all above one are wanted, for each query.</summary>
    public float* Thresholds;

    private SearchScratch* scratch;

    /// <summary>Takes the memory of a search.</summary>
    public static SearchMemory Lay(ref Arena arena, in SearchShape shape, in Admission admission)
    {
        SearchMemory memory = default;
        memory.Queries = PackedRows.Lay(ref arena, shape.QueriesAtOnce, shape.Dimension, panels: false);
        memory.Thresholds = arena.Take<float>(shape.Wanted == 0 ? shape.QueriesAtOnce : 0);
        memory.Lists = arena.Take<NearestLists>(shape.Wanted == 0 ? 0 : shape.Workers);
        memory.scratch = arena.Take<SearchScratch>(shape.Workers);
        for (int worker = 0; worker < shape.Workers; worker++)
        {
            SearchScratch own = SearchScratch.Lay(ref arena, shape);
            if (memory.scratch != null)
            {
                memory.scratch[worker] = own;
            }

            if (shape.Wanted > 0)
            {
                NearestLists lists = NearestLists.Lay(ref arena, shape.QueriesAtOnce, shape.Wanted, admission);
                if (memory.Lists != null)
                {
                    memory.Lists[worker] = lists;
                }
            }
        }

        return memory;
    }

    /// <summary>What a worker has for itself.</summary>
    public readonly ref SearchScratch ScratchOf(int worker) => ref scratch[worker];
}

/// <summary>What a worker has for itself.</summary>
internal unsafe struct SearchScratch
{
    /// <summary>The similarities of queries to a panel of references, rows of 32.</summary>
    public float* Strip;

    /// <summary>The references of a block, where they come as rows: panels, and the slices of one panel over each other.</summary>
    public PackedRows References;

    /// <summary>The queries as a filter has them, where rows are looked at first.</summary>
    public FilterQuery* Queries;

    /// <summary>Their (unit) rows, shape [queries, dimension].</summary>
    public float* QueryRows;

    public static SearchScratch Lay(ref Arena arena, in SearchShape shape)
    {
        SearchScratch scratch = default;
        scratch.Strip = arena.Take<float>(shape.RowBlock * Layout.Pack);
        scratch.References = PackedRows.Lay(ref arena, shape.Packed ? 0 : shape.ColumnBlock, shape.Dimension, slices: false);
        scratch.References.Slices = arena.Take<float>(Layout.Pack * Layout.Pack);
        scratch.References.SliceStride = 0;
        scratch.Queries = arena.Take<FilterQuery>(shape.Filtered ? shape.QueryCount : 0);
        scratch.QueryRows = arena.Take<float>(shape.Filtered ? (nint)shape.QueryCount * shape.Dimension : 0);
        return scratch;
    }
}
