using OxyPlot;

namespace ManagedCircle.Cli.Reports;

/// <summary>Measures text as browsers show it.</summary>
/// <remarks>
/// OxyPlot measures text as printers set it, in points and narrow letters; browsers take pixels and the letters they have, up to half as wide again.
/// </remarks>
internal sealed class BrowserText(double width, double height) : PdfRenderContext(width, height, OxyColors.White)
{
    public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight)
    {
        OxySize size = base.MeasureText(text, fontFamily, fontSize, fontWeight);
        return new OxySize(1.5 * size.Width, 1.35 * size.Height);
    }
}
