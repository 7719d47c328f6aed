using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>A tile of pairs in memory that ends where a kernel may read, NaN where it may not use what it reads; and each pair's numbers in double.</summary>
internal sealed unsafe class PairTile : IDisposable
{
    /// <summary>What the memory around a result holds, before and after.</summary>
    public const float Canary = 123456.7f;

    /// <summary>Options for each form of the kernels: narrow and wide, clamped and not, weights detached, attached and constant.</summary>
    public static readonly Dictionary<string, CircleLossOptions> Forms = new()
    {
        ["narrow"] = new() { Gamma = 64 },
        ["narrow, attached"] = new() { Gamma = 64, WeightGradient = WeightGradient.Attached },
        ["narrow, clamped"] = new() { Gamma = 64, Clamp = SimilarityClamp.MinusOneToOne },
        ["narrow, clamped, attached"] = new() { Gamma = 64, Clamp = SimilarityClamp.AtMostOne, WeightGradient = WeightGradient.Attached },
        ["wide"] = new() { Gamma = 160 },
        ["wide, attached"] = new() { Gamma = 160, WeightGradient = WeightGradient.Attached },
        ["wide, clamped"] = new() { Gamma = 64, Normalize = false },
        ["wide, clamped, attached"] = new() { Gamma = 64, Normalize = false, WeightGradient = WeightGradient.Attached },
        ["constant weight"] = new() { Gamma = 32, Weighting = PairWeighting.Constant },
    };

    private const int FirstColumn = 7;

    private readonly GuardedMemory similarities, rowLabels, columnLabels, excluded;
    private readonly float[] original;
    private readonly int[] rowClasses, columnClasses;

    /// <summary>A tile of random similarities; of a triangle rows and columns are the same.</summary>
    public PairTile(string form, int rows, int columns, bool triangle = false, bool apart = false, bool excludes = false)
    {
        Options = Forms[form];
        Terms = LossDescription.Of(Options).Terms;
        Random random = new((rows * 1000) + columns);
        similarities = new(((RoundedUp(rows, 4) - 1) * Layout.TileStride) + RoundedUp(columns, Layout.SumLanes));
        similarities.Numbers.Fill(float.NaN);
        float reach = Options.Normalize ? 1.0005f : 2;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                similarities.Start[(row * Layout.TileStride) + column] = reach * ((2 * random.NextSingle()) - 1);
            }
        }

        original = similarities.Numbers.ToArray();

        // Some vectors of columns share a class with one of four rows, most do not. Beyond the last row and column lie classes that would match.
        rowClasses = [.. Enumerable.Range(0, rows).Select(row => row / 5)];
        columnClasses = [.. Enumerable.Range(0, columns).Select(column => apart ? -1 : triangle ? column / 5 : column % 40 / 3)];
        rowLabels = Labels(rowClasses, RoundedUp(rows, 4), beyond: columnClasses[0]);
        columnLabels = Labels(columnClasses, RoundedUp(columns, Layout.SumLanes), beyond: rowClasses[0]);
        excluded = new(rows);
        for (int row = 0; row < rows; row++)
        {
            ((int*)excluded.Start)[row] = row % 3 == 0 ? -1 : FirstColumn + (row * 5 % columns);
        }

        Pairs = new TilePairs
        {
            Similarities = similarities.Start,
            Rows = rows,
            Columns = columns,
            Triangle = triangle,
            NoPositives = apart,
            RowLabels = (int*)rowLabels.Start,
            ColumnLabels = (int*)columnLabels.Start,
            Excluded = excludes ? (int*)excluded.Start : null,
            FirstColumn = FirstColumn,
        };
    }

    /// <summary>Tiles of lengths around every number of lanes, and of every shape that a loss walks.</summary>
    public static IEnumerable<PairTile> All(string form)
    {
        foreach (int rows in (int[])[1, 3, 4, 5, 9])
        {
            foreach (int columns in (int[])[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 70])
            {
                yield return new PairTile(form, rows, columns);
            }
        }

        foreach (int count in (int[])[1, 2, 4, 5, 15, 16, 17, 33, 70])
        {
            yield return new PairTile(form, count, count, triangle: true);
        }

        yield return new PairTile(form, 8, 50, apart: true);
        yield return new PairTile(form, 11, 70, excludes: true);
    }

    public CircleLossOptions Options { get; }

    public PairTerms Terms { get; }

    public TilePairs Pairs { get; }

    public int Length => similarities.Length;

    /// <summary>What a pair is, by a plain reading of the tile.</summary>
    public PairKind Kind(int row, int column)
    {
        bool takesPart = row < Pairs.Rows && column < Pairs.Columns && (!Pairs.Triangle || column > row)
            && (Pairs.Excluded == null || Pairs.Excluded[row] != FirstColumn + column);
        return !takesPart ? PairKind.Ignored : rowClasses[row] == columnClasses[column] ? PairKind.Positive : PairKind.Negative;
    }

    public double Similarity(int row, int column) => original[(row * Layout.TileStride) + column];

    /// <summary>e^logit of a pair, 0 of none.</summary>
    public double Exponential(int row, int column) => Math.Exp(PairFormulas.Logit(Options, Kind(row, column), Similarity(row, column)));

    /// <summary>d logit / ds over gamma.</summary>
    public double Slope(int row, int column) => PairFormulas.Slope(Options, Kind(row, column), Similarity(row, column)) / Options.Gamma;

    /// <summary>A row's sums of e^logit and how far they may be off.</summary>
    public (double Positive, double Negative, double PositiveTolerance, double NegativeTolerance) RowSums(int row) =>
        Sums(Enumerable.Range(0, Pairs.Columns).Select(column => (row, column)));

    /// <summary>A column's.</summary>
    public (double Positive, double Negative, double PositiveTolerance, double NegativeTolerance) ColumnSums(int column) =>
        Sums(Enumerable.Range(0, Pairs.Rows).Select(row => (row, column)));

    private (double Positive, double Negative, double PositiveTolerance, double NegativeTolerance) Sums(IEnumerable<(int Row, int Column)> places)
    {
        (double Positive, double Negative, double PositiveTolerance, double NegativeTolerance) result = default;
        foreach ((int row, int column) in places)
        {
            double term = Exponential(row, column);
            double tolerance = term * (Tolerances.TermInFloat(Options, Similarity(row, column)) + Tolerances.RunningSumInFloat(Pairs.Columns, Pairs.Rows));
            if (Kind(row, column) == PairKind.Positive)
            {
                (result.Positive, result.PositiveTolerance) = (result.Positive + term, result.PositiveTolerance + tolerance);
            }
            else
            {
                (result.Negative, result.NegativeTolerance) = (result.Negative + term, result.NegativeTolerance + tolerance);
            }
        }

        return result;
    }

    /// <summary>Puts the similarities back where a kernel has written over them.</summary>
    public void Restore() => original.CopyTo(similarities.Numbers);

    public static int RoundedUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    /// <summary>mantissa * 2^exponent.</summary>
    public static double Value(Scaled numbers, int index) =>
        numbers.Mantissas[index] == 0 ? 0 : Math.ScaleB(numbers.Mantissas[index], (int)Math.Clamp(numbers.Exponents[index], -100_000, 100_000));

    public void Dispose()
    {
        similarities.Dispose();
        rowLabels.Dispose();
        columnLabels.Dispose();
        excluded.Dispose();
    }

    private static GuardedMemory Labels(int[] classes, int length, int beyond)
    {
        GuardedMemory labels = new(length);
        for (int i = 0; i < length; i++)
        {
            ((int*)labels.Start)[i] = i < classes.Length ? classes[i] : beyond;
        }

        return labels;
    }
}
