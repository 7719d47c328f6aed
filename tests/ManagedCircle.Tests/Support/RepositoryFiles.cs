using System.Reflection;

namespace ManagedCircle.Tests.Support;

/// <summary>The files that the tests were built from.</summary>
internal static class RepositoryFiles
{
    private static readonly string Root = Path.GetFullPath(
        typeof(RepositoryFiles).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "RepositoryRoot").Value!);

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public static string Read(params string[] parts) => File.ReadAllText(PathOf(parts)).ReplaceLineEndings("\n");
}
