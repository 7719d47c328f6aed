namespace ManagedCircle.Reference;

/// <summary>The functions between logits and losses, none of which overflows or cancels.</summary>
public static class StableMath
{
    /// <summary><c>log(sum of e^v)</c>, taken relative to the largest value so that no term overflows; -infinity for no values.</summary>
    /// <param name="values">Any numbers; -infinity adds nothing.</param>
    public static double LogSumExp(ReadOnlySpan<double> values)
    {
        double largest = double.NegativeInfinity;
        foreach (double value in values)
        {
            largest = Math.Max(largest, value);
        }

        if (double.IsNegativeInfinity(largest))
        {
            return largest;
        }

        double sum = 0;
        foreach (double value in values)
        {
            sum += Math.Exp(value - largest);
        }

        return largest + Math.Log(sum);
    }

    /// <summary><c>log(1 + e^z)</c>: about z for large z, about e^z for very negative z.</summary>
    public static double Softplus(double z) => Math.Max(z, 0) + LogOnePlus(Math.Exp(-Math.Abs(z)));

    /// <summary><c>1 / (1 + e^-z)</c>, the derivative of <see cref="Softplus"/>.</summary>
    public static double Sigmoid(double z) => z >= 0 ? 1 / (1 + Math.Exp(-z)) : Math.Exp(z) / (1 + Math.Exp(z));

    /// <summary><c>log(1 + x)</c> for x in [0, 1], to the last places for the smallest x.</summary>
    /// <remarks>
    /// The sum 1 + x rounds to some y. log(y) / (y - 1) is so flat near 1 that it is right for 1 + x as well, and y - 1 is exact;
    /// times x it is log(1 + x) (Goldberg 1991, theorem 4).
    /// </remarks>
    private static double LogOnePlus(double x)
    {
        double y = 1 + x;
        return y == 1 ? x : Math.Log(y) * x / (y - 1);
    }
}
