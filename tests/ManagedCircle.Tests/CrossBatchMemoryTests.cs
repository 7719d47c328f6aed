using System.Buffers.Binary;
using System.Security.Cryptography;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Cli;
using ManagedCircle.Tests.Golden;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class CrossBatchMemoryTests
{
    private static readonly CircleLossOptions Options = new() { Gamma = 16, Margin = 0.25, WeightGradient = WeightGradient.Attached };

    public static TheoryData<string> OfMemory => [.. GoldenProblems.OfMemory];

    [Theory]
    [MemberData(nameof(OfMemory))]
    public void Sequences_of_batches_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        GoldenInputs inputs = golden.Inputs;
        int dimension = inputs.Emb.Shape[1], slots = inputs.RefEmb!.Shape[0];
        float[] rows = Floats(inputs.Emb), expectedRows = Floats(inputs.RefEmb), gradient = new float[rows.Length];
        long[] labels = inputs.Labels.ToLongs(), expectedLabels = inputs.RefLabels!.ToLongs();
        bool[] enqueue = [.. inputs.EnqueueMask?.ToLongs().Select(flag => flag == 1) ?? []];
        int[] entered = [.. inputs.CurrBatchIdx!.ToLongs().Select(slot => (int)slot)];
        CrossBatchMemory memory = new(capacity: 40, dimension);

        // Before the batch: what the memory held in every slot but the batch's own, and rows long gone where those were taken before.
        int filled = Math.Min(slots, entered[^1] < entered[0] ? 40 : entered[0]);
        memory.Enqueue(new EmbeddingBatch(expectedRows.AsSpan(0, Math.Min(filled, entered[0]) * dimension),
            expectedLabels.AsSpan(0, Math.Min(filled, entered[0])), dimension));
        using CircleLoss loss = new(CircleLossOptions.PyTorchMetricLearning);

        LossResult result = memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels, dimension), gradient, enqueue: enqueue);

        Assert.Equal(expectedRows, memory.References.Rows.ToArray());
        Assert.Equal(expectedLabels, Enumerable.Range(0, slots).Select(slot => memory.References.Label(slot)));
        double[] expected = golden.Out64.GradEmb!.ToDoubles();
        Nearly.Equal(golden.Out64.Loss, result.Loss, Tolerances.PeerLossInFloat * Math.Max(1, result.Loss), "loss");
        Nearly.Equal(expected, Doubles(gradient), Tolerances.PeerGradientInFloat * Nearly.Largest(expected), "gradient");
    }

    [Fact]
    public void It_warms_up_and_then_the_oldest_leave()
    {
        CrossBatchMemory memory = new(capacity: 5, dimension: 2);
        Assert.Equal((5, 2, 0), (memory.Capacity, memory.Dimension, memory.Count));

        memory.Enqueue(Rows(1, 2, 3));
        Assert.Equal([1, 2, 3], Held(memory));
        memory.Enqueue(Rows(4, 5, 6, 7));
        Assert.Equal([3, 4, 5, 6, 7], Held(memory).Order());
        memory.Enqueue(Rows(8, 9, 10, 11, 12));
        Assert.Equal([8, 9, 10, 11, 12], Held(memory).Order());
        memory.Enqueue(Rows(13, 14, 15, 16), [false, true, false, true]);
        Assert.Equal([10, 11, 12, 14, 16], Held(memory).Order());
        memory.Clear();
        Assert.Equal([], Held(memory));
        memory.Enqueue(Rows(1));
        Assert.Equal([1], Held(memory));
    }

    [Fact]
    public void Rows_are_copied_with_any_stride()
    {
        CrossBatchMemory memory = new(capacity: 3, dimension: 2);

        memory.Enqueue(new EmbeddingBatch([1f, 2f, -1f, 3f, 4f], [7L, 8L], dimension: 2, stride: 3));

        Assert.Equal([1, 2, 3, 4], memory.References.Rows.ToArray());
        Assert.Equal((7, 8), (memory.References.Label(0), memory.References.Label(1)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_loss_is_that_of_the_batch_against_its_copies_and_the_memory_without_own_copies(bool throughStored)
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        float[] before = memory.References.Rows.ToArray();
        double[] references = [.. Doubles(before), .. Doubles(rows)];
        long[] referenceLabels = [.. Enumerable.Range(0, 11).Select(i => memory.References.Label(i)), .. labels];
        ReferenceTerms terms = new() { ExcludedReferences = [.. Enumerable.Range(11, 6)], Weights = [1, 2, 0.5, 1, 0, 1], Upstream = [1, -1, 2, 0.5, 1, 1] };
        float[] gradient = new float[rows.Length], losses = new float[6];
        using CircleLoss loss = new(Options);

        LossResult result = memory.ForwardBackward(
            loss, new EmbeddingBatch(rows, labels), gradient, losses, new QueryTerms { Weights = Floats(terms.Weights), Upstream = Floats(terms.Upstream) },
                gradientThroughStored: throughStored);

        ReferenceResult expected = ReferenceLoss.AgainstReferences(Options, Doubles(rows), labels, references, referenceLabels, terms);
        Nearly.Equal(expected.Losses, Doubles(losses), x => Tolerances.PeerLossInFloat * Math.Max(1, x), "losses");
        Nearly.Equal(expected.Loss, result.Loss, Tolerances.PeerLossInFloat * Math.Max(1, expected.Loss), "loss");
        double[] expectedGradient = [.. expected.QueryGradient.Zip(expected.ReferenceGradient[before.Length..], (q, r) => throughStored ? q + r : q)];
        Nearly.Equal(expectedGradient, Doubles(gradient), Tolerances.PeerGradientInFloat * Nearly.Largest(expectedGradient), "gradient");
        Assert.Equal(17, memory.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_are_central_differences(bool throughStored)
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        double[] stored = Doubles(memory.References.Rows.ToArray()), start = Doubles(rows);
        long[] referenceLabels = [.. Enumerable.Range(0, 11).Select(i => memory.References.Label(i)), .. labels];
        float[] gradient = new float[rows.Length];
        using CircleLoss loss = new(Options);
        memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, gradientThroughStored: throughStored);

        // Copies move with their rows where the gradient goes through them, and stay where it does not.
        const double Step = 1e-4;
        double[] differences = [.. start.Select((_, i) => (8 * (At(i, 1) - At(i, -1)) - (At(i, 2) - At(i, -2))) / (12 * Step))];
        Nearly.Equal(differences, Doubles(gradient), Tolerances.PeerGradientInFloat * Nearly.Largest(differences), "gradient");

        double At(int i, int steps)
        {
            double[] moved = [.. start];
            moved[i] += steps * Step;
            ReferenceTerms terms = new() { ExcludedReferences = [.. Enumerable.Range(11, 6)] };
            return ReferenceLoss.AgainstReferences(Options, moved, labels, [.. stored, .. throughStored ? moved : start], referenceLabels, terms).Loss;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rows_that_enter_by_a_mask_are_no_queries(bool throughStored)
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        bool[] enqueue = [true, false, false, true, true, false];
        int[] queries = [1, 2, 5], keys = [0, 3, 4];
        double[] queryRows = Of(queries, Doubles(rows)), references = [.. Doubles(memory.References.Rows.ToArray()), .. Of(keys, Doubles(rows))];
        long[] referenceLabels = [.. Enumerable.Range(0, 11).Select(i => memory.References.Label(i)), .. keys.Select(row => labels[row])];
        float[] gradient = [.. Enumerable.Repeat(7f, rows.Length)], losses = [.. Enumerable.Repeat(7f, 6)];
        CircleLossOptions options = Options with { ReferenceDiagonal = DiagonalPairs.Removed };
        using CircleLoss loss = new(options);

        LossResult result = memory.ForwardBackward(
            loss,
            new EmbeddingBatch(rows, labels),
            gradient,
            losses,
            new QueryTerms { Weights = [9, 2, 3, 9, 9, 4], Upstream = [9, 1, -1, 9, 9, 2] },
            enqueue,
            throughStored);

        ReferenceResult expected = ReferenceLoss.AgainstReferences(
            options, queryRows, [.. queries.Select(row => labels[row])], references, referenceLabels,
                new() { Weights = [2, 3, 4], Upstream = [1, -1, 2], ExcludedReferences = [-1, -1, -1] });
        Nearly.Equal(expected.Loss, result.Loss, Tolerances.PeerLossInFloat * Math.Max(1, expected.Loss), "loss");
        Nearly.Equal(expected.Losses, [.. queries.Select(row => (double)losses[row])], x => Tolerances.PeerLossInFloat * Math.Max(1, x), "losses");
        Assert.All(keys, row => Assert.Equal(0, losses[row]));
        double largest = Tolerances.PeerGradientInFloat * Nearly.Largest([.. expected.QueryGradient, .. expected.ReferenceGradient]);
        Nearly.Equal(expected.QueryGradient, Of(queries, Doubles(gradient)), largest, "gradient of the queries");
        Nearly.Equal(throughStored ? expected.ReferenceGradient[(11 * 4)..] : new double[12], Of(keys, Doubles(gradient)), largest, "gradient of the keys");

        static double[] Of(int[] which, double[] all) => [.. which.SelectMany(row => all[(row * 4)..(row * 4 + 4)])];
    }

    [Fact]
    public void The_forward_pass_alone_gives_the_same_losses_and_stores_the_batch()
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        (CrossBatchMemory other, _, _) = Draw(stored: 11, count: 6);
        float[] losses = new float[6], otherLosses = new float[6];
        using CircleLoss loss = new(Options);

        LossResult expected = memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), new float[rows.Length], losses);

        Assert.Equal(expected, other.Forward(loss, new EmbeddingBatch(rows, labels), otherLosses));
        Assert.Equal(losses, otherLosses);
        Assert.Equal(Bytes(memory), Bytes(other));
    }

    [Fact]
    public void One_loss_for_the_whole_batch_is_that_of_the_references()
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        using CircleLoss loss = new(CircleLossOptions.PaperGlobal);
        float[] losses = new float[1];

        LossResult result = memory.Forward(loss, new EmbeddingBatch(rows, labels), losses, enqueue: [true, false, false, false, false, true]);

        Assert.Equal((float)result.Loss, losses[0]);
        Assert.Equal((4, 13), (result.QueryCount, result.ReferenceCount));
    }

    [Fact]
    public void A_call_that_fails_leaves_memory_and_gradient_as_they_were()
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6, capacity: 13);
        byte[] before = Bytes(memory);
        float[] gradient = [.. Enumerable.Repeat(7f, rows.Length)], notFinite = [.. rows];
        notFinite[9] = float.NaN;
        using CircleLoss loss = new(Options), trusts = new(Options with { CheckInputs = false }), whole = new(CircleLossOptions.PaperGlobal);
        float[] rowsAndGradient = [.. rows];

        AssertRefused("batch: row 2 holds NaN or infinity", () => memory.Enqueue(new EmbeddingBatch(notFinite, labels)));
        AssertRefused("batch: row 2 holds NaN or infinity", () => memory.ForwardBackward(trusts, new EmbeddingBatch(notFinite, labels), gradient));
        AssertRefused("queries: row 1 holds NaN or infinity", () =>
            memory.ForwardBackward(loss, new EmbeddingBatch(notFinite, labels), gradient, enqueue: [true, false, false, true, true, true]));
        AssertRefused("14 rows to store: expected at most 13", () => memory.Enqueue(new EmbeddingBatch(new float[14 * 4], new long[14])));
        AssertRefused("dimension 3: expected 4", () => memory.Enqueue(new EmbeddingBatch(new float[6], new long[2])));
        AssertRefused("mask has length 2: expected 6", () => memory.Enqueue(new EmbeddingBatch(rows, labels), [true, false]));
        AssertRefused("gradient has room for 3", () => memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), new float[3]));
        AssertRefused("losses has length 2", () => memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, new float[2]));
        AssertRefused("Weights has length 2", () =>
            memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, terms: new QueryTerms { Weights = [1, 2] }));
        AssertRefused("Weights has length 6: expected 0", () =>
            memory.ForwardBackward(whole, new EmbeddingBatch(rows, labels), gradient, terms: new QueryTerms { Weights = new float[6] }));
        AssertRefused("ExcludedReferences", () =>
            memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, terms: new QueryTerms { ExcludedReferences = new int[6] }));
        AssertRefused("overlap", () => memory.ForwardBackward(loss, new EmbeddingBatch(rowsAndGradient, labels), rowsAndGradient));
        AssertRefused("overlap", () => memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, gradient.AsSpan(0, 6)));

        Assert.Equal(before, Bytes(memory));
        Assert.All(gradient, g => Assert.Equal(7, g));
        Assert.Equal(rows, rowsAndGradient);
    }

    [Fact]
    public void Numbers_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new CrossBatchMemory(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CrossBatchMemory(4, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CrossBatchMemory(1 << 30, 1 << 10));
    }

    [Fact]
    public void What_does_not_fit_the_batch_is_refused_and_nothing_stored()
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6);
        float[] gradient = new float[rows.Length];
        using CircleLoss loss = new(Options);

        AssertRefused("the gradient and the batch overlap", () => memory.ForwardBackward(loss, new(rows, labels), rows));
        AssertRefused("losses has length 2: expected 6, one per row", () => memory.ForwardBackward(loss, new(rows, labels), gradient, new float[2]));
        AssertRefused("Weights has length 2", () => memory.ForwardBackward(loss, new(rows, labels), gradient, terms: new() { Weights = new float[2] }));
        AssertRefused(
            "ExcludedReferences has length 6: expected 0, as no query meets its own copy",
            () => memory.ForwardBackward(loss, new(rows, labels), gradient, terms: new() { ExcludedReferences = new int[6] }));
        Assert.Throws<ArgumentNullException>(() => memory.ForwardBackward(null!, new(rows, labels), gradient));
        Assert.Throws<ArgumentNullException>(() => memory.Save((Stream)null!));
        Assert.Throws<ArgumentNullException>(() => CrossBatchMemory.Load((Stream)null!));
        Assert.Equal(11, memory.Count);
    }

    [Fact]
    public void Nothing_is_allocated_once_it_is_full()
    {
        (CrossBatchMemory memory, float[] rows, long[] labels) = Draw(stored: 11, count: 6, capacity: 13);
        float[] gradient = new float[rows.Length];
        bool[] mask = [true, false, true, false, true, false];
        using CircleLoss loss = new(Options);
        Call();
        long before = GC.GetAllocatedBytesForCurrentThread();

        Call();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Call()
        {
            memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, gradientThroughStored: true);
            memory.ForwardBackward(loss, new EmbeddingBatch(rows, labels), gradient, enqueue: mask, gradientThroughStored: true);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(13)]
    [InlineData(17)]
    public void What_is_saved_is_loaded_and_goes_on_as_before(int stored)
    {
        CrossBatchMemory memory = Filled(stored, capacity: 13);
        using TemporaryDirectory directory = new();
        memory.Save(directory["memory"]);
        memory.Save(directory["memory"]);
        Assert.Equal(["memory"], directory.Names);

        CrossBatchMemory loaded = CrossBatchMemory.Load(directory["memory"]);

        Assert.Equal(["memory"], Directory.GetFiles(directory["."]).Select(Path.GetFileName));
        Assert.Equal((memory.Capacity, memory.Dimension, memory.Count), (loaded.Capacity, loaded.Dimension, loaded.Count));
        Assert.Equal(Bytes(memory), Bytes(loaded));
        memory.Enqueue(Rows4(3));
        loaded.Enqueue(Rows4(3));
        Assert.Equal(Bytes(memory), Bytes(loaded));

        static EmbeddingBatch Rows4(int count) => new(new float[4 * count], new long[count]);
    }

    [Fact]
    public void The_format_is_the_documented_one()
    {
        CrossBatchMemory memory = new(capacity: 3, dimension: 1);
        memory.Enqueue(new EmbeddingBatch([1f, -2f], [5L, -1L]));

        byte[] file = Bytes(memory);

        Assert.Equal(
            "4D434952434C454D01000000010000000300000002000000020000000500000000000000FFFFFFFFFFFFFFFF0000803F000000C0",
            Convert.ToHexString(file[..^32]));
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(file[..^32]), file[^32..]);
    }

    [Fact]
    public void Several_memories_may_share_a_stream()
    {
        using MemoryStream stream = new([.. Bytes(Filled(3, capacity: 5)), .. Bytes(Filled(7, capacity: 5))]);

        Assert.Equal(3, CrossBatchMemory.Load(stream).Count);
        Assert.Equal(5, CrossBatchMemory.Load(stream).Count);
    }

    [Fact]
    public void A_file_of_another_kind_or_version_or_with_a_header_that_cannot_be_is_refused_by_what_is_wrong()
    {
        byte[] file = Bytes(Filled(3, capacity: 5));

        AssertBad("no cross-batch memory", With(0, 1));
        AssertBad("version 2: expected 1", With(8, 2));
        AssertBad("dimension 0", With(12, 0));
        AssertBad("dimension -1", With(12, -1));
        AssertBad("capacity 0", With(16, 0));
        AssertBad("capacity 2, count 3", With(16, 2));
        AssertBad("count -1", With(20, -1));
        AssertBad("count 3, next slot 2", With(24, 2));
        AssertBad("checksum is that of other contents", With(16, 6));
        AssertBad("rows has 104 bytes, expected", With(12, 1000));
        AssertBad("header has 5 bytes, expected 28", file[..5]);
        AssertBad("rows has 71 bytes, expected 72", file[..99]);
        AssertBad("checksum has 31 bytes, expected 32", file[..^1]);
        AssertBad("bytes follow its end", [.. file, 0]);

        byte[] With(int offset, int number)
        {
            byte[] altered = [.. file];
            BitConverter.TryWriteBytes(altered.AsSpan(offset), number);
            return altered;
        }
    }

    [Fact]
    public void A_row_that_is_not_finite_is_refused_though_the_checksum_is_its_own()
    {
        CrossBatchMemory memory = Filled(3, capacity: 5);
        byte[] file = Bytes(memory);
        int rows = file.Length - 32 - (3 * memory.Dimension * sizeof(float));
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(rows + (memory.Dimension * sizeof(float))), float.NaN);
        SHA256.HashData(file.AsSpan(..^32)).CopyTo(file, file.Length - 32);

        AssertBad("Row 1 of the cross-batch memory holds NaN or infinity", file);
    }

    [Fact]
    public void Every_cut_and_every_flipped_bit_is_refused()
    {
        byte[] file = Bytes(Filled(3, capacity: 5));
        for (int length = 0; length < file.Length; length++)
        {
            AssertBad("", file[..length]);
        }

        for (int bit = 0; bit < 8 * file.Length; bit++)
        {
            byte[] altered = [.. file];
            altered[bit / 8] ^= (byte)(1 << (bit % 8));
            AssertBad("", altered);
        }
    }

    private static void AssertBad(string message, byte[] file) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => CrossBatchMemory.LoadToEnd(new MemoryStream(file))).Message,
            StringComparison.Ordinal);

    private static void AssertRefused(string message, Action call) =>
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);

    private static EmbeddingBatch Rows(params int[] numbers) =>
        new(numbers.SelectMany(n => new[] { n, -(float)n }).ToArray(), numbers.Select(n => (long)n).ToArray());

    private static long[] Held(CrossBatchMemory memory)
    {
        long[] labels = new long[memory.Count];
        for (int slot = 0; slot < labels.Length; slot++)
        {
            labels[slot] = memory.References.Label(slot);
            Assert.Equal([labels[slot], -labels[slot]], memory.References.Rows.Slice(slot * 2, 2).ToArray().Select(x => (long)x));
        }

        return labels;
    }

    private static CrossBatchMemory Filled(int stored, int capacity)
    {
        CrossBatchMemory memory = new(capacity, dimension: 4);
        Random random = new(2);
        for (int i = 0; i < stored; i++)
        {
            memory.Enqueue(new EmbeddingBatch([random.NextSingle(), random.NextSingle(), -random.NextSingle(), 1], [random.NextInt64(3)]));
        }

        return memory;
    }

    private static (CrossBatchMemory Memory, float[] Rows, long[] Labels) Draw(int stored, int count, int capacity = 20)
    {
        Random random = new(9);
        return (Filled(stored, capacity), [.. Enumerable.Range(0, 4 * count).Select(_ => random.NextSingle() - 0.5f)],
            [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(3))]);
    }

    private static byte[] Bytes(CrossBatchMemory memory)
    {
        using MemoryStream stream = new();
        memory.Save(stream);
        return stream.ToArray();
    }

    private static float[] Floats(GoldenArray array) => Floats(array.ToDoubles());

    private static float[] Floats(double[] numbers) => [.. numbers.Select(x => (float)x)];

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
}
