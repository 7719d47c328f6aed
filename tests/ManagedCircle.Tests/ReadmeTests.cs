using System.Reflection;
using System.Text.RegularExpressions;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Cli;
using ManagedCircle.Tests.Support;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>What the READMEs and the pages of docs show is what happens.</summary>
public sealed partial class ReadmeTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public static TheoryData<string> Pages =>
        [.. Directory.EnumerateFiles(RepositoryFiles.PathOf("docs"), "*.md").Select(file => Path.GetFileName(file)!)];

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("README.md")]
    [InlineData("src/ManagedCircle/README.md")]
    [InlineData("src/ManagedCircle.Reference/README.md")]
    public void The_quick_start_compiles_and_prints_what_it_says(string readme)
    {
        Match quickStart = QuickStart().Match(RepositoryFiles.Read(readme));
        Assert.True(quickStart.Success, $"{readme} has a csharp block, and after it what it prints");

        Assert.Equal(quickStart.Groups["output"].Value, OutputOf(quickStart.Groups["code"].Value));
    }

    [Fact]
    public void The_readme_is_a_page_of_less_than_a_hundred_lines() => Assert.InRange(RepositoryFiles.Read("README.md").Count('\n'), 40, 99);

    [Fact]
    public void The_programs_of_the_pages_compile_and_print_what_they_say()
    {
        Match[] programs = [.. Pages.SelectMany(page => DocumentedProgram().Matches(RepositoryFiles.Read("docs", page.Data)))];

        Assert.NotEmpty(programs);
        Assert.All(programs, program => Assert.Equal(program.Groups["output"].Value, OutputOf(program.Groups["code"].Value)));
    }

    [Fact]
    public void Every_csharp_block_that_is_marked_as_a_program_says_what_it_prints() =>
        Assert.All(Pages, page =>
        {
            string text = RepositoryFiles.Read("docs", page.Data);
            Assert.Equal(Regex.Count(text, "^```csharp program", RegexOptions.Multiline), DocumentedProgram().Count(text));
        });

    [Fact]
    public void The_times_of_a_frame_name_their_processors() =>
        Assert.Matches(@"\| rows of 128 numbers \|[^\n]*AMD EPYC[^\n]*AVX-512[^\n]*\|[^\n]*AMD EPYC[^\n]*AVX2", RepositoryFiles.Read("docs", "game-loop.md"));

    [Theory]
    [MemberData(nameof(Pages))]
    public void The_readme_links_every_page(string page) => Assert.Contains($"(docs/{page})", RepositoryFiles.Read("README.md"), StringComparison.Ordinal);

    /// <summary>Compiles a program without a warning, runs it without an error, and returns what it prints.</summary>
    private string OutputOf(string code)
    {
        // A console application as the SDK's template makes it: implicit usings, nullable, both libraries referenced.
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        IEnumerable<string> libraries = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is "ManagedCircle.dll" or "ManagedCircle.Reference.dll" or ['S', 'y', 's', 't', 'e', 'm', '.', ..]);
        const string Usings = "global using System; global using System.Collections.Generic; global using System.Linq; global using System.Threading;";
        CSharpCompilation program = CSharpCompilation.Create(
            "Program",
            [CSharpSyntaxTree.ParseText(Usings, cancellationToken: cancellation), CSharpSyntaxTree.ParseText(code, cancellationToken: cancellation)],
            libraries.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        string assembly = directory["Program.dll"];
        EmitResult emitted = program.Emit(assembly, cancellationToken: cancellation);
        Assert.DoesNotContain(emitted.Diagnostics, diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning);
        foreach (Assembly library in
            (Assembly[])[typeof(CircleLoss).Assembly, typeof(ReferenceLoss).Assembly, typeof(System.Numerics.Tensors.TensorPrimitives).Assembly])
        {
            File.Copy(library.Location, directory[Path.GetFileName(library.Location)], overwrite: true);
        }

        File.Copy(Path.Combine(AppContext.BaseDirectory, "mcircle.runtimeconfig.json"), directory["Program.runtimeconfig.json"], overwrite: true);

        CommandRun run = DotnetProcess.Run(assembly, []);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return run.Output.ReplaceLineEndings("\n");
    }

    [GeneratedRegex("""^```csharp\n(?<code>.*?)^```\n\nIt prints:\n\n```text\n(?<output>.*?)^```\n""", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex QuickStart();

    [GeneratedRegex(
        """^```csharp program\n(?<code>.*?)^```\n\nIt prints:\n\n```text\n(?<output>.*?)^```\n""",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex DocumentedProgram();
}
