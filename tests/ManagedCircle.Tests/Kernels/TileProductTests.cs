using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class TileProductTests
{
    private const int MostRows = 17;
    private const float Canary = float.NaN;

    private static readonly int[] Depths = [1, 2, 31, 32, 33, 64, 100];

    private static readonly LeftLayout[] Layouts = Enum.GetValues<LeftLayout>();

    public static MatrixTheoryData<SimdWidth, LeftLayout> WidthsAndLayouts => new(KernelsAtWidth.All, Layouts);

    [Theory]
    [MemberData(nameof(WidthsAndLayouts))]
    public void A_matrix_times_the_identity_is_that_matrix(SimdWidth width, LeftLayout layout)
    {
        float[] identity = new float[Layout.Pack * Layout.Pack];
        for (int k = 0; k < Layout.Pack; k++)
        {
            identity[k * Layout.Pack + k] = 1;
        }

        for (int rows = 1; rows <= MostRows; rows++)
        {
            float[,] left = Integers(rows, Layout.Pack, seed: rows);

            float[] product = Multiply(width, layout, left, identity);

            Assert.Equal(left.Cast<float>(), product);
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndLayouts))]
    public void Small_integers_multiply_exactly(SimdWidth width, LeftLayout layout)
    {
        foreach (int depth in Depths)
        {
            for (int rows = 1; rows <= MostRows; rows++)
            {
                float[,] left = Integers(rows, depth, seed: rows);
                float[] right = [.. Integers(depth, Layout.Pack, seed: depth).Cast<float>()];
                float[] before = [.. Integers(rows, Layout.Pack, seed: 3).Cast<float>()];
                float[] product = PlainProduct(left, right);

                Assert.Equal(product, Multiply(width, layout, left, right));
                Assert.Equal(product, Multiply(width, layout, left, right, stream: true));
                Assert.Equal(product.Zip(before, (x, y) => x + y), Multiply(width, layout, left, right, before));
                Assert.Equal(product.Zip(before, (x, y) => x + y), Multiply(width, layout, left, right, before, stream: true));
            }
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndLayouts))]
    public void Every_width_gives_the_bits_of_one_number_at_a_time(SimdWidth width, LeftLayout layout)
    {
        Random random = new(5);
        float[,] left = new float[MostRows, 100];
        foreach ((int row, int k) in Indices(left))
        {
            left[row, k] = random.NextSingle() - 0.5f;
        }

        float[] right = [.. Enumerable.Range(0, 100 * Layout.Pack).Select(_ => random.NextSingle() - 0.5f)];

        Assert.Equal(Multiply(SimdWidth.Scalar, layout, left, right), Multiply(width, layout, left, right));
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void No_rows_touch_nothing(SimdWidth width)
    {
        using GuardedMemory nothing = new(0);

        ProductTarget target = new(nothing.Start, Layout.Pack, add: true, nothing.Start);
        KernelsAtWidth.Of(width).Multiply(LeftLayout.Slices, nothing.Start, 0, nothing.Start, Layout.Pack, target, rows: 0, stream: false);
    }

    /// <summary>The product, from operands that end at a guard page, into rows with canaries between them, and into a copy without.</summary>
    private static float[] Multiply(SimdWidth width, LeftLayout layout, float[,] left, float[] right, float[]? destination = null, bool stream = false)
    {
        int rows = left.GetLength(0), depth = left.GetLength(1);
        (int rowStride, int depthStride, int jump) = layout switch
        {
            LeftLayout.Slices => (Layout.Pack, 1, rows * Layout.Pack),
            LeftLayout.TileRows => (Layout.TileStride, 1, Layout.Pack),
            _ => (1, Layout.TileStride, Layout.Pack * Layout.TileStride),
        };
        int Place(int row, int k) => (row * rowStride) + (k % Layout.Pack * depthStride) + (k / Layout.Pack * jump);

        using GuardedMemory lefts = new(Indices(left).Max(index => Place(index.Row, index.K)) + 1);
        foreach ((int row, int k) in Indices(left))
        {
            lefts.Start[Place(row, k)] = left[row, k];
        }

        using GuardedMemory rights = GuardedMemory.Of(right);
        using GuardedMemory copy = new(rows * Layout.Pack), result = new(((rows - 1) * Layout.TileStride) + Layout.Pack);
        result.Numbers.Fill(Canary);
        for (int row = 0; row < rows && destination is not null; row++)
        {
            destination.AsSpan(row * Layout.Pack, Layout.Pack).CopyTo(result.Numbers[(row * Layout.TileStride)..]);
        }

        ProductTarget target = new(result.Start, Layout.TileStride, add: destination is not null, copy.Start);
        KernelsAtWidth.Of(width).Multiply(layout, lefts.Start, jump, rights.Start, depth, target, rows, stream);

        float[] product = new float[rows * Layout.Pack];
        for (int row = 0; row < rows; row++)
        {
            Span<float> from = result.Numbers[(row * Layout.TileStride)..];
            from[..Layout.Pack].CopyTo(product.AsSpan(row * Layout.Pack));
            Assert.Equal(-1, from[Layout.Pack..Math.Min(from.Length, Layout.TileStride)].IndexOfAnyExcept(Canary));
        }

        Assert.Equal(product, copy.Numbers);
        return product;
    }

    private static float[] PlainProduct(float[,] left, float[] right)
    {
        float[] product = new float[left.GetLength(0) * Layout.Pack];
        foreach ((int row, int k) in Indices(left))
        {
            for (int column = 0; column < Layout.Pack; column++)
            {
                product[(row * Layout.Pack) + column] += left[row, k] * right[(k * Layout.Pack) + column];
            }
        }

        return product;
    }

    private static float[,] Integers(int rows, int columns, int seed)
    {
        Random random = new(seed);
        float[,] integers = new float[rows, columns];
        foreach ((int row, int column) in Indices(integers))
        {
            integers[row, column] = random.Next(-9, 10);
        }

        return integers;
    }

    private static IEnumerable<(int Row, int K)> Indices(float[,] matrix) =>
        from row in Enumerable.Range(0, matrix.GetLength(0))
        from k in Enumerable.Range(0, matrix.GetLength(1))
        select (row, k);
}
