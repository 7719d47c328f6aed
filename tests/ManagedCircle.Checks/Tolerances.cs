namespace ManagedCircle.Checks;

/// <summary>How far a number may be from the one it is compared with, and why.</summary>
public static partial class Tolerances
{
    /// <summary>The last place of 1 in double; a rounding is off by at most half of it, relative.</summary>
    private static readonly double Epsilon = Math.BitIncrement(1.0) - 1;

    /// <summary>Half the last place of 1 in float: how far a rounding moves a number, relative.</summary>
    public const double FloatRounding = 1.0 / (1 << 24);

    /// <summary>A few operations in double, each rounded, on numbers about 1.</summary>
    public static readonly double FewRoundings = 8 * Epsilon;

    /// <summary>Below this, the smallest normal number, doubles lose digits.</summary>
    public const double Subnormal = 2.2250738585072014E-308;

    /// <summary>A printed number stands for all that round to it; a whole number (0) was not rounded.</summary>
    public static double HalfAUnitOfTheLastDigit(string printed)
    {
        int point = printed.IndexOf('.', StringComparison.Ordinal);
        return point < 0 ? 0 : 0.5 * Math.Pow(10, point + 1 - printed.Length);
    }

    /// <summary>The log-sum-exp of so many terms is above the largest by at most the log of their number, here in units of 1 / gamma.</summary>
    public static double LogSumExpOverLargest(int terms, double gamma) => Math.Log(terms) / gamma;

    /// <summary>
    /// How far a logit computed in double may be from the true one, and with it z = P + N and the relative error of a gradient. A similarity is a
    /// sum of rounded products, within a few last places of 1; a logit is gamma times a parabola of it with slopes below 3; 4 stands for the roundings
    /// after it.
    /// </summary>
    public static double LogitInDouble(double gamma) => 8 * Epsilon * (4 + gamma);

    /// <summary>A loss softplus(z) moves by sigmoid(z), which is below 1 and below the loss, times what z moves; and rounds itself.</summary>
    public static double LossInDouble(double loss, double gamma) => LogitInDouble(gamma) * Math.Min(1, loss) + 4 * Epsilon * loss;

    /// <summary>The same for a loss in the units of the options' output scale.</summary>
    public static double LossInDouble(double loss, CircleLossOptions options)
    {
        double unit = options.OutputScale == OutputScale.InverseGamma ? 1 / options.Gamma : 1;
        return LossInDouble(loss / unit, options.Gamma) * unit;
    }

    /// <summary>
    /// PyTorch's softplus(z) is z above 20 and its derivative 1: the losses of peers that run on it are low by up to log(1 + e^-20), their gradients high by
    /// as much.
    /// </summary>
    public static readonly double PeerSoftplus = Math.Exp(-20);

    /// <summary>
    /// Central differences of fourth order with the peers' h = 2e-5: four losses with a rounding each, weighted 1, 8, 8, 1, over 12 h. Truncation, which goes
    /// with h^4, is far below.
    /// </summary>
    public static double PeerFiniteDifference(double loss) => 18 / 12.0 * Epsilon * 4 * loss / 2e-5;

    /// <summary>
    /// The step h of central differences of fourth order, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h. A logit's slope is at most k = 4 gamma, and the
    /// fifth derivative of its exponentials goes with k^5: the truncation, h^4 / 30 of it, is (h k)^4 / 30 of the gradient times a small factor. With
    /// h k = 0.005 that is 2e-11. At small gamma two steps, which move a row's similarity with itself by up to 4 h 1.3^2, stay below the distance that random
    /// problems keep from a kink, 7e-4 for 81 pairs.
    /// </summary>
    public static double DifferenceStep(double gamma) => Math.Min(1e-4, 0.005 / (4 * gamma));

    /// <summary>What a central difference may be off by, as a share of the gradient's largest entry: thousands of times the truncation.</summary>
    public const double OfDifferences = 1e-7;

    /// <summary>Gradients below this are made of losses near the end of double's range, which have lost digits: 1e-300 over a step of 1e-6, and some.</summary>
    public const double OfVanishingDifferences = 1e-300;

    /// <summary>
    /// What rounding does to a central difference of one loss: the loss rounds to a few last places of itself and, as far as it moves with them, of the P and N
    /// that it is taken of, in each of four evaluations that together weigh 18 / 12 h. Where rows are moved, their similarities round too.
    /// </summary>
    public static double DifferenceNoise(double p, double n, double loss, double gamma, bool ofRows) =>
        loss == 0 ? 0
        : (4 * Epsilon * (loss + Math.Min(1, loss) * (Math.Abs(p) + Math.Abs(n))) + (ofRows ? LossInDouble(loss, gamma) : 0)) * 1.5 / DifferenceStep(gamma);

    /// <summary>What the engine promises of a published loss, times max(1, L).</summary>
    public const double PublishedLossInFloat = 2e-6;

    /// <summary>What the engine promises of a published gradient, times its largest entry.</summary>
    public const double PublishedGradientInFloat = 2e-5;

    /// <summary>
    /// What the engine promises of a peer's loss at gamma up to 256, times max(1, L): <see cref="LogitInFloat"/> is 6e-5 there, and a loss with such
    /// slopes is in the tens.
    /// </summary>
    public const double PeerLossInFloat = 2e-5;

    /// <summary>
    /// What the engine promises of a peer's gradient at gamma up to 256, times its largest entry: a softmax is off, relative, by what its logits are.
    /// </summary>
    public const double PeerGradientInFloat = 5e-5;

    /// <summary>
    /// Beyond gamma 256, what the engine promises is this many times what the peer's own float32 is off by, where multiply and add are fused.
    /// </summary>
    public const double OfThePeersFloat = 6;

    /// <summary>The distance of a float of this size to the next: what a loss that is rounded on its way and at its end may be off by.</summary>
    public static double LastPlaceInFloat(double loss) => (double)MathF.BitIncrement((float)loss) - (float)loss;

    /// <summary>
    /// What half a last place of a similarity near 1 does to a logit, whose slope is at most 4 gamma. Beyond gamma 256 this is what the engine promises of a
    /// loss where the peer's own deviation is not known, or multiply and add are not fused.
    /// </summary>
    public static double LogitInFloat(double gamma) => 4 * gamma * Math.Pow(2, -24);

    /// <summary>The same for a loss, which rounds on its way: by half a last place of its own, twice where multiply and add are not fused.</summary>
    public static double LossInFloat(double loss, double gamma) => LogitInFloat(gamma) + 2 * FloatRounding * loss;

    /// <summary>
    /// What the engine promises of the logit of a given similarity: 6e-7 gamma times the product of the largest terms of weight and s - D, which are
    /// |s| + |O| and |s| + |D| (a constant weight is 1).
    /// </summary>
    public static double LogitOfSimilarity(CircleLossOptions options, double largestSimilarity)
    {
        double optimum = Math.Max(Math.Abs(options.PositiveOptimum), Math.Abs(options.NegativeOptimum));
        double margin = Math.Max(Math.Abs(options.PositiveMargin), Math.Abs(options.NegativeMargin));
        double weight = options.Weighting == PairWeighting.Constant ? 1 : largestSimilarity + optimum;
        return 6e-7 * options.Gamma * weight * (largestSimilarity + margin);
    }

    /// <summary>
    /// What peers in float64 are off by, relative, in the further losses: their softplus and log-sum-exp lose up to 1.5e-10 beside an evaluation in 80-bit
    /// arithmetic.
    /// </summary>
    public const double PeerInDouble = 1e-9;

    /// <summary>
    /// What the engine promises of the further losses beside peers in float64, times max(1, L). At a scale of 100 a logit moves by 100 times what a similarity
    /// is off by, up to a last place of 1: 1.2e-5.
    /// </summary>
    public const double FurtherLossInFloat = 2e-5;

    /// <summary>
    /// What it promises of their gradients, times the largest entry: shares are off as logits are, which is half more than <see cref="FurtherLossInFloat"/>.
    /// </summary>
    public const double FurtherGradientInFloat = 5e-5;

    /// <summary>
    /// TensorFlow Similarity adds 1e-9 to a share and to what it is of: its logarithm moves by so much over the least of the sums, here above e^-6.
    /// </summary>
    public const double PeerEpsilon = 5e-7;

    /// <summary>
    /// fast-reid has no distance below 1e-6, and compares a query without positives with itself: losses and gradients move by so much over the number of
    /// queries.
    /// </summary>
    public const double PeerLeastDistance = 1e-6;

    /// <summary>
    /// Gradients whose largest entry is below this are those of collapsed rows, of which rounding is left: they are compared as if it were the largest.
    /// </summary>
    public const double LeastGradient = 1e-6;

    /// <summary>In float their terms, about 1, leave 1e-8.</summary>
    public const double LeastGradientInFloat = 1e-3;

    /// <summary>A few roundings to float after the logits: of log-sum-exp, softplus and reduction.</summary>
    public const double FewFloatRoundings = 2e-6;

    /// <summary>Below this, floats are subnormal: a loss is a few of them off.</summary>
    public const double SubnormalInFloat = 1e-37;

    /// <summary>
    /// What the engine promises of each loss at gamma 80. A logit moves by gamma (|s - O| + |s - D|), about gamma where pairs of a trained batch lie, times
    /// what s is off by, up to a last place of 1; P and N do: 80 * 2 * 1.2e-7 = 2e-5, and large losses round by a few places of their own. Measured 1.0e-5
    /// for losses near 1; 1.2e-5 without fused multiply-adds.
    /// </summary>
    public static double LossAtGamma80(double loss) => 2e-5 + 1e-6 * loss;

    /// <summary>
    /// What the engine promises of a gradient at gamma 80, times its largest entry: a pair's share is off, relative, by what z and its logit are, which is
    /// half more than <see cref="LossAtGamma80"/>. Measured 1.2e-5, and 1.6e-5 without fused multiply-adds.
    /// </summary>
    public const double GradientAtGamma80 = 3e-5;

    /// <summary>What class-level Circle loss promises of cross-entropy over its logits, times max(1, L).</summary>
    public const double CrossEntropy = 1e-6;

    /// <summary>Losses and gradients below this are 0 in float, or lose digits: the smallest float and a rounding.</summary>
    public static readonly double VanishingInFloat = Math.Pow(2, -148);

    /// <summary>Gradients of similarities below this, the smallest normal number, are 0 in float.</summary>
    public static readonly double VanishingGradientInFloat = Math.Pow(2, -126);

    /// <summary>Products of a gradient below this are 0 in float: the smallest normal number, and the few factors that are not in it yet.</summary>
    public static readonly double VanishingProductInFloat = Math.Pow(2, -120);

    /// <summary>
    /// What a similarity of unit rows may be off by in float. Two rows are normalised with three roundings each; a chain of so many multiply-adds rounds
    /// sums of up to 1, each by up to half a last place and in either direction, so that they add up to the root of their number (Higham and Mary, 2019),
    /// here twice that.
    /// </summary>
    public static double SimilarityInFloat(int dimension) => FloatRounding * (6 + Math.Sqrt(dimension));

    /// <summary>
    /// What rounding does to weight (y + B) gamma: y + A and y + B round by half a last place of the larger of their terms, A and B were rounded before, and
    /// two products and the reduction to base 2 follow.
    /// </summary>
    public static double LogitRoundingInFloat(double gamma, double y, double optimum, double margin) =>
        5 * FloatRounding * gamma * (Math.Abs(y) + Math.Abs(optimum)) * (Math.Abs(y) + Math.Abs(margin));

    /// <summary>
    /// What a log-sum-exp is off by, beside its logits: its exponentials by 1e-7, which is below two roundings, and a sum of positive terms, in chains of up to
    /// 64 that are merged, by fewer roundings than 30; its logarithm by 1e-7 again.
    /// </summary>
    public static readonly double LogSumExpInFloat = 34 * FloatRounding;

    /// <summary>
    /// What an entry of a gradient is off by, as a share of the absolute sum that makes it, beside what its terms are: a chain for each tile of 256, with
    /// errors that go with the root of their number; and the projection's product, and the norm.
    /// </summary>
    public static double GradientSumInFloat(int terms, int dimension) => FloatRounding * (10 + Math.Sqrt(terms) + Math.Sqrt(dimension));

    /// <summary>
    /// What two computations of one loss in different order differ by, as a share of the largest: the logits of unit rows of less than 64 dimensions and
    /// margins below 0.5 have slopes of at most 2.5 gamma, and each computation is off by half of this; the norm's and the rotation's roundings are in it.
    /// </summary>
    public static double ReorderedInFloat(double gamma) => 4 * 2.5 * gamma * SimilarityInFloat(64);

    /// <summary>The largest relative error of rounding to float.</summary>
    private static readonly double HalfPlaceInFloat = Math.Pow(2, -24);

    /// <summary>
    /// What the engine promises of a sum of so many products, times the sum of their magnitudes: a chain of at most 512 fused multiply-adds rounds as often,
    /// and so does the adding up of chains. Where terms were sums of two themselves (G + G^T), that rounds once more.
    /// </summary>
    public static double SumInFloat(int terms) => (Math.Min(terms, 512) + Math.Ceiling(terms / 512.0) + 2) * HalfPlaceInFloat;

    /// <summary>
    /// How far, relative, a number of a unit row may be off: the sum of squares is of 16 lanes, each a chain of a 16th of the dimension and some, which the
    /// root halves; root, inverse and product round once each.
    /// </summary>
    public static double UnitRowInFloat(int dimension) => ((dimension / 32.0) + 8) * HalfPlaceInFloat;

    /// <summary>A cosine is a sum of products whose magnitudes sum up to 1 at most, of two unit rows that are off.</summary>
    public static double CosineInFloat(int dimension) => SumInFloat(dimension) + (2 * UnitRowInFloat(dimension));

    /// <summary>
    /// What the gradient of a row may be off by, times the sum of magnitudes of its similarities' gradients over the row's norm. Each number of g sums up to
    /// that at most and is off by the sum's and the unit rows' errors; &lt;g, u&gt; u gathers, weighted with |u|, what all numbers of g are off by: at most
    /// sqrt(dimension) times as much; and is a sum of the dimension itself.
    /// </summary>
    public static double CosineGradientInFloat(int dimension, int count) =>
        (1 + Math.Sqrt(dimension)) * (SumInFloat(count) + (4 * UnitRowInFloat(dimension)));
}
