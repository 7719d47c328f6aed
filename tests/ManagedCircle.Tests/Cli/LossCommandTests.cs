using System.CommandLine;
using System.Text.Json;
using ManagedCircle.Cli;
using ManagedCircle.Cli.Commands;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What <c>mcircle loss</c> takes, and what it says to what it cannot take. What it computes is in the tests of its engines.</summary>
public sealed class LossCommandTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public LossCommandTests()
    {
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats("(3, 2)", 1, 0, 0, 1, 1, 1));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(1, 1, 2));
    }

    private CommandLine Batch => $"loss --embeddings {directory["X.npy"]} --labels {directory["y.npy"]}";

    public void Dispose() => directory.Dispose();

    public static TheoryData<string> OptionLines => [.. Options.Keys];

    private static readonly Dictionary<string, CircleLossOptions> Options = new()
    {
        [""] = CircleLossOptions.Paper,
        ["--preset paper"] = CircleLossOptions.Paper,
        ["--preset keras"] = CircleLossOptions.Keras,
        ["--preset tensorflow-similarity"] = CircleLossOptions.TensorFlowSimilarity,
        ["--preset pytorch-metric-learning"] = CircleLossOptions.PyTorchMetricLearning,
        ["--preset fast-reid"] = CircleLossOptions.FastReId,
        ["--preset paper-global"] = CircleLossOptions.PaperGlobal,
        ["--preset class-level"] = CircleLossOptions.ClassLevel,
        ["--preset Keras"] = CircleLossOptions.Keras,
        ["--preset PYTORCH-METRIC-LEARNING --normalize False --clamp Both"] =
            CircleLossOptions.PyTorchMetricLearning with { Normalize = false, Clamp = SimilarityClamp.MinusOneToOne },
        ["--gamma 256"] = new() { Gamma = 256 },
        ["--gamma 1e3"] = new() { Gamma = 1000 },
        ["--margin 0.25"] = new() { Margin = 0.25 },
        ["--margin -0.25"] = new() { Margin = -0.25 },
        ["--alpha circle"] = new() { Weighting = PairWeighting.Circle },
        ["--alpha constant"] = new() { Weighting = PairWeighting.Constant },
        ["--preset keras --alpha-gradient detached"] = CircleLossOptions.Keras with { WeightGradient = WeightGradient.Detached },
        ["--alpha-gradient attached"] = new() { WeightGradient = WeightGradient.Attached },
        ["--preset keras --normalize true"] = CircleLossOptions.Keras with { Normalize = true },
        ["--normalize false"] = new() { Normalize = false },
        ["--preset keras --clamp none"] = CircleLossOptions.Keras with { Clamp = SimilarityClamp.None },
        ["--clamp max1"] = new() { Clamp = SimilarityClamp.AtMostOne },
        ["--clamp both"] = new() { Clamp = SimilarityClamp.MinusOneToOne },
        ["--preset paper-global --scope query"] = CircleLossOptions.PaperGlobal with { Scope = LossScope.PerQuery },
        ["--scope batch"] = new() { Scope = LossScope.Batch },
        ["--preset tensorflow-similarity --combine joint"] = CircleLossOptions.TensorFlowSimilarity with { Combination = LossCombination.Joint },
        ["--combine separate"] = new() { Combination = LossCombination.Separate },
        ["--diagonal keep"] = new() { SelfDiagonal = DiagonalPairs.Kept, ReferenceDiagonal = DiagonalPairs.Kept },
        ["--diagonal remove"] = new() { SelfDiagonal = DiagonalPairs.Removed, ReferenceDiagonal = DiagonalPairs.Removed },
        ["--reduction none"] = new() { Reduction = LossReduction.None },
        ["--reduction sum"] = new() { Reduction = LossReduction.Sum },
        ["--reduction mean"] = new() { Reduction = LossReduction.Mean },
        ["--denominator all"] = new() { Denominator = MeanDenominator.All },
        ["--preset keras --denominator valid"] = CircleLossOptions.Keras with { Denominator = MeanDenominator.Valid },
        ["--denominator nonzero"] = new() { Denominator = MeanDenominator.Nonzero },
        ["--denominator weights"] = new() { Denominator = MeanDenominator.Weights },
        ["--denominator weights-nonzero"] = new() { Denominator = MeanDenominator.NonzeroWeights },
        ["--output-scale 1"] = new() { OutputScale = OutputScale.One },
        ["--output-scale inverse-gamma"] = new() { OutputScale = OutputScale.InverseGamma },
        ["--ignore-label -1"] = new() { IgnoreLabel = -1 },
        ["--ignore-label 9223372036854775807"] = new() { IgnoreLabel = long.MaxValue },
        ["--gamma 32 --preset fast-reid"] = CircleLossOptions.FastReId with { Gamma = 32 },
    };

    [Theory]
    [MemberData(nameof(OptionLines))]
    public void Every_choice_is_an_option_over_a_preset(string line)
    {
        Assert.Equal(Options[line], LossCommand.ReadOptions(Parse(line)));
    }

    public static TheoryData<string> ExecutionLines => [.. Executions.Keys];

    private static readonly Dictionary<string, ExecutionOptions> Executions = new()
    {
        [""] = new(),
        ["--threads 7"] = new() { Threads = 7 },
        ["--max-workspace-mb 0"] = new() { MaxKeptSimilarityBytes = 0 },
        ["--max-workspace-mb 3000"] = new() { MaxKeptSimilarityBytes = 3000L * 1024 * 1024 },
        ["--isa auto"] = new() { SimdWidth = SimdWidth.Auto },
        ["--isa vector512"] = new() { SimdWidth = SimdWidth.Vector512 },
        ["--isa vector256"] = new() { SimdWidth = SimdWidth.Vector256 },
        ["--isa vector128"] = new() { SimdWidth = SimdWidth.Vector128 },
        ["--isa vectort"] = new() { SimdWidth = SimdWidth.VectorT },
        ["--isa Vector256"] = new() { SimdWidth = SimdWidth.Vector256 },
        ["--isa scalar"] = new() { SimdWidth = SimdWidth.Scalar },
    };

    [Theory]
    [MemberData(nameof(ExecutionLines))]
    public void The_run_is_chosen_by_options(string line)
    {
        Assert.Equal(Executions[line], LossCommand.ReadExecution(Parse(line)));
    }

    [Theory]
    [InlineData("", "Nothing is no command: expected loss|train|")]
    [InlineData("los", "'los' is no command: expected loss|train|")]
    [InlineData("loss", "'--embeddings' is required. See: mcircle loss --help")]
    [InlineData("loss --embeddings X.npy", "'--labels' is required")]
    [InlineData("loss --embeddings X.npy --labels y.npy --unknown 1", "'--unknown'")]
    [InlineData("loss --embeddings X.npy --labels y.npy rest", "'rest'")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma", "--gamma")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma 1 --gamma 2", "--gamma")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma 0", "--gamma is '0': expected a finite number above 0.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma -80", "--gamma is '-80': expected a finite number above 0.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma 1e999", "--gamma is '1e999': expected a finite number above 0.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --margin NaN", "--margin is 'NaN': expected a finite number.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --margin wide", "--margin is 'wide': expected a finite number.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --clamp one", "--clamp is 'one': expected none|max1|both.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --preset kera", "--preset is 'kera': expected paper|keras|")]
    [InlineData("loss --embeddings - --labels y.npy --references X.npy --reference-labels -",
        "- is named for two inputs, but can be read once: expected a file for one of them.")]
    [InlineData("loss --embeddings - --labels -", "- is named for two inputs")]
    [InlineData("train --embeddings - --labels -", "- is named for two inputs")]
    [InlineData("loss --embeddings X.npy --labels y.npy --seed 0", "'--seed'")]
    [InlineData("train --seed 2147483648", "--seed is '2147483648': expected a whole number from 0 to 2147483647.")]
    [InlineData("train --steps -1", "--steps is '-1': expected a whole number from 0 to 10000000.")]
    [InlineData("golden --out x --threads 5000", "--threads is '5000': expected a whole number from 1 to 4096.")]
    [InlineData("bench --threads 0", "--threads is '0': expected a whole number from 1 to 4096.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --normalize perhaps", "--normalize is 'perhaps': expected true|false.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gradient-out --json",
        "--gradient-out is '--json': expected the name of a file, such as ./--json for one that begins so.")]
    [InlineData("loss --embeddings --labels y.npy", "--embeddings is '--labels': expected the name of a file, such as ./--labels")]
    [InlineData("golden --out --seed 1", "--out is '--seed': expected the name of a directory, such as ./--seed")]
    [InlineData("plot out.PNG", "out.PNG is no SVG by its name: expected one that ends in .svg")]
    [InlineData("loss --embeddings X.npy --labels y.npy --precision float16", "--precision is 'float16': expected float32|float64.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --threads 0", "--threads is '0': expected a whole number from 1 to 4096.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --repeat -1", "--repeat is '-1': expected a whole number from 0 to 1000000.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --repeat 2147483647", "--repeat is '2147483647': expected a whole number from 0 to 1000000.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --threads 4097 --precision float64", "--threads is '4097': expected a whole number from 1 to 4096.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma 1e39", "Gamma is 1E+39: expected a number above 0 that a float holds")]
    [InlineData("loss --embeddings X.npy --labels y.npy --gamma 1e39 --precision float64", "Gamma is 1E+39: expected a number above 0 that a float holds")]
    [InlineData("loss --embeddings X.npy --labels y.npy --max-workspace-mb 1.5", "--max-workspace-mb is '1.5': expected a whole number from 0 to 2147483647.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --ignore-label 9223372036854775808",
        "--ignore-label is '9223372036854775808': expected a whole number from -9223372036854775808 to 9223372036854775807.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --references R.npy", "--references and --reference-labels belong together.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --reference-labels r.npy", "--references and --reference-labels belong together.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --reference-gradient-out dR.npy", "--reference-gradient-out needs --references.")]
    [InlineData("loss --embeddings X.npy --labels y.npy --weights w.npy --scope batch", "--weights needs --scope query")]
    public void A_line_that_makes_no_sense_is_a_usage_error(string line, string reason)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal(2, run.ExitCode);
        Assert.Equal("", run.Output);
        Assert.StartsWith("mcircle: ", run.Error, StringComparison.Ordinal);
        Assert.Contains(reason, run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("loss --labels y.npy", "--embeddings", "a file")]
    [InlineData("loss --embeddings X.npy", "--labels", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--references", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--reference-labels", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--weights", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--losses-out", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--gradient-out", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--reference-gradient-out", "a file")]
    [InlineData("loss --embeddings X.npy --labels y.npy", "--similarities-out", "a file")]
    [InlineData("train", "--embeddings", "a file")]
    [InlineData("train", "--labels", "a file")]
    [InlineData("train", "--save", "a file")]
    [InlineData("golden", "--out", "a directory")]
    [InlineData("verify --results y", "--golden", "a directory")]
    [InlineData("verify --golden x", "--results", "a directory")]
    [InlineData("verify --golden x --results y", "--html", "a file")]
    public void An_empty_name_is_a_usage_error(string line, string option, string expected)
    {
        CommandRun run = CommandRun.Of($"{(CommandLine)line} {option} {""}");

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"mcircle: {option} is '': expected the name of {expected}. See: mcircle ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reason_that_nobody_can_be_told_is_an_exit_code()
    {
        using Unwritable error = new();

        Assert.Equal(1, Program.Run(["loss", "--embeddings", directory["missing.npy"], "--labels", directory["y.npy"]], TextWriter.Null, error));
        Assert.Equal(2, Program.Run(["loss"], TextWriter.Null, error));
    }

    [Fact]
    public void A_loss_of_0_says_why_where_no_query_has_both_a_positive_and_a_negative()
    {
        File.WriteAllBytes(directory["unique.npy"], NpyBytes.Labels(1, 2, 3));
        File.WriteAllBytes(directory["one.npy"], NpyBytes.Labels(1, 1, 1));

        foreach (string labels in (string[])["unique.npy", "one.npy"])
        {
            CommandRun run = CommandRun.Of($"loss --embeddings {directory["X.npy"]} --labels {directory[labels]}");

            Assert.Contains(
                "3, of which 0 valid (none has both a positive and a negative: its class again, and another) and 0 with a loss above 0",
                run.Output,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_directory_is_said_to_be_one()
    {
        CommandRun input = CommandRun.Of($"loss --embeddings {directory[""]} --labels {directory["y.npy"]}");
        CommandRun output = CommandRun.Of($"{Batch} --losses-out {directory[""]}");

        Assert.Equal((1, $"mcircle: {directory[""]}: a directory: expected a .npy file{Environment.NewLine}"), (input.ExitCode, input.Error));
        Assert.Equal((1, $"mcircle: {directory[""]}: a directory: expected the name of a file to write{Environment.NewLine}"), (output.ExitCode, output.Error));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("loss --help")]
    [InlineData("train --help")]
    public void Help_is_no_error(string line)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("Usage:", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("float64")]
    public void Bad_input_is_one_line_that_names_the_file(string precision)
    {
        File.WriteAllBytes(directory["wide.npy"], NpyBytes.Floats("(1, 3)", 1, 2, 3));
        File.WriteAllBytes(directory["one.npy"], NpyBytes.Labels(1));
        File.WriteAllBytes(directory["nan.npy"], NpyBytes.Floats("(3, 2)", 1, 2, 3, 4, 5, float.NaN));
        File.WriteAllBytes(directory["w.npy"], NpyBytes.Floats("(2,)", 1, 2));

        Expect("missing.npy", "no such file", $"--embeddings {directory["missing.npy"]} --labels {directory["y.npy"]}");
        Expect("nan.npy", $"row 2, column 1 holds NaN: expected a finite {precision}", $"--embeddings {directory["nan.npy"]} --labels {directory["y.npy"]}");
        Expect("one.npy", $"1 labels: expected 3, one per row of {directory["X.npy"]}", $"--embeddings {directory["X.npy"]} --labels {directory["one.npy"]}");
        Expect("w.npy", $"2 weights: expected 3, one per row of {directory["X.npy"]}",
            $"--embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --weights {directory["w.npy"]}");
        Expect(
            "wide.npy",
            $"rows of dimension 3: expected 2, as in {directory["X.npy"]}",
            $"--embeddings {directory["X.npy"]} --labels {directory["y.npy"]} --references {directory["wide.npy"]} --reference-labels {directory["one.npy"]}");

        void Expect(string file, string reason, CommandLine line)
        {
            Assert.Equal(
                new CommandRun(1, "", $"mcircle: {directory[file]}: {reason}{Environment.NewLine}"),
                CommandRun.Of($"loss {line} --precision {precision}"));
        }
    }

    [Fact]
    public void A_name_that_cannot_be_written_leaves_no_file_at_all()
    {
        CommandRun run = CommandRun.Of($"{Batch} --gradient-out {directory["dX.npy"]} --losses-out {directory[Path.Combine("missing", "L.npy")]}");

        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.StartsWith($"mcircle: {directory[Path.Combine("missing", "L.npy")]}: cannot be written: ", run.Error, StringComparison.Ordinal);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    [Fact]
    public void One_name_for_two_outputs_is_a_usage_error()
    {
        CommandRun run = CommandRun.Of($"{Batch} --gradient-out {directory["Z.npy"]} --losses-out {directory["Z.npy"]}");

        Assert.Equal(2, run.ExitCode);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    [Theory]
    [InlineData("--gradient-out", "X.npy")]
    [InlineData("--losses-out", "y.npy")]
    [InlineData("--similarities-out", "w.npy")]
    [InlineData("--reference-gradient-out", "R.npy")]
    [InlineData("--gradient-out", "r.npy")]
    public void No_output_replaces_an_input(string option, string name)
    {
        File.WriteAllBytes(directory["w.npy"], NpyBytes.Floats("(3,)", 1, 2, 3));
        File.Copy(directory["X.npy"], directory["R.npy"]);
        File.Copy(directory["y.npy"], directory["r.npy"]);
        byte[] before = File.ReadAllBytes(directory[name]);

        CommandRun run = CommandRun.Of(
            $"{Batch} --references {directory["R.npy"]} --reference-labels {directory["r.npy"]} --weights {directory["w.npy"]} {option} {directory[name]}");

        Assert.Equal((2, $"mcircle: {directory[name]} is an input: expected another file to write. See: mcircle loss --help{Environment.NewLine}"),
            (run.ExitCode, run.Error));
        Assert.Equal(before, File.ReadAllBytes(directory[name]));
        Assert.Equal(["R.npy", "X.npy", "r.npy", "w.npy", "y.npy"], directory.Names);
    }

    [Fact]
    public void Similarities_that_no_disk_holds_are_refused_before_anything_is_computed()
    {
        // 10^12 similarities, which would take minutes to compute.
        const int Count = 1_000_000;
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({Count}, 1)", new float[Count]));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Build("'<i8'", $"({Count},)", new byte[sizeof(long) * Count]));

        CommandRun run = CommandRun.Of($"{Batch} --similarities-out {directory["S.npy"]}");

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"mcircle: {directory["S.npy"]}: cannot be written: no room: 4000 GB (4000000000128 bytes) to write, and ", run.Error,
            StringComparison.Ordinal);
        Assert.Equal(["X.npy", "y.npy"], directory.Names);
    }

    [Fact]
    public void A_file_name_may_begin_with_an_at_sign()
    {
        CommandRun run = CommandRun.Of("loss --embeddings @X.npy --labels y.npy");

        Assert.Equal((1, $"mcircle: @X.npy: no such file{Environment.NewLine}"), (run.ExitCode, run.Error));
    }

    [Fact]
    public void A_number_that_JSON_cannot_hold_is_a_string()
    {
        using StringWriter output = new();

        Terminal.WriteJson(output, new { Loss = double.NaN, Most = double.PositiveInfinity, Least = double.NegativeInfinity, Count = 1.5 });

        Assert.Equal("""{"loss":"NaN","most":"Infinity","least":"-Infinity","count":1.5}""" + Environment.NewLine, output.ToString());
        Assert.Equal(JsonValueKind.String, JsonDocument.Parse(output.ToString()).RootElement.GetProperty("loss").ValueKind);
    }

    /// <summary>What a full disk is to a redirected stream.</summary>
    private sealed class Unwritable : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("No space left on device");
    }

    private static ParseResult Parse(string line)
    {
        ParseResult command = LossCommand.Create().Parse($"--embeddings X.npy --labels y.npy {line}");
        Assert.Empty(command.Errors);
        return command;
    }
}
