using System.Numerics;
using System.Runtime.Intrinsics;
using static System.FormattableString;

namespace ManagedCircle.Simd;

/// <summary>The one place that chooses the vectors.</summary>
internal static class SimdChoice
{
    /// <summary>The widths that this process runs in hardware, the widest first, as the enumeration lists them.</summary>
    public static readonly SimdWidth[] Available = [.. Enum.GetValues<SimdWidth>().Where(IsAvailable)];

    /// <summary>The width to run on: the one wanted, and for <see cref="SimdWidth.Auto"/> the widest there is.</summary>
    /// <exception cref="PlatformNotSupportedException">This process does not run the width wanted in hardware.</exception>
    public static SimdWidth Resolve(SimdWidth wanted)
    {
        if (wanted == SimdWidth.Auto)
        {
            return Available[0];
        }

        string name = Enum.GetName(wanted) ?? Invariant($"{(int)wanted}");
        return Available.Contains(wanted)
            ? wanted
            : throw new PlatformNotSupportedException(
                Invariant($"SimdWidth is {name}, which this process does not run in hardware: expected Auto, {string.Join(", ", Available)}."));
    }

    // IsHardwareAccelerated, not Avx512F.IsSupported: the first also carries the preference of the user and of the CPU
    // (DOTNET_PreferredVectorBitWidth), and an emulated width is 3 to 30 times slower than the widest real one.
    private static bool IsAvailable(SimdWidth width) => width switch
    {
        SimdWidth.Vector512 => Vector512.IsHardwareAccelerated,
        SimdWidth.Vector256 => Vector256.IsHardwareAccelerated,
        SimdWidth.Vector128 => Vector128.IsHardwareAccelerated,
        SimdWidth.VectorT => Vector.IsHardwareAccelerated,
        SimdWidth.Scalar => true,
        _ => false,
    };

    /// <summary>Runs generic code on a width that <see cref="Resolve"/> gave.</summary>
    public static TResult On<TCode, TResult>(SimdWidth width, TCode code)
        where TCode : ISimdCode<TResult>, allows ref struct => width switch
        {
            SimdWidth.Vector512 => code.Run<Simd512>(),
            SimdWidth.Vector256 => code.Run<Simd256>(),
            SimdWidth.Vector128 => code.Run<Simd128>(),
            SimdWidth.VectorT => code.Run<SimdT>(),
            _ => code.Run<SimdScalar>(),
        };
}

/// <summary>Code that is generic over the vectors.</summary>
internal interface ISimdCode<out TResult>
{
    /// <summary>Runs it on one width.</summary>
    TResult Run<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd>;
}
