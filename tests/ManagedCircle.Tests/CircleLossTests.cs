using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>The contract of the loss at its edges: degenerate batches, extreme rows, bad input, destinations.</summary>
public sealed class CircleLossTests
{
    private const float Canary = -12345.678f;

    private static readonly float[] FourRows = [1, 0, 0, 0.6f, 0.8f, 0, 0, 0.6f, 0.8f, 0, 0, 1];

    private static readonly CircleLossOptions[] Presets =
    [
        CircleLossOptions.Paper,
        CircleLossOptions.Paper with { Gamma = 16 },
        CircleLossOptions.Keras,
        CircleLossOptions.TensorFlowSimilarity,
        CircleLossOptions.PaperGlobal,
    ];

    private static EmbeddingBatch Four => new(FourRows, [0L, 0, 1, 1]);

    public static TheoryData<SimdWidth> Widths => [.. SimdChoice.Available];

    // ---- Extreme similarities and rows ----------------------------------------------------------------------------------------------------------------

    [Theory]
    [MemberData(nameof(Widths))]
    public void Unit_rows_have_finite_losses_and_gradients_at_gamma_1024(SimdWidth width)
    {
        Random random = new(11);
        for (int draw = 0; draw < 40; draw++)
        {
            // Rows are copies and opposites of few directions: similarities reach 1 and -1.
            int dimension = random.Next(1, 40), count = random.Next(2, 90), directions = random.Next(1, 8);
            LargeBatch drawn = LargeBatch.Draw(draw, directions, dimension, classes: 1);
            float[] rows = [.. Enumerable.Range(0, count).SelectMany(_ =>
            {
                (int direction, float sign) = (random.Next(directions), random.Next(2) * 2 - 1);
                return drawn.Rows[(direction * dimension)..((direction + 1) * dimension)].Select(x => sign * x);
            })];
            LargeBatch batch = new(rows, [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(3))], dimension);
            foreach (WeightGradient weightGradient in Enum.GetValues<WeightGradient>())
            {
                CircleLossOptions options = CircleLossOptions.Paper with { Gamma = 1024, Margin = random.NextDouble() - 0.3, WeightGradient = weightGradient };
                Assert.All(batch.Solve(options, new() { SimdWidth = width }).SelectMany(part => part), x => Assert.True(float.IsFinite(x)));
                Assert.All(batch.Solve(options, new() { SimdWidth = width }, drawn).SelectMany(part => part), x => Assert.True(float.IsFinite(x)));
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, -1)]
    [InlineData(-1, 1)]
    [InlineData(-1, -1)]
    public void Similarities_of_1_and_minus_1_are_like_any_others(float positive, float negative)
    {
        LossProblem problem = LossProblem.OfSimilarities(CircleLossOptions.Paper with { Gamma = 256, Margin = 0.25 }, [positive, negative], [0], [0, 1]);

        new FloatCase(problem, ExecutionOptions.Default).AssertIsTheReference();
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Rows_of_any_length_have_the_similarities_of_their_directions(SimdWidth width)
    {
        // At 1e-12 itself, the floor, the gradient jumps.
        double[] lengths = [1, 1e-6, 1e-11, 2e-12, 5e-13, 1e-20, 1e-38, 1e-42, 1e19, 1e30, 1e38, 3e38, 0];
        Random random = new(3);
        foreach (int dimension in (int[])[1, 5, 33])
        {
            int count = 2 * lengths.Length;
            double[] rows = [.. Enumerable.Range(0, count).SelectMany(row =>
            {
                double[] direction = [.. Enumerable.Range(0, dimension).Select(_ => random.NextDouble() - 0.5)];
                double norm = Math.Sqrt(direction.Sum(x => x * x));
                return direction.Select(x => (double)(float)(x / norm * lengths[row % lengths.Length]));
            })];
            LossProblem problem = new() { Options = CircleLossOptions.Paper, Rows = rows, Labels = [.. Enumerable.Range(0, count).Select(row => row % 5L)] };

            new FloatCase(problem, new() { SimdWidth = width }).AssertIsTheReference();
        }
    }

    [Fact]
    public void A_zero_row_has_similarity_0_and_no_gradient()
    {
        float[] rows = [.. FourRows];
        rows.AsSpan(3, 3).Clear();
        float[] gradient = new float[12], losses = new float[4];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        loss.ForwardBackward(new(rows, [0L, 0, 1, 1]), gradient, losses);

        // One positive and two negatives at similarity 0: softplus(-gamma (1 + m)(-(1 - m)) + log 2 - gamma m^2).
        double z = 80 * (1.4 * 0.6 - 0.16) + Math.Log(2);
        Assert.Equal(z, losses[1], Tolerances.PublishedLossInFloat * z);
        Assert.Equal([0, 0, 0], gradient[3..6]);
        Assert.All(gradient[..3], x => Assert.True(float.IsFinite(x)));
    }

    // ---- Degenerate batches -----------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(0, 0, 0, 0)] // one class: no negative
    [InlineData(0, 1, 2, 3)] // all singletons: no positive
    public void Without_a_positive_or_without_a_negative_everything_is_exactly_0(long a, long b, long c, long d)
    {
        foreach (CircleLossOptions options in Presets)
        {
            float[] gradient = Canaries(12), losses = Canaries(options.Scope == LossScope.Batch ? 1 : 4);
            using CircleLoss loss = new(options);

            LossResult result = loss.ForwardBackward(new(FourRows, [a, b, c, d]), gradient, losses);

            Assert.Equal(new LossResult(0, 4, 4, 0, 0), result);
            Assert.All(gradient, x => Assert.Equal(0, x));
            Assert.All(losses, x => Assert.Equal(0, x));
        }
    }

    [Fact]
    public void An_empty_batch_has_loss_0()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] referenceGradient = Canaries(12), queryGradient = Canaries(12), losses = Canaries(4);

        Assert.Equal(new LossResult(0, 0, 0, 0, 0), loss.Forward(default));
        Assert.Equal(new LossResult(0, 0, 0, 0, 0), loss.ForwardBackward(new([], (long[])[]), []));
        Assert.Equal(new LossResult(0, 0, 4, 0, 0), loss.ForwardBackward(default, Four, default, referenceGradient));
        Assert.Equal(new LossResult(0, 4, 0, 0, 0), loss.ForwardBackward(Four, default, queryGradient, default, losses));

        Assert.All([.. referenceGradient, .. queryGradient, .. losses], x => Assert.Equal(0, x));
    }

    [Fact]
    public void One_row_alone_has_loss_0()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] gradient = Canaries(3), losses = Canaries(1);

        Assert.Equal(new LossResult(0, 1, 1, 0, 0), loss.ForwardBackward(new(FourRows.AsSpan(0, 3), [7L]), gradient, losses));

        Assert.Equal([0, 0, 0, 0], [.. gradient, .. losses]);
    }

    [Fact]
    public void One_query_has_a_loss_against_references()
    {
        LossProblem problem = new()
        {
            Options = CircleLossOptions.Paper,
            Rows = [0.6, 0.8],
            Labels = [1],
            References = [1, 0, 0, 1, 0.8, -0.6],
            ReferenceLabels = [1, 2, 3],
        };

        new FloatCase(problem, ExecutionOptions.Default).AssertIsTheReference();
    }

    [Fact]
    public void Rows_of_dimension_1_that_are_normalised_have_no_gradient()
    {
        float[] gradient = Canaries(5), losses = new float[5];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        loss.ForwardBackward(new([2f, -3, 0.5f, -1, 4], [0L, 0, 1, 1, 1], 1), gradient, losses);

        // Similarities are 1 or -1. A row's gradient lies along it, and only rounding of 1 / norm is left of it: of gamma (slopes up to 2.4) losses.
        Assert.All(losses, x => Assert.True(x > 1));
        Assert.All(gradient, x => Assert.InRange(Math.Abs(x), 0, 80 * 2.4 * 8 * Tolerances.FloatRounding));
    }

    // ---- Labels -----------------------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(0, 1L << 32)] // equal in 32 bits
    [InlineData(16_777_216, 16_777_217)] // equal in float: Keras casts labels
    [InlineData(256, 257)] // equal in bfloat16
    [InlineData(long.MaxValue, long.MaxValue - 1)] // equal in double
    [InlineData(long.MinValue, 0)]
    [InlineData(-1, uint.MaxValue)]
    public void Labels_that_differ_in_any_bit_are_of_different_classes(long first, long second)
    {
        float[] expected = new float[12], actual = new float[12];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        LossResult plain = loss.ForwardBackward(new(FourRows, [1, 1, 2, 2]), expected);
        LossResult result = loss.ForwardBackward(new(FourRows, [first, first, second, second]), actual);

        Assert.Equal(plain, result);
        Assert.Equal(expected, actual);
        Assert.Equal(4, result.ValidCount);
    }

    [Fact]
    public void Wide_labels_of_queries_match_narrow_labels_of_references_by_value()
    {
        float[] losses = new float[4];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        LossResult result = loss.Forward(new(FourRows, [5L, 5 + (1L << 40), 6, -6]), new(FourRows, [5, 5, 6, 7]), losses);

        Assert.Equal(2, result.ValidCount);
        Assert.Equal([true, false, true, false], losses.Select(x => x > 0));
    }

    [Fact]
    public void Rows_of_the_ignored_label_have_loss_0_and_gradient_0_and_touch_nothing()
    {
        // Rows 1, 3 and 5 stand between those that count.
        float[] rows = [.. FourRows[..3], 9, 9, 9, .. FourRows[3..6], 8, float.NaN, 6, .. FourRows[6..], 1, 1, float.PositiveInfinity];
        long[] labels = [0, -100, 0, -100, 1, 1, -100];
        float[] gradient = Canaries(21), losses = Canaries(7), expected = new float[12], expectedLosses = new float[4];
        using CircleLoss ignoring = new(CircleLossOptions.Paper with { IgnoreLabel = -100 }), loss = new(CircleLossOptions.Paper);

        LossResult plain = loss.ForwardBackward(Four, expected, expectedLosses);
        LossResult result = ignoring.ForwardBackward(new(rows, labels), gradient, losses);

        Assert.Equal(plain, result);
        Assert.Equal([.. expected[..3], 0, 0, 0, .. expected[3..6], 0, 0, 0, .. expected[6..], 0, 0, 0], gradient);
        Assert.Equal([expectedLosses[0], 0, expectedLosses[1], 0, expectedLosses[2], expectedLosses[3], 0], losses);
    }

    // ---- Bad input --------------------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_number_that_is_not_finite_is_an_error_that_names_its_row_and_leaves_the_destinations_alone(float bad)
    {
        foreach (SimdWidth width in SimdChoice.Available)
        {
            foreach (int column in (int[])[0, 31, 32, 36])
            {
                LargeBatch good = LargeBatch.Draw(1, 70, 37, classes: 4), holed = good with { Rows = [.. good.Rows] };
                holed.Rows[(41 * 37) + column] = bad;
                float[] gradient = Canaries(70 * 37), referenceGradient = Canaries(70 * 37);
                using CircleLoss loss = new(CircleLossOptions.Paper, new() { SimdWidth = width });

                AssertError("rows: row 41 holds NaN or infinity", () => loss.ForwardBackward(holed.Batch, gradient));
                AssertError("queries: row 41 holds NaN or infinity", () => loss.ForwardBackward(holed.Batch, good.Batch, gradient, referenceGradient));
                AssertError("references: row 41 holds NaN or infinity", () => loss.ForwardBackward(good.Batch, holed.Batch, gradient, referenceGradient));
                Assert.All([.. gradient, .. referenceGradient], x => Assert.Equal(Canary, x));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_error_names_the_first_bad_row_as_the_caller_counts_it(int threads)
    {
        LargeBatch batch = LargeBatch.Draw(1, 1_200, 16, classes: 30);
        long[] labels = [.. batch.Labels.Select((label, row) => row % 3 == 0 ? -1 : label)];
        foreach (int row in (int[])[1_001, 700, 703, 451])
        {
            batch.Rows[row * 16] = float.NaN;
        }

        using CircleLoss loss = new(CircleLossOptions.Paper with { IgnoreLabel = -1 }, new() { Threads = threads });
        AssertError("rows: row 451 holds", () => loss.Forward(new(batch.Rows, labels)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void After_an_error_a_loss_is_as_good_as_new(int threads)
    {
        LargeBatch batch = LargeBatch.Draw(1, 1_200, 16, classes: 30), holed = batch with { Rows = [.. batch.Rows] };
        holed.Rows[9_000] = float.NaN;
        float[] gradient = new float[batch.Rows.Length], losses = new float[1_200];
        using CircleLoss loss = new(CircleLossOptions.Paper, new() { Threads = threads });

        for (int call = 0; call < 3; call++)
        {
            AssertError("rows: row 562 holds", () => loss.ForwardBackward(holed.Batch, gradient, losses));
            AssertError("references: row 562 holds", () => loss.ForwardBackward(batch.Batch, holed.Batch, gradient, default, losses));
            loss.ForwardBackward(batch.Batch, gradient, losses);
        }

        float[][] expected = batch.Solve(CircleLossOptions.Paper);
        Assert.Equal(expected[0], losses);
        Assert.Equal(expected[1], gradient);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Unchecked_a_bad_query_leaves_the_others_alone(SimdWidth width)
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            LargeBatch queries = LargeBatch.Draw(1, 300, 20, classes: 6), references = LargeBatch.Draw(2, 270, 20, classes: 6);
            LargeBatch holed = queries with { Rows = [.. queries.Rows] };
            holed.Rows[(77 * 20) + 3] = bad;
            CircleLossOptions options = CircleLossOptions.Paper with { CheckInputs = false, Reduction = LossReduction.Sum };

            float[][] expected = queries.Solve(options, new() { SimdWidth = width }, references);
            float[][] actual = holed.Solve(options, new() { SimdWidth = width }, references);

            actual[0][77] = expected[0][77];
            expected[1].AsSpan(77 * 20, 20).CopyTo(actual[1].AsSpan(77 * 20));
            Assert.Equal(expected[0], actual[0]);
            Assert.Equal(expected[1], actual[1]);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Unchecked_bad_rows_never_hang(float bad)
    {
        foreach (CircleLossOptions options in Presets)
        {
            LargeBatch batch = LargeBatch.Draw(1, 700, 20, classes: 6);
            batch.Rows[5_000] = bad;

            float[][] answer = batch.Solve(options with { CheckInputs = false }, new() { Threads = 3 });

            Assert.Equal(700 * 20, answer[1].Length);
        }
    }

    [Fact]
    public void Wrong_shapes_name_the_span_and_the_shape_expected()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper), whole = new(CircleLossOptions.PaperGlobal);
        float[] gradient = Canaries(12), referenceGradient = Canaries(12), losses = Canaries(4);

        AssertError("gradient has room for 11 numbers: expected at least 12 for 4 rows of dimension 3", () => loss.ForwardBackward(Four, gradient.AsSpan(1)));
        AssertError("gradient has room for 0 numbers", () => loss.ForwardBackward(Four, default));
        AssertError("queryGradient has room for 11", () => loss.ForwardBackward(Four, Four, gradient.AsSpan(1), referenceGradient));
        AssertError("referenceGradient has room for 11", () => loss.ForwardBackward(Four, Four, gradient, referenceGradient.AsSpan(1)));
        AssertError("losses has length 3: expected 4, one per query", () => loss.Forward(Four, losses.AsSpan(1)));
        AssertError("losses has length 4: expected 1, a whole-batch loss", () => whole.Forward(Four, losses));
        AssertError("references has dimension 6: expected 3, as queries has", () => loss.Forward(Four, new EmbeddingBatch(FourRows, [0L, 1])));
        AssertError("Weights has length 3: expected 4", () => loss.Forward(Four, default, new() { Weights = new float[3] }));
        AssertError("Weights has length 4: expected 0", () => whole.Forward(Four, default, new() { Weights = new float[4] }));
        AssertError("Upstream has length 3: expected 4", () => loss.ForwardBackward(Four, gradient, default, new() { Upstream = new float[3] }));
        AssertError("Upstream has length 4: expected 1", () => whole.ForwardBackward(Four, gradient, default, new() { Upstream = new float[4] }));
        AssertError("ExcludedReferences has length 4: expected 0", () => loss.Forward(Four, default, new() { ExcludedReferences = new int[4] }));
        AssertError("ExcludedReferences has length 3: expected 4", () => loss.Forward(Four, Four, default, new() { ExcludedReferences = new int[3] }));
        AssertError("ExcludedReferences[1] is 4: expected -1, or a reference from 0 to 3", () =>
            loss.Forward(Four, Four, default, new() { ExcludedReferences = (int[])[0, 4, 0, 0] }));
        AssertError("Weights[2] is NaN: expected a finite number", () => loss.Forward(Four, default, new() { Weights = (float[])[1, 1, float.NaN, 1] }));
        AssertError("Upstream[0] is", () => loss.ForwardBackward(Four, gradient, default, new() { Upstream = (float[])[float.PositiveInfinity] }));
        Assert.All([.. gradient, .. referenceGradient, .. losses], x => Assert.Equal(Canary, x));
    }

    [Fact]
    public void Spans_that_overlap_are_an_error()
    {
        float[] memory = [.. FourRows, .. Canaries(24)];
        long[] labels = [0, 0, 1, 1];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        AssertError("the query gradient and the queries overlap", () =>
            loss.ForwardBackward(new EmbeddingBatch(memory.AsSpan(0, 12), labels), memory.AsSpan(11, 12)));
        AssertError("the reference gradient and the queries overlap", () =>
            loss.ForwardBackward(new EmbeddingBatch(memory.AsSpan(0, 12), labels), Four, default, memory.AsSpan(11, 12)));
        AssertError("the query gradient and the references overlap", () =>
            loss.ForwardBackward(Four, new EmbeddingBatch(memory.AsSpan(0, 12), labels), memory.AsSpan(11, 12), default));
        AssertError("the query gradient and the reference gradient overlap", () =>
            loss.ForwardBackward(Four, Four, memory.AsSpan(12, 12), memory.AsSpan(23, 12)));
        AssertError("losses and the query gradient overlap", () => loss.ForwardBackward(Four, memory.AsSpan(12, 12), memory.AsSpan(20, 4)));
        AssertError("losses and the queries overlap", () => loss.Forward(new EmbeddingBatch(memory.AsSpan(0, 12), labels), memory.AsSpan(8, 4)));
        Assert.Equal([.. FourRows, .. Canaries(24)], memory);
    }

    [Fact]
    public void The_same_rows_may_be_queries_and_references()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper with { ReferenceDiagonal = DiagonalPairs.Removed });
        float[] losses = new float[4], expected = new float[4];

        loss.Forward(Four, expected);
        loss.Forward(Four, Four, losses);

        Assert.All(expected, (x, i) => Assert.Equal(x, losses[i], Tolerances.PublishedLossInFloat * Math.Max(1, x)));
    }

    // ---- Destinations and terms -------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [MemberData(nameof(Widths))]
    public void Nothing_is_written_beside_the_destinations(SimdWidth width)
    {
        const int Before = 5, After = 40;
        foreach (int dimension in (int[])[1, 3, 31, 32, 33, 70])
        {
            int count = 35, size = (count * (dimension + 2)) - 2;
            LargeBatch batch = LargeBatch.Draw(dimension, count, dimension + 2, classes: 5);
            float[] gradient = Canaries(Before + size + After), referenceGradient = Canaries(Before + size + After), losses = Canaries(Before + count + After);
            using CircleLoss loss = new(CircleLossOptions.Paper, new() { SimdWidth = width });
            EmbeddingBatch rows = new(batch.Rows, batch.Labels, dimension, dimension + 2);

            loss.ForwardBackward(rows, rows, gradient.AsSpan(Before, size), referenceGradient.AsSpan(Before, size), losses.AsSpan(Before, count));

            AssertWritten(gradient, i => i < size && i % (dimension + 2) < dimension);
            AssertWritten(referenceGradient, i => i < size && i % (dimension + 2) < dimension);
            AssertWritten(losses, i => i < count);

            loss.ForwardBackward(rows, gradient.AsSpan(Before, size), losses.AsSpan(Before, count));

            AssertWritten(gradient, i => i < size && i % (dimension + 2) < dimension);
            AssertWritten(losses, i => i < count);
        }

        static void AssertWritten(float[] memory, Func<int, bool> isDestination) =>
            Assert.All(memory, (x, i) => Assert.Equal(i >= Before && isDestination(i - Before), x != Canary));
    }

    [Fact]
    public void A_gradient_that_is_left_out_changes_nothing_of_the_other()
    {
        LargeBatch queries = LargeBatch.Draw(1, 300, 20, classes: 6), references = LargeBatch.Draw(2, 530, 20, classes: 6);
        float[][] both = queries.Solve(CircleLossOptions.Paper, null, references);
        float[] queryGradient = Canaries(300 * 20), referenceGradient = Canaries(530 * 20);
        using CircleLoss loss = new(CircleLossOptions.Paper);

        loss.ForwardBackward(queries.Batch, references.Batch, queryGradient, default);
        loss.ForwardBackward(queries.Batch, references.Batch, default, referenceGradient);

        Assert.Equal(both[1], queryGradient);
        Assert.Equal(both[2], referenceGradient);
    }

    [Fact]
    public void A_weight_or_upstream_of_a_power_of_two_multiplies_the_gradient()
    {
        LargeBatch batch = LargeBatch.Draw(1, 90, 20, classes: 6), references = LargeBatch.Draw(2, 80, 20, classes: 6);
        CircleLossOptions options = CircleLossOptions.Paper with { Reduction = LossReduction.Sum };
        float[] factors = [.. Enumerable.Range(0, 90).Select(q => MathF.ScaleB(q % 5 == 0 ? 0 : 1, (q % 7) - 3))];
        float[] weighted = new float[90 * 20], upstreamed = new float[90 * 20], halved = new float[90 * 20], losses = new float[90];
        using CircleLoss loss = new(options);

        float[][] plain = batch.Solve(options, null, references);
        LossResult result = loss.ForwardBackward(batch.Batch, references.Batch, weighted, default, losses, new() { Weights = factors });
        loss.ForwardBackward(batch.Batch, references.Batch, upstreamed, default, default, new() { Upstream = factors });
        loss.ForwardBackward(batch.Batch, references.Batch, halved, default, default, new() { Upstream = (float[])[-0.5f] });

        float[] expected = [.. plain[1].Select((x, i) => factors[i / 20] * x)];
        Assert.Equal(expected, weighted);
        Assert.Equal(expected, upstreamed);
        Assert.Equal([.. plain[1].Select(x => -0.5f * x)], halved);
        Assert.Equal(plain[0], losses); // without their weights
        Assert.Equal(plain[0].Select((x, q) => (double)factors[q] * x).Sum(), result.Loss);
    }

    // ---- Memory -----------------------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(0)]
    [InlineData(4_000_000)]
    [InlineData(64L << 20)]
    public void The_workspace_stays_within_its_bound_where_the_need_does(long bound)
    {
        LargeBatch batch = LargeBatch.Draw(1, 1_000, 16, classes: 6);
        using CircleLoss least = new(CircleLossOptions.Paper, new() { MaxKeptSimilarityBytes = 0 });
        using CircleLoss loss = new(CircleLossOptions.Paper, new() { MaxKeptSimilarityBytes = bound });

        least.ForwardBackward(batch.Batch, new float[batch.Rows.Length]);
        loss.ForwardBackward(batch.Batch, new float[batch.Rows.Length]);

        Assert.InRange(loss.WorkspaceBytes, least.WorkspaceBytes, Math.Max(bound, least.WorkspaceBytes));
        Assert.Equal(bound > 0, loss.WorkspaceBytes > least.WorkspaceBytes); // 4 MB hold the similarities of 1,000 rows
    }

    [Fact]
    public void More_pairs_than_32_bits_can_count_have_the_right_losses()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MANAGEDCIRCLE_LARGE") == "1", "2.5e9 pairs take half a minute: set MANAGEDCIRCLE_LARGE=1.");

        // Rows along 4 axes, a class for each: similarities are 1 to the row's class and 0 to others, and all losses are equal.
        const int Count = 50_000, PerClass = Count / 4;
        float[] rows = new float[Count * 4], losses = new float[Count];
        long[] labels = [.. Enumerable.Range(0, Count).Select(row => (long)(row % 4))];
        for (int row = 0; row < Count; row++)
        {
            rows[(row * 4) + (row % 4)] = 1 + (row % 3);
        }

        using CircleLoss loss = new(CircleLossOptions.Paper with { Gamma = 16 }, new() { Threads = 2 });
        LossResult self = loss.Forward(new(rows, labels), losses);
        AssertAll(PerClass - 1);
        Assert.Equal(Count, self.ValidCount);

        loss.Forward(new(rows, labels), new(rows, labels), losses);
        AssertAll(PerClass);

        void AssertAll(int positives)
        {
            double expected = Math.Log(positives) + Math.Log(3.0 * PerClass) - 2 * 16 * 0.4 * 0.4;
            Assert.All(losses, x => Assert.Equal(expected, x, (Count / 256 + 64) * Tolerances.FloatRounding));
        }
    }

    [Fact]
    public void A_disposed_loss_holds_no_memory_and_may_be_disposed_again()
    {
        CircleLoss loss = new(CircleLossOptions.Paper);
        loss.Forward(Four);
        Assert.True(loss.WorkspaceBytes > 0);

        loss.Dispose();
        loss.Dispose();

        Assert.Equal(0, loss.WorkspaceBytes);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Unchecked_a_bad_query_has_no_loss_and_no_gradient(SimdWidth width)
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            LargeBatch queries = LargeBatch.Draw(1, 300, 20, classes: 6), references = LargeBatch.Draw(2, 270, 20, classes: 6);
            LargeBatch holed = queries with { Rows = [.. queries.Rows] };
            holed.Rows[(77 * 20) + 3] = bad;
            CircleLossOptions options = CircleLossOptions.Paper with { CheckInputs = false, Reduction = LossReduction.Sum };
            float[][] expected = queries.Solve(options, new() { SimdWidth = width }, references);
            float[][] actual = holed.Solve(options, new() { SimdWidth = width }, references);

            Assert.True(float.IsNaN(actual[0][77]), $"{bad}: the loss is {actual[0][77]}");
            Assert.All(actual[1][(77 * 20)..(78 * 20)], x => Assert.True(float.IsNaN(x), $"{bad}: the gradient is {x}"));
            (expected[0][77], actual[0][77]) = (0, 0);
            Assert.Equal(expected[0], actual[0]);
            Assert.Equal([.. expected[1][..(77 * 20)], .. expected[1][(78 * 20)..]], (float[])[.. actual[1][..(77 * 20)], .. actual[1][(78 * 20)..]]);
        }
    }

    [Fact]
    public void Unchecked_a_bad_row_spoils_the_losses_it_touches()
    {
        foreach (bool normalize in (bool[])[true, false])
        {
            LargeBatch batch = LargeBatch.Draw(1, 700, 20, classes: 6);
            batch.Rows[5_000] = float.NaN;
            CircleLossOptions options = CircleLossOptions.Paper with { CheckInputs = false, Normalize = normalize, Gamma = 16 };
            float[] losses = batch.Solve(options, new() { Threads = 3 })[0];

            Assert.True(losses.All(float.IsNaN), $"{losses.Count(float.IsNaN)} of 700 losses are NaN");
        }
    }

    [Theory]
    [InlineData(80, 1.68, -0.68)]
    [InlineData(100, 1.68, -0.68)]
    [InlineData(200, 1.68, -0.68)]
    public void A_tiny_loss_has_a_gradient_as_precise_as_any(double gamma, double positiveOptimum, double positiveMargin)
    {
        // A positive that is far better than its margin and a negative that is as bad as can be: the loss is far below 1 and far above the smallest float.
        LossProblem problem = new()
        {
            Options = CircleLossOptions.Paper with { Gamma = gamma, PositiveOptimum = positiveOptimum, PositiveMargin = positiveMargin },
            Rows = [1, 0],
            Labels = [1],
            References = [0.6, 0.8, 0.96, 0.28],
            ReferenceLabels = [1, 2],
        };

        new FloatCase(problem, ExecutionOptions.Default).AssertIsTheReference();
    }

    [Fact]
    public void Losses_that_overlap_the_terms_are_an_error()
    {
        float[] weights = [1, 2, 3, 4];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        AssertError("losses", () => loss.Forward(Four, weights, new() { Weights = weights }));
        AssertError("losses", () => loss.ForwardBackward(Four, new float[12], weights, new() { Upstream = weights }));
        Assert.Equal([1, 2, 3, 4], weights);
    }

    [Fact]
    public void A_loss_that_is_used_after_it_was_disposed_is_an_error()
    {
        CircleLoss loss = new(CircleLossOptions.Paper);
        loss.Dispose();

        Assert.Throws<ObjectDisposedException>(() => loss.Forward(Four));
        Assert.Equal(0, loss.WorkspaceBytes);
    }

    [Fact]
    public void The_workspace_stays_within_its_bound_when_a_batch_of_another_shape_follows()
    {
        LargeBatch narrow = LargeBatch.Draw(1, 1_000, 16, classes: 6), wide = LargeBatch.Draw(1, 1_000, 256, classes: 6);
        using CircleLoss need = new(CircleLossOptions.Paper), loss = new(CircleLossOptions.Paper, new() { MaxKeptSimilarityBytes = 4_000_000 });

        need.Forward(wide.Batch);
        Assert.InRange(need.WorkspaceBytes, 0, 4_000_000);
        loss.ForwardBackward(narrow.Batch, new float[narrow.Rows.Length]);
        loss.Forward(wide.Batch);

        Assert.InRange(loss.WorkspaceBytes, need.WorkspaceBytes, 4_000_000);
    }

    private static void AssertError(string message, Action call) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);

    private static float[] Canaries(int length) => [.. Enumerable.Repeat(Canary, length)];
}
