using System.CommandLine;
using System.Diagnostics;
using System.Numerics;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Npy;
using ManagedCircle.Cli.Reports;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle loss</c>: the loss of embeddings in files, and what else is asked for.</summary>
internal static class LossCommand
{
    private static readonly Option<string> Embeddings =
        CommandOption.RequiredFile("--embeddings", "X.npy", "The rows, [N, D]; - reads one of the files from standard input");
    private static readonly Option<string> Labels = CommandOption.RequiredFile("--labels", "y.npy", "The class of each row, [N]");
    private static readonly Option<string?> References =
        CommandOption.File("--references", "R.npy", "Rows to compare with, [M, D]; left out, the rows themselves");
    private static readonly Option<string?> ReferenceLabels = CommandOption.File("--reference-labels", "r.npy", "The class of each reference, [M]");
    private static readonly Option<string?> Weights = CommandOption.File("--weights", "w.npy", "The weight of each row's loss, [N]");

    private static readonly Option<Preset?> PresetName = CommandOption.Choice(
        "--preset",
        "Whose loss to compute (paper); the options below override its choices",
        [.. OptionWords.Presets.Select(preset => (preset.Word, new Preset(preset.Value)))]);

    private static readonly Option<double?> Gamma = CommandOption.Number("--gamma", "G", "The scale (80 for paper)", positive: true);
    private static readonly Option<double?> Margin = CommandOption.Number("--margin", "M", "The relaxation factor m (0.4 for paper)");
    private static readonly Option<PairWeighting?> Alpha = CommandOption.Choice("--alpha", "How a pair is weighted", OptionWords.Alpha);
    private static readonly Option<WeightGradient?> AlphaGradient = CommandOption.Choice(
        "--alpha-gradient", "Whether the weight carries gradient", OptionWords.AlphaGradient);
    private static readonly Option<Normalization?> Normalize = CommandOption.Choice(
        "--normalize", "Whether rows are divided by their norm", ("true", Normalization.True), ("false", Normalization.False));
    private static readonly Option<SimilarityClamp?> Clamp = CommandOption.Choice("--clamp", "The range similarities are held in", OptionWords.Clamp);
    private static readonly Option<LossScope?> Scope = CommandOption.Choice("--scope", "One loss per query, or one for the whole batch", OptionWords.Scope);
    private static readonly Option<LossCombination?> Combine = CommandOption.Choice(
        "--combine", "softplus(P + N), or softplus(P) + softplus(N)", OptionWords.Combine);
    private static readonly Option<DiagonalPairs?> Diagonal = CommandOption.Choice(
        "--diagonal", "Whether query i is compared with reference i", OptionWords.Diagonal);
    private static readonly Option<LossReduction?> Reduction = CommandOption.Choice("--reduction", "How the losses become one", OptionWords.Reduction);
    private static readonly Option<MeanDenominator?> Denominator = CommandOption.Choice("--denominator", "What the mean divides by", OptionWords.Denominator);
    private static readonly Option<OutputScale?> Scale = CommandOption.Choice("--output-scale", "A factor on losses and gradients", OptionWords.Scale);
    private static readonly Option<long?> IgnoreLabel = CommandOption.Label("--ignore-label", "L", "A label whose rows take no part");

    private static readonly Option<Precision?> PrecisionName = CommandOption.Choice(
        "--precision", "The SIMD engine (float32), or the double reference", ("float32", Precision.Float32), ("float64", Precision.Float64));
    private static readonly Option<int?> Threads = CommandOption.Count("--threads", "T", "Threads of the SIMD engine (1)", least: 1, most: 4096);
    private static readonly Option<int?> MaxWorkspace =
        CommandOption.Count("--max-workspace-mb", "W", "Megabytes in which similarities may be kept for the gradient (64)", least: 0);
    private static readonly Option<int?> Repeat =
        CommandOption.Count("--repeat", "R", "Runs after the first, whose median time is given (0)", least: 0, most: 1_000_000);
    private static readonly Option<SimdWidth?> Isa = CommandOption.Choice("--isa", "The vectors of the SIMD engine (auto)", OptionWords.Isa);

    private static readonly Option<string?> LossesOut =
        CommandOption.File("--losses-out", "L.npy", "Write the loss of each row, [N], or of the whole batch, [1]");
    private static readonly Option<string?> GradientOut = CommandOption.File("--gradient-out", "dX.npy", "Write the gradient of the rows, [N, D]");
    private static readonly Option<string?> ReferenceGradientOut =
        CommandOption.File("--reference-gradient-out", "dR.npy", "Write the gradient of the references, [M, D]");
    private static readonly Option<string?> SimilaritiesOut = CommandOption.File("--similarities-out", "S.npy", "Write the similarities, [N, M]");
    private static readonly Option<string?> PageFile = CommandOption.File("--report", "report.html", "Write a page: similarities, hardest pairs, statistics");
    private static readonly Option<bool> Json = new("--json") { Description = "Write one JSON object" };

    private static readonly Option<string?>[] InputFiles = [Embeddings!, Labels!, References, ReferenceLabels, Weights];

    // As an Option<bool?> it would leave any other word to the next option, and not say what was expected.
    private enum Normalization
    {
        False,
        True,
    }

    private enum Precision
    {
        Float32,
        Float64,
    }

    /// <summary>The choices of a preset.</summary>
    private readonly record struct Preset(CircleLossOptions Options);

    public static Command Create()
    {
        Command command = new("loss", "Compute the loss of embeddings, and its gradients.")
        {
            Embeddings, Labels, References, ReferenceLabels, Weights,
            PresetName, Gamma, Margin, Alpha, AlphaGradient, Normalize, Clamp, Scope, Combine, Diagonal, Reduction, Denominator, Scale, IgnoreLabel,
            PrecisionName, Threads, MaxWorkspace, Repeat, Isa,
            LossesOut, GradientOut, ReferenceGradientOut, SimilaritiesOut, PageFile, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        InputFile.ThrowIfReadTwice(InputFiles.Select(command.GetValue));
        bool hasReferences = command.GetValue(References) is not null;
        if (hasReferences != command.GetValue(ReferenceLabels) is not null)
        {
            throw new UsageException("--references and --reference-labels belong together.");
        }

        if (!hasReferences && command.GetValue(ReferenceGradientOut) is not null)
        {
            throw new UsageException("--reference-gradient-out needs --references.");
        }

        CircleLossOptions options = ReadOptions(command);
        if (options.Scope == LossScope.Batch && command.GetValue(Weights) is not null)
        {
            throw new UsageException("--weights needs --scope query: the whole batch has one loss.");
        }

        if (command.GetValue(PrecisionName) == Precision.Float64)
        {
            using ReferenceEngine engine = new(options);
            Run(command, options, engine);
        }
        else
        {
            using SimdEngine engine = SimdEngine.Create(options, ReadExecution(command));
            Run(command, options, engine);
        }
    }

    /// <summary>The preset, with what the other options say in its place.</summary>
    internal static CircleLossOptions ReadOptions(ParseResult command)
    {
        CircleLossOptions preset = command.GetValue(PresetName)?.Options ?? CircleLossOptions.Paper;
        return CommandOption.Valid(preset with
        {
            Gamma = command.GetValue(Gamma) ?? preset.Gamma,
            Margin = command.GetValue(Margin) ?? preset.Margin,
            Weighting = command.GetValue(Alpha) ?? preset.Weighting,
            WeightGradient = command.GetValue(AlphaGradient) ?? preset.WeightGradient,
            Normalize = command.GetValue(Normalize) is { } normalize ? normalize == Normalization.True : preset.Normalize,
            Clamp = command.GetValue(Clamp) ?? preset.Clamp,
            Scope = command.GetValue(Scope) ?? preset.Scope,
            Combination = command.GetValue(Combine) ?? preset.Combination,
            SelfDiagonal = command.GetValue(Diagonal) ?? preset.SelfDiagonal,
            ReferenceDiagonal = command.GetValue(Diagonal) ?? preset.ReferenceDiagonal,
            Reduction = command.GetValue(Reduction) ?? preset.Reduction,
            Denominator = command.GetValue(Denominator) ?? preset.Denominator,
            OutputScale = command.GetValue(Scale) ?? preset.OutputScale,
            IgnoreLabel = command.GetValue(IgnoreLabel) ?? preset.IgnoreLabel,
        });
    }

    /// <summary>Where and how the SIMD engine runs.</summary>
    internal static ExecutionOptions ReadExecution(ParseResult command) => new()
    {
        Threads = command.GetValue(Threads) ?? ExecutionOptions.Default.Threads,
        MaxKeptSimilarityBytes = (long?)command.GetValue(MaxWorkspace) << 20 ?? ExecutionOptions.Default.MaxKeptSimilarityBytes,
        SimdWidth = command.GetValue(Isa) ?? ExecutionOptions.Default.SimdWidth,
    };

    private static void Run<T>(ParseResult command, CircleLossOptions options, ILossEngine<T> engine)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        LossInput<T> input = LossInput<T>.Read(
            command.GetRequiredValue(Embeddings), command.GetRequiredValue(Labels), command.GetValue(References), command.GetValue(ReferenceLabels),
                command.GetValue(Weights));
        NpyMatrix<T> queries = input.Queries, references = input.References ?? input.Queries;
        (int rows, int dimension) = (queries.Rows, queries.Columns);

        int lossCount = options.Scope == LossScope.Batch ? 1 : rows;
        using OutputFiles files = new([.. InputFiles.Select(command.GetValue)]);
        Stream? lossesFile = Begin(LossesOut, lossCount);
        Stream? gradientFile = Begin(GradientOut, rows, dimension);
        Stream? referenceGradientFile = Begin(ReferenceGradientOut, references.Rows, dimension);
        Stream? similaritiesFile = Begin(SimilaritiesOut, rows, references.Rows);
        Stream? page = command.GetValue(PageFile) is string pagePath ? files.Create(pagePath) : null;
        T[] losses = new T[lossesFile is null ? 0 : lossCount];
        T[] gradient = new T[gradientFile is null ? 0 : queries.Values.Length];
        T[] referenceGradient = new T[referenceGradientFile is null ? 0 : references.Values.Length];

        LossResult result = default;
        double[] milliseconds = new double[1 + (command.GetValue(Repeat) ?? 0)];
        Terminal.ShowProgress(command.InvocationConfiguration.Error, "loss", milliseconds.Length, done =>
        {
            for (int run = 0; run < milliseconds.Length; run++)
            {
                long start = Stopwatch.GetTimestamp();
                result = engine.Run(input, losses, gradient, referenceGradient);
                milliseconds[run] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                done();
            }
        });

        Write(lossesFile, losses, losses.Length);
        Write(gradientFile, gradient, rows, dimension);
        Write(referenceGradientFile, referenceGradient, references.Rows, dimension);
        if (similaritiesFile is not null)
        {
            WriteSimilarities(similaritiesFile, engine, queries, references);
        }

        LossReport report = new(
            options.Reduction == LossReduction.None ? null : result.Loss,
            engine.WorkspaceBytes,
            result.QueryCount,
            result.ReferenceCount,
            dimension,
            result.ValidCount,
            result.NonzeroCount,
            typeof(T) == typeof(float) ? "float32" : "float64",
            engine.SimdWidth.ToString().ToLowerInvariant(),
            engine.Threads,
            Median(milliseconds.Length > 1 ? milliseconds[1..] : milliseconds));
        if (page is not null)
        {
            PairSurvey survey = Terminal.ShowProgress(
                command.InvocationConfiguration.Error, "report", PairSurvey.Parts(input), done => PairSurvey.Of(options, input, engine, done));
            page.Write(LossPage.Of(report, options, input, survey, command.GetRequiredValue(Embeddings)));
        }

        files.Commit();
        if (command.GetValue(Json))
        {
            Terminal.WriteJson(command.InvocationConfiguration.Output, report);
        }
        else
        {
            Terminal.WriteTable(command.InvocationConfiguration.Output, report.ToTable());
        }

        Stream? Begin(Option<string?> option, params int[] shape) =>
            command.GetValue(option) is string path ? files.Create(path, NpyWriter.Length<T>(shape)) : null;
    }

    private static void Write<T>(Stream? file, T[] values, params int[] shape)
        where T : unmanaged
    {
        if (file is not null)
        {
            NpyWriter.Write<T>(file, values, shape);
        }
    }

    /// <summary>Writes the similarities some rows at a time, so that they need not fit into memory.</summary>
    private static void WriteSimilarities<T>(Stream file, ILossEngine<T> engine, NpyMatrix<T> queries, NpyMatrix<T> references)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int NumbersAtOnce = 1 << 22;
        int dimension = queries.Columns;
        int rowsAtOnce = Math.Clamp(NumbersAtOnce / Math.Max(1, references.Rows), 1, Math.Max(1, queries.Rows));
        T[] similarities = new T[(long)rowsAtOnce * references.Rows];
        NpyWriter.WriteHeader<T>(file, queries.Rows, references.Rows);
        for (int row = 0; row < queries.Rows; row += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, queries.Rows - row);
            Span<T> destination = similarities.AsSpan(0, rows * references.Rows);
            engine.Similarities(queries.Values.AsSpan(row * dimension, rows * dimension), references.Values, dimension, destination);
            NpyWriter.WriteValues<T>(file, destination);
        }
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
