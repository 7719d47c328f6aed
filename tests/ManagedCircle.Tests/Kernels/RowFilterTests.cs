using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class RowFilterTests
{
    // The hardest of rows: of numbers of like sign and size, whose sums round most, and of any sizes, some beyond what a square holds.
    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void A_row_just_above_the_threshold_passes_and_most_that_are_far_below_do_not(SimdWidth width)
    {
        KernelsAtWidth kernels = KernelsAtWidth.Of(width);
        Random random = new(8);
        (int far, int stopped) = (0, 0);
        foreach (int dimension in (int[])[1, 3, 16, 33, 64, 127, 300, 1100])
        {
            for (int draw = 0; draw < 60; draw++)
            {
                float scale = draw % 5 == 0 ? MathF.Pow(10, random.Next(-30, 31)) : 1, offset = draw % 2 == 0 ? 1 : 0;
                float[] query = Draw(dimension, offset, 1), row = Draw(dimension, offset, scale);
                foreach (bool normalize in (bool[])[false, true])
                {
                    using CosineSimilarity similarity = new();
                    float[] unitQuery = [.. query], product = new float[1];
                    if (normalize)
                    {
                        similarity.UnitRows(new(query, dimension), unitQuery);
                        similarity.Matrix(new(query, dimension), new(row, dimension), product);
                    }
                    else
                    {
                        similarity.InnerProducts(new(query, dimension), new(row, dimension), product);
                    }

                    // Guarded, so that what lies behind a row is not read.
                    using GuardedMemory guardedRow = GuardedMemory.Of(row), guardedQuery = GuardedMemory.Of(unitQuery);
                    Assert.True(Passes(MathF.BitDecrement(product[0])), $"dimension {dimension}, draw {draw}");
                    if (scale == 1)
                    {
                        far++;
                        stopped += Passes(product[0] + (0.01f * MathF.Abs(product[0])) + 0.01f) ? 0 : 1;
                    }

                    bool Passes(float threshold) => kernels.MayPass(guardedRow.Start, dimension, guardedQuery.Start, threshold, normalize);
                }
            }
        }

        Assert.InRange(stopped, 0.9 * far, far);

        float[] Draw(int count, float offset, float scale) => [.. Enumerable.Range(0, count).Select(_ => (offset + random.NextSingle() - 0.5f) * scale)];
    }
}
