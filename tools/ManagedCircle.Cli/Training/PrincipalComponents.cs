using MathNet.Numerics.LinearAlgebra;

namespace ManagedCircle.Cli.Training;

/// <summary>Principal component analysis: the directions in which rows vary most.</summary>
internal static class PrincipalComponents
{
    /// <summary>Projects <paramref name="rows"/>, less the mean of <paramref name="training"/>, on the first principal components of <paramref name="training"/>.</summary>
    public static LabeledRows Project(LabeledRows training, LabeledRows rows, int dimension)
    {
        Matrix<double> centered = ToMatrix(training);
        Vector<double> mean = centered.ColumnSums() / training.Count;
        centered = Subtract(centered, mean);

        // Eigenvalues come in ascending order: the last eigenvectors are the first components.
        Matrix<double> eigenvectors = centered.TransposeThisAndMultiply(centered).Evd(Symmetricity.Symmetric).EigenVectors;
        Matrix<double> components = eigenvectors.SubMatrix(0, rows.Dimension, rows.Dimension - dimension, dimension);
        Matrix<double> projected = Subtract(ToMatrix(rows), mean) * components;
        return new LabeledRows([.. projected.ToRowMajorArray().Select(value => (float)value)], rows.Labels, dimension);
    }

    private static Matrix<double> ToMatrix(LabeledRows rows) => Matrix<double>.Build.DenseOfRowMajor(rows.Count, rows.Dimension, rows.Values.Select(value => (double)value));

    private static Matrix<double> Subtract(Matrix<double> rows, Vector<double> mean) => rows.MapIndexed((_, column, value) => value - mean[column]);
}
