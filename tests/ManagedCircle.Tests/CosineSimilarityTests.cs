using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class CosineSimilarityTests
{
    public static TheoryData<SimdWidth> Widths { get; } = [.. Enum.GetValues<SimdWidth>().Where(IsAvailable)];

    /// <summary>Sizes around every vector, register tile, panel and tile, and the awkward ones.</summary>
    public static TheoryData<int, int, int> Shapes { get; } = new()
    {
        { 0, 0, 1 }, { 0, 5, 3 }, { 5, 0, 3 }, { 1, 1, 1 }, { 1, 300, 127 }, { 300, 1, 3 }, { 2, 3, 1000 }, { 7, 9, 31 }, { 31, 33, 32 }, { 33, 31, 33 },
        { 64, 64, 64 },
        { 100, 65, 255 }, { 255, 257, 1 }, { 256, 256, 3 }, { 257, 255, 127 }, { 300, 513, 40 }, { 513, 40, 256 }, { 40, 40, 257 }, { 48, 17, 513 },
    };

    [Theory]
    [MemberData(nameof(Widths))]
    public void Every_width_there_is_runs_as_asked(SimdWidth width)
    {
        using CosineSimilarity similarity = On(width);

        Assert.True(similarity.SimdWidth == width || width == SimdWidth.Auto);
    }

    // Positive rows meet at small angles, and sums of positive products round most.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(33)]
    [InlineData(128)]
    [InlineData(512)]
    [InlineData(2000)]
    public void A_cosine_is_past_1_by_no_more_than_documented_and_clamped_it_has_an_angle(int dimension)
    {
        const int Count = 100;
        Random random = new(dimension);
        float[] rows = [.. Enumerable.Range(0, Count * dimension).Select(_ => random.Next(1, 10) / 10f)], negated = [.. rows.Select(x => -x)];
        float[] cosines = new float[Count * Count], opposite = new float[Count * Count];
        using CosineSimilarity similarity = new();

        similarity.Matrix(new RowMatrix(rows, dimension), cosines);
        similarity.Matrix(new RowMatrix(rows, dimension), new RowMatrix(negated, dimension), opposite);

        double past = (Math.Min(dimension, 512) + (dimension / 512.0) + (dimension / 16.0) + 19) * Math.Pow(2, -24);
        Assert.All(cosines, cosine => Assert.InRange(cosine, -1 - past, 1 + past));
        Assert.All(opposite, cosine => Assert.InRange(cosine, -1 - past, 1 + past));
        Assert.InRange(Tolerances.CosineInFloat(dimension), 0, past);
        TensorPrimitives.Clamp(cosines, -1, 1, cosines);
        Assert.All(cosines, cosine => Assert.False(float.IsNaN(MathF.Acos(cosine))));
    }

    [Fact]
    public void The_cosine_of_a_row_with_itself_may_be_above_1()
    {
        Assert.SkipUnless(Tolerances.Fused, "Where multiply and add are rounded apart the sum of this row is another.");
        float[] cosine = new float[1];
        using CosineSimilarity similarity = new();

        similarity.Matrix(new RowMatrix([0.1f, 0.6f, 0.1f, 0.6f], 4), cosine);

        Assert.Equal(1.00000012f, cosine[0]);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Sums_of_whole_numbers_are_exact_on_every_width_and_write_nowhere_else(int queries, int references, int dimension)
    {
        SimilarityProblem problem = new((queries, references, dimension), (3, 0, 5), wholeNumbers: true);
        double[] expected = problem.ForwardInDouble(normalize: false);
        double[] expectedOfQueries = Products(problem.QueriesInDouble(), dimension);
        (double[] expectedQueryGradient, double[] expectedReferenceGradient) = problem.BackwardInDouble(normalize: false);
        foreach (TheoryDataRow<SimdWidth> width in Widths)
        {
            using CosineSimilarity similarity = On(width.Data);
            Assert.Equal(expected, SimilarityProblem.InDouble(problem.Forward(similarity, normalize: false)));
            Assert.Equal(expectedOfQueries, SimilarityProblem.InDouble(problem.ForwardOfQueries(similarity, normalize: false)));
            (float[] queryGradient, float[] referenceGradient) = problem.Backward(similarity, normalize: false);
            Assert.Equal(expectedQueryGradient, SimilarityProblem.InDouble(queryGradient));
            Assert.Equal(expectedReferenceGradient, SimilarityProblem.InDouble(referenceGradient));
        }

        static double[] Products(double[] rows, int dimension) => ReferenceSimilarity.Forward(rows, rows, dimension, normalize: false);
    }

    /// <summary>Large matrices are written past the caches: strips begin where a cache line does, wherever the matrix begins.</summary>
    [Theory]
    [InlineData(256, 256, 256, 3, true)]
    [InlineData(270, 270, 272, 3, true)]
    [InlineData(270, 270, 272, 3, false)]
    [InlineData(1442, 1442, 1456, 3, false)]
    [InlineData(1456, 1456, 1456, 3, true)]
    [InlineData(1442, 1442, 1456, 3, true)]
    [InlineData(1500, 1500, 1500, 3, true)]
    [InlineData(1460, 1460, 1472, 520, true)]
    [InlineData(1500, 1501, 1501, 3, false)]
    [InlineData(1460, 1460, 1468, 520, false)]
    [InlineData(140_000, 9, 16, 3, false)]
    [InlineData(140_000, 9, 17, 3, false)]
    [InlineData(700_000, 1, 3, 3, false)]
    [InlineData(33, 65_000, 65_008, 3, false)]
    public void A_matrix_begins_anywhere_in_memory_and_nothing_beside_it_is_written(int queries, int references, int stride, int dimension, bool self)
    {
        const int LastOffset = (2 * sizeof(float)) + 1;
        SimilarityProblem problem = new((queries, references, dimension), wholeNumbers: true);
        float[] right = self ? problem.Queries : problem.References;
        float[] product = [.. ReferenceSimilarity.Forward(
            SimilarityProblem.InDouble(problem.Queries), SimilarityProblem.InDouble(right), dimension, normalize: false).Select(static value => (float)value)];
        byte[] memory = new byte[(queries * stride * sizeof(float)) + LastOffset], expected = new byte[memory.Length];
        foreach (TheoryDataRow<SimdWidth> width in Widths)
        {
            using CosineSimilarity similarity = On(width.Data, threads: 2);
            foreach (int start in new[] { 0, sizeof(float), LastOffset })
            {
                Array.Fill(expected, byte.MaxValue);
                for (int row = 0; row < queries; row++)
                {
                    product.AsSpan(row * references, references).CopyTo(Matrix(expected, start)[(row * stride)..]);
                }

                Array.Fill(memory, byte.MaxValue);
                if (self)
                {
                    similarity.InnerProducts(new(problem.Queries, dimension), Matrix(memory, start), destinationStride: stride);
                }
                else
                {
                    similarity.InnerProducts(new(problem.Queries, dimension), new(right, dimension), Matrix(memory, start), destinationStride: stride);
                }

                Assert.True(expected.AsSpan().SequenceEqual(memory), $"{width.Data}, from {start} bytes on");
            }
        }

        Span<float> Matrix(byte[] bytes, int start) => MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start))[..(((queries - 1) * stride) + references)];
    }
    [Theory]
    [InlineData(1, 1)]
    [InlineData(33, 7)]
    [InlineData(300, 20)]
    [InlineData(530, 129)]
    public void The_matrix_of_rows_with_themselves_is_symmetric_to_the_bit_and_that_of_two_matrices(int count, int dimension)
    {
        SimilarityProblem problem = new((count, count, dimension), (1, 0, 2));
        foreach (TheoryDataRow<SimdWidth> width in Widths)
        {
            using CosineSimilarity similarity = On(width.Data);
            foreach (bool normalize in new[] { true, false })
            {
                float[] self = problem.ForwardOfQueries(similarity, normalize), two = new float[count * count];
                for (int i = 0; i < self.Length; i++)
                {
                    Assert.Equal(self[(i % count * count) + (i / count)], self[i]);
                }

                ReadOnlySpan<float> rows = problem.Queries;
                if (normalize)
                {
                    similarity.Matrix(problem.QueryRows, new(rows, dimension, problem.QueryStride), two);
                }
                else
                {
                    similarity.InnerProducts(problem.QueryRows, new(rows, dimension, problem.QueryStride), two);
                }

                Assert.Equal(two, self);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Threads_and_widths_give_the_same_bits(bool normalize)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported,
            "Widths agree where the hardware fuses multiply and add.");
        SimilarityProblem problem = new((270, 520, 260), (0, 4, 1)), square = new((520, 520, 30), (2, 0, 0), seed: 1);
        float[][]? expected = null;
        foreach (TheoryDataRow<SimdWidth> width in Widths)
        {
            for (int threads = 1; threads <= 4; threads++)
            {
                using CosineSimilarity similarity = On(width.Data, threads);
                (float[] queryGradient, float[] referenceGradient) = problem.Backward(similarity, normalize);
                float[][] actual =
                [
                    problem.Forward(similarity, normalize), square.ForwardOfQueries(similarity, normalize), queryGradient, referenceGradient,
                    square.BackwardOfQueries(similarity, normalize),
                ];
                expected ??= actual;
                Assert.Equal(expected, actual);
            }
        }
    }

    [Fact]
    public void A_caller_s_scheduler_runs_the_workers()
    {
        BackwardsScheduler scheduler = new();
        SimilarityProblem problem = new((300, 300, 64));
        using CosineSimilarity theirs = new(new ExecutionOptions { Threads = 3, Scheduler = scheduler }), alone = new();

        Assert.Equal(problem.Forward(alone, normalize: true), problem.Forward(theirs, normalize: true));
        Assert.Equal(3, scheduler.Workers);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Nothing_is_allocated_once_the_workspace_has_grown(int threads)
    {
        using CosineSimilarity similarity = On(SimdWidth.Auto, threads);
        float[] rows = new SimilarityProblem((300, 0, 70)).Queries, square = new float[300 * 300], gradient = new float[rows.Length],
            otherGradient = new float[rows.Length];
        float[] others = [.. rows];
        Call();
        long memory = similarity.WorkspaceBytes;

        // The thread pool may let its own queue grow meanwhile: the least of a few rounds counts.
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => Allocated()));
        Assert.Equal(memory, similarity.WorkspaceBytes);

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Call();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void Call()
        {
            similarity.Matrix(new(rows, 70), square);
            similarity.Matrix(new(rows, 70), new(others, 70), square);
            similarity.InnerProducts(new(rows, 70), square);
            similarity.InnerProducts(new(rows, 70), new(others, 70), square);
            similarity.MatrixBackward(new(rows, 70), square, gradient);
            similarity.MatrixBackward(new(rows, 70), new(others, 70), square, gradient, otherGradient);
            similarity.InnerProductsBackward(new(rows, 70), square, gradient);
            similarity.InnerProductsBackward(new(rows, 70), new(others, 70), square, gradient, otherGradient);
            similarity.UnitRows(new(rows, 70), gradient);
            similarity.UnitRowsBackward(new(rows, 70), otherGradient, gradient);
        }
    }

    [Fact]
    public void A_zero_row_has_similarity_0_and_gradient_0()
    {
        float[] rows = [3, 4, 0, 0, 0, -2], matrix = new float[9], gradient = [9, 9, 9, 9, 9, 9], unit = new float[6];
        using CosineSimilarity similarity = new();

        similarity.Matrix(new(rows, 2), matrix);
        similarity.MatrixBackward(new(rows, 2), [1, 1, 1, 1, 1, 1, 1, 1, 1], gradient);
        similarity.UnitRows(new(rows, 2), unit);

        Assert.Equal([0f, 0, 0, 0, 0], [matrix[1], matrix[3], matrix[4], matrix[5], matrix[7]]);
        Assert.Equal([0f, 0f], gradient[2..4]);
        Assert.Equal([0f, 0f], unit[2..4]);
    }

    [Fact]
    public void Rows_whose_squares_overflow_or_vanish_have_their_cosines()
    {
        float[] rows = [3e38f, 0, 0, 2e-30f, 1e-6f, 1e-6f];
        float[] cosines = new float[9];
        using CosineSimilarity similarity = new();

        similarity.Matrix(new(rows, 2), cosines);

        float diagonal = (float)(2e-30 / 1e-12), half = (float)Math.Sqrt(0.5);
        float[] expected = [1, 0, half, 0, diagonal * diagonal, diagonal * half, half, diagonal * half, 1];
        Nearly.Equal(SimilarityProblem.InDouble(expected), SimilarityProblem.InDouble(cosines), cosine => Tolerances.CosineInFloat(2) * Math.Abs(cosine),
            "cosines");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void NaN_and_infinity_stay_in_their_rows_and_columns(float bad)
    {
        foreach (TheoryDataRow<SimdWidth> width in Widths)
        {
            using CosineSimilarity similarity = On(width.Data);
            foreach (bool normalize in new[] { true, false })
            {
                SimilarityProblem problem = new((40, 70, 37));
                float[] expected = problem.Forward(similarity, normalize);
                problem.Queries[(35 * 37) + 36] = bad;
                problem.References[(64 * 37) + 2] = bad;
                float[] actual = problem.Forward(similarity, normalize);
                for (int i = 0; i < actual.Length; i++)
                {
                    bool spoilt = i / 70 == 35 || i % 70 == 64;
                    Assert.True(spoilt ? !float.IsFinite(actual[i]) : actual[i] == expected[i], $"{i / 70}, {i % 70} is {actual[i]}");
                }
            }
        }
    }

    [Fact]
    public void A_gradient_that_is_left_out_does_not_change_the_other()
    {
        SimilarityProblem problem = new((20, 30, 10));
        using CosineSimilarity similarity = new();
        (float[] queryGradient, float[] referenceGradient) = problem.Backward(similarity, normalize: true);
        float[] alone = new float[queryGradient.Length], otherAlone = new float[referenceGradient.Length];

        similarity.MatrixBackward(new(problem.Queries, 10), new(problem.References, 10), problem.MatrixGradient, alone, []);
        similarity.MatrixBackward(new(problem.Queries, 10), new(problem.References, 10), problem.MatrixGradient, [], otherAlone);

        Assert.Equal(queryGradient, alone);
        Assert.Equal(referenceGradient, otherAlone);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using CosineSimilarity similarity = new();
        float[] rows = new float[12], small = new float[3], room = new float[100];
        AssertRefused("dimension is 0: expected at least 1", () => similarity.Matrix(new(rows, 0), room));
        AssertRefused("rows holds 12 numbers: expected whole rows of dimension 5, 5 apart", () => similarity.Matrix(new(rows, 5), new(small, 3), room));
        AssertRefused("rows holds 3 numbers: expected whole rows of dimension 4, 4 apart", () => similarity.InnerProducts(new(rows, 4), new(small, 4), room));
        AssertRefused("rows holds 12 numbers: expected whole rows of dimension 4, 5 apart", () => similarity.Matrix(new(rows, 4, stride: 5), room));
        AssertRefused("references has dimension 3: expected 4, as queries has", () => similarity.Matrix(new(rows, 4), new(small, 3), room));
        AssertRefused("references has dimension 3: expected 4, as queries has",
            () => similarity.InnerProductsBackward(new(rows, 4), new(small, 3), room, [], []));
        AssertRefused("stride is 3: expected at least the 4", () => similarity.Matrix(new(rows, 4, stride: 3), room));
        AssertRefused("destinationStride is 2: expected at least the 3", () => similarity.Matrix(new(rows, 4), room, destinationStride: 2));
        AssertRefused("destination holds 3 numbers: expected at least 9 for 3 rows of 3, 3 apart", () => similarity.Matrix(new(rows, 4), small));
        AssertRefused("destination holds 3 numbers: expected at least 12", () => similarity.UnitRows(new(rows, 4), small));
        AssertRefused("similarityGradient holds 3 numbers: expected at least 9", () => similarity.MatrixBackward(new(rows, 4), small, room));
        AssertRefused("queryGradient holds 3 numbers: expected at least 12", () => similarity.MatrixBackward(new(rows, 4), new([.. rows], 4), room, small, []));
        AssertRefused("referenceGradient holds 3 numbers: expected at least 12",
            () => similarity.InnerProductsBackward(new(rows, 4), new([.. rows], 4), room, [], small));
        AssertRefused("gradient holds 3 numbers: expected at least 12", () => similarity.InnerProductsBackward(new(rows, 4), room, small));
        AssertRefused("unitGradient holds 3 numbers: expected at least 12", () => similarity.UnitRowsBackward(new(rows, 4), small, room));
        AssertRefused("gradient holds 3 numbers: expected at least 12", () => similarity.UnitRowsBackward(new(rows, 4), rows, small));
    }

    [Fact]
    public void Spans_to_write_overlap_nothing()
    {
        using CosineSimilarity similarity = new();
        float[] rows = new float[12], others = new float[12], room = new float[100];
        AssertRefused("destination and rows overlap", () => similarity.Matrix(new(room.AsSpan(8, 12), 4), room));
        AssertRefused("destination and queries overlap", () => similarity.Matrix(new(room.AsSpan(8, 12), 4), new(rows, 4), room));
        AssertRefused("destination and references overlap", () => similarity.InnerProducts(new(rows, 4), new(room.AsSpan(8, 12), 4), room));
        AssertRefused("destination and rows overlap", () => similarity.UnitRows(new(rows, 4), rows));
        AssertRefused("gradient and rows overlap", () => similarity.MatrixBackward(new(rows, 4), room, rows));
        AssertRefused("gradient and similarityGradient overlap", () => similarity.MatrixBackward(new(rows, 4), room, room));
        AssertRefused("queryGradient and references overlap", () => similarity.MatrixBackward(new(rows, 4), new(others, 4), room, others, []));
        AssertRefused("referenceGradient and similarityGradient overlap", () => similarity.MatrixBackward(new(rows, 4), new(others, 4), room, [], room));
        AssertRefused("queryGradient and referenceGradient overlap", () => similarity.MatrixBackward(new(rows, 4), new(others, 4), new float[9], room, room));
        AssertRefused("gradient and unitGradient overlap", () => similarity.UnitRowsBackward(new(rows, 4), room, room));
    }

    private static void AssertRefused(string message, Action call) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);

    private static CosineSimilarity On(SimdWidth width, int threads = 1) => new(new ExecutionOptions { SimdWidth = width, Threads = threads });

    private static bool IsAvailable(SimdWidth width)
    {
        try
        {
            using CosineSimilarity similarity = On(width);
            return true;
        }
        catch (PlatformNotSupportedException)
        {
            return false;
        }
    }

    /// <summary>One worker after the other, the last first.</summary>
    private sealed class BackwardsScheduler : IWorkScheduler
    {
        public int Workers { get; private set; }

        public void Run(int workers, Action<int> work)
        {
            Workers = workers;
            for (int worker = workers - 1; worker >= 0; worker--)
            {
                work(worker);
            }
        }
    }
}
