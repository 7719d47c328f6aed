using Xunit;

namespace ManagedCircle.Tests;

/// <summary>A loss against a gallery has the bits of the loss against its rows.</summary>
public sealed class GalleryLossTests
{
    private const int Dimension = 37;

    [Theory]
    [InlineData(1, 700, 300, 1, true)]
    [InlineData(20, 900, 9, 1, true)]
    [InlineData(20, 900, 400, 3, false)]
    [InlineData(100, 4500, 1000, 3, true)]
    [InlineData(100, 4500, 5, 2, true)]
    [InlineData(300, 600, 500, 3, true)]
    [InlineData(3, 0, 1, 1, true)]
    [InlineData(0, 40, 1, 1, true)]
    public void Losses_and_gradients_are_those_of_its_rows(int queries, int references, int classes, int threads, bool normalize)
    {
        Random random = new(queries + references);
        float[] rows = Numbers(queries * Dimension), referenceRows = Numbers(references * Dimension);
        long[] labels = Labels(queries), referenceLabels = Labels(references);
        int[] excluded = [.. labels.Select(_ => random.Next(-1, references))];
        using Gallery gallery = new(Dimension, normalize ? SimilarityMeasure.Cosine : SimilarityMeasure.InnerProduct);
        gallery.Add(new RowMatrix(referenceRows, Dimension), referenceLabels);
        foreach (long kept in (long[])[0, 64 << 20])
        {
            ExecutionOptions execution = new() { Threads = threads, MaxKeptSimilarityBytes = kept };
            CircleLossOptions circle = CircleLossOptions.Paper with { Gamma = 16, Normalize = normalize };
            using CircleLoss paper = new(circle, execution), ignoring = new(circle with { IgnoreLabel = 0 }, execution);
            using PairLoss softmax = new(PairLossOptions.InfoNce() with { Normalize = normalize }, execution);
            foreach (EmbeddingLoss loss in (EmbeddingLoss[])[paper, ignoring, softmax])
            {
                foreach (int[] leftOut in (int[][])[[], excluded])
                {
                    AssertSame(loss, leftOut);
                }
            }
        }

        void AssertSame(EmbeddingLoss loss, int[] leftOut)
        {
            QueryTerms terms = new() { ExcludedReferences = leftOut };
            EmbeddingBatch batch = new(rows, labels, Dimension), against = new(referenceRows, referenceLabels, Dimension);
            float[] losses = new float[queries], expectedLosses = new float[queries], forward = new float[queries];
            float[] gradient = new float[rows.Length], expectedGradient = new float[rows.Length];

            LossResult expected = loss.ForwardBackward(batch, against, expectedGradient, default, expectedLosses, terms);

            Assert.Equal(expected, loss.ForwardBackwardAgainst(batch, gallery, gradient, losses, terms));
            Assert.Equal(expectedLosses, losses);
            Assert.Equal(expectedGradient, gradient);
            Assert.Equal(loss.Forward(batch, against, default, terms), loss.ForwardAgainst(batch, gallery, forward, terms));
            Assert.Equal(expectedLosses, forward);
        }

        float[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
        long[] Labels(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))];
    }

    [Fact]
    public void Rows_that_were_replaced_removed_and_added_count_as_they_are_now()
    {
        float[] rows = [1, 2, 3, 4], first = [1, 0, 0, 1, 1, 1];
        using Gallery gallery = new(2);
        gallery.Add(new RowMatrix(first, 2), [0, 1, 2]);
        gallery.Add(new RowMatrix([0, 1, 2, 7], 2), [1, 5]);
        gallery.Replace(0, new RowMatrix([5, 1], 2), [0]);
        gallery.RemoveAt(1);
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] expected = new float[4], gradient = new float[4];

        LossResult ofRows = loss.ForwardBackward(new(rows, [0L, 1L]), new EmbeddingBatch([5, 1, 2, 7, 1, 1, 0, 1], [0L, 5L, 2L, 1L]), expected, default);

        Assert.Equal(ofRows, loss.ForwardBackwardAgainst(new(rows, [0L, 1L]), gallery, gradient));
        Assert.Equal(expected, gradient);
        Assert.Equal(4, gallery.Count);
    }

    [Fact]
    public void A_gallery_of_another_measure_or_dimension_is_refused()
    {
        using Gallery products = new(2, SimilarityMeasure.InnerProduct), wide = new(3);
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] gradient = new float[2];

        ArgumentException measure = Assert.Throws<ArgumentException>(() => loss.ForwardAgainst(new([1f, 2f], [0L]), products));
        ArgumentException dimension = Assert.Throws<ArgumentException>(() => loss.ForwardBackwardAgainst(new([1f, 2f], [0L]), wide, gradient));

        Assert.Contains("gallery is packed for InnerProduct: expected Cosine, as the loss has Normalize True.", measure.Message, StringComparison.Ordinal);
        Assert.Contains("queries have dimension 2: expected 3, as the gallery has.", dimension.Message, StringComparison.Ordinal);
    }
}
