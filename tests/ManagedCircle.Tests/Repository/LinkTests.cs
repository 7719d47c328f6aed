using System.Text.RegularExpressions;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Repository;

/// <summary>Links and pictures of every page lead to something.</summary>
public sealed partial class LinkTests
{
    private static readonly string[] PackageReadmes =
        ["src/ManagedCircle/README.md", "src/ManagedCircle.Reference/README.md", "tools/ManagedCircle.Cli/README.md"];

    public static TheoryData<string> Pages =>
    [
        .. new[] { "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "tests/ManagedCircle.Tests/Golden/README.md" },
        .. PackageReadmes,
        .. Directory.EnumerateFiles(RepositoryFiles.PathOf("docs"), "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(RepositoryFiles.PathOf(), file).Replace('\\', '/')),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_of_a_page_leads_to_a_file_and_a_heading_that_exist(string page) =>
        Assert.DoesNotContain(LinksOf(RepositoryFiles.Read(page)), target => !Exists(page, target));

    [Fact]
    public void A_readme_of_a_package_links_to_nothing_beside_it() =>
        Assert.All(PackageReadmes,
            page => Assert.All(LinksOf(RepositoryFiles.Read(page)), target => Assert.StartsWith("https://", target, StringComparison.Ordinal)));

    [Theory]
    [InlineData("[a](no-such-file.md)", "no-such-file.md")]
    [InlineData("![a](assets/no-such-picture.png)", "assets/no-such-picture.png")]
    [InlineData("[`code`](docs/threads.md#no-such-heading)", "docs/threads.md#no-such-heading")]
    [InlineData("text\n```\n[a](b)\n```\nand `[c](d)` and [e](#no-such-heading \"title\")", "#no-such-heading")]
    public void A_link_that_leads_nowhere_is_found(string text, string expected)
    {
        string target = Assert.Single(LinksOf(text));

        Assert.Equal(expected, target);
        Assert.False(Exists("README.md", target));
    }

    private static IEnumerable<string> LinksOf(string text) => Link().Matches(Code().Replace(text, "")).Select(link => link.Groups["target"].Value);

    private static bool Exists(string page, string target)
    {
        if (target.StartsWith("https://", StringComparison.Ordinal))
        {
            return Uri.TryCreate(target, UriKind.Absolute, out Uri? address) && address.Host.Contains('.');
        }

        string[] parts = target.Split('#');
        string path = parts[0].Length == 0 ? RepositoryFiles.PathOf(page)
            : RepositoryFiles.PathOf(Path.GetDirectoryName(page)!, Uri.UnescapeDataString(parts[0]));
        return parts.Length == 1 ? Path.Exists(path) : File.Exists(path) && AnchorsOf(File.ReadAllText(path)).Contains(parts[1]);
    }

    /// <summary>The anchors that GitHub gives to headings, and those that the text sets itself.</summary>
    private static IEnumerable<string> AnchorsOf(string text) =>
        Heading().Matches(CodeBlock().Replace(text, ""))
            .Select(heading => NotInAnchors().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'))
            .Concat(SetAnchor().Matches(text).Select(anchor => anchor.Groups["name"].Value));

    [GeneratedRegex(@"(?<!\\)\[[^\]]*\]\((?<target>[^)\s]+)(?:\s+""[^""]*"")?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"<a id=""(?<name>[^""]*)"">")]
    private static partial Regex SetAnchor();
}
