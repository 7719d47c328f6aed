using System.Globalization;

namespace ManagedCircle.Cli.Golden;

/// <summary>The cases of a golden set, in order. Their inputs are numbers that a float holds.</summary>
/// <param name="seed">What the inputs are drawn from.</param>
internal sealed class GoldenCases(ulong seed)
{
    private static readonly double[] Gammas = [1, 32, 80, 256, 1024], Margins = [-0.2, 0, 0.25, 0.4, 0.5];

    private static readonly CircleLossOptions Paper = CircleLossOptions.Paper;

    /// <summary>Draws every case.</summary>
    public IEnumerable<GoldenProblem> All() =>
        [.. Grid(), .. Presets(), .. Options(), .. Terms(), .. Labels(), .. Degenerate(), .. Rows(), .. Shapes(), .. OfSimilarities()];

    private IEnumerable<GoldenProblem> Grid()
    {
        foreach (double gamma in Gammas)
        {
            foreach (double margin in Margins)
            {
                foreach (WeightGradient gradient in Enum.GetValues<WeightGradient>())
                {
                    string word = gradient.ToString().ToLowerInvariant();
                    string name = string.Create(CultureInfo.InvariantCulture, $"grid-gamma-{gamma}-margin-{margin}-{word}");
                    yield return Self(name, $"gamma and margin, alpha {word}", Paper with { Gamma = gamma, Margin = margin, WeightGradient = gradient }, 14, 9,
                        4);
                }
            }
        }
    }

    private IEnumerable<GoldenProblem> Presets()
    {
        foreach ((string word, CircleLossOptions preset) in Loss.OptionWords.Presets)
        {
            yield return Self($"preset-{word}", "a preset, a batch against itself", preset, 24, 16, 7);
            yield return Against($"preset-{word}-references", "a preset, queries against references", preset, 11, 19, 16, 5);
        }

        yield return ClassWeights("class-weights", "class weights, one reference per class", CircleLossOptions.ClassLevel, 23, 31, 24);
        yield return ClassWeights("class-weights-am-softmax", "class weights with alpha 1: AM-Softmax",
            CircleLossOptions.ClassLevel with { Weighting = PairWeighting.Constant }, 23, 31, 24);
        GoldenProblem outside =
            ClassWeights("class-weights-target-outside", "a target that is no class: its loss and gradient are 0", CircleLossOptions.ClassLevel, 9, 6, 10);
        outside.Labels[4] = 6;
        outside.Labels[7] = -1;
        yield return outside;
    }

    private IEnumerable<GoldenProblem> Options()
    {
        CircleLossOptions unnormalized = Paper with { Normalize = false };
        yield return Self("alpha-constant", "the unified loss", Paper with { Weighting = PairWeighting.Constant }, 20, 12, 6);
        yield return Self("alpha-constant-attached", "alpha 1 has no gradient to attach",
            Paper with { Weighting = PairWeighting.Constant, WeightGradient = WeightGradient.Attached }, 20, 12, 6);
        yield return Self("normalize-false", "rows taken as they are", unnormalized, 20, 12, 6, LengthsAroundOne);
        yield return Self("normalize-false-attached", "rows taken as they are", unnormalized with { WeightGradient = WeightGradient.Attached }, 20, 12, 6,
            LengthsAroundOne);
        yield return Self("clamp-max1", "products above 1 count as 1, without gradient", unnormalized with { Clamp = SimilarityClamp.AtMostOne }, 20, 6, 5,
            LengthsAroundOne, spread: 0.4);
        yield return Self("clamp-both", "products are held in [-1, 1]", unnormalized with { Clamp = SimilarityClamp.MinusOneToOne }, 20, 3, 5, (0.8, 1.7),
            spread: 0.4);
        yield return Against("clamp-both-references", "products are held in [-1, 1]", Attached(unnormalized) with { Clamp = SimilarityClamp.MinusOneToOne }, 13,
            17, 3, 4, (0.8, 1.7), spread: 0.4);
        yield return Self("scope-batch", "one loss, each unordered pair once", Paper with { Scope = LossScope.Batch }, 21, 12, 6);
        yield return Self("scope-batch-attached", "one loss, each unordered pair once", Attached(Paper) with { Scope = LossScope.Batch, Gamma = 32 }, 21, 12,
            6);
        yield return Self("scope-batch-diagonal-keep", "pairs (i, i) once",
            Paper with { Scope = LossScope.Batch, SelfDiagonal = DiagonalPairs.Kept, Gamma = 8 }, 15, 12, 6);
        yield return Against("scope-batch-references", "one loss over all pairs", Paper with { Scope = LossScope.Batch }, 13, 22, 12, 6);
        yield return Self("combine-separate", "softplus(P) + softplus(N)", Paper with { Combination = LossCombination.Separate, Gamma = 32 }, 20, 12, 6);
        yield return Against("combine-separate-references", "softplus(P) + softplus(N)",
            Attached(Paper) with { Combination = LossCombination.Separate, Gamma = 4 }, 12, 21, 12, 6);
        yield return Self("diagonal-keep", "a row is a positive of itself", Paper with { SelfDiagonal = DiagonalPairs.Kept, Gamma = 4 }, 20, 12, 6);
        GoldenProblem removed = Against(
            "diagonal-remove-references", "reference i is no positive of query i, but may be a negative",
                Paper with { ReferenceDiagonal = DiagonalPairs.Removed, Gamma = 4 }, 20, 26, 12, 4);
        removed.ReferenceLabels.AsSpan(8).Reverse();
        yield return removed;
        yield return Against("diagonal-keep-references", "query i and reference i are any two rows", Paper with { Gamma = 32 }, 20, 26, 12, 4);
        foreach (LossReduction reduction in Enum.GetValues<LossReduction>())
        {
            string word = reduction.ToString().ToLowerInvariant();
            yield return Weighted(Self($"reduction-{word}", "a reduction of weighted losses, with an upstream gradient per query",
                Paper with { Reduction = reduction }, 17, 12, 5), upstream: 17);
        }

        foreach (MeanDenominator denominator in Enum.GetValues<MeanDenominator>())
        {
            string word = Loss.OptionWords.Denominator.First(pair => pair.Value == denominator).Word;
            yield return Weighted(AllButOneValid(
                $"denominator-{word}", "what the mean divides by, with weights and a query that is not valid", Paper with { Denominator = denominator }));
            yield return VanishingLosses($"denominator-{word}-vanishing", "what the mean divides by, with losses that are 0 in any precision", denominator);
        }

        yield return Self("output-scale-inverse-gamma", "losses in units of similarity", Paper with { OutputScale = OutputScale.InverseGamma }, 20, 12, 6);
        yield return Against("output-scale-inverse-gamma-references", "losses in units of similarity",
            Paper with { OutputScale = OutputScale.InverseGamma, Gamma = 300 }, 9, 21, 12, 6);
        yield return Self(
            "constants-given",
            "the four constants given freely",
            Attached(Paper) with { Gamma = 48, PositiveOptimum = 1.125, NegativeOptimum = -0.375, PositiveMargin = 0.8125, NegativeMargin = 0.1875 },
            20, 12, 6);
        yield return Against(
            "constants-given-references",
            "the four constants given freely",
            Paper with { Gamma = 48, PositiveOptimum = 0.875, NegativeOptimum = 0.125, PositiveMargin = 0.75, NegativeMargin = 0.3125 },
            12, 20, 12, 6);
    }

    private IEnumerable<GoldenProblem> Terms()
    {
        yield return Weighted(Self("weights", "a weight per query, two of them 0", Paper, 18, 12, 5));
        yield return Weighted(
            Against("weights-references", "a weight per query, two of them 0", CircleLossOptions.Keras with { Normalize = true }, 18, 23, 12, 5));
        yield return WithUpstream(Self("upstream", "one upstream gradient", Paper, 18, 12, 5), 1);
        yield return WithUpstream(Self("upstream-per-query", "an upstream gradient per query", Paper, 18, 12, 5), 18);
        yield return WithUpstream(Against("upstream-per-query-references", "an upstream gradient per query", Attached(Paper), 18, 23, 12, 5), 18);
        yield return WithUpstream(Self("upstream-scope-batch", "one upstream gradient of one loss", Paper with { Scope = LossScope.Batch }, 18, 12, 5), 1);

        GoldenProblem excluded = Against(
            "excluded-references", "a reference per query that it is not compared with, as its own copy in a memory", Paper with { Gamma = 4 }, 12, 30, 10, 3);
        int[] copies = [.. Enumerable.Range(0, 12).Select(q => q % 5 == 4 ? -1 : 29 - q)];
        for (int q = 0; q < copies.Length; q++)
        {
            if (copies[q] >= 0)
            {
                excluded.Rows.AsSpan(q * 10, 10).CopyTo(excluded.References.AsSpan(copies[q] * 10));
                excluded.ReferenceLabels[copies[q]] = excluded.Labels[q];
            }
        }

        yield return excluded with { Terms = new() { ExcludedReferences = copies } };
    }

    private IEnumerable<GoldenProblem> Labels()
    {
        yield return Relabeled("labels-32-bits", "classes that are one as 32-bit integers", 1L << 32);
        yield return Relabeled("labels-float64", "classes that are one as float64", 1, 1L << 53);
        yield return Relabeled("labels-float32", "classes that are one as float32", 1, 1L << 24);
        yield return Relabeled("labels-float16", "classes that are one as float16", 1, 2048);
        yield return Relabeled("labels-bfloat16", "classes that are one as bfloat16", 1, 256);
        yield return Relabeled("labels-extreme", "the least and the greatest 64-bit integers", -1, long.MaxValue);
        yield return Self("ignore-label", "rows that are neither query nor reference", Paper with { IgnoreLabel = 2 }, 20, 12, 5);
        yield return Against("ignore-label-references", "rows that are neither query nor reference", Paper with { IgnoreLabel = 1, Gamma = 32 }, 14, 20, 12, 5);
        yield return Self("ignore-label-mean-all", "ignored rows do not count", Paper with { IgnoreLabel = 2, Denominator = MeanDenominator.All }, 20, 12, 5);

        GoldenProblem Relabeled(string name, string about, long step, long offset = 0)
        {
            GoldenProblem problem = Self(name, about, Paper with { Gamma = 32 }, 16, 8, 4);
            return problem with { Labels = [.. problem.Labels.Select(label => unchecked(offset + step * label))] };
        }
    }

    private IEnumerable<GoldenProblem> Degenerate()
    {
        yield return Self("degenerate-one-row", "no pair at all", Paper, 1, 4, 1);
        yield return Self("degenerate-one-class", "no negative", Paper, 6, 4, 1);
        yield return Self("degenerate-all-singletons", "no positive", Paper, 6, 4, 6);
        yield return Self("degenerate-one-class-scope-batch", "no negative in the whole batch", Paper with { Scope = LossScope.Batch }, 6, 4, 1);
        yield return Against("degenerate-one-reference", "one reference: no query has both", Paper, 5, 1, 4, 2);
        yield return Self("degenerate-one-class-separate", "no negative, so no loss, in separate sets too",
            Paper with { Combination = LossCombination.Separate }, 6, 4, 1);
        yield return AllButOneValid("degenerate-one-query-invalid", "one query has no positive", Paper);
        GoldenProblem ignored = Self("degenerate-all-ignored", "no row takes part", Paper with { IgnoreLabel = 0 }, 5, 4, 1);
        yield return ignored;
        yield return Weighted(Self("degenerate-zero-weights", "every weight is 0, and so is the denominator",
            Paper with { Denominator = MeanDenominator.Weights }, 8, 4, 3), zeroEvery: 1);
        yield return VanishingLosses("degenerate-nothing-nonzero", "all losses are 0 in any precision", MeanDenominator.Nonzero, hard: false);
    }

    private IEnumerable<GoldenProblem> Rows()
    {
        yield return WithZeroRows(Self("rows-zero", "zero rows: similarity 0, gradient 0", Paper with { Gamma = 32 }, 15, 8, 4));
        yield return WithZeroRows(Against("rows-zero-references", "zero rows among queries and references", Attached(Paper), 15, 17, 8, 4));
        yield return WithZeroRows(Self("rows-zero-unnormalized", "zero rows taken as they are have a gradient", Paper with { Normalize = false }, 15, 8, 4));
        GoldenProblem zero = Self("rows-all-zero", "nothing but zero rows", Paper, 7, 8, 3);
        zero.Rows.AsSpan().Clear();
        yield return zero;
        yield return Self("rows-of-any-length", "rows of norms from 1/4 to 4, normalised inside", Paper, 20, 12, 6, (0.25, 4));
        yield return Against(
            "rows-of-any-length-references", "rows of norms from 1/4 to 4, normalised inside", Paper with { Gamma = 256 }, 12, 20, 12, 6, (0.25, 4));
        yield return Self("rows-easy", "tight classes far apart: losses near 0", Paper with { Gamma = 32, Margin = 0.25 }, 16, 24, 4, spread: 0.05);
        yield return Self("rows-without-classes", "classes that the rows know nothing of", Paper, 24, 16, 5, spread: 50);
        GoldenProblem twins = Self("rows-twice", "every row has a twin", Paper with { Gamma = 32 }, 16, 12, 4);
        for (int i = 0; i < 16; i += 2)
        {
            twins.Rows.AsSpan(i * 12, 12).CopyTo(twins.Rows.AsSpan((i + 1) * 12));
        }

        yield return twins;
    }

    private IEnumerable<GoldenProblem> Shapes()
    {
        foreach ((int count, int dimension) in ((int, int)[])[(2, 1), (3, 1), (4, 2), (5, 3), (8, 8), (15, 17), (16, 16), (17, 15), (31, 33), (33, 31),
            (64, 64), (65, 63), (100, 130), (127, 65), (257, 100), (1000, 7)])
        {
            yield return Self($"shape-{count}x{dimension}", "a batch of any size", count % 2 == 0 ? Paper : Attached(Paper), count, dimension,
                Math.Max(2, count / 4));
        }

        foreach ((int queries, int references, int dimension) in (
            (int, int, int)[])[(1, 2, 1), (1, 1024, 16), (1024, 3, 5), (2, 3, 4), (37, 19, 11), (19, 37, 65), (64, 64, 128), (200, 77, 50), (63, 513, 33)])
        {
            yield return Against($"shape-{queries}x{references}x{dimension}", "queries and references of any number",
                queries % 2 == 0 ? Attached(Paper) : Paper, queries, references, dimension, 2 + Math.Min(queries, references) / 3);
        }

        yield return Self("shape-1024x64", "a batch of 1,024", Paper with { Gamma = 256, Margin = 0.25 }, 1024, 64, 256);
        yield return ClassWeights("shape-128x1024x48", "1,024 class weights", CircleLossOptions.ClassLevel, 128, 1024, 48);
    }

    private IEnumerable<GoldenProblem> OfSimilarities()
    {
        foreach (double gamma in Gammas)
        {
            foreach (WeightGradient gradient in Enum.GetValues<WeightGradient>())
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"similarities-gamma-{gamma}-{gradient.ToString().ToLowerInvariant()}");
                yield return Given(name, Paper with { Gamma = gamma, Margin = 0.25, WeightGradient = gradient }, 9, 14);
            }
        }

        yield return Given("similarities-alpha-constant", Paper with { Weighting = PairWeighting.Constant }, 7, 12);
        yield return Given("similarities-combine-separate", Paper with { Combination = LossCombination.Separate, Gamma = 8 }, 7, 12);
        yield return Given("similarities-clamp-max1", Attached(Paper) with { Clamp = SimilarityClamp.AtMostOne, Gamma = 16 }, 7, 12, 1.25);
        yield return Given("similarities-clamp-both", Paper with { Clamp = SimilarityClamp.MinusOneToOne, Gamma = 8 }, 7, 12, 1.25);
        yield return Given("similarities-beyond-one", Attached(Paper) with { Gamma = 8 }, 7, 12, 1.75);
        yield return Given("similarities-diagonal-remove", Paper with { ReferenceDiagonal = DiagonalPairs.Removed, Gamma = 8 }, 12, 12);
        yield return Given("similarities-scope-batch", Paper with { Scope = LossScope.Batch, Gamma = 8 }, 7, 12);
        yield return Weighted(Given("similarities-weights", Paper, 9, 11), upstream: 9);
        yield return Given("similarities-ignore-label", Paper with { IgnoreLabel = 1, Gamma = 8 }, 9, 12);
        yield return Given("similarities-1x2", Paper, 1, 2);
        yield return Given("similarities-65x63", Paper with { Gamma = 32 }, 65, 63);
    }

    private static readonly (double Least, double Most) UnitLength = (1, 1), LengthsAroundOne = (0.7, 1.3);

    private static CircleLossOptions Attached(CircleLossOptions options) => options with { WeightGradient = WeightGradient.Attached };

    private GoldenProblem Self(
        string name, string about, CircleLossOptions options, int count, int dimension, int classes, (double Least, double Most)? lengths = null,
        double spread = 1)
    {
        SplitMix64 random = SplitMix64.Of(seed, name);
        double[] centres = Draw(random, classes * dimension);
        (double[] rows, long[] labels) = Rows(random, centres, count, dimension, lengths ?? UnitLength, spread);
        return new() { Name = name, About = about, Options = options, Entry = CaseEntry.Self, Rows = rows, Columns = dimension, Labels = labels };
    }

    private GoldenProblem Against(
        string name,
        string about,
        CircleLossOptions options,
        int queryCount,
        int referenceCount,
        int dimension,
        int classes,
        (double Least, double Most)? lengths = null,
        double spread = 1)
    {
        SplitMix64 random = SplitMix64.Of(seed, name);
        double[] centres = Draw(random, classes * dimension);
        (double[] rows, long[] labels) = Rows(random, centres, queryCount, dimension, lengths ?? UnitLength, spread);
        (double[] references, long[] referenceLabels) = Rows(random, centres, referenceCount, dimension, lengths ?? UnitLength, spread);
        return new()
        {
            Name = name,
            About = about,
            Options = options,
            Entry = CaseEntry.References,
            Rows = rows,
            Columns = dimension,
            Labels = labels,
            References = references,
            ReferenceLabels = referenceLabels,
        };
    }

    private GoldenProblem ClassWeights(string name, string about, CircleLossOptions options, int queryCount, int classes, int dimension)
    {
        SplitMix64 random = SplitMix64.Of(seed, name);
        double[] centres = Draw(random, classes * dimension);
        (double[] rows, long[] labels) = Rows(random, centres, queryCount, dimension, (0.5, 2), spread: 1);
        return new()
        {
            Name = name,
            About = about,
            Options = options,
            Entry = CaseEntry.References,
            Rows = rows,
            Columns = dimension,
            Labels = labels,
            References = centres,
            ReferenceLabels = [.. Enumerable.Range(0, classes).Select(c => (long)c)],
        };
    }

    private GoldenProblem Given(string name, CircleLossOptions options, int queryCount, int referenceCount, double largest = 1)
    {
        SplitMix64 random = SplitMix64.Of(seed, name);
        return new()
        {
            Name = name,
            About = "similarities instead of rows",
            Options = options,
            Entry = CaseEntry.Similarities,
            Rows = [.. Draw(random, queryCount * referenceCount).Select(s => (double)(float)(largest * s))],
            Columns = referenceCount,
            Labels = [.. Enumerable.Range(0, queryCount).Select(q => (long)(q % 3))],
            ReferenceLabels = [.. Enumerable.Range(0, referenceCount).Select(r => (long)(r % 3))],
        };
    }

    /// <summary>The last row is the only one of its class.</summary>
    private GoldenProblem AllButOneValid(string name, string about, CircleLossOptions options)
    {
        GoldenProblem problem = Self(name, about, options, 13, 9, 4);
        problem.Labels[^1] = 99;
        return problem;
    }

    /// <summary>
    /// Two pairs of equal rows, opposite each other and across all others: their logits are -8192 m^2 = -2048 or 0, so that their losses are e^-2048 or
    /// e^-4096, which no precision holds; and, where <paramref name="hard"/>, a pair of rows far apart.
    /// </summary>
    private static GoldenProblem VanishingLosses(string name, string about, MeanDenominator denominator, bool hard = true)
    {
        double[] rows = [1, 0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0, .. hard ? new[] { 0, 0.5, 0.5, 0.25, 0, 0.5, -0.5, 0.5 } : []];
        int count = rows.Length / 4;
        return new()
        {
            Name = name,
            About = about,
            Options = Paper with { Gamma = 8192, Margin = 0.5, Denominator = denominator },
            Entry = CaseEntry.Self,
            Rows = rows,
            Columns = 4,
            Labels = [.. Enumerable.Range(0, count).Select(i => (long)(i / 2))],
            Terms = new() { Weights = [.. Enumerable.Range(0, count).Select(i => 0.5 + 0.25 * i)] },
        };
    }

    private GoldenProblem Weighted(GoldenProblem problem, int upstream = 0, int zeroEvery = 8)
    {
        SplitMix64 random = SplitMix64.Of(seed, problem.Name + "/weights");
        double[] weights = [.. Enumerable.Range(1, problem.Labels.Length).Select(q => q % zeroEvery == 0 ? 0 : 0.25 + 1.5 * random.Unit())];
        return WithUpstream(problem with { Terms = new() { Weights = [.. weights.Select(w => (double)(float)w)] } }, upstream);
    }

    private GoldenProblem WithUpstream(GoldenProblem problem, int count)
    {
        SplitMix64 random = SplitMix64.Of(seed, problem.Name + "/upstream");
        double[] upstream = [.. Enumerable.Range(0, count).Select(_ => (double)(float)(0.5 + 2 * random.Unit()))];
        return problem with { Terms = problem.Terms with { Upstream = upstream } };
    }

    private static GoldenProblem WithZeroRows(GoldenProblem problem)
    {
        foreach (int row in (int[])[2, 7, 8])
        {
            problem.Rows.AsSpan(row * problem.Columns, problem.Columns).Clear();
            problem.References.AsSpan(
                problem.Entry == CaseEntry.References ? (row + 1) * problem.Columns : 0, problem.Entry == CaseEntry.References ? problem.Columns : 0).Clear();
        }

        return problem;
    }

    /// <summary>Rows around the centres of their classes, which take turns; the first rows of all classes come first.</summary>
    private static (double[] Rows, long[] Labels) Rows(
        SplitMix64 random, double[] centres, int count, int dimension, (double Least, double Most) lengths, double spread)
    {
        int classes = centres.Length / dimension;
        double[] rows = new double[count * dimension];
        long[] labels = new long[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = i % classes;
            double[] noise = Draw(random, dimension);
            double[] row = [.. noise.Zip(centres.Skip((int)labels[i] * dimension), (shift, centre) => centre + spread * shift)];
            double squares = 0;
            foreach (double x in row)
            {
                squares += x * x;
            }

            double factor = squares == 0 ? 0 : (lengths.Least + (lengths.Most - lengths.Least) * random.Unit()) / Math.Sqrt(squares);
            for (int d = 0; d < dimension; d++)
            {
                rows[i * dimension + d] = (float)(row[d] * factor);
            }
        }

        return (rows, labels);
    }

    private static double[] Draw(SplitMix64 random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Signed())];
}
