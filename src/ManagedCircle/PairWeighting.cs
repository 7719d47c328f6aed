namespace ManagedCircle;

/// <summary>How a pair is weighted (the paper's alpha).</summary>
public enum PairWeighting
{
    /// <summary>By its distance from the optimum: <c>[Op - s]+</c> or <c>[s - On]+</c> (Circle loss).</summary>
    Circle,

    /// <summary>
    /// Every pair by 1: the paper's unified loss, Eq. 1 (pairwise CosFace; AM-Softmax against class weights, with m = 0 NormFace). Its margin is m
    /// itself: a positive is compared with m and a negative with 0, where Circle loss compares with 1 - m and m.
    /// </summary>
    Constant,
}
