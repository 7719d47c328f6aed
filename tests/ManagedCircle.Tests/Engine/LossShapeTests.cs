using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using Xunit;

namespace ManagedCircle.Tests.Engine;

public sealed unsafe class LossShapeTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(256, 1, 1)]
    [InlineData(257, 2, 3)]
    [InlineData(1024, 4, 10)]
    public void A_batch_against_itself_has_each_pair_of_blocks_once(int count, int blocks, long steps)
    {
        LossShape shape = new(new LossRequest(Self: true, count, count, 128), threads: 4);

        Assert.Equal((blocks, blocks), (shape.RowBlocks, shape.ColumnBlocks));
        Assert.Equal(steps, shape.Schedule.Steps);
    }

    [Theory]
    [InlineData(16, 32, 1)]
    [InlineData(256, 64, 4)]
    [InlineData(512, 128, 4)]
    [InlineData(513, 256, 3)]
    public void Few_queries_against_references_are_cut_smaller(int queries, int rowBlock, int rowBlocks)
    {
        LossShape shape = new(new LossRequest(Self: false, queries, 10_000, 64) { ReferenceGradient = true }, threads: 1);

        Assert.Equal((rowBlock, rowBlocks, 40), (shape.RowBlock, shape.RowBlocks, shape.ColumnBlocks));
        Assert.Equal(rowBlocks == 1, shape.PacksByTile);
    }

    [Theory]
    [InlineData(100, 4096, 1)]
    [InlineData(256, 10_000, 1)]
    [InlineData(257, 10_000, 5)]
    [InlineData(256, 4095, 4)]
    public void Queries_against_many_references_without_a_gradient_are_one_block(int queries, int references, int rowBlocks)
    {
        LossShape shape = new(new LossRequest(Self: false, queries, references, 64) { QueryGradient = true }, threads: 1);

        Assert.Equal((rowBlocks, rowBlocks == 1), (shape.RowBlocks, shape.PacksByTile));
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(300, 16, 1)]
    [InlineData(600, 16, 2)]
    [InlineData(600, 128, 6)]
    [InlineData(4096, 128, 8)]
    public void Workers_have_tiles_and_a_million_multiply_adds_each(int count, int dimension, int workers) =>
        Assert.Equal(workers, new LossShape(new LossRequest(Self: true, count, count, Math.Max(1, dimension)), threads: 8).Workers);

    [Theory]
    [InlineData(true, 1500, 1500)]
    [InlineData(false, 100, 1500)]
    public void Nothing_but_the_number_of_workers_depends_on_threads(bool self, int queries, int references)
    {
        LossRequest request = new(self, queries, references, 64);
        LossShape one = new(request, threads: 1), many = new(request, threads: 64);

        Assert.NotEqual(one.Workers, many.Workers);
        Assert.Equal((one.RowBlock, one.RowBlocks, one.ColumnBlocks, one.Schedule), (many.RowBlock, many.RowBlocks, many.ColumnBlocks, many.Schedule));
    }

    [Theory]
    [InlineData(true, 0, 0)]
    [InlineData(true, 1300, 1300)]
    [InlineData(false, 21, 700)]
    [InlineData(false, 100, 700)]
    [InlineData(false, 1100, 300)]
    public void Kept_similarities_of_all_tiles_lie_side_by_side(bool self, int queries, int references)
    {
        LossShape shape = new(new LossRequest(self, queries, references, 8), threads: 1);
        List<long> places = [];
        for (long step = 0; step < shape.Schedule.Steps; step++)
        {
            if (shape.Schedule.TryGet(step, out TileUnit unit))
            {
                places.Add(shape.SimilaritiesAt(unit, step));
            }
        }

        // Tiles of a single block of queries have rows for them alone, four at a time.
        long tile = (queries == 21 ? 24 : shape.RowBlock) * Layout.TileStride;
        Assert.Equal(Enumerable.Range(0, places.Count).Select(slot => slot * tile), places.Order());
        Assert.Equal(places.Count * tile, shape.SimilaritiesSize);
    }

    [Fact]
    public void The_size_of_kept_similarities_does_not_overflow()
    {
        LossShape shape = new(new LossRequest(Self: true, int.MaxValue, int.MaxValue, 1), threads: 1);

        Assert.Equal((1L << 22) * ((1L << 23) + 1) * 256 * Layout.TileStride, shape.SimilaritiesSize);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(700, 0)]
    [InlineData(33, 0, 90)]
    [InlineData(0, 1, 7)]
    [InlineData(600, 1, 300)]
    public void Memory_is_what_was_counted_for_it(int queries, int ignored, int? references = null)
    {
        foreach (int asked in Enumerable.Range(0, 64))
        {
            LossRequest request = new(references is null, queries, references ?? queries, 70)
            {
                GivenQueries = queries + ignored,
                GivenReferences = (references ?? queries) + ignored,
                QueryGradient = (asked & 1) != 0,
                ReferenceGradient = references is not null && (asked & 2) != 0,
                Excludes = references is not null && (asked & 4) != 0,
                CodesLabels = (asked & 8) != 0,
                KeepsTotals = (asked & 16) != 0,
                BothDirections = references is not null && (asked & 32) != 0,
                ScaleGradient = (asked & 32) != 0,
            };
            LossShape shape = new(request, threads: 3);
            Arena counted = default;
            LossMemory memory = default;
            memory.Lay(ref counted, shape);
            using Workspace workspace = new();
            Arena arena = workspace.Reset(counted.Used);

            memory.Lay(ref arena, shape);

            Assert.Equal(counted.Used, arena.Used);
            Assert.Equal(request.QueryGradient && queries > 0, memory.QueryGradient != null);
            Assert.Equal(request.ReferenceGradient && !shape.PacksByTile, memory.ReferenceGradient != null && !shape.Self);
            LossScratch scratch = memory.ScratchOf(shape.Workers - 1, shape);
            Assert.Equal(request.ReferenceGradient && shape.PacksByTile, scratch.ReferenceGradient != null);
            Assert.Equal((request.Excludes, request.CodesLabels), (memory.Excluded != null, memory.LabelTable != null));
            Assert.Equal(shape.Self, memory.ReferenceLabels == memory.QueryLabels);
        }
    }
}
