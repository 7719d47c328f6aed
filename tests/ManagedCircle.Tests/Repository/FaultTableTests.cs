using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using ManagedCircle.Tests.Support;
using Xunit;
using Xunit.v3;

namespace ManagedCircle.Tests.Repository;

/// <summary>The table of faults in docs/testing.md names tests that exist.</summary>
public sealed partial class FaultTableTests
{
    // The last number of each letter.
    private const string Kinds = "A4 B5 C5 D7 E5 F10 G6 H4";

    [Fact]
    public void Every_fault_is_in_the_table_once() =>
        Assert.Equal(
            Kinds.Split(' ').SelectMany(last => Enumerable.Range(1, int.Parse(last.AsSpan(1), CultureInfo.InvariantCulture))
                .Select(number => $"{last[0]}{number}")),
            Rows().Select(row => row.Groups["id"].Value));

    [Fact]
    public void Every_fault_names_the_tests_that_hold_it_and_they_exist() =>
        Assert.All(Rows(), row =>
        {
            string[] names = [.. Quoted().Matches(row.Groups["tests"].Value).Select(name => name.Groups["name"].Value)];
            Assert.NotEmpty(names);
            Assert.All(names, name => Assert.True(name.Contains('/') ? File.Exists(RepositoryFiles.PathOf(name)) : IsTest(name), name));
        });

    private static MatchCollection Rows() => Row().Matches(RepositoryFiles.Read("docs", "testing.md"));

    private static bool IsTest(string name) =>
        name.Split('.') is [string type, string method]
        && typeof(FaultTableTests).Assembly.GetTypes().Where(candidate => candidate.Name == type)
            .SelectMany(candidate => candidate.GetMethods())
                .Any(candidate => candidate.Name == method && candidate.GetCustomAttributes().Any(attribute => attribute is IFactAttribute));

    [GeneratedRegex(@"^\| (?<id>[A-Z]\d+) \| [^|]+ \| (?<tests>[^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<name>[^`]+)`")]
    private static partial Regex Quoted();
}
