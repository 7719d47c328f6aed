using System.Globalization;
using System.IO.Enumeration;
using System.Text.Json;
using ManagedCircle.Cli;
using ManagedCircle.Cli.Golden;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What <c>mcircle verify</c> makes of right, wrong, missing and broken answers.</summary>
public sealed class VerifyCommandTests(GoldenSetFixture golden) : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    public static TheoryData<string> Conventions => [.. Convention.All.Select(convention => convention.Name)];

    [Theory]
    [MemberData(nameof(Conventions))]
    public void Every_mistake_is_named(string name)
    {
        Convention planted = Convention.All.Single(convention => convention.Name == name);
        CaseAnswers[] cases = [.. golden.Small.Select(vectors =>
        {
            Dictionary<string, double[]> answers = planted.Solve(vectors.Problem) ?? vectors.Answers;
            IEnumerable<AnswerCheck> wrong = vectors.Check(answers, NumberFormat.Float32).Where(check => check.Verdict == Verdict.Wrong);
            return new CaseAnswers(vectors.Problem, vectors.Item, vectors.Answers, answers, wrong.Select(check => check.Quantity).ToHashSet());
        })];

        Assert.Contains(cases, item => item.Failed);
        Assert.Equal(name, Diagnosis.Of(cases, NumberFormat.Float32)?.Name);
    }

    [Fact]
    public void Every_mistake_stands_in_the_documentation()
    {
        string[] documented = RepositoryFiles.Read("docs", "golden.md").Split('\n');

        Assert.All(Convention.All,
            convention => Assert.Contains($"| `{convention.Name}` | {convention.Mistake.Replace("|", "&#124;", StringComparison.Ordinal)} |", documented));
    }

    [Fact]
    public void The_float_engine_passes_in_float32()
    {
        CommandRun run = Verify("float32", golden.All.Select(vectors => (vectors, InFloat(vectors.Problem))));

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
    }

    [Fact]
    public void The_reference_passes_in_float64()
    {
        CommandRun run = Verify("float64", golden.All.Select(vectors => (vectors, vectors.Problem.AnswersOf(vectors.Problem.Solve()))));

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
    }

    [Theory]
    [InlineData("float16")]
    [InlineData("bfloat16")]
    public void Rows_and_answers_held_in_16_bits_pass(string precision)
    {
        IReadOnlyList<AnswerCheck> checks = CheckAll(NumberFormat.Named(precision), factor: 1);

        Assert.All(checks, check => Assert.True(check.Verdict == Verdict.Right, check.ToString()));
    }

    [Theory]
    [InlineData("float64", 0)]
    [InlineData("float64", 1.0001)]
    [InlineData("float32", 0)]
    [InlineData("float32", 0.5)]
    [InlineData("float32", 1.001)]
    [InlineData("float16", 0)]
    [InlineData("float16", 0.5)]
    [InlineData("float16", 2)]
    [InlineData("float16", 1.01)]
    [InlineData("bfloat16", 0)]
    [InlineData("bfloat16", 0.5)]
    [InlineData("bfloat16", 2)]
    [InlineData("bfloat16", 1.01)]
    public void Gradients_times_a_factor_are_found_wherever_a_case_has_one(string precision, double factor)
    {
        NumberFormat format = NumberFormat.Named(precision);
        AnswerCheck[] gradients = [.. CheckAll(format, factor).Where(check => check.Quantity.EndsWith("gradient", StringComparison.Ordinal))];

        // Where similarities are clamped, rounding may take one over the end, and a gradient with it.
        HashSet<(string, string)> nonzero =
            [.. golden.Small.Where(vectors => vectors.Problem.Options.Clamp == SimilarityClamp.None || !precision.EndsWith("16", StringComparison.Ordinal))
            .SelectMany(vectors => vectors.Answers.Where(answer => answer.Value.Any(x => x != 0)).Select(answer => (vectors.Problem.Name, answer.Key)))];

        AnswerCheck[] missed = [.. gradients.Where(check => nonzero.Contains((check.Case, check.Quantity)) && check.Verdict == Verdict.Right)];

        // Rounding may hide a factor of 1.01 where bfloat16 has but a number or two to say it with.
        Assert.True(missed.Length <= (precision == "bfloat16" && factor == 1.01 ? 4 : 0),
            string.Join(Environment.NewLine, missed.Select(check => check.ToString())));
        Assert.True(gradients.Length > 150);
    }

    [Theory]
    [InlineData("float16")]
    [InlineData("bfloat16")]
    [InlineData("float32")]
    [InlineData("float64")]
    public void Right_backends_of_any_order_of_steps_pass(string precision)
    {
        // Drawn otherwise than the trials that the tolerances are made of.
        NumberFormat format = NumberFormat.Named(precision);
        SplitMix64 random = new(20061);
        List<AnswerCheck> checks = [];
        foreach (GoldenVectors vectors in golden.Small)
        {
            checks.AddRange(vectors.Check(new RightBackend(vectors.Problem, vectors.Problem.Solve(), format, everyStep: true, random).Answers(), format));
        }

        Assert.All(CommonScale.Judge(checks, format), check => Assert.True(check.Verdict == Verdict.Right, check.ToString()));
    }

    [Fact]
    public void Tolerances_are_near_what_right_answers_need()
    {
        // Of float answers, half are off by a thirtieth of their tolerance or more; of those that round every step to 16 bits, by a tenth.
        double inFloat = Median(golden.Small.SelectMany(vectors => vectors.Check(InFloat(vectors.Problem), NumberFormat.Float32)));
        double in16Bits = Median(golden.Small.SelectMany(vectors => vectors.Check(
            new RightBackend(vectors.Problem, vectors.Problem.Solve(), NumberFormat.Bfloat16, everyStep: true, new SplitMix64(7)).Answers(),
                NumberFormat.Bfloat16)));

        Assert.InRange(inFloat, 1.0 / 30, 0.5);
        Assert.InRange(in16Bits, 0.1, 0.5);

        static double Median(IEnumerable<AnswerCheck> checks)
        {
            double[] shares = [.. checks.Where(check => check.ErrorOverTolerance > 0).Select(check => check.ErrorOverTolerance!.Value).Order()];
            return shares[shares.Length / 2];
        }
    }

    [Fact]
    public void A_wrong_number_is_found_and_shown_in_every_report()
    {
        WriteAll("float32");
        double[] gradient = ReadResult("weights", Quantity.Gradient);
        gradient[2 * 12 + 5] += 1;
        WriteResult("weights", Quantity.Gradient, gradient, 18, 12);

        CommandRun run = CommandRun.Of($"verify --golden {golden.Path} --results {directory["results"]} --json --html {directory["report.html"]}");

        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal((false, 1, 0),
            (report.GetProperty("passed").GetBoolean(), report.GetProperty("wrong").GetInt32(), report.GetProperty("missing").GetInt32()));
        Assert.Equal(JsonValueKind.Null, report.GetProperty("cause").ValueKind);
        JsonElement wrong = report.GetProperty("checks").EnumerateArray().Single(check => check.GetProperty("verdict").GetString() == "wrong");
        Assert.Equal(("weights", "gradient", "[2, 5]"),
            (wrong.GetProperty("case").GetString(), wrong.GetProperty("quantity").GetString(), wrong.GetProperty("where").GetString()));
        Assert.True(wrong.GetProperty("errorOverTolerance").GetDouble() > 1);
        Assert.Contains("<h1>Not right</h1>", File.ReadAllText(directory["report.html"]), StringComparison.Ordinal);

        CommandRun table = CommandRun.Of($"verify --golden {golden.Path} --results {directory["results"]}");
        Assert.Equal(1, table.ExitCode);
        Assert.Contains("first: weights, gradient [2, 5] wrong: ", table.Output, StringComparison.Ordinal);
        Assert.Contains("likely cause: none of the known mistakes gives these numbers", table.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistake_in_files_is_named_on_the_command_line()
    {
        WriteAll("float32");
        foreach (GoldenVectors vectors in golden.Small.Where(vectors => vectors.Problem.Options.WeightGradient == WeightGradient.Attached))
        {
            GoldenProblem detached = vectors.Problem with { Options = vectors.Problem.Options with { WeightGradient = WeightGradient.Detached } };
            Write(vectors.Item, detached.AnswersOf(detached.Solve()));
        }

        CommandRun run = CommandRun.Of($"verify --golden {golden.Path} --results {directory["results"]} --precision float32");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("likely cause: alpha-detached: alpha is held constant (detached), where the case differentiates it too (attached)", run.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_unreadable_and_misshapen_answers_fail_each_by_its_name()
    {
        WriteAll("float32");
        File.Delete(Result("weights", Quantity.Loss));
        File.WriteAllText(Result("upstream", Quantity.Losses), "no numbers");
        WriteResult("shape-8x8", Quantity.Losses, new double[7], 7);
        WriteResult("shape-8x8", Quantity.Gradient, new double[64], 64);
        double[] losses = ReadResult("rows-zero", Quantity.Losses);
        losses[3] = double.NaN;
        WriteResult("rows-zero", Quantity.Losses, losses, losses.Length, 1);
        WriteResult("rows-twice", Quantity.Loss, ReadResult("rows-twice", Quantity.Loss));

        JsonElement report = JsonDocument.Parse(CommandRun.Of($"verify --golden {golden.Path} --results {directory["results"]} --json").Output).RootElement;

        Assert.Equal(
            [
                "upstream losses unreadable no .npy file: expected it to begin with \\x93NUMPY, as numpy.save writes it",
                "weights loss missing no such file",
                "rows-zero losses wrong ",
                "shape-8x8 losses unreadable shape (7,): expected (8,)",
                "shape-8x8 gradient unreadable shape (64,): expected (8, 8)",
            ],
            report.GetProperty("checks").EnumerateArray().Where(check => check.GetProperty("verdict").GetString() != "right").Select(check =>
            {
                string reason = check.GetProperty("reason").GetString()!, verdict = check.GetProperty("verdict").GetString()!;
                string shown = verdict == "wrong" ? "" : reason[(reason.IndexOf(".npy: ", StringComparison.Ordinal) + 6)..];
                return $"{check.GetProperty("case")} {check.GetProperty("quantity")} {verdict} {shown}";
            }).OrderBy(line => line[0] == 'u' ? 0 : line[0] == 'w' ? 1 : 2));
    }

    [Fact]
    public void A_directory_in_place_of_a_file_and_a_file_in_place_of_a_directory_are_said_to_be_so()
    {
        GoldenProblem problem = new GoldenCases(0).All().First();
        GoldenSet.Write(directory["set"], 0, [problem], static () => { });
        Directory.CreateDirectory(Result(problem.Name, Quantity.Losses));
        File.WriteAllText(directory["file"], "");

        Assert.Contains("losses.npy: a directory: expected a .npy file",
            CommandRun.Of($"verify --golden {directory["set"]} --results {directory["results"]} --json").Output, StringComparison.Ordinal);
        Assert.Contains("file: a file: expected a directory", CommandRun.Of($"verify --golden {directory["file"]} --results {directory["results"]}").Error,
            StringComparison.Ordinal);
        Assert.Contains("file: a file: expected a directory", CommandRun.Of($"verify --golden {directory["set"]} --results {directory["file"]}").Error,
            StringComparison.Ordinal);
        Assert.Contains("none: no such directory", CommandRun.Of($"verify --golden {directory["none"]} --results {directory["results"]}").Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("set/manifest.json")]
    [InlineData("set/{0}/embeddings.npy")]
    [InlineData("results/{0}/losses.npy")]
    public void A_report_replaces_no_file_of_the_set_and_no_answer(string name)
    {
        GoldenProblem problem = new GoldenCases(0).All().First();
        GoldenSet.Write(directory["set"], 0, [problem], static () => { });
        GoldenSet.Write(directory["results"], 0, [problem], static () => { });
        string path = directory[string.Format(CultureInfo.InvariantCulture, name, problem.Name)];
        byte[] before = File.ReadAllBytes(path);

        CommandRun run = CommandRun.Of($"verify --golden {directory["set"]} --results {directory["results"]} --precision float64 --html {path}");

        Assert.Equal((2, $"mcircle: {path} is an input: expected another file to write. See: mcircle verify --help{Environment.NewLine}"),
            (run.ExitCode, run.Error));
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_golden_set_that_was_altered_is_an_error()
    {
        GoldenProblem[] problems = [.. new GoldenCases(0).All().Take(2)];
        string set = directory["set"], array = GoldenSet.PathOf(set, problems[1].Name, Quantity.Losses), manifest = Path.Combine(set, "manifest.json");
        GoldenSet.Write(set, 0, problems, static () => { });
        Directory.CreateDirectory(directory["results"]);
        byte[] original = File.ReadAllBytes(array);

        File.WriteAllBytes(array, [.. original[..^1], (byte)(original[^1] ^ 1)]);
        Expect($"{array}: altered: its SHA-256 is ");
        File.WriteAllBytes(array, original[..^8]);
        Expect($"{array}: altered: its SHA-256 is ");
        File.WriteAllBytes(array, new byte[1 << 20]);
        Expect($"{array}: 1048576 bytes: expected at most ");
        File.Delete(array);
        Expect($"{array}: no such file");
        File.WriteAllBytes(array, original);

        string text = File.ReadAllText(manifest);
        File.WriteAllText(manifest, text.Replace("\"gamma\": 1,", "\"gamma\": 2,", StringComparison.Ordinal));
        Expect($"{manifest}: altered: its SHA-256 is ");
        File.WriteAllText(manifest, text);
        Assert.Equal("", Verify().Error);
        GoldenSet.Write(set, 0, [], static () => { });
        Expect($"{manifest}: no cases: expected at least one");
        File.Delete(Path.Combine(set, "manifest.sha256"));
        Expect($"{Path.Combine(set, "manifest.sha256")}: no such file");

        void Expect(string message)
        {
            CommandRun run = Verify();
            Assert.Equal((1, ""), (run.ExitCode, run.Output));
            Assert.StartsWith($"mcircle: {message}", run.Error, StringComparison.Ordinal);
        }

        CommandRun Verify() => CommandRun.Of($"verify --golden {set} --results {directory["results"]}");
    }

    [Fact]
    public void No_directory_of_answers_is_an_error_and_an_empty_one_lacks_them_all()
    {
        CommandRun none = CommandRun.Of($"verify --golden {golden.Path} --results {directory["none"]}");
        Directory.CreateDirectory(directory["empty"]);
        CommandRun empty = CommandRun.Of($"verify --golden {golden.Path} --results {directory["empty"]} --json");

        Assert.Equal((1, $"mcircle: {directory["none"]}: no such directory{Environment.NewLine}"), (none.ExitCode, none.Error));
        Assert.Equal(1, empty.ExitCode);
        JsonElement report = JsonDocument.Parse(empty.Output).RootElement;
        Assert.Equal(report.GetProperty("answers").GetInt32(), report.GetProperty("missing").GetInt32());
    }

    [Fact]
    public void A_page_escapes_what_it_shows_and_needs_nothing_else()
    {
        AnswerCheck check = new("<script>", "a&b", Verdict.Unreadable, Reason: "\"<img src=x>\"");

        string page = VerificationPage.Of(VerificationReport.Of(new Verification(NumberFormat.Float32, [check], null, [])));

        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        Assert.Contains("a&amp;b", page, StringComparison.Ordinal);
        Assert.Contains("&quot;&lt;img src=x&gt;&quot;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_terminal_shows_what_is_wrong_with_its_reason_and_counts_what_is_right()
    {
        AnswerCheck right = AnswerCheck.Of("right-case", Quantity.Losses, [1, 2], [1, 2], [2], new(0.1));
        AnswerCheck wrong = AnswerCheck.Of("wrong-case", Quantity.Losses, [1, 2], [1, 3], [2], new(0.1));

        VerificationReport passed = VerificationReport.Of(new Verification(NumberFormat.Float32, [right], null, []));
        VerificationReport failed =
            VerificationReport.Of(new Verification(NumberFormat.Float32, [.. Enumerable.Repeat(right, 40), .. Enumerable.Repeat(wrong, 30)], null, []));

        Assert.Null(passed.ToTable());
        Assert.Equal("1 answers to 1 cases in float32: 1 right, 0 wrong, 0 missing, 0 unreadable", passed.Summary().Single());
        using StringWriter text = new();
        Terminal.WriteTable(text, failed.ToTable()!);
        Assert.DoesNotContain("right-case", text.ToString(), StringComparison.Ordinal);
        Assert.Contains("3, expected 2 within 0.1: 1 apart", text.ToString(), StringComparison.Ordinal);
        Assert.Equal(20, text.ToString().Split("wrong-case").Length - 1);
        Assert.Contains("10 more", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_has_what_is_wrong_first_and_filters_without_a_script()
    {
        AnswerCheck right = AnswerCheck.Of("right-case", Quantity.Loss, [1], [1], [1], new(0.1));
        AnswerCheck wrong = AnswerCheck.Of("wrong-case", Quantity.Gradient, [1], [3], [1], new(0.1));

        string page = VerificationPage.Of(
            VerificationReport.Of(new Verification(NumberFormat.Float32, [right, wrong], null, ["gradients: wrong in 1 of 1 cases"])));

        Assert.True(page.IndexOf("<tr class=\"of gradients wrong\">", StringComparison.Ordinal) < page.IndexOf(
            "<tr class=\"of loss right\">", StringComparison.Ordinal));
        Assert.Contains("id=\"show-not-right\" checked", page, StringComparison.Ordinal);
        Assert.Contains("name=\"viewport\"", page, StringComparison.Ordinal);
        Assert.Contains("<li>gradients: wrong in 1 of 1 cases</li>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(16.300820400000207, 16.3008204, 2e-13, "16.3008204000002, expected 16.3008204 within 2E-13: 2.06E-13 apart")]
    [InlineData(2.5, 1, 0.1, "2.5, expected 1 within 0.1: 1.5 apart")]
    [InlineData(1000.001, 1000, 1e-4, "1000.001, expected 1000 within 0.0001: 0.001 apart")]
    [InlineData(double.NaN, 1, 0.1, "NaN, expected 1 within 0.1")]
    public void A_reason_has_as_many_digits_as_show_the_difference(double answer, double expected, double tolerance, string reason)
    {
        AnswerCheck check = AnswerCheck.Of("case", Quantity.Loss, [expected], [answer], [1], new(tolerance));

        Assert.Equal(reason, VerificationRow.Of(check).Reason);
    }

    public static TheoryData<string, string> Unknown => new()
    {
        { "third", "gradients: wrong in * cases; each is 0.333 times the expected one*" },
        { "times-count", "*each is the expected one times the number of queries*" },
        { "over-dimension", "*each is the expected one over the dimension*" },
        { "reversed", "losses: *has its rows in reverse order*" },
        { "nan", "gradients: *holds NaN in the first rows only*" },
        { "last-columns", "gradients: *is wrong in the last columns only*" },
        { "rows-behind-16", "gradients: *is wrong in the last rows only, behind the first 16*" },
        { "attached-only", "gradients: *; only where alpha-gradient is attached (* of * such cases)" },
        { "gamma-at-least-80", "losses: *; only where gamma is at least 80 (* of * such cases)" },
        { "references-only", "gradients: *; only where entry is references (* of * such cases)" },
        { "plus-one", "*is the expected one + 1 in every number" },
        { "by-norm", "gradients: *is in every row the expected one times the norm of the row*" },
        { "absolute", "*is the absolute value of the expected one*" },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public void What_no_known_mistake_gives_is_summarised_by_quantity_option_and_shape(string mistake, string expected)
    {
        CaseAnswers[] cases = [.. golden.Small.Select(vectors =>
        {
            Dictionary<string, double[]> answers = vectors.Answers.ToDictionary(
                answer => answer.Key, answer => Spoil(mistake, vectors.Problem, answer.Key, answer.Value));
            IEnumerable<AnswerCheck> wrong = vectors.Check(answers, NumberFormat.Float32).Where(check => check.Verdict == Verdict.Wrong);
            return new CaseAnswers(vectors.Problem, vectors.Item, vectors.Answers, answers, wrong.Select(check => check.Quantity).ToHashSet());
        })];

        IReadOnlyList<string> findings = Findings.Of(cases, NumberFormat.Float32);

        Assert.True(
            findings.Any(line => FileSystemName.MatchesSimpleExpression(expected, line)),
                $"{expected}{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        Assert.Contains("right everywhere: ", findings[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_constant_added_to_every_loss_is_no_rounding()
    {
        CaseAnswers[] cases = [.. golden.Small.Where(vectors => vectors.Answers.ContainsKey(Quantity.Loss)).Select(vectors =>
        {
            Dictionary<string, double[]> answers = new(vectors.Answers);
            answers[Quantity.Loss] = [answers[Quantity.Loss][0] + 0.01];
            return new CaseAnswers(vectors.Problem, vectors.Item, vectors.Answers, answers, new HashSet<string> { Quantity.Loss });
        })];

        Assert.StartsWith($"loss: wrong in {cases.Length} of {cases.Length} cases; each is the expected one + 0.01 in every number",
            Findings.Of(cases, NumberFormat.Float32)[0], StringComparison.Ordinal);
        Assert.Null(Diagnosis.Of(cases, NumberFormat.Float32));
    }

    [Fact]
    public void A_mistake_that_only_many_rows_show_is_summarised_by_where_it_begins()
    {
        CaseAnswers[] cases = [.. golden.All.Where(vectors => vectors.Problem.Name is "shape-64x64" or "shape-65x63" or "shape-100x130").Select(vectors =>
        {
            Dictionary<string, double[]> answers = new(vectors.Answers);
            answers[Quantity.Gradient] = [.. answers[Quantity.Gradient].Select((x, i) => i / vectors.Problem.Columns >= 64 ? 0 : x)];
            IEnumerable<AnswerCheck> wrong = vectors.Check(answers, NumberFormat.Float32).Where(check => check.Verdict == Verdict.Wrong);
            return new CaseAnswers(vectors.Problem, vectors.Item, vectors.Answers, answers, wrong.Select(check => check.Quantity).ToHashSet());
        })];

        Assert.StartsWith("gradients: wrong in 2 of 3 cases; each is wrong in the last rows only, behind the first 64; only where ",
            Findings.Of(cases, NumberFormat.Float32)[0], StringComparison.Ordinal);
    }

    private static double[] Spoil(string mistake, GoldenProblem problem, string quantity, double[] right)
    {
        bool isGradient = quantity.EndsWith("gradient", StringComparison.Ordinal), isMatrix = isGradient && problem.Labels.Length > 2;
        int[] shape = problem.ShapeOf(quantity);
        int columns = shape[^1];
        return mistake switch
        {
            "third" when isGradient => [.. right.Select(x => x / 3)],
            "times-count" when isGradient => [.. right.Select(x => x * problem.Labels.Length)],
            "over-dimension" when isGradient => [.. right.Select(x => x / problem.Columns)],
            "reversed" when quantity == Quantity.Losses => [.. right.Reverse()],
            "nan" when isMatrix => [.. right.Select((x, i) => i < columns ? double.NaN : x)],
            "last-columns" when isMatrix => [.. right.Select((x, i) => i % columns >= columns / 4 * 4 ? 0 : x)],
            "rows-behind-16" when isMatrix => [.. right.Select((x, i) => i / columns >= 16 ? 0 : x)],
            "attached-only" when isGradient && problem.Options is { WeightGradient: WeightGradient.Attached, Weighting: PairWeighting.Circle } =>
                [.. right.Select((x, i) => x * (1.25 + 0.5 * (i % 3)))],
            "gamma-at-least-80" when quantity == Quantity.Losses && problem.Options.Gamma >= 80 => [.. right.Select((x, i) => x * (1 + 0.01 * (i % 5)))],
            "references-only" when isGradient && problem.Entry == CaseEntry.References => [.. right.Select((x, i) => x * (1 + 0.01 * (i % 5)))],
            "plus-one" when quantity == Quantity.Losses => [.. right.Select(x => x + 1)],
            "by-norm" when quantity == Quantity.Gradient => [.. right.Select((x, i) =>
                x * Math.Sqrt(problem.Rows.AsSpan(i / columns * columns, columns).ToArray().Sum(y => y * y)))],
            "absolute" when isGradient => [.. right.Select(Math.Abs)],
            _ => right,
        };
    }

    [Theory]
    [InlineData(1.0, 1.5, 1.0, 0.5)]
    [InlineData(1.0, 3.0, 1.0, 2.0)]
    [InlineData(0.0, 0.0, 0.0, 0.0)]
    [InlineData(0.0, 1e-300, 0.0, double.PositiveInfinity)]
    [InlineData(1.0, double.NaN, 1.0, double.PositiveInfinity)]
    [InlineData(1.0, double.NegativeInfinity, 1.0, double.PositiveInfinity)]
    public void An_error_is_a_share_of_its_tolerance(double expected, double answer, double tolerance, double ratio)
    {
        AnswerCheck check = AnswerCheck.Of("case", Quantity.Losses, [expected], [answer], [1], new(tolerance));

        Assert.Equal(ratio, check.ErrorOverTolerance);
        Assert.Equal(ratio <= 1 ? Verdict.Right : Verdict.Wrong, check.Verdict);
    }

    /// <summary>What verify says to right answers of inputs held in a precision, rounded themselves, the gradients times a factor.</summary>
    private IReadOnlyList<AnswerCheck> CheckAll(NumberFormat format, double factor)
    {
        List<AnswerCheck> checks = [];
        foreach (GoldenVectors vectors in golden.Small)
        {
            GoldenProblem held = vectors.Problem with
            {
                Rows = [.. vectors.Problem.Rows.Select(format.Nearest)],
                References = [.. vectors.Problem.References.Select(format.Nearest)],
            };
            checks.AddRange(vectors.Check(held.AnswersOf(held.Solve()).ToDictionary(
                answer => answer.Key,
                answer => (double[])[.. answer.Value.Select(x => format.Nearest(answer.Key.EndsWith("gradient", StringComparison.Ordinal) ? factor * x : x))]),
                    format));
        }

        return CommonScale.Judge(checks, format);
    }

    private static Dictionary<string, double[]> InFloat(GoldenProblem problem)
    {
        LossProblem asked = problem.Entry == CaseEntry.Similarities
            ? LossProblem.OfSimilarities(problem.Options, problem.Rows, problem.Labels, problem.ReferenceLabels)
            : new()
            {
                Options = problem.Options,
                Rows = problem.Rows,
                Labels = problem.Labels,
                References = problem.Entry == CaseEntry.Self ? null : problem.References,
                ReferenceLabels = problem.ReferenceLabels,
            };
        LossAnswer answer = (asked with { Terms = problem.Terms }).SolveInFloat();
        return new()
        {
            [Quantity.Loss] = [answer.Result.Loss],
            [Quantity.Losses] = answer.Losses,
            [Quantity.SimilarityGradient] = answer.QueryGradient,
            [Quantity.Gradient] = answer.QueryGradient,
            [Quantity.ReferenceGradient] = answer.ReferenceGradient,
        };
    }

    private CommandRun Verify(string precision, IEnumerable<(GoldenVectors Vectors, Dictionary<string, double[]> Answers)> answered)
    {
        foreach ((GoldenVectors vectors, Dictionary<string, double[]> answers) in answered)
        {
            Write(vectors.Item, answers);
        }

        return CommandRun.Of($"verify --golden {golden.Path} --results {directory["results"]} --precision {precision}");
    }

    /// <summary>Writes the right answers to all cases.</summary>
    private void WriteAll(string precision)
    {
        CommandRun run = Verify(precision, golden.All.Select(vectors => (vectors, vectors.Answers)));
        Assert.Equal(0, run.ExitCode);
    }

    private void Write(ManifestCase item, Dictionary<string, double[]> answers)
    {
        foreach ((string quantity, ManifestArray array) in item.Outputs)
        {
            WriteResult(item.Name, quantity, answers[quantity], [.. array.Shape]);
        }
    }

    private void WriteResult(string name, string quantity, double[] values, params int[] shape)
    {
        Directory.CreateDirectory(Path.Combine(directory["results"], name));
        using FileStream file = File.Create(Result(name, quantity));
        NpyWriter.Write<double>(file, values, shape);
    }

    private double[] ReadResult(string name, string quantity)
    {
        using FileStream file = File.OpenRead(Result(name, quantity));
        return NpyReader.ReadNumbers(file, name).Values;
    }

    private string Result(string name, string quantity) => GoldenSet.PathOf(directory["results"], name, quantity);
}
