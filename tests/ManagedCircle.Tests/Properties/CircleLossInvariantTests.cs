using System.Numerics.Tensors;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using ManagedCircle.Simd;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Properties;

/// <summary>What holds for every batch: exactly, where nothing but the way of computing changes, and but for rounding, where the numbers do.</summary>
public sealed class CircleLossInvariantTests
{
    private const int Queries = 613, References = 1_111, Dimension = 37;

    private static readonly LargeBatch Batch = LargeBatch.Draw(1, Queries, Dimension, classes: 40);
    private static readonly LargeBatch Others = LargeBatch.Draw(2, References, Dimension, classes: 40);

    /// <summary>Options that take each of the engine's ways: running or constant exponents, clamps, one loss for all, kept self-pairs.</summary>
    public static TheoryData<string> Forms => [.. OptionsOf.Keys];

    private static Dictionary<string, CircleLossOptions> OptionsOf { get; } = new()
    {
        ["paper"] = CircleLossOptions.Paper,
        ["gamma 1024"] = CircleLossOptions.Paper with { Gamma = 1024, Margin = 0.25 },
        ["gamma 16"] = CircleLossOptions.Paper with { Gamma = 16 },
        ["keras"] = CircleLossOptions.Keras with { Normalize = true },
        ["keras, gamma 16"] = CircleLossOptions.Keras with { Normalize = true, Gamma = 16 },
        ["constant weights, sum, kept diagonal"] = CircleLossOptions.Paper with
        {
            Weighting = PairWeighting.Constant,
            Reduction = LossReduction.Sum,
            SelfDiagonal = DiagonalPairs.Kept,
            ReferenceDiagonal = DiagonalPairs.Removed,
        },
        ["whole batch"] = CircleLossOptions.PaperGlobal,
        ["separate, unnormalised"] = CircleLossOptions.TensorFlowSimilarity with { Gamma = 4 },
    };

    /// <summary>The ways to run: stored or recomputed similarities.</summary>
    private static readonly ExecutionOptions[] StoredAndRecomputed = [new() { MaxKeptSimilarityBytes = 1L << 30 }, new() { MaxKeptSimilarityBytes = 0 }];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Any_number_of_threads_gives_the_same_bits(string form)
    {
        LargeBatch many = LargeBatch.Draw(3, 1_500, 24, classes: 60), fewer = LargeBatch.Draw(4, 700, 24, classes: 60);
        foreach (ExecutionOptions execution in StoredAndRecomputed)
        {
            float[][] self = many.Solve(OptionsOf[form], execution), against = many.Solve(OptionsOf[form], execution, fewer);
            for (int threads = 2; threads <= 4; threads++)
            {
                AssertSameBits(self, many.Solve(OptionsOf[form], execution with { Threads = threads }));
                AssertSameBits(against, many.Solve(OptionsOf[form], execution with { Threads = threads }, fewer));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Kept_similarities_give_the_bits_of_those_computed_again(string form)
    {
        AssertSameBits(Batch.Solve(OptionsOf[form], StoredAndRecomputed[0]), Batch.Solve(OptionsOf[form], StoredAndRecomputed[1]));
        AssertSameBits(Batch.Solve(OptionsOf[form], StoredAndRecomputed[0], Others), Batch.Solve(OptionsOf[form], StoredAndRecomputed[1], Others));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Any_width_gives_the_same_bits_where_the_hardware_fuses(string form)
    {
        Assert.SkipUnless(Fma.IsSupported || AdvSimd.IsSupported, "Without fused multiply-add widths may round differently.");
        foreach (ExecutionOptions execution in StoredAndRecomputed)
        {
            float[][] self = Batch.Solve(OptionsOf[form], execution), against = Batch.Solve(OptionsOf[form], execution, Others);
            foreach (SimdWidth width in SimdChoice.Available)
            {
                AssertSameBits(self, Batch.Solve(OptionsOf[form], execution with { SimdWidth = width }), width);
                AssertSameBits(against, Batch.Solve(OptionsOf[form], execution with { SimdWidth = width }, Others), width);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(33)]
    [InlineData(257)]
    public void Any_width_gives_the_same_bits_at_ragged_sizes(int dimension)
    {
        Assert.SkipUnless(Fma.IsSupported || AdvSimd.IsSupported, "Without fused multiply-add widths may round differently.");
        foreach (int count in (int[])[2, 17, 63, 130, 257])
        {
            LargeBatch batch = LargeBatch.Draw(count, count, dimension, classes: 3);
            LargeBatch references = LargeBatch.Draw(count + 1, count / 2 + 3, dimension, classes: 4);
            foreach (CircleLossOptions options in OptionsOf.Values)
            {
                float[][] self = batch.Solve(options), against = batch.Solve(options, null, references);
                foreach (SimdWidth width in SimdChoice.Available)
                {
                    AssertSameBits(self, batch.Solve(options, new() { SimdWidth = width }), width);
                    AssertSameBits(against, batch.Solve(options, new() { SimdWidth = width }, references), width);
                }
            }
        }
    }

    [Theory]
    [InlineData("paper")]
    [InlineData("gamma 1024")]
    [InlineData("keras, gamma 16")]
    public void Queries_that_are_split_over_calls_have_the_same_losses_and_gradients_to_the_bit(string form)
    {
        CircleLossOptions options = OptionsOf[form] with { Reduction = LossReduction.Sum, ReferenceDiagonal = DiagonalPairs.Kept };
        float[][] whole = Batch.Solve(options, null, Others);
        foreach (int first in (int[])[1, 32, 100, 256, 600])
        {
            float[][] head = Batch.Part(0, first).Solve(options, null, Others), tail = Batch.Part(first, Queries - first).Solve(options, null, Others);
            AssertSameBits([whole[0], whole[1]], [[.. head[0], .. tail[0]], [.. head[1], .. tail[1]]]);
        }
    }

    [Fact]
    public void Any_scheduler_gives_the_same_bits()
    {
        IWorkScheduler[] schedulers = [new InOrder(), new Backwards(), new Threads()];
        foreach (CircleLossOptions options in OptionsOf.Values)
        {
            float[][] self = Batch.Solve(options), against = Batch.Solve(options, null, Others);
            foreach (IWorkScheduler scheduler in schedulers)
            {
                ExecutionOptions execution = new() { Threads = 3, Scheduler = scheduler };
                AssertSameBits(self, Batch.Solve(options, execution));
                AssertSameBits(against, Batch.Solve(options, execution, Others));
            }
        }
    }

    [Fact]
    public void A_caller_may_repeat_a_call_and_get_the_same_bits_whatever_came_between()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] first = new float[Batch.Rows.Length], again = new float[Batch.Rows.Length], firstLosses = new float[Queries], againLosses = new float[Queries];
        loss.ForwardBackward(Batch.Batch, first, firstLosses);

        loss.ForwardBackward(Others.Batch, new float[Others.Rows.Length]);
        loss.ForwardBackward(Others.Batch, Batch.Batch, new float[Others.Rows.Length], default);
        loss.Forward(Batch.Part(0, 3).Batch);
        loss.ForwardBackward(Batch.Batch, again, againLosses);

        AssertSameBits([first, firstLosses], [again, againLosses]);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_losses_alone_are_those_that_come_with_a_gradient(string form)
    {
        float[] losses = new float[OptionsOf[form].Scope == LossScope.Batch ? 1 : Queries], against = new float[losses.Length];
        using CircleLoss loss = new(OptionsOf[form]);
        LossResult self = loss.Forward(Batch.Batch, losses), other = loss.Forward(Batch.Batch, Others.Batch, against);

        float[][] expected = Batch.Solve(OptionsOf[form]), expectedAgainst = Batch.Solve(OptionsOf[form], null, Others);
        AssertSameBits([expected[0], expected[3]], [losses, [(float)self.Loss]]);
        AssertSameBits([expectedAgainst[0], expectedAgainst[3]], [against, [(float)other.Loss]]);
    }

    [Fact]
    public void The_order_of_references_changes_nothing_but_rounding()
    {
        int[] order = [.. Enumerable.Range(0, References)];
        new Random(4).Shuffle(order);
        float[][] expected = Batch.Solve(CircleLossOptions.Paper, null, Others), actual = Batch.Solve(CircleLossOptions.Paper, null, Others.Permuted(order));

        AssertNearly(expected[0], actual[0], Tolerances.ReorderedInFloat(80));
        AssertNearly(expected[1], actual[1], Tolerances.ReorderedInFloat(80));
        AssertNearly(new LargeBatch(expected[2], Others.Labels, Dimension).Permuted(order).Rows, actual[2], Tolerances.ReorderedInFloat(80));
    }

    [Fact]
    public void The_order_of_a_batch_changes_nothing_but_rounding()
    {
        int[] order = [.. Enumerable.Range(0, Queries)];
        new Random(4).Shuffle(order);
        float[][] expected = Batch.Solve(CircleLossOptions.Paper), actual = Batch.Permuted(order).Solve(CircleLossOptions.Paper);

        AssertNearly([.. order.Select(row => expected[0][row])], actual[0], Tolerances.ReorderedInFloat(80));
        AssertNearly(new LargeBatch(expected[1], Batch.Labels, Dimension).Permuted(order).Rows, actual[1], Tolerances.ReorderedInFloat(80));
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(1f / 4096)]
    public void A_row_that_is_scaled_by_a_power_of_two_changes_no_loss_and_divides_its_gradient(float scale)
    {
        float[] rows = [.. Batch.Rows];
        const int Row = 300;
        Scale(rows.AsSpan(Row * Dimension, Dimension), scale);

        float[][] expected = Batch.Solve(CircleLossOptions.Paper), actual = (Batch with { Rows = rows }).Solve(CircleLossOptions.Paper);

        Scale(actual[1].AsSpan(Row * Dimension, Dimension), scale);
        AssertSameBits(expected, actual);
    }

    [Fact]
    public void A_row_that_is_scaled_changes_nothing_but_rounding()
    {
        float[] rows = [.. Batch.Rows];
        Scale(rows.AsSpan(0, Dimension), 3.7f);

        float[][] expected = Batch.Solve(CircleLossOptions.Paper), actual = (Batch with { Rows = rows }).Solve(CircleLossOptions.Paper);

        Scale(actual[1].AsSpan(0, Dimension), 3.7f);
        AssertNearly(expected[0], actual[0], Tolerances.ReorderedInFloat(80));
        AssertNearly(expected[1], actual[1], Tolerances.ReorderedInFloat(80));
    }

    [Fact]
    public void A_rotation_of_all_rows_changes_no_loss_and_turns_the_gradient()
    {
        float[][] expected = Batch.Solve(CircleLossOptions.Paper), actual = Batch.Rotated(5).Solve(CircleLossOptions.Paper);

        AssertNearly(expected[0], actual[0], Tolerances.ReorderedInFloat(80));
        AssertNearly(new LargeBatch(expected[1], Batch.Labels, Dimension).Rotated(5).Rows, actual[1], Tolerances.ReorderedInFloat(80));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(80)]
    [InlineData(1024)]
    public void One_negative_more_never_lowers_a_valid_loss(double gamma)
    {
        CircleLossOptions options = CircleLossOptions.Paper with { Gamma = gamma };
        LargeBatch one = LargeBatch.Draw(6, 1, Dimension, classes: 1) with { Labels = [-1] };
        float[] before = Batch.Solve(options, null, Others)[0], after = Batch.Solve(options, null, Others.With(one))[0];

        // A sum of 1,112 terms may round to less than one of 1,111.
        Assert.All(before, (loss, q) => Assert.True(after[q] >= loss * (1 - Tolerances.LogSumExpInFloat), $"query {q}: {loss} became {after[q]}"));
    }

    private static void Scale(Span<float> row, float factor) => TensorPrimitives.Multiply(row, factor, row);

    private static void AssertSameBits(float[][] expected, float[][] actual, SimdWidth width = SimdWidth.Auto)
    {
        for (int part = 0; part < expected.Length; part++)
        {
            for (int i = 0; i < expected[part].Length; i++)
            {
                if (BitConverter.SingleToInt32Bits(expected[part][i]) != BitConverter.SingleToInt32Bits(actual[part][i]))
                {
                    string what = part switch { 0 => "losses", 1 => "gradient", 2 => "reference gradient", _ => "loss" };
                    Assert.Fail($"{width}: {what}[{i}] is {actual[part][i]:R} instead of {expected[part][i]:R}");
                }
            }
        }
    }

    private static void AssertNearly(float[] expected, float[] actual, double share)
    {
        double[] wide = [.. expected.Select(x => (double)x)];
        Nearly.Equal(wide, [.. actual.Select(x => (double)x)], share * Nearly.Largest(wide), "number");
    }

    private sealed class InOrder : IWorkScheduler
    {
        public void Run(int workers, Action<int> work)
        {
            for (int worker = 0; worker < workers; worker++)
            {
                work(worker);
            }
        }
    }

    private sealed class Backwards : IWorkScheduler
    {
        public void Run(int workers, Action<int> work)
        {
            for (int worker = workers - 1; worker >= 0; worker--)
            {
                work(worker);
            }
        }
    }

    private sealed class Threads : IWorkScheduler
    {
        public void Run(int workers, Action<int> work)
        {
            Thread[] threads = [.. Enumerable.Range(0, workers).Select(worker => new Thread(() => work(worker)))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
        }
    }
}
