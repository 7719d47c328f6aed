namespace ManagedCircle;

/// <summary>Runs the parts of one call side by side: implement it to put the work on threads of your own, such as a game's job system.</summary>
public interface IWorkScheduler
{
    /// <summary>Calls <paramref name="work"/> once with every number from 0 to <paramref name="workers"/> - 1, and returns when all have returned.</summary>
    /// <param name="workers">How many calls to make, at least 1.</param>
    /// <param name="work">
    /// The work; the calls may run in any order, one after the other or at once, on any threads. It never throws, and does nothing when <c>Run</c> has returned
    /// or thrown.
    /// </param>
    /// <remarks>
    /// The caller of the loss, or of whatever is computed, gets what <c>Run</c> throws, and an <see cref="InvalidOperationException"/> where it leaves a number
    /// out, uses one twice or one that there is not, or returns too early. What was to be written then holds anything; the object can be used again.
    /// </remarks>
    void Run(int workers, Action<int> work);
}
