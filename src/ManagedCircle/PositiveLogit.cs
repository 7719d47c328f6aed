namespace ManagedCircle;

/// <summary>How the logit of a positive pair follows from its similarity; a negative's is linear. With a the scale and m the margin of positives:</summary>
public enum PositiveLogit
{
    /// <summary><c>-a (s - m)</c>.</summary>
    Linear,

    /// <summary><c>-a cos(acos(s) + m)</c>: ArcFace as its paper writes it, and fast-reid. Beyond an angle of pi - m the logit falls again.</summary>
    Arc,

    /// <summary>As <see cref="Arc"/>, but <c>-a (s - m sin(m))</c> beyond an angle of pi - m (PyTorch Metric Learning).</summary>
    ArcThenLinear,

    /// <summary>As <see cref="Arc"/>, but its derivative is taken to be -a (insightface).</summary>
    ArcStraightThrough,
}
