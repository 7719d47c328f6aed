using System.Runtime.CompilerServices;

namespace ManagedCircle.Simd;

/// <summary>One number: the kernels without vectors.</summary>
internal unsafe struct SimdScalar : ISimd<SimdScalar>
{
    private float value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private SimdScalar(float value) => this.value = value;

    public static int Lanes => 1;

    public static int TileRows => 6;

    public static SimdScalar Indices => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LoadFours(float* source, nint stride) => Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar InterleaveLower(SimdScalar left, SimdScalar right) => left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar InterleaveUpper(SimdScalar left, SimdScalar right) => left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdScalar value, float* destination) => *destination = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStreaming(SimdScalar value, float* destination) => *destination = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Broadcast(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator +(SimdScalar left, SimdScalar right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator -(SimdScalar left, SimdScalar right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator *(SimdScalar left, SimdScalar right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator /(SimdScalar left, SimdScalar right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator &(SimdScalar left, SimdScalar right) => FromBits(left.Bits & right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator |(SimdScalar left, SimdScalar right) => FromBits(left.Bits | right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator ^(SimdScalar left, SimdScalar right) => FromBits(left.Bits ^ right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar AndNot(SimdScalar left, SimdScalar right) => FromBits(left.Bits & ~right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar MultiplyAdd(SimdScalar left, SimdScalar right, SimdScalar addend) => new(
        float.MultiplyAddEstimate(left.value, right.value, addend.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(SimdScalar left, SimdScalar right, ref SimdScalar sum) =>
        sum.value = float.MultiplyAddEstimate(left.value, right.value, sum.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Max(SimdScalar left, SimdScalar right) => new(float.MaxNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Min(SimdScalar left, SimdScalar right) => new(float.MinNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Round(SimdScalar value) => new(MathF.Round(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Sqrt(SimdScalar value) => new(MathF.Sqrt(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LessThan(SimdScalar left, SimdScalar right) => Mask(left.value < right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Equal(SimdScalar left, SimdScalar right) => Mask(left.value == right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar EqualBits(SimdScalar left, SimdScalar right) => Mask(left.Bits == right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Select(SimdScalar mask, SimdScalar whereTrue, SimdScalar whereFalse) => mask.Bits != 0 ? whereTrue : whereFalse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(SimdScalar mask) => mask.Bits != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LaneBits(SimdScalar mask) => (uint)mask.Bits >> 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllLess(SimdScalar left, SimdScalar right) => left.value < right.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar AddBits(SimdScalar left, SimdScalar right) => FromBits(left.Bits + right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar AddShifted(SimdScalar value, SimdScalar rounded) => AddBits(value, ShiftLeftBits(rounded, 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar ShiftLeftBits(SimdScalar value, int count) => FromBits(value.Bits << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar ShiftRightBits(SimdScalar value, int count) => FromBits(value.Bits >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar BitsToNumber(SimdScalar value) => new(value.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar PowerOfTwo(SimdScalar exponent) =>
        FromBits(BitConverter.SingleToInt32Bits(float.MaxNative(exponent.value, PowersOfTwo.Lowest) + PowersOfTwo.Bias) << 23);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Scale(SimdScalar value, SimdScalar exponent) => value * PowerOfTwo(exponent);

    private int Bits => BitConverter.SingleToInt32Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SimdScalar FromBits(int bits) => new(BitConverter.Int32BitsToSingle(bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SimdScalar Mask(bool condition) => FromBits(condition ? -1 : 0);
}
