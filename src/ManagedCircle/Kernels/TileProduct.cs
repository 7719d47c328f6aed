using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>How the left operand of a product lies in memory: constants, so that a kernel's rows are displacements from one pointer.</summary>
internal interface ILeftLayout
{
    /// <summary>Numbers from one row to the next.</summary>
    static abstract int RowStride { get; }

    /// <summary>Numbers from one step of the sum to the next.</summary>
    static abstract int DepthStride { get; }

    /// <summary>Whether to ask for the next rows ahead of time: they come from beyond the L2 cache, in runs too short for the hardware to foresee.</summary>
    static abstract bool Prefetch { get; }
}

/// <summary>Unit rows in slices: the left operand of the similarity product.</summary>
internal readonly struct Slices : ILeftLayout
{
    public static int RowStride => Layout.Pack;

    public static int DepthStride => 1;

    public static bool Prefetch => true;
}

/// <summary>A tile, row by row: the left operand of <c>H U</c>.</summary>
internal readonly struct TileRows : ILeftLayout
{
    public static int RowStride => Layout.TileStride;

    public static int DepthStride => 1;

    public static bool Prefetch => false;
}

/// <summary>A tile, column by column: the left operand of <c>H^T U</c>.</summary>
internal readonly struct TileColumns : ILeftLayout
{
    public static int RowStride => 1;

    public static int DepthStride => Layout.TileStride;

    public static bool Prefetch => false;
}

/// <summary>Where the left operand of a product lies: element (r, k) at r RowStride + (k mod 32) DepthStride + (k / 32) Jump.</summary>
internal readonly unsafe struct LeftOperand<TLayout>(float* start, nint jump)
    where TLayout : struct, ILeftLayout
{
    public readonly float* Start = start;

    /// <summary>Numbers from one run of 32 steps of the sum to the next.</summary>
    public readonly nint Jump = jump;

    /// <summary>The rows from <paramref name="row"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public LeftOperand<TLayout> From(int row) => new(Start + ((nint)row * TLayout.RowStride), Jump);
}

/// <summary>Where a product goes: rows of 32.</summary>
internal readonly unsafe struct ProductTarget(float* start, nint stride, bool add, float* copy = null)
{
    public readonly float* Start = start;

    /// <summary>Numbers from one row to the next.</summary>
    public readonly nint Stride = stride;

    /// <summary>Whether the product is added to what is there, or overwrites it.</summary>
    public readonly bool Add = add;

    /// <summary>Receives the result a second time, rows of 32 side by side; null for none.</summary>
    public readonly float* Copy = copy;

    /// <summary>The rows from <paramref name="row"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ProductTarget From(int row) => new(Start + (row * Stride), Stride, Add, Copy == null ? null : Copy + (row * Layout.Pack));

    /// <summary>The columns from <paramref name="column"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ProductTarget FromColumn(int column) => new(Start + column, Stride, Add, Copy == null ? null : Copy + column);
}

/// <summary>How many rows a kernel holds in registers.</summary>
internal interface IRowCount
{
    static abstract int Count { get; }
}

/// <summary>One row.</summary>
internal readonly struct Rows1 : IRowCount
{
    public static int Count => 1;
}

/// <summary>Two rows.</summary>
internal readonly struct Rows2 : IRowCount
{
    public static int Count => 2;
}

/// <summary>Four rows.</summary>
internal readonly struct Rows4 : IRowCount
{
    public static int Count => 4;
}

/// <summary>Six rows: all that 16 registers hold.</summary>
internal readonly struct Rows6 : IRowCount
{
    public static int Count => 6;
}

/// <summary>Eight rows, for 32 registers.</summary>
internal readonly struct Rows8 : IRowCount
{
    public static int Count => 8;
}

/// <summary>The one matrix product: every multiply-add of similarities and gradients is made here.</summary>
internal static unsafe class TileProduct
{
    /// <summary>C[rows, 32] (+)= A[rows, depth] B[depth, 32].</summary>
    /// <param name="left">A.</param>
    /// <param name="right">B: rows of 32, one after the other.</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="target">C. Where it goes past the caches, its rows begin with a cache line.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="next">The right operand of the product that follows, to be asked for meanwhile; null for none.</param>
    /// <remarks>Each element is one chain of multiply-adds in the order of k, whatever the width of the vectors and the rows at once.</remarks>
    public static void MultiplyAdd<TSimd, TLeft, TStores>(LeftOperand<TLeft> left, float* right, int depth, ProductTarget target, int rows, float* next = null)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLeft : struct, ILeftLayout
        where TStores : struct, IStores
    {
        int tiles = rows / TSimd.TileRows, done = tiles * TSimd.TileRows;
        if (TSimd.TileRows == 8)
        {
            Columns<TSimd, TLeft, TStores, Rows8>(left, right, depth, target, tiles, next);
        }
        else
        {
            Columns<TSimd, TLeft, TStores, Rows6>(left, right, depth, target, tiles, next);
        }

        if (rows - done >= 4)
        {
            Columns<TSimd, TLeft, TStores, Rows4>(left.From(done), right, depth, target.From(done), 1, null);
            done += 4;
        }

        if (rows - done >= 2)
        {
            Columns<TSimd, TLeft, TStores, Rows2>(left.From(done), right, depth, target.From(done), 1, null);
            done += 2;
        }

        if (rows - done >= 1)
        {
            Columns<TSimd, TLeft, TStores, Rows1>(left.From(done), right, depth, target.From(done), 1, null);
        }
    }

    /// <summary>Whether a register tile, which is two vectors wide, has whole cache lines as rows: then it can be stored past the caches.</summary>
    public static bool StoresWholeLines<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd> => 2 * TSimd.Lanes >= Prefetch.Line;

    /// <summary>Covers the 32 columns with register tiles that are two vectors wide.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns<TSimd, TLeft, TStores, TRows>(
        in LeftOperand<TLeft> left, float* right, int depth, in ProductTarget target, int tiles, float* next)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLeft : struct, ILeftLayout
        where TStores : struct, IStores
        where TRows : struct, IRowCount
    {
        for (int column = 0; column < Layout.Pack; column += 2 * TSimd.Lanes)
        {
            RegisterTiles<TSimd, TLeft, TStores, TRows>(left, right + column, depth, target.FromColumn(column), tiles, next);
            next = null;
        }
    }

    // C[tiles TRows, 2 vectors] += A[tiles TRows, depth] B[depth, 2 vectors]. The sums of one tile live in registers: per step two loads, a broadcast
    // per row and two multiply-adds per row. The rows are spelled out because only locals live in registers; those beyond TRows fold away. The
    // tiles follow each other in here, not in a loop of calls: a call's start and end cost 3 % of a depth of 128.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RegisterTiles<TSimd, TLeft, TStores, TRows>(
        in LeftOperand<TLeft> leftOperand, float* right, int depth, in ProductTarget target, int tiles, float* next)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLeft : struct, ILeftLayout
        where TStores : struct, IStores
        where TRows : struct, IRowCount
    {
        float* left = leftOperand.Start, destination = target.Start, copy = target.Copy;
        nint jump = leftOperand.Jump, stride = target.Stride;
        bool add = target.Add;

        // The operand that follows is as large as this one: each tile asks for its share, spread over the sum, as many requests at once would hold up its own
        // loads.
        int lines = next == null || tiles == 0 ? 0 : ((Layout.Pack * Layout.Pack / Prefetch.Line) + tiles - 1) / tiles;
        for (; tiles > 0; tiles--, left += TRows.Count * TLeft.RowStride, destination += TRows.Count * stride)
        {
            // C is far away (L2 or beyond) and needed last: ask for it now.
            for (int row = 0; add && row < TRows.Count; row++)
            {
                Prefetch.Near(destination + (row * stride));
                Prefetch.Near(destination + (row * stride) + (2 * TSimd.Lanes) - 1);
            }

            TSimd c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
            TSimd c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
            float* run = left, b = right;
            for (int rest = depth; rest > 0; rest -= Layout.Pack, run += jump)
            {
                float* a = run, ahead = run + (TRows.Count * TLeft.RowStride);
                for (int line = 0; line < lines; line++, next += Prefetch.Line)
                {
                    Prefetch.Far(next);
                }

                for (int k = Math.Min(rest, Layout.Pack); k > 0; k--, a += TLeft.DepthStride, b += Layout.Pack)
                {
                    if (TLeft.Prefetch)
                    {
                        Prefetch.Near(ahead);
                        ahead += TRows.Count;
                    }

                    TSimd b0 = TSimd.Load(b);
                    TSimd b1 = TSimd.Load(b + TSimd.Lanes);
                    TSimd x = TSimd.Broadcast(a[0]);
                    TSimd.AddProduct(x, b0, ref c00);
                    TSimd.AddProduct(x, b1, ref c01);

                    if (TRows.Count > 1)
                    {
                        x = TSimd.Broadcast(a[TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c10);
                        TSimd.AddProduct(x, b1, ref c11);
                    }

                    if (TRows.Count > 2)
                    {
                        x = TSimd.Broadcast(a[2 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c20);
                        TSimd.AddProduct(x, b1, ref c21);
                    }

                    if (TRows.Count > 3)
                    {
                        x = TSimd.Broadcast(a[3 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c30);
                        TSimd.AddProduct(x, b1, ref c31);
                    }

                    if (TRows.Count > 4)
                    {
                        x = TSimd.Broadcast(a[4 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c40);
                        TSimd.AddProduct(x, b1, ref c41);
                    }

                    if (TRows.Count > 5)
                    {
                        x = TSimd.Broadcast(a[5 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c50);
                        TSimd.AddProduct(x, b1, ref c51);
                    }

                    if (TRows.Count > 6)
                    {
                        x = TSimd.Broadcast(a[6 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c60);
                        TSimd.AddProduct(x, b1, ref c61);
                    }

                    if (TRows.Count > 7)
                    {
                        x = TSimd.Broadcast(a[7 * TLeft.RowStride]);
                        TSimd.AddProduct(x, b0, ref c70);
                        TSimd.AddProduct(x, b1, ref c71);
                    }
                }
            }

            Put<TSimd, TStores>(c00, c01, destination, add, copy, 0);
            if (TRows.Count > 1)
            {
                Put<TSimd, TStores>(c10, c11, destination + stride, add, copy, 1);
            }

            if (TRows.Count > 2)
            {
                Put<TSimd, TStores>(c20, c21, destination + (2 * stride), add, copy, 2);
            }

            if (TRows.Count > 3)
            {
                Put<TSimd, TStores>(c30, c31, destination + (3 * stride), add, copy, 3);
            }

            if (TRows.Count > 4)
            {
                Put<TSimd, TStores>(c40, c41, destination + (4 * stride), add, copy, 4);
            }

            if (TRows.Count > 5)
            {
                Put<TSimd, TStores>(c50, c51, destination + (5 * stride), add, copy, 5);
            }

            if (TRows.Count > 6)
            {
                Put<TSimd, TStores>(c60, c61, destination + (6 * stride), add, copy, 6);
            }

            if (TRows.Count > 7)
            {
                Put<TSimd, TStores>(c70, c71, destination + (7 * stride), add, copy, 7);
            }

            copy = copy == null ? null : copy + (TRows.Count * Layout.Pack);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TSimd, TStores>(TSimd first, TSimd second, float* destination, bool add, float* copy, int row)
        where TSimd : unmanaged, ISimd<TSimd>
        where TStores : struct, IStores
    {
        if (add)
        {
            first += TSimd.Load(destination);
            second += TSimd.Load(destination + TSimd.Lanes);
        }

        TStores.Store(first, destination);
        TStores.Store(second, destination + TSimd.Lanes);
        if (copy != null)
        {
            TSimd.Store(first, copy + (row * Layout.Pack));
            TSimd.Store(second, copy + (row * Layout.Pack) + TSimd.Lanes);
        }
    }
}
