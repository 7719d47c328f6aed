using System.Diagnostics.CodeAnalysis;

namespace ManagedCircle.Engine;

/// <summary>Lets one call at a time into an object that has a state, and none once it is disposed.</summary>
internal struct CallGuard
{
    private const int Free = 0, InCall = 1, Disposed = 2;

    private int state;

    /// <summary>Begins a call, which ends when the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">Another call has not ended: that of another thread, or the one that runs the caller's scheduler.</exception>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    [UnscopedRef]
    public Call Enter(object owner)
    {
        int found = Take(InCall);
        ThrowIf.NotFree(owner, found == InCall, found == Disposed);
        return new Call(ref state);
    }

    /// <summary>Ends the object's life. Returns whether it had one: then its memory is the caller's to give back.</summary>
    /// <exception cref="InvalidOperationException">A call has begun and not ended.</exception>
    public bool Dispose(object owner)
    {
        int found = Take(Disposed);
        ThrowIf.NotFree(owner, found == InCall, disposed: false);
        return found == Free;
    }

    private int Take(int next) => Interlocked.CompareExchange(ref state, next, Free);

    /// <summary>A call under way.</summary>
    public readonly ref struct Call
    {
        private readonly ref int state;

        public Call(ref int state) => this.state = ref state;

        public void Dispose() => Volatile.Write(ref state, Free);
    }
}
