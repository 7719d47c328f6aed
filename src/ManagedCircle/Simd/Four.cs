using System.Runtime.CompilerServices;

namespace ManagedCircle.Simd;

/// <summary>Four vectors side by side, one operation after the other on all of them.</summary>
/// <remarks>
/// A chain of dependent operations leaves most of a core idle, and a core looks only about a hundred operations ahead: four chains written one after
/// the other run at half the speed of the same four interleaved.
/// </remarks>
internal readonly unsafe struct Four<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    public readonly TSimd A, B, C, D;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Four(TSimd a, TSimd b, TSimd c, TSimd d)
    {
        A = a;
        B = b;
        C = c;
        D = d;
    }

    /// <summary>Vectors at <paramref name="source"/> and each <paramref name="stride"/> numbers further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Load(float* source, int stride) =>
        new(TSimd.Load(source), TSimd.Load(source + stride), TSimd.Load(source + (2 * stride)), TSimd.Load(source + (3 * stride)));

    /// <summary>Four numbers, each in all lanes of its vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Broadcast(float* numbers) =>
        new(TSimd.Broadcast(numbers[0]), TSimd.Broadcast(numbers[1]), TSimd.Broadcast(numbers[2]), TSimd.Broadcast(numbers[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination, int stride)
    {
        TSimd.Store(A, destination);
        TSimd.Store(B, destination + stride);
        TSimd.Store(C, destination + (2 * stride));
        TSimd.Store(D, destination + (3 * stride));
    }

    /// <summary>Whether any lane of the masks is set.</summary>
    public bool Any
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TSimd.Any((A | B) | (C | D));
    }

    /// <summary>The four added up.</summary>
    public TSimd Sum
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (A + B) + (C + D);
    }

    /// <summary>The largest of the four.</summary>
    public TSimd Largest
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TSimd.Max(TSimd.Max(A, B), TSimd.Max(C, D));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator +(Four<TSimd> left, Four<TSimd> right) => new(left.A + right.A, left.B + right.B, left.C + right.C, left.D + right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator -(Four<TSimd> left, Four<TSimd> right) => new(left.A - right.A, left.B - right.B, left.C - right.C, left.D - right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator *(Four<TSimd> left, Four<TSimd> right) => new(left.A * right.A, left.B * right.B, left.C * right.C, left.D * right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator /(Four<TSimd> left, Four<TSimd> right) => new(left.A / right.A, left.B / right.B, left.C / right.C, left.D / right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator &(Four<TSimd> left, Four<TSimd> right) => new(left.A & right.A, left.B & right.B, left.C & right.C, left.D & right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator |(Four<TSimd> left, Four<TSimd> right) => new(left.A | right.A, left.B | right.B, left.C | right.C, left.D | right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator ^(Four<TSimd> left, Four<TSimd> right) => new(left.A ^ right.A, left.B ^ right.B, left.C ^ right.C, left.D ^ right.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator +(Four<TSimd> left, TSimd right) => new(left.A + right, left.B + right, left.C + right, left.D + right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator -(Four<TSimd> left, TSimd right) => new(left.A - right, left.B - right, left.C - right, left.D - right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator *(Four<TSimd> left, TSimd right) => new(left.A * right, left.B * right, left.C * right, left.D * right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> operator &(Four<TSimd> left, TSimd right) => new(left.A & right, left.B & right, left.C & right, left.D & right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> AndNot(Four<TSimd> left, Four<TSimd> right) => new(
        TSimd.AndNot(left.A, right.A), TSimd.AndNot(left.B, right.B), TSimd.AndNot(left.C, right.C), TSimd.AndNot(left.D, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> MultiplyAdd(Four<TSimd> left, TSimd right, TSimd addend) => new(
        TSimd.MultiplyAdd(left.A, right, addend), TSimd.MultiplyAdd(left.B, right, addend), TSimd.MultiplyAdd(left.C, right, addend),
        TSimd.MultiplyAdd(left.D, right, addend));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> MultiplyAdd(Four<TSimd> left, Four<TSimd> right, TSimd addend) => new(
        TSimd.MultiplyAdd(left.A, right.A, addend), TSimd.MultiplyAdd(left.B, right.B, addend), TSimd.MultiplyAdd(left.C, right.C, addend),
        TSimd.MultiplyAdd(left.D, right.D, addend));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> MultiplyAdd(Four<TSimd> left, TSimd right, Four<TSimd> addend) => new(
        TSimd.MultiplyAdd(left.A, right, addend.A), TSimd.MultiplyAdd(left.B, right, addend.B), TSimd.MultiplyAdd(left.C, right, addend.C),
        TSimd.MultiplyAdd(left.D, right, addend.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> MultiplyAdd(Four<TSimd> left, Four<TSimd> right, Four<TSimd> addend) => new(
        TSimd.MultiplyAdd(left.A, right.A, addend.A), TSimd.MultiplyAdd(left.B, right.B, addend.B), TSimd.MultiplyAdd(left.C, right.C, addend.C),
        TSimd.MultiplyAdd(left.D, right.D, addend.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Max(Four<TSimd> left, Four<TSimd> right) => new(
        TSimd.Max(left.A, right.A), TSimd.Max(left.B, right.B), TSimd.Max(left.C, right.C), TSimd.Max(left.D, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Max(TSimd left, Four<TSimd> right) => new(
        TSimd.Max(left, right.A), TSimd.Max(left, right.B), TSimd.Max(left, right.C), TSimd.Max(left, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Min(TSimd left, Four<TSimd> right) => new(
        TSimd.Min(left, right.A), TSimd.Min(left, right.B), TSimd.Min(left, right.C), TSimd.Min(left, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Round(Four<TSimd> value) => new(TSimd.Round(value.A), TSimd.Round(value.B), TSimd.Round(value.C), TSimd.Round(value.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Sqrt(Four<TSimd> value) => new(TSimd.Sqrt(value.A), TSimd.Sqrt(value.B), TSimd.Sqrt(value.C), TSimd.Sqrt(value.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> LessThan(TSimd left, Four<TSimd> right) => new(
        TSimd.LessThan(left, right.A), TSimd.LessThan(left, right.B), TSimd.LessThan(left, right.C), TSimd.LessThan(left, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Equal(Four<TSimd> left, Four<TSimd> right) => new(
        TSimd.Equal(left.A, right.A), TSimd.Equal(left.B, right.B), TSimd.Equal(left.C, right.C), TSimd.Equal(left.D, right.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> EqualBits(Four<TSimd> left, TSimd right) => new(
        TSimd.EqualBits(left.A, right), TSimd.EqualBits(left.B, right), TSimd.EqualBits(left.C, right), TSimd.EqualBits(left.D, right));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Select(Four<TSimd> mask, TSimd whereTrue, TSimd whereFalse) => new(
        TSimd.Select(mask.A, whereTrue, whereFalse), TSimd.Select(mask.B, whereTrue, whereFalse), TSimd.Select(mask.C, whereTrue, whereFalse),
        TSimd.Select(mask.D, whereTrue, whereFalse));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Select(Four<TSimd> mask, Four<TSimd> whereTrue, TSimd whereFalse) => new(
        TSimd.Select(mask.A, whereTrue.A, whereFalse), TSimd.Select(mask.B, whereTrue.B, whereFalse), TSimd.Select(mask.C, whereTrue.C, whereFalse),
        TSimd.Select(mask.D, whereTrue.D, whereFalse));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Select(Four<TSimd> mask, Four<TSimd> whereTrue, Four<TSimd> whereFalse) => new(
        TSimd.Select(mask.A, whereTrue.A, whereFalse.A), TSimd.Select(mask.B, whereTrue.B, whereFalse.B), TSimd.Select(mask.C, whereTrue.C, whereFalse.C),
        TSimd.Select(mask.D, whereTrue.D, whereFalse.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Scale(Four<TSimd> value, Four<TSimd> exponent) => new(
        TSimd.Scale(value.A, exponent.A), TSimd.Scale(value.B, exponent.B), TSimd.Scale(value.C, exponent.C), TSimd.Scale(value.D, exponent.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> PowerOfTwo(Four<TSimd> exponent) => new(
        TSimd.PowerOfTwo(exponent.A), TSimd.PowerOfTwo(exponent.B), TSimd.PowerOfTwo(exponent.C), TSimd.PowerOfTwo(exponent.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> Select(TSimd mask, Four<TSimd> whereTrue, Four<TSimd> whereFalse) =>
        new(
            TSimd.Select(mask, whereTrue.A, whereFalse.A), TSimd.Select(mask, whereTrue.B, whereFalse.B), TSimd.Select(mask, whereTrue.C, whereFalse.C),
            TSimd.Select(mask, whereTrue.D, whereFalse.D));

    /// <summary>As integers, value + rounded * 2^23: the low bits of a rounded number added to the exponent of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<TSimd> AddShifted(Four<TSimd> value, Four<TSimd> rounded) => new(
        TSimd.AddShifted(value.A, rounded.A), TSimd.AddShifted(value.B, rounded.B), TSimd.AddShifted(value.C, rounded.C), TSimd.AddShifted(value.D, rounded.D));
}
