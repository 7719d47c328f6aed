using ManagedCircle.Reference;
using ManagedCircle.Tests.Golden;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Class-level Circle loss: the references are class weights, and the loss is cross-entropy over circle logits.</summary>
public sealed class ClassLevelTests
{
    public static TheoryData<string> OfLogits => [.. GoldenSet.Names.Where(name => GoldenSet.Case(name).Out64.Logits is not null)];

    [Theory]
    [MemberData(nameof(OfLogits))]
    public void Logits_of_classes_are_the_peers(string name)
    {
        GoldenCase golden = GoldenSet.Case(name);
        CircleMargins margins = new(golden.Params.Gamma, golden.Params.M);
        float[] logits = [.. golden.Out64.Cosines!.ToDoubles().Select(s => (float)s)];
        long[] classes = [.. Enumerable.Range(0, golden.Out64.Cosines.Shape[1]).Select(c => (long)c)];

        margins.ClassLogits(logits, golden.Inputs.Labels.ToLongs(), classes, logits);

        Nearly.Equal(golden.Out64.Logits!.ToDoubles(), Doubles(logits), Tolerances.LogitOfSimilarity(Options(golden), 1), "logits");
    }

    [Fact]
    public void Where_targets_are_outside_the_classes_the_logits_and_their_gradient_are_the_peers()
    {
        // The peer's loss of this case is the mean of all logits: their slopes, through the cosines, are its gradient.
        GoldenCase golden = GoldenSet.Case(GoldenProblems.MeanOfLogits);
        double[] rows = golden.Inputs.Emb.ToDoubles(), classWeights = golden.Inputs.ClassWeight!.ToDoubles();
        long[] targets = golden.Inputs.Labels.ToLongs();
        int dimension = golden.Inputs.Emb.Shape[1], classes = golden.Inputs.ClassWeight.Shape[0];
        Assert.Contains(-1, targets);
        CircleMargins margins = new(golden.Params.Gamma, golden.Params.M);
        double[] cosines = ReferenceSimilarity.Forward(rows, classWeights, dimension, normalize: true);
        double[] slopes = [.. cosines.Select((s, i) =>
            (i % classes == targets[i / classes] ? -margins.PositiveSlope(s) : margins.NegativeSlope(s)) / cosines.Length)];

        (double[] ofRows, double[] ofClasses) = ReferenceSimilarity.Backward(rows, classWeights, dimension, normalize: true, slopes);

        float[] logits = [.. cosines.Select(s => (float)s)];
        margins.ClassLogits(logits, targets, [.. Enumerable.Range(0, classes).Select(c => (long)c)], logits);
        Nearly.Equal(golden.Out64.Loss, logits.Average(x => (double)x), Tolerances.LogitOfSimilarity(Options(golden), 1), "mean of the logits");
        double relative = Tolerances.LogitInDouble(golden.Params.Gamma);
        Nearly.Equal(golden.Out64.GradEmb!.ToDoubles(), ofRows, relative * Nearly.Largest(ofRows), "gradient of the rows");
        Nearly.Equal(golden.Out64.GradWeight!.ToDoubles(), ofClasses, relative * Nearly.Largest(ofClasses), "gradient of the class weights");
    }

    [Fact]
    public void The_loss_is_cross_entropy_over_the_logits()
    {
        LossProblem problem = Draw(CircleLossOptions.ClassLevel, count: 40, classes: 25, dimension: 24);
        ReferenceResult reference = problem.SolveInDouble();
        CircleMargins margins = new(problem.Options);
        double[] logits = [.. reference.Similarities.Select((s, i) => i % 25 == problem.Labels[i / 25] ? -margins.PositiveLogit(s) : margins.NegativeLogit(s))];
        double[] expected = [.. logits.Chunk(25).Select((row, i) => CrossEntropy(row, problem.Labels[i]))];

        Nearly.Equal(expected, reference.Losses, loss => Tolerances.CrossEntropy * Math.Max(1, loss), "losses of the reference");
        LossAnswer answer = problem.SolveInFloat();
        Nearly.Equal(expected, answer.Losses, loss => Tolerances.CrossEntropy * Math.Max(1, loss), "losses");
        Nearly.Equal(expected.Average(), answer.Result.Loss, Tolerances.CrossEntropy * expected.Average(), "loss");
    }

    [Fact]
    public void A_target_outside_the_classes_has_negative_logits_only_and_no_loss_and_no_gradient()
    {
        LossProblem problem = Draw(CircleLossOptions.ClassLevel, count: 6, classes: 5, dimension: 4);
        long[] labels = [.. problem.Labels.Select((label, i) => i is 1 or 4 ? 99L - i : label)];

        ReferenceResult reference = (problem with { Labels = labels }).SolveInDouble();
        LossAnswer answer = (problem with { Labels = labels }).SolveInFloat();

        CircleMargins margins = new(problem.Options);
        float[] cosines = [.. reference.Similarities.Select(s => (float)s)], logits = new float[30];
        margins.ClassLogits(cosines, labels, problem.ReferenceLabels, logits);
        foreach (int outside in (int[])[1, 4])
        {
            Nearly.Equal(
                [.. cosines[(outside * 5)..(outside * 5 + 5)].Select(s => margins.NegativeLogit(s))],
                Doubles(logits[(outside * 5)..(outside * 5 + 5)]),
                Tolerances.LogitOfSimilarity(problem.Options, 1),
                "logits");
            Assert.Equal((0, 0), (answer.Losses[outside], reference.Losses[outside]));
            Assert.All(answer.QueryGradient[(outside * 4)..(outside * 4 + 4)], g => Assert.Equal(0, g));
        }

        Assert.Equal((4, 4), (answer.Result.ValidCount, answer.Losses.Count(loss => loss > 0)));
        Nearly.Equal(reference.ReferenceGradient, answer.ReferenceGradient, Tolerances.PublishedGradientInFloat * Nearly.Largest(reference.ReferenceGradient),
            "gradient of the class weights");
    }

    [Fact]
    public void A_sampled_subset_of_the_classes_is_the_loss_over_that_subset()
    {
        LossProblem all = Draw(CircleLossOptions.ClassLevel, count: 20, classes: 12, dimension: 8);
        int[] sampled = [11, 3, 0, 7, 8];
        LossProblem some = all with
        {
            References = [.. sampled.SelectMany(c => all.References!.AsSpan(c * 8, 8).ToArray())],
            ReferenceLabels = [.. sampled.Select(c => (long)c)],
        };
        float[] cosines = [.. some.SolveInDouble().Similarities.Select(s => (float)s)];

        new CircleMargins(all.Options).ClassLogits(cosines, some.Labels, some.ReferenceLabels, cosines);
        LossAnswer answer = some.SolveInFloat();

        double[] expected = [.. cosines.Chunk(5).Select((row, i) => sampled.Contains((int)some.Labels[i])
            ? CrossEntropy(Doubles(row), Array.IndexOf(sampled, (int)some.Labels[i])) : 0)];
        Nearly.Equal(expected, answer.Losses, loss => Tolerances.LogitOfSimilarity(all.Options, 1) + Tolerances.CrossEntropy * loss, "losses");
        Assert.Equal(answer.Losses.Count(loss => loss > 0), answer.Result.ValidCount);
        Assert.InRange(answer.Result.ValidCount, 1, 19);
    }

    [Fact]
    public void A_hundred_thousand_classes_need_memory_for_their_rows_and_not_for_their_pairs()
    {
        const int Count = 256, Classes = 100_000, Dimension = 128;
        Random random = new(3);
        float[] rows = Numbers(Count * Dimension), classWeights = Numbers(Classes * Dimension);
        long[] labels = [.. Enumerable.Range(0, Count).Select(_ => (long)random.Next(Classes))],
            classes = [.. Enumerable.Range(0, Classes).Select(c => (long)c)];
        float[] losses = new float[Count], gradient = new float[rows.Length], classGradient = new float[classWeights.Length];
        using CircleLoss loss = new(CircleLossOptions.ClassLevel);

        LossResult result = loss.ForwardBackward(
            new EmbeddingBatch(rows, labels), new EmbeddingBatch(classWeights, classes), gradient, classGradient, losses);

        // Unit rows twice and their gradient once, with a few numbers a row and the scratch of a worker; the similarities would be 100 MB more.
        Assert.InRange(loss.WorkspaceBytes, 1, (long)(3 * (Count + Classes) * Dimension * sizeof(float) * 1.01 + 64 * (Count + Classes) + (1 << 20)));
        Assert.Equal(Count, result.ValidCount);
        double[] someRows = [.. rows[..(2 * Dimension)].Select(x => (double)x)], asDoubles = [.. classWeights.Select(x => (double)x)];
        ReferenceResult expected = ReferenceLoss.AgainstReferences(
            CircleLossOptions.ClassLevel with { Reduction = LossReduction.Sum, OutputScale = OutputScale.One }, someRows, labels.AsSpan(0, 2), asDoubles,
                classes);
        Nearly.Equal(expected.Losses, Doubles(losses[..2]), largest => Tolerances.PublishedLossInFloat * largest, "losses");
        double[] ofRows = [.. expected.QueryGradient.Select(g => g / Count)];
        Nearly.Equal(ofRows, Doubles(gradient[..(2 * Dimension)]), Tolerances.PublishedGradientInFloat * Nearly.Largest(ofRows), "gradient of the rows");

        float[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(32, true)]
    [InlineData(200, true)]
    [InlineData(200, false)]
    public void Few_queries_need_no_memory_for_the_rows_of_their_references(int queries, bool gradient)
    {
        const int References = 20_000, Dimension = 64;
        Random random = new(8);
        float[] rows = Numbers(queries * Dimension), references = Numbers(References * Dimension);
        long[] labels = new long[queries], referenceLabels = [.. Enumerable.Range(0, References).Select(r => (long)(r % 3))];
        using CircleLoss loss = new(CircleLossOptions.Paper, new() { MaxKeptSimilarityBytes = 0 });
        EmbeddingBatch batch = new(rows, labels), against = new(references, referenceLabels);

        LossResult result = gradient ? loss.ForwardBackward(batch, against, new float[rows.Length], default) : loss.Forward(batch, against);

        // A tile, and its references' unit rows once or twice; and a few numbers for each row.
        Assert.Equal(queries, result.ValidCount);
        Assert.InRange(loss.WorkspaceBytes, 1, (1 << 20) + (20 * References) + (8 * queries * Dimension));

        float[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
    }

    [Theory]
    [InlineData(3)]
    [InlineData(300)]
    public void A_reference_that_is_no_number_is_named_and_nothing_is_written(int queries)
    {
        const int References = 5000, Bad = 4321, Dimension = 5;
        float[] rows = [.. Enumerable.Range(1, queries * Dimension).Select(i => (float)i)], references = [.. Enumerable.Repeat(1f, References * Dimension)];
        (references[(Bad * Dimension) + 2], references[(References * Dimension) - 1]) = (float.NaN, float.PositiveInfinity);
        long[] labels = new long[queries], referenceLabels = [.. Enumerable.Range(0, References).Select(r => (long)r)];
        float[] losses = [.. Enumerable.Repeat(7f, queries)], gradient = [.. Enumerable.Repeat(7f, rows.Length)];
        using CircleLoss loss = new(CircleLossOptions.Paper);

        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() =>
            loss.ForwardBackward(new(rows, labels), new(references, referenceLabels), gradient, default, losses));

        Assert.Contains($"{Bad}", error.Message, StringComparison.Ordinal);
        Assert.All(losses.Concat(gradient), number => Assert.Equal(7f, number));
    }

    [Fact]
    public void Shapes_that_do_not_match_are_refused()
    {
        CircleMargins margins = new(64, 0.35);

        Assert.Throws<ArgumentException>(() => margins.ClassLogits(new float[5], [1L, 2L], [1L, 2L, 3L], new float[5]));
        Assert.Throws<ArgumentException>(() => margins.ClassLogits(new float[6], [1L, 2L], [1L, 2L, 3L], new float[5]));
    }

    private static LossProblem Draw(CircleLossOptions options, int count, int classes, int dimension)
    {
        Random random = new(11);
        return new()
        {
            Options = options,
            Rows = Numbers(count * dimension),
            Labels = [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))],
            References = Numbers(classes * dimension),
            ReferenceLabels = [.. Enumerable.Range(0, classes).Select(c => (long)c)],
        };

        double[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => (double)(random.NextSingle() - 0.5f))];
    }

    private static double CrossEntropy(double[] logits, long target) => StableMath.LogSumExp(logits) - logits[target];

    private static CircleLossOptions Options(GoldenCase golden) => new() { Gamma = golden.Params.Gamma, Margin = golden.Params.M };

    private static double[] Doubles(float[] numbers) => [.. numbers.Select(x => (double)x)];
}
