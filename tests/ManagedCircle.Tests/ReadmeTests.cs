using System.Reflection;
using System.Text.RegularExpressions;
using ManagedCircle.Tests.Cli;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Xunit;

namespace ManagedCircle.Tests;

/// <summary>What the README shows is what happens.</summary>
public sealed partial class ReadmeTests : IDisposable
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "README.md")).ReplaceLineEndings("\n");

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_quick_start_compiles_and_prints_what_it_says()
    {
        Match quickStart = QuickStart().Match(Readme);
        Assert.True(quickStart.Success, "README.md has a csharp block, and after it what it prints");

        // A console application as the SDK's template makes it: implicit usings, nullable, this library referenced.
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        string[] libraries = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        CSharpCompilation program = CSharpCompilation.Create(
            "QuickStart",
            [
                CSharpSyntaxTree.ParseText("global using System; global using System.Collections.Generic; global using System.Linq;", cancellationToken: cancellation),
                CSharpSyntaxTree.ParseText(quickStart.Groups["code"].Value, cancellationToken: cancellation),
            ],
            libraries.Where(path => Path.GetFileName(path) is "ManagedCircle.dll" or ['S', 'y', 's', 't', 'e', 'm', '.', ..]).Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        string assembly = directory["QuickStart.dll"];
        Assert.DoesNotContain(program.Emit(assembly, cancellationToken: cancellation).Diagnostics, diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning);
        foreach (Assembly library in (Assembly[])[typeof(CircleLoss).Assembly, typeof(System.Numerics.Tensors.TensorPrimitives).Assembly])
        {
            File.Copy(library.Location, directory[Path.GetFileName(library.Location)]);
        }

        File.Copy(Path.Combine(AppContext.BaseDirectory, "mcircle.runtimeconfig.json"), directory["QuickStart.runtimeconfig.json"]);

        CommandRun run = DotnetProcess.Run(assembly, []);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(quickStart.Groups["output"].Value, run.Output.ReplaceLineEndings("\n"));
    }

    [GeneratedRegex("""^```csharp\n(?<code>.*?)^```\n\nIt prints:\n\n```text\n(?<output>.*?)^```\n""", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex QuickStart();
}
