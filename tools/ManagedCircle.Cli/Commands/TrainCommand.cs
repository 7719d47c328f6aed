using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Cli.Reports;
using ManagedCircle.Cli.Training;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle train</c>: learns a projection with the loss, and shows what it did.</summary>
internal static class TrainCommand
{
    private const int DefaultDimension = 8, DefaultSteps = 500;

    // As many of the training rows as tell how similar their pairs are.
    private const int HintRows = 2048;

    // What data sets give rows without a class.
    private const long Unlabelled = -1;

    private static readonly Option<string?> Embeddings = CommandOption.File(
        "--embeddings", "X.npy", "Rows of your own, [N, D], or - for standard input; left out, the embedded digits");
    private static readonly Option<string?> Labels = CommandOption.File("--labels", "y.npy", "The class of each row, [N]");
    private static readonly Option<long?> IgnoreLabel = CommandOption.Label("--ignore-label", "L", "A label whose rows take no part: unlabelled ones");
    private static readonly Option<int?> Dimension = CommandOption.Count(
        "--dimension", "d", $"The dimension to project to ({DefaultDimension}, or that of narrower rows)", least: 1);
    private static readonly Option<int?> Steps =
        CommandOption.Count("--steps", "n", $"How many batches to train on ({DefaultSteps})", least: 0, most: 10_000_000);
    private static readonly Option<int?> Seed = CommandOption.Count("--seed", "s", "What the first weights and the batches are drawn from (0)", least: 0);
    private static readonly Option<ImmutableArray<TrainingLoss>?> Losses = CommandOption.Choices(
        "--loss", "NAME,...", "What to train with, each from the same start (circle)", [.. TrainingLoss.All.Select(loss => (loss.Name, loss))]);
    private static readonly Option<double?> Gamma = CommandOption.Number("--gamma", "G", "The scale of circle (80)", positive: true);
    private static readonly Option<double?> Margin = CommandOption.Number("--margin", "M", "The relaxation factor m of circle (0.4)");
    private static readonly Option<string?> Save = CommandOption.File("--save", "W.npy", "Write W, [D, d], and W.bias.npy, [d]: project with X @ W + bias");
    private static readonly Option<string?> PageFile = CommandOption.File(
        "--report", "report.html", "Write a page: loss curve, similarities before and after, hardest pairs");
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    public static Command Create()
    {
        Command command = new("train", "Learn a linear projection of embeddings with the loss, and measure what it did to retrieval.")
        {
            Embeddings, Labels, IgnoreLabel, Dimension, Steps, Seed, Losses, Gamma, Margin, Save, PageFile, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        long start = Stopwatch.GetTimestamp();
        LabeledRows all = Phase(command, "reading", 1, _ => ReadRows(command));
        LabeledRows rows = command.GetValue(IgnoreLabel) is long ignored ? all.Without(ignored) : all;
        int trainingCount = command.GetValue(Embeddings) is null ? Math.Min(Digits.TrainingCount, rows.Count) : (rows.Count + 1) / 2;
        (LabeledRows training, LabeledRows test) = rows.Split(trainingCount);
        int dimension = command.GetValue(Dimension) ?? Math.Min(DefaultDimension, rows.Dimension);
        if (dimension > rows.Dimension)
        {
            throw new UsageException($"--dimension is {dimension}: expected at most {rows.Dimension}, the dimension of the rows.");
        }

        int steps = command.GetValue(Steps) ?? DefaultSteps, seed = command.GetValue(Seed) ?? 0;
        ImmutableArray<TrainingLoss> kinds = ReadLosses(command);
        CircleLossOptions options = CommandOption.Valid(CircleLossOptions.Paper with
        {
            Gamma = command.GetValue(Gamma) ?? CircleLossOptions.Paper.Gamma,
            Margin = command.GetValue(Margin) ?? CircleLossOptions.Paper.Margin,
        });

        using OutputFiles files = new(command.GetValue(Embeddings), command.GetValue(Labels));
        (Stream W, Stream Bias)? saved = command.GetValue(Save) is string path
            ? (files.Create(path, NpyWriter.Length<float>(rows.Dimension, dimension)), files.Create(BiasPath(path), NpyWriter.Length<float>(dimension)))
            : null;
        Stream? page = command.GetValue(PageFile) is string pagePath ? files.Create(pagePath) : null;
        Random random = new(seed);
        BalancedBatches batches = Batches(command, training, test, random);
        using Projection projection = Projection.Draw(rows.Dimension, dimension, random);
        RetrievalResult raw = Measure(command, "raw", test);
        Centring centring = Centring.Of(training);
        (training, test) = (centring.Apply(training), centring.Apply(test));
        using Projection components = Phase(command, "PCA", PrincipalComponents.Steps, done => PrincipalComponents.Of(training, dimension, done));
        RetrievalResult pca = Measure(command, "PCA", components.Apply(test));
        LabeledRows testBefore = projection.Apply(test);
        RetrievalResult before = Measure(command, "projection before", testBefore);
        bool several = kinds.Length > 1;
        using EmbeddingLoss loss = kinds[0].Create(options);
        (double[] losses, TimeSpan lossTime) = Phase(
            command, Title(kinds[0]), steps, done => Trainer.Train(projection, training, batches, loss, steps, done));
        LabeledRows testAfter = projection.Apply(test);
        RetrievalResult after = Measure(command, $"projection after{(several ? $" {kinds[0].Name}" : "")}", testAfter);
        List<TrainedLoss> trained = [new(kinds[0].Name, losses.LastOrDefault(double.NaN), lossTime.TotalMilliseconds)];
        List<RetrievalResult> others = [];
        foreach (TrainingLoss kind in kinds.Skip(1))
        {
            // The same first weights and batches.
            Random again = new(seed);
            BalancedBatches sameBatches = new(training, again);
            using Projection other = Projection.Draw(rows.Dimension, dimension, again);
            using EmbeddingLoss otherLoss = kind.Create(options);
            (double[] otherLosses, TimeSpan otherTime) = Phase(
                command, Title(kind), steps, done => Trainer.Train(other, training, sameBatches, otherLoss, steps, done));
            others.Add(Measure(command, $"projection after {kind.Name}", other.Apply(test)));
            trained.Add(new(kind.Name, otherLosses.LastOrDefault(double.NaN), otherTime.TotalMilliseconds));
        }

        double collapsed = Trainer.CollapsedLoss(training, batches, loss);
        LabeledRows sample = projection.Apply(training.Take([.. Enumerable.Range(0, Math.Min(training.Count, HintRows))]));
        PairStatistics pairs = PairStatistics.Of(options, new EmbeddingBatch(sample.Values, sample.Labels));
        TrainingReport report = new(
            training.Count,
            test.Count,
            steps,
            seed,
            kinds.Contains(TrainingLoss.Circle) ? options.Gamma : null,
            kinds.Contains(TrainingLoss.Circle) ? options.Margin : null,
            [raw, pca, before, after, .. others],
            losses.LastOrDefault(double.NaN),
            lossTime.TotalMilliseconds,
            Stopwatch.GetElapsedTime(start).TotalMilliseconds,
            all.Count - rows.Count,
            [
                .. command.GetValue(IgnoreLabel) is null && all.Labels.Contains(Unlabelled) ? [TrainingHints.Unlabelled] : Array.Empty<string>(),
                .. several ? [] : TrainingHints.Of(losses, collapsed, pairs, raw.MapAtR, pca.MapAtR, Retrieval.Measure(sample).MapAtR, after.MapAtR),
            ],
            trained);
        if (saved is not null)
        {
            NpyWriter.Write<float>(saved.Value.W, projection.ToColumns(), rows.Dimension, dimension);
            NpyWriter.Write<float>(saved.Value.Bias, centring.BiasOf(projection), dimension);
        }

        if (page is not null)
        {
            TrainingCourse course = new(losses, collapsed, testBefore, testAfter);
            page.Write(Phase(command, "report", 1, _ => TrainingPage.Of(report, options, course, command.GetValue(Embeddings))));
        }

        files.Commit();
        Write(command, report);
    }

    private static string Title(TrainingLoss loss) => loss == TrainingLoss.Circle ? "training" : $"training, {loss.Name}";

    /// <summary>The losses named, with which the other options must make sense.</summary>
    private static ImmutableArray<TrainingLoss> ReadLosses(ParseResult command)
    {
        ImmutableArray<TrainingLoss> kinds = command.GetValue(Losses) ?? [TrainingLoss.Circle];
        if (!kinds.Contains(TrainingLoss.Circle) && (command.GetValue(Gamma) ?? command.GetValue(Margin)) is not null)
        {
            throw new UsageException("--gamma and --margin are of circle: expected it among the losses of --loss.");
        }

        if (kinds.Length > 1 && command.GetValue(Save) is not null)
        {
            throw new UsageException("--save writes one projection: expected one loss of --loss.");
        }

        return command.GetValue(PageFile) is null || kinds is [{ Options: null }]
            ? kinds
            : throw new UsageException("--report shows a training with circle: expected no other loss of --loss.");
    }

    private static T Phase<T>(ParseResult command, string title, int parts, Func<Action, T> work) =>
        Terminal.ShowProgress(command.InvocationConfiguration.Error, title, parts, work);

    private static RetrievalResult Measure(ParseResult command, string representation, LabeledRows rows)
    {
        Retrieval retrieval = Phase(command, $"retrieval, {representation}", Retrieval.Parts(rows.Count), done => Retrieval.Measure(rows, done));
        return new RetrievalResult(representation, rows.Dimension, retrieval.RecallAt1, retrieval.MapAtR);
    }

    /// <summary>Reads the digits, or the rows named.</summary>
    private static LabeledRows ReadRows(ParseResult command)
    {
        (string? embeddings, string? labels) = (command.GetValue(Embeddings), command.GetValue(Labels));
        InputFile.ThrowIfReadTwice(embeddings, labels);
        if (embeddings is null != labels is null)
        {
            throw new UsageException("--embeddings and --labels belong together.");
        }

        if (embeddings is null || labels is null)
        {
            return Digits.Read();
        }

        (NpyMatrix<float> rows, long[] classes) = LabeledFiles.Read<float>(embeddings, labels);
        return new LabeledRows(rows.Values, classes, rows.Columns);
    }

    private static BalancedBatches Batches(ParseResult command, LabeledRows training, LabeledRows test, Random random)
    {
        BalancedBatches batches = new(training, random);
        return batches.ClassCount >= 2 ? batches : throw new BadInputException(
            command.GetValue(Labels) ?? "digits",
            $"{(batches.ClassCount == 0 ? "no class has" : "only one class has")} two or more of the {training.Count} rows to train on, as {test.Count} others "
            + "are set aside for measuring: expected at least two such classes, so four rows or more of each");
    }

    /// <summary>Where the bias goes, beside the weights.</summary>
    private static string BiasPath(string path) =>
        $"{(path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) ? path[..^".npy".Length] : path)}.bias.npy";

    private static void Write(ParseResult command, TrainingReport report)
    {
        TextWriter output = command.InvocationConfiguration.Output;
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(output, report);
            return;
        }

        Terminal.WriteTable(output, report.ToTable());
        output.WriteLine(report.Summary);
        foreach (string hint in report.Hints)
        {
            output.WriteLine($"Hint: {hint}");
        }
    }
}
