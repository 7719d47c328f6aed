using MathNet.Numerics.LinearAlgebra;

namespace ManagedCircle.Cli.Training;

/// <summary>Principal component analysis: the directions in which rows vary most.</summary>
internal static class PrincipalComponents
{
    /// <summary>How many steps <see cref="Of"/> takes at most.</summary>
    public const int Steps = 8;

    // Directions searched beside those asked for: the more there are, the fewer steps it takes.
    private const int Surplus = 56;

    /// <summary>Finds the first principal components of centred rows, as a projection with orthonormal weights.</summary>
    /// <remarks>
    /// Subspace iteration from a random start (Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithm 4.4): directions
    /// Q become an orthonormal basis of <c>X^T X Q</c> again and again, and the components are the eigenvectors of <c>X^T X</c> within them. It decomposes
    /// nothing larger than the directions searched, is exact where these are all that the rows span, and elsewhere finds components as good as the
    /// eigenvalues are apart.
    /// </remarks>
    public static Projection Of(LabeledRows centred, int dimension, Action stepDone)
    {
        int all = Math.Min(centred.Count, centred.Dimension);
        int searched = Math.Max(dimension, Math.Min(all, 2 * dimension + Surplus));
        Matrix<double> directions = Orthonormal(Projection.Draw(centred.Dimension, searched, new Random(0)).Weights, centred.Dimension);
        for (int step = 0; step < (searched < all ? Steps : 1); step++)
        {
            using Projection search = ToProjection(directions);
            directions = Orthonormal(search.WeightGradient(centred, search.Apply(centred).Values), centred.Dimension);
            stepDone();
        }

        // Eigenvalues come in ascending order: the last eigenvectors are the first components.
        using Projection found = ToProjection(directions);
        LabeledRows projected = found.Apply(centred);
        Matrix<double> within = Matrix<double>.Build.Dense(searched, projected.Count, projected.Values.Select(value => (double)value).ToArray());
        Matrix<double> eigenvectors = within.TransposeAndMultiply(within).Evd(Symmetricity.Symmetric).EigenVectors;
        return ToProjection(directions * eigenvectors.SubMatrix(0, searched, searched - dimension, dimension));
    }

    /// <summary>An orthonormal basis of what some rows span, as columns.</summary>
    private static Matrix<double> Orthonormal(float[] rows, int dimension) =>
        Matrix<double>.Build.Dense(dimension, rows.Length / dimension, [.. rows.Select(value => (double)value)]).QR().Q;

    private static Projection ToProjection(Matrix<double> columns) => new([.. columns.ToColumnMajorArray().Select(value => (float)value)], columns.RowCount);
}
