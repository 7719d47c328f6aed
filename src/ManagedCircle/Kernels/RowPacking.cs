using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Normalises rows and packs them; and takes a gradient back through the normalisation.</summary>
internal static unsafe class RowPacking
{
    /// <summary>Norms below this count as this.</summary>
    public const float NormFloor = 1e-12f;

    /// <summary>Sums of squares in this range lost nothing to underflow or overflow, and belong to rows well above the floor.</summary>
    public const float SafeLow = 1e-22f, SafeHigh = 1e37f;

    private const float Shrink = 1f / (1L << 40);

    /// <summary>Packs up to 32 rows, from <paramref name="first"/> on, which begins a panel. Returns the first row that holds NaN or infinity, or -1.</summary>
    /// <param name="rows">Rows to pack, <paramref name="stride"/> apart.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    /// <param name="kept">The row to take for each packed row, or null for all, in the order of <paramref name="packed"/>.</param>
    /// <param name="normalize">Whether to divide by the norm.</param>
    /// <param name="packed">Where to.</param>
    /// <param name="first">The first row to pack.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static int Pack<TSimd>(float* rows, nint stride, int* kept, bool normalize, in PackedRows packed, int first)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int dimension = packed.Dimension, fullPacks = dimension / Layout.Pack * Layout.Pack;
        int count = Math.Min(Layout.Pack, packed.Count - first);
        int bad = -1;
        float* memory = stackalloc float[(Layout.Pack * Layout.Pack) + (2 * Layout.SumLanes)];
        float* padded = (float*)(((nuint)memory + 63) & ~(nuint)63), lanes = padded + (Layout.Pack * Layout.Pack);
        float* shrinks = stackalloc float[Layout.Pack], inverses = stackalloc float[Layout.Pack];
        float** sources = stackalloc float*[Layout.Pack];
        for (int row = 0; row < count; row++)
        {
            int source = kept == null ? packed.Row(first + row) : kept[first + row];
            float* x = rows + (source * stride), rest = padded + (row * Layout.Pack);
            CopyPadded(x + fullPacks, rest, dimension - fullPacks);
            float sum = SumOfSquares<TSimd>(x, fullPacks, rest, dimension > fullPacks, lanes);
            double norm = 1;
            if (!(sum >= SafeLow && sum <= SafeHigh))
            {
                norm = NormInDouble(x, dimension);
                bad = double.IsFinite(norm) || (uint)bad < (uint)source ? bad : source;
            }
            else if (normalize)
            {
                norm = MathF.Sqrt(sum);
            }

            // 1 / norm would be subnormal, and inexact, for rows beyond 1e38: those shrink on the way.
            float shrink = normalize && norm > SafeHigh ? Shrink : 1;
            float inverse = !normalize ? 1 : norm == 0 ? 0 : (float)(1 / (Math.Max(norm, NormFloor) * shrink));
            packed.InverseNorms[first + row] = inverse * shrink;
            sources[row] = x;
            (shrinks[row], inverses[row]) = (shrink, inverse);
        }

        // Block by block of 32 rows by 32 coordinates, 4 KB side by side in a slice and in a panel. Stores wait for memory as loads do: ask for that of the
        // next block.
        float* slice = packed.Slice(0, first), panel = packed.Panels == null ? null : packed.Panel(first);
        for (int start = 0; start < dimension; start += Layout.Pack, slice += packed.SliceStride)
        {
            for (int row = 0; row < count; row++)
            {
                float* from = start < fullPacks ? sources[row] + start : padded + (row * Layout.Pack), to = slice + (row * Layout.Pack);
                TSimd shrink = TSimd.Broadcast(shrinks[row]), inverse = TSimd.Broadcast(inverses[row]);
                Prefetch.NearRow(to + packed.SliceStride);
                if (panel != null)
                {
                    Prefetch.NearRow(panel + ((start + Layout.Pack + row) * Layout.Pack));
                }

                for (int lane = 0; lane < Layout.Pack; lane += TSimd.Lanes)
                {
                    TSimd.Store(TSimd.Load(from + lane) * shrink * inverse, to + lane);
                }
            }

            if (panel != null)
            {
                new Span<float>(slice + (count * Layout.Pack), (Layout.Pack - count) * Layout.Pack).Clear();
                Transposition.Transpose<TSimd, Cached>(slice, Layout.Pack, Layout.Pack, Layout.Pack, panel + (start * Layout.Pack), Layout.Pack);
            }
        }

        return bad;
    }

    /// <summary>Turns dL/du into dL/dx for one row and writes it.</summary>
    /// <remarks>
    /// With u = x / |x|: dL/dx = (g - &lt;g, u&gt; u) / |x|. Where the norm counted as its floor it is a constant: dL/dx = g / floor. A zero row gets 0.
    /// </remarks>
    /// <param name="packed">The unit rows.</param>
    /// <param name="gradient">dL/du in slices, as the rows are.</param>
    /// <param name="row">The row.</param>
    /// <param name="normalize">Whether the rows were normalised.</param>
    /// <param name="selfSlope">What the pair of the row with itself adds: the number of times u to add to g.</param>
    /// <param name="destination">Receives dL/dx, shape [dimension].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Unpack<TSimd>(in PackedRows packed, float* gradient, int row, bool normalize, float selfSlope, float* destination)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int dimension = packed.Dimension;
        float* unit = packed.Slice(0, row);
        float* g = gradient + ((nint)row * Layout.Pack);
        float inverse = packed.InverseNorms[row];
        float along = -selfSlope;
        if (normalize && inverse < 1 / NormFloor)
        {
            along = Dot<TSimd>(g, unit, dimension, packed.SliceStride);
        }

        TSimd times = TSimd.Broadcast(-along), scale = TSimd.Broadcast(inverse);
        float* padded = stackalloc float[Layout.Pack];
        for (int start = 0; start < dimension; start += Layout.Pack, unit += packed.SliceStride, g += packed.SliceStride)
        {
            bool fits = start + Layout.Pack <= dimension;
            float* to = fits ? destination + start : padded;
            Prefetch.NearRow(unit + (4 * Layout.Pack));
            Prefetch.NearRow(g + (4 * Layout.Pack));
            for (int lane = 0; lane < Layout.Pack; lane += TSimd.Lanes)
            {
                TSimd.Store(TSimd.MultiplyAdd(times, TSimd.Load(unit + lane), TSimd.Load(g + lane)) * scale, to + lane);
            }

            if (!fits)
            {
                new ReadOnlySpan<float>(padded, dimension - start).CopyTo(new Span<float>(destination + start, dimension - start));
            }
        }
    }

    /// <summary>&lt;u, g + selfSlope u&gt; of a packed row and its dL/du in slices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Along<TSimd>(in PackedRows packed, float* gradient, int row, float selfSlope)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        float along = Dot<TSimd>(packed.Slice(0, row), gradient + ((nint)row * Layout.Pack), packed.Dimension, packed.SliceStride);
        return selfSlope == 0 ? along : along + (selfSlope * SquaredNorm<TSimd>(packed, row));
    }

    /// <summary>&lt;u, u&gt; of a packed row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SquaredNorm<TSimd>(in PackedRows packed, int row)
        where TSimd : unmanaged, ISimd<TSimd> => Dot<TSimd>(packed.Slice(0, row), packed.Slice(0, row), packed.Dimension, packed.SliceStride);

    /// <summary>The inner product of two rows in slices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [SkipLocalsInit]
    private static float Dot<TSimd>(float* left, float* right, int dimension, nint sliceStride)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        float* lanes = stackalloc float[Layout.SumLanes];
        for (int group = 0; group < Layout.SumLanes; group += TSimd.Lanes)
        {
            TSimd sum = default;
            nint at = group;
            for (int start = 0; start < dimension; start += Layout.Pack, at += sliceStride)
            {
                sum = TSimd.MultiplyAdd(TSimd.Load(left + at), TSimd.Load(right + at), sum);
                sum = TSimd.MultiplyAdd(TSimd.Load(left + at + Layout.SumLanes), TSimd.Load(right + at + Layout.SumLanes), sum);
            }

            TSimd.Store(sum, lanes + group);
        }

        return RunningSums.SumOfLanes(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyPadded(float* source, float* padded, int count)
    {
        if (count > 0)
        {
            new Span<float>(padded, Layout.Pack).Clear();
            new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(padded, count));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOfSquares<TSimd>(float* x, int fullPacks, float* rest, bool hasRest, float* lanes)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int group = 0; group < Layout.SumLanes; group += TSimd.Lanes)
        {
            TSimd sum = default;
            for (int start = group; start < fullPacks; start += Layout.SumLanes)
            {
                TSimd value = TSimd.Load(x + start);
                sum = TSimd.MultiplyAdd(value, value, sum);
            }

            if (hasRest)
            {
                TSimd low = TSimd.Load(rest + group), high = TSimd.Load(rest + group + Layout.SumLanes);
                sum = TSimd.MultiplyAdd(high, high, TSimd.MultiplyAdd(low, low, sum));
            }

            TSimd.Store(sum, lanes + group);
        }

        return RunningSums.SumOfLanes(lanes);
    }

    // For rows of huge, tiny or non-finite numbers: every finite float's square is a normal double.
    private static double NormInDouble(float* x, int dimension)
    {
        double sum = 0;
        for (int i = 0; i < dimension; i++)
        {
            sum += (double)x[i] * x[i];
        }

        return Math.Sqrt(sum);
    }
}
