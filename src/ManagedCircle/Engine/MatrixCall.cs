using ManagedCircle.Kernels;

namespace ManagedCircle.Engine;

/// <summary>What a matrix of similarities is made of.</summary>
internal ref struct MatrixCall
{
    public RowMatrix Queries;

    /// <summary>The references; the queries themselves in a matrix of rows with themselves.</summary>
    public RowMatrix References;

    /// <summary>Whether the references are the queries.</summary>
    public bool Self;

    /// <summary>Whether rows are divided by their norm.</summary>
    public bool Normalize;
}

/// <summary>The sizes of a call, and what is asked for.</summary>
internal readonly record struct MatrixShape
{
    public bool Self { get; private init; }

    public bool Normalize { get; private init; }

    public int QueryCount { get; private init; }

    /// <summary>How many references there are beside the queries; 0 in a matrix of rows with themselves.</summary>
    public int ReferenceCount { get; private init; }

    public int Dimension { get; private init; }

    /// <summary>Whether the gradient of the queries is asked for; of rows with themselves that is all of it.</summary>
    public bool QueryGradient { get; private init; }

    /// <summary>Whether the gradient of the references is asked for.</summary>
    public bool ReferenceGradient { get; private init; }

    public int Workers { get; private init; }

    /// <summary>Rows of a unit: as the left operand they fit the L2 cache well, beside what streams through; a mirrored unit has long rows to write.</summary>
    public int RowBlock => Self ? Layout.Tile : Math.Clamp((1 << 15) / Dimension / Layout.Pack * Layout.Pack, 2 * Layout.Pack, Layout.Tile);

    /// <summary>The shape of a call.</summary>
    public static unsafe MatrixShape Of(in MatrixCall call, in MatrixCallerMemory caller, int threads)
    {
        int dimension = call.Queries.Count > 0 ? call.Queries.Dimension : call.References.Dimension;
        long work = (long)call.Queries.Count * call.References.Count * Math.Max(dimension, Layout.SumLanes) / (call.Self ? 2 : 1);
        return new MatrixShape
        {
            Self = call.Self,
            Normalize = call.Normalize,
            QueryCount = call.Queries.Count,
            ReferenceCount = call.Self ? 0 : call.References.Count,
            Dimension = dimension,
            QueryGradient = caller.QueryGradient != null,
            ReferenceGradient = caller.ReferenceGradient != null,
            Workers = Team.Workers(work / Team.WorkPerWorker, threads),
        };
    }
}

/// <summary>The caller's memory, while a call has it pinned.</summary>
internal unsafe struct MatrixCallerMemory
{
    public float* QueryRows, ReferenceRows;

    /// <summary>Numbers from one row to the next, in the gradient too.</summary>
    public nint QueryStride, ReferenceStride;

    /// <summary>The similarities, written forward; or their gradient, read backward.</summary>
    public float* Matrix;

    public nint MatrixStride;

    /// <summary>Receive the gradients; null to leave them out.</summary>
    public float* QueryGradient, ReferenceGradient;

    /// <summary>Whether the matrix is written past the caches; and whether its columns begin with one that begins a cache line, those before it last.</summary>
    public bool Streamed, Aligned;
}

/// <summary>Every array of a call.</summary>
internal unsafe struct MatrixMemory
{
    /// <summary>Numbers that each worker has for itself: a tile.</summary>
    private const nint ScratchSize = Layout.Tile * Layout.TileStride;

    /// <summary>The rows; in a matrix of rows with themselves the references are the queries.</summary>
    public PackedRows Queries, References;

    /// <summary>The gradients in slices, as the rows are; null where they are not asked for.</summary>
    public float* QueryGradient, ReferenceGradient;

    private float* scratch;

    /// <summary>Takes the memory of a call.</summary>
    public static MatrixMemory Lay(ref Arena arena, in MatrixShape shape)
    {
        // Of a product's operands the left one lies in slices, the right one in panels; a gradient takes slices.
        bool gradients = shape.QueryGradient || shape.ReferenceGradient;
        MatrixMemory memory = default;
        memory.Queries = PackedRows.Lay(ref arena, shape.QueryCount, shape.Dimension, panels: shape.Self && !gradients);
        memory.References = shape.Self
            ? memory.Queries
            : PackedRows.Lay(ref arena, shape.ReferenceCount, shape.Dimension, panels: !gradients, slices: gradients);
        memory.QueryGradient = arena.Take<float>(shape.QueryGradient ? memory.Queries.SlicesSize : 0);
        memory.ReferenceGradient = arena.Take<float>(shape.ReferenceGradient ? memory.References.SlicesSize : 0);
        memory.scratch = arena.Take<float>(ScratchSize * shape.Workers);
        return memory;
    }

    /// <summary>What a worker has for itself.</summary>
    public readonly float* ScratchOf(int worker) => scratch + (worker * ScratchSize);
}
