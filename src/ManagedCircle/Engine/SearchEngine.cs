using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>How queries find their nearest references: similarities are looked at where they are made, and never become a matrix.</summary>
/// <remarks>
/// <b>Pack</b> the queries, then take blocks of references: pack one into the worker's scratch, unless it is packed already, multiply it with the queries, a
/// strip of 32 references at a time, and <b>keep</b> of a strip what is above a query's threshold. Few queries <b>look</b> at rows first, and have those packed
/// that may be. In the end the lists of the workers become one.
/// </remarks>
internal abstract class SearchEngine : IDisposable
{
    /// <summary>The engine for the vectors asked for.</summary>
    public static SearchEngine Create(ExecutionOptions execution)
    {
        SimdWidth width = SimdChoice.Resolve(execution.SimdWidth);
        return SimdChoice.On<Maker, SearchEngine>(width, new Maker(execution, width));
    }

    /// <summary>The vectors it runs on.</summary>
    public abstract SimdWidth SimdWidth { get; }

    /// <summary>The bytes of memory it holds.</summary>
    public abstract long WorkspaceBytes { get; }

    /// <summary>Writes the nearest references of each query, the nearest first.</summary>
    public abstract void Nearest(in SearchCall call, int neighbors, Span<int> indices, Span<float> similarities);

    /// <summary>Writes all references that are more similar than a number, query by query, if there is room; returns how many there are.</summary>
    public abstract long Above(in SearchCall call, float threshold, Span<int> starts, Span<int> indices, Span<float> similarities);

    public abstract void Dispose();

    private readonly struct Maker(ExecutionOptions execution, SimdWidth width) : ISimdCode<SearchEngine>
    {
        public SearchEngine Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new SearchEngine<TSimd>(execution, width);
    }
}

/// <inheritdoc/>
internal sealed unsafe class SearchEngine<TSimd> : SearchEngine
    where TSimd : unmanaged, ISimd<TSimd>
{
    private readonly Team team;
    private readonly int threads;
    private readonly Workspace workspace = new(), placing = new();
    private readonly FoundList[] found;
    private readonly Action<int> nearest, above;

    // The call under way.
    private SearchShape shape;
    private SearchMemory memory;
    private SearchCallerMemory caller;
    private Admission admission;
    private RowsPacking packing;
    private SharedCounter taken, done, written;
    private int groups;

    public SearchEngine(ExecutionOptions execution, SimdWidth width)
    {
        SimdWidth = width;
        threads = execution.Threads;
        team = new Team(execution);
        found = [.. Enumerable.Range(0, threads).Select(static _ => new FoundList())];
        (nearest, above) = (Nearest, Above);
    }

    public override SimdWidth SimdWidth { get; }

    public override long WorkspaceBytes => (long)(workspace.Capacity + placing.Capacity) + found.Sum(static list => list.Bytes);

    public override void Nearest(in SearchCall call, int neighbors, Span<int> indices, Span<float> similarities)
    {
        fixed (int* indexMemory = indices)
        fixed (float* similarityMemory = similarities)
        {
            Run(nearest, call, new() { Neighbors = neighbors, Indices = indexMemory, Similarities = similarityMemory });
        }
    }

    public override long Above(in SearchCall call, float threshold, Span<int> starts, Span<int> indices, Span<float> similarities)
    {
        foreach (FoundList list in found)
        {
            list.Clear();
        }

        Run(above, call, new() { Threshold = threshold });
        return Place(starts, indices, similarities);
    }

    public override void Dispose()
    {
        workspace.Dispose();
        placing.Dispose();
        Array.ForEach(found, static list => list.Dispose());
    }

    private void Run(Action<int> step, in SearchCall call, in SearchCallerMemory destinations)
    {
        fixed (float* queries = call.Queries.Rows, references = call.References.Rows)
        fixed (int* excluded = call.Terms.ExcludedReferences)
        fixed (bool* mask = call.Terms.Mask)
        {
            try
            {
                caller = destinations;
                caller.References = references;
                caller.ReferenceStride = call.References.Stride;
                caller.Packed = call.Packed;
                caller.Normalize = call.Normalize;
                shape = SearchShape.Of(call, caller.Neighbors, threads);
                for (int first = 0; first < shape.QueryCount; first += shape.QueriesAtOnce)
                {
                    admission = new() { Excluded = excluded, Mask = (byte*)mask, Self = call.Self, FirstQuery = first };
                    caller.Queries = queries + (first * (nint)call.Queries.Stride);
                    caller.QueryStride = call.Queries.Stride;
                    Prepare(Math.Min(shape.QueriesAtOnce, shape.QueryCount - first));
                    team.Run(shape.Workers, step);
                }
            }
            finally
            {
                caller = default;
                admission = default;
            }
        }
    }

    private void Prepare(int queries)
    {
        Arena counted = default;
        SearchMemory.Lay(ref counted, shape, admission);
        Arena arena = workspace.Reset(counted.Used);
        memory = SearchMemory.Lay(ref arena, shape, admission);
        memory.Queries.Count = queries;
        for (int worker = 0; shape.Wanted > 0 && worker < shape.Workers; worker++)
        {
            memory.Lists[worker].Clear(queries);
        }

        if (shape.Wanted == 0)
        {
            new Span<float>(memory.Thresholds, queries).Fill(caller.Threshold);
        }

        groups = shape.Groups(queries);
        packing.Reset();
        (taken.Value, done.Value, written.Value) = (0, 0, 0);
    }

    // ---- The steps ----------------------------------------------------------------------------------------------------------------------------------

    private void Nearest(int worker)
    {
        Search(worker, ref memory.Lists[worker]);

        // A list is whole when every block has been looked at, by whom ever.
        team.Await(ref done, (long)groups * shape.Blocks);
        for (long panel = team.Next(ref written); panel < Layout.Blocks(memory.Queries.Count, Layout.Pack); panel = team.Next(ref written))
        {
            int first = (int)panel * Layout.Pack;
            for (int query = first; query < Math.Min(first + Layout.Pack, memory.Queries.Count); query++)
            {
                Write(query);
            }
        }
    }

    private void Above(int worker)
    {
        FoundSink sink = new(found[worker], memory.Thresholds, admission);
        Search(worker, ref sink);
    }

    // A unit is a group of queries and a block of references. A worker takes those of a group in the order of the blocks, so that each query meets references
    // in ascending order.
    private void Search<TSink>(int worker, ref TSink sink)
        where TSink : struct, INeighborSink
    {
        ref SearchScratch scratch = ref memory.ScratchOf(worker);
        RowsToPack queries = new() { Rows = caller.Queries, Stride = caller.QueryStride, Packed = memory.Queries };
        packing.Run<TSimd>(team, queries, default, caller.Normalize, scratch.Strip);
        PrepareFilter(scratch);
        int blocks = shape.Blocks, perGroup = Layout.Packed(Layout.Blocks(memory.Queries.Count, groups));
        for (long step = team.Next(ref taken); step < (long)groups * blocks; step = team.Next(ref taken))
        {
            int first = (int)(step / blocks) * perGroup, end = Math.Min(first + perGroup, memory.Queries.Count);
            int reference = (int)(step % blocks) * shape.ColumnBlock, count = Math.Min(shape.ColumnBlock, shape.ReferenceCount - reference);
            int atOnce = shape.Filtered ? Layout.Pack : count;
            for (; count > 0 && first < end; reference += atOnce, count -= atOnce)
            {
                int some = Math.Min(atOnce, count);
                if (!shape.Filtered || MayPass(reference, some, scratch, sink.Thresholds))
                {
                    SearchBlock(first, end, reference, some, scratch, ref sink);
                }
            }

            Interlocked.Increment(ref done.Value);
        }
    }

    private void SearchBlock<TSink>(int first, int end, int reference, int count, in SearchScratch scratch, ref TSink sink)
        where TSink : struct, INeighborSink
    {
        float* panels = PanelsOf(reference, count, scratch);
        for (int query = first; query < end; query += shape.RowBlock)
        {
            int rows = Math.Min(shape.RowBlock, end - query);
            float* panel = panels;
            for (int column = 0; column < count; column += Layout.Pack, panel += memory.Queries.PanelSize)
            {
                Multiply(query, rows, panel, scratch.Strip);
                StripScan.Run<TSimd, TSink>(scratch.Strip, query, rows, reference + column, Math.Min(Layout.Pack, count - column), ref sink);
            }
        }
    }

    private void PrepareFilter(in SearchScratch scratch)
    {
        for (int query = 0; shape.Filtered && query < shape.QueryCount; query++)
        {
            float* row = scratch.QueryRows + ((nint)query * shape.Dimension);
            TileCopy.Slices(memory.Queries.Slice(0, query), memory.Queries.SliceStride, shape.Dimension, row);
            scratch.Queries[query] = RowFilter.Of<TSimd>(row, shape.Dimension);
        }
    }

    private bool MayPass(int reference, int count, in SearchScratch scratch, float* thresholds) =>
        RowFilter.MayPass<TSimd>(
            caller.References + (reference * caller.ReferenceStride), caller.ReferenceStride, count, shape.Dimension,
            new(scratch.Queries, shape.QueryCount), thresholds, caller.Normalize);

    // The panels of a block, of references that come as rows made in the worker's scratch.
    private float* PanelsOf(int reference, int count, in SearchScratch scratch)
    {
        if (shape.Packed)
        {
            return caller.Packed.Panel(reference);
        }

        PackedRows packed = scratch.References;
        packed.Count = count;
        for (int row = 0; row < count; row += Layout.Pack)
        {
            packed.Slices = scratch.References.Slices - (row * Layout.Pack);
            RowPacking.Pack<TSimd>(caller.References + (reference * caller.ReferenceStride), caller.ReferenceStride, null, caller.Normalize, packed, row);
        }

        return packed.Panels;
    }

    private void Multiply(int query, int rows, float* panel, float* strip)
    {
        for (int depth = 0; depth < shape.Dimension; depth += Layout.SimilarityDepth)
        {
            float* left = memory.Queries.Slice(depth / Layout.Pack, query), right = panel + ((nint)depth * Layout.Pack);
            int length = Math.Min(Layout.SimilarityDepth, shape.Dimension - depth);
            TileProduct.MultiplyAdd<TSimd, Slices, Cached>(
                new(left, memory.Queries.SliceStride), right, length, new(strip, Layout.Pack, add: depth > 0), rows);
        }
    }

    private void Write(int query)
    {
        for (int worker = 1; worker < shape.Workers; worker++)
        {
            memory.Lists[0].Add(memory.Lists[worker], query);
        }

        ReadOnlySpan<ulong> nearest = memory.Lists[0].Sorted(query);
        nint start = (nint)(admission.FirstQuery + query) * caller.Neighbors;
        for (int i = 0; i < caller.Neighbors; i++)
        {
            bool isThere = i < nearest.Length;
            caller.Indices[start + i] = isThere ? SimilarityKey.Index(nearest[i]) : -1;
            if (caller.Similarities != null)
            {
                caller.Similarities[start + i] = isThere ? SimilarityKey.Similarity(nearest[i]) : float.NegativeInfinity;
            }
        }
    }

    // Places what the workers found behind each other, query by query, and sorts what is a query's.
    private long Place(Span<int> starts, Span<int> indices, Span<float> similarities)
    {
        long total = 0;
        foreach (FoundList list in found)
        {
            total += list.Count;
        }

        if (total > indices.Length)
        {
            return total;
        }

        // The place for a query's first is, one further on, where that of the next query's comes to be.
        starts.Clear();
        foreach (FoundList list in found)
        {
            for (nint i = 0; i < list.Count; i++)
            {
                starts[list[i].Query + 1]++;
            }
        }

        for (int query = 1; query < starts.Length; query++)
        {
            starts[query] += starts[query - 1];
        }

        Arena arena = placing.Reset(((nuint)total * sizeof(ulong)) + Arena.Alignment);
        Span<ulong> keys = new(arena.Take<ulong>((nint)total), (int)total);
        foreach (FoundList list in found)
        {
            for (nint i = list.Count - 1; i >= 0; i--)
            {
                keys[--starts[list[i].Query + 1]] = list[i].Key;
            }
        }

        for (int query = 1; query < starts.Length; query++)
        {
            (int start, int end) = (starts[query], query + 1 < starts.Length ? starts[query + 1] : (int)total);
            keys[start..end].Sort();
            starts[query - 1] = start;
        }

        starts[^1] = (int)total;
        for (int i = 0; i < keys.Length; i++)
        {
            indices[i] = SimilarityKey.Index(keys[i]);
            if (!similarities.IsEmpty)
            {
                similarities[i] = SimilarityKey.Similarity(keys[i]);
            }
        }

        return total;
    }

    /// <summary>The caller's memory, while a call has it pinned, and what is asked for.</summary>
    private struct SearchCallerMemory
    {
        public float* Queries, References;

        public nint QueryStride, ReferenceStride;

        public PackedRows Packed;

        public bool Normalize;

        /// <summary>References that each query is to find, at least 1; 0 where all above the threshold are asked for.</summary>
        public int Neighbors;

        public float Threshold;

        /// <summary>Receive the nearest, shape [queries, Neighbors]; similarities are null where they are left out.</summary>
        public int* Indices;

        public float* Similarities;
    }
}
