using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using ManagedCircle.Engine;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>Numbers in messages read the same in every culture.</summary>
public sealed partial class MessageTests
{
    private static readonly CircleLossOptions Paper = CircleLossOptions.Paper;
    private static readonly LossDescription OfPaper = LossDescription.Of(Paper);

    // What it takes for each check of ThrowIf to refuse, by its name; numbers that have a sign or a point wherever they may.
    private static readonly (string Check, Action Call)[] Refusals =
    [
        (nameof(ThrowIf.NotDivisible), () => ThrowIf.NotDivisible(7, 2)),
        (nameof(ThrowIf.NotDivisible), () => ThrowIf.NotDivisible(7, 0)),
        (nameof(ThrowIf.NotRows), () => ThrowIf.NotRows(7, 2, 4, 5)),
        (nameof(ThrowIf.NotDimension), () => ThrowIf.NotDimension(-1)),
        (nameof(ThrowIf.NotStride), () => ThrowIf.NotStride(4, -5, "stride")),
        (nameof(ThrowIf.NotWholeRows), () => ThrowIf.NotWholeRows(7, 4, 5, "rows")),
        (nameof(ThrowIf.NotRoom), () => ThrowIf.NotRoom(7, 2, 4, 5, "rows")),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(Paper with { Gamma = -0.5 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(Paper with { Gamma = 1.5e36, Margin = 2.5 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(Paper with { Margin = double.NegativeInfinity })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(Paper with { NegativeMargin = -1.5e300 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(Paper with { Scope = (LossScope)(-3) })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { Factor = -0.5 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { PositiveMargin = double.NegativeInfinity })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { NegativeScale = 1.5e37 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { NegativeHardness = -0.5 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { Pooling = (PairPooling)(-3) })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new PairLossOptions { Selection = -0.5 })),
        (nameof(ThrowIf.NotComputed), () => ThrowIf.NotComputed(new PairLossOptions { Pooling = PairPooling.SeparateByScale, Selection = -0.5 })),
        (nameof(ThrowIf.BothDirections), () => ThrowIf.BothDirections(PairLossOptions.Clip())),
        (nameof(ThrowIf.NotOfCircle), () => ThrowIf.NotOfCircle(new() { Logits = new float[2] }, PairLossOptions.Clip())),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new ExecutionOptions { Threads = -2 })),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid(new ExecutionOptions { MaxKeptSimilarityBytes = -2 })),
        (nameof(ThrowIf.Unlike), () => ThrowIf.Unlike(Rows(2, 3), Rows(2, 4))),
        (nameof(ThrowIf.NotExtent), () => ThrowIf.NotExtent(new float[5], Rows(2, 3), "gradient")),
        (nameof(ThrowIf.NotLength), () => ThrowIf.NotLength(-1, 2, "losses", "one per query")),
        (nameof(ThrowIf.NotTerms), () => ThrowIf.NotTerms(new() { Weights = [0.5f, float.NaN] }, OfPaper, 2, 2, self: false)),
        (nameof(ThrowIf.NotTerms), () => ThrowIf.NotTerms(new() { Upstream = [float.NegativeInfinity] }, OfPaper, 2, 2, self: false)),
        (nameof(ThrowIf.NotTerms), () => ThrowIf.NotTerms(new() { ExcludedReferences = [0, -7] }, OfPaper, 2, 0, self: false)),
        (nameof(ThrowIf.NotTerms), () => ThrowIf.NotTerms(new SearchTerms { ExcludedReferences = [-7] }, 1, 0, self: false)),
        (nameof(ThrowIf.NotTerms), () => ThrowIf.NotTerms(new SearchTerms { Mask = [true] }, 1, -2, self: false)),
        (nameof(ThrowIf.Invalid), () => ThrowIf.Invalid((SimilarityMeasure)(-3))),
        (nameof(ThrowIf.NotNumber), () => ThrowIf.NotNumber(float.NaN, "similarity")),
        (nameof(ThrowIf.NotFinite), () => ThrowIf.NotFinite(check: true, -1, "rows")),
        (nameof(ThrowIf.NotFinite), () => ThrowIf.NotFinite(check: true, [1, float.NaN], 1)),
        (nameof(ThrowIf.NotFinite), () => ThrowIf.NotFinite(OfPaper, new EmbeddingBatch([1, float.NaN], [0L, 0L]), "rows")),
        (nameof(ThrowIf.Overlap), Overlap),
        (nameof(ThrowIf.Overlapping), () => throw ThrowIf.Overlapping("one", "other")),
        (nameof(ThrowIf.NotInPlace), () => ThrowIf.NotInPlace(new float[2], new float[3])),
        (nameof(ThrowIf.NotShape), () => ThrowIf.NotShape(7, -2, 3)),
        (nameof(ThrowIf.NotMatrix), () => ThrowIf.NotMatrix(7, 2)),
        (nameof(ThrowIf.NotMatrix), () => ThrowIf.NotMatrix(7, -2)),
        (nameof(ThrowIf.NotMask), () => ThrowIf.NotMask([PairKind.Positive, (PairKind)9], 2, 1)),
        (nameof(ThrowIf.NotIndices), () => ThrowIf.NotIndices([0, -3], 0, "Positives", "reference")),
        (nameof(ThrowIf.ListedAsBoth), () => throw ThrowIf.ListedAsBoth(-1, 2)),
        (nameof(ThrowIf.AnyExcluded), () => ThrowIf.AnyExcluded(new() { ExcludedReferences = [1] }, PairSource.Mask)),
        (nameof(ThrowIf.NotCount), () => ThrowIf.NotCount(-1, 0, "count")),
        (nameof(ThrowIf.NotOfGallery), () => ThrowIf.NotOfGallery(new RowMatrix([1], 1), -3)),
        (nameof(ThrowIf.NotOfGallery), () => ThrowIf.NotOfGallery(new RowMatrix([1, float.NaN], 1), default, 1)),
        (nameof(ThrowIf.NotRow), () => ThrowIf.NotRow(-1, 3)),
        (nameof(ThrowIf.NotRoomAt), () => ThrowIf.NotRoomAt(-1, 2, 3)),
        (nameof(ThrowIf.NotMeasure), () => ThrowIf.NotMeasure(SimilarityMeasure.Cosine, SimilarityMeasure.InnerProduct)),
        (nameof(ThrowIf.NotSharable), () => ThrowIf.NotSharable(Paper, inUse: true, disposed: false)),
        (nameof(ThrowIf.NotRank), () => ThrowIf.NotRank(-1, 3)),
        (nameof(ThrowIf.NotNeighbors), () => ThrowIf.NotNeighbors(1, -3)),
        (nameof(ThrowIf.NotCapacity), () => ThrowIf.NotCapacity(1 << 30, 1 << 10)),
        (nameof(ThrowIf.NotCapacity), () => ThrowIf.NotCapacity(-4, 1)),
        (nameof(ThrowIf.NotStorable), () => ThrowIf.NotStorable(Rows(2, 3), [], -4, 2, 2)),
        (nameof(ThrowIf.NotStorable), () => ThrowIf.NotStorable(Rows(2, 3), [], 3, 2, -1)),
        (nameof(ThrowIf.NotFree), () => ThrowIf.NotFree(Paper, inCall: true, disposed: false)),
        (nameof(ThrowIf.UnknownWorker), () => ThrowIf.UnknownWorker(new PoolScheduler(1), -1, 2)),
        (nameof(ThrowIf.WorkerTwice), () => ThrowIf.WorkerTwice(twice: true, new PoolScheduler(1), -1, 2)),
        (nameof(ThrowIf.WorkersMissing), () => throw ThrowIf.WorkersMissing(new PoolScheduler(1), -1, 2)),
        ("SimdChoice", () => _ = new CosineSimilarity(new ExecutionOptions { SimdWidth = (SimdWidth)(-1) })),
        ("CrossBatchMemory", () => CrossBatchMemory.Load(new MemoryStream(new byte[3]))),
        ("Reference", () => ReferenceSimilarity.UnitRows([1], -1)),
        ("Reference", () => ReferenceLoss.SelfBatch(Paper with { Gamma = -0.5 }, [1, 2], [0, 0])),
        ("Reference", () => ReferenceLoss.SelfBatch(Paper, [1, double.NegativeInfinity], [0, 0])),
        ("Reference", () => ReferenceLoss.SelfBatch(Paper, [1, 2, 3], [0, 0])),
    ];

    [Fact]
    public void A_message_is_the_same_in_every_culture()
    {
        CultureInfo before = CultureInfo.CurrentCulture, elsewhere = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        elsewhere.NumberFormat.NumberDecimalSeparator = ",";
        elsewhere.NumberFormat.NegativeSign = "\u2212";
        elsewhere.NumberFormat.PositiveInfinitySymbol = "unendlich";
        elsewhere.NumberFormat.NegativeInfinitySymbol = "\u2212unendlich";
        elsewhere.NumberFormat.NaNSymbol = "keine Zahl";
        try
        {
            foreach ((string check, Action call) in Refusals)
            {
                CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
                string expected = MessageOf(call, check);
                CultureInfo.CurrentCulture = elsewhere;
                Assert.Equal(expected, MessageOf(call, check));
            }

            Assert.StartsWith("Gamma is -0.5:", MessageOf(() => (Paper with { Gamma = -0.5 }).Validate(), "Validate"), StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Every_check_is_tried() =>
        Assert.Empty(typeof(ThrowIf).GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly).Select(check => check.Name)
            .Except(Refusals.Select(refusal => refusal.Check)));

    [Fact]
    public void Every_message_of_the_libraries_is_formatted_without_a_culture()
    {
        string[] sources = [.. Directory.EnumerateFiles(RepositoryFiles.PathOf("src"), "*.cs", SearchOption.AllDirectories).Where(IsSource)];

        Assert.NotEmpty(sources);
        Assert.All(sources, source => Assert.DoesNotMatch(FormattedByCulture(), File.ReadAllText(source)));
    }

    private static bool IsSource(string path) => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj");

    private static string MessageOf(Action call, string check)
    {
        Exception? error = Record.Exception(call);
        Assert.True(error != null, $"{check} does not refuse");
        return error.Message;
    }

    private static void Overlap()
    {
        float[] numbers = new float[3];
        ThrowIf.Overlap<float>(numbers, numbers, "one", "other");
    }

    private static EmbeddingBatch Rows(int count, int dimension) => new(new float[count * dimension], new long[count]);

    // An interpolated string that is no argument of a method that formats by the invariant culture, nor the second part of one.
    [GeneratedRegex("""(?<!(?:Invariant|Argument)\(\s*)(?<!"\s*\+\s*)\$"(?!")""")]
    private static partial Regex FormattedByCulture();
}
