namespace ManagedCircle;

/// <summary>How the logits of a query's pairs become its loss; <see cref="PairLossOptions"/> says what P, N, Q, lp and link are.</summary>
public enum PairPooling
{
    /// <summary><c>link(P + N)</c>: every positive against every negative (InfoNCE, CosFace, ArcFace, generalised lifted structure).</summary>
    LogSumExp,

    /// <summary><c>softplus(P) + softplus(N)</c>: positives and negatives each against their margin (Proxy Anchor).</summary>
    Separate,

    /// <summary><c>softplus(P) / PositiveScale + softplus(N) / NegativeScale</c> (MultiSimilarity).</summary>
    SeparateByScale,

    /// <summary><c>link(N - Q)</c>: some positive nearer than the negatives is enough (NCA, soft nearest neighbours).</summary>
    Nearest,

    /// <summary><c>log(e^N + e^Q) + mean of lp</c>: each positive against all other pairs, positives among them (SupCon).</summary>
    Mean,

    /// <summary><c>sum over positives of link(N + lp)</c>: each positive against the negatives alone (NT-Xent with many positives).</summary>
    Each,

    /// <summary>As <see cref="Each"/>, the mean over the query's positives instead of the sum.</summary>
    MeanOfEach,

    /// <summary>As <see cref="Each"/>, N over the negatives of query and positive; of a batch against itself (lifted structure).</summary>
    EachOfBothEnds,

    /// <summary><c>sum over positives of link(lp) + sum over negatives of link(ln)</c>: every pair by itself (SigLIP, contrastive).</summary>
    Pairs,

    /// <summary><c>link(max lp + max ln)</c>: the farthest positive against the nearest negative (batch-hard triplet).</summary>
    Hardest,

    /// <summary>
    /// As <see cref="Hardest"/>, of the negatives that are farther than the farthest positive; the farthest of all where none is (TensorFlow Similarity).
    /// </summary>
    SemiHard,
}
