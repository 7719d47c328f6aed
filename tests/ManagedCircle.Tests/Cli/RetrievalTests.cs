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

    private static LabeledRows Directions(params (double Degrees, char Label)[] directions) => new(
        [.. directions.SelectMany(direction => new[] { (float)Math.Cos(double.DegreesToRadians(direction.Degrees)), (float)Math.Sin(double.DegreesToRadians(direction.Degrees)) })],
        [.. directions.Select(direction => (long)direction.Label)],
        2);
}
