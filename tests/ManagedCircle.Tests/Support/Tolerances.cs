namespace ManagedCircle.Tests.Support;

/// <summary>How far a number may be from the one it is compared with, and why.</summary>
public static class Tolerances
{
    /// <summary>The last place of 1 in double; a rounding is off by at most half of it, relative.</summary>
    private static readonly double Epsilon = Math.BitIncrement(1.0) - 1;

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
    /// h k = 0.005 that is 2e-11. At small gamma the step stays below the distance that random problems keep from a kink.
    /// </summary>
    public static double DifferenceStep(double gamma) => Math.Min(2e-4, 0.005 / (4 * gamma));

    /// <summary>What a central difference may be off by, as a share of the gradient's largest entry: thousands of times the truncation.</summary>
    public const double OfDifferences = 1e-7;

    /// <summary>Gradients below this are made of losses near the end of double's range, which have lost digits: 1e-300 over a step of 1e-6, and some.</summary>
    public const double OfVanishingDifferences = 1e-300;

    /// <summary>
    /// What rounding does to a central difference of one loss: the loss rounds to a few last places of itself and, as far as it moves with them, of the P and N
    /// that it is taken of, in each of four evaluations that together weigh 18 / 12 h.
    /// </summary>
    public static double DifferenceNoise(double p, double n, double loss, double gamma) =>
        loss == 0 ? 0 : 4 * Epsilon * (loss + Math.Min(1, loss) * (Math.Abs(p) + Math.Abs(n))) * 1.5 / DifferenceStep(gamma);

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
    /// What half a last place of a similarity near 1 does to a logit, whose slope is at most 4 gamma: where the peer's own float32 was luckier than that, or
    /// is not known, this is what the engine promises of a loss beyond gamma 256.
    /// </summary>
    public static double LogitInFloat(double gamma) => 4 * gamma * Math.Pow(2, -24);

    /// <summary>Beyond gamma 256, what the engine promises is this many times what the peer's own float32 is off by.</summary>
    public const double OfThePeersFloat = 6;

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

    /// <summary>A few roundings to float after the logits: of log-sum-exp, softplus and reduction.</summary>
    public const double FewFloatRoundings = 2e-6;

    /// <summary>Below this, floats are subnormal: a loss is a few of them off.</summary>
    public const double SubnormalInFloat = 1e-37;

    /// <summary>What class-level Circle loss promises of cross-entropy over its logits, times max(1, L).</summary>
    public const double CrossEntropy = 1e-6;
}
