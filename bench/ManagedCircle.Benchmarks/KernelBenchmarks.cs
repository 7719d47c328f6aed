using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using ManagedCircle.Kernels;
using ManagedCircle.Simd;

namespace ManagedCircle.Benchmarks;

/// <summary>The kernels that touch each number once, over 2,048 numbers: 16 rows of 128 for the packing.</summary>
public unsafe class KernelBenchmarks
{
    private const int Length = 2048, Dimension = 128;

    private readonly IKernels kernels = SimdChoice.On<Choice, IKernels>(SimdChoice.Resolve(SimdWidth.Auto), default);
    private float* source, destination;
    private PackedRows packed;

    [GlobalSetup]
    public void Prepare()
    {
        const int Packed = Layout.Pack * Dimension;
        source = (float*)NativeMemory.AlignedAlloc(((2 * Length) + (2 * Packed) + Layout.Pack) * sizeof(float), 64);
        destination = source + Length;
        float* panels = destination + Length;
        packed = new PackedRows
        {
            Count = Length / Dimension,
            Dimension = Dimension,
            Panels = panels,
            Slices = panels + Packed,
            SliceStride = Length / Dimension * Layout.Pack,
            InverseNorms = panels + (2 * Packed),
        };
        Random random = new(0);
        for (int i = 0; i < Length; i++)
        {
            source[i] = 0.1f + (10 * random.NextSingle());
        }
    }

    [GlobalCleanup]
    public void CleanUp() => NativeMemory.AlignedFree(source);

    [Benchmark(OperationsPerInvoke = Length)]
    public void Exp() => kernels.Exp(source, destination);

    [Benchmark(OperationsPerInvoke = Length)]
    public void Log() => kernels.Log(source, destination);

    [Benchmark(OperationsPerInvoke = Length)]
    public void Softplus() => kernels.Softplus(source, destination);

    [Benchmark(OperationsPerInvoke = Length)]
    public int PackRows() => kernels.PackRows(source, packed);

    /// <summary>The kernels at one width, without its type.</summary>
    private interface IKernels
    {
        void Exp(float* source, float* destination);

        void Log(float* source, float* destination);

        void Softplus(float* source, float* destination);

        int PackRows(float* rows, in PackedRows packed);
    }

    private readonly struct Choice : ISimdCode<IKernels>
    {
        public IKernels Run<TSimd>()
            where TSimd : unmanaged, ISimd<TSimd> => new At<TSimd>();
    }

    private sealed class At<TSimd> : IKernels
        where TSimd : unmanaged, ISimd<TSimd>
    {
        public void Exp(float* source, float* destination) => Elementwise.Apply<TSimd, Exponential<TSimd>>(source, destination, Length);

        public void Log(float* source, float* destination) => Elementwise.Apply<TSimd, Logarithm<TSimd>>(source, destination, Length);

        public void Softplus(float* source, float* destination) => Elementwise.Apply<TSimd, Softplus<TSimd>>(source, destination, Length);

        public int PackRows(float* rows, in PackedRows packed) => RowPacking.Pack<TSimd>(rows, Dimension, null, normalize: true, packed, 0);
    }
}
