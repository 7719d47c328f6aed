namespace ManagedCircle.Tests.Support;

/// <summary>The losses of <see cref="PairLossOptions"/> in double, written out query by query, and their gradients by central differences.</summary>
internal sealed class PlainPairLoss(PairLossOptions options, int dimension)
{
    /// <summary>The reduced loss of a batch against itself.</summary>
    public double OfBatch(double[] rows, long[] labels) => Reduced(rows, labels, rows, labels, self: true);

    /// <summary>The reduced loss of queries against references.</summary>
    public double OfReferences(double[] queries, long[] labels, double[] references, long[] referenceLabels) =>
        Reduced(queries, labels, references, referenceLabels, self: false);

    /// <summary>The gradient of a function of rows.</summary>
    public static double[] Gradient(double[] rows, Func<double[], double> function)
    {
        const double Step = 1e-5;
        double[] gradient = new double[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            gradient[i] = (function(Moved(i, Step)) - function(Moved(i, -Step))) / (2 * Step);
        }

        return gradient;

        double[] Moved(int index, double by)
        {
            double[] moved = [.. rows];
            moved[index] += by;
            return moved;
        }
    }

    private double Reduced(double[] queries, long[] labels, double[] references, long[] referenceLabels, bool self)
    {
        (double Positive, double Negative, double Loss, bool HasPositive, bool IsValid)[] of = [.. labels.Select((label, query) =>
        {
            List<double> positives = [], negatives = [];
            for (int reference = 0; reference < referenceLabels.Length; reference++)
            {
                if (!self || query != reference || options.SelfDiagonal == DiagonalPairs.Kept)
                {
                    (label == referenceLabels[reference] ? positives : negatives).Add(Similarity(queries, query, references, reference));
                }
            }

            return OfQuery([.. positives], [.. negatives]);
        })];

        double factor = options.Factor;
        return factor * options.Denominator switch
        {
            PairMeanDenominator.WithPositive =>
                of.Sum(query => query.Positive) / Math.Max(1, of.Count(query => query.HasPositive)) + of.Sum(query => query.Negative) / of.Length,
            PairMeanDenominator.Valid => of.Sum(query => query.Loss) / Math.Max(1, of.Count(query => query.IsValid)),
            PairMeanDenominator.Nonzero => of.Sum(query => query.Loss) / Math.Max(1, of.Count(query => query.Loss > 0)),
            _ => of.Average(query => query.Loss),
        };
    }

    private (double Positive, double Negative, double Loss, bool HasPositive, bool IsValid) OfQuery(double[] positives, double[] negatives)
    {
        (bool some, bool others) = (positives.Length > 0, negatives.Length > 0);
        bool valid = options.Requires switch
        {
            RequiredPairs.PositiveAndNegative => some && others,
            RequiredPairs.Positive => some,
            _ => some || others,
        };
        double[] lp = [.. positives.Select(s => -options.PositiveScale * Compared(s))];
        double[] ln = [.. negatives.Select(s => options.NegativeScale * (s - options.NegativeMargin))];
        double p = some ? LogSumExp(lp) : 0, n = others ? LogSumExp(ln) : double.NegativeInfinity, q = LogSumExp([.. lp.Select(l => -l)]);
        if (!valid)
        {
            return (0, 0, 0, some, false);
        }

        (double ofPositives, double ofNegatives) = (some ? Softplus(p) : 0, others ? Softplus(n) : 0);
        double loss = options.Pooling switch
        {
            PairPooling.LogSumExp => Linked(p + (others ? n : 0)),
            PairPooling.Nearest => Linked(n - q),
            PairPooling.Mean => LogSumExp([n, q]) + lp.Average(),
            PairPooling.Separate => ofPositives + ofNegatives,
            _ => ofPositives / options.PositiveScale + ofNegatives / options.NegativeScale,
        };
        return (ofPositives, ofNegatives, loss, some, true);
    }

    private double Compared(double s)
    {
        double m = options.PositiveMargin, angle = Math.Acos(Math.Clamp(s, -1, 1));
        return options.PositiveLogit switch
        {
            PositiveLogit.Linear => s - m,
            PositiveLogit.ArcThenLinear when angle > Math.PI - m => s - (m * Math.Sin(m)),
            _ => Math.Cos(angle + m),
        };
    }

    private double Linked(double z) => options.Link switch
    {
        LossLink.Softplus => Softplus(z),
        LossLink.Identity => z,
        LossLink.Hinge => Math.Max(z, 0),
        _ => Math.Pow(Math.Max(z, 0), 2) / 2,
    };

    private double Similarity(double[] left, int row, double[] right, int other)
    {
        ReadOnlySpan<double> x = left.AsSpan(row * dimension, dimension), y = right.AsSpan(other * dimension, dimension);
        double product = 0, ofX = 0, ofY = 0;
        for (int d = 0; d < dimension; d++)
        {
            (product, ofX, ofY) = (product + (x[d] * y[d]), ofX + (x[d] * x[d]), ofY + (y[d] * y[d]));
        }

        double s = options.Normalize ? product / Math.Sqrt(ofX * ofY) : product;
        return options.Clamp == SimilarityClamp.None ? s : Math.Min(s, 1);
    }

    private static double LogSumExp(double[] values)
    {
        double largest = values.Length == 0 ? double.NegativeInfinity : values.Max();
        return double.IsNegativeInfinity(largest) ? largest : largest + Math.Log(values.Sum(value => Math.Exp(value - largest)));
    }

    private static double Softplus(double z) => Math.Max(z, 0) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
}
