using System.Text.Json;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Cli.Training;
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

        double Loss(CommandLine option) =>
            Run($"train {(CommandLine)(option.Words.Contains("--steps") ? "" : "--steps 5")} {option}").GetProperty("loss").GetDouble();
    }

    [Fact]
    public void Losses_are_compared_from_one_start()
    {
        JsonElement report = Run("train --steps 60 --loss circle,supcon,multi-similarity,info-nce"), alone = Run("train --steps 60 --loss SupCon");

        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        string[] expected =
        [
            "raw", "PCA", "projection before", "projection after circle", "projection after supcon", "projection after multi-similarity",
            "projection after info-nce",
        ];
        Assert.Equal(expected, results.Select(row => row.GetProperty("representation").GetString()));
        Assert.All(results[3..], row => Assert.InRange(row.GetProperty("mapAtR").GetDouble(), results[2].GetProperty("mapAtR").GetDouble() + 0.2, 1));
        Assert.Equal(alone.GetProperty("results")[3].GetProperty("mapAtR").GetDouble(), results[4].GetProperty("mapAtR").GetDouble());
        Assert.Equal(alone.GetProperty("loss").GetDouble(), report.GetProperty("losses")[1].GetProperty("loss").GetDouble());
        Assert.Equal((JsonValueKind.Number, JsonValueKind.Null), (report.GetProperty("gamma").ValueKind, alone.GetProperty("gamma").ValueKind));
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
        Assert.Equal(3, NpyReader.ReadColumn<float>(directory["W.bias.npy"]).Length);
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
    [InlineData("train --dimension 0", "--dimension is '0': expected a whole number from 1 to 2147483647.")]
    [InlineData("train --gamma 1e39", "Gamma is 1E+39: expected a number above 0 that a float holds, from 1.2E-38 up.")]
    [InlineData("train --gamma 0", "--gamma is '0': expected a finite number above 0.")]
    [InlineData("train --loss supcon,none", "--loss is 'supcon,none': expected circle, supcon, multi-similarity, info-nce, nca, decoupled-contrastive, "
        + "generalized-lifted, or some of these with commas between them.")]
    [InlineData("train --loss supcon --margin 0.3", "--gamma and --margin are of circle: expected it among the losses of --loss.")]
    [InlineData("train --loss circle,supcon --save W.npy", "--save writes one projection: expected one loss of --loss.")]
    [InlineData("train --loss supcon --report page.html", "--report shows a training with circle: expected no other loss of --loss.")]
    public void A_line_that_makes_no_sense_is_a_usage_error(string line, string reason)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal((2, "", $"mcircle: {reason} See: mcircle train --help{Environment.NewLine}"), (run.ExitCode, run.Output, run.Error));
    }

    [Fact]
    public void Rows_far_from_the_origin_are_learned_and_the_saved_bias_brings_them_back()
    {
        const int Count = 400, Classes = 10, Dimension = 16;
        WriteClasses(Count, Classes, Dimension, offset: 300);

        JsonElement report = Run($"train {Files} --save {directory["W.npy"]}");

        double[] mapAtR = [.. report.GetProperty("results").EnumerateArray().Select(row => row.GetProperty("mapAtR").GetDouble())];
        Assert.InRange(mapAtR[3], mapAtR[1], 1);
        Assert.Empty(report.GetProperty("hints").EnumerateArray());

        // What NumPy does with X @ W + bias, over all rows.
        (NpyMatrix<float> rows, NpyMatrix<float> weights) = (NpyReader.ReadMatrix<float>(directory["X.npy"]), NpyReader.ReadMatrix<float>(directory["W.npy"]));
        float[] bias = NpyReader.ReadColumn<float>(directory["W.bias.npy"]), projected = new float[Count * weights.Columns];
        for (int i = 0; i < projected.Length; i++)
        {
            (int row, int column) = Math.DivRem(i, weights.Columns);
            projected[i] = bias[column] + Enumerable.Range(0, Dimension)
                .Sum(d => rows.Values[row * Dimension + d] * weights.Values[d * weights.Columns + column]);
        }

        Assert.InRange(Retrieval.Measure(new LabeledRows(projected, NpyReader.ReadLabels(directory["y.npy"]), weights.Columns)).MapAtR, mapAtR[3] - 0.01, 1);
    }

    [Fact]
    public void A_class_in_the_midst_of_all_rows_is_learned_by_moving_the_origin()
    {
        // Three classes in a row: the mean is that of the middle one, and seen from there its rows lie in every direction.
        Random random = new(6);
        long[] labels = [.. Enumerable.Range(0, 150).Select(i => i % 3L)];
        Write([.. labels.SelectMany(label => Enumerable.Range(0, 3).Select(d => (d == 0 ? 2f * label : 5) + 0.6f * random.NextSingle() - 0.3f))], labels);

        double[] mapAtR = [.. Run($"train {Files}").GetProperty("results").EnumerateArray().Select(row => row.GetProperty("mapAtR").GetDouble())];

        Assert.InRange(mapAtR[1], 0, 0.9);
        Assert.InRange(mapAtR[3], 0.98, 1);
    }

    [Fact]
    public void Rows_of_the_ignored_label_take_no_part()
    {
        (float[] values, long[] labels) = WriteClasses(90, 3, 5, offset: 0);
        int[] labelled = [.. Enumerable.Range(0, 90).Where(row => row % 10 != 7)];
        JsonElement hinted = Run($"train {Files} --steps 5");
        Write([.. labelled.SelectMany(row => values[(row * 5)..(row * 5 + 5)])], [.. labelled.Select(row => labels[row])]);
        JsonElement without = Run($"train {Files} --steps 5");
        Write(values, [.. labels.Select((label, row) => labelled.Contains(row) ? label : -1)]);

        JsonElement ignoring = Run($"train {Files} --steps 5 --ignore-label -1"), taking = Run($"train {Files} --steps 5");

        Assert.Equal([9, 41, 40], new[] { "ignored", "training", "test" }.Select(name => ignoring.GetProperty(name).GetInt32()));
        Assert.Equal($"{without.GetProperty("loss")} {without.GetProperty("results")}", $"{ignoring.GetProperty("loss")} {ignoring.GetProperty("results")}");
        Assert.NotEqual(without.GetProperty("loss").GetDouble(), taking.GetProperty("loss").GetDouble());
        Assert.Contains(Hints(taking), hint => hint.Contains("--ignore-label -1", StringComparison.Ordinal));
        Assert.DoesNotContain(Hints(hinted).Concat(Hints(ignoring)), hint => hint.Contains("--ignore-label", StringComparison.Ordinal));
    }

    [Fact]
    public void The_default_dimension_is_that_of_narrow_rows()
    {
        WriteClasses(40, 2, 4, offset: 0);

        JsonElement results = Run($"train {Files} --steps 1").GetProperty("results");

        Assert.Equal([4, 4, 4, 4], results.EnumerateArray().Select(row => row.GetProperty("dimension").GetInt32()));
    }

    [Fact]
    public void A_loss_that_does_not_fall_is_told_with_its_reason()
    {
        // The one row far away takes the mean with it: to the moved origin all others lie in one direction.
        (float[] values, long[] labels) = WriteClasses(200, 4, 6, offset: 0);
        Write([.. values.Select((value, i) => i < 6 ? 1e8f : value)], labels);
        Assert.Contains(Hints(Run($"train {Files} --steps 40")), hint => hint.Contains("rows that all point one way", StringComparison.Ordinal));

        Write([.. values.Select(_ => 2f)], labels);
        Assert.Contains(Hints(Run($"train {Files} --steps 40")), hint => hint.Contains("are all the same", StringComparison.Ordinal));

        (values, labels) = WriteClasses(2000, 4, 3, offset: 0);
        new Random(5).Shuffle(labels);
        Write(values, labels);
        Assert.Contains(Hints(Run($"train {Files} --steps 40")), hint => hint.Contains("do not tell these rows apart", StringComparison.Ordinal));
    }

    [Fact]
    public void A_projection_that_fits_the_training_rows_alone_is_told()
    {
        Random random = new(3);
        Write([.. Enumerable.Range(0, 48 * 200).Select(_ => random.NextSingle() - 0.5f)], [.. Enumerable.Range(0, 48).Select(i => i % 4L)]);

        Assert.Contains(Hints(Run($"train {Files}")), hint => hint.Contains("it fits those alone", StringComparison.Ordinal));
    }

    [Fact]
    public void Rows_without_pairs_are_bad_input_and_save_nothing()
    {
        ExpectBadInput("y.npy: no class has two or more of the 0 rows to train on, as 0 others are set aside for measuring", [], []);
        ExpectBadInput("y.npy: no class has two or more of the 2 rows to train on, as 2 others are set aside for measuring", [1, 2, 3, 4], [1, 2, 3, 4]);
        ExpectBadInput("y.npy: only one class has two or more of the 3 rows to train on, as 2 others are set aside for measuring", new float[5], new long[5]);
        ExpectBadInput("y.npy: only one class has two or more of the 4 rows to train on, as 4 others are set aside for measuring", new float[8],
            [0, 0, 1, 1, 2, 2, 3, 3]);
    }

    [Fact]
    public void Rows_at_the_end_of_the_range_of_float_are_trained_on()
    {
        Random random = new(1);
        float[] values = [.. Enumerable.Range(0, 40 * 8).Select(_ => random.Next(2) == 0 ? float.MaxValue : -float.MaxValue)];
        Write(values, [.. Enumerable.Range(0, 40).Select(i => i % 2L)]);

        Assert.True(double.IsFinite(Run($"train {Files} --steps 5").GetProperty("loss").GetDouble()));
    }

    private CommandLine Files => $"--embeddings {directory["X.npy"]} --labels {directory["y.npy"]}";

    private static IEnumerable<string> Hints(JsonElement report) => report.GetProperty("hints").EnumerateArray().Select(hint => hint.GetString()!);

    /// <summary>Writes class centres with some noise, moved by an offset in every column.</summary>
    private (float[] Values, long[] Labels) WriteClasses(int count, int classes, int dimension, float offset)
    {
        Random random = new(4);
        float[] centres = [.. Enumerable.Range(0, classes * dimension).Select(_ => 4 * random.NextSingle() - 2)];
        long[] labels = [.. Enumerable.Range(0, count).Select(i => (long)(i % classes))];
        float[] values = [.. labels.SelectMany(label => centres.Skip((int)label * dimension).Take(dimension))
            .Select(centre => centre + 0.6f * random.NextSingle() - 0.3f + offset)];
        Write(values, labels);
        return (values, labels);
    }

    private void Write(float[] values, long[] labels)
    {
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({labels.Length}, {Math.Max(1, values.Length / Math.Max(1, labels.Length))})", values));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(labels));
    }

    private void ExpectBadInput(string reason, float[] rows, long[] labels)
    {
        Write(rows, labels);

        CommandRun run = CommandRun.Of($"train {Files} --save {directory["W.npy"]}");

        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.StartsWith("mcircle: ", run.Error, StringComparison.Ordinal);
        Assert.Contains($"{reason}: expected at least two such classes, so four rows or more of each{Environment.NewLine}", run.Error,
            StringComparison.Ordinal);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    private static JsonElement Run(CommandLine line)
    {
        CommandRun run = CommandRun.Of($"{line} --json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
