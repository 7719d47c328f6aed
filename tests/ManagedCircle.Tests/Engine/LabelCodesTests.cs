using ManagedCircle.Engine;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed unsafe class LabelCodesTests
{
    [Theory]
    [InlineData(int.MinValue, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(-1, true)]
    [InlineData((long)int.MaxValue + 1, false)]
    [InlineData((long)int.MinValue - 1, false)]
    [InlineData(uint.MaxValue, false)]
    [InlineData(long.MinValue, false)]
    public void Labels_fit_that_are_32_bit_numbers(long label, bool fits) => Assert.Equal(fits, LabelCodes.Fit(new(new float[3], [0, label, 5])));

    [Fact]
    public void Labels_that_fit_are_their_own_codes()
    {
        Assert.Equal([7, -3, int.MinValue], Codes([7, -3, int.MinValue], wide: false));
        Assert.Equal([9, 8], WriteCodes(new(new float[2], [9, 8]), [], null, 2));
    }

    [Fact]
    public void Wide_labels_have_equal_codes_exactly_where_they_are_equal()
    {
        Random random = new(1);
        foreach (int distinct in (int[])[1, 2, 100, 1_000])
        {
            // Multiples of 2^32, of which a poor hash sees nothing, among neighbours and the ends of the range.
            long[] values = [.. Enumerable.Range(0, distinct).Select(i => (i % 3) switch { 0 => (long)i << 32, 1 => long.MaxValue - i, _ => i })];
            long[] labels = [.. Enumerable.Range(0, 1_000).Select(_ => values[random.Next(distinct)])];

            int[] codes = Codes(labels, wide: true);

            Dictionary<long, int> codeOf = [];
            Assert.All(labels, (label, i) => Assert.Equal(codes[i], codeOf.TryAdd(label, codes[i]) ? codes[i] : codeOf[label]));
            Assert.Equal(codeOf.Count, codeOf.Values.Distinct().Count());
        }
    }

    [Fact]
    public void Batches_that_share_a_table_share_its_codes()
    {
        long[] table = new long[LabelCodes.TableSize(6)];

        int[] first = WriteCodes(new(new float[3], [1L << 50, 2, 3]), table, null, 3);
        int[] second = WriteCodes(new(new float[3], [3L, 1L << 50, 4]), table, null, 3);

        Assert.Equal((first[2], first[0]), (second[0], second[1]));
        Assert.DoesNotContain(second[2], first);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    [InlineData(50)]
    public void Multiples_of_a_power_of_two_spread_over_the_table(int shift)
    {
        int[] codes = Codes([.. Enumerable.Range(1, 512).Select(i => (long)i << shift)], wide: true);

        // Codes are places: 512 of more than 1,024, and not side by side.
        Assert.True(codes.Max() - codes.Min() > 768, $"places {codes.Min()} to {codes.Max()}");
    }

    [Fact]
    public void Only_rows_that_take_part_have_codes() => Assert.Equal([30, 10], WriteCodes(new(new float[4], [10, 20, 30, 40]), [], [2, 0], 2));

    private static int[] Codes(long[] labels, bool wide) =>
        WriteCodes(new(new float[labels.Length], labels), wide ? new long[LabelCodes.TableSize(labels.Length)] : [], null, labels.Length);

    private static int[] WriteCodes(EmbeddingBatch batch, long[] table, int[]? kept, int count)
    {
        int[] codes = new int[count];
        fixed (int* to = codes, rows = kept)
        {
            LabelCodes.Write(batch, rows, count, table, to);
        }

        return codes;
    }
}
