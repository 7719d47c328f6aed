using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
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
BenchmarkReport[] reports =
    [.. BenchmarkSwitcher.FromAssembly(typeof(LossBenchmarks).Assembly).Run(args, config).SelectMany(static summary => summary.Reports)];

// Nothing here may allocate. The runtime's own threads leave some hundred bytes in a run now and then; the smallest object is 24 bytes, and a call that made
// one would leave it every time.
const int SmallestObject = 24, RuntimesOwn = 4096;
string[] wrong = [.. reports.Where(static r => !r.Success || Allocates(r.GcStats)).Select(static r => r.BenchmarkCase.DisplayInfo).Distinct()];
foreach (string benchmark in wrong)
{
    Console.Error.WriteLine($"failed, or allocated: {benchmark}");
}

return wrong.Length == 0 ? 0 : 1;

static bool Allocates(GcStats stats) =>
    stats.GetTotalAllocatedBytes(excludeAllocationQuantumSideEffects: true) is long bytes
    && bytes >= Math.Max(RuntimesOwn, SmallestObject * stats.TotalOperations);
