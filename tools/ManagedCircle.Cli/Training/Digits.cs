using System.Globalization;
using System.IO.Compression;

namespace ManagedCircle.Cli.Training;

/// <summary>The embedded data: 1,797 handwritten digits of 8 x 8 pixels (their source is in digits.notice.md).</summary>
internal static class Digits
{
    /// <summary>How many of them are trained on.</summary>
    public const int TrainingCount = 1000;

    private const int Pixels = 64;

    public static LabeledRows Read()
    {
        using Stream resource = typeof(Digits).Assembly.GetManifestResourceStream("digits.csv.gz")!;
        using StreamReader lines = new(new GZipStream(resource, CompressionMode.Decompress));
        List<float> values = [];
        List<long> labels = [];
        while (lines.ReadLine() is string line)
        {
            string[] numbers = line.Split(',');
            values.AddRange(numbers.Take(Pixels).Select(number => float.Parse(number, CultureInfo.InvariantCulture)));
            labels.Add(long.Parse(numbers[Pixels], CultureInfo.InvariantCulture));
        }

        return new LabeledRows([.. values], [.. labels], Pixels);
    }
}
