using System.Runtime.InteropServices;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Engine;

/// <summary>The packed rows and the labels of a gallery: memory that grows, panel by panel.</summary>
internal sealed unsafe class GalleryPanels(int dimension) : IDisposable
{
    private readonly Workspace scratch = new();
    private PackedRows rows = new() { Dimension = dimension };
    private long* labels;
    private int room;

    ~GalleryPanels() => Free();

    /// <summary>The rows in panels.</summary>
    public PackedRows Rows => rows;

    public int Count => rows.Count;

    /// <summary>The class of each row.</summary>
    public Span<long> Labels => new(labels, Count);

    /// <summary>The bytes of memory it holds.</summary>
    public long Bytes => (room * (long)sizeof(long)) + (PanelsOf(room) * (long)rows.PanelSize * sizeof(float)) + (long)scratch.Capacity;

    /// <summary>Makes it hold so many rows; new ones hold anything.</summary>
    public void Resize(int count)
    {
        if (count > room)
        {
            int more = Layout.Packed((int)Math.Min(Math.Max(count, 2L * room), int.MaxValue - Layout.Pack));
            rows.Panels = (float*)NativeMemory.AlignedRealloc(
                rows.Panels, checked((nuint)PanelsOf(more) * (nuint)rows.PanelSize * sizeof(float)), Arena.Alignment);
            labels = (long*)NativeMemory.Realloc(labels, (nuint)more * sizeof(long));
            room = more;
        }

        rows.Count = count;
    }

    /// <summary>Packs rows over those from <paramref name="first"/> on.</summary>
    public void Put(int first, RowMatrix from, bool normalize)
    {
        fixed (float* source = from.Rows)
        {
            SimdChoice.On<Packing, bool>(SimdChoice.Resolve(SimdWidth.Auto), new Packing(this, first, source, from.Stride, from.Count, normalize));
        }
    }

    /// <summary>Writes a row over another.</summary>
    public void Move(int from, int to)
    {
        float* source = At(from), destination = At(to);
        for (int i = 0; i < dimension; i++)
        {
            destination[i * Layout.Pack] = source[i * Layout.Pack];
        }

        labels[to] = labels[from];
    }

    /// <summary>Writes one row as it is held.</summary>
    public void CopyRow(int row, Span<float> destination)
    {
        float* source = At(row);
        for (int i = 0; i < dimension; i++)
        {
            destination[i] = source[i * Layout.Pack];
        }
    }

    public void Dispose()
    {
        scratch.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    private static int PanelsOf(int count) => Layout.Blocks(count, Layout.Pack);

    private float* At(int row) => rows.Panel(row) + (row % Layout.Pack);

    private void Free()
    {
        NativeMemory.AlignedFree(rows.Panels);
        NativeMemory.Free(labels);
        rows.Panels = null;
        labels = null;
        (room, rows.Count) = (0, 0);
    }

    // A panel at a time: in its place where nobody else's rows are in it, otherwise in the scratch, from where its rows are copied.
    private void Put<TSimd>(int first, float* source, nint stride, int count, bool normalize)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        Arena arena = scratch.Reset((nuint)((rows.PanelSize + (Layout.Pack * Layout.Pack) + Layout.Pack) * sizeof(float)));
        PackedRows panel = new() { Dimension = dimension, Panels = arena.Take<float>(rows.PanelSize) };
        panel.Slices = arena.Take<float>(Layout.Pack * Layout.Pack);
        panel.InverseNorms = arena.Take<float>(Layout.Pack);
        float* own = panel.Panels;
        for (int row = 0; row < count; row += panel.Count, source += panel.Count * stride)
        {
            int place = first + row, lane = place % Layout.Pack;
            panel.Count = Math.Min(count - row, Layout.Pack - lane);
            bool alone = lane == 0 && (panel.Count == Layout.Pack || place + panel.Count == Count);
            panel.Panels = alone ? rows.Panel(place) : own;
            RowPacking.Pack<TSimd>(source, stride, null, normalize, panel, 0);
            if (!alone)
            {
                TileCopy.Rows(own, Layout.Pack, dimension, panel.Count, At(place), Layout.Pack);
            }
        }
    }

    private readonly struct Packing(GalleryPanels panels, int first, float* source, nint stride, int count, bool normalize) : ISimdCode<bool>
    {
        public bool Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd>
        {
            panels.Put<TSimd>(first, source, stride, count, normalize);
            return true;
        }
    }
}
