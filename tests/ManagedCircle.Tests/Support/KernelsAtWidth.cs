using System.Diagnostics;
using System.Runtime.CompilerServices;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;
using Xunit;

namespace ManagedCircle.Tests.Support;

/// <summary>The ways in which the left operand of a product lies in memory.</summary>
public enum LeftLayout
{
    Slices,
    TileRows,
    TileColumns,
}

/// <summary>The kernels and vector operations at one width, without its type: every width runs in one process, in hardware or emulated.</summary>
internal abstract unsafe class KernelsAtWidth
{
    public static readonly SimdWidth[] All = [SimdWidth.Vector512, SimdWidth.Vector256, SimdWidth.Vector128, SimdWidth.VectorT, SimdWidth.Scalar];

    public static TheoryData<SimdWidth> Widths => [.. All];

    public abstract int Lanes { get; }

    public abstract int TileRows { get; }

    public abstract IEnumerable<string> OperationNames { get; }

    public static KernelsAtWidth Of(SimdWidth width) => SimdChoice.On<Maker, KernelsAtWidth>(width, default);

    public abstract void Apply(KernelFunction function, float* source, float* destination, int length);

    public float[] Apply(KernelFunction function, ReadOnlySpan<float> source)
    {
        float[] destination = new float[source.Length];
        fixed (float* from = source, to = destination)
        {
            Apply(function, from, to, source.Length);
        }

        return destination;
    }

    public abstract float PowerOfFraction(float fraction);

    public abstract (float Fraction, float Exponent) Base2(float value);

    public abstract void Multiply(LeftLayout layout, float* left, nint leftJump, float* right, int depth, ProductTarget target, int rows, bool stream);

    public abstract void Transpose<TStores>(float* from, nint fromStride, int rows, int columns, float* to, nint toStride)
        where TStores : struct, IStores;

    /// <inheritdoc cref="RowPacking.Pack"/>
    public abstract int Pack(float* rows, nint stride, int* kept, bool normalize, in PackedRows packed, int first);

    /// <inheritdoc cref="RowPacking.Unpack"/>
    public abstract void Unpack(in PackedRows packed, float* gradient, int row, bool normalize, float selfSlope, float* destination);

    /// <summary><see cref="TileCopy.StreamRows"/>.</summary>
    public abstract void StreamRows(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride);

    /// <summary><see cref="RowFilter.MayPass"/> for one row and one query, the (unit) row of which is given.</summary>
    public abstract bool MayPass(float* row, int dimension, float* query, float threshold, bool normalize);

    /// <inheritdoc cref="StripScan.Run"/>
    public abstract void Scan(float* strip, int query, int rows, int reference, int columns, ref NearestLists lists);

    /// <summary><see cref="LogSumExpTile.Accumulate"/> in the form that the terms have.</summary>
    public abstract void Accumulate(bool bothEnds, in TilePairs pairs, in PairTerms terms, in RunningSums rows, in RunningSums columns);

    /// <summary><see cref="PairGradientTile.Compute"/> in the form that the terms have.</summary>
    public abstract void Gradient(
        bool bothEnds, in TilePairs pairs, in PairTerms terms, in PairCoefficients rows, in PairCoefficients columns, float* destination);

    /// <summary><see cref="MixedPairs{TSimd}.Evaluate"/>: four rows each of positives, negatives, terms, exponents and slopes.</summary>
    public abstract float[,,] Mixed(in TilePairs pairs, in PairTerms terms, int row, int column);

    /// <inheritdoc cref="QueryFinish.LossesAndCoefficients"/>
    public abstract void LossesAndCoefficients(in RunningSums sums, int count, bool joint, float* losses, in PairCoefficients coefficients);

    /// <inheritdoc cref="PairCoefficients.Scale"/>
    public abstract void Scale(in PairCoefficients coefficients, int count, in PairTerms terms, float factor, float* factors);

    /// <summary><see cref="QueryFinish.AddSelfPairs"/> in the form that the terms have.</summary>
    public abstract void AddSelfPairs(float* similarities, in PairTerms terms, in RunningSums sums, int count, float times);

    /// <summary><see cref="QueryFinish.SelfSlopes"/> in the form that the terms have.</summary>
    public abstract void SelfSlopes(float* similarities, in PairTerms terms, in PairCoefficients coefficients, int count, float times);

    /// <inheritdoc cref="RunningSums.Merge"/>
    public abstract void Merge(in RunningSums from, in RunningSums into, int count);

    /// <inheritdoc cref="PairRow.Accumulate"/>
    public abstract void AccumulateRow(float* similarities, int* kinds, int columns, in PairTerms terms, in RunningSums sums);

    /// <inheritdoc cref="PairRow.Gradient"/>
    public abstract void RowGradient(float* similarities, int* kinds, int columns, in PairTerms terms, in PairCoefficients coefficients, float* destination);

    /// <inheritdoc cref="PairRow.KindsOfLabels"/>
    public abstract void KindsOfLabels(int label, int* labels, int* takesPart, int columns, int* kinds);

    /// <summary>One operation over arrays of whole vectors.</summary>
    public abstract float[] Operate(string name, float[] x, float[] y, float[] z);

    public abstract bool Any(float[] mask);

    public abstract uint LaneBits(float[] mask);

    public abstract bool AllLess(float[] left, float[] right);

    private readonly struct Maker : ISimdCode<KernelsAtWidth>
    {
        public KernelsAtWidth Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new KernelsAtWidth<TSimd>();
    }
}

/// <inheritdoc/>
internal sealed unsafe class KernelsAtWidth<TSimd> : KernelsAtWidth
    where TSimd : unmanaged, ISimd<TSimd>
{
    private static readonly Dictionary<string, Func<TSimd, TSimd, TSimd, TSimd>> Operations = new()
    {
        ["+"] = (x, y, _) => x + y,
        ["-"] = (x, y, _) => x - y,
        ["*"] = (x, y, _) => x * y,
        ["/"] = (x, y, _) => x / y,
        ["&"] = (x, y, _) => x & y,
        ["|"] = (x, y, _) => x | y,
        ["^"] = (x, y, _) => x ^ y,
        ["AndNot"] = (x, y, _) => TSimd.AndNot(x, y),
        ["MultiplyAdd"] = TSimd.MultiplyAdd,
        ["Max"] = (x, y, _) => TSimd.Max(x, y),
        ["Min"] = (x, y, _) => TSimd.Min(x, y),
        ["Round"] = (x, _, _) => TSimd.Round(x),
        ["Sqrt"] = (x, _, _) => TSimd.Sqrt(x),
        ["LessThan"] = (x, y, _) => TSimd.LessThan(x, y),
        ["Equal"] = (x, y, _) => TSimd.Equal(x, y),
        ["EqualBits"] = (x, y, _) => TSimd.EqualBits(x, y),
        ["Select"] = (x, y, z) => TSimd.Select(TSimd.LessThan(x, y), y, z),
        ["AddBits"] = (x, y, _) => TSimd.AddBits(x, y),
        ["ShiftLeftBits"] = (x, _, _) => TSimd.ShiftLeftBits(x, 23),
        ["ShiftRightBits"] = (x, _, _) => TSimd.ShiftRightBits(x, 23),
        ["BitsToNumber"] = (x, _, _) => TSimd.BitsToNumber(x),
        ["Scale"] = (x, y, _) => TSimd.Scale(x, y),
        ["PowerOfTwo"] = (x, _, _) => TSimd.PowerOfTwo(x),
        ["Indices"] = (_, _, _) => TSimd.Indices,
        ["InterleaveLower"] = (x, y, _) => TSimd.InterleaveLower(x, y),
        ["InterleaveUpper"] = (x, y, _) => TSimd.InterleaveUpper(x, y),
    };

    public override int Lanes => TSimd.Lanes;

    public override int TileRows => TSimd.TileRows;

    public override IEnumerable<string> OperationNames => Operations.Keys;

    public override void Apply(KernelFunction function, float* source, float* destination, int length)
    {
        switch (function)
        {
            case KernelFunction.Exponential:
                Elementwise.Apply<TSimd, Exponential<TSimd>>(source, destination, length);
                break;
            case KernelFunction.Logarithm:
                Elementwise.Apply<TSimd, Logarithm<TSimd>>(source, destination, length);
                break;
            default:
                Elementwise.Apply<TSimd, Softplus<TSimd>>(source, destination, length);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float PowerOfFraction(float fraction) => First(Exponential.PowerOfFraction(TSimd.Broadcast(fraction)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override (float Fraction, float Exponent) Base2(float value)
    {
        TSimd fraction = Logarithm.Base2(TSimd.Broadcast(value), out TSimd exponent);
        return (First(fraction), First(exponent));
    }

    public override void Multiply(LeftLayout layout, float* left, nint leftJump, float* right, int depth, ProductTarget target, int rows, bool stream)
    {
        if (stream)
        {
            Multiply<Streamed>(layout, left, leftJump, right, depth, target, rows);
        }
        else
        {
            Multiply<Cached>(layout, left, leftJump, right, depth, target, rows);
        }
    }

    private static void Multiply<TStores>(LeftLayout layout, float* left, nint leftJump, float* right, int depth, ProductTarget target, int rows)
        where TStores : struct, IStores
    {
        switch (layout)
        {
            case LeftLayout.Slices:
                TileProduct.MultiplyAdd<TSimd, Slices, TStores>(new(left, leftJump), right, depth, target, rows, next: right);
                break;
            case LeftLayout.TileRows:
                TileProduct.MultiplyAdd<TSimd, TileRows, TStores>(new(left, leftJump), right, depth, target, rows, next: right);
                break;
            default:
                TileProduct.MultiplyAdd<TSimd, TileColumns, TStores>(new(left, leftJump), right, depth, target, rows, next: right);
                break;
        }
    }

    public override void Transpose<TStores>(float* from, nint fromStride, int rows, int columns, float* to, nint toStride) =>
        Transposition.Transpose<TSimd, TStores>(from, fromStride, rows, columns, to, toStride);

    public override int Pack(float* rows, nint stride, int* kept, bool normalize, in PackedRows packed, int first) =>
        RowPacking.Pack<TSimd>(rows, stride, kept, normalize, packed, first);

    public override void Unpack(in PackedRows packed, float* gradient, int row, bool normalize, float selfSlope, float* destination) =>
        RowPacking.Unpack<TSimd>(packed, gradient, row, normalize, selfSlope, destination);

    public override bool MayPass(float* row, int dimension, float* query, float threshold, bool normalize) =>
        RowFilter.MayPass<TSimd>(row, dimension, 1, dimension, [RowFilter.Of<TSimd>(query, dimension)], &threshold, normalize);

    public override void Scan(float* strip, int query, int rows, int reference, int columns, ref NearestLists lists) =>
            StripScan.Run<TSimd, NearestLists>(strip, query, rows, reference, columns, ref lists);

    public override void StreamRows(float* source, nint sourceStride, int rows, int columns, float* destination, nint stride) =>
    TileCopy.StreamRows<TSimd>(source, sourceStride, rows, columns, destination, stride);

    public override void Accumulate(bool bothEnds, in TilePairs pairs, in PairTerms terms, in RunningSums rows, in RunningSums columns) =>
        InForm(terms, new AccumulateCode(bothEnds, pairs, terms, rows, columns));

    private readonly struct AccumulateCode(bool bothEnds, TilePairs pairs, PairTerms terms, RunningSums rows, RunningSums columns) : IFormCode
    {
        public void Run<TForm>()
            where TForm : struct, IPairForm
        {
            if (bothEnds)
            {
                LogSumExpTile.Accumulate<TSimd, BothEnds, TForm>(pairs, terms, rows, columns);
            }
            else
            {
                LogSumExpTile.Accumulate<TSimd, RowEnd, TForm>(pairs, terms, rows, columns);
            }
        }
    }

    public override void Gradient(
        bool bothEnds, in TilePairs pairs, in PairTerms terms, in PairCoefficients rows, in PairCoefficients columns, float* destination) =>
        InForm(terms, new GradientCode(bothEnds, pairs, terms, rows, columns, destination));

    private readonly struct GradientCode(
        bool bothEnds, TilePairs pairs, PairTerms terms, PairCoefficients rows, PairCoefficients columns, float* destination) : IFormCode
    {
        public void Run<TForm>()
            where TForm : struct, IPairForm
        {
            if (bothEnds)
            {
                PairGradientTile.Compute<TSimd, BothEnds, TForm>(pairs, terms, rows, columns, destination);
            }
            else
            {
                PairGradientTile.Compute<TSimd, RowEnd, TForm>(pairs, terms, rows, columns, destination);
            }
        }
    }

    public override float[,,] Mixed(in TilePairs pairs, in PairTerms terms, int row, int column)
    {
        float[,,] result = new float[5, 4, TSimd.Lanes];
        fixed (float* memory = result)
        {
            InForm(terms, new MixedCode(pairs, terms, row, column, memory));
        }

        return result;
    }

    private readonly struct MixedCode(TilePairs pairs, PairTerms terms, int row, int column, float* result) : IFormCode
    {
        public void Run<TForm>()
            where TForm : struct, IPairForm
        {
            MixedPairs<TSimd>.Evaluate<TForm>(pairs, terms, row, column, out MixedPairs<TSimd> mixed);
            mixed.Positive.Store(result, TSimd.Lanes);
            mixed.Negative.Store(result + (4 * TSimd.Lanes), TSimd.Lanes);
            mixed.Term.Store(result + (8 * TSimd.Lanes), TSimd.Lanes);
            mixed.Exponent.Store(result + (12 * TSimd.Lanes), TSimd.Lanes);
            mixed.Slope.Store(result + (16 * TSimd.Lanes), TSimd.Lanes);
        }
    }

    public override void LossesAndCoefficients(in RunningSums sums, int count, bool joint, float* losses, in PairCoefficients coefficients) =>
        QueryFinish.LossesAndCoefficients<TSimd>(
            sums, default, count, new LossFinish(joint ? SumsPooling.Joint : SumsPooling.Separate), losses, null, coefficients);

    public override void Scale(in PairCoefficients coefficients, int count, in PairTerms terms, float factor, float* factors) =>
        PairCoefficients.Scale<TSimd>(coefficients, count, terms, factor, factor, factors);

    public override void AddSelfPairs(float* similarities, in PairTerms terms, in RunningSums sums, int count, float times) =>
        InForm(terms, new AddSelfPairsCode(similarities, terms, sums, count, times));

    private readonly struct AddSelfPairsCode(float* similarities, PairTerms terms, RunningSums sums, int count, float times) : IFormCode
    {
        public void Run<TForm>()
            where TForm : struct, IPairForm => QueryFinish.AddSelfPairs<TSimd, TForm>(similarities, terms, sums, default, count, times);
    }

    public override void SelfSlopes(float* similarities, in PairTerms terms, in PairCoefficients coefficients, int count, float times) =>
        InForm(terms, new SelfSlopesCode(similarities, terms, coefficients, count, times));

    private readonly struct SelfSlopesCode(float* similarities, PairTerms terms, PairCoefficients coefficients, int count, float times) : IFormCode
    {
        public void Run<TForm>()
            where TForm : struct, IPairForm => QueryFinish.SelfSlopes<TSimd, TForm>(similarities, terms, coefficients, count, times);
    }

    public override void Merge(in RunningSums from, in RunningSums into, int count) => RunningSums.Merge<TSimd>(from, into, count);

    public override void AccumulateRow(float* similarities, int* kinds, int columns, in PairTerms terms, in RunningSums sums)
    {
        if (terms.Linear)
        {
            PairRow.Accumulate<TSimd, NoWeight>(similarities, kinds, columns, terms, sums);
        }
        else
        {
            PairRow.Accumulate<TSimd, DetachedWeight>(similarities, kinds, columns, terms, sums);
        }
    }

    public override void RowGradient(float* similarities, int* kinds, int columns, in PairTerms terms, in PairCoefficients coefficients, float* destination)
    {
        if (terms.Linear)
        {
            PairRow.Gradient<TSimd, NoWeight>(similarities, kinds, columns, terms, coefficients, destination);
        }
        else if (terms.Attached)
        {
            PairRow.Gradient<TSimd, AttachedWeight>(similarities, kinds, columns, terms, coefficients, destination);
        }
        else
        {
            PairRow.Gradient<TSimd, DetachedWeight>(similarities, kinds, columns, terms, coefficients, destination);
        }
    }

    public override void KindsOfLabels(int label, int* labels, int* takesPart, int columns, int* kinds) =>
        PairRow.KindsOfLabels<TSimd>(label, labels, takesPart, columns, kinds);

    private interface IFormCode
    {
        void Run<TForm>()
            where TForm : struct, IPairForm;
    }

    private static void InForm<TCode>(in PairTerms terms, TCode code)
        where TCode : struct, IFormCode
    {
        switch (terms.Clamps, terms.Narrow, terms.Attached, terms.Linear)
        {
            case (false, false, false, false):
                code.Run<PairForm<No, No, DetachedWeight>>();
                break;
            case (false, false, true, false):
                code.Run<PairForm<No, No, AttachedWeight>>();
                break;
            case (false, false, false, true):
                code.Run<PairForm<No, No, NoWeight>>();
                break;
            case (false, true, false, false):
                code.Run<PairForm<No, Yes, DetachedWeight>>();
                break;
            case (false, true, true, false):
                code.Run<PairForm<No, Yes, AttachedWeight>>();
                break;
            case (false, true, false, true):
                code.Run<PairForm<No, Yes, NoWeight>>();
                break;
            case (true, false, false, false):
                code.Run<PairForm<Yes, No, DetachedWeight>>();
                break;
            case (true, false, true, false):
                code.Run<PairForm<Yes, No, AttachedWeight>>();
                break;
            case (true, false, false, true):
                code.Run<PairForm<Yes, No, NoWeight>>();
                break;
            case (true, true, false, false):
                code.Run<PairForm<Yes, Yes, DetachedWeight>>();
                break;
            case (true, true, true, false):
                code.Run<PairForm<Yes, Yes, AttachedWeight>>();
                break;
            case (true, true, false, true):
                code.Run<PairForm<Yes, Yes, NoWeight>>();
                break;
            default:
                throw new UnreachableException("A weight of 1 carries no gradient.");
        }
    }

    public override float[] Operate(string name, float[] x, float[] y, float[] z)
    {
        float[] result = new float[x.Length];
        fixed (float* xs = x, ys = y, zs = z, results = result)
        {
            for (int i = 0; i + TSimd.Lanes <= x.Length; i += TSimd.Lanes)
            {
                TSimd.Store(Operations[name](TSimd.Load(xs + i), TSimd.Load(ys + i), TSimd.Load(zs + i)), results + i);
            }
        }

        return result;
    }

    public override uint LaneBits(float[] mask)
    {
        fixed (float* first = mask)
        {
            return TSimd.LaneBits(TSimd.Load(first));
        }
    }

    public override bool Any(float[] mask)
    {
        fixed (float* first = mask)
        {
            return TSimd.Any(TSimd.Load(first));
        }
    }

    public override bool AllLess(float[] left, float[] right)
    {
        fixed (float* first = left, second = right)
        {
            return TSimd.AllLess(TSimd.Load(first), TSimd.Load(second));
        }
    }

    private static float First(TSimd value)
    {
        float* lanes = stackalloc float[Layout.SumLanes];
        TSimd.Store(value, lanes);
        return lanes[0];
    }
}
