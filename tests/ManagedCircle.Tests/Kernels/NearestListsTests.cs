using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class NearestListsTests
{
    [Fact]
    public void Keys_order_by_similarity_then_index_and_give_both_back()
    {
        float[] descending =
        [
            float.PositiveInfinity, float.MaxValue, 1, MathF.BitDecrement(1), float.Epsilon, 0, -float.Epsilon, -1, float.MinValue, float.NegativeInfinity,
        ];
        (float Similarity, int Index)[] pairs = [.. descending.SelectMany(static similarity => (int[])[0, 1, int.MaxValue], static (s, i) => (s, i))];
        ulong[] keys = [.. pairs.Select(static pair => SimilarityKey.Of(pair.Similarity, pair.Index))];

        Assert.Equal(keys.Order(), keys);
        Assert.Equal(pairs, keys.Select(static key => (SimilarityKey.Similarity(key), SimilarityKey.Index(key))));
        Assert.Equal(SimilarityKey.Of(0, 3), SimilarityKey.Of(-0f, 3));
    }

    [Fact]
    public void The_smallest_come_to_the_front_and_all_are_sorted_whatever_the_order()
    {
        Random random = new(4);
        for (int count = 1; count <= 130; count += count < 40 ? 1 : 10)
        {
            ulong[] ascending = [.. Enumerable.Range(0, count).Select(static i => (ulong)i * 3)], shuffled = [.. ascending];
            random.Shuffle(shuffled);
            ulong[] inPairs = [.. ascending.Chunk(2).SelectMany(static two => two.Reverse())];
            foreach (ulong[] numbers in (ulong[][])[ascending, [.. ascending.Reverse()], shuffled, inPairs])
            {
                int wanted = random.Next(1, count + 1);
                ulong[] keys = [.. numbers];
                fixed (ulong* start = keys)
                {
                    Selection.Smallest(start, count, wanted);
                }

                Assert.Equal(ascending[wanted - 1], keys[wanted - 1]);
                Assert.Equal(ascending[..wanted], keys[..wanted].Order());
                Assert.Equal(ascending, keys.Order());
                keys = [.. numbers];
                fixed (ulong* start = keys)
                {
                    Selection.Sort(start, count);
                }

                Assert.Equal(ascending, keys);
            }
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_strip_gives_the_lists_what_is_above_their_thresholds_and_reads_no_column_beyond_the_last(SimdWidth width)
    {
        const int Queries = 3, Wanted = 5, References = 300;
        Random random = new(6);
        float[] similarities = [.. Enumerable.Range(0, Queries * References).Select(i => i % 17 == 0 ? float.NaN : random.Next(-50, 50) / 8f)];
        Arena counted = default;
        NearestLists.Lay(ref counted, Queries, Wanted, default);
        using Workspace memory = new();
        Arena arena = memory.Reset(counted.Used);
        NearestLists lists = NearestLists.Lay(ref arena, Queries, Wanted, default);
        lists.Clear(Queries);
        float* strip = stackalloc float[Queries * Layout.Pack];
        for (int reference = 0, columns; reference < References; reference += columns)
        {
            columns = Math.Min(random.Next(1, Layout.Pack + 1), References - reference);
            new Span<float>(strip, Queries * Layout.Pack).Fill(float.PositiveInfinity);
            for (int query = 0; query < Queries; query++)
            {
                similarities.AsSpan((query * References) + reference, columns).CopyTo(new Span<float>(strip + (query * Layout.Pack), Layout.Pack));
            }

            KernelsAtWidth.Of(width).Scan(strip, 0, Queries, reference, columns, ref lists);
        }

        for (int query = 0; query < Queries; query++)
        {
            IEnumerable<int> nearest = Enumerable.Range(0, References).Where(i => !float.IsNaN(similarities[(query * References) + i]))
                .OrderByDescending(i => similarities[(query * References) + i]).Take(Wanted);
            Assert.Equal(nearest, lists.Sorted(query).ToArray().Select(SimilarityKey.Index));
        }
    }
}
