using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace ManagedCircle.Checks;

/// <summary>Kernels: errors are measured over every float, and stated at the kernel.</summary>
public static partial class Tolerances
{
    /// <summary>Where the hardware fuses, a multiply-add rounds once, and kernels are closer to the truth.</summary>
    public static readonly bool Fused = Fma.IsSupported || AdvSimd.IsSupported;

    /// <summary>
    /// 2^f of a fraction, relative: measured 6.8e-8, or 9.1e-8 with two roundings. Half a last place of a result just above 1 is 6e-8 of it; the fit adds 3e-9.
    /// </summary>
    public static readonly double PowerOfFraction = Fused ? 7e-8 : 1e-7;

    /// <summary>
    /// The fraction of a logarithm to the base two: measured 3.19e-8, or 4.39e-8 with two roundings. Half a last place of a result below 0.5 is 1.5e-8; the fit
    /// adds 7e-9, the inner roundings the rest.
    /// </summary>
    public static readonly double Base2Fraction = Fused ? 3.2e-8 : 4.5e-8;

    /// <summary>
    /// In units of the result's last place, measured over all 2^32 floats: 0.892, 0.920 and 1.948. The last rounding is a half of each; the sum before it is
    /// off by its own rounding, which softplus has twice, for e^-|x| and for ln(1 + e^-|x|). With two roundings (one float in 17): 1.15, 1.07, 2.25.
    /// </summary>
    public static double LastPlaces(KernelFunction function) => (function, Fused) switch
    {
        (KernelFunction.Exponential, true) => 0.9,
        (KernelFunction.Exponential, false) => 1.25,
        (KernelFunction.Logarithm, true) => 0.93,
        (KernelFunction.Logarithm, false) => 1.2,
        (_, true) => 1.95,
        (_, false) => 2.4,
    };

    /// <summary>A weight max(0, +-s + O) computed in float: the optimum is rounded, then the sum.</summary>
    public static double SpanWeight(double s, double optimum) => 2 * FloatRounding * (Math.Abs(s) + Math.Abs(optimum));

    /// <summary>A slope gamma w computed in float: as a weight, and gamma is rounded, then the product.</summary>
    public static double SpanSlope(double s, double optimum, double gamma) => 4 * FloatRounding * gamma * (Math.Abs(s) + Math.Abs(optimum));

    /// <summary>
    /// A logit gamma w (w + (D - O)) computed in float. With S = |s| + |O| + |D|, w is off by 2 roundings of S and w + (D - O) by 4, each times the other
    /// factor, which is at most S; gamma and the two products are rounded once each.
    /// </summary>
    public static double SpanLogit(double s, double optimum, double margin, double gamma) =>
        9 * FloatRounding * gamma * Math.Pow(Math.Abs(s) + Math.Abs(optimum) + Math.Abs(margin), 2);

    /// <summary>The same few operations in double in another order, on terms up to the largest.</summary>
    public static double SameInDouble(double largest) => 8 * Epsilon * largest;

    /// <summary>
    /// A central difference with step h of a parabola is its derivative but for rounding: two logits, each off by few last places of the largest term,
    /// over 2 h.
    /// </summary>
    public static double ParabolaDifference(double largest, double h) => SameInDouble(largest) / h;

    /// <summary>
    /// e^logit of a given similarity, relative. The weight is off by the rounding of O and its own; s - D by those of gamma, D, the product and the sum;
    /// their product rounds once: seven, each of at most |s| + |O| times |s| + |D| times gamma. 2^fraction follows.
    /// </summary>
    public static double TermInFloat(CircleLossOptions options, double similarity)
    {
        (double optimum, double margin) = LargestConstants(options);
        double weight = options.Weighting == PairWeighting.Constant ? 1 : Math.Abs(similarity) + optimum;
        return (7 * FloatRounding * options.Gamma * weight * (Math.Abs(similarity) + margin)) + PowerOfFraction;
    }

    /// <summary>
    /// A running sum of a tile, relative to its positive terms: a row's is 16 chains of a 16th of the columns, a column's takes four rows at a time, here of
    /// two passes; and eight stands for what adds up lanes. Rescaling is exact.
    /// </summary>
    public static double RunningSumInFloat(int columns, int rows) => FloatRounding * ((columns / 16.0) + (rows / 2.0) + 8);

    /// <summary>
    /// dL/ds of a pair, of which <paramref name="share"/> = c e^logit is given: the term is off as above, six products and sums follow, and the slope, of
    /// magnitude 2 |s| + |O| + |D|, is off by six roundings of that.
    /// </summary>
    public static double PairGradientInFloat(CircleLossOptions options, double similarity, double share)
    {
        (double optimum, double margin) = LargestConstants(options);
        return (share * (TermInFloat(options, similarity) + (12 * FloatRounding)) * ((2 * Math.Abs(similarity)) + optimum + margin)) + VanishingProductInFloat;
    }

    /// <summary>
    /// A query's loss and its coefficients, relative, from exact sums: the fractions of two logarithms and their sum are off in z, then 2^fraction, the
    /// logarithm of 1 + t, which near 1 is off by 2e-7 of its value, and eight roundings.
    /// </summary>
    public static readonly double QueryLossInFloat = (Math.Log(2) * 2 * Base2Fraction) + PowerOfFraction + 2e-7 + (8 * FloatRounding);

    private static (double Optimum, double Margin) LargestConstants(CircleLossOptions options) =>
        (Math.Max(Math.Abs(options.PositiveOptimum), Math.Abs(options.NegativeOptimum)),
            Math.Max(Math.Abs(options.PositiveMargin), Math.Abs(options.NegativeMargin)));

    /// <summary>
    /// A coordinate of a unit row, relative: a sum of positive squares is off by at most its additions in one lane and 6 after, the root halves that; then
    /// the root, its inverse and the product are rounded.
    /// </summary>
    public static double UnitCoordinate(int dimension) => FloatRounding * (((dimension / 16.0) + 8) / 2 + 3);

    /// <summary>
    /// (g - &lt;g, u&gt; u) / |x| for entries of g up to 1, whose inner product with u is at most sqrt(dimension): that is off by the roundings of its longest
    /// chain, by those of u, which comes in twice, and by three that follow.
    /// </summary>
    public static double UnitGradient(int dimension, double norm) =>
        Math.Sqrt(dimension) * ((FloatRounding * ((dimension / 16.0) + 8 + 3)) + (2 * UnitCoordinate(dimension))) / norm;
}
