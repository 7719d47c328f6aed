using ManagedCircle.Kernels;
using ManagedCircle.Reference;
using ManagedCircle.Tests.Support;
using Xunit;

namespace ManagedCircle.Tests.Kernels;

public sealed unsafe class QueryFinishTests
{
    public static MatrixTheoryData<SimdWidth, bool> WidthsAndJoint => new(KernelsAtWidth.All, [false, true]);

    public static MatrixTheoryData<SimdWidth, string> WidthsAndForms => new(KernelsAtWidth.All, PairTile.Forms.Keys);

    [Theory]
    [MemberData(nameof(WidthsAndJoint))]
    public void Losses_and_coefficients_are_those_of_a_softplus_in_double(SimdWidth width, bool joint)
    {
        foreach (int count in (int[])[1, 3, 4, 5, 8, 15, 16, 17, 40])
        {
            using Numbers sums = new(count), results = new(count);
            using GuardedMemory losses = new(sums.Room);
            Draw(sums, count);

            KernelsAtWidth.Of(width).LossesAndCoefficients(sums.Sums, count, joint, losses.Start, results.Coefficients);

            for (int i = 0; i < count; i++)
            {
                (double positive, double negative) = (LogOf(sums.Sums.Positives, i), LogOf(sums.Sums.Negatives, i));
                bool valid = !double.IsInfinity(positive) && !double.IsInfinity(negative);
                double loss = !valid ? 0 : joint ? Softplus(positive + negative) : Softplus(positive) + Softplus(negative);
                Nearly.Equal(loss, losses.Start[i], (Tolerances.QueryLossInFloat * loss) + Tolerances.SubnormalInFloat, $"loss {i} of {count}");
                IsSigmoidOverSum(valid, positive, joint ? positive + negative : positive, results.Coefficients.Positives, i);
                IsSigmoidOverSum(valid, negative, joint ? positive + negative : negative, results.Coefficients.Negatives, i);
            }

            // In the place of the sums, the same bits.
            KernelsAtWidth.Of(width).LossesAndCoefficients(sums.Sums, count, joint, losses.Start, PairCoefficients.InPlaceOf(sums.Sums));
            Assert.Equal(results.Of(count), sums.Of(count));
            Assert.Equal(PairTile.Canary, sums.Canary);
            Assert.Equal(PairTile.Canary, results.Canary);
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndForms))]
    public void Scaling_multiplies_by_the_factors_and_two_to_the_24(SimdWidth width, string form)
    {
        using PairTile tile = new(form, 1, 1);
        foreach (int count in (int[])[1, 4, 5, 15, 16, 17])
        {
            using Numbers coefficients = new(count);
            using GuardedMemory factors = new(coefficients.Room);
            double[] positives = new double[count], negatives = new double[count];
            for (int i = 0; i < count; i++)
            {
                factors.Start[i] = 1 + (i / 8f);
                (coefficients.Coefficients.Positives.Mantissas[i], coefficients.Coefficients.Positives.Exponents[i]) = (0.5f + (i / 64f), -300 + i);
                (coefficients.Coefficients.Negatives.Mantissas[i], coefficients.Coefficients.Negatives.Exponents[i]) = (0.7f + (i / 64f), -10 - i);
                positives[i] = 3 * factors.Start[i] * PairTile.Value(coefficients.Coefficients.Positives, i) * (1 << 24);
                negatives[i] = 3 * factors.Start[i] * PairTile.Value(coefficients.Coefficients.Negatives, i) * (1 << 24);
            }

            KernelsAtWidth.Of(width).Scale(coefficients.Coefficients, count, tile.Terms, 3, factors.Start);

            for (int i = 0; i < count; i++)
            {
                Nearly.Equal(positives[i], PairTile.Value(coefficients.Coefficients.Positives, i), 3 * Tolerances.FloatRounding * positives[i], "positives");
                Nearly.Equal(negatives[i], PairTile.Value(coefficients.Coefficients.Negatives, i), 3 * Tolerances.FloatRounding * negatives[i], "negatives");
                Assert.True(!tile.Terms.Narrow || coefficients.Coefficients.Negatives.Exponents[i] == 24 - tile.Terms.NegativeExponent);
            }

            Assert.Equal(PairTile.Canary, coefficients.Canary);
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndForms))]
    public void The_pair_of_a_row_with_itself_is_a_positive_with_a_slope_of_its_own(SimdWidth width, string form)
    {
        foreach (int count in (int[])[1, 4, 5, 16, 33, 70])
        {
            using PairTile tile = new(form, 1, count);
            using Numbers sums = new(count), coefficients = new(count);
            using GuardedMemory similarities = new(sums.Room);
            for (int i = 0; i < count; i++)
            {
                similarities.Start[i] = (float)tile.Similarity(0, i);
                sums.Sums.Positives.From(i).Fill(1, 1 + (i / 128f), 3);
                coefficients.Coefficients.Positives.From(i).Fill(1, 1 + (i / 128f), -Math.ILogB(Positive(i)));
            }

            KernelsAtWidth.Of(width).AddSelfPairs(similarities.Start, tile.Terms, sums.Sums, count, times: 2);
            for (int i = 0; i < count; i++)
            {
                double before = (1 + (i / 128.0)) * 8, added = 2 * Positive(i);
                double tolerance = (added * Tolerances.TermInFloat(tile.Options, tile.Similarity(0, i))) + (3 * Tolerances.FloatRounding * (before + added));
                Nearly.Equal(before + added, PairTile.Value(sums.Sums.Positives, i), tolerance, $"sum {i} of {count}");
                Assert.Equal(0, sums.Sums.Negatives.Mantissas[i]);
            }

            double[] shares = [.. Enumerable.Range(0, count).Select(i => 2 * PairTile.Value(coefficients.Coefficients.Positives, i) * Positive(i))];
            KernelsAtWidth.Of(width).Scale(coefficients.Coefficients, count, tile.Terms, 1, null);
            KernelsAtWidth.Of(width).SelfSlopes(similarities.Start, tile.Terms, coefficients.Coefficients, count, times: 2);
            for (int i = 0; i < count; i++)
            {
                double slope = PairFormulas.Slope(tile.Options, PairKind.Positive, tile.Similarity(0, i)) / tile.Options.Gamma;
                double tolerance = Tolerances.PairGradientInFloat(tile.Options, tile.Similarity(0, i), shares[i]);
                Nearly.Equal(shares[i] * slope, similarities.Start[i], tolerance, $"slope {i} of {count}");
            }

            Assert.Equal(PairTile.Canary, sums.Canary);

            double Positive(int i) => Math.Exp(PairFormulas.Logit(tile.Options, PairKind.Positive, tile.Similarity(0, i)));
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAtWidth.Widths), MemberType = typeof(KernelsAtWidth))]
    public void Merged_sums_are_the_sum_of_both_and_an_empty_one_adds_nothing(SimdWidth width)
    {
        foreach (int count in (int[])[1, 4, 5, 16, 17])
        {
            using Numbers from = new(count), into = new(count);
            Draw(from, count);
            Draw(into, count);
            double[] positives = [.. Enumerable.Range(0, count).Select(i => Total(from.Sums.Positives, into.Sums.Positives, i))];
            double[] negatives = [.. Enumerable.Range(0, count).Select(i => Total(from.Sums.Negatives, into.Sums.Negatives, i))];

            KernelsAtWidth.Of(width).Merge(from.Sums, into.Sums, count);

            for (int i = 0; i < count; i++)
            {
                Nearly.Equal(positives[i], LogOf(into.Sums.Positives, i), 2 * Tolerances.FloatRounding, $"positives {i}");
                Nearly.Equal(negatives[i], LogOf(into.Sums.Negatives, i), 2 * Tolerances.FloatRounding, $"negatives {i}");
            }

            Assert.Equal(PairTile.Canary, into.Canary);
        }

        // ln(e^a + e^b)
        static double Total(Scaled left, Scaled right, int i)
        {
            (double a, double b) = (LogOf(left, i), LogOf(right, i));
            return double.IsInfinity(a) ? b : double.IsInfinity(b) ? a : Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b)));
        }
    }

    // Sums far from 1, alone and together; and some that are empty.
    private static void Draw(Numbers numbers, int count)
    {
        Random random = new(count);
        for (int i = 0; i < count; i++)
        {
            (numbers.Sums.Positives.Mantissas[i], numbers.Sums.Positives.Exponents[i]) = Sum(i % 5 == 3);
            (numbers.Sums.Negatives.Mantissas[i], numbers.Sums.Negatives.Exponents[i]) = Sum(i % 7 == 4);
        }

        (float, float) Sum(bool empty)
        {
            int reach = random.Next(5) == 0 ? 400 : 9;
            return empty ? (0, RunningSums.EmptyExponent) : (0.5f + (20 * random.NextSingle()), random.Next(-reach, reach));
        }
    }

    private static double Softplus(double z) => Math.Max(z, 0) + LogOfOnePlus(Math.Exp(-Math.Abs(z)));

    // ln(1 + t) for small t too.
    private static double LogOfOnePlus(double t) => 1 + t == 1 ? t : Math.Log(1 + t) * t / (1 + t - 1);

    private static double LogOf(Scaled numbers, int i) =>
        numbers.Mantissas[i] == 0 ? double.NegativeInfinity : Math.Log(numbers.Mantissas[i]) + (numbers.Exponents[i] * Math.Log(2));

    // ln(sigmoid(z) / sum), so that it is a number however small.
    private static void IsSigmoidOverSum(bool valid, double logOfSum, double z, Scaled actual, int i)
    {
        if (valid)
        {
            Nearly.Equal(-Softplus(-z) - logOfSum, LogOf(actual, i), Tolerances.QueryLossInFloat, $"coefficient {i}");
        }
        else
        {
            Assert.Equal((0, RunningSums.EmptyExponent), (actual.Mantissas[i], actual.Exponents[i]));
        }
    }

    /// <summary>Sums or coefficients with room for four whole vectors, which end at a guard page, and a canary before it.</summary>
    private sealed class Numbers : IDisposable
    {
        private readonly GuardedMemory memory;

        public Numbers(int count)
        {
            Room = PairTile.RoundedUp(count, 4 * Layout.SumLanes);
            memory = new((4 * Room) + 1);
            memory.Start[4 * Room] = PairTile.Canary;
            Sums = RunningSums.At(memory.Start, Room);
            Sums.Clear(Room, RunningSums.EmptyExponent);
            Coefficients = PairCoefficients.InPlaceOf(Sums);
        }

        public int Room { get; }

        public RunningSums Sums { get; }

        public PairCoefficients Coefficients { get; }

        public float Canary => memory.Start[4 * Room];

        public float[] Of(int count) =>
        [
            .. new Span<float>(Sums.Positives.Mantissas, count), .. new Span<float>(Sums.Positives.Exponents, count),
            .. new Span<float>(Sums.Negatives.Mantissas, count), .. new Span<float>(Sums.Negatives.Exponents, count),
        ];

        public void Dispose() => memory.Dispose();
    }
}
