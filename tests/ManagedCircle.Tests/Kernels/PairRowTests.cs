using ManagedCircle.Engine;
using ManagedCircle.Kernels;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class PairRowTests
{
    private static readonly CircleLossOptions Options = new() { Gamma = 64, Normalize = false };

    public static MatrixTheoryData<SimdWidth, bool> WidthsAndAttached => new(KernelsAtWidth.All, [false, true]);

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void The_sums_of_a_row_are_those_of_a_plain_loop(SimdWidth width)
    {
        PairTerms terms = LossDescription.Of(Options).Terms;
        foreach (int columns in (int[])[0, 1, 5, 16, 63, 64, 65, 128, 200])
        {
            using Row row = new(columns, Options);
            using GuardedMemory memory = new(4);
            RunningSums sums = RunningSums.At(memory.Start, 1);

            KernelsAtWidth.Of(width).AccumulateRow(row.Similarities.Start, row.Kinds, row.Padded, terms, sums);

            foreach ((PairKind kind, Scaled actual) in ((PairKind, Scaled)[])[(PairKind.Positive, sums.Positives), (PairKind.Negative, sums.Negatives)])
            {
                (double sum, double tolerance) = (0, 0);
                for (int column = 0; column < columns; column++)
                {
                    double term = row.Kind(column) == kind ? row.Exponential(column) : 0;
                    sum += term;
                    tolerance += term == 0 ? 0 : term * (Tolerances.TermInFloat(Options, row.Similarity(column)) + Tolerances.RunningSumInFloat(columns, 0));
                }

                Nearly.Equal(sum, PairTile.Value(actual, 0), tolerance, $"{kind} sum of {columns}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndAttached))]
    public void The_gradient_of_a_row_is_that_of_a_plain_loop(SimdWidth width, bool attached)
    {
        CircleLossOptions options = Options with { WeightGradient = attached ? WeightGradient.Attached : WeightGradient.Detached };
        PairTerms terms = LossDescription.Of(options).Terms;
        foreach (int columns in (int[])[1, 5, 16, 63, 64, 65, 128, 200])
        {
            using Row row = new(columns, options);
            using GuardedMemory memory = new(4 * Layout.SumLanes), destination = new(row.Padded);
            RunningSums empty = RunningSums.At(memory.Start, Layout.SumLanes);
            empty.Clear(Layout.SumLanes, RunningSums.EmptyExponent);
            PairCoefficients coefficients = PairCoefficients.InPlaceOf(empty);
            (*coefficients.Positives.Mantissas, *coefficients.Positives.Exponents) = (0.8f, -row.LargestExponent(PairKind.Positive));
            (*coefficients.Negatives.Mantissas, *coefficients.Negatives.Exponents) = (0.6f, -row.LargestExponent(PairKind.Negative));
            (double positive, double negative) = (PairTile.Value(coefficients.Positives, 0), PairTile.Value(coefficients.Negatives, 0));
            KernelsAtWidth.Of(width).Scale(coefficients, 1, terms, 1, null);

            KernelsAtWidth.Of(width).RowGradient(row.Similarities.Start, row.Kinds, row.Padded, terms, coefficients, destination.Start);

            for (int column = 0; column < row.Padded; column++)
            {
                if (column >= columns || row.Kind(column) == PairKind.Ignored)
                {
                    Assert.Equal(0, destination.Start[column]);
                    continue;
                }

                double share = (row.Kind(column) == PairKind.Positive ? positive : negative) * row.Exponential(column), s = row.Similarity(column);
                double expected = share * PairFormulas.Slope(options, row.Kind(column), s) / options.Gamma;
                Nearly.Equal(expected, destination.Start[column], Tolerances.PairGradientInFloat(options, s, share), $"dL/ds {column} of {columns}");
            }

            float[] apart = destination.Numbers.ToArray();
            KernelsAtWidth.Of(width).RowGradient(row.Similarities.Start, row.Kinds, row.Padded, terms, coefficients, row.Similarities.Start);
            Assert.Equal(apart, row.Similarities.Numbers);
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Labels_that_are_the_same_bits_make_positives(SimdWidth width)
    {
        const int Columns = 2 * PairRow.Width, Label = int.MinValue;
        using GuardedMemory labels = new(Columns), takesPart = new(Columns), kinds = new(Columns);
        for (int column = 0; column < Columns; column++)
        {
            ((int*)labels.Start)[column] = column % 3 == 0 ? Label : column % 3 == 1 ? 0 : -1;
            ((int*)takesPart.Start)[column] = column % 5 == 2 ? 0 : -1;
        }

        KernelsAtWidth.Of(width).KindsOfLabels(Label, (int*)labels.Start, (int*)takesPart.Start, Columns, (int*)kinds.Start);

        Assert.Equal(
            Enumerable.Range(0, Columns).Select(column => column % 5 == 2 ? PairKind.Ignored : column % 3 == 0 ? PairKind.Positive : PairKind.Negative),
            Enumerable.Range(0, Columns).Select(column => (PairKind)((int*)kinds.Start)[column]));
    }

    /// <summary>A row of pairs of every kind, padded with pairs that take no part and whose similarities are NaN.</summary>
    private sealed class Row : IDisposable
    {
        private readonly CircleLossOptions options;
        private readonly float[] original;
        private readonly GuardedMemory kinds;

        public Row(int columns, CircleLossOptions options)
        {
            this.options = options;
            Padded = PairRow.Padded(columns);
            Similarities = new(Padded);
            Similarities.Numbers.Fill(float.NaN);
            kinds = new(Padded);
            Random random = new(columns);
            for (int column = 0; column < columns; column++)
            {
                Similarities.Start[column] = (4 * random.NextSingle()) - 2;
                Kinds[column] = random.Next(3);
            }

            original = Similarities.Numbers.ToArray();
        }

        public int Padded { get; }

        public GuardedMemory Similarities { get; }

        public int* Kinds => (int*)kinds.Start;

        public PairKind Kind(int column) => (PairKind)Kinds[column];

        public double Similarity(int column) => original[column];

        public double Exponential(int column) => Math.Exp(PairFormulas.Logit(options, Kind(column), original[column]));

        public int LargestExponent(PairKind kind) =>
            Enumerable.Range(0, Padded).Where(column => Kind(column) == kind).Select(column => Math.ILogB(Exponential(column))).DefaultIfEmpty(0).Max();

        public void Dispose()
        {
            Similarities.Dispose();
            kinds.Dispose();
        }
    }
}
