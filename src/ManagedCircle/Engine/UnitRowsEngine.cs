using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>How rows become unit rows, and the gradient of unit rows that of the rows: a panel at a time.</summary>
internal sealed unsafe class UnitRowsEngine<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    private readonly Team team;
    private readonly Workspace workspace;
    private readonly int threads;
    private readonly Action<int> step;

    // The call under way.
    private CallerRows caller;
    private byte* scratch;
    private nuint scratchSize;
    private SharedCounter taken;

    public UnitRowsEngine(Team team, Workspace workspace, int threads)
    {
        this.team = team;
        this.workspace = workspace;
        this.threads = threads;
        step = Work;
    }

    /// <summary>Writes the unit rows; with a gradient of unit rows that of the rows. All are laid out as the rows are.</summary>
    public void Run(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> destination)
    {
        fixed (float* rowMemory = rows.Rows, gradientMemory = unitGradient, result = destination)
        {
            try
            {
                caller = new()
                {
                    Rows = rowMemory,
                    UnitGradient = gradientMemory,
                    Destination = result,
                    Stride = rows.Stride,
                    Count = rows.Count,
                    Dimension = rows.Dimension,
                };
                int workers = Team.Workers((long)rows.Count * rows.Dimension / Team.WorkPerWorker, threads);
                Arena counted = default;
                LayScratch(ref counted);
                scratchSize = counted.Used;
                Arena arena = workspace.Reset(scratchSize * (nuint)workers);
                scratch = arena.Take<byte>((nint)scratchSize * workers);
                taken.Value = 0;
                team.Run(workers, step);
            }
            finally
            {
                caller = default;
            }
        }
    }

    private void Work(int worker)
    {
        Arena arena = new(scratch + ((nuint)worker * scratchSize), scratchSize);
        (PackedRows unit, PackedRows gradient) = LayScratch(ref arena);
        for (long panel = team.Next(ref taken); panel < Layout.Blocks(caller.Count, Layout.Pack); panel = team.Next(ref taken))
        {
            int first = (int)panel * Layout.Pack, count = Math.Min(Layout.Pack, caller.Count - first);
            nint start = first * caller.Stride;
            float* destination = caller.Destination + start;
            (unit.Count, gradient.Count) = (count, count);
            RowPacking.Pack<TSimd>(caller.Rows + start, caller.Stride, null, normalize: true, unit, 0);
            if (caller.UnitGradient == null)
            {
                for (int row = 0; row < count; row++)
                {
                    TileCopy.Slices(unit.Slice(0, row), unit.SliceStride, unit.Dimension, destination + (row * caller.Stride));
                }

                continue;
            }

            RowPacking.Pack<TSimd>(caller.UnitGradient + start, caller.Stride, null, normalize: false, gradient, 0);
            for (int row = 0; row < count; row++)
            {
                RowPacking.Unpack<TSimd>(unit, gradient.Slices, row, normalize: true, selfSlope: 0, destination + (row * caller.Stride));
            }
        }
    }

    // A panel's unit rows and their gradient.
    private (PackedRows Unit, PackedRows Gradient) LayScratch(ref Arena arena) =>
        (PackedRows.Lay(ref arena, Layout.Pack, caller.Dimension, panels: false), PackedRows.Lay(ref arena, Layout.Pack, caller.Dimension, panels: false));

    /// <summary>The caller's memory, while a call has it pinned.</summary>
    private struct CallerRows
    {
        /// <summary>The gradient of the unit rows is null where unit rows are asked for.</summary>
        public float* Rows, UnitGradient, Destination;

        public nint Stride;

        public int Count, Dimension;
    }
}
