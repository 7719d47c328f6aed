namespace ManagedCircle;

/// <summary>What a pooled logit z becomes as a loss.</summary>
public enum LossLink
{
    /// <summary><c>log(1 + e^z)</c>.</summary>
    Softplus,

    /// <summary><c>z</c>, which may be below 0 (decoupled contrastive learning, Proxy-NCA as its paper writes it).</summary>
    Identity,

    /// <summary><c>max(z, 0)</c> (generalised lifted structure).</summary>
    Hinge,

    /// <summary><c>max(z, 0)^2 / 2</c> (lifted structure).</summary>
    HalfSquaredHinge,
}
