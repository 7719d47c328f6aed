namespace ManagedCircle.Benchmarks.Peers;

/// <summary>One way to do a piece of work, over and over on the same problem.</summary>
internal interface IPeer : IDisposable
{
    /// <summary>What was asked for, in the words of the tables: a library's version, the kernel it chose.</summary>
    string Note { get; }

    /// <summary>
    /// The fewest operations of the work, a multiply-add being two; shares of the peak are of these. A product takes 2 N^2 D, a loss with its gradient 3 N^2 D:
    /// one triangle of the similarities, and their symmetric gradient times the rows.
    /// </summary>
    double Flops { get; }

    /// <summary>Does the work once; all of it is done on return. The loss, or 0 where there is none.</summary>
    double Run();

    /// <summary>Throws unless what the last run left agrees with ManagedCircle.</summary>
    void Check();
}

/// <summary>A peer's answer is wrong, so its time means nothing.</summary>
internal sealed class DisagreementException(string message) : Exception(message);
