namespace ManagedCircle.Reference;

/// <summary>How the logits of one query's pairs become its loss, a method for each way; and the derivative by each logit.</summary>
/// <remarks>
/// A positive's logit p falls with its similarity and a negative's n rises: mostly <c>p = -a (s - m)</c> and <c>n = b (s - m')</c>, see
/// <see cref="PairFormulas"/>. lse(x) is log(sum of e^x), P = lse(p), N = lse(n). Where a query may lack a side, 0 stands for the P or N of that.
/// </remarks>
public static class PairLosses
{
    /// <summary>Every positive against every negative: <c>link(P + N)</c>.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What the sum becomes as a loss.</param>
    /// <remarks>
    /// <para>
    /// Softplus: with one positive this is the cross-entropy <c>-log(e^-p / (e^-p + sum of e^n))</c>. InfoNCE (van den Oord et al., arXiv 1807.03748, Eq. 4),
    /// NT-Xent of SimCLR (Chen et al., ICML 2020, Eq. 1), N-pair (Sohn, NIPS 2016, Eq. 7), CLIP in one direction (Radford et al., ICML 2021, figure 3); against
    /// class weights NormFace (Wang et al., ACM MM 2017), CosFace (Wang et al., CVPR 2018, Eq. 4) and ArcFace (Deng et al., CVPR 2019, Eq. 3). Circle
    /// loss, joint.
    /// </para>
    /// <para>
    /// Identity: decoupled contrastive learning (Yeh et al., ECCV 2022, Eq. 6), below 0 for good rows. Hinge: generalised lifted structure (Hermans et al.,
    /// arXiv
    /// 1703.07737, Eq. 10).
    /// </para>
    /// </remarks>
    public static QueryLoss LogSumExp(double[] positives, double[] negatives, LossLink link)
    {
        (double loss, double slope) = Link(link, LogSumExpOrZero(positives) + LogSumExpOrZero(negatives));
        return new([loss], [], Times(slope, Shares(positives)), Times(slope, Shares(negatives)));
    }

    /// <summary>Positives and negatives each by themselves: <c>w softplus(P)</c> and <c>w' softplus(N)</c>.</summary>
    /// <param name="positives">The logits p; without one there is no first part.</param>
    /// <param name="negatives">The logits n; without one there is no second part.</param>
    /// <param name="positiveWeight">w, 1 or 1 / a.</param>
    /// <param name="negativeWeight">w', 1 or 1 / b.</param>
    /// <remarks>
    /// MultiSimilarity (Wang et al., CVPR 2019, arXiv 1904.06627, Eq. 16) with the weights 1 / a and 1 / b; ProxyAnchor (Kim et al., CVPR 2020, arXiv
    /// 2003.13911,
    /// Eq. 4) with proxies as queries, each side's mean over proxies of its own; Circle loss of TensorFlow Similarity.
    /// </remarks>
    public static QueryLoss Separate(double[] positives, double[] negatives, double positiveWeight, double negativeWeight)
    {
        double p = StableMath.LogSumExp(positives), n = StableMath.LogSumExp(negatives);
        return new(
            [positiveWeight * StableMath.Softplus(p)],
            [negativeWeight * StableMath.Softplus(n)],
            Times(positiveWeight * StableMath.Sigmoid(p), Shares(positives)),
            Times(negativeWeight * StableMath.Sigmoid(n), Shares(negatives)));
    }

    /// <summary>One near positive is enough: <c>link(N - Q)</c>, where <c>Q = lse(-p)</c>.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What the difference becomes as a loss.</param>
    /// <remarks>
    /// Softplus: how likely a neighbour drawn by e^(s / t) has the query's label, <c>-log(sum of e^-p / (sum of e^-p + sum of e^n))</c>. Soft nearest
    /// neighbours
    /// (Frosst et al., ICML 2019, arXiv 1902.01889, Eq. 1); NCA, of squared distances (Goldberger et al., NIPS 2004, in the logarithm); with one proxy a class
    /// Proxy-NCA (Movshovitz-Attias et al., ICCV 2017), which in the paper has the positive not in the sum: the identity as link.
    /// </remarks>
    public static QueryLoss Nearest(double[] positives, double[] negatives, LossLink link)
    {
        double[] near = Times(-1, positives);
        (double loss, double slope) = Link(link, StableMath.LogSumExp(negatives) - StableMath.LogSumExp(near));
        return new([loss], [], Times(slope, Shares(near)), Times(slope, Shares(negatives)));
    }

    /// <summary>Each positive against all pairs, the other positives among them, as a mean: <c>lse(n and -p) + mean of p</c>.</summary>
    /// <param name="positives">The logits p, at least one.</param>
    /// <param name="negatives">The logits n; there may be none.</param>
    /// <remarks>
    /// SupCon (Khosla et al., NeurIPS 2020, arXiv 2004.11362, Eq. 2, the mean outside of the logarithm). TensorFlow Addons' npairs_loss, of inner products with
    /// (i, i) kept.
    /// </remarks>
    public static QueryLoss Mean(double[] positives, double[] negatives)
    {
        double all = StableMath.LogSumExp([.. negatives, .. Times(-1, positives)]);
        return new([all + positives.Average()], [],
            [.. positives.Select(p => 1.0 / positives.Length - StableMath.Exp(-p - all))],
            [.. negatives.Select(n => StableMath.Exp(n - all))]);
    }

    /// <summary>Each positive against the negatives alone, as a term: <c>link(N + p)</c>.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What a sum becomes as a term.</param>
    /// <remarks>
    /// Softplus: NT-Xent with many positives as PyTorch Metric Learning has it, <c>-log(e^-p / (e^-p + sum of e^n))</c> for every positive.
    /// </remarks>
    public static QueryLoss Each(double[] positives, double[] negatives, LossLink link) =>
        EachOfBothEnds(positives, negatives, [.. positives.Select(_ => Array.Empty<double>())], link) with { NegativesOfPositives = [] };

    /// <summary>Each positive against the negatives alone, as a mean: <see cref="Each"/> over the number of positives.</summary>
    /// <param name="positives">The logits p, at least one.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What a sum becomes as a term.</param>
    /// <remarks>PyTorch Metric Learning's NTXentLoss with its PerAnchorReducer, whose mean is over queries.</remarks>
    public static QueryLoss MeanOfEach(double[] positives, double[] negatives, LossLink link)
    {
        QueryLoss sum = Each(positives, negatives, link);
        double share = 1.0 / positives.Length;
        return new(Times(share, sum.PositiveTerms), [], Times(share, sum.Positives), Times(share, sum.Negatives));
    }

    /// <summary>Each positive against the negatives of both its ends, as a term: <c>link(lse(n and n') + p)</c>.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="negativesOfPositives">The logits n' of the negatives of each positive, of a batch against itself.</param>
    /// <param name="link">What a sum becomes as a term.</param>
    /// <remarks>
    /// Half the squared hinge: lifted structure (Song et al., CVPR 2016, arXiv 1511.06452, Eq. 4), where n is a margin less the distance, and p the distance.
    /// </remarks>
    public static QueryLoss EachOfBothEnds(double[] positives, double[] negatives, double[][] negativesOfPositives, LossLink link)
    {
        double[] terms = new double[positives.Length], ofPositives = new double[positives.Length], ofNegatives = new double[negatives.Length];
        double[][] ofPositivesNegatives = new double[positives.Length][];
        for (int k = 0; k < positives.Length; k++)
        {
            double[] ends = [.. negatives, .. negativesOfPositives[k]];
            (terms[k], ofPositives[k]) = Link(link, LogSumExpOrZero(ends) + positives[k]);
            double[] shares = Times(ofPositives[k], Shares(ends));
            for (int j = 0; j < negatives.Length; j++)
            {
                ofNegatives[j] += shares[j];
            }

            ofPositivesNegatives[k] = shares[negatives.Length..];
        }

        return new(terms, [], ofPositives, ofNegatives) { NegativesOfPositives = ofPositivesNegatives };
    }

    /// <summary>Every pair by itself, as a term: <c>link(p)</c> and <c>link(n)</c>.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What a logit becomes as a term.</param>
    /// <remarks>
    /// Softplus: SigLIP (Zhai et al., ICCV 2023, arXiv 2303.15343, Eq. 3), the sum over the number of queries. Half the squared hinge: contrastive loss
    /// (Hadsell
    /// et al., CVPR 2006, Eq. 4), of distances. Hinge: contrastive loss of PyTorch Metric Learning.
    /// </remarks>
    public static QueryLoss Pairs(double[] positives, double[] negatives, LossLink link)
    {
        (double Term, double Slope)[] ofPositives = [.. positives.Select(p => Link(link, p))], ofNegatives = [.. negatives.Select(n => Link(link, n))];
        return new([.. ofPositives.Select(pair => pair.Term)], [.. ofNegatives.Select(pair => pair.Term)],
            [.. ofPositives.Select(pair => pair.Slope)], [.. ofNegatives.Select(pair => pair.Slope)]);
    }

    /// <summary>The farthest positive against the nearest negative: <c>link(max p + max n)</c>. Of equal logits the first counts.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n.</param>
    /// <param name="link">What the sum becomes as a loss.</param>
    /// <remarks>The batch-hard triplet loss and, with the softplus, its soft margin (Hermans et al., arXiv 1703.07737, Eq. 5).</remarks>
    public static QueryLoss Hardest(double[] positives, double[] negatives, LossLink link) =>
        Triplet(positives, negatives, negatives.DefaultIfEmpty(0).Max(), link);

    /// <summary>The farthest positive against the nearest of the negatives that are farther; the farthest negative where none is.</summary>
    /// <param name="positives">The logits p.</param>
    /// <param name="negatives">The logits n, at least one.</param>
    /// <param name="farther">Whether each negative is farther than the farthest positive.</param>
    /// <param name="link">What the sum becomes as a loss.</param>
    /// <remarks>
    /// TensorFlow Similarity's TripletLoss. FaceNet's semi-hard triplets (Schroff et al., CVPR 2015) are others: a negative for every positive.
    /// </remarks>
    public static QueryLoss SemiHard(double[] positives, double[] negatives, bool[] farther, LossLink link) =>
        Triplet(positives, negatives, negatives.Where((_, j) => farther[j]).DefaultIfEmpty(negatives.Min()).Max(), link);

    private static QueryLoss Triplet(double[] positives, double[] negatives, double negative, LossLink link)
    {
        double positive = positives.DefaultIfEmpty(0).Max();
        (double loss, double slope) = Link(link, positive + negative);
        return new([loss], [], At(Array.IndexOf(positives, positive), positives.Length), At(Array.IndexOf(negatives, negative), negatives.Length));

        double[] At(int index, int length) => [.. Enumerable.Range(0, length).Select(i => i == index ? slope : 0)];
    }

    /// <summary>The loss and its derivative.</summary>
    private static (double Loss, double Slope) Link(LossLink link, double z) => link switch
    {
        LossLink.Softplus => (StableMath.Softplus(z), StableMath.Sigmoid(z)),
        LossLink.Identity => (z, 1),
        LossLink.Hinge => z > 0 ? (z, 1) : (0, 0),
        _ => z > 0 ? (z * z / 2, z) : (0, 0),
    };

    private static double LogSumExpOrZero(double[] logits) => logits.Length == 0 ? 0 : StableMath.LogSumExp(logits);

    /// <summary>What each logit has of the derivative of the log-sum-exp of all: <c>e^(x - lse(x))</c>.</summary>
    private static double[] Shares(double[] logits)
    {
        double sum = StableMath.LogSumExp(logits);
        return [.. logits.Select(logit => StableMath.Exp(logit - sum))];
    }

    private static double[] Times(double factor, double[] values) => [.. values.Select(value => factor * value)];
}
