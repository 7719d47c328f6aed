using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Cli.Training;
using Spectre.Console;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle train</c>: learns a linear projection with the loss, and shows what it did.</summary>
internal static class TrainCommand
{
    private const int DefaultDimension = 8, DefaultSteps = 500;

    private static readonly Option<string?> Embeddings = CommandOption.File("--embeddings", "X.npy", "Rows of your own, [N, D]; left out, the embedded digits");
    private static readonly Option<string?> Labels = CommandOption.File("--labels", "y.npy", "The class of each row, [N]");
    private static readonly Option<int?> Dimension = CommandOption.Count("--dimension", "d", $"The dimension to project to ({DefaultDimension})", least: 1);
    private static readonly Option<int?> Steps = CommandOption.Count("--steps", "n", $"How many batches to train on ({DefaultSteps})", least: 0);
    private static readonly Option<int?> Seed = CommandOption.Count("--seed", "s", "What the first weights and the batches are drawn from (0)", least: 0);
    private static readonly Option<double?> Gamma = CommandOption.Number("--gamma", "G", "The scale (80)", positive: true);
    private static readonly Option<double?> Margin = CommandOption.Number("--margin", "M", "The relaxation factor m (0.4)");
    private static readonly Option<string?> Save = CommandOption.File("--save", "W.npy", "Write the projection, [D, d]: project with X @ W");
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    private sealed record Row(string Representation, int Dimension, double RecallAt1, double MapAtR)
    {
        public static Row Measure(string representation, LabeledRows rows)
        {
            Retrieval retrieval = Retrieval.Measure(rows);
            return new Row(representation, rows.Dimension, retrieval.RecallAt1, retrieval.MapAtR);
        }
    }

    private sealed record Report(int Training, int Test, int Steps, int Seed, double Gamma, double Margin, IReadOnlyList<Row> Results, double Loss, double LossMilliseconds, double Milliseconds);

    public static Command Create()
    {
        Command command = new("train", "Learn a linear projection of embeddings with the loss, and measure what it did to retrieval.")
        {
            Embeddings, Labels, Dimension, Steps, Seed, Gamma, Margin, Save, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        long start = Stopwatch.GetTimestamp();
        (LabeledRows training, LabeledRows test) = ReadRows(command);
        int dimension = command.GetValue(Dimension) ?? DefaultDimension;
        if (dimension > training.Dimension)
        {
            throw new UsageException($"--dimension is {dimension}: expected at most {training.Dimension}, the dimension of the rows.");
        }

        int steps = command.GetValue(Steps) ?? DefaultSteps, seed = command.GetValue(Seed) ?? 0;
        CircleLossOptions options = CommandOption.Valid(CircleLossOptions.Paper with
        {
            Gamma = command.GetValue(Gamma) ?? CircleLossOptions.Paper.Gamma,
            Margin = command.GetValue(Margin) ?? CircleLossOptions.Paper.Margin,
        });

        using OutputFiles files = new(command.GetValue(Embeddings), command.GetValue(Labels));
        Stream? saved = command.GetValue(Save) is string path ? files.Create(path, NpyWriter.Length<float>(training.Dimension, dimension)) : null;
        Random random = new(seed);
        BalancedBatches batches = new(training, random);
        Projection projection = Projection.Draw(training.Dimension, dimension, random);
        List<Row> results =
        [
            Row.Measure("raw", test),
            Row.Measure("PCA", PrincipalComponents.Project(training, test, dimension)),
            Row.Measure("projection before", projection.Apply(test)),
        ];
        (double loss, TimeSpan lossTime) = (double.NaN, TimeSpan.Zero);
        Terminal.ShowProgress(command.InvocationConfiguration.Error, "training", steps, stepDone =>
            (loss, lossTime) = Trainer.Train(projection, training, batches, options, steps, stepDone));
        results.Add(Row.Measure("projection after", projection.Apply(test)));

        if (saved is not null)
        {
            NpyWriter.Write<float>(saved, projection.Weights, training.Dimension, dimension);
        }

        files.Commit();
        Report report = new(
            training.Count, test.Count, steps, seed, options.Gamma, options.Margin, results, loss, lossTime.TotalMilliseconds, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        Write(command, report);
    }

    /// <summary>Reads the digits, split 1,000 to 797, or the rows named, split in half.</summary>
    private static (LabeledRows Training, LabeledRows Test) ReadRows(ParseResult command)
    {
        (string? embeddings, string? labels) = (command.GetValue(Embeddings), command.GetValue(Labels));
        if (embeddings is null != labels is null)
        {
            throw new UsageException("--embeddings and --labels belong together.");
        }

        if (embeddings is null || labels is null)
        {
            return Digits.Read().Split(Digits.TrainingCount);
        }

        (NpyMatrix<float> rows, long[] classes) = LabeledFiles.Read<float>(embeddings, labels);
        return new LabeledRows(rows.Values, classes, rows.Columns).Split((rows.Rows + 1) / 2);
    }

    private static void Write(ParseResult command, Report report)
    {
        TextWriter output = command.InvocationConfiguration.Output;
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(output, report);
            return;
        }

        Table table = new Table().AddColumns("test rows", "dimension", "Recall@1", "MAP@R");
        foreach (Row row in report.Results)
        {
            table.AddRow(row.Representation, $"{row.Dimension}", row.RecallAt1.ToString("F4", CultureInfo.InvariantCulture), row.MapAtR.ToString("F4", CultureInfo.InvariantCulture));
        }

        Terminal.WriteTable(output, table);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Steps} steps on {report.Training} rows, measured on {report.Test} others: {report.Milliseconds / 1000:F2} s, of which {report.LossMilliseconds / 1000:F2} s inside the loss."));
    }
}
