using System.Text.Json;
using ManagedCircle.Cli.Npy;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What <c>mcircle search</c> and <c>mcircle evaluate</c> take and say. What they find is in the tests of the library.</summary>
public sealed class SearchCommandTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public SearchCommandTests()
    {
        File.WriteAllBytes(directory["G.npy"], NpyBytes.Floats("(4, 2)", 1, 0, 0, 1, 1, 1, -1, 0));
        File.WriteAllBytes(directory["g.npy"], NpyBytes.Labels(7, 8, 7, 8));
        File.WriteAllBytes(directory["Q.npy"], NpyBytes.Floats("(2, 2)", 2, 1, 0, 3));
        File.WriteAllBytes(directory["q.npy"], NpyBytes.Labels(7, 8));
        File.WriteAllBytes(directory["wide.npy"], NpyBytes.Floats("(1, 3)", 1, 2, 3));
    }

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Search_writes_places_similarities_and_classes()
    {
        CommandRun run = CommandRun.Of(
            $"search --gallery {directory["G.npy"]} --queries {directory["Q.npy"]} --gallery-labels {directory["g.npy"]} --k 5 "
            + $"--indices-out {directory["I.npy"]} --similarities-out {directory["S.npy"]} --labels-out {directory["L.npy"]} --json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal([2, 0, 1, 3, -1, 1, 2, 0, 3, -1], Read("I.npy"));
        Assert.Equal([7, 7, 8, 8, -1, 8, 7, 7, 8, -1], Read("L.npy"));
        float[] similarities = new float[10];
        using NearestNeighbors search = new();
        search.Find(new([2, 1, 0, 3], 2), new([1, 0, 0, 1, 1, 1, -1, 0], 2), 5, new int[10], similarities);
        Assert.Equal(similarities.Select(similarity => (double)similarity), Read("S.npy"));
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(
            ["queries", "references", "dimension", "neighbors", "workspaceBytes", "isa", "threads", "milliseconds"],
            report.EnumerateObject().Select(property => property.Name));
        Assert.Equal((2, 4, 2, 5), (Int("queries"), Int("references"), Int("dimension"), Int("neighbors")));

        int Int(string name) => report.GetProperty(name).GetInt32();
    }

    [Fact]
    public void Without_queries_each_row_of_the_gallery_searches_among_the_others()
    {
        CommandRun run = CommandRun.Of($"search --gallery {directory["G.npy"]} --k 1 --measure inner-product --indices-out {directory["I.npy"]} --threads 2");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal([2, 2, 0, 1], Read("I.npy"));
        Assert.Contains("4 queries, the 1 nearest of 4 rows of dimension 2", run.Output, StringComparison.Ordinal);
        Assert.Contains("2 (1.0000)", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void More_queries_than_search_together_have_the_same_neighbours()
    {
        const int Count = 2500;
        Random random = new(2);
        float[] rows = [.. Enumerable.Range(0, Count * 3).Select(_ => random.NextSingle())];
        File.WriteAllBytes(directory["many.npy"], NpyBytes.Floats($"({Count}, 3)", rows));
        int[] expected = new int[Count * 2];
        using NearestNeighbors search = new();
        search.Find(new(rows, 3), 2, expected);

        CommandRun run = CommandRun.Of($"search --gallery {directory["many.npy"]} --k 2 --indices-out {directory["I.npy"]}");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(expected.Select(index => (double)index), Read("I.npy"));
    }

    [Fact]
    public void Evaluate_reports_every_measure()
    {
        CommandRun run = CommandRun.Of(
            $"evaluate --embeddings {directory["Q.npy"]} --labels {directory["q.npy"]} --references {directory["G.npy"]} "
            + $"--reference-labels {directory["g.npy"]} --k 1,3 --json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;

        // The first query has hits 1 1 0, the second 1 0 0; R is 2 of both.
        Assert.Equal((2, 0, 4, 2, 3), (Int("queries"), Int("lone"), Int("references"), Int("dimension"), Int("neighbors")));
        Assert.Equal([1, 0.75, 0.75, 1], new[] { "precisionAt1", "rPrecision", "mapAtR", "map" }.Select(name => report.GetProperty(name).GetDouble()));
        Assert.Equal([("1", 1.0), ("3", 1.0)], Means("recallAt"));
        Assert.Equal([("1", 1.0), ("3", (1 + (1 / (1 + (1 / Math.Log2(3))))) / 2)], Means("ndcgAt"));

        int Int(string name) => report.GetProperty(name).GetInt32();
        IEnumerable<(string, double)> Means(string name) => report.GetProperty(name).EnumerateObject().Select(mean => (mean.Name, mean.Value.GetDouble()));
    }

    [Fact]
    public void Evaluate_of_rows_among_themselves_leaves_lone_and_ignored_rows_out()
    {
        CommandRun run = CommandRun.Of($"evaluate --embeddings {directory["G.npy"]} --labels {directory["g.npy"]} --ignore-label 8 --k 1");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("2, and 0 without a reference of their class", run.Output, StringComparison.Ordinal);
        Assert.Contains("2 of dimension 2, 1 neighbours looked at", run.Output, StringComparison.Ordinal);
        run = CommandRun.Of($"evaluate --embeddings {directory["Q.npy"]} --labels {directory["q.npy"]} --json");
        Assert.Contains("\"lone\":2,", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"mapAtR\":\"NaN\"", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("search", "'--gallery' is required")]
    [InlineData("search --gallery G.npy --k 0", "--k is '0': expected a whole number from 1 to 2147483647.")]
    [InlineData("search --gallery G.npy --measure angle", "--measure is 'angle': expected cosine|inner-product.")]
    [InlineData("search --gallery - --queries -", "- is named for two inputs")]
    [InlineData("search --gallery G.npy --labels-out L.npy", "--labels-out needs --gallery-labels.")]
    [InlineData("evaluate --embeddings X.npy --labels y.npy --references R.npy", "--references and --reference-labels belong together.")]
    [InlineData("evaluate --embeddings X.npy --labels y.npy --k 1,two", "--k is '1,two': expected whole numbers from 1 on, with commas between them.")]
    [InlineData("evaluate --embeddings X.npy --labels y.npy --k 0", "--k is '0': expected whole numbers from 1 on")]
    [InlineData("evaluate --embeddings X.npy --labels y.npy --neighbors 7", "--neighbors is 7: expected at least 8, the largest of --k.")]
    public void A_line_that_makes_no_sense_is_a_usage_error(string line, string reason)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(reason, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_do_not_fit_each_other_are_named_and_nothing_is_written()
    {
        CommandRun run = CommandRun.Of($"search --gallery {directory["G.npy"]} --queries {directory["wide.npy"]} --indices-out {directory["I.npy"]}");
        Assert.Equal((1, $"mcircle: {directory["wide.npy"]}: rows of dimension 3: expected 2, as in {directory["G.npy"]}\n"), (run.ExitCode, run.Error));
        run = CommandRun.Of($"search --gallery {directory["G.npy"]} --gallery-labels {directory["q.npy"]} --indices-out {directory["I.npy"]}");
        Assert.Equal((1, $"mcircle: {directory["q.npy"]}: 2 labels: expected 4, one per row of {directory["G.npy"]}\n"), (run.ExitCode, run.Error));
        Assert.False(File.Exists(directory["I.npy"]));
    }

    private double[] Read(string file)
    {
        using FileStream stream = File.OpenRead(directory[file]);
        return NpyReader.ReadNumbers(stream, file).Values;
    }
}
