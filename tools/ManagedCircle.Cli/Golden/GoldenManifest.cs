using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using ManagedCircle.Cli.Loss;

namespace ManagedCircle.Cli.Golden;

/// <summary>The <c>manifest.json</c> of a golden set; docs/golden.md describes it.</summary>
internal sealed partial record GoldenManifest(string Format, int Version, int Seed, IReadOnlyList<ManifestCase> Cases)
{
    public const string FileName = "manifest.json", HashName = "manifest.sha256", FormatName = "mcircle-golden";
    public const int CurrentVersion = 3;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 16,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    // What another version has in it is no error of this one's.
    private static readonly JsonSerializerOptions JsonOfHead = new(Json) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];

    /// <summary>Reads a manifest, and checks that it can be one.</summary>
    /// <exception cref="BadInputException">It cannot.</exception>
    public static GoldenManifest Parse(ReadOnlySpan<byte> bytes, string path)
    {
        GoldenManifest manifest;
        try
        {
            (string? format, int version) = JsonSerializer.Deserialize<Head>(bytes, JsonOfHead)
                ?? throw new BadInputException(path, "null: expected a manifest");
            if (format != FormatName || version != CurrentVersion)
            {
                throw new BadInputException(
                    path, $"format '{format}' version {version}: expected '{FormatName}' version {CurrentVersion}; mcircle golden writes one");
            }

            manifest = JsonSerializer.Deserialize<GoldenManifest>(bytes, Json) ?? throw new BadInputException(path, "null: expected a manifest");
        }
        catch (JsonException error)
        {
            throw new BadInputException(path, $"no manifest of a golden set: {error.Message}");
        }

        if (manifest.Cases.Count == 0)
        {
            throw new BadInputException(path, "no cases: expected at least one");
        }

        HashSet<string> names = [];
        foreach (ManifestCase? item in manifest.Cases)
        {
            string name = item?.Name ?? throw new BadInputException(path, "a case that is null");
            if (!SafeName().IsMatch(name) || !names.Add(name))
            {
                throw new BadInputException(path, $"a case named '{name}': expected lower-case letters, digits, '-' and '.', and each name once");
            }

            item.Check($"{path}: case {name}");
        }

        return manifest;
    }

    /// <summary>The SHA-256 of some bytes, as it is written.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private sealed record Head(string? Format, int Version);

    // A name of a directory and of files, on any system.
    [GeneratedRegex(@"\A[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?\z")]
    private static partial Regex SafeName();
}

/// <summary>A case in a manifest.</summary>
/// <param name="Name">Its directory.</param>
/// <param name="About">What it is there for.</param>
/// <param name="Preset">The preset whose choices these are, if any.</param>
/// <param name="Entry">What goes in: <c>self</c>, <c>references</c> or <c>similarities</c>.</param>
/// <param name="Options">Every choice.</param>
/// <param name="Inputs">The arrays that go in, by the names of their files.</param>
/// <param name="Outputs">The arrays to compute.</param>
internal sealed record ManifestCase(
    string Name,
    string About,
    string? Preset,
    string Entry,
    ManifestOptions Options,
    IReadOnlyDictionary<string, ManifestArray> Inputs,
    IReadOnlyDictionary<string, ManifestArray> Outputs)
{
    public const string Embeddings = "embeddings", Similarities = "similarities", Labels = "labels", References = "references",
        ReferenceLabels = "reference-labels";
    public const string Weights = "weights", Upstream = "upstream", ExcludedReferences = "excluded-references";

    private static readonly Dictionary<string, (CaseEntry Entry, string[] Inputs)> Entries = new()
    {
        ["self"] = (CaseEntry.Self, [Embeddings, Labels]),
        ["references"] = (CaseEntry.References, [Embeddings, Labels, References, ReferenceLabels]),
        ["similarities"] = (CaseEntry.Similarities, [Similarities, Labels, ReferenceLabels]),
    };

    private static readonly string[] Optional = [Weights, Upstream, ExcludedReferences];
    private static readonly string[] Quantities = [Quantity.Loss, Quantity.Losses, Quantity.SimilarityGradient, Quantity.Gradient, Quantity.ReferenceGradient];

    public static string WordOf(CaseEntry entry) => Entries.First(pair => pair.Value.Entry == entry).Key;

    /// <summary>How it enters the loss.</summary>
    [JsonIgnore]
    public CaseEntry EntryKind => Entries[Entry].Entry;

    /// <summary>Checks names and shapes.</summary>
    public void Check(string where)
    {
        if (!Entries.TryGetValue(Entry, out (CaseEntry Entry, string[] Inputs) entry))
        {
            throw new BadInputException(where, $"entry '{Entry}': expected {string.Join(", ", Entries.Keys)}");
        }

        string[] missing = [.. entry.Inputs.Except(Inputs.Keys)],
            unknown = [.. Inputs.Keys.Except([.. entry.Inputs, .. Optional]), .. Outputs.Keys.Except(Quantities)];
        if (missing.Length > 0 || unknown.Length > 0 || Outputs.Count == 0)
        {
            throw new BadInputException(
                where, $"arrays {string.Join(", ", Inputs.Keys.Concat(Outputs.Keys))}: expected {string.Join(", ", entry.Inputs)} and answers");
        }

        Options.ToOptions(where);
        foreach ((string name, ManifestArray? array) in Inputs.Concat(Outputs))
        {
            (array ?? throw new BadInputException(where, $"array {name} is null")).Check($"{where}: {name}", isOutput: Outputs.ContainsKey(name));
        }
    }
}

/// <summary>Every choice of the loss, under the names of the command line, and the four constants that follow from the margin unless given.</summary>
internal sealed record ManifestOptions(
    double Gamma,
    double Margin,
    double PositiveOptimum,
    double NegativeOptimum,
    double PositiveMargin,
    double NegativeMargin,
    string Alpha,
    string AlphaGradient,
    bool Normalize,
    string Clamp,
    string Scope,
    string Combine,
    string Diagonal,
    string Reduction,
    string Denominator,
    string OutputScale,
    long? IgnoreLabel)
{
    public static ManifestOptions Of(CircleLossOptions options, CaseEntry entry) => new(
        options.Gamma,
        options.Margin,
        options.PositiveOptimum,
        options.NegativeOptimum,
        options.PositiveMargin,
        options.NegativeMargin,
        Word(OptionWords.Alpha, options.Weighting),
        Word(OptionWords.AlphaGradient, options.WeightGradient),
        options.Normalize,
        Word(OptionWords.Clamp, options.Clamp),
        Word(OptionWords.Scope, options.Scope),
        Word(OptionWords.Combine, options.Combination),
        Word(OptionWords.Diagonal, entry == CaseEntry.Self ? options.SelfDiagonal : options.ReferenceDiagonal),
        Word(OptionWords.Reduction, options.Reduction),
        Word(OptionWords.Denominator, options.Denominator),
        Word(OptionWords.Scale, options.OutputScale),
        options.IgnoreLabel);

    public CircleLossOptions ToOptions(string where)
    {
        double[] constants = [Margin, PositiveOptimum, NegativeOptimum, PositiveMargin, NegativeMargin];
        if (!(Gamma > 0) || !double.IsFinite(Gamma) || constants.Any(constant => !double.IsFinite(constant)))
        {
            throw new BadInputException(where, "gamma or a constant out of range: expected finite numbers, and gamma above 0");
        }

        DiagonalPairs diagonal = Value(OptionWords.Diagonal, Diagonal, where);
        return new()
        {
            Gamma = Gamma,
            Margin = Margin,
            PositiveOptimum = PositiveOptimum,
            NegativeOptimum = NegativeOptimum,
            PositiveMargin = PositiveMargin,
            NegativeMargin = NegativeMargin,
            Weighting = Value(OptionWords.Alpha, Alpha, where),
            WeightGradient = Value(OptionWords.AlphaGradient, AlphaGradient, where),
            Normalize = Normalize,
            Clamp = Value(OptionWords.Clamp, Clamp, where),
            Scope = Value(OptionWords.Scope, Scope, where),
            Combination = Value(OptionWords.Combine, Combine, where),
            SelfDiagonal = diagonal,
            ReferenceDiagonal = diagonal,
            Reduction = Value(OptionWords.Reduction, Reduction, where),
            Denominator = Value(OptionWords.Denominator, Denominator, where),
            OutputScale = Value(OptionWords.Scale, OutputScale, where),
            IgnoreLabel = IgnoreLabel,
        };
    }

    private static string Word<T>((string Word, T Value)[] words, T value)
        where T : struct, Enum => Array.Find(words, pair => pair.Value.Equals(value)).Word;

    private static T Value<T>((string Word, T Value)[] words, string word, string where)
        where T : struct, Enum => Array.FindIndex(words, pair => pair.Word == word) is >= 0 and int index
            ? words[index].Value
            : throw new BadInputException(where, $"option '{word}': expected {string.Join(", ", words.Select(pair => pair.Word))}");
}

/// <summary>An array in a manifest: the type, shape and hash of its file, and of an answer how far one may be from it.</summary>
internal sealed record ManifestArray(
    string Dtype,
    IReadOnlyList<int> Shape,
    [property: JsonPropertyName("sha256")] string Sha256,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Tolerances? Tolerance = null)
{
    // A plain header takes 128 bytes.
    private const int LongestHeader = 1 << 10;

    /// <summary>The most bytes that its file can have.</summary>
    [JsonIgnore]
    public Int128 MostBytes => Shape.Aggregate((Int128)8, (bytes, axis) => bytes * axis) + LongestHeader;

    public void Check(string where, bool isOutput)
    {
        if (Shape.Count is < 1 or > 2 || Shape.Any(axis => axis < 0) || MostBytes > Array.MaxLength)
        {
            throw new BadInputException(where, $"shape ({string.Join(", ", Shape)}): expected one or two axes and at most 2 GB");
        }

        if (isOutput != Tolerance is not null)
        {
            throw new BadInputException(where, "expected a tolerance of every answer, and of nothing else");
        }

        if (Tolerance is not null
            && NumberFormat.All.SelectMany(format => Tolerance.Of(format)?.All ?? []).Any(allowed => !(allowed >= 0) || !double.IsFinite(allowed)))
        {
            throw new BadInputException(where, "a tolerance out of range: expected finite numbers, at least 0");
        }
    }
}
