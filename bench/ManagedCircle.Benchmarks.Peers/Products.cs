using System.Runtime.InteropServices;
using System.Text;
using MathNet.Numerics;
using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.OnnxRuntime;
using NumSharp;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>
/// ONNX Runtime: a model of one operator, <c>Gemm</c> of the rows as they are, or <c>MatMul</c> with the right side transposed beforehand, free of charge.
/// </summary>
internal sealed class OnnxProduct : IPeer
{
    private readonly Problem problem;
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly OrtValue[] inputs, outputs;
    private readonly float[] product;

    public OnnxProduct(Problem problem, bool transposed, int threads)
    {
        this.problem = problem;
        int n = problem.N, d = problem.D;
        using SessionOptions options = new() { IntraOpNumThreads = threads, InterOpNumThreads = 1, ExecutionMode = ExecutionMode.ORT_SEQUENTIAL };
        session = new InferenceSession(OnnxModel.OfOneProduct(transposed), options);
        float[] right = transposed ? Transposed(problem.Rows, n, d) : [.. problem.Rows];
        product = new float[n * n];
        inputs = [OrtValue.CreateTensorValueFromMemory(problem.Rows, [n, d]), OrtValue.CreateTensorValueFromMemory(right, transposed ? [d, n] : [n, d])];
        outputs = [OrtValue.CreateTensorValueFromMemory(product, [n, n])];
    }

    public string Note => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        session.Run(runOptions, ["a", "b"], inputs, ["c"], outputs);
        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product);

    public void Dispose()
    {
        foreach (OrtValue value in inputs.Concat(outputs))
        {
            value.Dispose();
        }

        runOptions.Dispose();
        session.Dispose();
    }

    private static float[] Transposed(float[] rows, int n, int d)
    {
        float[] result = new float[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            result[(i % d * n) + (i / d)] = rows[i];
        }

        return result;
    }
}

/// <summary>
/// The bytes of an ONNX model c = a b or c = a b^T. A field of Protocol Buffers is (number &lt;&lt; 3 | kind) and a number (kind 0), or a length and bytes
/// (kind 2).
/// </summary>
internal static class OnnxModel
{
    private const int Float = 1;

    public static byte[] OfOneProduct(bool transposed)
    {
        byte[] transB = [.. Text(1, "transB"), .. Number(3, 1), .. Number(20, 2)];
        byte[] node = [.. Text(1, "a"), .. Text(1, "b"), .. Text(2, "c"), .. Text(4, transposed ? "MatMul" : "Gemm"), .. transposed ? [] : Bytes(5, transB)];
        byte[] graph = [.. Bytes(1, node), .. Text(2, "product"), .. Bytes(11, Matrix("a")), .. Bytes(11, Matrix("b")), .. Bytes(12, Matrix("c"))];
        return [.. Number(1, 8), .. Bytes(7, graph), .. Bytes(8, [.. Text(1, string.Empty), .. Number(2, 13)])];
    }

    private static byte[] Matrix(string name)
    {
        byte[] shape = [.. Bytes(1, Text(2, name + "rows")), .. Bytes(1, Text(2, name + "columns"))];
        byte[] tensor = [.. Number(1, Float), .. Bytes(2, shape)];
        return [.. Text(1, name), .. Bytes(2, Bytes(1, tensor))];
    }

    private static byte[] Number(int field, int value) => [.. Variable(field << 3), .. Variable(value)];

    private static byte[] Bytes(int field, byte[] value) => [.. Variable((field << 3) | 2), .. Variable(value.Length), .. value];

    private static byte[] Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Variable(int value) => value < 128 ? [(byte)value] : [(byte)(value | 128), .. Variable(value >> 7)];
}

/// <summary>OpenBLAS, where the machine has it.</summary>
internal sealed unsafe class OpenBlasProduct : IPeer
{
    private const int RowMajor = 101, AsIs = 111, Transposed = 112;

    private readonly Problem problem;
    private readonly nint library = NativeLibrary.Load("libopenblas.so.0");
    private readonly delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> gemm;
    private readonly float[] right, product;

    public OpenBlasProduct(Problem problem, int threads)
    {
        this.problem = problem;
        gemm = (delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)NativeLibrary.GetExport(
            library, "cblas_sgemm");
        ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "openblas_set_num_threads"))(threads);
        Note = $"{string.Join(' ', Answer("openblas_get_config").Split(' ').Take(2))}, {Answer("openblas_get_corename")} kernel";
        right = [.. problem.Rows];
        product = new float[problem.N * problem.N];
    }

    public string Note { get; }

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        int n = problem.N, d = problem.D;
        fixed (float* a = problem.Rows, b = right, c = product)
        {
            gemm(RowMajor, AsIs, Transposed, n, n, d, 1, a, d, b, d, 0, c, n);
        }

        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product);

    public void Dispose() => NativeLibrary.Free(library);

    private string Answer(string function) => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)NativeLibrary.GetExport(library, function))())!.Trim();
}

/// <summary>NumSharp, all managed.</summary>
internal sealed class NumSharpProduct(Problem problem) : IPeer
{
    private readonly NDArray left = np.array(problem.Rows).reshape(problem.N, problem.D), right = np.array(problem.Rows).reshape(problem.N, problem.D).T;
    private NDArray? product;

    public string Note => $"NumSharp {typeof(np).Assembly.GetName().Version?.ToString(3)}, one thread";

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        product?.Dispose();
        product = np.matmul(left, right);
        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product!.ToArray<float>());

    public void Dispose()
    {
        left.Dispose();
        right.Dispose();
        product?.Dispose();
    }
}

/// <summary>Math.NET Numerics' managed provider, on matrices column after column: [D, N] there is [N, D] here.</summary>
internal sealed class MathNetProduct : IPeer
{
    private readonly Problem problem;
    private readonly Matrix<float> left, right, product;

    public MathNetProduct(Problem problem, int threads)
    {
        this.problem = problem;
        Control.UseManaged();
        Control.MaxDegreeOfParallelism = threads;
        left = Matrix<float>.Build.Dense(problem.D, problem.N, [.. problem.Rows]);
        right = Matrix<float>.Build.Dense(problem.D, problem.N, [.. problem.Rows]);
        product = Matrix<float>.Build.Dense(problem.N, problem.N);
    }

    public string Note => $"Math.NET Numerics {typeof(Control).Assembly.GetName().Version?.ToString(3)}, managed provider";

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        left.TransposeThisAndMultiply(right, product);
        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product.AsColumnMajorArray());

    public void Dispose()
    {
    }
}
