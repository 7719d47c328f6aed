using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ManagedCircle.Engine;
using static System.FormattableString;

namespace ManagedCircle;

/// <summary>References that are packed once and kept: rows to search among or to compare queries with in a loss, each with a label.</summary>
/// <remarks>
/// <para>
/// A search, or a loss, takes a gallery in place of rows and gives the same bits. Rows as they are have to be read, divided by their norm and brought into the
/// order that a product reads them in, in every call; a gallery has that behind it, and a search of few queries takes about the time of reading it once.
/// </para>
/// <para>
/// Adding, replacing and removing rows costs what those rows cost. A gallery holds <c>4 dimension + 8</c> bytes for each row, the dimension rounded up to a
/// multiple of 32, with room for up to twice as many rows; memory is that of no array, so it may be larger than one.
/// </para>
/// <para>
/// Any number of threads may search in a gallery at once; a call that changes it while another uses it, or uses it while it changes, is an
/// <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
public sealed class Gallery : IDisposable
{
    private readonly GalleryPanels panels;
    private SharedGuard guard;

    /// <summary>Makes an empty gallery.</summary>
    /// <param name="dimension">Numbers in a row, at least 1.</param>
    /// <param name="measure">What its rows will be compared by: under cosines they are divided by their norm.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public Gallery(int dimension, SimilarityMeasure measure = SimilarityMeasure.Cosine)
    {
        ThrowIf.NotCapacity(1, dimension);
        Dimension = dimension;
        Measure = ThrowIf.Invalid(measure);
        panels = new GalleryPanels(dimension);
    }

    /// <summary>Numbers in a row.</summary>
    public int Dimension { get; }

    /// <summary>What its rows are compared by.</summary>
    public SimilarityMeasure Measure { get; }

    /// <summary>How many rows it holds.</summary>
    public int Count => panels.Count;

    /// <summary>The bytes of memory it holds.</summary>
    public long MemoryBytes => panels.Bytes;

    /// <summary>The class of a row; 0 where it was given none.</summary>
    /// <param name="index">A row, from 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public long Label(int index)
    {
        using SharedGuard.Reading reading = guard.Read(this);
        ThrowIf.NotRow(index, Count);
        return panels.Labels[index];
    }

    /// <summary>Copies a row as it is held: divided by its norm under cosines.</summary>
    /// <param name="index">A row, from 0 to <see cref="Count"/> - 1.</param>
    /// <param name="destination">Receives the row, shape [dimension].</param>
    /// <exception cref="ArgumentException">There is no such row, or the destination is of another length.</exception>
    public void CopyRow(int index, Span<float> destination)
    {
        using SharedGuard.Reading reading = guard.Read(this);
        ThrowIf.NotRow(index, Count);
        ThrowIf.NotLength(destination.Length, Dimension, nameof(destination), "the gallery's dimension");
        panels.CopyRow(index, destination);
    }

    /// <summary>Adds rows behind those that there are.</summary>
    /// <param name="rows">The rows, of the gallery's dimension, finite.</param>
    /// <param name="labels">The class of each, shape [count]; empty for 0.</param>
    /// <returns>The index of the first of them; the others follow.</returns>
    /// <exception cref="ArgumentException">A shape does not match, or a row holds NaN or infinity; the gallery is unchanged.</exception>
    public int Add(RowMatrix rows, ReadOnlySpan<long> labels = default)
    {
        using SharedGuard.ChangeUnderWay change = guard.Change(this);
        ThrowIf.NotOfGallery(rows, labels, Dimension);
        int first = Count;
        Append(rows, labels, Measure == SimilarityMeasure.Cosine);
        return first;
    }

    /// <summary>Replaces rows that follow each other.</summary>
    /// <param name="first">The first to replace.</param>
    /// <param name="rows">The rows to put there, of the gallery's dimension, finite; no more than there are from the first on.</param>
    /// <param name="labels">The class of each, shape [count]; empty for 0.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not match, there are no such rows to replace, or a row holds NaN or infinity; the gallery is unchanged.
    /// </exception>
    public void Replace(int first, RowMatrix rows, ReadOnlySpan<long> labels = default)
    {
        using SharedGuard.ChangeUnderWay change = guard.Change(this);
        ThrowIf.NotOfGallery(rows, labels, Dimension);
        ThrowIf.NotRoomAt(first, rows.Count, Count);
        Put(first, rows, labels, Measure == SimilarityMeasure.Cosine);
    }

    /// <summary>Removes a row; the last one takes its place.</summary>
    /// <param name="index">A row, from 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public void RemoveAt(int index)
    {
        using SharedGuard.ChangeUnderWay change = guard.Change(this);
        ThrowIf.NotRow(index, Count);
        panels.Move(Count - 1, index);
        panels.Resize(Count - 1);
    }

    /// <summary>Removes all rows; their memory stays, for others.</summary>
    public void Clear()
    {
        using SharedGuard.ChangeUnderWay change = guard.Change(this);
        panels.Resize(0);
    }

    /// <summary>Returns the memory; a second time does nothing. Using the gallery afterwards is an error.</summary>
    /// <exception cref="InvalidOperationException">A call uses the gallery; nothing is returned.</exception>
    public void Dispose()
    {
        if (guard.Dispose(this))
        {
            panels.Dispose();
        }
    }

    /// <summary>The rows, while the reading lasts.</summary>
    internal SharedGuard.Reading Read(out Kernels.PackedRows rows) => Read(out rows, out _);

    /// <summary>The rows and their classes, while the reading lasts.</summary>
    internal SharedGuard.Reading Read(out Kernels.PackedRows rows, out ReadOnlySpan<long> labels)
    {
        SharedGuard.Reading reading = guard.Read(this);
        rows = panels.Rows;
        labels = panels.Labels;
        return reading;
    }

    private void Append(RowMatrix rows, ReadOnlySpan<long> labels, bool normalize)
    {
        int first = Count;
        panels.Resize(checked(first + rows.Count));
        Put(first, rows, labels, normalize);
    }

    private void Put(int first, RowMatrix rows, ReadOnlySpan<long> labels, bool normalize)
    {
        panels.Put(first, rows, normalize);
        Span<long> own = panels.Labels.Slice(first, rows.Count);
        if (labels.IsEmpty)
        {
            own.Clear();
        }
        else
        {
            labels.CopyTo(own);
        }
    }

    // ---- Files ------------------------------------------------------------------------------------------------------------------------------------------
    //
    //   offset  bytes                what, little-endian
    //   0       8                    "MCIRCLEG"
    //   8       4                    version, 1
    //   12      4, 4, 4              dimension, measure (0 cosine, 1 inner product), count
    //   24      8 count              labels
    //           4 count dimension    rows as they are held, float32
    //           32                   SHA-256 of all before

    private const int Version = 1, HeaderBytes = 24, RowsAtOnce = 256, NumbersAtOnce = 1 << 16, FileBuffer = 1 << 16;

    private static ReadOnlySpan<byte> Signature => "MCIRCLEG"u8;

    /// <summary>Writes the gallery to a stream, little-endian, with a SHA-256 of it at the end.</summary>
    /// <param name="stream">Where to; stays open.</param>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Save(Stream stream)
    {
        using SharedGuard.Reading reading = guard.Read(this);
        ArgumentNullException.ThrowIfNull(stream);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[Math.Max(HeaderBytes, Math.Max(RowsAtOnce * sizeof(long), Dimension * sizeof(float)))];
        Signature.CopyTo(buffer);
        int place = Signature.Length;
        foreach (int number in (ReadOnlySpan<int>)[Version, Dimension, (int)Measure, Count])
        {
            BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(place), number);
            place += sizeof(int);
        }

        Write(HeaderBytes);
        for (int row = 0; row < Count; row += RowsAtOnce)
        {
            Span<long> some = panels.Labels.Slice(row, Math.Min(RowsAtOnce, Count - row));
            for (int i = 0; i < some.Length; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(buffer.AsSpan(i * sizeof(long)), some[i]);
            }

            Write(some.Length * sizeof(long));
        }

        float[] numbers = new float[Dimension];
        for (int row = 0; row < Count; row++)
        {
            panels.CopyRow(row, numbers);
            for (int i = 0; i < numbers.Length; i++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(buffer.AsSpan(i * sizeof(float)), numbers[i]);
            }

            Write(numbers.Length * sizeof(float));
        }

        stream.Write(hash.GetHashAndReset());

        void Write(int bytes)
        {
            hash.AppendData(buffer, 0, bytes);
            stream.Write(buffer, 0, bytes);
        }
    }

    /// <summary>Writes the gallery to a file, under a temporary name beside it first: a failure leaves the file that was there, and no other.</summary>
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

    /// <summary>Reads a gallery that <see cref="Save(Stream)"/> wrote. What follows it in the stream is left there.</summary>
    /// <param name="stream">Where from; stays open.</param>
    /// <exception cref="InvalidDataException">It is no such gallery, is of another version, is cut short, or was altered.</exception>
    /// <remarks>No more is allocated than a few times what there is to read, whatever the header claims.</remarks>
    public static Gallery Load(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] header = new byte[HeaderBytes];
        Read(header, "header");
        if (!header.AsSpan().StartsWith(Signature))
        {
            throw new InvalidDataException("This is no gallery: expected it to begin with MCIRCLEG.");
        }

        (int version, int dimension, int measure, int count) = (Number(0), Number(1), Number(2), Number(3));
        if (version != Version)
        {
            throw new InvalidDataException(Invariant($"The gallery is of version {version}: expected {Version}."));
        }

        if (dimension < 1 || dimension > Array.MaxLength || count < 0 || !Enum.IsDefined((SimilarityMeasure)measure))
        {
            throw new InvalidDataException(Invariant($"The gallery's header says dimension {dimension}, measure {measure}, count {count}, which cannot be."));
        }

        Gallery gallery = new(dimension, (SimilarityMeasure)measure);
        try
        {
            List<long> labels = [];
            byte[] some = new byte[RowsAtOnce * sizeof(long)];
            for (int rest = count; rest > 0; rest -= RowsAtOnce)
            {
                Span<byte> part = some.AsSpan(0, Math.Min(rest, RowsAtOnce) * sizeof(long));
                Read(part, "labels");
                for (int i = 0; i < part.Length; i += sizeof(long))
                {
                    labels.Add(BinaryPrimitives.ReadInt64LittleEndian(part[i..]));
                }
            }

            // Numbers are asked for a few at a time, so that a header that lies costs no more than what there is.
            List<float> numbers = [];
            int rowsAtOnce = Math.Clamp(NumbersAtOnce / dimension, 1, RowsAtOnce);
            for (int row = 0; row < count; row += rowsAtOnce)
            {
                int rows = Math.Min(rowsAtOnce, count - row);
                numbers.Clear();
                for (long rest = rows * (long)dimension * sizeof(float); rest > 0; rest -= some.Length)
                {
                    Span<byte> part = some.AsSpan(0, (int)Math.Min(rest, some.Length));
                    Read(part, "rows");
                    for (int i = 0; i < part.Length; i += sizeof(float))
                    {
                        numbers.Add(BinaryPrimitives.ReadSingleLittleEndian(part[i..]));
                    }
                }

                ReadOnlySpan<float> values = CollectionsMarshal.AsSpan(numbers);
                gallery.Append(new RowMatrix(values, dimension), CollectionsMarshal.AsSpan(labels).Slice(row, rows), normalize: false);
            }

            byte[] expected = hash.GetHashAndReset(), checksum = new byte[SHA256.HashSizeInBytes];
            Read(checksum, "checksum");
            return expected.AsSpan().SequenceEqual(checksum)
                ? gallery
                : throw new InvalidDataException("The gallery was altered: its checksum is that of other contents.");
        }
        catch
        {
            gallery.Dispose();
            throw;
        }

        int Number(int index) => BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(Signature.Length + (index * sizeof(int))));

        void Read(Span<byte> part, string what)
        {
            if (stream.ReadAtLeast(part, part.Length, throwOnEndOfStream: false) < part.Length)
            {
                throw new InvalidDataException(Invariant($"The gallery is cut short: it ends within its {what}."));
            }

            hash.AppendData(part);
        }
    }

    /// <summary>Reads a gallery that <see cref="Save(string)"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">
    /// It is no such gallery, is of another version, is cut short, goes on after its end, or was altered; or is a device or a pipe, which
    /// <see cref="Load(Stream)"/> reads.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Gallery Load(string path)
    {
        using FileStream stream = ReplacedFile.OpenRead(path);
        Gallery gallery = Load(stream);
        if (stream.ReadByte() < 0)
        {
            return gallery;
        }

        gallery.Dispose();
        throw new InvalidDataException("The gallery was altered: bytes follow its end.");
    }
}
