using System.Globalization;
using System.Text.Json;
using ManagedCircle.Cli.Golden;
using ManagedCircle.Cli.Loss;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What <c>mcircle golden</c> writes, and where.</summary>
public sealed class GoldenCommandTests(GoldenSetFixture golden) : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_bytes_of_this_version_are_these_on_any_machine()
    {
        // The manifest has the hash of every array. Where cases change on purpose, GoldenManifest.CurrentVersion changes with them.
        Assert.Equal((3, ManifestHash), (GoldenManifest.CurrentVersion, GoldenManifest.Hash(File.ReadAllBytes(Path.Combine(golden.Path, "manifest.json")))));
    }

    private const string ManifestHash = "b378c70ee2c8c5810f1b4a590aad6bbf1d47339b983d5feefc409650d8323a37";

    [Fact]
    public void A_process_without_vectors_and_on_one_processor_writes_the_same_bytes()
    {
        CommandRun run = DotnetProcess.Run(
            Path.Combine(AppContext.BaseDirectory, "mcircle.dll"),
            ["golden", "--out", directory["again"]],
            ("DOTNET_EnableHWIntrinsic", "0"), ("DOTNET_PROCESSOR_COUNT", "1"), ("LANG", "de_DE.UTF-8"));

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(FilesOf(golden.Path), FilesOf(directory["again"]));
    }

    [Theory]
    [InlineData("--threads 2 --isa auto")]
    [InlineData("--threads 1 --isa scalar")]
    public void Threads_and_vectors_change_no_byte(string options)
    {
        CommandRun run = CommandRun.Of($"golden --out {directory["again"]} {(CommandLine)options}");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(FilesOf(golden.Path), FilesOf(directory["again"]));
    }

    [Fact]
    public void Another_seed_draws_other_inputs_for_the_same_cases()
    {
        GoldenProblem[] first = [.. new GoldenCases(0).All()], second = [.. new GoldenCases(1).All()];

        Assert.Equal(first.Select(problem => problem.Name), second.Select(problem => problem.Name));
        Assert.NotEqual(first[0].Rows, second[0].Rows);
    }

    [Fact]
    public void The_set_is_small() =>
        Assert.InRange(new DirectoryInfo(golden.Path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length), 1 << 20, 40 << 20);

    [Fact]
    public void Every_preset_choice_scale_and_margin_is_covered()
    {
        GoldenProblem[] problems = [.. new GoldenCases(0).All()];

        Assert.All(OptionWords.Presets, preset => Assert.Contains(problems, problem => problem.Options == preset.Value && problem.Entry == CaseEntry.Self));
        Assert.All(OptionWords.Presets,
            preset => Assert.Contains(problems, problem => problem.Options == preset.Value && problem.Entry == CaseEntry.References));
        Assert.All(
            from gamma in new double[] { 1, 32, 80, 256, 1024 }
            from margin in new[] { -0.2, 0, 0.25, 0.4, 0.5 }
            from gradient in Enum.GetValues<WeightGradient>()
            select (gamma, margin, gradient),
            choice => Assert.Contains(problems, problem => (problem.Options.Gamma, problem.Options.Margin, problem.Options.WeightGradient) == choice));
        AssertEvery<PairWeighting>(problem => problem.Options.Weighting);
        AssertEvery<SimilarityClamp>(problem => problem.Options.Clamp);
        AssertEvery<LossScope>(problem => problem.Options.Scope);
        AssertEvery<LossCombination>(problem => problem.Options.Combination);
        AssertEvery<DiagonalPairs>(problem => problem.Options.SelfDiagonal);
        AssertEvery<DiagonalPairs>(problem => problem.Options.ReferenceDiagonal);
        AssertEvery<LossReduction>(problem => problem.Options.Reduction);
        AssertEvery<MeanDenominator>(problem => problem.Options.Denominator);
        AssertEvery<OutputScale>(problem => problem.Options.OutputScale);
        AssertEvery<CaseEntry>(problem => problem.Entry);
        Assert.Contains(problems, problem => !problem.Options.Normalize);
        Assert.Contains(problems, problem => problem.Options.IgnoreLabel is not null);
        Assert.Contains(problems, problem => problem.Options.PositiveOptimum != 1 + problem.Options.Margin);
        Assert.Contains(problems, problem => problem.Terms.Weights.Length > 1);
        Assert.Contains(problems, problem => problem.Terms.Upstream.Length == 1);
        Assert.Contains(problems, problem => problem.Terms.Upstream.Length > 1);
        Assert.Contains(problems, problem => problem.Terms.ExcludedReferences.Length > 1);
        Assert.Contains(problems, problem => problem.Labels.Length == 1);
        Assert.Contains(problems, problem => problem.Labels.Length == 1024);
        Assert.Contains(problems, problem => problem.ReferenceCount == 1024 && problem.Entry == CaseEntry.References);

        void AssertEvery<T>(Func<GoldenProblem, T> choice)
            where T : struct, Enum => Assert.Equal(Enum.GetValues<T>(), problems.Select(choice).Distinct().Order());
    }

    [Fact]
    public void A_mean_over_losses_above_0_counts_the_same_losses_in_every_precision()
    {
        // What a float16 may still lose is far above what no precision holds: no loss lies between.
        Assert.All(golden.Small.Where(vectors => vectors.Problem.Options.Denominator is MeanDenominator.Nonzero or MeanDenominator.NonzeroWeights), vectors =>
            Assert.All(vectors.Answers[Quantity.Losses], loss => Assert.True(loss is 0 or > 1e-4, $"{vectors.Problem.Name}: {loss}")));
    }

    [Fact]
    public void What_is_read_back_is_what_was_drawn()
    {
        GoldenProblem[] drawn = [.. new GoldenCases(0).All()];
        GoldenVectors[] read = [.. golden.All];

        Assert.Equal(drawn.Length, read.Length);
        foreach ((GoldenProblem expected, GoldenVectors vectors) in drawn.Zip(read))
        {
            GoldenProblem actual = vectors.Problem;
            Assert.Equal((expected.Name, expected.Entry, expected.Columns), (actual.Name, actual.Entry, actual.Columns));
            Assert.Equal(ManifestOptions.Of(expected.Options, expected.Entry), ManifestOptions.Of(actual.Options, actual.Entry));
            Assert.Equal(expected.Rows, actual.Rows);
            Assert.Equal(expected.Labels, actual.Labels);
            Assert.Equal(expected.References, actual.References);
            Assert.Equal(expected.ReferenceLabels, actual.ReferenceLabels);
            Assert.Equal(expected.Terms.Weights, actual.Terms.Weights);
            Assert.Equal(expected.Terms.Upstream, actual.Terms.Upstream);
            Assert.Equal(expected.Terms.ExcludedReferences, actual.Terms.ExcludedReferences);
        }
    }

    [Fact]
    public void The_manifest_names_options_as_the_command_line_does()
    {
        JsonElement options =
            JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Path, "manifest.json"))).RootElement.GetProperty("cases")[0].GetProperty("options");

        Assert.Equal(
            "gamma margin positive-optimum negative-optimum positive-margin negative-margin alpha alpha-gradient "
            + "normalize clamp scope combine diagonal reduction denominator output-scale ignore-label",
            string.Join(' ', options.EnumerateObject().Select(option => option.Name)));
    }

    [Fact]
    public void A_golden_set_is_replaced_and_an_empty_directory_filled()
    {
        Directory.CreateDirectory(directory["set"]);
        GoldenProblem[] one = [new GoldenCases(0).All().First()], other = [new GoldenCases(5).All().First()];

        GoldenSet.Write(directory["set"], 0, one, static () => { });
        GoldenSet.Write(directory["set"], 5, other, static () => { });

        Assert.Equal(5, GoldenSet.Open(directory["set"]).Manifest.Seed);
        Assert.Equal(["set"], directory.Names);
    }

    [Fact]
    public void A_directory_stays_the_same_one_when_it_is_filled()
    {
        // As it may be a mount, the target of a link, or where the user stands.
        Directory.CreateDirectory(directory["real"]);
        File.CreateSymbolicLink(directory["link"], "real");
        GoldenProblem[] one = [new GoldenCases(0).All().First()];
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(directory["real"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        GoldenSet.Write(directory["link"], 0, one, static () => { });
        GoldenSet.Write(directory["link"], 5, one, static () => { });

        Assert.Equal(["link", "real"], directory.Names);
        Assert.Equal("real", new FileInfo(directory["link"]).LinkTarget);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory["real"]));
        }

        Assert.Equal(5, GoldenSet.Open(directory["real"]).Manifest.Seed);
        Assert.Equal(4, Directory.GetFileSystemEntries(directory["real"]).Length); // manifest, its hash, attributes for git, one case
    }

    [Fact]
    public void A_set_that_cannot_be_written_leaves_nothing_not_even_its_parents()
    {
        IEnumerable<GoldenProblem> problems = [new GoldenCases(0).All().First()];

        Assert.Throws<InvalidOperationException>(() =>
            GoldenSet.Write(directory["new/deep/set"], 0, [.. problems], static () => throw new InvalidOperationException("This disk fails.")));

        Assert.Empty(directory.Names);
    }

    [Fact]
    public void A_set_whose_place_cannot_be_written_is_one_line_that_names_it()
    {
        File.WriteAllBytes(directory["file"], []);
        string set = Path.Combine(directory["file"], "set");

        CommandRun run = CommandRun.Of($"golden --out {set}");

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"mcircle: {set}: cannot be written: ", run.Error, StringComparison.Ordinal);
        Assert.Equal(["file"], directory.Names);
    }

    [Fact]
    public void A_set_whose_text_files_a_checkout_gave_other_line_endings_is_the_same_set()
    {
        GoldenProblem[] one = [new GoldenCases(0).All().First()];
        GoldenSet.Write(directory["set"], 0, one, static () => { });
        foreach (string name in (string[])["manifest.json", "manifest.sha256"])
        {
            string path = Path.Combine(directory["set"], name);
            File.WriteAllText(path, File.ReadAllText(path).Replace("\n", "\r\n", StringComparison.Ordinal));
        }

        Assert.Equal(one[0].Name, GoldenSet.Open(directory["set"]).Manifest.Cases.Single().Name);
        GoldenSet.Write(directory["set"], 0, one, static () => { });
        Assert.DoesNotContain('\r', File.ReadAllText(Path.Combine(directory["set"], "manifest.json")));
    }

    [Fact]
    public void A_set_brings_attributes_for_git_and_keeps_those_that_are_there()
    {
        GoldenProblem[] one = [new GoldenCases(0).All().First()];
        GoldenSet.Write(directory["set"], 0, one, static () => { });
        Assert.StartsWith("* -text\n", File.ReadAllText(Path.Combine(directory["set"], ".gitattributes")), StringComparison.Ordinal);

        Directory.CreateDirectory(directory["mine"]);
        File.WriteAllText(Path.Combine(directory["mine"], ".gitattributes"), "* -text export-ignore\n");
        GoldenSet.Write(directory["mine"], 0, one, static () => { });
        GoldenSet.Write(directory["mine"], 0, one, static () => { });

        Assert.Equal("* -text export-ignore\n", File.ReadAllText(Path.Combine(directory["mine"], ".gitattributes")));
        Assert.Single(GoldenSet.Open(directory["mine"]).Manifest.Cases);
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("grid-gamma-1-margin--0.2-detached/mine.npy")]
    public void A_directory_with_anything_else_in_it_is_left_alone(string file)
    {
        GoldenSet.Write(directory["set"], 0, [new GoldenCases(0).All().First()], static () => { });
        File.WriteAllText(Path.Combine(directory["set"], file), "mine");

        CommandRun run = CommandRun.Of($"golden --out {directory["set"]}");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"{file}: no part of the golden set around it", run.Error, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(directory["set"], file)));
        Assert.Equal(["set"], directory.Names);
    }

    [Fact]
    public void A_directory_that_is_no_golden_set_is_left_alone()
    {
        Directory.CreateDirectory(directory["photos"]);
        File.WriteAllText(Path.Combine(directory["photos"], "manifest.json"), "{}");
        File.WriteAllText(directory["file"], "mine");

        Assert.Contains("not empty, and no golden set", CommandRun.Of($"golden --out {directory["photos"]}").Error, StringComparison.Ordinal);
        Assert.Contains("a file: expected the name of a directory", CommandRun.Of($"golden --out {directory["file"]}").Error, StringComparison.Ordinal);
        Assert.Equal(["file", "photos"], directory.Names);
        Assert.Equal("{}", File.ReadAllText(Path.Combine(directory["photos"], "manifest.json")));
    }

    [Theory]
    [InlineData("golden", "'--out' is required")]
    [InlineData("golden --out x --seed -1", "--seed is '-1'")]
    [InlineData("verify --golden x", "'--results' is required")]
    [InlineData("verify --golden x --results y --precision float8", "--precision is 'float8': expected float16|bfloat16|float32|float64.")]
    public void Usage_is_exit_code_2(string line, string message)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<string> FilesOf(string path) => Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
        .Select(file => string.Create(CultureInfo.InvariantCulture, $"{Path.GetRelativePath(path, file)} {GoldenManifest.Hash(File.ReadAllBytes(file))}"))
        .Order(StringComparer.Ordinal);
}
