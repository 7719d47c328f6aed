using ManagedCircle.Kernels;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class TranspositionTests
{
    private const int Most = 40;

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Each_number_has_its_place_and_nothing_beside_them_is_written(SimdWidth width)
    {
        for (int rows = 0; rows <= Most; rows++)
        {
            for (int columns = 0; columns <= Most; columns++)
            {
                Transposes<Cached>(width, rows, columns, (rows * columns) % 3, before: 0);
                Transposes<Added>(width, rows, columns, (rows * columns) % 3, before: 1000);
            }
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Past_the_caches_too(SimdWidth width)
    {
        for (int rows = 0; rows <= Most; rows += Layout.SumLanes)
        {
            for (int columns = 0; columns <= Most; columns++)
            {
                Transposes<Streamed>(width, rows, columns, gap: Layout.SumLanes, before: 0);
            }
        }
    }

    private static void Transposes<TStores>(SimdWidth width, int rows, int columns, int gap, float before)
        where TStores : struct, IStores
    {
        const float Canary = 12_345;
        int fromStride = columns + gap, toStride = rows + gap;
        using GuardedMemory from = new(rows == 0 ? 0 : ((rows - 1) * fromStride) + columns), to = new(columns * toStride);
        to.Numbers.Fill(Canary);
        float[] expected = [.. to.Numbers];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                int number = (row * columns) + column, place = (column * toStride) + row;
                from.Numbers[(row * fromStride) + column] = number;
                to.Numbers[place] = before;
                expected[place] = before + number;
            }
        }

        KernelsAtWidth.Of(width).Transpose<TStores>(from.Start, fromStride, rows, columns, to.Start, toStride);

        Assert.True(expected.AsSpan().SequenceEqual(to.Numbers), $"{rows} rows of {columns}");
    }
}
