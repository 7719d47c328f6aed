using System.Text.Json;

namespace ManagedCircle.Tests.Golden;

/// <summary>
/// One run of another implementation of a further loss: its inputs, and what it computed in float64. README.md in this folder describes the format.
/// </summary>
public sealed record LossCase(string Name, string Peer, string Api, JsonElement Params, LossInputs Inputs, LossOutputs? Out64, string[] Flags, string? Notes)
{
    /// <summary>The peer and its loss.</summary>
    public string Group => string.Join('/', Name.Split('/')[..2]);

    /// <summary>A parameter of the loss.</summary>
    public double this[string parameter] => Params.GetProperty(parameter).GetDouble();

    /// <summary>A parameter in words; empty where there is none.</summary>
    public string Text(string parameter) => Params.TryGetProperty(parameter, out JsonElement value) ? value.ToString() : "";

    public override string ToString() => Name;
}

public sealed record LossInputs(
    GoldenArray Emb, GoldenArray? Labels, GoldenArray? RefEmb, GoldenArray? RefLabels, GoldenArray? ClassWeight, GoldenArray? Scores);

/// <summary>What the peer returned. <see cref="Rows"/> are the rows that <see cref="GradWeightRows"/> holds.</summary>
public sealed record LossOutputs(
    double Loss,
    GoldenArray? AnchorLosses,
    GoldenArray? PositiveLosses,
    GoldenArray? NegativeLosses,
    GoldenArray? GradEmb,
    GoldenArray? GradRef,
    GoldenArray? GradWeight,
    GoldenArray? GradWeightRows,
    double? GradScale,
    double? GradBias,
    int? NNonzero,
    int[]? Rows);

/// <summary>All cases of further losses, by name.</summary>
public static class LossSet
{
    private static readonly Lazy<Dictionary<string, LossCase>> Cases = new(() =>
        GoldenSet.Read<Manifest>("Losses/manifest.json").Cases.ToDictionary(golden => golden.Name));

    public static IReadOnlyCollection<string> Names => Cases.Value.Keys;

    public static LossCase Case(string name) => Cases.Value[name];

    private sealed record Manifest(LossCase[] Cases);
}
