using ManagedCircle.Tests.Cli;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>A gallery finds what its rows would, to the bit, after any changes, and after a file.</summary>
public sealed class GalleryTests
{
    private const int Dimension = 37;

    [Theory]
    [InlineData(SimilarityMeasure.Cosine)]
    [InlineData(SimilarityMeasure.InnerProduct)]
    public void Random_changes_leave_a_gallery_that_finds_what_the_rows_do(SimilarityMeasure measure)
    {
        Random random = new(7);
        using Gallery gallery = new(Dimension, measure);
        List<float[]> rows = [];
        List<long> labels = [];
        for (int change = 0; change < 120; change++)
        {
            int count = random.Next(4) == 0 ? random.Next(200) : random.Next(4), first = random.Next(rows.Count + 1);
            float[] numbers = [.. Enumerable.Range(0, count * Dimension).Select(_ => (float)random.Next(-3, 4))];
            long[] classes = random.Next(3) == 0 ? [] : [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(5))];
            float[][] some = [.. numbers.Chunk(Dimension)];
            IEnumerable<long> given = classes.Length > 0 ? classes : new long[count];
            switch (random.Next(4))
            {
                case 0 when rows.Count > 0:
                    int removed = random.Next(rows.Count);
                    gallery.RemoveAt(removed);
                    (rows[removed], labels[removed]) = (rows[^1], labels[^1]);
                    rows.RemoveAt(rows.Count - 1);
                    labels.RemoveAt(labels.Count - 1);
                    break;

                case 1 when first + count <= rows.Count:
                    gallery.Replace(first, new(numbers, Dimension), classes);
                    rows.RemoveRange(first, count);
                    rows.InsertRange(first, some);
                    labels.RemoveRange(first, count);
                    labels.InsertRange(first, given);
                    break;

                case 2 when change % 50 == 49:
                    gallery.Clear();
                    rows.Clear();
                    labels.Clear();
                    break;

                default:
                    Assert.Equal(rows.Count, gallery.Add(new(numbers, Dimension), classes));
                    rows.AddRange(some);
                    labels.AddRange(given);
                    break;
            }

            if (change % 10 == 9)
            {
                AssertFindsTheSame(gallery, [.. rows.SelectMany(row => row)], [.. labels], measure, random);
            }
        }
    }

    [Fact]
    public void Rows_apart_are_added_as_rows_side_by_side_are()
    {
        SimilarityProblem problem = new((3, 70, Dimension), (0, 5, 0));
        using Gallery gallery = new(Dimension);
        gallery.Add(problem.ReferenceRows);
        (int[] fromGallery, int[] fromRows) = (new int[3 * 4], new int[3 * 4]);
        using NearestNeighbors search = new();

        search.FindIn(gallery, problem.QueryRows, 4, fromGallery);
        search.Find(problem.QueryRows, problem.ReferenceRows, 4, fromRows);

        Assert.Equal(fromRows, fromGallery);
    }

    [Fact]
    public void Its_memory_is_what_is_documented()
    {
        using Gallery gallery = new(100);
        Assert.Equal(0, gallery.MemoryBytes);
        gallery.Add(new(new float[1024 * 100], 100));

        // 128 numbers for each row, and a panel of scratch.
        Assert.InRange(gallery.MemoryBytes, 1024 * ((4 * 128) + 8), (1024 * ((4 * 128) + 8)) + (33 * 4 * 160));
        long before = gallery.MemoryBytes;
        for (int row = 0; row < 1024; row++)
        {
            gallery.Add(new(new float[100], 100));
        }

        Assert.InRange(gallery.MemoryBytes, before, 2 * before);
        gallery.Clear();
        Assert.InRange(gallery.MemoryBytes, before, 2 * before);
    }

    [Fact]
    public void A_row_is_held_divided_by_its_norm_under_cosines_and_as_it_is_under_inner_products()
    {
        float[] row = new float[2];
        using Gallery cosine = new(2), inner = new(2, SimilarityMeasure.InnerProduct);
        cosine.Add(new([3, 4, 0, 0], 2), [5, 6]);
        inner.Add(new([3, 4], 2));

        cosine.CopyRow(0, row);
        Assert.Equal([0.6f, 0.8f], row);
        cosine.CopyRow(1, row);
        Assert.Equal([0, 0], row);
        inner.CopyRow(0, row);
        Assert.Equal([3, 4], row);
        Assert.Equal((5L, 6L, 0L), (cosine.Label(0), cosine.Label(1), inner.Label(0)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 5)]
    [InlineData(700, 37)]
    [InlineData(3, 70_000)]
    public void A_gallery_read_from_what_it_wrote_has_the_same_bits(int count, int dimension)
    {
        Random random = new(count);
        float[] rows = [.. Enumerable.Range(0, count * dimension).Select(_ => random.NextSingle() - 0.5f)];
        long[] labels = [.. Enumerable.Range(0, count).Select(_ => random.NextInt64())];
        using Gallery gallery = new(dimension);
        gallery.Add(new(rows, dimension), labels);
        using MemoryStream stream = new();
        gallery.Save(stream);
        long length = stream.Length;
        Assert.Equal(24 + (count * (8L + (4 * dimension))) + 32, length);
        stream.WriteByte(7);
        stream.Position = 0;

        using Gallery read = Gallery.Load(stream);

        Assert.Equal(length, stream.Position);
        Assert.Equal((gallery.Count, gallery.Dimension, gallery.Measure), (read.Count, read.Dimension, read.Measure));
        (float[] expected, float[] actual) = (new float[dimension], new float[dimension]);
        for (int row = 0; row < count; row++)
        {
            gallery.CopyRow(row, expected);
            read.CopyRow(row, actual);
            Assert.True(expected.AsSpan().SequenceEqual(actual));
            Assert.Equal(labels[row], read.Label(row));
        }
    }

    [Fact]
    public void A_file_is_replaced_as_a_whole_and_one_that_was_altered_or_cut_is_refused()
    {
        using TemporaryDirectory directory = new();
        using Gallery gallery = new(3, SimilarityMeasure.InnerProduct);
        gallery.Add(new([1, 2, 3, 4, 5, 6], 3), [8, 9]);
        gallery.Save(directory["gallery"]);
        byte[] good = File.ReadAllBytes(directory["gallery"]);
        using (Gallery read = Gallery.Load(directory["gallery"]))
        {
            Assert.Equal((2, SimilarityMeasure.InnerProduct, 9L), (read.Count, read.Measure, read.Label(1)));
        }

        for (int i = 0; i < good.Length; i++)
        {
            byte[] altered = [.. good];
            altered[i] ^= 0x40;
            Assert.Throws<InvalidDataException>(() => Gallery.Load(new MemoryStream(altered)));
            Assert.Throws<InvalidDataException>(() => Gallery.Load(new MemoryStream(good[..i])));
        }

        File.WriteAllBytes(directory["gallery"], [.. good, 0]);
        Assert.Equal(
            "The gallery was altered: bytes follow its end.", Assert.Throws<InvalidDataException>(() => Gallery.Load(directory["gallery"])).Message);
        Assert.Throws<DirectoryNotFoundException>(() => gallery.Save(directory["missing/gallery"]));
        Assert.Equal(["gallery"], directory.Names);
    }

    [Fact]
    public void Many_search_in_a_gallery_at_once_and_nobody_changes_it_meanwhile()
    {
        LargeBatch batch = LargeBatch.Draw(3, 300, 64, classes: 5);
        using Gallery gallery = new(64);
        gallery.Add(new(batch.Rows, 64), batch.Labels);
        TestScheduler scheduler = new();
        using NearestNeighbors first = new(execution: new() { Threads = 2, Scheduler = scheduler }), second = new();
        (int[] expected, int[] ofFirst, int[] ofSecond) = (new int[900], new int[900], new int[900]);
        second.FindIn(gallery, new(batch.Rows, 64), 3, expected);
        List<Exception?> refused = [];
        scheduler.Behaviour = (workers, work) =>
        {
            second.FindIn(gallery, new(batch.Rows, 64), 3, ofSecond);
            Action add = () => gallery.Add(new(batch.Rows, 64)), replace = () => gallery.Replace(0, new(batch.Rows, 64)), remove = () => gallery.RemoveAt(0);
            refused.AddRange(((Action[])[add, replace, remove, gallery.Clear, gallery.Dispose]).Select(Record.Exception));
            TestScheduler.InOrder(workers, work);
        };

        first.FindIn(gallery, new(batch.Rows, 64), 3, ofFirst);

        Assert.Equal(expected, ofFirst);
        Assert.Equal(expected, ofSecond);
        Assert.Equal(5, refused.Count);
        Assert.All(refused, e => Assert.StartsWith("This Gallery is in use", Assert.IsType<InvalidOperationException>(e).Message, StringComparison.Ordinal));
        Assert.Equal(300, gallery.Count);
        gallery.Dispose();
        gallery.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.FindIn(gallery, new(batch.Rows, 64), 3, ofFirst));
        Assert.Throws<ObjectDisposedException>(gallery.Clear);
    }

    [Fact]
    public void Arguments_that_do_not_fit_are_refused_by_name_and_change_nothing()
    {
        using Gallery gallery = new(2), inner = new(2, SimilarityMeasure.InnerProduct);
        gallery.Add(new([1, 2, 3, 4], 2), [1, 2]);
        using NearestNeighbors search = new();

        Refuses("dimension is 0: expected at least 1.", () => _ = new Gallery(0));
        Refuses("measure is 5: expected one of", () => _ = new Gallery(1, (SimilarityMeasure)5));
        Refuses("rows has dimension 3: expected 2, as the gallery has.", () => gallery.Add(new([1, 2, 3], 3)));
        Refuses("labels has length 1: expected 2, one per row.", () => gallery.Add(new([1, 2, 3, 4], 2), [1]));
        Refuses("rows: row 1 holds NaN or infinity: expected finite numbers.", () => gallery.Add(new([1, 2, float.NaN, 4], 2)));
        Refuses("rows: row 0 holds NaN or infinity: expected finite numbers.", () => gallery.Replace(0, new([1, float.PositiveInfinity], 2)));
        Refuses("first is 1, for 2 rows: expected rows among the 2 of the gallery.", () => gallery.Replace(1, new([1, 2, 3, 4], 2)));
        Refuses("first is -1, for 1 rows: expected", () => gallery.Replace(-1, new([1, 2], 2)));
        Refuses("index is 2: expected a row from 0 to 1.", () => gallery.RemoveAt(2));
        Refuses("index is -1: expected a row from 0 to 1.", () => gallery.Label(-1));
        Refuses("destination has length 3: expected 2, the gallery's dimension.", () => gallery.CopyRow(0, new float[3]));
        Refuses("gallery is packed for InnerProduct: expected Cosine", () => search.FindIn(inner, new([1, 2], 2), 1, new int[1]));
        Refuses("queries has dimension 3: expected 2, as the gallery has.", () => search.FindIn(gallery, new([1, 2, 3], 3), 1, new int[1]));
        Refuses("Mask has length 3: expected 2", () => search.FindIn(gallery, new([1, 2], 2), 1, new int[1], terms: new() { Mask = new bool[3] }));
        Assert.Equal((2, 2L), (gallery.Count, gallery.Label(1)));

        static void Refuses(string message, Action call) =>
            Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    private static void AssertFindsTheSame(Gallery gallery, float[] rows, long[] labels, SimilarityMeasure measure, Random random)
    {
        Assert.Equal(labels, Enumerable.Range(0, gallery.Count).Select(gallery.Label));
        foreach (int queries in (int[])[1, 5, 70])
        {
            float[] numbers = [.. Enumerable.Range(0, queries * Dimension).Select(_ => random.NextSingle() - 0.5f)];
            foreach (SimdWidth width in ExecutionOptions.AvailableSimdWidths)
            {
                using NearestNeighbors search = new(measure, new() { SimdWidth = width, Threads = random.Next(1, 3) });
                (int[] expected, int[] indices) = (new int[queries * 9], new int[queries * 9]);
                (float[] expectedSimilarities, float[] similarities) = (new float[queries * 9], new float[queries * 9]);
                search.Find(new(numbers, Dimension), new(rows, Dimension), 9, expected, expectedSimilarities);
                search.FindIn(gallery, new(numbers, Dimension), 9, indices, similarities);
                Assert.Equal(expected, indices);
                Assert.True(expectedSimilarities.AsSpan().SequenceEqual(similarities));
                int[] starts = new int[queries + 1], expectedStarts = new int[queries + 1], above = new int[queries * labels.Length];
                long total = search.FindAboveIn(gallery, new(numbers, Dimension), 0.1f, starts, above);
                Assert.Equal(search.FindAbove(new(numbers, Dimension), new(rows, Dimension), 0.1f, expectedStarts, new int[above.Length]), total);
                Assert.Equal(expectedStarts, starts);
            }
        }
    }
}
