using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using ManagedCircle.Engine;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>Copies parts of matrices between the caller's memory and tiles.</summary>
internal static unsafe class TileCopy
{
    /// <summary>destination[rows, columns] = source[rows, columns].</summary>
    public static void Rows(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride)
    {
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(destination, columns));
        }
    }

    /// <summary>destination[32, rows] = source[rows, 32]^T, past the caches. The source's rows lie side by side, as many as whole vectors hold; the destination's begin with a cache line.</summary>
    public static void StreamTransposed<TSimd>(float* source, int rows, float* destination, nint stride, float* scratch)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int column = 0; column < Layout.Pack; column += TSimd.Lanes)
        {
            for (int row = 0; row < rows; row += TSimd.Lanes)
            {
                Transposition.Square<TSimd, Streamed>(source + (row * Layout.Pack) + column, Layout.Pack, destination + (column * stride) + row, stride, scratch);
            }
        }
    }

    /// <summary>destination[columns, rows] = source[rows, columns]^T.</summary>
    public static void Transposed(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride) =>
        Transpose<Overwrite>(source, sourceStride, rows, columns, destination, stride);

    /// <summary>destination[columns, rows] += source[rows, columns]^T.</summary>
    public static void AddTransposed(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride) =>
        Transpose<Add>(source, sourceStride, rows, columns, destination, stride);

    /// <summary>Writes one row of <paramref name="dimension"/> numbers that lies in slices.</summary>
    public static void Slices(float* slice, nint sliceStride, int dimension, float* destination)
    {
        for (int start = 0; start < dimension; start += Layout.Pack, slice += sliceStride)
        {
            int count = Math.Min(Layout.Pack, dimension - start);
            new ReadOnlySpan<float>(slice, count).CopyTo(new Span<float>(destination + start, count));
        }
    }

    // What is done with a transposed number: a constant of the kernel.
    private interface IPut
    {
        static abstract bool Adds { get; }
    }

    private readonly struct Overwrite : IPut
    {
        public static bool Adds => false;
    }

    private readonly struct Add : IPut
    {
        public static bool Adds => true;
    }

    // Squares of 4 by 4 in four registers. Row by row of the source: where that is the caller's matrix, its stride may be a power of two, and then few of its
    // rows are in the L1 cache at once.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose<TPut>(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride)
        where TPut : struct, IPut
    {
        int wholeRows = rows & ~3, wholeColumns = columns & ~3;
        for (int row = 0; row < wholeRows; row += 4)
        {
            float* from = source + (row * sourceStride), to = destination + row;
            for (int column = 0; column < wholeColumns; column += 4, from += 4, to += 4 * stride)
            {
                Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + sourceStride);
                Vector128<float> c = Vector128.Load(from + (2 * sourceStride)), d = Vector128.Load(from + (3 * sourceStride));
                (Vector128<float> ac0, Vector128<float> ac1) = Interleave(a, c);
                (Vector128<float> bd0, Vector128<float> bd1) = Interleave(b, d);
                (a, b) = Interleave(ac0, bd0);
                (c, d) = Interleave(ac1, bd1);
                Put<TPut>(a, to);
                Put<TPut>(b, to + stride);
                Put<TPut>(c, to + (2 * stride));
                Put<TPut>(d, to + (3 * stride));
            }
        }

        for (int column = 0; column < columns; column++)
        {
            for (int row = column < wholeColumns ? wholeRows : 0; row < rows; row++)
            {
                float* to = destination + (column * stride) + row;
                float value = source[(row * sourceStride) + column];
                *to = TPut.Adds ? *to + value : value;
            }
        }
    }

    // a0 b0 a1 b1 and a2 b2 a3 b3.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Interleave(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported)
        {
            return (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        }

        if (AdvSimd.Arm64.IsSupported)
        {
            return (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b));
        }

        return (Vector128.Create(a[0], b[0], a[1], b[1]), Vector128.Create(a[2], b[2], a[3], b[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TPut>(Vector128<float> value, float* destination)
        where TPut : struct, IPut
    {
        if (TPut.Adds)
        {
            value += Vector128.Load(destination);
        }

        value.Store(destination);
    }
}
