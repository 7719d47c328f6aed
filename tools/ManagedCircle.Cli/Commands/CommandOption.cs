using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;

namespace ManagedCircle.Cli.Commands;

/// <summary>The kinds of option that commands are made of; each says in its error what it expected.</summary>
internal static class CommandOption
{
    /// <summary>The name of a file.</summary>
    public static Option<string?> File(string name, string file, string description) =>
        Named(new Option<string?>(name) { Description = description, HelpName = file }, "the name of a file");

    /// <summary>The name of a file that the command needs.</summary>
    public static Option<string> RequiredFile(string name, string file, string description) =>
        Named(new Option<string>(name) { Description = description, HelpName = file, Required = true }, "the name of a file");

    /// <summary>The name of a directory that the command needs.</summary>
    public static Option<string> RequiredDirectory(string name, string description) =>
        Named(new Option<string>(name) { Description = description, HelpName = "DIR", Required = true }, "the name of a directory");

    /// <summary>One of a few words, in letters of either case.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices)
        where T : struct
    {
        string form = string.Join('|', choices.Select(choice => choice.Word));
        return Parsed<T>(name, form, description, form, word => Array.FindIndex(
            choices, choice => choice.Word.Equals(word, StringComparison.OrdinalIgnoreCase)) is >= 0 and int index ? choices[index].Value : null);
    }

    /// <summary>Some of a few words, with commas between them.</summary>
    public static Option<ImmutableArray<T>?> Choices<T>(string name, string form, string description, params (string Word, T Value)[] choices)
    {
        string expected = $"{string.Join(", ", choices.Select(choice => choice.Word))}, or some of these with commas between them";
        return Parsed<ImmutableArray<T>>(name, form, $"{description}: {expected}", expected, words =>
        {
            int[] chosen = [.. words.Split(',').Select(word =>
                Array.FindIndex(choices, choice => choice.Word.Equals(word, StringComparison.OrdinalIgnoreCase)))];
            return chosen.Contains(-1) ? null : [.. chosen.Select(index => choices[index].Value)];
        });
    }

    /// <summary>A finite number.</summary>
    public static Option<double?> Number(string name, string letter, string description, bool positive = false) =>
        Parsed<double>(name, letter, description, positive ? "a finite number above 0" : "a finite number", word =>
            double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && (value > 0 || !positive)
                ? value : null);

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public static Option<int?> Count(string name, string letter, string description, int least, int most = int.MaxValue) =>
        Parsed<int>(name, letter, description, $"a whole number from {least} to {most}", word =>
            int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most ? value : null);

    /// <summary>Whole numbers from <paramref name="least"/> on, with commas between them.</summary>
    public static Option<ImmutableArray<int>?> Counts(string name, string form, string description, int least) =>
        Parsed<ImmutableArray<int>>(name, form, description, $"whole numbers from {least} on, with commas between them", word =>
        {
            int[] values = [.. word.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : -1)];
            return values.Min() >= least ? [.. values] : null;
        });

    /// <summary>Any whole number of 64 bits.</summary>
    public static Option<long?> Label(string name, string letter, string description) =>
        Parsed<long>(name, letter, description, $"a whole number from {long.MinValue} to {long.MaxValue}", word =>
            long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null);

    /// <summary>The choices of a loss, as the library takes them.</summary>
    /// <exception cref="UsageException">One is out of its range.</exception>
    public static CircleLossOptions Valid(CircleLossOptions options)
    {
        try
        {
            options.Validate();
            return options;
        }
        catch (ArgumentException error)
        {
            throw new UsageException(error.Message);
        }
    }

    private static Option<T> Named<T>(Option<T> option, string expected)
        where T : class?
    {
        option.Validators.Add(result =>
        {
            // A name that is missing is one that the next option was taken for.
            if (result.Tokens is [{ Value: string word and ("" or ['-', _, ..]) }])
            {
                result.AddError($"{option.Name} is '{word}': expected {expected}{(word == "" ? "" : $", such as ./{word} for one that begins so")}.");
            }
        });
        return option;
    }

    private static Option<T?> Parsed<T>(string name, string form, string description, string expected, Func<string, T?> parse)
        where T : struct => new(name)
        {
            Description = description,
            HelpName = form,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result =>
            {
                string word = result.Tokens[0].Value;
                T? value = parse(word);
                if (value is null)
                {
                    result.AddError($"{name} is '{word}': expected {expected}.");
                }

                return value;
            },
        };
}
