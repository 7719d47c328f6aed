using System.Diagnostics.CodeAnalysis;

namespace ManagedCircle.Engine;

/// <summary>Lets any number of readers into an object, or one that changes it, and none once it is disposed.</summary>
internal struct SharedGuard
{
    private const int Changing = -1, Disposed = -2;

    // Readers inside, or one of the above.
    private int state;

    /// <summary>Begins to read, which ends when the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">It is being changed.</exception>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    [UnscopedRef]
    public Reading Read(object owner)
    {
        for (int found = Volatile.Read(ref state); ;)
        {
            ThrowIf.NotSharable(owner, found == Changing, found == Disposed);
            int seen = Interlocked.CompareExchange(ref state, found + 1, found);
            if (seen == found)
            {
                return new Reading(ref state);
            }

            found = seen;
        }
    }

    /// <summary>Begins a change, which ends when the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">It is being read or changed.</exception>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    [UnscopedRef]
    public ChangeUnderWay Change(object owner)
    {
        int found = Interlocked.CompareExchange(ref state, Changing, 0);
        ThrowIf.NotSharable(owner, found is not (0 or Disposed), found == Disposed);
        return new ChangeUnderWay(ref state);
    }

    /// <summary>Ends the object's life. Returns whether it had one: then its memory is the caller's to give back.</summary>
    /// <exception cref="InvalidOperationException">It is being read or changed.</exception>
    public bool Dispose(object owner)
    {
        int found = Interlocked.CompareExchange(ref state, Disposed, 0);
        ThrowIf.NotSharable(owner, found is not (0 or Disposed), disposed: false);
        return found == 0;
    }

    /// <summary>A reader.</summary>
    public readonly ref struct Reading
    {
        private readonly ref int state;

        public Reading(ref int state) => this.state = ref state;

        public void Dispose() => Interlocked.Decrement(ref state);
    }

    /// <summary>A change under way.</summary>
    public readonly ref struct ChangeUnderWay
    {
        private readonly ref int state;

        public ChangeUnderWay(ref int state) => this.state = ref state;

        public void Dispose() => Volatile.Write(ref state, 0);
    }
}
