namespace ManagedCircle.Simd;

/// <summary>A vector of single-precision numbers. Kernels are written once over it; each width is a tag that the JIT specialises completely.</summary>
/// <remarks>
/// A comparison gives a mask: all bits of a lane, or none. Operations named <c>...Bits</c> see a lane as a 32-bit integer.
/// Every operation but multiply-adds gives the same bits at every width; those do wherever the hardware fuses.
/// </remarks>
internal unsafe interface ISimd<TSelf>
    where TSelf : unmanaged, ISimd<TSelf>
{
    /// <summary>Numbers in a vector: a power of two, at most 16.</summary>
    static abstract int Lanes { get; }

    /// <summary>Rows of a register tile that is two vectors wide: 8 where there are 32 registers, 6 where there are 16.</summary>
    static abstract int TileRows { get; }

    static abstract TSelf Load(float* source);

    /// <summary>Four numbers from each of several rows: lane 4 i + j is number j of row i. A vector of one lane holds the first.</summary>
    static abstract TSelf LoadFours(float* source, nint stride);

    /// <summary>Of a0 a1 a2 a3 and b0 b1 b2 b3, within every four lanes: a0 b0 a1 b1. A vector of one lane is left as it is.</summary>
    static abstract TSelf InterleaveLower(TSelf left, TSelf right);

    /// <summary>Of a0 a1 a2 a3 and b0 b1 b2 b3, within every four lanes: a2 b2 a3 b3. A vector of one lane is left as it is.</summary>
    static abstract TSelf InterleaveUpper(TSelf left, TSelf right);

    static abstract void Store(TSelf value, float* destination);

    /// <summary>Stores past the caches, to an address aligned to the vector: for whole cache lines that nobody reads soon.</summary>
    static abstract void StoreStreaming(TSelf value, float* destination);

    static abstract TSelf Broadcast(float value);

    /// <summary>0, 1, 2, ... along the lanes.</summary>
    static abstract TSelf Indices { get; }

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    static abstract TSelf operator &(TSelf left, TSelf right);

    static abstract TSelf operator |(TSelf left, TSelf right);

    static abstract TSelf operator ^(TSelf left, TSelf right);

    /// <summary>left &amp; ~right.</summary>
    static abstract TSelf AndNot(TSelf left, TSelf right);

    /// <summary>left * right + addend: fused where the hardware fuses, two roundings elsewhere.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    /// <summary>sum += left * right, as <see cref="MultiplyAdd"/> does.</summary>
    /// <remarks>Written in place, as the JIT takes a copy more for a vector that is returned and then assigned.</remarks>
    static abstract void AddProduct(TSelf left, TSelf right, ref TSelf sum);

    /// <summary>The larger; where either is NaN, either.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller; where either is NaN, either.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The nearest whole number, ties to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary>The square root, correctly rounded.</summary>
    static abstract TSelf Sqrt(TSelf value);

    static abstract TSelf LessThan(TSelf left, TSelf right);

    static abstract TSelf Equal(TSelf left, TSelf right);

    static abstract TSelf EqualBits(TSelf left, TSelf right);

    /// <summary>whereTrue in the lanes of the mask, whereFalse in the others.</summary>
    static abstract TSelf Select(TSelf mask, TSelf whereTrue, TSelf whereFalse);

    /// <summary>Whether any lane of the mask is set.</summary>
    static abstract bool Any(TSelf mask);

    /// <summary>The mask as an integer, a bit for each lane, the first lane's the lowest.</summary>
    static abstract uint LaneBits(TSelf mask);

    /// <summary>Whether left is less than right in every lane.</summary>
    static abstract bool AllLess(TSelf left, TSelf right);

    static abstract TSelf AddBits(TSelf left, TSelf right);

    /// <summary>value + (bits of rounded) * 2^23, as integers.</summary>
    /// <remarks>Adds the whole number in the low bits of a number near 1.5 2^23 to the exponent of a value.</remarks>
    static abstract TSelf AddShifted(TSelf value, TSelf rounded);

    static abstract TSelf ShiftLeftBits(TSelf value, int count);

    static abstract TSelf ShiftRightBits(TSelf value, int count);

    /// <summary>The integer in each lane as a number.</summary>
    static abstract TSelf BitsToNumber(TSelf value);

    /// <summary>2^exponent for whole exponents up to 127, and 0 for those below -126.</summary>
    static abstract TSelf PowerOfTwo(TSelf exponent);

    /// <summary>value * 2^exponent for whole exponents from -125 to 127. Below, the result is at most 2^-125 |value|, and may be 0.</summary>
    static abstract TSelf Scale(TSelf value, TSelf exponent);
}
