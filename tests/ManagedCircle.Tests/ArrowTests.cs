using System.Text.RegularExpressions;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Which part of the library may know of which: public types, then Engine, then Kernels, then Simd, never the other way.</summary>
public sealed partial class ArrowTests
{
    // What the kernels and the vectors may say of the public types: names of numbers.
    private static readonly string[] PlainTypes = [nameof(PairKind), nameof(SimdWidth)];

    private static readonly string[] PublicTypes =
        [.. typeof(CircleLoss).Assembly.GetExportedTypes().Where(type => type.Namespace == nameof(ManagedCircle)).Select(type => type.Name)];

    // Public types that do something, rather than say what is asked for or was found.
    private static readonly string[] PublicBehaviour =
        [nameof(CircleLoss), nameof(SimilarityLoss), nameof(CosineSimilarity), nameof(CircleMargins), nameof(CrossBatchMemory),
            $"{nameof(PairStatistics)}.{nameof(PairStatistics.Of)}"];

    [Fact]
    public void Vectors_know_neither_kernels_nor_engine_nor_public_types() =>
        AssertSaysNothingOf("Simd", ["ManagedCircle.Kernels", "ManagedCircle.Engine", .. PublicTypes.Except(PlainTypes)]);

    [Fact]
    public void Kernels_know_neither_engine_nor_public_types() =>
        AssertSaysNothingOf("Kernels", ["ManagedCircle.Engine", .. PublicTypes.Except(PlainTypes)]);

    [Fact]
    public void The_engine_calls_nothing_public() => AssertSaysNothingOf("Engine", PublicBehaviour);

    [Fact]
    public void The_width_of_vectors_is_chosen_in_one_place()
    {
        IEnumerable<string> others = new[] { "src", "tools", "bench" }.SelectMany(folder => Sources(folder))
            .Where(path => !path.Contains(Path.Combine("ManagedCircle", "Simd"), StringComparison.Ordinal));

        Assert.All(others, path => Assert.DoesNotMatch(ChosenWidth(), Code(path)));
    }

    [Fact]
    public void Every_public_type_has_a_file_of_its_own() =>
        Assert.Empty(PublicTypes.Except(
            Directory.EnumerateFiles(RepositoryFiles.PathOf("src", "ManagedCircle"), "*.cs").Select(path => Path.GetFileNameWithoutExtension(path)!)));

    private static void AssertSaysNothingOf(string folder, IEnumerable<string> names)
    {
        Regex forbidden = new($@"\b({string.Join('|', names.Select(Regex.Escape))})\b");
        string[] sources = [.. Sources("src", "ManagedCircle", folder)];

        Assert.NotEmpty(sources);
        Assert.All(sources, path => Assert.DoesNotMatch(forbidden, Code(path)));
    }

    private static IEnumerable<string> Sources(params string[] folder) =>
        Directory.EnumerateFiles(RepositoryFiles.PathOf(folder), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    // Comments may speak of anything.
    private static string Code(string path) => Comment().Replace(File.ReadAllText(path), "");

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"<Simd(512|256|128|T|Scalar)\b.*\n.*<Simd(512|256|128|T|Scalar)\b")]
    private static partial Regex ChosenWidth();
}
