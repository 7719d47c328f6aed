using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ManagedCircle.Tests.Golden;

/// <summary>One run of another implementation: its inputs, and what it computed. README.md in this folder describes the format.</summary>
public sealed record GoldenCase(
    string Name, string Peer, GoldenParameters Params, GoldenInputs Inputs, GoldenOutputs Out64, GoldenOutputs? Out32, GoldenPrecise? Hp, string[] Flags)
{
    /// <summary>How far the peer's own float32 is from its float64.</summary>
    [JsonPropertyName("dev_32_vs_64")]
    public GoldenDeviations? FloatDeviations { get; init; }

    public override string ToString() => Name;
}

public sealed record GoldenParameters(
    double Gamma, double M, bool? Normalize, JsonElement? RemoveDiagonal, bool AlphaDetached, string? Reduction, double Low, double High)
{
    [JsonPropertyName("clip_similarity_at_1")]
    public bool ClampsAtOne { get; init; }
}

public sealed record GoldenInputs(
    GoldenArray Emb,
    GoldenArray Labels,
    GoldenArray? RefEmb,
    GoldenArray? RefLabels,
    GoldenArray? SampleWeight,
    GoldenArray? ClassWeight,
    GoldenArray? CurrBatchIdx,
    GoldenArray? EnqueueMask,
    GoldenArray? A,
    GoldenArray? A1,
    GoldenArray? P,
    GoldenArray? A2,
    GoldenArray? N);

public sealed record GoldenOutputs(
    double Loss,
    GoldenArray? AnchorLosses,
    GoldenArray? WeightedLosses,
    int? NNonzero,
    int? NPosPairs,
    int? NNegPairs,
    GoldenArray? Logits,
    GoldenArray? Cosines,
    double? LossSum,
    double? LossSumOverBatchSize,
    double? LossMean,
    double? LossMeanWithSampleWeight,
    GoldenArray? GradEmb,
    GoldenArray? GradEmbRows,
    GoldenStatistics GradEmbStats,
    GoldenArray? GradRef,
    GoldenStatistics? GradRefStats,
    GoldenArray? GradWeight,
    GoldenStatistics? GradWeightStats,
    GoldenArray? GradFdFull,
    GoldenArray? GradFdFrozenAlpha);

/// <summary>The formula evaluated in 80-bit arithmetic, with the gradients of both conventions.</summary>
public sealed record GoldenPrecise(
    double? Loss,
    GoldenArray AnchorLosses,
    GoldenArray? GradEmbDetached,
    GoldenArray? GradEmbFull,
    GoldenArray? GradRefDetached,
    GoldenArray? GradRefFull);

/// <summary>
/// What is known of a gradient that may be too large to be kept whole. Rows are those kept where it is not;
/// ProjCos is the sum over rows i and columns j of the gradient times cos(0.37 (i D + j) + 0.11).
/// </summary>
public sealed record GoldenStatistics(double Sum, double AbsSum, double L2, double MaxAbs, double ProjCos, int[] Rows);

public sealed record GoldenDeviations(double LossAbs, double? AnchorLossesMaxAbs, double? GradEmbMaxAbs, double? GradRefMaxAbs);

/// <summary>Numbers in one of the .bin files, little-endian, row-major: f32, f64, i32, i64, or u8 for flags.</summary>
public sealed record GoldenArray(string File, int Offset, string Dtype, int[] Shape)
{
    private int Count => Shape.Aggregate(1, (product, length) => product * length);

    public double[] ToDoubles() => Dtype == "f32" ? [.. Read<float>().Select(x => (double)x)] : Dtype == "f64" ? Read<double>() : throw Unlike("numbers");

    public long[] ToLongs() => Dtype switch
    {
        "i64" => Read<long>(),
        "i32" => [.. Read<int>().Select(x => (long)x)],
        "u8" => [.. Read<byte>().Select(x => (long)x)],
        _ => throw Unlike("integers"),
    };

    private T[] Read<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(GoldenSet.Bytes(File).AsSpan(Offset, Count * Marshal.SizeOf<T>())).ToArray();

    private InvalidDataException Unlike(string expected) => new($"The array at {Offset} of {File} is {Dtype}, expected {expected}.");
}

/// <summary>All golden cases, by name.</summary>
public static class GoldenSet
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private static readonly Lazy<Dictionary<string, byte[]>> Files = new(() =>
        Directory.GetFiles(Folder, "*.bin", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(Folder, path).Replace('\\', '/'), File.ReadAllBytes));

    private static readonly Lazy<Dictionary<string, GoldenCase>> Cases = new(() =>
        Read<Manifest>("manifest.json").Cases.ToDictionary(golden => golden.Name));

    public static IReadOnlyCollection<string> Names => Cases.Value.Keys;

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Golden");

    public static GoldenCase Case(string name) => Cases.Value[name];

    internal static T Read<T>(string manifest) => JsonSerializer.Deserialize<T>(File.ReadAllText(Path.Combine(Folder, manifest)), Json)!;

    internal static byte[] Bytes(string file) => Files.Value[file];

    private sealed record Manifest(GoldenCase[] Cases);
}
