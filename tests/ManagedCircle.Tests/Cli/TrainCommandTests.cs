using System.Text.Json;
using ManagedCircle.Cli.Npy;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class TrainCommandTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_projection_of_the_digits_retrieves_better_than_pixels_and_principal_components()
    {
        JsonElement[] results = [.. Run("train").GetProperty("results").EnumerateArray()];

        Assert.Equal(["raw", "PCA", "projection before", "projection after"], results.Select(row => row.GetProperty("representation").GetString()));
        Assert.Equal([64, 8, 8, 8], results.Select(row => row.GetProperty("dimension").GetInt32()));
        double[] mapAtR = [.. results.Select(row => row.GetProperty("mapAtR").GetDouble())];
        Assert.InRange(mapAtR[0], 0.54, 0.58);
        Assert.InRange(mapAtR[1], 0.54, 0.58);
        Assert.InRange(mapAtR[2], 0.1, 0.5);
        Assert.InRange(mapAtR[3], 0.74, 1);
    }

    [Fact]
    public void One_seed_gives_one_result_to_the_last_digit_and_another_seed_another()
    {
        (string numbers, byte[] weights) = Train(3);
        (string sameNumbers, byte[] sameWeights) = Train(3);
        (string otherNumbers, _) = Train(4);

        Assert.Equal(numbers, sameNumbers);
        Assert.Equal(weights, sameWeights);
        Assert.NotEqual(numbers, otherNumbers);

        (string Numbers, byte[] Weights) Train(int seed)
        {
            JsonElement report = Run($"train --steps 20 --seed {seed} --save {directory["W.npy"]}");
            return ($"{report.GetProperty("loss")} {report.GetProperty("results")}", File.ReadAllBytes(directory["W.npy"]));
        }
    }

    [Fact]
    public void Every_option_reaches_the_training()
    {
        double loss = Loss("");

        Assert.All(["--gamma 40", "--margin 0.3", "--dimension 4", "--seed 1", "--steps 6"], option => Assert.NotEqual(loss, Loss(option)));

        double Loss(CommandLine option) => Run($"train {(CommandLine)(option.Words.Contains("--steps") ? "" : "--steps 5")} {option}").GetProperty("loss").GetDouble();
    }

    [Fact]
    public void Rows_of_ones_own_are_split_in_half_and_the_saved_projection_is_theirs()
    {
        const int Count = 81, Dimension = 6;
        Random random = new(2);
        long[] labels = [.. Enumerable.Range(0, Count).Select(i => (long)(i % 4))];
        float[] rows = [.. labels.SelectMany(label => Enumerable.Range(0, Dimension).Select(d => (d == label ? 2 : 0) + random.NextSingle()))];
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({Count}, {Dimension})", rows));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(labels));

        JsonElement report = Run($"train --embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --dimension 3 --steps 30 --save {directory["W.npy"]}");

        Assert.Equal((41, 40), (report.GetProperty("training").GetInt32(), report.GetProperty("test").GetInt32()));
        NpyMatrix<float> projection = NpyReader.ReadMatrix<float>(directory["W.npy"]);
        Assert.Equal((Dimension, 3), (projection.Rows, projection.Columns));
        Assert.Equal(1, report.GetProperty("results")[3].GetProperty("recallAt1").GetDouble());
    }

    [Fact]
    public void Without_JSON_the_report_is_a_table_and_the_time_inside_the_loss()
    {
        CommandRun run = CommandRun.Of("train --steps 1");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("Recall@1", run.Output, StringComparison.Ordinal);
        Assert.Contains("MAP@R", run.Output, StringComparison.Ordinal);
        Assert.Contains("projection after", run.Output, StringComparison.Ordinal);
        Assert.Contains("s inside the loss.", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train --labels y.npy", "--embeddings and --labels belong together.")]
    [InlineData("train --embeddings X.npy", "--embeddings and --labels belong together.")]
    [InlineData("train --dimension 65", "--dimension is 65: expected at most 64, the dimension of the rows.")]
    [InlineData("train --dimension 0", "--dimension is '0': expected a whole number of at least 1.")]
    [InlineData("train --gamma 1e39", "Gamma is 1E+39: expected a number above 0 that a float holds, from 1.2E-38 up.")]
    [InlineData("train --gamma 0", "--gamma is '0': expected a finite number above 0.")]
    public void A_line_that_makes_no_sense_is_a_usage_error(string line, string reason)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal((2, "", $"mcircle: {reason} See: mcircle train --help{Environment.NewLine}"), (run.ExitCode, run.Output, run.Error));
    }

    [Fact]
    public void Rows_without_pairs_are_bad_input_and_save_nothing()
    {
        ExpectBadInput("0 classes with two or more training rows: expected at least 2", [], []);
        ExpectBadInput("0 classes with two or more training rows: expected at least 2", [1, 2, 3, 4], [1, 2, 3, 4]);
    }

    [Fact]
    public void Rows_whose_projection_overflows_are_bad_input_and_save_nothing()
    {
        ExpectBadInput("holds NaN or infinity: expected finite numbers.", [.. Enumerable.Repeat(float.MaxValue, 40 * 64)], [.. Enumerable.Range(0, 40).Select(i => i % 2L)]);
    }

    private void ExpectBadInput(string reason, float[] rows, long[] labels)
    {
        int dimension = rows.Length / Math.Max(1, labels.Length);
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({labels.Length}, {Math.Max(1, dimension)})", rows));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(labels));

        CommandRun run = CommandRun.Of($"train --embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --dimension {Math.Max(1, dimension)} --save {directory["W.npy"]}");

        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.StartsWith("mcircle: ", run.Error, StringComparison.Ordinal);
        Assert.EndsWith($"{reason}{Environment.NewLine}", run.Error, StringComparison.Ordinal);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    private static JsonElement Run(CommandLine line)
    {
        CommandRun run = CommandRun.Of($"{line} --json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
