namespace ManagedCircle.Cli;

/// <summary>Options that cannot be carried out, together or on this machine: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
