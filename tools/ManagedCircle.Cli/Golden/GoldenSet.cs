using System.Runtime.ExceptionServices;
using System.Text;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>A golden set in a directory.</summary>
internal sealed class GoldenSet
{
    // Git must not change line endings: files have hashes.
    private const string AttributesName = ".gitattributes";
    private static readonly byte[] Attributes = Encoding.ASCII.GetBytes("* -text\n*.npy binary\n");

    private readonly string directory;

    private GoldenSet(string directory, GoldenManifest manifest) => (this.directory, Manifest) = (directory, manifest);

    public GoldenManifest Manifest { get; }

    /// <summary>Reads the manifest of a set, which must be the one that was written.</summary>
    /// <exception cref="BadInputException">There is none, or it is another.</exception>
    public static GoldenSet Open(string directory)
    {
        ThrowIfNoDirectory(directory);
        string path = Path.Combine(directory, GoldenManifest.FileName), hashPath = Path.Combine(directory, GoldenManifest.HashName);
        byte[] bytes = WithNewLines(ReadFile(path, Array.MaxLength)), hash = WithNewLines(ReadFile(hashPath, 1 << 10));
        return Encoding.Latin1.GetString(hash) == HashLine(bytes)
            ? new GoldenSet(directory, GoldenManifest.Parse(bytes, path))
            : throw new BadInputException(path, $"altered: its SHA-256 is {GoldenManifest.Hash(bytes)}, which is not what {GoldenManifest.HashName} says");
    }

    // A checkout may have given the two text files the line endings of its system, which say the same.
    private static byte[] WithNewLines(byte[] text) =>
        text.AsSpan().IndexOf("\r\n"u8) < 0 ? text : [.. text.Where((letter, i) => letter != '\r' || i + 1 == text.Length || text[i + 1] != '\n')];

    /// <summary>Reads the inputs of a case.</summary>
    /// <exception cref="BadInputException">A file is missing or altered, or the arrays do not fit each other.</exception>
    public GoldenProblem ReadProblem(ManifestCase item)
    {
        CaseEntry entry = item.EntryKind;
        string rows = entry == CaseEntry.Similarities ? ManifestCase.Similarities : ManifestCase.Embeddings;
        GoldenProblem problem = new()
        {
            Name = item.Name,
            About = item.About,
            Options = item.Options.ToOptions(item.Name),
            Entry = entry,
            Rows = Numbers(rows),
            Columns = item.Inputs[rows].Shape is [_, int columns and > 0] ? columns : throw Unfit(rows),
            Labels = Integers(ManifestCase.Labels),
            References = entry == CaseEntry.References ? Numbers(ManifestCase.References) : [],
            ReferenceLabels = entry == CaseEntry.Self ? [] : Integers(ManifestCase.ReferenceLabels),
            Terms = new()
            {
                Weights = Numbers(ManifestCase.Weights),
                Upstream = Numbers(ManifestCase.Upstream),
                ExcludedReferences = [.. Integers(ManifestCase.ExcludedReferences).Select(r => (int)Math.Clamp(r, int.MinValue, int.MaxValue))],
            },
        };

        bool fit = problem.Rows.Length == problem.Labels.Length * (long)problem.Columns && (entry switch
        {
            CaseEntry.Self => problem.Terms.ExcludedReferences.Length == 0,
            CaseEntry.References => problem.References.Length == problem.ReferenceLabels.Length * (long)problem.Columns,
            _ => problem.ReferenceLabels.Length == problem.Columns,
        });
        string? unfitAnswer = item.Outputs.Keys.FirstOrDefault(quantity => !item.Outputs[quantity].Shape.SequenceEqual(problem.ShapeOf(quantity)));
        return !fit ? throw Unfit(rows) : unfitAnswer is not null ? throw Unfit(unfitAnswer) : problem;

        double[] Numbers(string name) => item.Inputs.ContainsKey(name) ? ReadNumbers(item, name, item.Inputs[name]) : [];

        long[] Integers(string name) => item.Inputs.TryGetValue(name, out ManifestArray? array)
            ? ReadArray<long>(item, name, array, static (stream, path) => (NpyReader.ReadLabels(stream, path), null))
            : [];

        BadInputException Unfit(string name) => new(PathOf(directory, item.Name, name), "its shape does not fit the other arrays of its case");
    }

    /// <summary>Reads an answer of the reference.</summary>
    /// <exception cref="BadInputException">The file is missing or altered.</exception>
    public double[] ReadAnswer(ManifestCase item, string quantity) => ReadNumbers(item, quantity, item.Outputs[quantity]);

    /// <summary>Refuses a name that is not of a directory.</summary>
    public static void ThrowIfNoDirectory(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new BadInputException(path, File.Exists(path) ? "a file: expected a directory" : "no such directory");
        }
    }

    /// <summary>The path of an array below a directory.</summary>
    public static string PathOf(string directory, string name, string array) => Path.Combine(directory, name, $"{array}.npy");

    /// <summary>Writes a set, in place of one that is there; returns its manifest and how many bytes its arrays take.</summary>
    /// <param name="directory">A new or empty directory, or a golden set.</param>
    /// <param name="seed">What the inputs are drawn from.</param>
    /// <param name="problems">The cases.</param>
    /// <param name="caseDone">Called after every case, one call at a time.</param>
    /// <param name="threads">How many cases are solved at once; each is a computation of its own, so the bytes are the same.</param>
    /// <exception cref="BadInputException">The directory holds something else, or cannot be written.</exception>
    public static (GoldenManifest Manifest, long Bytes) Write(
        string directory, int seed, IReadOnlyList<GoldenProblem> problems, Action caseDone, int threads = 1)
    {
        ThrowUnlessReplaceable(ReplacedFile.RealPath(directory));
        using OutputFolder folder = new(directory);
        try
        {
            ManifestCase[] cases = new ManifestCase[problems.Count];
            long bytes = 0;
            Lock oneAtATime = new();
            Parallel.For(0, cases.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, index =>
            {
                long own = 0;
                cases[index] = WriteCase(folder, problems[index], ref own);
                lock (oneAtATime)
                {
                    bytes += own;
                    caseDone();
                }
            });

            GoldenManifest manifest = new(GoldenManifest.FormatName, GoldenManifest.CurrentVersion, seed, cases);
            byte[] manifestBytes = manifest.ToBytes();
            folder.Write(GoldenManifest.FileName, manifestBytes);
            folder.Write(GoldenManifest.HashName, Encoding.Latin1.GetBytes(HashLine(manifestBytes)));
            string attributes = Path.Combine(folder.Target, AttributesName);
            folder.Write(AttributesName, File.Exists(attributes) ? File.ReadAllBytes(attributes) : Attributes);
            ThrowUnlessReplaceable(folder.Target, folder.Unfinished);
            folder.Commit();
            return (manifest, bytes);
        }
        catch (AggregateException several)
        {
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
            throw;
        }
    }

    private static ManifestCase WriteCase(OutputFolder folder, GoldenProblem problem, ref long bytes)
    {
        ReferenceResult result = problem.Solve();
        Dictionary<string, Tolerances> tolerances = Tolerances.Of(problem, result);
        Dictionary<string, ManifestArray> inputs = [], outputs = [];
        long total = 0;

        bool given = problem.Entry == CaseEntry.Similarities;
        inputs[given ? ManifestCase.Similarities : ManifestCase.Embeddings] =
            WriteFloats(given ? ManifestCase.Similarities : ManifestCase.Embeddings, problem.Rows, problem.Labels.Length, problem.Columns);
        inputs[ManifestCase.Labels] = WriteArray<long>(ManifestCase.Labels, problem.Labels, problem.Labels.Length);
        if (problem.Entry == CaseEntry.References)
        {
            inputs[ManifestCase.References] = WriteFloats(ManifestCase.References, problem.References, problem.ReferenceCount, problem.Columns);
        }

        if (problem.Entry != CaseEntry.Self)
        {
            inputs[ManifestCase.ReferenceLabels] = WriteArray<long>(ManifestCase.ReferenceLabels, problem.ReferenceLabels, problem.ReferenceCount);
        }

        if (problem.Terms.Weights.Length > 0)
        {
            inputs[ManifestCase.Weights] = WriteFloats(ManifestCase.Weights, problem.Terms.Weights, problem.Terms.Weights.Length);
        }

        if (problem.Terms.Upstream.Length > 0)
        {
            inputs[ManifestCase.Upstream] = WriteFloats(ManifestCase.Upstream, problem.Terms.Upstream, problem.Terms.Upstream.Length);
        }

        if (problem.Terms.ExcludedReferences.Length > 0)
        {
            long[] excluded = [.. problem.Terms.ExcludedReferences];
            inputs[ManifestCase.ExcludedReferences] = WriteArray<long>(ManifestCase.ExcludedReferences, excluded, excluded.Length);
        }

        foreach ((string quantity, double[] answer) in problem.AnswersOf(result))
        {
            // Zeros of either sign are one number, and one file.
            double[] numbers = [.. answer.Select(x => x + 0.0)];
            outputs[quantity] = WriteArray<double>(quantity, numbers, problem.ShapeOf(quantity)) with { Tolerance = tolerances[quantity] };
        }

        bytes += total;
        return new ManifestCase(
            problem.Name,
            problem.About,
            Array.Find(OptionWords.Presets, preset => preset.Value == problem.Options).Word,
            ManifestCase.WordOf(problem.Entry),
            ManifestOptions.Of(problem.Options, problem.Entry),
            inputs,
            outputs);

        ManifestArray WriteFloats(string name, double[] values, params int[] shape) => WriteArray<float>(name, [.. values.Select(x => (float)x)], shape);

        ManifestArray WriteArray<T>(string name, ReadOnlySpan<T> values, params int[] shape)
            where T : unmanaged
        {
            using MemoryStream file = new();
            NpyWriter.Write(file, values, shape);
            byte[] content = file.ToArray();
            folder.Write(PathOf("", problem.Name, name), content);
            total += content.Length;
            return new ManifestArray(typeof(T) == typeof(long) ? "<i8" : typeof(T) == typeof(float) ? "<f4" : "<f8", shape, GoldenManifest.Hash(content));
        }
    }

    /// <summary>The files of the set, manifest and all.</summary>
    public IEnumerable<string> Files =>
    [
        Path.Combine(directory, GoldenManifest.FileName),
        Path.Combine(directory, GoldenManifest.HashName),
        Path.Combine(directory, AttributesName),
        .. Manifest.Cases.SelectMany(item => item.Inputs.Keys.Concat(item.Outputs.Keys).Select(array => PathOf(directory, item.Name, array))),
    ];

    /// <summary>The files that answers to it have in a directory.</summary>
    public IEnumerable<string> AnswersIn(string results) =>
        Manifest.Cases.SelectMany(item => item.Outputs.Keys.Select(quantity => PathOf(results, item.Name, quantity)));

    /// <summary>Refuses a directory with anything in it but a golden set, and the one that is being written.</summary>
    private static void ThrowUnlessReplaceable(string target, string? unfinished = null)
    {
        if (File.Exists(target))
        {
            throw new BadInputException(target, "a file: expected the name of a directory");
        }

        if (!Directory.Exists(target)
            || Directory.EnumerateFileSystemEntries(target).All(entry => entry == unfinished || entry == Path.Combine(target, AttributesName)))
        {
            return;
        }

        string refusal = "expected a new or empty directory, or a golden set to replace";
        GoldenSet set;
        try
        {
            set = Open(target);
        }
        catch (BadInputException error)
        {
            throw new BadInputException(target, $"not empty, and no golden set ({error.Message}): {refusal}");
        }

        HashSet<string> known = [.. set.Files];
        string? foreign = Directory.EnumerateFiles(target, "*", SearchOption.AllDirectories)
            .FirstOrDefault(path =>
                !known.Contains(path) && !(unfinished is not null && path.StartsWith(unfinished + Path.DirectorySeparatorChar, StringComparison.Ordinal)));
        if (foreign is not null)
        {
            throw new BadInputException(foreign, $"no part of the golden set around it: {refusal}");
        }
    }

    private double[] ReadNumbers(ManifestCase item, string name, ManifestArray array) =>
        ReadArray<double>(item, name, array, static (stream, path) => NpyReader.ReadNumbers(stream, path));

    private T[] ReadArray<T>(ManifestCase item, string name, ManifestArray array, Func<Stream, string, (T[] Values, NpyHeader? Header)> read)
    {
        string path = PathOf(directory, item.Name, name);
        byte[] bytes = ReadFile(path, array.MostBytes);
        if (GoldenManifest.Hash(bytes) != array.Sha256)
        {
            throw new BadInputException(path, $"altered: its SHA-256 is {GoldenManifest.Hash(bytes)}, expected {array.Sha256}");
        }

        using MemoryStream stream = new(bytes);
        (T[] values, NpyHeader? header) = read(stream, path);
        bool asTheManifestSays = array.Shape.Aggregate(1L, (count, axis) => count * axis) == values.Length
            && (header is null || header.Type == array.Dtype && header.Shape.SequenceEqual(array.Shape));
        return asTheManifestSays
            ? values
            : throw new BadInputException(path, $"another type or shape than the manifest says: expected ({string.Join(", ", array.Shape)}) of {array.Dtype}");
    }

    private static byte[] ReadFile(string path, Int128 mostBytes)
    {
        using FileStream stream = InputFile.OpenFile(path);
        if (stream.Length > mostBytes)
        {
            throw new BadInputException(path, $"{stream.Length} bytes: expected at most {mostBytes}");
        }

        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string HashLine(byte[] manifest) => $"{GoldenManifest.Hash(manifest)}  {GoldenManifest.FileName}\n";
}
