using Xunit;

namespace ManagedCircle.Tests;

public sealed class EmbeddingBatchTests
{
    [Fact]
    public void The_dimension_follows_from_the_label_count()
    {
        EmbeddingBatch batch = new(new float[12], new long[4]);

        Assert.Equal((4, 3, 3), (batch.Count, batch.Dimension, batch.Stride));
    }

    [Theory]
    [InlineData(11, 4)]
    [InlineData(0, 4)]
    [InlineData(3, 0)]
    public void Rows_that_do_not_divide_among_the_labels_are_an_error(int length, int count)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => _ = new EmbeddingBatch(new float[length], new long[count]).Count);

        Assert.Contains($"rows holds {length} numbers", error.Message, StringComparison.Ordinal);
    }
}
