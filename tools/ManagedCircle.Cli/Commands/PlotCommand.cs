using System.CommandLine;
using System.Text;
using ManagedCircle.Cli.Loss;
using ManagedCircle.Cli.Reports;

namespace ManagedCircle.Cli.Commands;

/// <summary><c>mcircle plot</c>: what gamma, margins and weighting make of a similarity, drawn.</summary>
internal static class PlotCommand
{
    private static readonly Argument<string> Output = new("out.svg") { Description = "The file to write" };
    private static readonly Option<double?> Gamma = CommandOption.Number("--gamma", "G", "The scale (80)", positive: true);
    private static readonly Option<double?> Margin = CommandOption.Number("--margin", "M", "The relaxation factor m (0.4)");
    private static readonly Option<PairWeighting?> Alpha = CommandOption.Choice("--alpha", "How a pair is weighted (circle)", OptionWords.Alpha);
    private static readonly Option<WeightGradient?> AlphaGradient = CommandOption.Choice(
        "--alpha-gradient", "Whether the weight carries gradient (detached)", OptionWords.AlphaGradient);

    public static Command Create()
    {
        Alpha.Aliases.Add("--weighting");
        Command command = new("plot", "Draw the weights, logits and slopes of pairs, and the decision boundary.")
        {
            Output, Gamma, Margin, Alpha, AlphaGradient,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult command)
    {
        string path = command.GetRequiredValue(Output);
        if (Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".gif" or ".webp" or ".pdf")
        {
            throw new UsageException($"{path} is no SVG by its name: expected one that ends in .svg, which is what is written.");
        }

        CircleLossOptions options = CommandOption.Valid(CircleLossOptions.Paper with
        {
            Gamma = command.GetValue(Gamma) ?? CircleLossOptions.Paper.Gamma,
            Margin = command.GetValue(Margin) ?? CircleLossOptions.Paper.Margin,
            Weighting = command.GetValue(Alpha) ?? CircleLossOptions.Paper.Weighting,
            WeightGradient = command.GetValue(AlphaGradient) ?? CircleLossOptions.Paper.WeightGradient,
        });
        using OutputFiles files = new();
        files.Create(path).Write(Encoding.UTF8.GetBytes(MarginCharts.ToFile(options)));
        files.Commit();
    }
}
