using ManagedCircle.Engine;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed unsafe class LabelOrderTests
{
    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 7 })]
    [InlineData(new[] { 3, 3, 3 })]
    [InlineData(new[] { 5, 5, -1, 0, 0, int.MinValue })]
    public void Rows_whose_labels_lie_together_stay_as_they_are(int[] codes)
    {
        int[] labels = [.. codes];

        Assert.Null(Order(labels, null));
        Assert.Equal(codes, labels);

        int[] rows = [.. Enumerable.Range(10, codes.Length)];
        Assert.Equal(rows, Order(labels, rows) ?? rows);
        Assert.Equal(codes, labels);
    }

    [Fact]
    public void Labels_follow_in_the_order_in_which_they_come_first_and_their_rows_in_their_own()
    {
        int[] labels = [4, 9, 4, -1, 9, 4];

        Assert.Equal([0, 2, 5, 1, 4, 3], Order(labels, null)!);
        Assert.Equal([4, 4, 4, 9, 9, -1], labels);

        labels = [4, 9, 4];
        Assert.Equal([11, 30, 25], Order(labels, [11, 25, 30])!);
        Assert.Equal([4, 4, 9], labels);
    }

    [Fact]
    public void Any_labels_are_ordered()
    {
        Random random = new(3);
        foreach (int distinct in (int[])[2, 3, 60, 500])
        {
            // Multiples of a power of two, of which a poor hash sees nothing.
            int[] labels = [.. Enumerable.Range(0, 1_000).Select(_ => random.Next(distinct) << 20)], given = [.. labels];

            int[] order = Order(labels, null)!;

            Assert.Equal(given.Select((label, row) => (label, row)).GroupBy(x => x.label).SelectMany(group => group).Select(x => x.row), order);
            Assert.Equal(order.Select(row => given[row]), labels);
        }
    }

    [Fact]
    public void More_labels_than_are_worth_it_stay_as_they_are()
    {
        int[] labels = [8, 2, 8, 5, 2];

        Assert.Null(Order(labels, null, mostLabels: 2));
        Assert.Equal([8, 2, 8, 5, 2], labels);
        Assert.Equal([0, 2, 1, 4, 3], Order(labels, null, mostLabels: 3)!);
    }

    // Null where the rows stay as they are. Numbers around the scratch are not touched.
    private static int[]? Order(int[] codes, int[]? rows, int mostLabels = 1_000)
    {
        const int Guard = 0x5A5A5A5A;
        int count = codes.Length, size = LabelOrder.ScratchSize(count, mostLabels);
        int[] scratch = new int[size + 2], ordered = rows == null ? new int[count + 1] : [.. rows, 0];
        (scratch[0], scratch[^1]) = (Guard, Guard);
        fixed (int* codeMemory = codes, memory = scratch, orderedMemory = ordered)
        {
            int* given = rows == null ? null : orderedMemory, result = LabelOrder.Of(codeMemory, given, count, mostLabels, orderedMemory, memory + 1);
            Assert.True(result == orderedMemory || result == given);
            Assert.Equal((Guard, Guard), (scratch[0], scratch[^1]));
            return result == null ? null : ordered[..count];
        }
    }
}
