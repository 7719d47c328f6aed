using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class RowPackingTests
{
    public static MatrixTheoryData<SimdWidth, int, int> Shapes => new(KernelsAtWidth.All, [1, 31, 32, 33, 70], [1, 3, 16, 31, 32, 33, 100]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Rows_taken_as_they_are_stand_in_panels_and_slices_with_zeros_around_them(SimdWidth width, int count, int dimension)
    {
        float[] rows = Integers(count, dimension);
        using Packed packed = Pack(width, rows, count, dimension, normalize: false);
        for (int row = 0; row < Layout.Packed(count); row++)
        {
            for (int k = 0; k < Layout.Packed(dimension); k++)
            {
                float expected = row < count && k < dimension ? rows[(row * dimension) + k] : 0;

                Assert.Equal(expected, packed.Rows.Panel(row / Layout.Pack * Layout.Pack)[(k * Layout.Pack) + (row % Layout.Pack)]);
                Assert.Equal(expected, packed.Rows.Slice(k / Layout.Pack, row)[k % Layout.Pack]);
            }
        }

        Assert.All(packed.InverseNorms, inverse => Assert.Equal(1, inverse));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Normalised_rows_have_length_1(SimdWidth width, int count, int dimension)
    {
        float[] rows = Integers(count, dimension);
        using Packed packed = Pack(width, rows, count, dimension, normalize: true);
        for (int row = 0; row < count; row++)
        {
            double norm = Norm(rows.AsSpan(row * dimension, dimension));
            for (int k = 0; k < dimension; k++)
            {
                double expected = rows[(row * dimension) + k] / norm;

                Nearly.Equal(expected, packed.Unit(row, k), Math.Abs(expected) * Tolerances.UnitCoordinate(dimension), "unit row");
            }
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Rows_of_any_size_have_length_1_but_for_those_below_the_floor(SimdWidth width)
    {
        foreach (float size in (float[])[1e-44f, 1e-30f, 1e-13f, 1e-11f, 1e-5f, 1e18f, 1e30f, 2e38f])
        {
            using Packed packed = Pack(width, [size, 0, -size], count: 1, dimension: 3, normalize: true);
            double norm = Math.Max(Norm([size, 0, -size]), RowPacking.NormFloor), unit = size / norm;

            Nearly.Equal([unit, 0, -unit], [packed.Unit(0, 0), packed.Unit(0, 1), packed.Unit(0, 2)], unit * Tolerances.UnitCoordinate(3), $"row of {size}");
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_zero_row_stays_zero_and_has_gradient_zero(SimdWidth width)
    {
        using Packed packed = Pack(width, new float[5], count: 1, dimension: 5, normalize: true);

        Assert.Equal(new float[5], Enumerable.Range(0, 5).Select(k => packed.Unit(0, k)));
        Assert.Equal(new float[5], packed.Unpack(width, [1, 2, 3, 4, 5], normalize: true, selfSlope: 0));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void The_first_row_that_is_not_finite_is_named(float bad)
    {
        foreach (SimdWidth width in KernelsAtWidth.All)
        {
            float[] rows = Integers(count: 5, dimension: 33);
            using Packed clean = Pack(width, rows, count: 5, dimension: 33, normalize: true);
            rows[(2 * 33) + 32] = bad;
            rows[3 * 33] = bad;
            using Packed packed = Pack(width, rows, count: 5, dimension: 33, normalize: true);

            Assert.Equal((-1, 2), (clean.BadRow, packed.BadRow));
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Only_the_rows_kept_are_packed(SimdWidth width)
    {
        float[] rows = Integers(count: 6, dimension: 4);
        using Packed packed = Pack(width, rows, count: 3, dimension: 4, normalize: false, kept: [1, 2, 5]);

        Assert.Equal([rows[4], rows[8], rows[20]], [packed.Unit(0, 0), packed.Unit(1, 0), packed.Unit(2, 0)]);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_gradient_loses_its_part_along_the_row_and_is_divided_by_the_norm(SimdWidth width, int count, int dimension)
    {
        float[] rows = Integers(count, dimension), gradient = [.. Enumerable.Range(0, dimension).Select(k => ((k * 7 % 11) - 5) / 5f)];
        using Packed packed = Pack(width, rows, count, dimension, normalize: true);

        float[] result = packed.Unpack(width, gradient, normalize: true, selfSlope: 0);

        double norm = Norm(rows.AsSpan(0, dimension));
        double along = gradient.Select((g, k) => g * (double)rows[k]).Sum() / (norm * norm);
        double[] expected = [.. gradient.Select((g, k) => (g - (along * rows[k])) / norm)];
        Nearly.Equal(expected, [.. result.Select(g => (double)g)], Tolerances.UnitGradient(dimension, norm), "gradient");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_gradient_of_rows_taken_as_they_are_only_gains_the_part_of_the_row_with_itself(SimdWidth width, int count, int dimension)
    {
        float[] rows = Integers(count, dimension), gradient = Integers(1, dimension);
        using Packed packed = Pack(width, rows, count, dimension, normalize: false);

        Assert.Equal(gradient.Select((g, k) => g + (3 * rows[k])), packed.Unpack(width, gradient, normalize: false, selfSlope: 3));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_width_gives_the_bits_of_one_number_at_a_time(SimdWidth width, int count, int dimension)
    {
        Random random = new(3);
        float[] rows = [.. Enumerable.Range(0, count * dimension).Select(_ => random.NextSingle() - 0.5f)], gradient = rows[..dimension];
        using Packed expected = Pack(SimdWidth.Scalar, rows, count, dimension, normalize: true), actual = Pack(width, rows, count, dimension, normalize: true);

        Assert.Equal(expected.Numbers, actual.Numbers);
        Assert.Equal(expected.Unpack(SimdWidth.Scalar, gradient, normalize: true, 0), actual.Unpack(width, gradient, normalize: true, 0));
    }

    /// <summary>Packs rows that end at a guard page into memory that does.</summary>
    private static Packed Pack(SimdWidth width, float[] rows, int count, int dimension, bool normalize, int[]? kept = null)
    {
        Packed packed = new(count, dimension);
        using GuardedMemory source = GuardedMemory.Of(rows);
        fixed (int* keptRows = kept)
        {
            for (int first = 0; first < count; first += Layout.Pack)
            {
                int bad = KernelsAtWidth.Of(width).Pack(source.Start, dimension, keptRows, normalize, packed.Rows, first);
                packed.BadRow = packed.BadRow < 0 ? bad : packed.BadRow;
            }
        }

        return packed;
    }

    private static double Norm(ReadOnlySpan<float> row)
    {
        double sum = 0;
        foreach (float x in row)
        {
            sum += (double)x * x;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Whole numbers from -5 to 5, with no zero row.</summary>
    private static float[] Integers(int count, int dimension) =>
        [.. Enumerable.Range(0, count * dimension).Select(i => i % dimension == 0 ? 1f + (i % 4) : (i * 7 % 11) - 5f)];

    private sealed class Packed : IDisposable
    {
        private readonly GuardedMemory panels, slices, inverseNorms;

        public Packed(int count, int dimension)
        {
            panels = new(Layout.Packed(count) * Layout.Packed(dimension));
            slices = new(Layout.Packed(count) * Layout.Packed(dimension));
            inverseNorms = new(count);
            panels.Numbers.Fill(float.NaN);
            slices.Numbers.Fill(float.NaN);
            Rows = new()
            {
                Panels = panels.Start,
                Slices = slices.Start,
                InverseNorms = inverseNorms.Start,
                SliceStride = (nint)Layout.Packed(count) * Layout.Pack,
                Count = count,
                Dimension = dimension,
            };
        }

        public PackedRows Rows { get; }

        public int BadRow { get; set; } = -1;

        public float[] InverseNorms => inverseNorms.Numbers.ToArray();

        public float[] Numbers => [.. panels.Numbers, .. slices.Numbers, .. inverseNorms.Numbers];

        public float Unit(int row, int k) => Rows.Slice(k / Layout.Pack, row)[k % Layout.Pack];

        /// <summary>Row 0's gradient with respect to the row, from its gradient with respect to the unit row.</summary>
        public float[] Unpack(SimdWidth width, float[] unitGradient, bool normalize, float selfSlope)
        {
            using GuardedMemory gradient = new(slices.Length), destination = new(Rows.Dimension);
            for (int k = 0; k < Rows.Dimension; k++)
            {
                gradient.Start[(k / Layout.Pack * Rows.SliceStride) + (k % Layout.Pack)] = unitGradient[k];
            }

            KernelsAtWidth.Of(width).Unpack(Rows, gradient.Start, 0, normalize, selfSlope, destination.Start);
            return destination.Numbers.ToArray();
        }

        public void Dispose()
        {
            panels.Dispose();
            slices.Dispose();
            inverseNorms.Dispose();
        }
    }
}
