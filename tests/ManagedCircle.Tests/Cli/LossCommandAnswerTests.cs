using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Cli;

/// <summary>What <c>mcircle loss</c> computes is what the library computes, to the bit.</summary>
public sealed class LossCommandAnswerTests : IDisposable
{
    private const int Queries = 20, References = 12, Dimension = 5;

    private readonly TemporaryDirectory directory = new();
    private readonly float[] queries, references, weights;
    private readonly long[] queryLabels, referenceLabels;

    public LossCommandAnswerTests()
    {
        Random random = new(5);
        queries = Draw(Queries * Dimension);
        references = Draw(References * Dimension);
        weights = [.. Draw(Queries).Select(Math.Abs)];
        queryLabels = [.. Enumerable.Range(0, Queries).Select(i => (long)(i % 4))];
        referenceLabels = [.. Enumerable.Range(0, References).Select(i => (long)(i % 5))];
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({Queries}, {Dimension})", queries));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(queryLabels));
        File.WriteAllBytes(directory["R.npy"], NpyBytes.Floats($"({References}, {Dimension})", references));
        File.WriteAllBytes(directory["r.npy"], NpyBytes.Labels(referenceLabels));
        File.WriteAllBytes(directory["w.npy"], NpyBytes.Floats($"({Queries}, 1)", weights));

        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextSingle() - 1)];
    }

    private CommandLine Batch => $"loss --embeddings {directory["X.npy"]} --labels {directory["y.npy"]}";

    private CommandLine Self => $"{Batch} --json";

    private CommandLine WithReferences => $"{Self} --references {directory["R.npy"]} --reference-labels {directory["r.npy"]}";

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Float64_is_the_reference_on_a_batch()
    {
        ReferenceResult expected =
            ReferenceLoss.SelfBatch(CircleLossOptions.Keras, Widen(queries), queryLabels, new ReferenceTerms { Weights = Widen(weights) });

        JsonElement report = Run(
            $"{Self} --preset keras --precision float64 --weights {directory["w.npy"]} "
            + $"--gradient-out {directory["dX.npy"]} --losses-out {directory["L.npy"]} --threads 3 --isa vector128");

        Assert.Equal(expected.Loss, report.GetProperty("loss").GetDouble());
        Assert.Equal(expected.QueryGradient, Read<double>("dX.npy", Queries, Dimension));
        Assert.Equal(expected.Losses, NpyReader.ReadColumn<double>(directory["L.npy"]));
        Assert.Equal(("float64", "scalar", 1),
            (report.GetProperty("precision").GetString(), report.GetProperty("isa").GetString(), report.GetProperty("threads").GetInt32()));
        Assert.True(report.GetProperty("workspaceBytes").GetInt64() >= Queries * Queries * sizeof(double));
    }

    [Fact]
    public void Float64_is_the_reference_against_references()
    {
        ReferenceResult expected = ReferenceLoss.AgainstReferences(CircleLossOptions.Paper, Widen(queries), queryLabels, Widen(references), referenceLabels);

        JsonElement report = Run(
            $"{WithReferences} --precision float64 --gradient-out {directory["dX.npy"]} "
            + $"--reference-gradient-out {directory["dR.npy"]} --similarities-out {directory["S.npy"]}");

        Assert.Equal(expected.Loss, report.GetProperty("loss").GetDouble());
        Assert.Equal(expected.QueryGradient, Read<double>("dX.npy", Queries, Dimension));
        Assert.Equal(expected.ReferenceGradient, Read<double>("dR.npy", References, Dimension));
        Assert.Equal(expected.Similarities, Read<double>("S.npy", Queries, References));
    }

    [Fact]
    public void A_whole_batch_has_one_loss()
    {
        ReferenceResult expected = ReferenceLoss.SelfBatch(CircleLossOptions.PaperGlobal, Widen(queries), queryLabels);

        JsonElement report = Run($"{Self} --preset paper-global --precision float64 --losses-out {directory["L.npy"]}");

        Assert.Equal(expected.Loss, report.GetProperty("loss").GetDouble());
        Assert.Equal([expected.Loss], NpyReader.ReadColumn<double>(directory["L.npy"]));
    }

    [Fact]
    public void The_report_has_the_names_and_the_order_of_the_contract()
    {
        JsonElement report = Run($"{WithReferences} --precision float64 --ignore-label 3 --repeat 2");

        Assert.Equal(
            ["loss", "workspaceBytes", "queries", "references", "dimension", "valid", "nonzero", "precision", "isa", "threads", "milliseconds"],
            report.EnumerateObject().Select(property => property.Name));
        Assert.Equal((15, 10, 5, 15), (Int("queries"), Int("references"), Int("dimension"), Int("valid")));
        Assert.InRange(Int("nonzero"), 0, 15);
        Assert.True(report.GetProperty("milliseconds").GetDouble() >= 0);

        int Int(string name) => report.GetProperty(name).GetInt32();
    }

    [Fact]
    public void Without_a_reduction_there_is_no_loss_but_losses()
    {
        JsonElement report = Run($"{Self} --precision float64 --reduction none --losses-out {directory["L.npy"]}");

        Assert.Equal(JsonValueKind.Null, report.GetProperty("loss").ValueKind);
        Assert.Equal(ReferenceLoss.SelfBatch(CircleLossOptions.Paper, Widen(queries), queryLabels).Losses, NpyReader.ReadColumn<double>(directory["L.npy"]));
    }

    [Fact]
    public void Without_JSON_the_report_is_a_table()
    {
        CommandRun run = CommandRun.Of($"{Batch} --precision float64");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("20, of which 20 valid", run.Output, StringComparison.Ordinal);
        Assert.Contains("float64, scalar, 1 thread", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Similarities_without_normalisation_are_inner_products()
    {
        Run($"{WithReferences} --precision float64 --normalize false --similarities-out {directory["S.npy"]}");

        Assert.Equal(ReferenceSimilarity.Forward(Widen(queries), Widen(references), Dimension, normalize: false), Read<double>("S.npy", Queries, References));
    }

    [Theory]
    [InlineData("false", new float[] { 3, -6, 0, 0, 0, 0 })]
    [InlineData("true", new float[] { 1, -1, 0, 0, 0, 0 })]
    public void Float32_writes_similarities_too(string normalize, float[] expected)
    {
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats("(3, 2)", 3, 0, 0, 4, 0, 0));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(1, 1, 2));
        File.WriteAllBytes(directory["R.npy"], NpyBytes.Floats("(2, 2)", 1, 0, -2, 0));
        File.WriteAllBytes(directory["r.npy"], NpyBytes.Labels(1, 2));

        Run($"{WithReferences} --normalize {normalize} --similarities-out {directory["S.npy"]}");

        Assert.Equal(expected, Read<float>("S.npy", 3, 2));
    }

    [Fact]
    public void Similarities_that_are_written_in_parts_are_in_their_places()
    {
        const int Count = 2_100; // 4.4 million similarities, where 4.2 are computed at once
        float[] rows = [.. Enumerable.Range(0, Count).Select(i => (float)i)];
        File.WriteAllBytes(directory["X.npy"], NpyBytes.Floats($"({Count}, 1)", rows));
        File.WriteAllBytes(directory["y.npy"], NpyBytes.Labels(new long[Count]));

        Run($"{Self} --normalize false --similarities-out {directory["S.npy"]}");

        float[] similarities = Read<float>("S.npy", Count, Count);
        Assert.True(Enumerable.Range(0, Count * Count).All(i => similarities[i] == rows[i / Count] * rows[i % Count]));
    }

    [Theory]
    [InlineData("float64")]
    [InlineData("float32")]
    public void An_empty_batch_has_loss_0(string precision)
    {
        File.WriteAllBytes(directory["X0.npy"], NpyBytes.Floats("(0, 4)"));
        File.WriteAllBytes(directory["y0.npy"], NpyBytes.Labels());

        JsonElement report = Run(
            $"loss --embeddings {directory["X0.npy"]} --labels {directory["y0.npy"]} --json --precision {precision} "
            + $"--gradient-out {directory["dX.npy"]} --similarities-out {directory["S.npy"]}");

        Assert.Equal((0, 0, 4), (report.GetProperty("loss").GetDouble(), report.GetProperty("queries").GetInt32(), report.GetProperty("dimension").GetInt32()));
        Assert.Equal(0, NpyReader.ReadMatrix<double>(directory["dX.npy"]).Rows);
    }

    [Fact]
    public void Float32_is_the_engine_on_a_batch()
    {
        using CircleLoss loss = new(CircleLossOptions.Keras);
        float[] gradient = new float[queries.Length], losses = new float[Queries];
        LossResult expected = loss.ForwardBackward(new EmbeddingBatch(queries, queryLabels), gradient, losses, new QueryTerms { Weights = weights });

        JsonElement report = Run(
            $"{Self} --preset keras --weights {directory["w.npy"]} "
            + $"--gradient-out {directory["dX.npy"]} --losses-out {directory["L.npy"]} --threads 2 --repeat 3");

        Assert.Equal(expected.Loss, report.GetProperty("loss").GetDouble());
        Assert.Equal(gradient, Read<float>("dX.npy", Queries, Dimension));
        Assert.Equal(losses, NpyReader.ReadColumn<float>(directory["L.npy"]));
        Assert.Equal(("float32", 2), (report.GetProperty("precision").GetString(), report.GetProperty("threads").GetInt32()));
        Assert.Equal(loss.SimdWidth.ToString(), report.GetProperty("isa").GetString(), ignoreCase: true);
    }

    [Fact]
    public void Float32_is_the_engine_against_references()
    {
        using CircleLoss loss = new(CircleLossOptions.Paper);
        float[] gradient = new float[queries.Length], referenceGradient = new float[references.Length];
        LossResult expected =
            loss.ForwardBackward(new EmbeddingBatch(queries, queryLabels), new EmbeddingBatch(references, referenceLabels), gradient, referenceGradient);

        JsonElement report = Run($"{WithReferences} --gradient-out {directory["dX.npy"]} --reference-gradient-out {directory["dR.npy"]}");

        Assert.Equal(expected.Loss, report.GetProperty("loss").GetDouble());
        Assert.Equal(gradient, Read<float>("dX.npy", Queries, Dimension));
        Assert.Equal(referenceGradient, Read<float>("dR.npy", References, Dimension));
    }

    [Fact]
    public void One_gradient_of_two_can_be_left_out()
    {
        Run($"{WithReferences} --gradient-out {directory["dX.npy"]} --reference-gradient-out {directory["dR.npy"]}");
        float[] gradient = Read<float>("dX.npy", Queries, Dimension), referenceGradient = Read<float>("dR.npy", References, Dimension);

        Run($"{WithReferences} --gradient-out {directory["dX.npy"]}");
        Run($"{WithReferences} --reference-gradient-out {directory["dR.npy"]}");

        Assert.Equal(gradient, Read<float>("dX.npy", Queries, Dimension));
        Assert.Equal(referenceGradient, Read<float>("dR.npy", References, Dimension));
    }

    [Theory]
    [InlineData("scalar")]
    [InlineData("vectort")]
    [InlineData("vector128")]
    [InlineData("vector256")]
    [InlineData("vector512")]
    public void The_vectors_asked_for_run_where_the_hardware_has_them(string isa)
    {
        bool hardware = isa switch
        {
            "scalar" => true,
            "vectort" => Vector.IsHardwareAccelerated,
            "vector128" => Vector128.IsHardwareAccelerated,
            "vector256" => Vector256.IsHardwareAccelerated,
            _ => Vector512.IsHardwareAccelerated,
        };

        CommandRun run = CommandRun.Of($"{Self} --isa {isa}");

        Assert.Equal(hardware ? 0 : 2, run.ExitCode);
        Assert.Contains(hardware ? $"\"isa\":\"{isa}\"" : "mcircle: SimdWidth is Vector", run.Output + run.Error, StringComparison.Ordinal);
    }

    private static JsonElement Run(CommandLine line)
    {
        CommandRun run = CommandRun.Of(line);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(1, run.Output.Count(c => c == '\n'));
        return JsonDocument.Parse(run.Output).RootElement;
    }

    /// <summary>Reads an output, which must be of the expected shape and type: the bytes after its header are the values.</summary>
    private T[] Read<T>(string name, int rows, int columns)
        where T : unmanaged
    {
        byte[] file = File.ReadAllBytes(directory[name]);
        string type = typeof(T) == typeof(float) ? "<f4" : "<f8";
        Assert.StartsWith($"{{'descr': '{type}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}",
            System.Text.Encoding.Latin1.GetString(file[10..128]), StringComparison.Ordinal);
        return MemoryMarshal.Cast<byte, T>(file.AsSpan(128)).ToArray();
    }

    private static double[] Widen(float[] values) => [.. values.Select(value => (double)value)];
}
