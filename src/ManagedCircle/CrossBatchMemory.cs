using System.Security.Cryptography;
using System.Text;
using ManagedCircle.Engine;
using static System.FormattableString;

namespace ManagedCircle;

/// <summary>A ring buffer of earlier batches' rows, used as references.</summary>
/// <remarks>
/// <para>
/// After Wang et al., Cross-Batch Memory for Embedding Learning, CVPR 2020, arXiv 1912.06798.
/// A batch enters the memory and is then compared with all that the memory holds, its own rows among them, but no query with its own copy. Stored rows are
/// constants of the gradient; the copies of the batch under way are too, as in PyTorch Metric Learning, unless the call asks for the gradient through them. To
/// compare a batch with earlier ones alone, as MoCo's queue does, call the loss with <see cref="References"/> and then <see cref="Enqueue"/>.
/// </para>
/// <para>
/// Rows are stored as they are given, before any normalisation, and must be finite whatever <see cref="CircleLossOptions.CheckInputs"/> says. A call that
/// fails leaves the memory as it was. The memory grows to its capacity as it fills, then nothing is allocated. An instance is not thread-safe: a second
/// call while one runs is an <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
public sealed class CrossBatchMemory
{
    private const int Version = 1, HeaderBytes = 28, FirstRead = 1 << 16, FileBuffer = 1 << 16;

    private float[] rows = [];
    private long[] labels = [];
    private int next;
    private CallGuard guard;

    // What a batch overwrites, until its call has succeeded.
    private float[] replacedRows = [];
    private long[] replacedLabels = [];

    // The call under way: the rows that are queries where some are not, and the slot of each query's own copy.
    private float[] queryRows = [], queryGradient = [], queryLosses = [], queryWeights = [], queryUpstream = [], referenceGradient = [];
    private long[] queryLabels = [];
    private int[] ownCopies = [];

    /// <summary>Makes an empty memory.</summary>
    /// <param name="capacity">How many rows it holds before the oldest leave, at least 1.</param>
    /// <param name="dimension">Numbers in a row, at least 1; capacity times dimension must fit an array.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public CrossBatchMemory(int capacity, int dimension)
    {
        ThrowIf.NotCapacity(capacity, dimension);
        Capacity = capacity;
        Dimension = dimension;
    }

    /// <summary>How many rows it holds before the oldest leave.</summary>
    public int Capacity { get; }

    /// <summary>Numbers in a row.</summary>
    public int Dimension { get; }

    /// <summary>How many rows it holds; below <see cref="Capacity"/> while it warms up.</summary>
    public int Count { get; private set; }

    /// <summary>The rows it holds, in the order of their slots: the next to leave is anywhere among them. Valid until the memory changes.</summary>
    public EmbeddingBatch References
    {
        get
        {
            using CallGuard.Call entered = guard.Enter(this);
            return Stored;
        }
    }

    /// <summary>Stores rows; the oldest leave where there is no room.</summary>
    /// <param name="batch">The rows, at most <see cref="Capacity"/> of them.</param>
    /// <param name="mask">Which rows to store, shape [batch.Count]; empty for all.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, there are more rows than the memory holds, or a row holds NaN or infinity; the memory is unchanged.
    /// </exception>
    public void Enqueue(EmbeddingBatch batch, ReadOnlySpan<bool> mask = default)
    {
        using CallGuard.Call entered = guard.Enter(this);
        Store(batch, mask, Check(batch, mask));
    }

    /// <summary>Forgets all rows.</summary>
    public void Clear()
    {
        using CallGuard.Call entered = guard.Enter(this);
        (Count, next) = (0, 0);
    }

    /// <summary>Stores a batch, and computes its loss against all that is stored.</summary>
    /// <inheritdoc cref="ForwardBackward"/>
    public LossResult Forward(
        EmbeddingLoss loss, EmbeddingBatch batch, Span<float> losses = default, QueryTerms terms = default, ReadOnlySpan<bool> enqueue = default) =>
        Run(loss, batch, default, losses, terms, enqueue, throughStored: false);

    /// <summary>Stores a batch, and computes its loss against all that is stored and the gradient of its rows.</summary>
    /// <param name="loss">The loss; its diagonals have no part, as no query meets its own copy.</param>
    /// <param name="batch">The rows, of the memory's dimension.</param>
    /// <param name="gradient">Receives the gradient with respect to the rows, laid out as they are; overwritten. It must not overlap them.</param>
    /// <param name="losses">
    /// Receives the loss of each row, unweighted, shape [batch.Count] ([1] for a whole-batch loss); 0 for a row that is no query. Empty to leave them out.
    /// </param>
    /// <param name="terms">Weights and upstream gradients of the rows; excluded references are the memory's to choose.</param>
    /// <param name="enqueue">
    /// Which rows to store, shape [batch.Count]: those are then no queries, and the others are not stored (as PyTorch Metric Learning's <c>enqueue_mask</c>,
    /// for the two halves of a momentum encoder's batch). Empty to store every row and make it a query too.
    /// </param>
    /// <param name="gradientThroughStored">Whether the gradient also goes through the copies of the batch's rows as references.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, spans overlap, a row holds NaN or infinity, or there are too many rows to store; memory and gradient are unchanged.
    /// </exception>
    public LossResult ForwardBackward(
        EmbeddingLoss loss,
        EmbeddingBatch batch,
        Span<float> gradient,
        Span<float> losses = default,
        QueryTerms terms = default,
        ReadOnlySpan<bool> enqueue = default,
        bool gradientThroughStored = false)
    {
        ThrowIf.NotExtent(gradient, batch, nameof(gradient));
        ThrowIf.Overlap(gradient, batch.Rows, "the gradient", "the batch");
        return Run(loss, batch, gradient, losses, terms, enqueue, gradientThroughStored);
    }

    // ---- A call: store, compute, and take back what was stored where that fails ------------------------------------------------------------------------

    private LossResult Run(
        EmbeddingLoss loss, EmbeddingBatch batch, Span<float> gradient, Span<float> losses, QueryTerms terms, ReadOnlySpan<bool> enqueue, bool throughStored)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ArgumentNullException.ThrowIfNull(loss);
        bool whole = loss.Description.OfBatch;
        ThrowIf.NotLength(terms.ExcludedReferences.Length, 0, nameof(terms.ExcludedReferences), "as no query meets its own copy in the memory");
        ThrowIf.NotTerms(terms, loss.Description, batch.Count, 0, self: true);
        ThrowIf.NotLength(losses.Length, whole ? 1 : batch.Count, nameof(losses), whole ? "a whole-batch loss" : "one per row", mayBeEmpty: true);
        int first = next, countBefore = Count, stored = Check(batch, enqueue);
        Remember(stored);
        try
        {
            Store(batch, enqueue, stored);
            Span<float> ofReferences = Room(ref referenceGradient, throughStored ? Count * Dimension : 0);
            LossResult result = enqueue.IsEmpty
                ? OfAll(loss, batch, gradient, ofReferences, losses, terms, first)
                : OfSome(loss, batch, gradient, ofReferences, losses, terms, enqueue);
            for (int row = 0, slot = first; throughStored && row < batch.Count; row++)
            {
                if (enqueue.IsEmpty || enqueue[row])
                {
                    Add(ofReferences.Slice(slot * Dimension, Dimension), gradient.Slice(row * batch.Stride, Dimension));
                    slot = (slot + 1) % Capacity;
                }
            }

            return result;
        }
        catch
        {
            TakeBack(first, countBefore, stored);
            throw;
        }
    }

    private LossResult OfAll(
        EmbeddingLoss loss, EmbeddingBatch batch, Span<float> gradient, Span<float> ofReferences, Span<float> losses, QueryTerms terms, int first)
    {
        Span<int> own = Room(ref ownCopies, batch.Count);
        for (int row = 0; row < own.Length; row++)
        {
            own[row] = (first + row) % Capacity;
        }

        return loss.ForwardBackward(batch, Stored, gradient, ofReferences, losses, terms with { ExcludedReferences = own });
    }

    private LossResult OfSome(
        EmbeddingLoss loss, EmbeddingBatch batch, Span<float> gradient, Span<float> ofReferences, Span<float> losses, QueryTerms terms,
        ReadOnlySpan<bool> enqueue)
    {
        int count = enqueue.Count(false);
        Span<float> some = Room(ref queryRows, count * Dimension), ofSome = Room(ref queryGradient, gradient.IsEmpty ? 0 : count * Dimension);
        Span<float> weights = Room(ref queryWeights, terms.Weights.IsEmpty ? 0 : count);
        Span<float> upstream = Room(ref queryUpstream, terms.Upstream.Length > 1 ? count : 0);
        bool whole = loss.Description.OfBatch;
        Span<float> lossOfSome = whole ? losses : Room(ref queryLosses, losses.IsEmpty ? 0 : count);
        Span<long> labelsOfSome = Room(ref queryLabels, count);
        Span<int> own = Room(ref ownCopies, count);
        own.Fill(-1);
        for (int row = 0, query = 0; row < batch.Count; row++)
        {
            if (!enqueue[row])
            {
                batch.Rows.Slice(row * batch.Stride, Dimension).CopyTo(some[(query * Dimension)..]);
                labelsOfSome[query] = batch.Label(row);
                CopyOne(terms.Weights, row, weights, query);
                CopyOne(upstream.IsEmpty ? default : terms.Upstream, row, upstream, query);
                query++;
            }
        }

        LossResult result = loss.ForwardBackward(
            new EmbeddingBatch(some, labelsOfSome, Dimension),
            Stored,
            ofSome,
            ofReferences,
            lossOfSome,
            new QueryTerms { Weights = weights, Upstream = upstream.IsEmpty ? terms.Upstream : upstream, ExcludedReferences = own });
        for (int row = 0, query = 0; row < batch.Count; row++)
        {
            Span<float> ofRow = gradient.IsEmpty ? default : gradient.Slice(row * batch.Stride, Dimension);
            if (enqueue[row])
            {
                ofRow.Clear();
                SetOne(0, whole ? default : losses, row);
            }
            else
            {
                ofSome.Slice(ofRow.IsEmpty ? 0 : query * Dimension, ofRow.Length).CopyTo(ofRow);
                CopyOne(lossOfSome, query++, whole ? default : losses, row);
            }
        }

        return result;

        static void CopyOne(ReadOnlySpan<float> from, int index, Span<float> to, int place)
        {
            if (!to.IsEmpty)
            {
                to[place] = from[index];
            }
        }

        static void SetOne(float value, Span<float> to, int place)
        {
            if (!to.IsEmpty)
            {
                to[place] = value;
            }
        }
    }

    private EmbeddingBatch Stored => new(rows.AsSpan(0, Count * Dimension), labels.AsSpan(0, Count), Dimension);

    private int Check(EmbeddingBatch batch, ReadOnlySpan<bool> mask)
    {
        ThrowIf.NotLength(mask.Length, batch.Count, nameof(mask), "one per row", mayBeEmpty: true);
        int count = mask.IsEmpty ? batch.Count : mask.Count(true);
        ThrowIf.NotStorable(batch, mask, Dimension, count, Capacity);
        return count;
    }

    private void Store(EmbeddingBatch batch, ReadOnlySpan<bool> mask, int count)
    {
        EnsureRoom(Math.Min(Capacity, Count + count));
        for (int row = 0; row < batch.Count; row++)
        {
            if (mask.IsEmpty || mask[row])
            {
                batch.Rows.Slice(row * batch.Stride, Dimension).CopyTo(rows.AsSpan(next * Dimension));
                labels[next] = batch.Label(row);
                Count = Math.Max(Count, next + 1);
                next = (next + 1) % Capacity;
            }
        }
    }

    private void Remember(int count)
    {
        Span<float> oldRows = Room(ref replacedRows, count * Dimension);
        Span<long> oldLabels = Room(ref replacedLabels, count);
        for (int i = 0; i < count; i++)
        {
            int slot = (next + i) % Capacity;
            if (slot < Count)
            {
                rows.AsSpan(slot * Dimension, Dimension).CopyTo(oldRows[(i * Dimension)..]);
                oldLabels[i] = labels[slot];
            }
        }
    }

    private void TakeBack(int first, int count, int stored)
    {
        (next, Count) = (first, count);
        for (int i = 0; i < stored; i++)
        {
            int slot = (first + i) % Capacity;
            if (slot < Count)
            {
                replacedRows.AsSpan(i * Dimension, Dimension).CopyTo(rows.AsSpan(slot * Dimension));
                labels[slot] = replacedLabels[i];
            }
        }
    }

    // Doubling, up to the capacity.
    private void EnsureRoom(int count)
    {
        if (labels.Length < count)
        {
            int room = (int)Math.Min(Capacity, Math.Max(count, 2L * labels.Length));
            Array.Resize(ref rows, room * Dimension);
            Array.Resize(ref labels, room);
        }
    }

    private static Span<T> Room<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            array = new T[length];
        }

        return array.AsSpan(0, length);
    }

    private static void Add(ReadOnlySpan<float> more, Span<float> sum) => System.Numerics.Tensors.TensorPrimitives.Add(sum, more, sum);

    // ---- Files ------------------------------------------------------------------------------------------------------------------------------------------
    //
    //   offset  bytes                what, little-endian
    //   0       8                    "MCIRCLEM"
    //   8       4                    version, 1
    //   12      4, 4, 4, 4           dimension, capacity, count, next slot
    //   28      8 count              labels, in the order of the slots
    //           4 count dimension    rows, float32
    //           32                   SHA-256 of all before

    private static ReadOnlySpan<byte> Signature => "MCIRCLEM"u8;

    /// <summary>Writes the memory to a stream, little-endian, with a SHA-256 of it at the end.</summary>
    /// <param name="stream">Where to; stays open.</param>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Save(Stream stream)
    {
        using CallGuard.Call entered = guard.Enter(this);
        ArgumentNullException.ThrowIfNull(stream);
        using SHA256 checksum = SHA256.Create();
        using (CryptoStream hashed = new(stream, checksum, CryptoStreamMode.Write, leaveOpen: true))
        using (BinaryWriter writer = new(hashed, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Signature);
            foreach (int number in (ReadOnlySpan<int>)[Version, Dimension, Capacity, Count, next])
            {
                writer.Write(number);
            }

            foreach (long label in labels.AsSpan(0, Count))
            {
                writer.Write(label);
            }

            foreach (float number in rows.AsSpan(0, Count * Dimension))
            {
                writer.Write(number);
            }
        }

        stream.Write(checksum.Hash);
    }

    /// <summary>Writes the memory to a file, under a temporary name beside it first: a failure leaves the file that was there, and no other.</summary>
    /// <param name="path">The file; replaced, with the same modes. Where it is a symbolic link, what that leads to is replaced.</param>
    /// <exception cref="IOException">The file cannot be written, or is a directory, a device or a pipe.</exception>
    /// <exception cref="UnauthorizedAccessException">The file or its directory may not be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using ReplacedFile file = new(path);
        using (BufferedStream buffered = new(file.Stream, FileBuffer))
        {
            Save(buffered);
        }

        file.Commit();
    }

    /// <summary>Reads a memory that <see cref="Save(Stream)"/> wrote. What follows it in the stream is left there.</summary>
    /// <param name="stream">Where from; stays open.</param>
    /// <exception cref="InvalidDataException">It is no such memory, is of another version, is cut short, or was altered.</exception>
    /// <remarks>No more is allocated than a few times what there is to read, whatever the header claims.</remarks>
    public static CrossBatchMemory Load(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        byte[] header = Read(stream, HeaderBytes, "header");
        if (!header.AsSpan().StartsWith(Signature))
        {
            throw new InvalidDataException("This is no cross-batch memory: expected it to begin with MCIRCLEM.");
        }

        BinaryReader numbers = new(new MemoryStream(header, Signature.Length, HeaderBytes - Signature.Length));
        int version = numbers.ReadInt32(), dimension = numbers.ReadInt32(), capacity = numbers.ReadInt32(), count = numbers.ReadInt32();
        int next = numbers.ReadInt32();
        if (version != Version)
        {
            throw new InvalidDataException(Invariant($"The cross-batch memory is of version {version}: expected {Version}."));
        }

        bool fits = dimension >= 1 && capacity >= 1 && (long)capacity * dimension <= Array.MaxLength && count >= 0 && count <= capacity
            && (count < capacity ? next == count : next >= 0 && next < capacity);
        long length = fits ? count * (sizeof(long) + (long)dimension * sizeof(float)) : long.MaxValue;
        if (length > Array.MaxLength)
        {
            throw new InvalidDataException(Invariant(
                $"The cross-batch memory's header says dimension {dimension}, capacity {capacity}, count {count}, next slot {next}, which cannot be."));
        }

        byte[] body = Read(stream, (int)length, "rows"), checksum = Read(stream, SHA256.HashSizeInBytes, "checksum");
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(header);
        hash.AppendData(body);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(checksum))
        {
            throw new InvalidDataException("The cross-batch memory was altered: its checksum is that of other contents.");
        }

        CrossBatchMemory memory = new(capacity, dimension) { Count = count, next = next, labels = new long[count], rows = new float[count * dimension] };
        BinaryReader contents = new(new MemoryStream(body));
        for (int i = 0; i < count; i++)
        {
            memory.labels[i] = contents.ReadInt64();
        }

        for (int i = 0; i < memory.rows.Length; i++)
        {
            memory.rows[i] = contents.ReadSingle();
            if (!float.IsFinite(memory.rows[i]))
            {
                throw new InvalidDataException(Invariant($"Row {i / dimension} of the cross-batch memory holds NaN or infinity: expected finite numbers."));
            }
        }

        return memory;
    }

    /// <summary>Reads a memory that <see cref="Save(string)"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">
    /// It is no such memory, is of another version, is cut short, goes on after its end, or was altered; or is a device or a pipe, which
    /// <see cref="Load(Stream)"/> reads.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static CrossBatchMemory Load(string path)
    {
        using FileStream stream = ReplacedFile.OpenRead(path);
        return LoadToEnd(stream);
    }

    /// <summary>Reads a memory that the stream ends with.</summary>
    internal static CrossBatchMemory LoadToEnd(Stream stream)
    {
        CrossBatchMemory memory = Load(stream);
        return stream.ReadByte() < 0 ? memory : throw new InvalidDataException("The cross-batch memory was altered: bytes follow its end.");
    }

    // The array grows with what is there, not with what the header claims.
    private static byte[] Read(Stream stream, int length, string what)
    {
        byte[] bytes = new byte[Math.Min(length, FirstRead)];
        int read = 0;
        while (read < length)
        {
            if (read == bytes.Length)
            {
                Array.Resize(ref bytes, (int)Math.Min(length, 2L * bytes.Length));
            }

            int more = stream.Read(bytes, read, bytes.Length - read);
            if (more == 0)
            {
                throw new InvalidDataException(Invariant($"The cross-batch memory is cut short: its {what} has {read} bytes, expected {length}."));
            }

            read += more;
        }

        return bytes;
    }
}
