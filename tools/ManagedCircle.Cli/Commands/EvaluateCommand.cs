using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Training;
using Spectre.Console;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle evaluate</c>: how well embeddings find others of their class, in the measures that papers report.</summary>
internal static class EvaluateCommand
{
    // Progress is shown for each query; a search tells of many at once.
    private static Action<int> OneByOne(Action done) => count =>
    {
        for (int query = 0; query < count; query++)
        {
            done();
        }
    };

    private static readonly ImmutableArray<int> DefaultRanks = [1, 2, 4, 8];

    private static readonly Option<string> Embeddings =
        CommandOption.RequiredFile("--embeddings", "X.npy", "The rows that search, [N, D]; - reads one of the files from standard input");
    private static readonly Option<string> Labels = CommandOption.RequiredFile("--labels", "y.npy", "The class of each row, [N]");
    private static readonly Option<string?> References =
        CommandOption.File("--references", "R.npy", "The rows to search among, [M, D]; left out, each row among the others");
    private static readonly Option<string?> ReferenceLabels = CommandOption.File("--reference-labels", "r.npy", "The class of each reference, [M]");
    private static readonly Option<ImmutableArray<int>?> Ranks =
        CommandOption.Counts("--k", "K,...", $"Where Recall@k and NDCG@k are taken ({string.Join(',', DefaultRanks)})", least: 1);
    private static readonly Option<int?> Neighbors = CommandOption.Count(
        "--neighbors", "n", "How many neighbours MAP is over, and what R is at most (the largest R, or the largest k)", least: 1);
    private static readonly Option<SimilarityMeasure?> Measure = CommandOption.Choice("--measure", "What rows are compared by (cosine)", OptionWords.Measure);
    private static readonly Option<long?> IgnoreLabel = CommandOption.Label("--ignore-label", "L", "A label whose rows take no part");
    private static readonly Option<int?> Threads = CommandOption.Count("--threads", "T", "Threads (1)", least: 1, most: 4096);
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    public static Command Create()
    {
        Command command = new("evaluate", "Measure how well embeddings retrieve others of their class.")
        {
            Embeddings, Labels, References, ReferenceLabels, Ranks, Neighbors, Measure, IgnoreLabel, Threads, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        InputFile.ThrowIfReadTwice(
            command.GetRequiredValue(Embeddings), command.GetRequiredValue(Labels), command.GetValue(References), command.GetValue(ReferenceLabels));
        if (command.GetValue(References) is null != command.GetValue(ReferenceLabels) is null)
        {
            throw new UsageException("--references and --reference-labels belong together.");
        }

        ImmutableArray<int> ranks = command.GetValue(Ranks) ?? DefaultRanks;
        if (command.GetValue(Neighbors) is int fewer && fewer < ranks.Max())
        {
            throw new UsageException($"--neighbors is {fewer}: expected at least {ranks.Max()}, the largest of --k.");
        }

        LossInput<float> input = LossInput<float>.Read(
            command.GetRequiredValue(Embeddings), command.GetRequiredValue(Labels), command.GetValue(References), command.GetValue(ReferenceLabels), null);
        LabeledRows queries = Rows(input.Queries.Values, input.QueryLabels);
        LabeledRows? references = input.References is null ? null : Rows(input.References.Values, input.ReferenceLabels!);
        SimilarityMeasure measure = command.GetValue(Measure) ?? SimilarityMeasure.Cosine;
        ExecutionOptions execution = new() { Threads = command.GetValue(Threads) ?? 1 };
        int neighbors = command.GetValue(Neighbors) ?? Math.Max(ranks.Max(), LargestR(queries, references));
        RetrievalMeasures measures = Terminal.ShowProgress(command.InvocationConfiguration.Error, "search", queries.Count, done => references is null
            ? RetrievalMeasures.Of(BatchOf(queries), neighbors, measure, execution, OneByOne(done))
            : RetrievalMeasures.Of(BatchOf(queries), BatchOf(references), neighbors, measure, execution, OneByOne(done)));
        EvaluationReport report = new(
            measures.QueryCount,
            measures.LoneQueryCount,
            references?.Count ?? queries.Count,
            queries.Dimension,
            measures.Neighbors,
            measures.PrecisionAt1,
            measures.RPrecision,
            measures.MeanAveragePrecisionAtR,
            measures.MeanAveragePrecision,
            ranks.Distinct().ToDictionary(k => k, measures.RecallAt),
            ranks.Distinct().ToDictionary(k => k, measures.NdcgAt));
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(command.InvocationConfiguration.Output, report);
        }
        else
        {
            Terminal.WriteTable(command.InvocationConfiguration.Output, report.ToTable());
        }

        LabeledRows Rows(float[] values, long[] labels)
        {
            LabeledRows rows = new(values, labels, input.Queries.Columns);
            return command.GetValue(IgnoreLabel) is long ignored ? rows.Without(ignored) : rows;
        }
    }

    private static EmbeddingBatch BatchOf(LabeledRows rows) => new(rows.Values, rows.Labels, rows.Dimension);

    // The largest number of references of a query's class, itself not counted.
    private static int LargestR(LabeledRows queries, LabeledRows? references)
    {
        Dictionary<long, int> classSizes = (references ?? queries).Labels.CountBy(label => label).ToDictionary();
        return queries.Labels.Distinct().Select(label => classSizes.GetValueOrDefault(label)).Append(0).Max() - (references is null ? 1 : 0);
    }
}

/// <summary>What <c>mcircle evaluate</c> says; the names and their order are a contract.</summary>
internal sealed record EvaluationReport(
    long Queries,
    long Lone,
    int References,
    int Dimension,
    int Neighbors,
    double PrecisionAt1,
    double RPrecision,
    double MapAtR,
    double Map,
    IReadOnlyDictionary<int, double> RecallAt,
    IReadOnlyDictionary<int, double> NdcgAt)
{
    /// <summary>The same for people.</summary>
    public Table ToTable()
    {
        Table table = new Table().AddColumns("", "").HideHeaders();
        table.AddRow("queries", $"{Queries}, and {Lone} without a reference of their class, left out");
        table.AddRow("references", $"{References} of dimension {Dimension}, {Neighbors} neighbours looked at");
        AddMean("Precision@1", PrecisionAt1);
        AddMean("R-precision", RPrecision);
        AddMean("MAP@R", MapAtR);
        AddMean("MAP", Map);
        foreach ((int k, double recall) in RecallAt)
        {
            AddMean($"Recall@{k}", recall);
        }

        foreach ((int k, double gain) in NdcgAt)
        {
            AddMean($"NDCG@{k}", gain);
        }

        return table;

        void AddMean(string name, double mean) => table.AddRow(name, mean.ToString("F4", CultureInfo.InvariantCulture));
    }
}
