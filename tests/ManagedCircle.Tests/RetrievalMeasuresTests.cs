using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Retrieval measures by hand, and against sums of plain loops over sorted similarities in double.</summary>
public sealed class RetrievalMeasuresTests
{
    [Fact]
    public void Measures_agree_with_a_hand_worked_example()
    {
        // Two queries, four neighbours. The first of R = 3: hits 0 1 1 0. The second of R = 1: hits 0 0 0 1. A third has no reference of its class.
        RetrievalMeasures measures = new(4);
        measures.Add(1, [2, 1, 1, 3], 3);
        measures.Add(5, [1, 2, 3, 5], 1);
        measures.Add(9, [1, 2, 3, 5], 0);

        Assert.Equal((2, 1, 4), (measures.QueryCount, measures.LoneQueryCount, measures.Neighbors));
        Assert.Equal(0, measures.PrecisionAt1);
        Assert.Equal([0, 0.5, 0.5, 1], [measures.RecallAt(1), measures.RecallAt(2), measures.RecallAt(3), measures.RecallAt(4)]);

        // Of the three nearest of the first two are of its class; of the one nearest of the second none.
        Assert.Equal(((2.0 / 3) + 0) / 2, measures.RPrecision, 15);

        // rel(i) H(i) / i of the first: 0, 1/2, 2/3, 0, over R, or over the 2 hits; of the second 1/4 at the fourth, beyond its R.
        Assert.Equal((((1.0 / 2) + (2.0 / 3)) / 3 + 0) / 2, measures.MeanAveragePrecisionAtR, 15);
        Assert.Equal((((1.0 / 2) + (2.0 / 3)) / 2 + (1.0 / 4)) / 2, measures.MeanAveragePrecision, 15);

        // The ideal of the first has hits at 1, 2 and 3, that of the second at 1.
        double two = 1 / Math.Log2(3), three = 1 / Math.Log2(4), four = 1 / Math.Log2(5);
        Assert.Equal(0, measures.NdcgAt(1));
        Assert.Equal((two / (1 + two)) / 2, measures.NdcgAt(2), 15);
        Assert.Equal((((two + three) / (1 + two + three)) + four) / 2, measures.NdcgAt(4), 15);
    }

    // PyTorch Metric Learning looks at k neighbours whatever R is: where R is more, k stands in its place.
    [Fact]
    public void Where_fewer_neighbours_are_looked_at_than_are_relevant_their_number_stands_for_R()
    {
        RetrievalMeasures measures = new(2);
        measures.Add(1, [1, 0], 5);

        Assert.Equal((1.0 / 2, 1.0 / 2, 1.0), (measures.RPrecision, measures.MeanAveragePrecisionAtR, measures.MeanAveragePrecision));
        Assert.Equal(1 / (1 + (1 / Math.Log2(3))), measures.NdcgAt(2), 15);
    }

    [Fact]
    public void Neighbours_that_there_are_not_are_no_hits()
    {
        RetrievalMeasures measures = new(3);
        measures.Add(1, [1], 2);
        measures.Add(1, [], 2);

        Assert.Equal((0.5, 0.5, 0.25, 0.25, 0.5), (
            measures.PrecisionAt1, measures.RecallAt(3), measures.RPrecision, measures.MeanAveragePrecisionAtR, measures.MeanAveragePrecision));
    }

    [Fact]
    public void Without_a_query_that_has_a_reference_of_its_class_the_means_are_NaN()
    {
        RetrievalMeasures measures = RetrievalMeasures.Of(new EmbeddingBatch([1, 0, 0, 1], [3L, 4L]));

        Assert.Equal((0, 2), (measures.QueryCount, measures.LoneQueryCount));
        Assert.All(
            [measures.PrecisionAt1, measures.RPrecision, measures.MeanAveragePrecisionAtR, measures.MeanAveragePrecision, measures.NdcgAt(1)],
            mean => Assert.Equal(double.NaN, mean));
        Assert.Equal(0, RetrievalMeasures.Of(default(EmbeddingBatch)).QueryCount);
        Assert.Equal(1, RetrievalMeasures.Of(new EmbeddingBatch([1, 0], [3L]), default(EmbeddingBatch)).LoneQueryCount);
    }

    // Whole numbers of few bits, so that similarities in float are those in double, and many are equal.
    [Fact]
    public void Five_hundred_random_problems_have_the_measures_of_plain_loops_in_double()
    {
        for (int seed = 0; seed < 500; seed++)
        {
            Random random = new(seed);
            bool self = random.Next(2) == 0;
            int queryCount = random.Next(1, 25), referenceCount = self ? queryCount : random.Next(1, 40), dimension = random.Next(1, 5);
            int classes = random.Next(1, 8), neighbors = random.Next(3) == 0 ? 0 : random.Next(1, 45);
            float[] queries = Draw(queryCount * dimension), references = self ? queries : Draw(referenceCount * dimension);
            long[] labels = Labels(queryCount), referenceLabels = self ? labels : Labels(referenceCount);
            EmbeddingBatch queryBatch = new(queries, labels, dimension), referenceBatch = new(references, referenceLabels, dimension);
            ExecutionOptions execution = new() { Threads = random.Next(1, 3) };
            int measured = 0;

            RetrievalMeasures measures = self
                ? RetrievalMeasures.Of(queryBatch, neighbors, SimilarityMeasure.InnerProduct, execution, count => measured += count)
                : RetrievalMeasures.Of(queryBatch, referenceBatch, neighbors, SimilarityMeasure.InnerProduct, execution, count => measured += count);

            Assert.Equal(queryCount, measured);
            Assert.True(neighbors == 0 || measures.Neighbors == neighbors);
            double[] similarities = ReferenceSimilarity.Forward(
                SimilarityProblem.InDouble(queries), SimilarityProblem.InDouble(references), dimension, normalize: false);
            AssertMeasures(measures, similarities, labels, referenceLabels, self, $"seed {seed}");

            float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-3, 4))];
            long[] Labels(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))];
        }
    }

    [Fact]
    public void Arguments_that_do_not_fit_are_refused_by_name()
    {
        RetrievalMeasures measures = new(3);
        Refuses("neighbors is 0: expected at least 1.", () => _ = new RetrievalMeasures(0));
        Refuses("k is 4: expected 1 to 3, the neighbours that were looked at.", () => measures.RecallAt(4));
        Refuses("k is 0: expected 1 to 3, the neighbours that were looked at.", () => measures.NdcgAt(0));
        Refuses("neighborLabels has length 4: expected at most 3", () => measures.Add(0, [1, 2, 3, 4], 1));
        Refuses("relevantCount is -1: expected at least 0.", () => measures.Add(0, [1], -1));
        Refuses("neighbors is -1: expected at least 0.", () => RetrievalMeasures.Of(new EmbeddingBatch([1], [1L]), -1));
        Refuses("references has dimension 2: expected 1", () => RetrievalMeasures.Of(new EmbeddingBatch([1], [1L]), new EmbeddingBatch([1, 2], [1L])));

        static void Refuses(string message, Action call) =>
            Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    private static void AssertMeasures(
        RetrievalMeasures measures, double[] similarities, long[] labels, long[] referenceLabels, bool self, string problem)
    {
        const int Digits = 12;
        int most = measures.Neighbors;
        List<(bool[] Hits, int Relevant)> queries = [];
        for (int query = 0; query < labels.Length; query++)
        {
            IEnumerable<int> others = Enumerable.Range(0, referenceLabels.Length).Where(reference => !self || reference != query);
            int relevant = others.Count(reference => referenceLabels[reference] == labels[query]);
            if (relevant > 0)
            {
                IEnumerable<int> nearest = others.OrderByDescending(reference => similarities[(query * referenceLabels.Length) + reference]).Take(most);
                queries.Add(([.. nearest.Select(reference => referenceLabels[reference] == labels[query])], Math.Min(relevant, most)));
            }
        }

        Assert.True(queries.Count == measures.QueryCount && labels.Length - queries.Count == measures.LoneQueryCount, problem);
        if (queries.Count == 0)
        {
            return;
        }

        Equal(queries.Average(q => q.Hits is [true, ..] ? 1.0 : 0), measures.PrecisionAt1);
        Equal(queries.Average(q => (double)q.Hits.Take(q.Relevant).Count(hit => hit) / q.Relevant), measures.RPrecision);
        Equal(queries.Average(q => SumOfPrecisions(q.Hits, q.Relevant) / q.Relevant), measures.MeanAveragePrecisionAtR);
        Equal(queries.Average(q => SumOfPrecisions(q.Hits, most) / Math.Max(1, q.Hits.Count(hit => hit))), measures.MeanAveragePrecision);
        for (int k = 1; k <= most; k++)
        {
            Equal(queries.Average(q => q.Hits.Take(k).Any(hit => hit) ? 1.0 : 0), measures.RecallAt(k));
            Equal(queries.Average(q => Gain(q.Hits, k) / Gain([.. Enumerable.Repeat(true, q.Relevant)], k)), measures.NdcgAt(k));
        }

        void Equal(double expected, double actual) => Assert.True(Math.Abs(expected - actual) <= Math.Pow(10, -Digits), $"{problem}: {expected} and {actual}");

        static double SumOfPrecisions(bool[] hits, int places) =>
            Enumerable.Range(0, Math.Min(places, hits.Length)).Where(i => hits[i]).Sum(i => hits.Take(i + 1).Count(hit => hit) / (i + 1.0));

        static double Gain(bool[] hits, int k) => Enumerable.Range(0, Math.Min(k, hits.Length)).Where(i => hits[i]).Sum(i => 1 / Math.Log2(i + 2));
    }
}
