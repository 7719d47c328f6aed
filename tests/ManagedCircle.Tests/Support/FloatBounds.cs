using ManagedCircle.Reference;

namespace ManagedCircle.Tests.Support;

/// <summary>How far the float engine may be from the reference on a problem: the roundings of <see cref="Tolerances"/>, carried through the formulas.</summary>
/// <remarks>
/// <code>
/// e_ij   = |d logit / ds| ds + rounding of the logit            what a logit is off by
/// z_i    = sum over pairs of e^(logit - lse) e_ij, P's and N's  what P + N is off by: first order, a weighted mean of its logits' errors
/// L_i    : min(1, L_i) z_i                                      as sigmoid is below 1 and below the loss
/// G_ij   : |G_ij| (z_i + e_ij) + share_ij |d slope|             sigmoid and softmax move with z and the logit, the slope with s
/// </code>
/// A pair that lies so near a kink that float may see it on the other side may lose or gain its whole slope. A row's gradient adds G_ij v_j, of which
/// normalisation leaves the part across u_i, sqrt(1 - s^2).
/// </remarks>
public sealed class FloatBounds
{
    private const double NormFloor = 1e-12;

    private readonly LossProblem problem;
    private readonly CircleLossOptions options;
    private readonly ReferenceResult expected;
    private readonly double[] norms, referenceNorms, queryBounds, referenceBounds;
    private readonly int dimension, columns;

    /// <summary>The bounds of a problem.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="expected">What the reference answers to it.</param>
    /// <param name="denominator">What the engine's sum is divided by: it may count fewer losses above 0.</param>
    /// <param name="ratio">The reference's denominator over the engine's.</param>
    public FloatBounds(LossProblem problem, ReferenceResult expected, double denominator, double ratio)
    {
        (this.problem, this.expected, options, dimension) = (problem, expected, problem.Options, problem.Dimension);
        norms = Norms(problem.Rows);
        referenceNorms = problem.References is null ? norms : Norms(problem.References);
        columns = problem.References is null ? problem.Labels.Length : problem.ReferenceLabels.Length;
        Losses = new double[expected.Losses.Length];
        queryBounds = new double[norms.Length];
        referenceBounds = problem.References is null ? queryBounds : new double[referenceNorms.Length];
        double[] coefficients = problem.Coefficients(denominator);
        int perLoss = expected.Losses.Length == 0 ? 0 : expected.Pairs.Length / expected.Losses.Length;
        for (int i = 0; i < Losses.Length; i++)
        {
            AddLoss(i, i * perLoss, perLoss, Math.Abs(coefficients[i]), ratio);
            Loss += Math.Abs(problem.WeightOf(i) / (denominator == 0 ? 1 : denominator)) * Losses[i];
        }

        Loss += Tolerances.FloatRounding * Math.Abs(expected.Loss);
    }

    /// <summary>What the reduced loss may be off by.</summary>
    public double Loss { get; }

    /// <summary>What each loss may be off by.</summary>
    public double[] Losses { get; }

    /// <summary>What each entry of the queries' gradient may be off by.</summary>
    public double[] QueryGradient => [.. queryBounds.SelectMany(bound => Enumerable.Repeat(bound, dimension))];

    /// <summary>What each entry of the references' gradient may be off by.</summary>
    public double[] ReferenceGradient => problem.References is null ? [] : [.. referenceBounds.SelectMany(bound => Enumerable.Repeat(bound, dimension))];

    private double OutputScale => options.OutputScale == ManagedCircle.OutputScale.InverseGamma ? 1 / options.Gamma : 1;

    private void AddLoss(int i, int first, int count, double coefficient, double ratio)
    {
        if (expected.PositiveCounts[i] == 0 || expected.NegativeCounts[i] == 0)
        {
            return;
        }

        double loss = expected.Losses[i] / OutputScale;
        double[] logitErrors = new double[count], softmax = new double[count];
        double error = 2 * Tolerances.LogSumExpInFloat;
        for (int j = 0; j < count; j++)
        {
            if (expected.Pairs[first + j] is PairKind.Ignored)
            {
                continue;
            }

            bool positive = expected.Pairs[first + j] == PairKind.Positive;
            double s = Clamped(expected.Similarities[first + j]);
            (double optimum, double margin) = positive ? (options.PositiveOptimum, options.PositiveMargin) : (options.NegativeOptimum, options.NegativeMargin);
            double slope = options.Weighting == PairWeighting.Constant ? 1 : Math.Abs(s - optimum) + Math.Abs(s - margin);
            double weight = options.Weighting == PairWeighting.Constant ? 1 : optimum;
            logitErrors[j] = options.Gamma * slope * SimilarityError(first + j) + Tolerances.LogitRoundingInFloat(options.Gamma, s, weight, margin);
            double logSumExp = positive ? expected.PositiveLogSumExp[i] : expected.NegativeLogSumExp[i];
            softmax[j] = Math.Exp(PairFormulas.Logit(options, expected.Pairs[first + j], s) - logSumExp);
            error += softmax[j] * logitErrors[j];
        }

        double unscaled = Math.Min(1, loss) * (Math.Exp(error) - 1) + 4 * Tolerances.FloatRounding * loss + Tolerances.VanishingInFloat;
        Losses[i] = unscaled * OutputScale + Tolerances.VanishingInFloat;
        for (int j = 0; j < count; j++)
        {
            if (expected.Pairs[first + j] is not PairKind.Ignored)
            {
                AddPair(first + j, coefficient, Math.Min(1, loss) * softmax[j], Math.Exp(error + logitErrors[j]) - 1, ratio);
            }
        }
    }

    private void AddPair(int pair, double coefficient, double share, double relative, double ratio)
    {
        (int query, int reference) = (pair / columns, pair % columns);
        double s = expected.Similarities[pair], gradient = Math.Abs(expected.SimilarityGradient[pair]) * ratio, ds = SimilarityError(pair);
        double optimum = expected.Pairs[pair] == PairKind.Positive ? options.PositiveOptimum : options.NegativeOptimum;
        double margin = expected.Pairs[pair] == PairKind.Positive ? options.PositiveMargin : options.NegativeMargin;
        double steepest = 2 * Math.Abs(s) + Math.Abs(optimum) + Math.Abs(margin);
        double slopeError = options.Weighting == PairWeighting.Constant ? 0 : 2 * ds + 4 * Tolerances.FloatRounding * steepest;
        bool atOptimum = options.Weighting == PairWeighting.Circle && Math.Abs(s - optimum) <= 2 * ds;
        bool atClamp = options.Clamp != SimilarityClamp.None && Math.Abs(Math.Abs(s) - 1) <= 2 * ds;
        if (atOptimum || atClamp)
        {
            slopeError += steepest + 1;
        }

        double error = gradient * relative + coefficient * options.Gamma * (share * (1 + relative) * slopeError + Tolerances.VanishingProductInFloat)
            + Tolerances.VanishingGradientInFloat;
        Add(queryBounds, query, norms[query], referenceNorms[reference]);
        Add(referenceBounds, reference, referenceNorms[reference], norms[query]);

        void Add(double[] bounds, int row, double norm, double other)
        {
            double rounding = Tolerances.GradientSumInFloat(problem.References is null ? 2 * columns : Math.Max(columns, norms.Length), dimension);
            if (!options.Normalize)
            {
                bounds[row] += (error + (gradient + error) * rounding) * other;
            }
            else if (norm > 0)
            {
                // Below its floor a norm is a constant, and nothing is projected away.
                double across = norm < NormFloor ? 1 : Math.Sqrt(Math.Max(0, 1 - s * s));
                bounds[row] += (error * across + (gradient + error) * rounding) / Math.Max(norm, NormFloor) + Tolerances.VanishingInFloat;
            }
        }
    }

    private double SimilarityError(int pair) =>
        Tolerances.SimilarityInFloat(dimension) * (options.Normalize ? 1 : norms[pair / columns] * referenceNorms[pair % columns]);

    private double Clamped(double s) => options.Clamp switch
    {
        SimilarityClamp.AtMostOne => Math.Min(1, s),
        SimilarityClamp.MinusOneToOne => Math.Clamp(s, -1, 1),
        _ => s,
    };

    private double[] Norms(double[] rows) => [.. rows.Chunk(dimension).Select(row => Math.Sqrt(row.Sum(x => x * x)))];
}
