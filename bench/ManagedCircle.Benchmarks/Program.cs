using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using ManagedCircle.Benchmarks;

// dotnet run -c Release --project bench/ManagedCircle.Benchmarks -- --filter "*Loss*" --disasm
ManualConfig config = ManualConfig.Create(DefaultConfig.Instance)
    .AddJob([.. Widths.Jobs])
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(new PeakShare())
    .HideColumns(Column.EnvironmentVariables, Column.Runtime, Column.IterationCount, Column.WarmupCount, Column.IterationTime)
    .WithOptions(ConfigOptions.JoinSummary);
BenchmarkReport[] reports = [.. BenchmarkSwitcher.FromAssembly(typeof(LossBenchmarks).Assembly).Run(args, config).SelectMany(static summary => summary.Reports)];

// Nothing here may allocate.
string[] wrong = [.. reports.Where(static r => !r.Success || r.GcStats.GetBytesAllocatedPerOperation(r.BenchmarkCase) is not 0).Select(static r => r.BenchmarkCase.DisplayInfo).Distinct()];
foreach (string benchmark in wrong)
{
    Console.Error.WriteLine($"failed, or allocated: {benchmark}");
}

return wrong.Length == 0 ? 0 : 1;
