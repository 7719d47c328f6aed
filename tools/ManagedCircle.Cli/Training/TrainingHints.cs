using System.Globalization;

namespace ManagedCircle.Cli.Training;

/// <summary>What to tell somebody whose training did not do what they hoped for, and why.</summary>
internal static class TrainingHints
{
    /// <summary>Said where rows have the label -1, and no label is ignored.</summary>
    public const string Unlabelled = "Rows of the label -1 are a class like any other; if they are unlabelled, leave them out with --ignore-label -1.";

    // A loss has fallen if it is below the one part of what it was, and retrieval is worse below the other part of another. Pairs are alike above this
    // similarity, and no different within this difference.
    private const double Fallen = 0.98, Worse = 0.99, Alike = 0.9, Different = 0.05;

    /// <summary>Looks at a training from all sides.</summary>
    /// <param name="losses">The loss of every batch.</param>
    /// <param name="collapsed">The loss of a batch whose rows are all the same.</param>
    /// <param name="pairs">The pairs of projected training rows.</param>
    /// <param name="raw">MAP@R of the rows set aside.</param>
    /// <param name="components">That of their principal components.</param>
    /// <param name="training">MAP@R of projected training rows.</param>
    /// <param name="after">That of the projected rows set aside.</param>
    public static IEnumerable<string> Of(double[] losses, double collapsed, PairStatistics pairs, double raw, double components, double training, double after)
    {
        if (double.IsNaN(after))
        {
            yield return "No row set aside has another of its class: there is nothing to measure.";
        }

        if (OfLosses(losses, collapsed, pairs.Positives.MeanSimilarity, pairs.Negatives.MeanSimilarity) is string course)
        {
            yield return course;
        }
        else if (losses.Length > 0 && after < Worse * Math.Max(raw, components))
        {
            (string better, double best) = components > raw ? ("PCA", components) : ("the raw rows", raw);
            bool fits = training >= Worse * best;
            yield return Text($"On the rows set aside the projection retrieves worse than {better} (MAP@R {after:F4}, not {best:F4}). ")
                + Text($"On training rows its MAP@R is {training:F4}: ")
                + (fits ? "it fits those alone, so more rows for each class help, or fewer --steps." : "a larger --dimension or more --steps may help.");
        }
    }

    private static string? OfLosses(double[] losses, double collapsed, double positives, double negatives)
    {
        int few = Math.Max(1, losses.Length / 20);
        if (losses.Length < 2 * few)
        {
            return null;
        }

        (double first, double last) = (losses[..few].Average(), losses[^few..].Average());
        string similarities = Text($"training rows have a mean similarity of {positives:F3} within classes and of {negatives:F3} between them");
        if (negatives > Alike)
        {
            return Text($"The loss ended at {last:F2}, near the {collapsed:F2} of rows that all point one way: {similarities}. ")
                + "Look for outliers, which pull the mean away from the others, and for equal rows.";
        }

        if (last < Fallen * first)
        {
            return null;
        }

        string course = Text($"The loss did not fall: {first:F2} at first, {last:F2} at last.");
        return (positives, negatives) switch
        {
            (0, 0) => $"{course} The training rows are all the same.",
            _ when positives - negatives < Different => $"{course} The labels do not tell these rows apart: {similarities}.",
            _ => $"{course} More --steps, a larger --dimension or another --gamma may help: {similarities}.",
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
