using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace ManagedCircle.Tests.Cli;

public sealed class ReportTests : IDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_report_of_a_training_has_its_curve_similarities_before_and_after_hardest_pairs_and_statistics()
    {
        string page = TrainingPage();

        Assert.Equal(
            [
                "Loss of every batch", "Similarities before", "Similarities after", "The hardest pairs of each row, before",
                "The hardest pairs of each row, after",
            ],
            Charts(page).Select(chart => chart.Element(Svg + "title")!.Value));
        string[] tables = ["Retrieval of the rows set aside", "Least similar rows of one class", "Most similar rows of two classes", "Pairs"];
        Assert.All(tables, caption => Assert.Contains($"<caption>{caption}</caption>", page, StringComparison.Ordinal));
        Assert.Contains("projection after", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_of_a_loss_names_the_hardest_pairs_by_their_rows()
    {
        // By angle: class 0 at 0, 10 and 90 degrees, class 1 at 80 and 200. Rows 2 and 0 are hardest of one class, rows 2 and 3 of two.
        WriteRows([(0, 0), (10, 0), (90, 0), (80, 1), (170, 1)]);

        string page = LossPage(string.Empty);

        Assert.Equal(["0, 2, 0.000, 0", "1, 2, 0.174, 0", "3, 4, 0.000, 1"], Table(page, "Least similar rows of one class").Order());
        Assert.Equal("2, 3, 0.985, 0, 1", Table(page, "Most similar rows of two classes")[0]);
        Assert.Contains("positive pairs, 8", Table(page, "Pairs"));
        Assert.Contains("negative pairs, 12", Table(page, "Pairs"));
    }

    [Theory]
    [InlineData("--preset keras")]
    [InlineData("--preset paper-global")]
    [InlineData("--diagonal keep --margin 0.1")]
    [InlineData("--ignore-label 2 --alpha constant")]
    [InlineData("--precision float64")]
    [InlineData("references --diagonal remove")]
    [InlineData("references --normalize false --ignore-label 1")]
    public void The_pairs_of_a_report_are_those_of_the_loss(string options)
    {
        Random random = new(7);
        (float[] rows, long[] labels) = Draw(40);
        (float[] references, long[] referenceLabels) = Draw(50);
        bool against = options.StartsWith("references ", StringComparison.Ordinal);
        Write("X.npy", "y.npy", rows, labels);
        Write("R.npy", "r.npy", references, referenceLabels);

        CommandLine chosen = against ? options["references ".Length..] : options;
        string page = LossPage(against ? $"--references {directory["R.npy"]} --reference-labels {directory["r.npy"]} {chosen}" : chosen);

        CircleLossOptions choices = options switch
        {
            "--preset keras" => CircleLossOptions.Keras,
            "--preset paper-global" => CircleLossOptions.PaperGlobal,
            "--diagonal keep --margin 0.1" => CircleLossOptions.Paper with { SelfDiagonal = DiagonalPairs.Kept, Margin = 0.1 },
            "--ignore-label 2 --alpha constant" => CircleLossOptions.Paper with { IgnoreLabel = 2, Weighting = PairWeighting.Constant },
            "references --diagonal remove" => CircleLossOptions.Paper with { ReferenceDiagonal = DiagonalPairs.Removed },
            "references --normalize false --ignore-label 1" => CircleLossOptions.Paper with { Normalize = false, IgnoreLabel = 1 },
            _ => CircleLossOptions.Paper,
        };
        PairStatistics expected = against
            ? PairStatistics.Of(choices, new EmbeddingBatch(rows, labels), new EmbeddingBatch(references, referenceLabels))
            : PairStatistics.Of(choices, new EmbeddingBatch(rows, labels));
        Assert.Equal([.. Lines("positive", expected.Positives), .. Lines("negative", expected.Negatives)], Table(page, "Pairs"));

        (float[] Rows, long[] Labels) Draw(int count) =>
            ([.. Enumerable.Range(0, count * 3).Select(_ => random.NextSingle() - 0.5f)], [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(4))]);

        static IEnumerable<string> Lines(string kind, PairSummary pairs) =>
        [
            string.Create(CultureInfo.InvariantCulture, $"{kind} pairs, {pairs.Count:N0}"),
            string.Create(CultureInfo.InvariantCulture, $"{kind}s' mean similarity, {pairs.MeanSimilarity:F3}"),
            string.Create(CultureInfo.InvariantCulture, $"{kind}s' mean weight, {pairs.MeanWeight:F3}"),
            string.Create(CultureInfo.InvariantCulture, $"{kind}s without weight, {pairs.ZeroWeightShare:P1}"),
        ];
    }

    [Fact]
    public void A_loss_whose_rows_all_point_one_way_says_so()
    {
        WriteRows([(10, 0), (11, 0), (12, 1), (13, 1)]);
        Assert.Contains("Subtract the mean of the rows first.", LossPage(string.Empty), StringComparison.Ordinal);

        WriteRows([(10, 0), (11, 0), (112, 1), (113, 1)]);
        Assert.DoesNotContain("Subtract the mean of the rows first.", LossPage(string.Empty), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_without_any_pair_have_a_report_too()
    {
        WriteRows([]);
        Assert.Contains("positive pairs, 0", Table(LossPage(string.Empty), "Pairs"));

        WriteRows([(0, 1), (50, 2)]);
        Assert.Contains("positives' mean similarity, -", Table(LossPage(string.Empty), "Pairs"));
    }

    [Fact]
    public void A_page_needs_no_other_file_and_no_script()
    {
        WriteRows([(0, 0), (10, 0), (90, 1), (80, 1)]);
        Assert.All([TrainingPage(), LossPage(string.Empty)], page =>
        {
            Assert.DoesNotMatch(@"<script|<link|<img|<iframe|@import|src=|href=""(?!#)|url\((?!#)", page);
            Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Charts_are_described_and_take_their_colours_from_the_page()
    {
        string page = TrainingPage();

        Assert.All(Charts(page), chart =>
        {
            string[] names = [.. chart.Attribute("aria-labelledby")!.Value.Split(' ')];
            Assert.Equal("img", chart.Attribute("role")!.Value);
            Assert.All(names, name => Assert.Single(chart.Elements(), part => part.Attribute("id")?.Value == name && part.Value.Length > 10));
            Assert.Contains("var(--ink)", chart.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("rgb(", chart.ToString(), StringComparison.Ordinal);
        });
        string[] ids = [.. Regex.Matches(page, " id=\"([^\"]+)\"").Select(match => match.Groups[1].Value)];
        Assert.Equal(ids.Distinct(), ids);
    }

    [Fact]
    public void A_report_that_replaces_an_input_is_refused()
    {
        WriteRows([(0, 0), (10, 0), (90, 1), (80, 1)]);

        CommandRun run = CommandRun.Of($"loss {Files} --report {directory["X.npy"]}");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("is an input", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_browser_finds_nothing_wrong_and_asks_for_nothing()
    {
        Assert.SkipUnless(File.Exists(Chromium), $"{Chromium} is not there");
        WriteRows([(0, 0), (10, 0), (90, 1), (80, 1)]);
        TrainingPage();
        LossPage(string.Empty);
        const string Image = "<img src=\"https://example.invalid/x.png\">";
        File.WriteAllText(directory["wrong.html"], File.ReadAllText(directory["loss.html"]).Replace("<main>", $"<main>{Image}", StringComparison.Ordinal));

        // What the third page asks for is refused, and said; the others ask for nothing but themselves.
        Assert.Contains("example.invalid", ConsoleOf("wrong.html"), StringComparison.Ordinal);
        Assert.Equal(string.Empty, ConsoleOf("train.html"));
        Assert.Equal(string.Empty, ConsoleOf("loss.html"));
    }

    [Theory]
    [InlineData("", "gamma 80", "alpha circle, detached")]
    [InlineData("--gamma 64 --margin 0.25 --weighting constant", "gamma 64", "alpha constant")]
    [InlineData("--margin -0.2 --alpha-gradient attached", "Op 0.8, On 0.2, Dp 1.2, Dn -0.2", "alpha circle, attached")]
    public void A_plot_shows_what_the_options_make_of_a_similarity(string options, string title, string description)
    {
        CommandRun run = CommandRun.Of($"plot {(CommandLine)options} {directory["out.svg"]}");

        Assert.Equal((0, "", ""), (run.ExitCode, run.Output, run.Error));
        XElement plot = XElement.Load(directory["out.svg"]);
        Assert.Contains(title, plot.Element(Svg + "title")!.Value, StringComparison.Ordinal);
        Assert.Contains(description, plot.Element(Svg + "desc")!.Value, StringComparison.Ordinal);
        Assert.Equal(4, plot.Elements(Svg + "svg").Count());
    }

    [Theory]
    [InlineData("plot", "Required argument 'out.svg' missing for command: 'plot'.")]
    [InlineData("plot --gamma 0 out.svg", "--gamma is '0': expected a finite number above 0.")]
    [InlineData("plot --weighting square out.svg", "--alpha is 'square': expected circle|constant.")]
    public void A_plot_that_makes_no_sense_is_a_usage_error(string line, string reason)
    {
        CommandRun run = CommandRun.Of(line);

        Assert.Equal((2, "", $"mcircle: {reason} See: mcircle plot --help{Environment.NewLine}"), (run.ExitCode, run.Output, run.Error));
    }

    private CommandLine Files => $"--embeddings {directory["X.npy"]} --labels {directory["y.npy"]}";

    private string TrainingPage() => PageOf($"train --steps 20 --report {directory["train.html"]}", "train.html");

    private string LossPage(CommandLine options) => PageOf($"loss {Files} {options} --report {directory["loss.html"]}", "loss.html");

    private string PageOf(CommandLine line, string name)
    {
        CommandRun run = CommandRun.Of(line);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return File.ReadAllText(directory[name]);
    }

    private void WriteRows((double Degrees, long Label)[] rows) => Write(
        "X.npy",
        "y.npy",
        [.. rows.SelectMany(row => new[] { (float)Math.Cos(double.DegreesToRadians(row.Degrees)), (float)Math.Sin(double.DegreesToRadians(row.Degrees)) })],
        [.. rows.Select(row => row.Label)]);

    private void Write(string rowsName, string labelsName, float[] rows, long[] labels)
    {
        File.WriteAllBytes(directory[rowsName], NpyBytes.Floats($"({labels.Length}, {(labels.Length == 0 ? 2 : rows.Length / labels.Length)})", rows));
        File.WriteAllBytes(directory[labelsName], NpyBytes.Labels(labels));
    }

    private static IEnumerable<XElement> Charts(string page) =>
        Regex.Matches(page, "<svg .*?</svg>", RegexOptions.Singleline).Select(match => XElement.Parse(match.Value));

    /// <summary>The rows of a table, each with its cells in a line.</summary>
    private static string[] Table(string page, string caption)
    {
        string table = page[page.IndexOf($"<caption>{caption}</caption>", StringComparison.Ordinal)..];
        table = table[table.IndexOf("<tbody>", StringComparison.Ordinal)..table.IndexOf("</tbody>", StringComparison.Ordinal)];
        return [.. Regex.Matches(table, "<tr>(.*?)</tr>").Select(row => WebUtility.HtmlDecode(string.Join(", ", Cells(row.Value))))];

        static IEnumerable<string> Cells(string row) => Regex.Matches(row, ">([^<]+)</t").Select(cell => cell.Groups[1].Value);
    }

    /// <summary>What the console of a headless browser says to a page.</summary>
    private string ConsoleOf(string name)
    {
        string[] switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-logging=stderr", "--dump-dom"];
        ProcessStartInfo start = new(Chromium, [.. switches, $"--user-data-dir={directory["profile"]}", new Uri(directory[name]).AbsoluteUri])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process browser = Process.Start(start)!;
        Task<string> page = browser.StandardOutput.ReadToEndAsync();
        string log = browser.StandardError.ReadToEnd();
        browser.WaitForExit();
        Assert.Contains("</main>", page.Result, StringComparison.Ordinal);
        return string.Join('\n', log.Split('\n').Where(line => line.Contains("CONSOLE", StringComparison.Ordinal)));
    }
}
