using ManagedCircle.Cli.Training;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class RetrievalTests
{
    [Fact]
    public void Recall_and_MAP_at_R_agree_with_a_hand_worked_example()
    {
        // Five directions, by angle: a at 0, 10 and 50 degrees, b at 25 and 70.
        //   a 0:  R = 2, nearest a 10, b 25           hits 1, 0: (1/1) / 2       = 1/2, first right
        //   a 10: R = 2, nearest a 0, b 25            hits 1, 0: (1/1) / 2       = 1/2, first right
        //   a 50: R = 2, nearest b 70, b 25           hits 0, 0:                 = 0
        //   b 25: R = 1, nearest a 10                 hit 0:                     = 0
        //   b 70: R = 1, nearest a 50                 hit 0:                     = 0
        LabeledRows rows = Directions((0, 'a'), (10, 'a'), (50, 'a'), (25, 'b'), (70, 'b'));

        Retrieval retrieval = Retrieval.Measure(rows);

        Assert.Equal(2.0 / 5, retrieval.RecallAt1);
        Assert.Equal((0.5 + 0.5) / 5, retrieval.MapAtR);
    }

    [Fact]
    public void A_late_hit_counts_by_the_precision_at_its_place()
    {
        // a 0: R = 3, nearest b 5, a 10, a 20: (1/2 + 2/3) / 3.  a 10: nearest b 5, a 0 or a 20, the other: (1/2 + 2/3) / 3.
        // a 20: nearest a 10, b 5, a 0: (1/1 + 2/3) / 3.  a 90: nearest a 20, a 10, b 5: (1/1 + 2/2) / 3.  b 5 has no other b and is left out.
        LabeledRows rows = Directions((0, 'a'), (10, 'a'), (20, 'a'), (90, 'a'), (5, 'b'));

        Retrieval retrieval = Retrieval.Measure(rows);

        Assert.Equal(2.0 / 4, retrieval.RecallAt1);
        double[] precisions = [(1.0 / 2 + 2.0 / 3) / 3, (1.0 / 2 + 2.0 / 3) / 3, (1.0 / 1 + 2.0 / 3) / 3, (1.0 / 1 + 2.0 / 2) / 3];
        Assert.Equal(precisions.Sum() / 4, retrieval.MapAtR);
    }

    [Theory]
    [InlineData(5, 1, 0)]
    [InlineData(203, 1, 0.01)]
    [InlineData(203, 3, 300)]
    [InlineData(1500, 7, 0)]
    [InlineData(600, 200, 0)]
    public void Ranking_the_nearest_rows_is_sorting_all_of_them(int count, int classes, float offset)
    {
        // Rows of few small whole numbers have many equal similarities; an offset brings all of them close to 1.
        Random random = new(count + classes);
        long[] labels = [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))];
        LabeledRows rows = new([.. Enumerable.Range(0, count * 3).Select(_ => random.Next(-2, 3) + offset)], labels, 3);
        int parts = 0;

        Retrieval retrieval = Retrieval.Measure(rows, () => parts++);

        Assert.Equal(Retrieval.Parts(count), parts);
        Assert.Equal(Sorted(rows), retrieval);
    }

    [Fact]
    public void Rows_without_another_of_their_class_have_nothing_to_measure()
    {
        Retrieval retrieval = Retrieval.Measure(Directions((0, 'a'), (10, 'b'), (20, 'c')));

        Assert.Equal((double.NaN, double.NaN), (retrieval.RecallAt1, retrieval.MapAtR));
    }

    private static Retrieval Sorted(LabeledRows rows)
    {
        float[] similarities = new float[rows.Count * rows.Count];
        using CosineSimilarity cosines = new();
        cosines.Matrix(new(rows.Values, rows.Dimension), new(rows.Values, rows.Dimension), similarities);
        double[] firstHits = new double[rows.Count], precisions = new double[rows.Count];
        int searching = 0;
        for (int query = 0; query < rows.Count; query++)
        {
            int others = rows.Labels.Count(label => label == rows.Labels[query]) - 1;
            IEnumerable<int> nearest =
                Enumerable.Range(0, rows.Count).Where(row => row != query).OrderByDescending(row => similarities[query * rows.Count + row]);
            bool[] hits = [.. nearest.Select(row => rows.Labels[row] == rows.Labels[query])];
            if (others > 0)
            {
                searching++;
                firstHits[query] = hits[0] ? 1 : 0;
                precisions[query] = Enumerable.Range(0, others).Where(i => hits[i]).Select((place, found) => (found + 1) / (place + 1.0)).Sum() / others;
            }
        }

        return new Retrieval(firstHits.Sum() / searching, precisions.Sum() / searching);
    }

    private static LabeledRows Directions(params (double Degrees, char Label)[] directions) => new(
        [.. directions.SelectMany(
            direction => new[] { (float)Math.Cos(double.DegreesToRadians(direction.Degrees)), (float)Math.Sin(double.DegreesToRadians(direction.Degrees)) })],
        [.. directions.Select(direction => (long)direction.Label)],
        2);
}
