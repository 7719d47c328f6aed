using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Npy;
using Spectre.Console;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle search</c>: the nearest rows of a gallery for each query, in files.</summary>
internal static class SearchCommand
{
    private const int DefaultNeighbors = 10;

    // Queries that search together, and neighbours that are held at once: progress is shown, and the gallery is packed, once for each part.
    private const int MostQueriesAtOnce = 1024, NeighborsAtOnce = 1 << 22;

    // What people are shown of the answer.
    private const int ShownQueries = 5, ShownNeighbors = 5;

    private static readonly Option<string> Gallery =
        CommandOption.RequiredFile("--gallery", "G.npy", "The rows to search among, [M, D]; - reads one of the files from standard input");
    private static readonly Option<string?> Queries =
        CommandOption.File("--queries", "Q.npy", "The rows to search for, [N, D]; left out, each row of the gallery among the others");
    private static readonly Option<string?> GalleryLabels = CommandOption.File("--gallery-labels", "g.npy", "The class of each row of the gallery, [M]");
    private static readonly Option<int?> Neighbors = CommandOption.Count("--k", "K", $"How many rows to find for each query ({DefaultNeighbors})", least: 1);
    private static readonly Option<SimilarityMeasure?> Measure = CommandOption.Choice("--measure", "What rows are compared by (cosine)", OptionWords.Measure);
    private static readonly Option<int?> Threads = CommandOption.Count("--threads", "T", "Threads (1)", least: 1, most: 4096);
    private static readonly Option<SimdWidth?> Isa = CommandOption.Choice("--isa", "The vectors (auto)", OptionWords.Isa);
    private static readonly Option<string?> IndicesOut =
        CommandOption.File("--indices-out", "I.npy", "Write the places of the rows found, the nearest first, [N, K]; -1 where there are fewer");
    private static readonly Option<string?> SimilaritiesOut =
        CommandOption.File("--similarities-out", "S.npy", "Write their similarities, [N, K]; -inf where there are fewer");
    private static readonly Option<string?> LabelsOut =
        CommandOption.File("--labels-out", "L.npy", "Write their classes, [N, K]; -1 where there are fewer");
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    public static Command Create()
    {
        Command command = new("search", "Find the nearest rows of a gallery for each query.")
        {
            Gallery, Queries, GalleryLabels, Neighbors, Measure, Threads, Isa, IndicesOut, SimilaritiesOut, LabelsOut, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        string galleryPath = command.GetRequiredValue(Gallery);
        (string? queriesPath, string? labelsPath) = (command.GetValue(Queries), command.GetValue(GalleryLabels));
        InputFile.ThrowIfReadTwice(galleryPath, queriesPath, labelsPath);
        if (command.GetValue(LabelsOut) is not null && labelsPath is null)
        {
            throw new UsageException("--labels-out needs --gallery-labels.");
        }

        (NpyMatrix<float> gallery, long[] labels) = labelsPath is null
            ? (NpyReader.ReadMatrix<float>(galleryPath), [])
            : LabeledFiles.Read<float>(galleryPath, labelsPath);
        NpyMatrix<float> queries = queriesPath is null ? gallery : NpyReader.ReadMatrix<float>(queriesPath);
        (int k, int dimension) = (command.GetValue(Neighbors) ?? DefaultNeighbors, gallery.Columns);
        if (queriesPath is not null && queries.Columns != dimension)
        {
            throw new BadInputException(
                InputFile.NameOf(queriesPath), $"rows of dimension {queries.Columns}: expected {dimension}, as in {InputFile.NameOf(galleryPath)}");
        }

        using OutputFiles files = new(galleryPath, queriesPath, labelsPath);
        Stream? indicesFile = Begin<long>(IndicesOut), similaritiesFile = Begin<float>(SimilaritiesOut), labelsFile = Begin<long>(LabelsOut);
        int atOnce = Math.Clamp(NeighborsAtOnce / k, 1, MostQueriesAtOnce), shown = Math.Min(ShownQueries, queries.Rows);
        int[] indices = new int[Math.Min(atOnce, queries.Rows) * k];
        float[] similarities = new float[indices.Length];
        long[] numbers = new long[indices.Length];
        Table table = new Table().AddColumns(["query", .. Enumerable.Range(1, Math.Min(k, ShownNeighbors)).Select(place => $"{place}")]);
        ExecutionOptions execution = new() { Threads = command.GetValue(Threads) ?? 1, SimdWidth = command.GetValue(Isa) ?? SimdWidth.Auto };
        using NearestNeighbors search = new(command.GetValue(Measure) ?? SimilarityMeasure.Cosine, execution);
        TimeSpan time = default;
        Terminal.ShowProgress(command.InvocationConfiguration.Error, "search", (queries.Rows + atOnce - 1) / atOnce, done =>
        {
            for (int first = 0; first < queries.Rows; first += atOnce)
            {
                int count = Math.Min(atOnce, queries.Rows - first), found = count * k;
                int[] own = queriesPath is null ? [.. Enumerable.Range(first, count)] : [];
                long start = Stopwatch.GetTimestamp();
                search.Find(
                    new(queries.Values.AsSpan(first * dimension, count * dimension), dimension),
                    new(gallery.Values, dimension),
                    k,
                    indices,
                    similarities,
                    new() { ExcludedReferences = own });
                time += Stopwatch.GetElapsedTime(start);
                for (int query = first; query < shown; query++)
                {
                    table.AddRow([$"{query}", .. Enumerable.Range((query - first) * k, Math.Min(k, ShownNeighbors)).Select(Shown)]);
                }

                Write(indicesFile, static (index, _) => index);
                Write(labelsFile, static (index, labels) => index < 0 ? -1 : labels[index]);
                if (similaritiesFile is not null)
                {
                    NpyWriter.WriteValues<float>(similaritiesFile, similarities.AsSpan(0, found));
                }

                done();

                void Write(Stream? file, Func<int, long[], long> number)
                {
                    for (int i = 0; file is not null && i < found; i++)
                    {
                        numbers[i] = number(indices[i], labels);
                    }

                    if (file is not null)
                    {
                        NpyWriter.WriteValues<long>(file, numbers.AsSpan(0, found));
                    }
                }
            }
        });

        files.Commit();
        SearchReport report = new(
            queries.Rows, gallery.Rows, dimension, k, search.WorkspaceBytes, $"{search.SimdWidth}".ToLowerInvariant(), execution.Threads,
            time.TotalMilliseconds);
        TextWriter output = command.InvocationConfiguration.Output;
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(output, report);
        }
        else
        {
            Terminal.WriteTable(output, table);
            output.WriteLine(report.ToSentence());
        }

        Stream? Begin<T>(Option<string?> option)
            where T : unmanaged
        {
            Stream? file = command.GetValue(option) is string path ? files.Create(path, NpyWriter.Length<T>(queries.Rows, k)) : null;
            if (file is not null)
            {
                NpyWriter.WriteHeader<T>(file, queries.Rows, k);
            }

            return file;
        }

        string Shown(int place) => indices[place] is >= 0 and int index
            ? $"{index} ({similarities[place].ToString("F4", CultureInfo.InvariantCulture)}{(labels.Length > 0 ? $", class {labels[index]}" : "")})"
            : "";
    }
}

/// <summary>What <c>mcircle search</c> says; the names and their order are a contract.</summary>
internal sealed record SearchReport(
    int Queries, int References, int Dimension, int Neighbors, long WorkspaceBytes, string Isa, int Threads, double Milliseconds)
{
    /// <summary>The same in a sentence.</summary>
    public string ToSentence()
    {
        string run = $"{Isa}, {Threads} thread{(Threads == 1 ? "" : "s")}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Queries} queries, the {Neighbors} nearest of {References} rows of dimension {Dimension}: {Milliseconds:F1} ms ({run}).");
    }
}
