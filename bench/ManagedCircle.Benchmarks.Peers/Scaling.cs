using System.Globalization;
using System.Text;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>How time and memory grow with the rows.</summary>
internal static class Scaling
{
    // Below this many rows the fixed costs of a call bend the line.
    private const int FittedFrom = 1024;

    private const double Memory = 16e9;

    /// <summary>Writes scaling.md and its plots.</summary>
    public static void Write(IReadOnlyList<Measurement> lines, string directory, IReadOnlyList<string> facts)
    {
        int[] sizes = [.. lines.Select(static m => m.N).Distinct().Order()];
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Loss and gradient against the number of rows

            {Report.Head(lines, facts)}

            D = {lines[0].D}, one thread. In a cell: ms, and the memory beyond inputs in MB. The exponents are least-squares fits of log time and log memory
            against log N, from {FittedFrom} rows on.
            The largest N within 16 GB is a peer's by its memory at the largest N that it ran, which grows as N^2 from there, not tried; ManagedCircle's is at
            least the largest that it ran here. Beyond 65,536 rows it ran
            once, not warmed up. Up to some 5,000 rows it keeps the similarities, from there on it computes them again: one exponent of its memory is for both.
            A peer has no cell where it was not run, for its memory or its time.


            """);
        text.Append("| loss |").AppendJoin(string.Empty, sizes.Select(static n => $" {n} |"))
            .Append(" time grows with N to the | memory | largest N within 16 GB |\n|---|");
        text.AppendJoin(string.Empty, sizes.Select(static _ => "---:|")).Append("---:|---:|---:|\n");
        foreach (IGrouping<string, Measurement> peer in lines.GroupBy(static m => m.Peer))
        {
            Measurement[] fitted = [.. peer.Where(static m => m.N >= FittedFrom)];
            double timeExponent = Exponent(fitted, static m => m.Median), memoryExponent = Exponent(fitted, static m => m.OwnRss);
            text.Append(CultureInfo.InvariantCulture, $"| {Report.Name(peer.First())} |");
            foreach (int n in sizes)
            {
                text.Append(peer.FirstOrDefault(m => m.N == n) is { } m
                    ? string.Create(CultureInfo.InvariantCulture, $" {Report.Time(m.Median)}, {m.OwnRss / 1e6:F0} |") : " |");
            }

            bool own = Report.IsOwn(peer.First());
            Measurement last = peer.MaxBy(static m => m.N)!;
            double largest = own ? last.N : Math.Floor(last.N * Math.Sqrt(Memory / last.OwnRss) / 1000) * 1000;
            text.Append(CultureInfo.InvariantCulture, $" {timeExponent:F2} | {memoryExponent:F2} | {(own ? "at least " : string.Empty)}{largest:N0} |\n");
        }

        File.WriteAllText(Path.Combine(directory, "scaling.md"), text.ToString());
        Plots.WriteScaling([.. lines], directory);
    }

    // Of N, in value = constant * N^exponent.
    private static double Exponent(Measurement[] measurements, Func<Measurement, double> value) =>
        MathNet.Numerics.LinearRegression.SimpleRegression.Fit(
            [.. measurements.Select(static m => Math.Log(m.N))], [.. measurements.Select(m => Math.Log(value(m)))]).Item2;
}
