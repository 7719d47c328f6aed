using OxyPlot;

namespace ManagedCircle.Cli.Reports;

/// <summary>A colour of plots and pages, in the light and in the dark.</summary>
/// <param name="Name">Its CSS variable.</param>
/// <param name="Light">What it is on white.</param>
/// <param name="Dark">What it is on black.</param>
internal sealed record PaletteColor(string Name, OxyColor Light, OxyColor Dark)
{
    /// <summary>The CSS value that plots have in a page.</summary>
    public string Variable => $"var(--{Name})";
}

/// <summary>Colours that people of any colour vision can tell apart (Okabe and Ito).</summary>
internal static class Palette
{
    public static readonly PaletteColor Ink = new("ink", OxyColor.FromRgb(27, 31, 36), OxyColor.FromRgb(230, 232, 235));
    public static readonly PaletteColor Grid = new("grid", OxyColor.FromRgb(217, 221, 226), OxyColor.FromRgb(62, 68, 76));
    public static readonly PaletteColor Positive = new("positive", OxyColor.FromRgb(0, 114, 178), OxyColor.FromRgb(86, 180, 233));
    public static readonly PaletteColor Negative = new("negative", OxyColor.FromRgb(213, 94, 0), OxyColor.FromRgb(240, 150, 70));
    public static readonly PaletteColor Accent = new("accent", OxyColor.FromRgb(0, 128, 96), OxyColor.FromRgb(60, 200, 160));

    public static readonly IReadOnlyList<PaletteColor> All = [Ink, Grid, Positive, Negative, Accent];
}
