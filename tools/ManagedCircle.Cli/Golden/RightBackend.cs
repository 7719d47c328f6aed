using System.Numerics;
using ManagedCircle.Reference;

namespace ManagedCircle.Cli.Golden;

/// <summary>
/// A right backend of a precision: one of the many that differ in the order of their steps. What it answers to a case, many times over, is what right answers
/// look like. docs/golden.md says which steps it rounds.
/// </summary>
/// <remarks>
/// The result of every step is rounded to the nearest number of the format, as a backend does: where two errors cancel in truth, they cancel here. What is
/// drawn at random is which of the usual orders of its products and quotients it takes, whether its inputs and constants are rounded, and a shift of each input
/// by up to half its rounding, so that no two trials round alike. The arithmetic is sums, products, quotients and roots in one order: the same seed gives the
/// same bits on any machine.
/// </remarks>
/// <param name="problem">The case.</param>
/// <param name="result">What the reference says to it: what each pair is, and the counts that means divide by.</param>
/// <param name="format">What numbers are rounded to.</param>
/// <param name="everyStep">
/// Whether every step is rounded to the format; otherwise only what matrix units take and what is stored, and the steps to float32.
/// </param>
/// <param name="random">What draws.</param>
internal sealed class RightBackend(GoldenProblem problem, ReferenceResult result, NumberFormat format, bool everyStep, SplitMix64 random)
{
    // The exponential of what is this far below the largest logit adds nothing in any precision that is tried.
    private const double Vanishing = -60;

    // A similarity of two rows of norm 1 is off by a rounding of both, of both norms, and of itself.
    private const double UnitsToStep = 5;

    // One order or the other.
    private readonly bool inputsHeld = random.Flip(), constantsHeld = random.Flip(), byReciprocalNorm = random.Flip(), weightTimesDifference = random.Flip();
    private readonly bool sharesOfSum = random.Flip(), slopeTimesFactor = random.Flip(), dividedBeforeProjection = random.Flip();
    private readonly Func<double, double> nearest = everyStep ? format.Nearest : NumberFormat.Float32.Nearest;

    private CircleLossOptions Options => problem.Options;

    /// <summary>Answers the case.</summary>
    public Dictionary<string, double[]> Answers()
    {
        double[] queries = [], references = [], queryNorms = [], referenceNorms = [];
        double[] similarities;
        if (problem.Entry == CaseEntry.Similarities)
        {
            similarities = Inputs(problem.Rows);
        }
        else
        {
            (queries, queryNorms) = UnitRows(problem.Rows, problem.Labels);
            (references, referenceNorms) = problem.Entry == CaseEntry.Self ? (queries, queryNorms) : UnitRows(problem.References, problem.ReferenceLabels);
            similarities = Similarities(queries, references);
        }

        (double[] losses, double loss, double[] similarityGradient) = Losses(similarities);
        similarityGradient = Held(similarityGradient);
        Dictionary<string, double[]> answers = [];
        if (Options.Reduction != LossReduction.None || Options.Scope == LossScope.Batch)
        {
            answers[Quantity.Loss] = Held([loss]);
        }

        answers[Quantity.Losses] = Held(losses);
        if (problem.Entry == CaseEntry.Similarities)
        {
            answers[Quantity.SimilarityGradient] = similarityGradient;
            return answers;
        }

        double[] gradient = Product(similarityGradient, references, problem.Labels.Length, problem.ReferenceCount);
        double[] referenceGradient = Product(Transposed(similarityGradient), queries, problem.ReferenceCount, problem.Labels.Length);
        if (problem.Entry == CaseEntry.Self)
        {
            double[] ofBoth = [.. gradient.Zip(referenceGradient, (asQuery, asReference) => Rounded(asQuery + asReference))];
            answers[Quantity.Gradient] = Held(ThroughNorm(ofBoth, queries, queryNorms));
            return answers;
        }

        answers[Quantity.Gradient] = Held(ThroughNorm(gradient, queries, queryNorms));
        answers[Quantity.ReferenceGradient] = Held(ThroughNorm(referenceGradient, references, referenceNorms));
        return answers;
    }

    /// <summary>The result of a step.</summary>
    private double Rounded(double x) => nearest(x);

    /// <summary>
    /// The result of a sum of many terms, which wanders by a rounding of the working precision, of what the terms come to, with the root of their number.
    /// </summary>
    private double Sum(double sum, double magnitude, int terms) => nearest(sum + Math.Sqrt(terms) * format.Working * magnitude * random.Signed());

    private double[] Held(double[] numbers) => everyStep ? numbers : [.. numbers.Select(format.Nearest)];

    private double Constant(double x) => constantsHeld ? format.Nearest(x) : nearest(x);

    private double[] Inputs(double[] numbers) =>
        inputsHeld ? [.. numbers.Select(x => format.Nearest(x + 0.5 * InputUnit * x * random.Signed()))] : numbers;

    // Inputs are float32 to begin with.
    private double InputUnit => format.Unit > format.Working ? format.Unit : 0;

    private (double[] Unit, double[] Norms) UnitRows(double[] rows, long[] labels)
    {
        double[] held = Inputs(Options.IgnoreLabel is null ? rows : [.. rows.Select((x, i) => labels[i / problem.Columns] == Options.IgnoreLabel ? 0 : x)]);
        double[] norms = new double[labels.Length];
        if (!Options.Normalize)
        {
            return (held, norms);
        }

        double[] unitRows = new double[held.Length];
        for (int i = 0; i < norms.Length; i++)
        {
            ReadOnlySpan<double> row = held.AsSpan(i * problem.Columns, problem.Columns);
            double squares = Squares(row);
            norms[i] = Rounded(Math.Sqrt(Sum(squares, squares, row.Length)));
            double reciprocal = Rounded(1 / norms[i]);
            for (int d = 0; d < row.Length && norms[i] > 0; d++)
            {
                unitRows[i * problem.Columns + d] = Rounded(byReciprocalNorm ? row[d] * reciprocal : row[d] / norms[i]);
            }
        }

        return (Held(unitRows), norms);
    }

    private double[] Similarities(double[] queries, double[] references)
    {
        int queryCount = problem.Labels.Length, referenceCount = problem.ReferenceCount;
        double[] similarities = Multiplied(queries, Transposed(references, problem.Columns), queryCount, problem.Columns, referenceCount);
        double[] queryNorms = RowNorms(queries), referenceNorms = RowNorms(references);
        for (int i = 0; i < similarities.Length; i++)
        {
            similarities[i] = Sum(similarities[i], queryNorms[i / referenceCount] * referenceNorms[i % referenceCount], problem.Columns);
        }

        return similarities;
    }

    private (double[] Losses, double Loss, double[] SimilarityGradient) Losses(double[] similarities)
    {
        bool wholeBatch = Options.Scope == LossScope.Batch, joint = Options.Combination == LossCombination.Joint;
        int lossCount = result.Losses.Length, pairsPerLoss = wholeBatch ? result.Pairs.Length : problem.ReferenceCount;
        double denominator = Constant(problem.Denominator(result)), mean = denominator == 0 ? 0 : Rounded(1 / denominator);
        double outputUnit = Options.OutputScale == OutputScale.InverseGamma ? Rounded(1 / Constant(Options.Gamma)) : 1;
        CircleLossOptions held = Options with
        {
            Gamma = Constant(Options.Gamma),
            PositiveOptimum = Constant(Options.PositiveOptimum),
            NegativeOptimum = Constant(Options.NegativeOptimum),
            PositiveMargin = Constant(Options.PositiveMargin),
            NegativeMargin = Constant(Options.NegativeMargin),
        };
        double[] losses = new double[lossCount], similarityGradient = new double[similarities.Length], logits = new double[pairsPerLoss],
            exponentials = new double[pairsPerLoss];
        double loss = 0;
        for (int i = 0; i < lossCount; i++)
        {
            if (result.PositiveCounts[i] == 0 || result.NegativeCounts[i] == 0)
            {
                continue;
            }

            int first = i * pairsPerLoss;
            ReadOnlySpan<PairKind> pairs = result.Pairs.AsSpan(first, pairsPerLoss);
            for (int j = 0; j < pairsPerLoss; j++)
            {
                logits[j] = pairs[j] == PairKind.Ignored ? 0 : Logit(held, pairs[j], similarities[first + j]);
            }

            (double p, double positiveSum) = LogSumExp(logits, exponentials, pairs, PairKind.Positive);
            (double n, double negativeSum) = LogSumExp(logits, exponentials, pairs, PairKind.Negative);
            double z = Rounded(p + n);
            double raw = joint ? Softplus(z) : Rounded(Softplus(p) + Softplus(n));
            losses[i] = Rounded(raw * outputUnit);
            double factor = Rounded(Rounded(mean * outputUnit) * Constant(problem.WeightOf(i))), upstream = Constant(problem.UpstreamOf(i));
            loss += Rounded(factor * raw);
            double ofPositives = Rounded(StableMath.Sigmoid(joint ? z : p)), ofNegatives = joint ? ofPositives : Rounded(StableMath.Sigmoid(n));
            for (int j = 0; j < pairsPerLoss; j++)
            {
                if (pairs[j] != PairKind.Ignored && exponentials[j] > 0)
                {
                    bool positive = pairs[j] == PairKind.Positive;
                    double slope = Slope(held, pairs[j], similarities[first + j]);
                    double share = sharesOfSum ? Rounded(exponentials[j] / (positive ? positiveSum : negativeSum))
                        : Rounded(StableMath.Exp(Rounded(logits[j] - (positive ? p : n))));
                    share = Rounded(share * (positive ? ofPositives : ofNegatives));
                    similarityGradient[first + j] = slopeTimesFactor
                        ? Rounded(share * Rounded(Rounded(slope * factor) * upstream))
                        : Rounded(Rounded(Rounded(share * slope) * factor) * upstream);
                }
            }
        }

        return (losses, Sum(loss, Math.Abs(loss), lossCount), similarityGradient);
    }

    private double Softplus(double z) => Rounded(Math.Max(z, 0) + Rounded(StableMath.Softplus(-Math.Abs(z))));

    /// <summary>The log-sum-exp of a set; of each member e^l relative to its largest, and their sum.</summary>
    private (double LogSumExp, double Sum) LogSumExp(double[] logits, double[] exponentials, ReadOnlySpan<PairKind> pairs, PairKind kind)
    {
        double largest = double.NegativeInfinity, sum = 0;
        for (int j = 0; j < pairs.Length; j++)
        {
            largest = pairs[j] == kind ? Math.Max(largest, logits[j]) : largest;
        }

        for (int j = 0; j < pairs.Length; j++)
        {
            if (pairs[j] == kind)
            {
                double below = Rounded(logits[j] - largest);
                exponentials[j] = below == 0 ? 1 : below > Vanishing ? Rounded(StableMath.Exp(below)) : 0;
                sum += exponentials[j];
            }
        }

        sum = Sum(sum, sum, pairs.Length);
        return (Rounded(largest + Rounded(StableMath.Log(sum))), sum);
    }

    // -gamma [Op - s]+ (s - Dp), or gamma [s - On]+ (s - Dn).
    private double Logit(CircleLossOptions held, PairKind kind, double s)
    {
        double c = Clamped(s), weight = Weight(held, kind, c);
        double difference = Rounded(c - (kind == PairKind.Positive ? held.PositiveMargin : held.NegativeMargin)),
            gamma = kind == PairKind.Positive ? -held.Gamma : held.Gamma;
        return weightTimesDifference ? Rounded(gamma * Rounded(weight * difference)) : Rounded(Rounded(gamma * weight) * difference);
    }

    // Attached, 2 s is exact; the constants' sum is one, or each stands beside an s.
    private double Slope(CircleLossOptions held, PairKind kind, double s)
    {
        double c = Clamped(s), weight = Weight(held, kind, c), gamma = kind == PairKind.Positive ? -held.Gamma : held.Gamma;
        if (NearStep(kind, s) ? random.Flip() : weight == 0 || c != s)
        {
            return 0;
        }

        if (held.Weighting == PairWeighting.Constant || held.WeightGradient == WeightGradient.Detached)
        {
            return Rounded(gamma * weight);
        }

        (double optimum, double margin) = kind == PairKind.Positive ? (held.PositiveOptimum, held.PositiveMargin) : (held.NegativeOptimum, held.NegativeMargin);
        double attached = weightTimesDifference ? Rounded(Rounded(optimum + margin) - 2 * c) : Rounded(Rounded(optimum - c) + Rounded(margin - c));
        return Rounded(gamma * (kind == PairKind.Positive ? attached : -attached));
    }

    // Where the slope steps, at the ends of the clamp and at the optimum, a similarity may fall on either side.
    private bool NearStep(PairKind kind, double s)
    {
        double near = UnitsToStep * format.Unit, optimum = kind == PairKind.Positive ? Options.PositiveOptimum : Options.NegativeOptimum;
        return (Options.Clamp != SimilarityClamp.None && Math.Abs(s - 1) < near)
            || (Options.Clamp == SimilarityClamp.MinusOneToOne && Math.Abs(s + 1) < near)
            || (Options is { Weighting: PairWeighting.Circle, WeightGradient: WeightGradient.Attached } && Math.Abs(s - optimum) < near);
    }

    private double Weight(CircleLossOptions held, PairKind kind, double c) =>
        held.Weighting == PairWeighting.Constant ? 1 : Rounded(Math.Max(0, kind == PairKind.Positive ? held.PositiveOptimum - c : c - held.NegativeOptimum));

    private double Clamped(double s) => Options.Clamp switch
    {
        SimilarityClamp.AtMostOne => Math.Min(s, 1),
        SimilarityClamp.MinusOneToOne => Math.Clamp(s, -1, 1),
        _ => s,
    };

    private double[] Product(double[] left, double[] right, int rows, int inner)
    {
        double[] product = Multiplied(left, right, rows, inner, problem.Columns), columnSquares = new double[problem.Columns];
        for (int i = 0; i < right.Length; i++)
        {
            columnSquares[i % problem.Columns] += right[i] * right[i];
        }

        for (int i = 0; i < rows; i++)
        {
            double squares = Squares(left.AsSpan(i * inner, inner));
            for (int d = 0; d < problem.Columns; d++)
            {
                product[i * problem.Columns + d] = Sum(product[i * problem.Columns + d], Math.Sqrt(squares * columnSquares[d]), inner);
            }
        }

        return product;
    }

    // (g - <g, u> u) / |x|, and 0 for a zero row.
    private double[] ThroughNorm(double[] gradient, double[] unitRows, double[] norms)
    {
        if (!Options.Normalize)
        {
            return gradient;
        }

        double[] through = new double[gradient.Length];
        for (int start = 0; start < gradient.Length; start += problem.Columns)
        {
            double norm = norms[start / problem.Columns], radial = 0, magnitude = 0;
            for (int d = start; d < start + problem.Columns; d++)
            {
                radial += gradient[d] * unitRows[d];
                magnitude += Math.Abs(gradient[d] * unitRows[d]);
            }

            radial = Sum(radial, magnitude, problem.Columns);
            for (int d = start; d < start + problem.Columns && norm > 0; d++)
            {
                through[d] = dividedBeforeProjection
                    ? Rounded(Rounded(gradient[d] / norm) - Rounded(Rounded(radial / norm) * unitRows[d]))
                    : Rounded(Rounded(gradient[d] - Rounded(radial * unitRows[d])) / norm);
            }
        }

        return through;
    }

    private double[] Transposed(double[] similarityGradient) => Transposed(similarityGradient, problem.ReferenceCount);

    private static double[] Transposed(double[] matrix, int columns)
    {
        double[] transposed = new double[matrix.Length];
        int rows = columns == 0 ? 0 : matrix.Length / columns;
        for (int i = 0; i < matrix.Length; i++)
        {
            transposed[i % columns * rows + i / columns] = matrix[i];
        }

        return transposed;
    }

    /// <summary>A plain product, shape [rows, columns]. Each number is a sum in the order of <paramref name="inner"/>, on vectors of any width.</summary>
    private static double[] Multiplied(double[] left, double[] right, int rows, int inner, int columns)
    {
        double[] product = new double[rows * columns];
        for (int i = 0; i < rows; i++)
        {
            Span<double> row = product.AsSpan(i * columns, columns);
            for (int k = 0; k < inner; k++)
            {
                double factor = left[i * inner + k];
                ReadOnlySpan<double> other = right.AsSpan(k * columns, columns);
                int d = 0;
                for (; factor != 0 && d <= columns - Vector<double>.Count; d += Vector<double>.Count)
                {
                    (new Vector<double>(row[d..]) + factor * new Vector<double>(other[d..])).CopyTo(row[d..]);
                }

                for (; factor != 0 && d < columns; d++)
                {
                    row[d] += factor * other[d];
                }
            }
        }

        return product;
    }

    private double[] RowNorms(double[] rows)
    {
        double[] norms = new double[rows.Length / problem.Columns];
        for (int i = 0; i < norms.Length; i++)
        {
            norms[i] = Math.Sqrt(Squares(rows.AsSpan(i * problem.Columns, problem.Columns)));
        }

        return norms;
    }

    private static double Squares(ReadOnlySpan<double> row)
    {
        double sum = 0;
        foreach (double x in row)
        {
            sum += x * x;
        }

        return sum;
    }
}
