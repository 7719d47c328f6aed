using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

public sealed class SameBitsTests
{
    public static TheoryData<string> Names => [.. SameBits.Problems.Select(problem => problem.Name)];

    public static TheoryData<string, SimdWidth> NamesAndWidths =>
        [.. SameBits.Problems.SelectMany(problem => SameBits.Widths.Select(width => new TheoryDataRow<string, SimdWidth>(problem.Name, width)))];

    [Theory]
    [MemberData(nameof(NamesAndWidths))]
    public void Every_width_of_vectors_and_number_of_threads_gives_the_same_bits(string name, SimdWidth width)
    {
        LossProblem problem = SameBits.Problems.Single(problem => problem.Name == name);
        LossAnswer expected = problem.SolveInFloat();

        Assert.All(SameBits.Executions(width), execution =>
        {
            LossAnswer actual = problem.SolveInFloat(execution);
            Assert.Equal(expected.Losses, actual.Losses);
            Assert.Equal(expected.QueryGradient, actual.QueryGradient);
            Assert.Equal(expected.ReferenceGradient, actual.ReferenceGradient);
            Assert.Equal(expected.Result, actual.Result);
        });
    }

    [Fact]
    public void The_bits_are_those_of_every_platform() => Assert.Equal(SameBits.Expected, SameBits.HashOfAll());

    [Theory]
    [MemberData(nameof(Names))]
    public void They_are_bits_of_the_right_numbers(string name)
    {
        LossProblem problem = SameBits.Problems.Single(problem => problem.Name == name);
        ReferenceResult expected = problem.SolveInDouble();

        LossAnswer actual = problem.SolveInFloat();
        double logit = Tolerances.LogitInFloat(problem.Options.Gamma);
        double ofALoss = Math.Max(Tolerances.PeerLossInFloat, logit), ofAnEntry = Math.Max(Tolerances.PeerGradientInFloat, logit);

        Nearly.Equal(expected.Losses, actual.Losses, loss => ofALoss * Math.Max(1, loss), "loss");
        Nearly.Equal(expected.QueryGradient, actual.QueryGradient, ofAnEntry * Nearly.Largest(expected.QueryGradient), "query gradient");
        Nearly.Equal(expected.ReferenceGradient, actual.ReferenceGradient, ofAnEntry * Nearly.Largest(expected.ReferenceGradient), "reference gradient");
    }

    // Scattered rows are taken label by label, which is no business of the caller's: everything comes back in its place, and the numbers are those of the
    // same rows that came in that order, to the bit.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Classes_that_lie_scattered_have_the_bits_of_classes_that_lie_together(int threads)
    {
        const int Count = 700, Dimension = 16;
        LargeBatch batch = LargeBatch.Draw(2, Count, Dimension, classes: 9), references = LargeBatch.Draw(3, Count, Dimension, classes: 9);
        int[] order = Together(batch.Labels), referenceOrder = Together(references.Labels);
        int[] excluded = [.. Enumerable.Range(0, Count).Select(row => row % 5 == 0 ? -1 : (row * 7) % Count)];
        float[] weights = [.. Enumerable.Range(0, Count).Select(row => 1 + (row % 4))];
        using CircleLoss loss = new(CircleLossOptions.Paper with { Gamma = 40, Reduction = LossReduction.Sum }, new() { Threads = threads });

        (float[] scattered, float[] together) = (new float[batch.Rows.Length], new float[batch.Rows.Length]);
        (float[] losses, float[] sortedLosses) = (new float[Count], new float[Count]);
        loss.ForwardBackward(new(batch.Rows, batch.Labels), scattered, losses, new() { Weights = weights });
        loss.ForwardBackward(new(Rows(batch.Rows, order), Values(batch.Labels, order)), together, sortedLosses, new() { Weights = Values(weights, order) });
        Assert.Equal(Values(losses, order), sortedLosses);
        Assert.Equal(Rows(scattered, order), together);

        (float[] scatteredReferences, float[] togetherReferences) = (new float[scattered.Length], new float[scattered.Length]);
        loss.ForwardBackward(
            new(batch.Rows, batch.Labels), new(references.Rows, references.Labels), scattered, scatteredReferences, losses,
                new() { Weights = weights, ExcludedReferences = excluded });
        int[] placed = [.. Values(excluded, order).Select(reference => reference < 0 ? -1 : Array.IndexOf(referenceOrder, reference))];
        loss.ForwardBackward(
            new(Rows(batch.Rows, order), Values(batch.Labels, order)), new(Rows(references.Rows, referenceOrder), Values(references.Labels, referenceOrder)),
            together, togetherReferences, sortedLosses, new() { Weights = Values(weights, order), ExcludedReferences = placed });
        Assert.Equal(Values(losses, order), sortedLosses);
        Assert.Equal(Rows(scattered, order), together);
        Assert.Equal(Rows(scatteredReferences, referenceOrder), togetherReferences);

        static int[] Together(long[] labels) =>
            [.. labels.Select((label, row) => (label, row)).GroupBy(x => x.label).SelectMany(group => group).Select(x => x.row)];
        static T[] Values<T>(T[] values, int[] order) => [.. order.Select(row => values[row])];
        static float[] Rows(float[] rows, int[] order) => [.. order.SelectMany(row => rows[(row * Dimension)..((row + 1) * Dimension)])];
    }

    [Fact]
    public void One_bit_of_one_number_changes_the_hash()
    {
        LossAnswer answer = SameBits.Problems[0].SolveInFloat();
        double[] changed = [.. answer.QueryGradient];
        changed[^1] = Math.BitIncrement(changed[^1]);

        Assert.NotEqual(SameBits.Hash(answer), SameBits.Hash(answer with { QueryGradient = changed }));
    }
}
