using FsCheck.Xunit;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;

namespace ManagedCircle.Tests.Properties;

/// <summary>Similarities and their gradients against double, over shapes, gaps, widths and threads; a failure prints the seed.</summary>
public sealed class CosineSimilarityPropertyTests
{
    private static readonly SimdWidth[] Widths = [.. CosineSimilarityTests.Widths.Select(row => row.Data)];

    [Property(MaxTest = 150)]
    public void Similarities_are_those_of_the_reference(int seed, bool normalize)
    {
        (SimilarityProblem problem, CosineSimilarity similarity) = Draw(seed);
        using (similarity)
        {
            double[] actual = SimilarityProblem.InDouble(problem.Forward(similarity, normalize));

            Nearly.Equal(problem.ForwardInDouble(normalize), actual, Tolerance(problem, normalize), "similarities");
        }
    }

    [Property(MaxTest = 100)]
    public void Gradients_are_those_of_the_reference(int seed, bool normalize)
    {
        (SimilarityProblem problem, CosineSimilarity similarity) = Draw(seed);
        using (similarity)
        {
            (double[] queries, double[] references) = problem.BackwardInDouble(normalize);
            (float[] queryGradient, float[] referenceGradient) = problem.Backward(similarity, normalize);

            double largest = Nearly.Largest(problem.MatrixGradientInDouble());
            AssertGradient(queries, queryGradient, problem.QueriesInDouble(), problem.Dimension, largest * problem.ReferenceCount, problem.ReferenceCount,
                normalize);
            AssertGradient(references, referenceGradient, problem.ReferencesInDouble(), problem.Dimension, largest * problem.QueryCount, problem.QueryCount,
                normalize);
        }
    }

    [Property(MaxTest = 100)]
    public void Gradients_of_rows_with_themselves_are_those_of_the_reference(int seed, bool normalize)
    {
        (SimilarityProblem problem, CosineSimilarity similarity) = Draw(seed, square: true);
        using (similarity)
        {
            double[] rows = problem.QueriesInDouble();
            (double[] first, double[] second) = ReferenceSimilarity.Backward(rows, rows, problem.Dimension, normalize, problem.MatrixGradientInDouble());
            double largest = Nearly.Largest(problem.MatrixGradientInDouble());

            AssertGradient(
                [.. first.Zip(second, (a, b) => a + b)],
                problem.BackwardOfQueries(similarity, normalize),
                rows,
                problem.Dimension,
                2 * largest * problem.QueryCount,
                problem.QueryCount,
                normalize);
        }
    }

    [Property(MaxTest = 100)]
    public void Unit_rows_and_their_gradient_are_those_of_the_reference(int seed)
    {
        (SimilarityProblem problem, CosineSimilarity similarity) = Draw(seed, square: true);
        using (similarity)
        {
            (int count, int dimension, int stride) = (problem.QueryCount, problem.Dimension, problem.QueryStride);
            float[] unit = SimilarityProblem.Canaries(count, stride), gradient = SimilarityProblem.Canaries(count, stride);
            float[] unitGradient = [.. problem.Queries.Select((x, i) => x * ((i % 7) - 3))];
            double[] rows = problem.QueriesInDouble(),
                givenGradient = SimilarityProblem.InDouble(SimilarityProblem.Dense(problem.Queries, count, dimension, stride));
            for (int i = 0; i < givenGradient.Length; i++)
            {
                givenGradient[i] = unitGradient[(i / dimension * stride) + (i % dimension)];
            }

            similarity.UnitRows(problem.QueryRows, unit);
            similarity.UnitRowsBackward(problem.QueryRows, unitGradient, gradient);

            double[] actual = SimilarityProblem.InDouble(SimilarityProblem.Dense(unit, count, dimension, stride));
            Nearly.Equal(ReferenceSimilarity.UnitRows(rows, dimension), actual, x => Tolerances.UnitRowInFloat(dimension) * Math.Abs(x), "unit rows");
            double[] expected = ReferenceSimilarity.UnitRowsBackward(rows, dimension, givenGradient);
            AssertGradient(expected, SimilarityProblem.Dense(gradient, count, dimension, stride), rows, dimension, Nearly.Largest(givenGradient), 1,
                normalize: true);
        }
    }

    private static (SimilarityProblem Problem, CosineSimilarity Similarity) Draw(int seed, bool square = false)
    {
        Random random = new(seed);
        int dimension = random.Next(4) == 0 ? random.Next(1, 600) : random.Next(1, 70);
        int queries = Count(), references = square ? queries : Count();
        ExecutionOptions execution = new() { SimdWidth = Widths[random.Next(Widths.Length)], Threads = random.Next(1, 4) };
        return (new((queries, references, dimension), (random.Next(3), random.Next(3), random.Next(3)), seed), new CosineSimilarity(execution));

        int Count() => random.Next(4) == 0 ? random.Next(0, 300) : random.Next(0, 70);
    }

    private static Func<double, double> Tolerance(SimilarityProblem problem, bool normalize)
    {
        // Cosines sum products whose magnitudes sum up to 1 at most; numbers of rows are at most 1, so inner products to the dimension at most.
        double tolerance = normalize ? Tolerances.CosineInFloat(problem.Dimension) : Tolerances.SumInFloat(problem.Dimension) * problem.Dimension;
        return _ => tolerance;
    }

    private static void AssertGradient(double[] expected, float[] actual, double[] rows, int dimension, double sum, int count, bool normalize)
    {
        for (int start = 0; start < expected.Length; start += dimension)
        {
            double norm = Math.Sqrt(rows.AsSpan(start, dimension).ToArray().Sum(x => x * x));
            double tolerance = normalize ? Tolerances.CosineGradientInFloat(dimension, count) * sum / norm : Tolerances.SumInFloat(count) * sum;
            Nearly.Equal(expected[start..(start + dimension)], SimilarityProblem.InDouble(actual[start..(start + dimension)]), tolerance,
                $"gradient of row {start / dimension}");
        }
    }
}
