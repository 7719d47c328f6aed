namespace ManagedCircle;

/// <summary>The vectors that the kernels run on.</summary>
public enum SimdWidth
{
    /// <summary>The widest that this process runs in hardware.</summary>
    Auto,

    /// <summary>512 bits (AVX-512).</summary>
    Vector512,

    /// <summary>256 bits (AVX2).</summary>
    Vector256,

    /// <summary>128 bits (SSE4, NEON, WebAssembly SIMD).</summary>
    Vector128,

    /// <summary><see cref="System.Numerics.Vector{T}"/>, whose width is a setting of the process.</summary>
    VectorT,

    /// <summary>One number at a time.</summary>
    Scalar,
}
