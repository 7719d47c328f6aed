namespace ManagedCircle.Cli;

/// <summary>An input that cannot be used: exit code 1, and the message is the one line that says why.</summary>
internal sealed class BadInputException(string message) : Exception(message)
{
    /// <summary>What is wrong with a file.</summary>
    public BadInputException(string path, string reason)
        : this($"{path}: {reason}")
    {
    }
}
