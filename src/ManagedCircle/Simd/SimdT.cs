using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ManagedCircle.Simd;

/// <summary><see cref="Vector{T}"/>: as wide as the process is set to.</summary>
internal unsafe struct SimdT : ISimd<SimdT>
{
    private Vector<float> value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private SimdT(Vector<float> value) => this.value = value;

    public static int Lanes => Vector<float>.Count;

    public static int TileRows => 6;

    public static SimdT Indices => new(Vector<float>.Indices);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Load(float* source) => new(Vector.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT LoadFours(float* source, nint stride) => Vector<float>.Count switch
    {
        16 => From(Simd512.LoadFours(source, stride)),
        8 => From(Simd256.LoadFours(source, stride)),
        _ => From(Simd128.LoadFours(source, stride)),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT InterleaveLower(SimdT left, SimdT right) => Vector<float>.Count switch
    {
        16 => From(Simd512.InterleaveLower(To<Simd512>(left), To<Simd512>(right))),
        8 => From(Simd256.InterleaveLower(To<Simd256>(left), To<Simd256>(right))),
        _ => From(Simd128.InterleaveLower(To<Simd128>(left), To<Simd128>(right))),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT InterleaveUpper(SimdT left, SimdT right) => Vector<float>.Count switch
    {
        16 => From(Simd512.InterleaveUpper(To<Simd512>(left), To<Simd512>(right))),
        8 => From(Simd256.InterleaveUpper(To<Simd256>(left), To<Simd256>(right))),
        _ => From(Simd128.InterleaveUpper(To<Simd128>(left), To<Simd128>(right))),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdT value, float* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStreaming(SimdT value, float* destination) => value.value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Broadcast(float value) => new(new Vector<float>(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator +(SimdT left, SimdT right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator -(SimdT left, SimdT right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator *(SimdT left, SimdT right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator /(SimdT left, SimdT right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator &(SimdT left, SimdT right) => new(left.value & right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator |(SimdT left, SimdT right) => new(left.value | right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT operator ^(SimdT left, SimdT right) => new(left.value ^ right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT AndNot(SimdT left, SimdT right) => new(Vector.AndNot(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT MultiplyAdd(SimdT left, SimdT right, SimdT addend) => new(Vector.MultiplyAddEstimate(left.value, right.value, addend.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(SimdT left, SimdT right, ref SimdT sum) => sum.value = Vector.MultiplyAddEstimate(left.value, right.value, sum.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Max(SimdT left, SimdT right) => new(Vector.MaxNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Min(SimdT left, SimdT right) => new(Vector.MinNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Round(SimdT value) => new(Vector.Round(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Sqrt(SimdT value) => new(Vector.SquareRoot(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT LessThan(SimdT left, SimdT right) => new(Vector.LessThan(left.value, right.value).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Equal(SimdT left, SimdT right) => new(Vector.Equals(left.value, right.value).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT EqualBits(SimdT left, SimdT right) => new(Vector.Equals(left.value.As<float, int>(), right.value.As<float, int>()).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Select(SimdT mask, SimdT whereTrue, SimdT whereFalse) => new(
        Vector.ConditionalSelect(mask.value.As<float, int>(), whereTrue.value, whereFalse.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(SimdT mask) => mask.value.As<float, int>() != Vector<int>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LaneBits(SimdT mask) =>
        Vector<float>.Count == 4 ? mask.value.AsVector128().ExtractMostSignificantBits()
        : Vector<float>.Count == 8 ? mask.value.AsVector256().ExtractMostSignificantBits()
        : (uint)mask.value.AsVector512().ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllLess(SimdT left, SimdT right) => Vector.LessThanAll(left.value, right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT AddBits(SimdT left, SimdT right) => new((left.value.As<float, int>() + right.value.As<float, int>()).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT AddShifted(SimdT value, SimdT rounded) => AddBits(value, ShiftLeftBits(rounded, 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT ShiftLeftBits(SimdT value, int count) => new(Vector.ShiftLeft(value.value.As<float, int>(), count).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT ShiftRightBits(SimdT value, int count) => new(Vector.ShiftRightArithmetic(value.value.As<float, int>(), count).As<int, float>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT BitsToNumber(SimdT value) => new(Vector.ConvertToSingle(value.value.As<float, int>()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT PowerOfTwo(SimdT exponent)
    {
        Vector<float> biased = Vector.MaxNative(exponent.value, new Vector<float>(PowersOfTwo.Lowest)) + new Vector<float>(PowersOfTwo.Bias);
        return new(Vector.ShiftLeft(biased.As<float, int>(), 23).As<int, float>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdT Scale(SimdT value, SimdT exponent) => value * PowerOfTwo(exponent);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SimdT From<TSimd>(TSimd value)
        where TSimd : unmanaged, ISimd<TSimd> => Unsafe.BitCast<TSimd, SimdT>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd To<TSimd>(SimdT value)
        where TSimd : unmanaged, ISimd<TSimd> => Unsafe.BitCast<SimdT, TSimd>(value);
}
