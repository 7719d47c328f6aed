using ManagedCircle.Engine;

namespace ManagedCircle;

/// <summary>Matrices of cosine similarities and of inner products, and their backward pass.</summary>
/// <remarks>
/// <para>
/// Any number of rows will do, 0 among them. A destination's rows may lie apart, by its stride; the last may end without its gap, and numbers between rows
/// stay.
/// </para>
/// <para>
/// Each inner product is summed in single precision, in order, in chunks of 512: it is within <c>(min(D, 512) + D / 512 + 2) 2^-24</c> of the sum of the
/// products' magnitudes. NaN and infinity propagate, as in any matrix product: a similarity is spoilt if a number of its two rows is, and a gradient if one
/// of those that it sums is.
/// </para>
/// <para>
/// A cosine is rounded, not clamped: for rows that point the same way it may be above 1, or below -1 for opposite ones, by at most
/// <c>(min(D, 512) + D / 512 + D / 16 + 19) 2^-24</c>; measured are 5e-7 at D 32 and 5e-6 up to D 4,096. <see cref="MathF.Acos"/> gives NaN there. Before it,
/// clamp: <c>TensorPrimitives.Clamp(similarities, -1, 1, similarities)</c> of System.Numerics.Tensors.
/// </para>
/// <para>
/// Nothing is allocated once the workspace has grown to the largest call seen. An instance is not thread-safe: use one for each thread that calls. A second
/// call while one runs is an <see cref="InvalidOperationException"/>. Results are the same bits for any number of threads and, where the hardware fuses
/// multiply and add, any width of vectors.
/// </para>
/// <para>
/// A matrix of 8 MB or more is written past the caches, as whole cache lines: fastest, by a fifth and up to a half, where its rows are whole lines apart, a
/// destination stride that is a multiple of 16.
/// </para>
/// </remarks>
public sealed class CosineSimilarity : IDisposable
{
    private readonly MatrixEngine engine;
    private CallGuard guard;

    /// <summary>Makes an instance; its workspace grows with the largest call seen and is reused.</summary>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public CosineSimilarity(ExecutionOptions? execution = null) =>
        engine = MatrixEngine.Create(ThrowIf.Invalid(execution));

    /// <summary>The vectors it runs on.</summary>
    public SimdWidth SimdWidth => engine.SimdWidth;

    /// <summary>The bytes of memory it holds.</summary>
    public long WorkspaceBytes => engine.WorkspaceBytes;

    /// <summary>Computes the cosine of every query with every reference.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="destination">Receives <c>&lt;x, r&gt; / (|x| |r|)</c>, shape [queryCount, referenceCount]; 0 where a row is zero. No overlap.</param>
    /// <param name="destinationStride">Numbers from one row of the destination to the next; 0 for referenceCount.</param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    /// <remarks>
    /// Rows of a norm below 1e-12 are divided by 1e-12. Finite rows of any size have their cosine: their squares neither overflow nor vanish.
    /// </remarks>
    public void Matrix(RowMatrix queries, RowMatrix references, Span<float> destination, int destinationStride = 0) =>
        Forward(queries, references, self: false, normalize: true, destination, destinationStride);

    /// <summary>Computes the cosine of every row with every row, in about half the time of two matrices.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="destination">Receives <c>&lt;x, y&gt; / (|x| |y|)</c>, shape [count, count], symmetric to the bit; 0 where a row is zero.</param>
    /// <param name="destinationStride">Numbers from one row of the destination to the next; 0 for count.</param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    public void Matrix(RowMatrix rows, Span<float> destination, int destinationStride = 0) =>
        Forward(rows, rows, self: true, normalize: true, destination, destinationStride);

    /// <summary>Computes the gradient with respect to queries and references from that of their cosines.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="similarityGradient">The gradient G with respect to the matrix, shape [queryCount, referenceCount].</param>
    /// <param name="queryGradient">Receives the gradient of the queries, laid out as they are; empty to leave it out, and save its time.</param>
    /// <param name="referenceGradient">Receives the gradient of the references, laid out as they are; empty to leave it out, and save its time.</param>
    /// <param name="similarityStride">Numbers from one row of the gradient G to the next; 0 for referenceCount.</param>
    /// <exception cref="ArgumentException">A shape does not match, or a gradient to write overlaps another span.</exception>
    /// <remarks>
    /// With unit rows U and V: g = G V for the queries and G^T U for the references, then for each row (g - &lt;g, u&gt; u) / |x|. Where |x| is below 1e-12
    /// it counts as a constant 1e-12. A zero row has gradient 0.
    /// </remarks>
    public void MatrixBackward(
        RowMatrix queries,
        RowMatrix references,
        ReadOnlySpan<float> similarityGradient,
        Span<float> queryGradient,
        Span<float> referenceGradient,
        int similarityStride = 0) =>
        Backward(queries, references, normalize: true, similarityGradient, similarityStride, queryGradient, referenceGradient);

    /// <summary>Computes the gradient with respect to rows from that of their cosines with each other.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="similarityGradient">The gradient G with respect to the matrix, shape [count, count]; it need not be symmetric.</param>
    /// <param name="gradient">Receives the gradient with respect to the rows, laid out as they are.</param>
    /// <param name="similarityStride">Numbers from one row of the gradient G to the next; 0 for count.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the gradient to write overlaps another span.</exception>
    /// <remarks>With unit rows U: g = (G + G^T) U, then as for queries and references.</remarks>
    public void MatrixBackward(RowMatrix rows, ReadOnlySpan<float> similarityGradient, Span<float> gradient, int similarityStride = 0) =>
        Backward(rows, normalize: true, similarityGradient, similarityStride, gradient);

    /// <summary>Computes the inner product of every query with every reference: the matrix product of the queries and the transposed references.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="destination">Receives <c>&lt;x, r&gt;</c>, shape [queryCount, referenceCount]. It must not overlap the rows.</param>
    /// <param name="destinationStride">Numbers from one row of the destination to the next; 0 for referenceCount.</param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    public void InnerProducts(RowMatrix queries, RowMatrix references, Span<float> destination, int destinationStride = 0) =>
        Forward(queries, references, self: false, normalize: false, destination, destinationStride);

    /// <summary>Computes the inner product of every row with every row, in about half the time of two matrices.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="destination">Receives <c>&lt;x, y&gt;</c>, shape [count, count], symmetric to the bit. It must not overlap the rows.</param>
    /// <param name="destinationStride">Numbers from one row of the destination to the next; 0 for count.</param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    public void InnerProducts(RowMatrix rows, Span<float> destination, int destinationStride = 0) =>
        Forward(rows, rows, self: true, normalize: false, destination, destinationStride);

    /// <summary>Computes the gradient with respect to queries and references from that of their inner products.</summary>
    /// <param name="queries">The queries X.</param>
    /// <param name="references">The references R, of the queries' dimension.</param>
    /// <param name="similarityGradient">The gradient G with respect to the matrix, shape [queryCount, referenceCount].</param>
    /// <param name="queryGradient">Receives G R, the gradient of the queries, laid out as they are; empty to leave it out, and save its time.</param>
    /// <param name="referenceGradient">Receives G^T X, the gradient of the references, laid out as they are; empty to leave it out, and save its time.</param>
    /// <param name="similarityStride">Numbers from one row of the gradient G to the next; 0 for referenceCount.</param>
    /// <exception cref="ArgumentException">A shape does not match, or a gradient to write overlaps another span.</exception>
    public void InnerProductsBackward(
        RowMatrix queries,
        RowMatrix references,
        ReadOnlySpan<float> similarityGradient,
        Span<float> queryGradient,
        Span<float> referenceGradient,
        int similarityStride = 0) =>
        Backward(queries, references, normalize: false, similarityGradient, similarityStride, queryGradient, referenceGradient);

    /// <summary>Computes the gradient with respect to rows from that of their inner products with each other.</summary>
    /// <param name="rows">The rows X.</param>
    /// <param name="similarityGradient">The gradient G with respect to the matrix, shape [count, count]; it need not be symmetric.</param>
    /// <param name="gradient">Receives (G + G^T) X, the gradient with respect to the rows, laid out as they are.</param>
    /// <param name="similarityStride">Numbers from one row of the gradient G to the next; 0 for count.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the gradient to write overlaps another span.</exception>
    public void InnerProductsBackward(RowMatrix rows, ReadOnlySpan<float> similarityGradient, Span<float> gradient, int similarityStride = 0) =>
        Backward(rows, normalize: false, similarityGradient, similarityStride, gradient);

    /// <summary>Divides every row by its norm.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="destination">Receives <c>x / max(|x|, 1e-12)</c>, laid out as the rows are: a zero row stays zero. It must not overlap the rows.</param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    public void UnitRows(RowMatrix rows, Span<float> destination)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotRoom(destination.Length, rows.Count, rows.Dimension, rows.Stride, nameof(destination));
        CallMemory memory = default;
        memory.Writes(destination, nameof(destination));
        memory.Reads(rows.Rows, nameof(rows));
        engine.UnitRows(rows, destination);
    }

    /// <summary>Computes the gradient with respect to rows from that with respect to their unit rows.</summary>
    /// <param name="rows">The rows, not the unit rows.</param>
    /// <param name="unitGradient">The gradient g with respect to the unit rows, laid out as the rows are.</param>
    /// <param name="gradient">
    /// Receives <c>(g - &lt;g, u&gt; u) / |x|</c>, laid out as the rows are; <c>g / 1e-12</c> where |x| is below 1e-12, and 0 for a zero row.
    /// </param>
    /// <exception cref="ArgumentException">A shape does not match, or spans overlap.</exception>
    public void UnitRowsBackward(RowMatrix rows, ReadOnlySpan<float> unitGradient, Span<float> gradient)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotRoom(unitGradient.Length, rows.Count, rows.Dimension, rows.Stride, nameof(unitGradient));
        ThrowIf.NotRoom(gradient.Length, rows.Count, rows.Dimension, rows.Stride, nameof(gradient));
        CallMemory memory = default;
        memory.Writes(gradient, nameof(gradient));
        memory.Reads(rows.Rows, nameof(rows));
        memory.Reads(unitGradient, nameof(unitGradient));
        engine.UnitRowsBackward(rows, unitGradient, gradient);
    }

    /// <summary>Returns the workspace's memory; a second time does nothing. Using the instance afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call runs; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            engine.Dispose();
        }
    }

    private void Forward(RowMatrix queries, RowMatrix references, bool self, bool normalize, Span<float> destination, int destinationStride)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.Unlike(queries, references);
        destinationStride = ThrowIf.NotStride(references.Count, destinationStride, nameof(destinationStride));
        ThrowIf.NotRoom(destination.Length, queries.Count, references.Count, destinationStride, nameof(destination));
        CallMemory memory = default;
        memory.Writes(destination, nameof(destination));
        memory.Reads(queries.Rows, self ? "rows" : nameof(queries));
        memory.Reads(references.Rows, nameof(references));
        engine.Forward(new MatrixCall { Queries = queries, References = references, Self = self, Normalize = normalize }, destination, destinationStride);
    }

    private void Backward(
        RowMatrix queries,
        RowMatrix references,
        bool normalize,
        ReadOnlySpan<float> similarityGradient,
        int similarityStride,
        Span<float> queryGradient,
        Span<float> referenceGradient)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.Unlike(queries, references);
        ThrowIf.NotRoom(queryGradient.Length, queries.Count, queries.Dimension, queries.Stride, nameof(queryGradient), mayBeEmpty: true);
        ThrowIf.NotRoom(referenceGradient.Length, references.Count, references.Dimension, references.Stride, nameof(referenceGradient), mayBeEmpty: true);
        CallMemory memory = default;
        memory.Writes(queryGradient, nameof(queryGradient));
        memory.Writes(referenceGradient, nameof(referenceGradient));
        memory.Reads(queries.Rows, nameof(queries));
        memory.Reads(references.Rows, nameof(references));
        memory.Reads(similarityGradient, nameof(similarityGradient));
        MatrixCall call = new() { Queries = queries, References = references, Normalize = normalize };
        engine.Backward(call, GradientOf(queries, references, similarityGradient, similarityStride), queryGradient, referenceGradient);
    }

    private void Backward(RowMatrix rows, bool normalize, ReadOnlySpan<float> similarityGradient, int similarityStride, Span<float> gradient)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotRoom(gradient.Length, rows.Count, rows.Dimension, rows.Stride, nameof(gradient));
        CallMemory memory = default;
        memory.Writes(gradient, nameof(gradient));
        memory.Reads(rows.Rows, nameof(rows));
        memory.Reads(similarityGradient, nameof(similarityGradient));
        MatrixCall call = new() { Queries = rows, References = rows, Self = true, Normalize = normalize };
        engine.Backward(call, GradientOf(rows, rows, similarityGradient, similarityStride), gradient, default);
    }

    private static RowMatrix GradientOf(RowMatrix queries, RowMatrix references, ReadOnlySpan<float> similarityGradient, int similarityStride)
    {
        similarityStride = ThrowIf.NotStride(references.Count, similarityStride, nameof(similarityStride));
        ThrowIf.NotRoom(similarityGradient.Length, queries.Count, references.Count, similarityStride, nameof(similarityGradient));
        return new RowMatrix(similarityGradient, queries.Count, references.Count, similarityStride);
    }
}
