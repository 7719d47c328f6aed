using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>A search finds what sorting the similarities would, to the bit.</summary>
public sealed class NearestNeighborsTests
{
    public static TheoryData<SimdWidth> Widths => [.. ExecutionOptions.AvailableSimdWidths];

    /// <summary>Queries, references, dimension and neighbours around every vector, panel, block, group and list.</summary>
    public static TheoryData<int, int, int, int> Shapes { get; } = new()
    {
        { 1, 1, 1, 1 }, { 1, 300, 127, 5 }, { 300, 1, 3, 4 }, { 2, 3, 1100, 1 }, { 7, 31, 32, 31 }, { 33, 33, 33, 32 }, { 5, 700, 40, 33 },
        { 40, 257, 513, 64 },
        { 65, 530, 12, 500 }, { 4, 1300, 300, 10 }, { 290, 520, 8, 7 }, { 3, 2500, 16, 1024 }, { 1, 1500, 33, 40 }, { 4, 9000, 64, 10 },
        { 0, 5, 3, 2 }, { 5, 0, 3, 2 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_nearest_are_the_first_of_a_sorted_row_of_the_matrix_whatever_the_width_and_the_threads(int queries, int references, int dimension, int k)
    {
        // Whole numbers make many similarities equal, and the lower index is to come first.
        foreach (bool wholeNumbers in (bool[])[false, true])
        {
            SimilarityProblem problem = new((queries, references, dimension), (3, 5, 0), wholeNumbers: wholeNumbers);
            foreach (SimilarityMeasure measure in Enum.GetValues<SimilarityMeasure>())
            {
                (int[] indices, float[] similarities) = Sorted(Matrix(problem, measure), queries, references, k, static (_, _) => true);
                foreach (SimdWidth width in ExecutionOptions.AvailableSimdWidths)
                {
                    foreach (int threads in (int[])[1, 3])
                    {
                        using NearestNeighbors search = new(measure, new() { SimdWidth = width, Threads = threads });
                        (int[] foundIndices, float[] foundSimilarities) = (new int[queries * k], new float[queries * k]);
                        search.Find(problem.QueryRows, problem.ReferenceRows, k, foundIndices, foundSimilarities);
                        Assert.Equal(indices, foundIndices);
                        AssertSameBits(similarities, foundSimilarities);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void What_is_excluded_or_masked_is_not_found(SimdWidth width)
    {
        const int Queries = 40, References = 700, K = 20;
        SimilarityProblem problem = new((Queries, References, 24), wholeNumbers: true);
        Random random = new(5);
        int[] excluded = [.. Enumerable.Range(0, Queries).Select(query => query % 7 == 0 ? -1 : random.Next(References))];
        bool[] mask = [.. Enumerable.Range(0, References).Select(_ => random.Next(3) > 0)];
        float[] matrix = Matrix(problem, SimilarityMeasure.Cosine);
        using NearestNeighbors search = new(execution: new() { SimdWidth = width, Threads = 2 });

        AssertFinds(new() { ExcludedReferences = excluded }, (query, reference) => reference != excluded[query]);
        AssertFinds(new() { Mask = mask }, (_, reference) => mask[reference]);
        AssertFinds(new() { ExcludedReferences = excluded, Mask = mask }, (query, reference) => reference != excluded[query] && mask[reference]);
        AssertFinds(new() { Mask = new bool[References] }, static (_, _) => false);

        void AssertFinds(SearchTerms terms, Func<int, int, bool> admits)
        {
            (int[] expected, float[] expectedSimilarities) = Sorted(matrix, Queries, References, K, admits);
            (int[] indices, float[] similarities) = (new int[Queries * K], new float[Queries * K]);
            search.Find(problem.QueryRows, problem.ReferenceRows, K, indices, similarities, terms);
            Assert.Equal(expected, indices);
            AssertSameBits(expectedSimilarities, similarities);
            AssertFindsAllAbove(search, problem.QueryRows, problem.ReferenceRows, matrix, 0.3f, terms, admits);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_row_that_searches_among_all_does_not_find_itself(int threads)
    {
        const int Count = 600, K = 9;
        SimilarityProblem problem = new((Count, Count, 16), wholeNumbers: true);
        using CosineSimilarity cosine = new();
        float[] matrix = problem.ForwardOfQueries(cosine, normalize: true);
        using NearestNeighbors search = new(execution: new() { Threads = threads });
        (int[] expected, float[] expectedSimilarities) = Sorted(matrix, Count, Count, K, static (query, reference) => query != reference);
        (int[] indices, float[] similarities) = (new int[Count * K], new float[Count * K]);

        search.Find(problem.QueryRows, K, indices, similarities);

        Assert.Equal(expected, indices);
        AssertSameBits(expectedSimilarities, similarities);
        bool[] mask = [.. Enumerable.Range(0, Count).Select(static row => row % 2 == 0)];
        (expected, _) = Sorted(matrix, Count, Count, K, (query, reference) => query != reference && mask[reference]);
        search.Find(problem.QueryRows, K, indices, terms: new() { Mask = mask });
        Assert.Equal(expected, indices);
        (int[] starts, int[] above) = (new int[Count + 1], new int[Count * Count]);
        long total = search.FindAbove(problem.QueryRows, 0.5f, starts, above);
        Assert.Equal(matrix.Where((s, pair) => s > 0.5f && pair / Count != pair % Count).Count(), total);
    }

    [Theory]
    [InlineData(1, 900, 33, SimilarityMeasure.Cosine, 0.2f)]
    [InlineData(70, 300, 5, SimilarityMeasure.Cosine, 0.6f)]
    [InlineData(70, 300, 5, SimilarityMeasure.InnerProduct, 3)]
    [InlineData(70, 300, 5, SimilarityMeasure.InnerProduct, float.NegativeInfinity)]
    [InlineData(3, 300, 600, SimilarityMeasure.InnerProduct, float.PositiveInfinity)]
    [InlineData(0, 300, 5, SimilarityMeasure.Cosine, 0)]
    [InlineData(3, 0, 5, SimilarityMeasure.Cosine, 0)]
    public void All_above_a_number_are_found_in_order(int queries, int references, int dimension, SimilarityMeasure measure, float number)
    {
        SimilarityProblem problem = new((queries, references, dimension), (2, 1, 0), wholeNumbers: true);
        float[] matrix = Matrix(problem, measure);
        foreach (SimdWidth width in ExecutionOptions.AvailableSimdWidths)
        {
            foreach (int threads in (int[])[1, 3])
            {
                using NearestNeighbors search = new(measure, new() { SimdWidth = width, Threads = threads });
                AssertFindsAllAbove(search, problem.QueryRows, problem.ReferenceRows, matrix, number, default, static (_, _) => true);
            }
        }
    }

    [Fact]
    public void Without_room_nothing_is_written_but_the_number_found_is_told()
    {
        SimilarityProblem problem = new((4, 50, 6), wholeNumbers: true);
        (int[] starts, int[] indices) = ([.. Enumerable.Repeat(7, 5)], [.. Enumerable.Repeat(7, 199)]);
        using NearestNeighbors search = new();

        Assert.Equal(200, search.FindAbove(problem.QueryRows, problem.ReferenceRows, -2, starts, indices));
        Assert.All(starts.Concat(indices), number => Assert.Equal(7, number));
    }

    // Neighbours may differ from those in double only where similarities are within rounding of each other.
    [Theory]
    [InlineData(20, 2000, 64, 10, false)]
    [InlineData(300, 500, 128, 100, true)]
    public void The_nearest_are_those_of_the_double_reference(int queries, int references, int dimension, int k, bool duplicates)
    {
        const double Rounding = 1e-6;
        SimilarityProblem problem = new((queries, references, dimension), seed: 3);
        for (int row = 1; duplicates && row < references; row += 2)
        {
            problem.References.AsSpan((row - 1) * dimension, dimension).CopyTo(problem.References.AsSpan(row * dimension));
        }

        double[] matrix = ReferenceSimilarity.Forward(problem.QueriesInDouble(), SimilarityProblem.InDouble(problem.References), dimension, normalize: true);
        (int[] indices, float[] similarities) = (new int[queries * k], new float[queries * k]);
        using NearestNeighbors search = new();

        search.Find(problem.QueryRows, problem.ReferenceRows, k, indices, similarities);

        for (int query = 0; query < queries; query++)
        {
            double[] row = matrix[(query * references)..((query + 1) * references)];
            double[] best = [.. row.OrderDescending().Take(k)];
            Assert.Equal(k, indices.Skip(query * k).Take(k).Distinct().Count());
            for (int i = 0; i < k; i++)
            {
                Assert.InRange(row[indices[(query * k) + i]], best[i] - Rounding, best[i] + Rounding);
                Assert.InRange(similarities[(query * k) + i], best[i] - Rounding, best[i] + Rounding);
            }
        }
    }

    [Fact]
    public void A_row_with_NaN_is_never_found_and_finds_nothing()
    {
        float[] references = [1, 0, float.NaN, 1, 0, 1, 0, 0], queries = [1, 0.1f, 1, float.NaN, float.PositiveInfinity, 1];
        (int[] indices, float[] similarities) = (new int[12], new float[12]);
        using NearestNeighbors search = new();

        search.Find(new(queries, 2), new(references, 2), 4, indices, similarities);

        Assert.Equal([0, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1], indices);
        Assert.Equal(0, similarities[2]);
        Assert.All(similarities[3..], similarity => Assert.Equal(float.NegativeInfinity, similarity));
    }

    [Fact]
    public void An_infinite_product_is_found_if_it_is_positive()
    {
        (int[] indices, float[] similarities) = (new int[3], new float[3]);
        using NearestNeighbors search = new(SimilarityMeasure.InnerProduct);

        search.Find(new([1], 1), new([float.NegativeInfinity, -2, float.PositiveInfinity, float.NaN], 1), 3, indices, similarities);

        Assert.Equal([2, 1, -1], indices);
        Assert.Equal([float.PositiveInfinity, -2, float.NegativeInfinity], similarities);
    }

    /// <summary>Lists are held for some of the queries at a time.</summary>
    [Fact]
    public void More_queries_than_lists_have_room_for_search_in_turns()
    {
        const int Queries = 260_000, AtOnce = 20_000;
        SimilarityProblem problem = new((Queries, 3, 2), seed: 9);
        int[] indices = new int[Queries], expected = new int[Queries], excluded = [.. Enumerable.Range(0, Queries).Select(static query => (query % 4) - 1)];
        using NearestNeighbors search = new();

        search.Find(problem.QueryRows, problem.ReferenceRows, 1, indices, terms: new() { ExcludedReferences = excluded });

        for (int first = 0; first < Queries; first += AtOnce)
        {
            RowMatrix some = new(problem.Queries.AsSpan(first * 2, AtOnce * 2), 2);
            SearchTerms terms = new() { ExcludedReferences = excluded.AsSpan(first, AtOnce) };
            search.Find(some, problem.ReferenceRows, 1, expected.AsSpan(first, AtOnce), terms: terms);
        }

        Assert.True(expected.AsSpan().SequenceEqual(indices));
        Assert.All(indices.Zip(excluded).Take(1000), pair => Assert.NotEqual(pair.First, pair.Second));
        Assert.InRange(search.WorkspaceBytes, 0, 128 << 20);
    }

    // Few queries look at rows first, and have those packed that may be near: here of every size, and so close that rounding tells them apart.
    [Theory]
    [InlineData(SimilarityMeasure.Cosine)]
    [InlineData(SimilarityMeasure.InnerProduct)]
    public void Few_queries_find_the_nearest_of_many_that_are_all_but_equal(SimilarityMeasure measure)
    {
        const int Dimension = 67, References = 3000, K = 25;
        foreach (int queries in (int[])[1, 3, 4, 5])
        {
            SimilarityProblem problem = new((queries, References, Dimension), seed: queries);
            Random random = new(queries);
            for (int row = 0; row < References; row++)
            {
                float scale = row % 11 == 0 ? MathF.Pow(10, random.Next(-25, 12)) : 1;
                for (int i = 0; i < Dimension; i++)
                {
                    problem.References[(row * Dimension) + i] = (problem.Queries[i] + (1e-6f * random.NextSingle())) * scale;
                }
            }

            (int[] expected, float[] expectedSimilarities) = Sorted(Matrix(problem, measure), queries, References, K, static (_, _) => true);
            foreach (SimdWidth width in ExecutionOptions.AvailableSimdWidths)
            {
                (int[] indices, float[] similarities) = (new int[queries * K], new float[queries * K]);
                using NearestNeighbors search = new(measure, new() { SimdWidth = width, Threads = 2 });
                search.Find(problem.QueryRows, problem.ReferenceRows, K, indices, similarities);
                Assert.Equal(expected, indices);
                AssertSameBits(expectedSimilarities, similarities);
            }
        }
    }

    [Fact]
    public void Similarities_that_ascend_and_fill_every_list_are_found()
    {
        const int Count = 5000, K = 40;
        float[] rows = [.. Enumerable.Range(0, Count).Select(static row => (float)row)];
        int[] indices = new int[2 * K];
        using NearestNeighbors search = new(SimilarityMeasure.InnerProduct);

        search.Find(new([1, -1], 1), new(rows, 1), K, indices);

        Assert.Equal([.. Enumerable.Range(0, K).Select(static i => Count - 1 - i), .. Enumerable.Range(0, K)], indices);
    }

    [Fact]
    public void Arguments_that_do_not_fit_are_refused_by_name()
    {
        using NearestNeighbors search = new();
        float[] rows = new float[12];
        (int[] indices, float[] similarities, int[] starts) = (new int[6], new float[6], new int[4]);

        Refuses("neighbors is 0: expected at least 1.", () => search.Find(new(rows, 4), 0, indices));
        Refuses("indices holds 6 numbers: expected at least 9 for 3 rows of 3, 3 apart.", () => search.Find(new(rows, 4), 3, indices));
        Refuses("similarities holds 5 numbers: expected at least 6", () => search.Find(new(rows, 4), 2, indices, similarities.AsSpan(1)));
        Refuses("references has dimension 3: expected 4", () => search.Find(new(rows, 4), new(rows, 3), 2, indices));
        Refuses("ExcludedReferences has length 3: expected 0, as no row finds itself.",
            () => search.Find(new(rows, 4), 2, indices, terms: new() { ExcludedReferences = [0, 1, 2] }));
        Refuses("ExcludedReferences[1] is 3: expected -1, or a reference from 0 to 2.",
            () => search.Find(new(rows, 4), new(rows, 4), 2, indices, terms: new() { ExcludedReferences = [0, 3, 2] }));
        Refuses("Mask has length 2: expected 3, one per reference.", () => search.Find(new(rows, 4), 2, indices, terms: new() { Mask = [true, false] }));
        Refuses("similarity is NaN: expected a number.", () => search.FindAbove(new(rows, 4), float.NaN, starts, indices));
        Refuses("starts has length 3: expected 4, one per query and one more.", () => search.FindAbove(new(rows, 4), 0, starts.AsSpan(1), indices));
        Refuses("similarities holds 5 numbers: expected at least 6", () => search.FindAbove(new(rows, 4), 0, starts, indices, similarities.AsSpan(1)));
        Refuses("measure is 7: expected one of Cosine, InnerProduct.", () => _ = new NearestNeighbors((SimilarityMeasure)7));

        static void Refuses(string message, Action call) =>
            Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    private static void AssertFindsAllAbove(
        NearestNeighbors search, RowMatrix queries, RowMatrix references, float[] matrix, float number, SearchTerms terms, Func<int, int, bool> admits)
    {
        int[] starts = new int[queries.Count + 1], indices = new int[matrix.Length + 1];
        float[] similarities = new float[matrix.Length + 1];
        long total = search.FindAbove(queries, references, number, starts, indices, similarities, terms);
        Assert.Equal((0, total), (starts[0], starts[^1]));
        for (int query = 0; query < queries.Count; query++)
        {
            int first = query * references.Count;
            (int[] nearest, float[] ofNearest) = Sorted(
                matrix[first..(first + references.Count)], 1, references.Count, references.Count, (_, reference) => admits(query, reference));
            int count = ofNearest.Count(similarity => similarity > number);
            Assert.Equal(nearest[..count], indices[starts[query]..starts[query + 1]]);
            AssertSameBits(ofNearest[..count], similarities[starts[query]..starts[query + 1]]);
        }
    }

    private static float[] Matrix(SimilarityProblem problem, SimilarityMeasure measure)
    {
        using CosineSimilarity similarity = new();
        return problem.Forward(similarity, measure == SimilarityMeasure.Cosine);
    }

    // The plain answer: every row sorted, equals by index.
    private static (int[] Indices, float[] Similarities) Sorted(float[] matrix, int queries, int references, int k, Func<int, int, bool> admits)
    {
        (int[] indices, float[] similarities) = (new int[queries * k], new float[queries * k]);
        Array.Fill(indices, -1);
        Array.Fill(similarities, float.NegativeInfinity);
        for (int query = 0; query < queries; query++)
        {
            int place = query * k;
            ArraySegment<float> row = new(matrix, query * references, references);
            IEnumerable<int> found = Enumerable.Range(0, references).Where(reference => admits(query, reference) && row[reference] >= float.MinValue);
            foreach (int reference in found.OrderByDescending(reference => row[reference]).Take(k))
            {
                indices[place] = reference;
                similarities[place++] = row[reference];
            }
        }

        return (indices, similarities);
    }

    private static void AssertSameBits(float[] expected, float[] actual) =>
        Assert.Equal(expected.Select(static value => BitConverter.SingleToUInt32Bits(value + 0f)), actual.Select(BitConverter.SingleToUInt32Bits));
}
