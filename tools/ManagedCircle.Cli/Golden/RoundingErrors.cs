using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>Bounds of what rounding does to the answers of one case, to first order; docs/golden.md derives each.</summary>
internal sealed class RoundingErrors
{
    private readonly GoldenProblem problem;
    private readonly ReferenceResult result;
    private readonly NumberFormat format;
    private readonly double similarityError;
    private readonly double[] lossErrors; // of each L, without the output scale
    private readonly double[] similarityGradientErrors;

    public RoundingErrors(GoldenProblem problem, ReferenceResult result, NumberFormat format)
    {
        (this.problem, this.result, this.format) = (problem, result, format);
        similarityError = SimilarityError();
        lossErrors = new double[result.Losses.Length];
        similarityGradientErrors = new double[result.Similarities.Length];
        for (int i = 0; i < lossErrors.Length; i++)
        {
            if (result.PositiveCounts[i] > 0 && result.NegativeCounts[i] > 0)
            {
                BoundLoss(i);
            }
        }
    }

    private CircleLossOptions Options => problem.Options;

    private double OutputUnit => Options.OutputScale == OutputScale.InverseGamma ? 1 / Options.Gamma : 1;

    /// <summary>The largest error of every answer, before it is rounded itself.</summary>
    public Dictionary<string, double> OfAnswers()
    {
        double mean = problem.MeanFactor(result), ofSum = 0;
        for (int i = 0; i < lossErrors.Length; i++)
        {
            double weight = Math.Abs(mean * problem.WeightOf(i));
            ofSum += weight * (OutputUnit * lossErrors[i] + (4 + Math.Sqrt(lossErrors.Length)) * format.Working * result.Losses[i]);
        }

        (double gradient, double referenceGradient) = problem.Entry == CaseEntry.Similarities ? (0, 0) : OfRowGradients();
        return new()
        {
            [Quantity.Loss] = ofSum,
            [Quantity.Losses] = OutputUnit * lossErrors.DefaultIfEmpty(0).Max(),
            [Quantity.SimilarityGradient] = similarityGradientErrors.DefaultIfEmpty(0).Max(),
            [Quantity.Gradient] = gradient,
            [Quantity.ReferenceGradient] = referenceGradient,
        };
    }

    // A similarity of unit rows: each of the two rows is off by a rounding of its norm and one of its numbers, relative, and so is the product; its sum wanders by
    // sqrt(dimension) roundings of the working precision. A similarity that is given is only rounded.
    private double SimilarityError()
    {
        if (problem.Entry == CaseEntry.Similarities)
        {
            return format.Unit * problem.Rows.Select(Math.Abs).DefaultIfEmpty(0).Max();
        }

        (double[] queries, double[] references) = problem.RowsOfSimilarities();
        return LongestRow(queries) * LongestRow(references) * (4 * format.Unit + Math.Sqrt(problem.Columns) * format.Working);
    }

    private void BoundLoss(int i)
    {
        bool wholeBatch = Options.Scope == LossScope.Batch;
        int pairsPerLoss = wholeBatch ? result.Pairs.Length : problem.ReferenceCount, first = i * pairsPerLoss;
        double p = result.PositiveLogSumExp[i], n = result.NegativeLogSumExp[i];

        double logitError = 0;
        for (int j = first; j < first + pairsPerLoss; j++)
        {
            if (result.Pairs[j] != PairKind.Ignored)
            {
                double logit = PairFormulas.Logit(Options, result.Pairs[j], result.Similarities[j]);
                logitError = Math.Max(logitError, SteepestLogit(j) * similarityError + 4 * format.Working * Math.Abs(logit));
            }
        }

        logitError += format.Working * (Math.Max(Math.Abs(p), Math.Abs(n)) + 2 * Math.Sqrt(pairsPerLoss));
        double argumentError = 2 * logitError + format.Working * Math.Abs(p + n);
        double raw = result.Losses[i] / OutputUnit;
        lossErrors[i] = Math.Min(argumentError, raw * Relative(argumentError)) + 4 * format.Working * raw;

        // A share sigmoid(z) e^(logit - P) moves by a factor of e to the errors of z, of P and of the logit, and stays between 0 and 1.
        double exponentError = argumentError + 2 * logitError;
        double factor = Math.Abs(problem.MeanFactor(result) * problem.WeightOf(i) * problem.UpstreamOf(i)) * OutputUnit;
        bool joint = Options.Combination == LossCombination.Joint;
        for (int j = first; j < first + pairsPerLoss; j++)
        {
            if (result.Pairs[j] == PairKind.Ignored || factor == 0)
            {
                continue;
            }

            double s = result.Similarities[j], set = result.Pairs[j] == PairKind.Positive ? p : n;
            double share = StableMath.Sigmoid(joint ? p + n : set) * StableMath.Exp(PairFormulas.Logit(Options, result.Pairs[j], s) - set);
            double most = Math.Min(1, share * (1 + Relative(exponentError))), shareError = Math.Max(most - share, share * Math.Min(1, exponentError));
            double slope = Math.Abs(PairFormulas.Slope(Options, result.Pairs[j], s));
            similarityGradientErrors[j] = factor * (shareError * slope + most * SlopeError(j) + 4 * format.Working * share * slope);
        }
    }

    // The slope of a logit, with its weight differentiated, is linear in s but for a step at the optimum and at the ends of the clamp.
    private double SteepestLogit(int j)
    {
        CircleLossOptions attached = Options with { WeightGradient = WeightGradient.Attached };
        double s = result.Similarities[j];
        return Math.Abs(PairFormulas.Slope(attached, result.Pairs[j], s)) + ChangeOfSlope(attached, j);
    }

    private double SlopeError(int j) => ChangeOfSlope(Options, j) + 4 * format.Working * Options.Gamma;

    private double ChangeOfSlope(CircleLossOptions options, int j)
    {
        double s = result.Similarities[j], slope = PairFormulas.Slope(options, result.Pairs[j], s);
        double below = PairFormulas.Slope(options, result.Pairs[j], s - similarityError), above = PairFormulas.Slope(options, result.Pairs[j], s + similarityError);
        return Math.Max(Math.Abs(below - slope), Math.Abs(above - slope));
    }

    // g = G V is off by what G is off by, times |V|, and by the roundings of its products; then each row goes through (g - <g, u> u) / |x|.
    private (double Queries, double References) OfRowGradients()
    {
        (double[] queries, double[] references) = problem.RowsOfSimilarities();
        double[] absoluteQueries = [.. queries.Select(Math.Abs)], absoluteReferences = [.. references.Select(Math.Abs)];
        double roundings = 4 * format.Unit + Math.Sqrt(Math.Max(problem.Labels.Length, problem.ReferenceCount)) * format.Working;
        double[] errors = [.. similarityGradientErrors.Zip(result.SimilarityGradient, (error, g) => error + roundings * Math.Abs(g))];
        (double[] ofQueries, double[] ofReferences) = ReferenceSimilarity.Backward(absoluteQueries, absoluteReferences, problem.Columns, normalize: false, errors);
        (double[] gradient, double[] referenceGradient) = problem.RowGradients(result.SimilarityGradient, throughNormalization: false);
        return problem.Entry == CaseEntry.Self
            ? (ThroughNormalization(problem.Rows, queries, [.. ofQueries.Zip(ofReferences, (asQuery, asReference) => asQuery + asReference)], gradient), 0)
            : (ThroughNormalization(problem.Rows, queries, ofQueries, gradient), ThroughNormalization(problem.References, references, ofReferences, referenceGradient));
    }

    private double ThroughNormalization(double[] rows, double[] unitRows, double[] errors, double[] unitGradient)
    {
        double worst = 0;
        for (int start = 0; start < rows.Length; start += problem.Columns)
        {
            ReadOnlySpan<double> error = errors.AsSpan(start, problem.Columns), g = unitGradient.AsSpan(start, problem.Columns);
            double length = Norm(rows.AsSpan(start, problem.Columns));
            double ofRow = Largest(error) + 8 * format.Unit * Norm(g);
            if (Options.Normalize)
            {
                ofRow = length == 0 ? 0 : (ofRow + Norm(error) * Largest(unitRows.AsSpan(start, problem.Columns))) / length;
            }

            worst = Math.Max(worst, ofRow);
        }

        return worst;
    }

    /// <summary>e^x - 1, which is large but finite for any error.</summary>
    private static double Relative(double x) => x < 1e-4 ? x + x * x : StableMath.Exp(Math.Min(x, 600)) - 1;

    private double LongestRow(double[] rows)
    {
        double longest = 0;
        for (int start = 0; start < rows.Length; start += problem.Columns)
        {
            longest = Math.Max(longest, Norm(rows.AsSpan(start, problem.Columns)));
        }

        return longest;
    }

    private static double Norm(ReadOnlySpan<double> row)
    {
        double sum = 0;
        foreach (double x in row)
        {
            sum += x * x;
        }

        return Math.Sqrt(sum);
    }

    private static double Largest(ReadOnlySpan<double> row)
    {
        double largest = 0;
        foreach (double x in row)
        {
            largest = Math.Max(largest, Math.Abs(x));
        }

        return largest;
    }
}
