using System.Globalization;
using System.Text;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>The tables and plots of a set of measurements.</summary>
internal static class Report
{
    // What a peer's time is divided by.
    private const string Own = "managedcircle", OwnKeras = "managedcircle-keras", OwnProduct = "managedcircle-product",
        OwnSelfProduct = "managedcircle-self-product";

    private static readonly Dictionary<string, string> Names = new()
    {
        [Own] = "**ManagedCircle**",
        [OwnKeras] = "**ManagedCircle**, Keras' preset",
        ["managedcircle-24mb"] = "**ManagedCircle**, workspace capped at 24 MB",
        ["textbook"] = "textbook C# loop",
        ["torch-pml"] = "PyTorch, pytorch-metric-learning's way",
        ["torch-keras"] = "PyTorch, Keras' way",
        ["torch-hand"] = "PyTorch, written by hand",
        [OwnProduct] = "**ManagedCircle**",
        [OwnSelfProduct] = "**ManagedCircle**, of a matrix with itself",
        ["torch-product"] = "PyTorch",
        ["onnxruntime-product"] = "ONNX Runtime, Gemm",
        ["onnxruntime-transposed-product"] = "ONNX Runtime, MatMul, right side transposed beforehand",
        ["openblas-product"] = "OpenBLAS",
        ["numsharp-product"] = "NumSharp",
        ["mathnet-product"] = "Math.NET",
    };

    private static readonly Dictionary<string, string> Setups = new()
    {
        ["tuned"] = "allocator tuned",
        ["ceiling"] = "allocator tuned, MKL's AVX-512 path",
        ["avx512"] = "told to use its AVX-512 kernel",
    };

    /// <summary>Writes losses.md, products.md, summary.md, headline.md and the plots. Measurements of the same are one line.</summary>
    public static void Write(IReadOnlyList<Measurement> lines, string directory, IReadOnlyList<string> facts)
    {
        Measurement[] all = [.. lines.GroupBy(static m => (m.Peer, m.N, m.D, m.Threads)).Select(Merged)];
        Measurement[] losses = [.. all.Where(static m => !IsProduct(m))], products = [.. all.Where(IsProduct)];
        string head = Head(all, facts);
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "losses.md"), Losses(losses, head));
        File.WriteAllText(Path.Combine(directory, "products.md"), Products(products, head));
        File.WriteAllText(Path.Combine(directory, "summary.md"), Summary(losses, all));
        File.WriteAllText(Path.Combine(directory, "headline.md"), Headline(losses));
        Plots.Write(losses, products, directory);
    }

    /// <summary>What every table says first: where, when and of what.</summary>
    public static string Head(IReadOnlyList<Measurement> measurements, IReadOnlyList<string> facts) =>
        string.Join("\n", facts.Select(static fact => $"- {fact.Replace("=", ": ", StringComparison.Ordinal)}").Append(
            $"- runtime: {measurements[0].Runtime}"));

    /// <summary>A measurement's peer as a reader knows it.</summary>
    public static string Name(Measurement m)
    {
        string[] parts = m.Peer.Split('@');
        return parts.Length == 1 ? Names[parts[0]] : $"{Names[parts[0]]}, {Setups[parts[1]]}";
    }

    public static bool IsProduct(Measurement m) => m.Peer.Split('@')[0].EndsWith("-product", StringComparison.Ordinal);

    public static bool IsOwn(Measurement m) => m.Peer.StartsWith(Own, StringComparison.Ordinal);

    // The mean of the medians is nearest to the clock that the peers between them had.
    private static Measurement Merged(IEnumerable<Measurement> same)
    {
        Measurement first = same.First();
        double median = same.Average(static m => m.Median);
        return first with
        {
            Repeat = same.Sum(static m => m.Repeat),
            Median = median,
            Min = same.Min(static m => m.Min),
            Max = same.Max(static m => m.Max),
            Share = same.Average(static m => m.Share),
            Gflops = first.Gflops * first.Median / median,
            PeakRss = same.Max(static m => m.PeakRss),
            OwnRss = same.Max(static m => m.OwnRss),
        };
    }

    private static string Losses(Measurement[] losses, string head)
    {
        StringBuilder text = new();
        text.Append($"""
            # The loss with its gradient, beside what a user would pick instead

            {head}

            A batch against itself, rows of length 1, classes of 8, gamma 80, m 0.4. One process for each line; its loss and gradient agreed with
            ManagedCircle's, or it would have no line. What ratios are taken to was measured before the peers and again after them, the clock being never
            the same for long: its ms is the mean of two medians.
            The ratio is the peer's time over ManagedCircle's with the same options and threads: above 1, ManagedCircle is faster. Spread is the fastest and
            the slowest run.
            Share is 3 N^2 D, the fewest operations that give loss and gradient, over the time, as a part of the threads' peak.
            Memory beyond inputs is what the process took at its most beyond its libraries and inputs; peak is all of it.


            """);
        Wins(text, losses);
        foreach (IGrouping<(int N, int D, int Threads),
            Measurement> group in losses.GroupBy(static m => (m.N, m.D, m.Threads)).OrderBy(static g => g.Key.Threads).ThenBy(static g => (g.Key.N, g.Key.D)))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## N = {group.Key.N}, D = {group.Key.D}, {Threads(group.Key.Threads)}\n\n");
            text.Append("| loss | ms | spread | runs | ratio | share | memory beyond inputs, MB | peak, MB | |\n|---|---:|---|---:|---:|---:|---:|---:|---|\n");
            foreach (Measurement m in group)
            {
                text.Append(CultureInfo.InvariantCulture,
                    $"| {Name(m)} | {Time(m.Median)} | {Time(m.Min)} - {Time(m.Max)} | {m.Repeat} | {RatioText(m, losses)} | {m.Share:P0} | ");
                text.Append(CultureInfo.InvariantCulture, $"{m.OwnRss / 1e6:F0} | {m.PeakRss / 1e6:F0} | {m.Note} |\n");
            }
        }

        return text.ToString();
    }

    private static string Products(Measurement[] products, string head)
    {
        StringBuilder text = new();
        text.Append($"""
            # The similarity product, beside what a user would pick instead

            {head}

            S = U V^T of two matrices [N, D] in float32, both row after row. One process for each line; its product agreed with ManagedCircle's, or it would
            have no line.
            ManagedCircle was measured before the peers and again after them, the clock being never the same for long: its ms is the mean of two medians.
            The ratio is the peer's time over ManagedCircle's on the same threads: above 1, ManagedCircle is faster. Share is 2 N^2 D over the time, as a part
            of the threads' peak;
            the product of a matrix with itself needs half of that, and can have more than 100 %. The ratio to itself is the time over that product's.


            """);
        Wins(text, products);
        foreach (IGrouping<(int N, int D, int Threads),
            Measurement> group in products.GroupBy(static m => (m.N, m.D, m.Threads)).OrderBy(static g => g.Key.Threads).ThenBy(static g => (g.Key.N, g.Key.D)))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## N = {group.Key.N}, D = {group.Key.D}, {Threads(group.Key.Threads)}\n\n");
            text.Append("| product | ms | spread | runs | ratio | ratio to itself | GFLOP/s | share | |\n|---|---:|---|---:|---:|---:|---:|---:|---|\n");
            foreach (Measurement m in group)
            {
                text.Append(CultureInfo.InvariantCulture,
                    $"| {Name(m)} | {Time(m.Median)} | {Time(m.Min)} - {Time(m.Max)} | {m.Repeat} | {RatioText(m, products)} | ");
                text.Append(CultureInfo.InvariantCulture, $"{RatioText(m, products, OwnSelfProduct)} | {m.Gflops:F0} | {m.Share:P0} | {m.Note} |\n");
            }
        }

        return text.ToString();
    }

    // Who is faster, and where: a peer's win stands above all tables.
    private static void Wins(StringBuilder text, Measurement[] measurements)
    {
        Measurement[] wins = [.. measurements.Where(m => !IsOwn(m) && Ratio(m, measurements) < 1)];
        text.Append(wins.Length == 0 ? "No peer is faster than ManagedCircle in any of these.\n" : "Faster than ManagedCircle:\n\n");
        foreach (Measurement m in wins)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"- {Name(m)} at ({m.N}, {m.D}), {Threads(m.Threads)}: {Time(m.Median)} ms, ratio {Ratio(m, measurements):F2}\n");
        }
    }

    // The README's table: the size where it matters the most, beside PyTorch at its fastest without a trick of MKL's, and the usual way.
    private static string Headline(Measurement[] losses)
    {
        StringBuilder text = new("| loss and gradient of 4,096 rows of 128 numbers, one thread | ms | memory beyond inputs, MB |\n|---|---:|---:|\n");
        foreach (string peer in (string[])[Own, "torch-hand@tuned", "torch-pml"])
        {
            if (losses.FirstOrDefault(m => (m.Peer, m.N, m.D, m.Threads) == (peer, 4096, 128, 1)) is Measurement m)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {Name(m)} | {Time(m.Median)} | {m.OwnRss / 1e6:F0} |\n");
            }
        }

        return text.ToString();
    }

    // The table of docs/speed.md: one thread, one column for each size; and in a sentence every peer that is faster somewhere, where it is so the most.
    private static string Summary(Measurement[] losses, Measurement[] all)
    {
        Measurement[] shown = [.. losses.Where(static m => m.Threads == 1 && m.Peer is not (OwnKeras or "managedcircle-24mb"))];
        (int N, int D)[] sizes = [.. new[] { (256, 128), (1024, 128), (4096, 128) }.Where(size => shown.Any(m => (m.N, m.D) == size))];
        StringBuilder text = new();
        text.Append("| loss and gradient, one thread, ms |").AppendJoin(string.Empty, sizes.Select(static size => $" ({size.N}, {size.D}) |"))
            .Append(" memory beyond inputs at the largest, MB |\n|---|");
        text.AppendJoin(string.Empty, sizes.Select(static _ => "---:|")).Append("---:|\n");
        foreach (IGrouping<string, Measurement> peer in shown.GroupBy(static m => m.Peer))
        {
            text.Append($"| {Name(peer.First())} |");
            foreach ((int n, int d) in sizes)
            {
                Measurement? m = peer.FirstOrDefault(m => m.N == n && m.D == d);
                text.Append(m is null ? " |" : $" {Time(m.Median)}{(IsOwn(m) ? string.Empty : Text($" ({Ratio(m, losses):F1}x)"))} |");
            }

            Measurement? largest = peer.FirstOrDefault(m => (m.N, m.D) == sizes[^1]);
            text.Append(largest is null ? " |\n" : Text($" {largest.OwnRss / 1e6:F0} |\n"));
        }

        string[] faster = [.. all.Where(m => !IsOwn(m) && Ratio(m, all) < 1).GroupBy(Name).Select(peer => peer.MinBy(m => Ratio(m, all))!)
            .Select(m => $"{Name(m)} ({(IsProduct(m) ? "product" : "loss")}, "
                + Text($"{Ratio(m, all):F2} of ManagedCircle's time at ({m.N}, {m.D}), {Threads(m.Threads)})"))];
        text.Append(faster.Length == 0 ? "\nNo peer is faster, in the loss or in the similarity product.\n"
            : $"\nFaster than ManagedCircle somewhere: {string.Join("; ", faster)}.\n");
        return text.ToString();
    }

    private static double Ratio(Measurement m, Measurement[] measurements, string? own = null)
    {
        own ??= IsProduct(m) ? OwnProduct : m.Peer.StartsWith("torch-keras", StringComparison.Ordinal) ? OwnKeras : Own;
        Measurement? beside = measurements.FirstOrDefault(o => o.Peer == own && (o.N, o.D, o.Threads) == (m.N, m.D, m.Threads));
        return beside is null ? double.NaN : m.Median / beside.Median;
    }

    private static string RatioText(Measurement m, Measurement[] measurements, string? own = null) =>
        Ratio(m, measurements, own) is double ratio && double.IsNaN(ratio) ? "-" : Text($"{ratio:F2}");

    private static string Threads(int threads) => threads == 1 ? "1 thread" : $"{threads} threads";

    /// <summary>Milliseconds to three figures.</summary>
    public static string Time(double milliseconds) => milliseconds switch
    {
        < 1 => Text($"{milliseconds:F3}"),
        < 10 => Text($"{milliseconds:F2}"),
        < 100 => Text($"{milliseconds:F1}"),
        _ => Text($"{milliseconds:F0}"),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
