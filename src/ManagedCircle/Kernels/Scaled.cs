using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>Numbers kept as mantissa * 2^exponent with a whole exponent each.</summary>
internal unsafe struct Scaled
{
    public float* Mantissas, Exponents;

    /// <summary>The numbers from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Scaled From(nint first) => new() { Mantissas = Mantissas + first, Exponents = Exponents + first };

    /// <summary>Makes <paramref name="count"/> numbers the same.</summary>
    public readonly void Fill(int count, float mantissa, float exponent)
    {
        new Span<float>(Mantissas, count).Fill(mantissa);
        new Span<float>(Exponents, count).Fill(exponent);
    }
}
