using System.Runtime.CompilerServices;
using ManagedCircle.Simd;

namespace ManagedCircle.Kernels;

/// <summary>The cosine of a positive's angle plus a margin, where that takes the similarity's place.</summary>
/// <remarks>
/// <code>
/// t(s) = cos(acos(s) + m) = s cos(m) - sqrt(1 - s^2) sin(m),     dt/ds = cos(m) + s sin(m) / sqrt(1 - s^2)
/// </code>
/// Where the angle is 0 or pi the derivative has no bound, and its second term counts as 0.
/// </remarks>
internal readonly struct ArcMargin
{
    private readonly float cosine, sine, end, offset;
    private readonly bool straightThrough;

    /// <summary>A margin m.</summary>
    /// <param name="margin">In radians.</param>
    /// <param name="linear">Whether s - m sin(m) takes the place of t beyond the angle pi - m.</param>
    /// <param name="straightThrough">Whether the derivative counts as 1.</param>
    public ArcMargin(double margin, bool linear, bool straightThrough)
    {
        IsUsed = true;
        this.straightThrough = straightThrough;
        (cosine, sine) = ((float)Math.Cos(margin), (float)Math.Sin(margin));

        // Beyond the angle pi - m, where its cosine is below -cos(m).
        end = !linear || margin <= 0 ? float.NegativeInfinity : margin >= Math.PI ? float.PositiveInfinity : (float)-Math.Cos(margin);
        offset = (float)(margin * Math.Sin(margin));
    }

    /// <summary>Whether there is such a margin.</summary>
    public readonly bool IsUsed;

    /// <summary>t of similarities, and its derivative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four<TSimd> Of<TSimd>(Four<TSimd> similarity, out Four<TSimd> slope)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd one = TSimd.Broadcast(1f);
        Four<TSimd> ones = new(one, one, one, one), ofAngle = Four<TSimd>.Sqrt(Four<TSimd>.Max(default(TSimd), (ones - similarity) * (ones + similarity)));
        Four<TSimd> beyond = Four<TSimd>.LessThan(TSimd.Broadcast(-end), similarity * TSimd.Broadcast(-1f));
        Four<TSimd> value = Four<TSimd>.MultiplyAdd(ofAngle, TSimd.Broadcast(-sine), similarity * TSimd.Broadcast(cosine));
        Four<TSimd> bend = Four<TSimd>.AndNot(similarity * TSimd.Broadcast(sine) / ofAngle, Four<TSimd>.Equal(ofAngle, default));
        slope = straightThrough ? ones : Four<TSimd>.Select(beyond, ones, bend + TSimd.Broadcast(cosine));
        return Four<TSimd>.Select(beyond, similarity - TSimd.Broadcast(offset), value);
    }
}
