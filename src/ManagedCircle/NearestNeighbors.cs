using ManagedCircle.Engine;
using ManagedCircle.Kernels;

namespace ManagedCircle;

/// <summary>The references most similar to each query, found exactly; similarities are looked at where they are made, and never become a matrix.</summary>
/// <remarks>
/// <para>
/// A search finds what sorting a row of <see cref="CosineSimilarity.Matrix(RowMatrix, RowMatrix, Span{float}, int)"/>, or of
/// <see cref="CosineSimilarity.InnerProducts(RowMatrix, RowMatrix, Span{float}, int)"/>, would: its similarities are theirs to the bit, but that a zero has no
/// sign. Of references that are equally similar the one of the lower index comes first. So an answer is the same for any number of threads, any number of
/// queries in the call and, where the hardware fuses multiply and add, any width of vectors.
/// </para>
/// <para>
/// A similarity that is NaN or negative infinity is never found: a row with NaN, or with an infinity under cosines, finds nothing, and no query finds it. A
/// zero row has cosine 0 with every row.
/// </para>
/// <para>
/// It takes the time of the matrix alone, and some more the more neighbours are asked for, in a workspace for each worker of a block of references and of
/// <c>16 neighbours + 512</c> bytes for each query; above 64 MB of these, queries go over the references in turns. Nothing is allocated once the workspace has
/// grown to the largest call seen. An instance is not thread-safe: use one for each thread that calls. A second call while one runs is an
/// <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
public sealed class NearestNeighbors : IDisposable
{
    private readonly SearchEngine engine;
    private CallGuard guard;

    /// <summary>Makes an instance; its workspace grows with the largest call seen and is reused.</summary>
    /// <param name="measure">What rows are compared by.</param>
    /// <param name="execution">Threads and vectors; null for <see cref="ExecutionOptions.Default"/>.</param>
    /// <exception cref="ArgumentException">The measure is none, or an option is out of its range.</exception>
    /// <exception cref="PlatformNotSupportedException">The vectors asked for are not there.</exception>
    public NearestNeighbors(SimilarityMeasure measure = SimilarityMeasure.Cosine, ExecutionOptions? execution = null)
    {
        Measure = ThrowIf.Invalid(measure);
        engine = SearchEngine.Create(ThrowIf.Invalid(execution));
    }

    /// <summary>What rows are compared by.</summary>
    public SimilarityMeasure Measure { get; }

    /// <summary>The vectors it runs on.</summary>
    public SimdWidth SimdWidth => engine.SimdWidth;

    /// <summary>The bytes of memory it holds.</summary>
    public long WorkspaceBytes => engine.WorkspaceBytes;

    /// <summary>Finds the references most similar to each query.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="neighbors">How many to find for each query, k, at least 1.</param>
    /// <param name="indices">
    /// Receives the indices of the references, the most similar first, shape [queryCount, k]; -1 where fewer than k can be found. It must not overlap what is
    /// read.
    /// </param>
    /// <param name="similarities">Receives their similarities, shape [queryCount, k]; negative infinity where there is none. Empty to leave them out.</param>
    /// <param name="terms">What may not be found.</param>
    /// <exception cref="ArgumentException">A shape does not match, an excluded reference is none, or a span to write overlaps another.</exception>
    public void Find(
        RowMatrix queries, RowMatrix references, int neighbors, Span<int> indices, Span<float> similarities = default, SearchTerms terms = default) =>
        Nearest(Call(queries, references, self: false, terms), neighbors, indices, similarities);

    /// <summary>Finds the rows of a gallery that are most similar to each query.</summary>
    /// <param name="gallery">The references, packed for <see cref="Measure"/>; others may search in it at the same time.</param>
    /// <param name="queries">The queries, of the gallery's dimension.</param>
    /// <param name="neighbors">How many to find for each query, k, at least 1.</param>
    /// <param name="indices">Receives the indices of the rows, the most similar first, shape [queryCount, k]; -1 where fewer than k can be found.</param>
    /// <param name="similarities">Receives their similarities, shape [queryCount, k]; negative infinity where there is none. Empty to leave them out.</param>
    /// <param name="terms">What may not be found.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, the gallery is packed for another measure, an excluded reference is none, or a span to write overlaps another.
    /// </exception>
    /// <exception cref="InvalidOperationException">The gallery is being changed.</exception>
    public void FindIn(
        Gallery gallery, RowMatrix queries, int neighbors, Span<int> indices, Span<float> similarities = default, SearchTerms terms = default)
    {
        using SharedGuard.Reading reading = Read(gallery, out PackedRows rows);
        Nearest(Call(queries, rows, terms), neighbors, indices, similarities);
    }

    /// <summary>Finds the other rows most similar to each row.</summary>
    /// <param name="rows">The rows, queries and references alike; none finds itself.</param>
    /// <param name="neighbors">How many to find for each row, k, at least 1.</param>
    /// <param name="indices">Receives the indices of the rows found, the most similar first, shape [count, k]; -1 where fewer than k can be found.</param>
    /// <param name="similarities">Receives their similarities, shape [count, k]; negative infinity where there is none. Empty to leave them out.</param>
    /// <param name="terms">What may not be found beside the row itself: a mask.</param>
    /// <exception cref="ArgumentException">A shape does not match, references are excluded, or a span to write overlaps another.</exception>
    public void Find(RowMatrix rows, int neighbors, Span<int> indices, Span<float> similarities = default, SearchTerms terms = default) =>
        Nearest(Call(rows, rows, self: true, terms), neighbors, indices, similarities);

    /// <summary>Finds all references that are more similar to a query than a number.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="references">The references, of the queries' dimension.</param>
    /// <param name="similarity">The number that a similarity must exceed.</param>
    /// <param name="starts">
    /// Receives where in the results each query's begin, and in the end their number, shape [queryCount + 1]: those of query q are from starts[q] to
    /// starts[q + 1], the most similar first.
    /// </param>
    /// <param name="indices">Receives the indices of the references.</param>
    /// <param name="similarities">Receives their similarities, as many as indices has room for; empty to leave them out.</param>
    /// <param name="terms">What may not be found.</param>
    /// <returns>How many were found. If that is more than indices has room for, nothing is written: call again with room for as many.</returns>
    /// <exception cref="ArgumentException">
    /// A shape does not match, the number is NaN, an excluded reference is none, or a span to write overlaps another.
    /// </exception>
    /// <remarks>The workspace holds 16 bytes, or up to twice as many, for each reference that is found, and 8 more where they are written.</remarks>
    public long FindAbove(
        RowMatrix queries,
        RowMatrix references,
        float similarity,
        Span<int> starts,
        Span<int> indices,
        Span<float> similarities = default,
        SearchTerms terms = default) =>
        Above(Call(queries, references, self: false, terms), similarity, starts, indices, similarities);

    /// <summary>Finds all rows of a gallery that are more similar to a query than a number.</summary>
    /// <param name="gallery">The references, packed for <see cref="Measure"/>; others may search in it at the same time.</param>
    /// <param name="queries">The queries, of the gallery's dimension.</param>
    /// <param name="similarity">The number that a similarity must exceed.</param>
    /// <param name="starts">Receives where in the results each query's begin, and in the end their number, shape [queryCount + 1].</param>
    /// <param name="indices">Receives the indices of the rows.</param>
    /// <param name="similarities">Receives their similarities, as many as indices has room for; empty to leave them out.</param>
    /// <param name="terms">What may not be found.</param>
    /// <returns>How many were found. If that is more than indices has room for, nothing is written: call again with room for as many.</returns>
    /// <exception cref="ArgumentException">
    /// A shape does not match, the gallery is packed for another measure, the number is NaN, an excluded reference is none, or a span to write overlaps
    /// another.
    /// </exception>
    /// <exception cref="InvalidOperationException">The gallery is being changed.</exception>
    public long FindAboveIn(
        Gallery gallery,
        RowMatrix queries,
        float similarity,
        Span<int> starts,
        Span<int> indices,
        Span<float> similarities = default,
        SearchTerms terms = default)
    {
        using SharedGuard.Reading reading = Read(gallery, out PackedRows rows);
        return Above(Call(queries, rows, terms), similarity, starts, indices, similarities);
    }

    /// <summary>Finds all other rows that are more similar to a row than a number.</summary>
    /// <param name="rows">The rows, queries and references alike; none finds itself.</param>
    /// <param name="similarity">The number that a similarity must exceed.</param>
    /// <param name="starts">Receives where in the results each row's begin, and in the end their number, shape [count + 1].</param>
    /// <param name="indices">Receives the indices of the rows found.</param>
    /// <param name="similarities">Receives their similarities, as many as indices has room for; empty to leave them out.</param>
    /// <param name="terms">What may not be found beside the row itself: a mask.</param>
    /// <returns>How many were found. If that is more than indices has room for, nothing is written: call again with room for as many.</returns>
    /// <exception cref="ArgumentException">A shape does not match, the number is NaN, references are excluded, or a span to write overlaps another.</exception>
    public long FindAbove(
        RowMatrix rows, float similarity, Span<int> starts, Span<int> indices, Span<float> similarities = default, SearchTerms terms = default) =>
        Above(Call(rows, rows, self: true, terms), similarity, starts, indices, similarities);

    /// <summary>Returns the workspace's memory; a second time does nothing. Using the instance afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call runs; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            engine.Dispose();
        }
    }

    private SearchCall Call(RowMatrix queries, RowMatrix references, bool self, SearchTerms terms)
    {
        ThrowIf.Unlike(queries, references);
        return new() { Queries = queries, References = references, Self = self, Normalize = Measure == SimilarityMeasure.Cosine, Terms = terms };
    }

    private SearchCall Call(RowMatrix queries, PackedRows gallery, SearchTerms terms)
    {
        ThrowIf.NotOfGallery(queries, gallery.Dimension);
        return new() { Queries = queries, Packed = gallery, Normalize = Measure == SimilarityMeasure.Cosine, Terms = terms };
    }

    private SharedGuard.Reading Read(Gallery gallery, out PackedRows rows)
    {
        ArgumentNullException.ThrowIfNull(gallery);
        ThrowIf.NotMeasure(gallery.Measure, Measure);
        return gallery.Read(out rows);
    }

    private void Nearest(in SearchCall call, int neighbors, Span<int> indices, Span<float> similarities)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotCount(neighbors, least: 1, nameof(neighbors));
        ThrowIf.NotRoom(indices.Length, call.Queries.Count, neighbors, neighbors, nameof(indices));
        ThrowIf.NotRoom(similarities.Length, call.Queries.Count, neighbors, neighbors, nameof(similarities), mayBeEmpty: true);
        CheckMemory(call, default, indices, similarities);
        engine.Nearest(call, neighbors, indices, similarities);
    }

    private long Above(in SearchCall call, float similarity, Span<int> starts, Span<int> indices, Span<float> similarities)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ThrowIf.NotNumber(similarity, nameof(similarity));
        ThrowIf.NotLength(starts.Length, call.Queries.Count + 1, nameof(starts), "one per query and one more");
        ThrowIf.NotRoom(similarities.Length, indices.Length, 1, 1, nameof(similarities), mayBeEmpty: true);
        CheckMemory(call, starts, indices, similarities);
        return engine.Above(call, similarity, starts, indices, similarities);
    }

    private static void CheckMemory(in SearchCall call, Span<int> starts, Span<int> indices, Span<float> similarities)
    {
        ThrowIf.NotTerms(call.Terms, call.Queries.Count, call.ReferenceCount, call.Self);
        CallMemory memory = default;
        memory.Writes(starts, nameof(starts));
        memory.Writes(indices, nameof(indices));
        memory.Writes(similarities, nameof(similarities));
        memory.Reads(call.Queries.Rows, call.Self ? "rows" : "queries");
        memory.Reads(call.References.Rows, "references");
        memory.Reads(call.Terms.ExcludedReferences, nameof(call.Terms.ExcludedReferences));
        memory.Reads(call.Terms.Mask, nameof(call.Terms.Mask));
    }
}
