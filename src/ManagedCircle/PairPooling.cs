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
}
