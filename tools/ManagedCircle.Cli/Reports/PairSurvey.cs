using System.Numerics;
using System.Numerics.Tensors;
using ManagedCircle.Cli.Loss;

namespace ManagedCircle.Cli.Reports;

/// <summary>A pair of rows and its similarity.</summary>
internal readonly record struct SurveyedPair(int Query, int Reference, double Similarity);

/// <summary>What a report shows of the pairs of one kind.</summary>
internal sealed class PairTallies(double lowest, double highest)
{
    /// <summary>How many bins the range of similarities is divided into.</summary>
    public const int Bins = 80;

    private readonly long[] bins = new long[Bins];
    private double similaritySum, weightSum;
    private long weightless;

    /// <summary>How many pairs there are.</summary>
    public long Count { get; private set; }

    /// <summary>The mean of their similarities; NaN without pairs.</summary>
    public double MeanSimilarity => similaritySum / Count;

    /// <summary>The mean of their weights; NaN without pairs.</summary>
    public double MeanWeight => weightSum / Count;

    /// <summary>The share of them whose weight is 0; NaN without pairs.</summary>
    public double ZeroWeightShare => (double)weightless / Count;

    /// <summary>The share of them in each bin; 0 without pairs.</summary>
    public double[] Shares => [.. bins.Select(count => Count == 0 ? 0 : (double)count / Count)];

    /// <summary>Counts a pair in.</summary>
    public void Add(double similarity, double weight)
    {
        Count++;
        similaritySum += similarity;
        weightSum += weight;
        weightless += weight == 0 ? 1 : 0;
        bins[Math.Clamp((int)((similarity - lowest) / (highest - lowest) * Bins), 0, Bins - 1)]++;
    }
}

/// <summary>All pairs that a loss compares, a few queries at a time: first their range, then each of them.</summary>
internal sealed class PairSurvey
{
    private const int SimilaritiesAtOnce = 1 << 20;
    private const double Narrow = 0.2, Narrowest = 1e-6;

    private PairSurvey(double lowest, double highest)
    {
        (Lowest, Highest) = (lowest, highest);
        (Positives, Negatives) = (new(lowest, highest), new(lowest, highest));
    }

    /// <summary>Where the range begins that similarities are shown over.</summary>
    public double Lowest { get; }

    /// <summary>Where it ends.</summary>
    public double Highest { get; }

    /// <summary>The pairs of one class.</summary>
    public PairTallies Positives { get; }

    /// <summary>The pairs of two classes.</summary>
    public PairTallies Negatives { get; }

    /// <summary>The least similar positive and the most similar negative of every query that has both.</summary>
    public List<(SurveyedPair Positive, SurveyedPair Negative)> Hardest { get; } = [];

    /// <summary>The positives that are least similar, at most one for each query, the hardest first.</summary>
    public IEnumerable<SurveyedPair> HardestPositives => Distinct(Hardest.Select(pairs => pairs.Positive).OrderBy(pair => pair.Similarity));

    /// <summary>The negatives that are most similar, at most one for each query, the hardest first.</summary>
    public IEnumerable<SurveyedPair> HardestNegatives => Distinct(Hardest.Select(pairs => pairs.Negative).OrderByDescending(pair => pair.Similarity));

    /// <summary>How many parts <see cref="Of"/> has, each of which ends with a call of its partDone.</summary>
    public static int Parts<T>(LossInput<T> input)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => 2 * ((input.Queries.Rows + RowsAtOnce(input) - 1) / RowsAtOnce(input));

    /// <summary>Looks at all pairs.</summary>
    public static PairSurvey Of<T>(CircleLossOptions options, LossInput<T> input, ILossEngine<T> engine, Action partDone)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (double lowest, double highest) = (double.PositiveInfinity, double.NegativeInfinity);
        ForEachRow(input, engine, partDone, (_, similarities) =>
        {
            lowest = Math.Min(lowest, double.CreateTruncating(TensorPrimitives.Min(similarities)));
            highest = Math.Max(highest, double.CreateTruncating(TensorPrimitives.Max(similarities)));
        });

        // Cosines are shown over all that they can be, unless they lie so close that nothing would be seen.
        PairSurvey survey = options.Normalize && !(highest - lowest < Narrow) ? new(-1, 1) : new(lowest, Math.Max(highest, lowest + Narrowest));
        CircleMargins margins = new(options);
        bool self = input.ReferenceLabels is null;
        long[] labels = input.ReferenceLabels ?? input.QueryLabels;
        DiagonalPairs diagonal = self ? options.SelfDiagonal : options.ReferenceDiagonal;

        // A loss of the whole batch has each pair once, others have it for both of its ends.
        bool once = self && options.Scope == LossScope.Batch;
        ForEachRow(input, engine, partDone, (query, similarities) =>
        {
            long label = input.QueryLabels[query];
            if (label == options.IgnoreLabel)
            {
                return;
            }

            SurveyedPair positive = new(query, -1, double.PositiveInfinity), negative = new(query, -1, double.NegativeInfinity);
            for (int reference = 0; reference < similarities.Length; reference++)
            {
                bool sameClass = labels[reference] == label, removed = sameClass && reference == query && diagonal == DiagonalPairs.Removed;
                if (removed || labels[reference] == options.IgnoreLabel)
                {
                    continue;
                }

                double similarity = double.CreateTruncating(similarities[reference]);
                if (!once || reference > query)
                {
                    (sameClass ? survey.Positives : survey.Negatives).Add(
                        similarity, sameClass ? margins.PositiveWeight(similarity) : margins.NegativeWeight(similarity));
                }

                if (sameClass)
                {
                    positive = similarity < positive.Similarity ? new(query, reference, similarity) : positive;
                }
                else
                {
                    negative = similarity > negative.Similarity ? new(query, reference, similarity) : negative;
                }
            }

            if (positive.Reference >= 0 && negative.Reference >= 0)
            {
                survey.Hardest.Add((positive, negative));
            }
        });
        return survey;
    }

    private delegate void RowVisitor<T>(int query, ReadOnlySpan<T> similarities);

    private static void ForEachRow<T>(LossInput<T> input, ILossEngine<T> engine, Action partDone, RowVisitor<T> visit)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (int rows, int columns, int dimension, int atOnce) = (input.Queries.Rows, Columns(input), input.Queries.Columns, RowsAtOnce(input));
        T[] similarities = new T[Math.Min(rows, atOnce) * columns];
        for (int start = 0; start < rows; start += atOnce)
        {
            int count = Math.Min(atOnce, rows - start);
            ReadOnlySpan<T> queries = input.Queries.Values.AsSpan(start * dimension, count * dimension);
            engine.Similarities(queries, (input.References ?? input.Queries).Values, dimension, similarities.AsSpan(0, count * columns));
            for (int row = 0; row < count; row++)
            {
                visit(start + row, similarities.AsSpan(row * columns, columns));
            }

            partDone();
        }
    }

    private static int Columns<T>(LossInput<T> input)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => (input.References ?? input.Queries).Rows;

    private static int RowsAtOnce<T>(LossInput<T> input)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Math.Clamp(SimilaritiesAtOnce / Math.Max(1, Columns(input)), 1, Math.Max(1, input.Queries.Rows));

    // In a batch against itself the hardest pair of one row is often that of the other, too.
    private static IEnumerable<SurveyedPair> Distinct(IEnumerable<SurveyedPair> pairs) =>
        pairs.DistinctBy(pair => (Math.Min(pair.Query, pair.Reference), Math.Max(pair.Query, pair.Reference)));
}
