using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using ManagedCircle.Measuring;

namespace ManagedCircle.Benchmarks;

/// <summary>Benchmarks whose work is multiply-adds.</summary>
public interface ICounted
{
    /// <summary>The fewest operations of one call, a multiply-add being two.</summary>
    double Flops(string benchmark);

    /// <summary>How many cores may share a call.</summary>
    int Cores(string benchmark);
}

/// <summary>
/// The share of the peak of the cores used, on the job's own vectors. The peak is the best found after the runs: a core that was slowed down meanwhile shows a
/// smaller share.
/// </summary>
internal sealed class PeakShare : IColumn
{
    private readonly Dictionary<SimdWidth, double> peaks = [];

    public string Id => nameof(PeakShare);

    public string ColumnName => "Peak share";

    public string Legend => "Fewest operations of the call over its mean time, as a part of the cores' measured peak";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        Type type = benchmarkCase.Descriptor.Type;
        if (!type.IsAssignableTo(typeof(ICounted)) || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
        {
            return "-";
        }

        ICounted counted = (ICounted)Activator.CreateInstance(type)!;
        foreach (BenchmarkDotNet.Parameters.ParameterInstance parameter in benchmarkCase.Parameters.Items)
        {
            type.GetProperty(parameter.Name)!.SetValue(counted, parameter.Value);
        }

        string benchmark = benchmarkCase.Descriptor.WorkloadMethod.Name;
        double share = counted.Flops(benchmark) / statistics.Mean / (Peak(Widths.Of(benchmarkCase.Job)) * counted.Cores(benchmark));
        return share.ToString("P0", CultureInfo.InvariantCulture);
    }

    private double Peak(SimdWidth width)
    {
        if (!peaks.TryGetValue(width, out double peak))
        {
            peak = Enumerable.Range(0, 20).Max(_ => PeakFlops.Measure(width));
            peaks.Add(width, peak);
        }

        return peak;
    }
}
