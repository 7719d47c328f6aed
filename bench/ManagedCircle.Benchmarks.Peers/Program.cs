using System.Globalization;
using System.Text.Json;
using ManagedCircle.Benchmarks.Peers;

const string Usage = """
    usage: measure PEER N D THREADS REPEAT     one JSON line, or an error where the peer's answer is wrong;
                                               REPEAT 0 is one call, neither warmed up before nor checked after
           weaken LIBRARY VERSION              make a library's need for a symbol version weak
           report MEASUREMENTS DIRECTORY KEY=VALUE...
           scaling MEASUREMENTS DIRECTORY KEY=VALUE...
                                               tables and plots of lines of measurements; the pairs head each table
    """;

JsonSerializerOptions json = new(JsonSerializerDefaults.Web);
try
{
    switch (args)
    {
        case ["measure", string peer, string n, string d, string threads, string repeat]:
            Console.WriteLine(JsonSerializer.Serialize(Measurement.Of(peer, Number(n), Number(d), Number(threads), Number(repeat)), json));
            return 0;
        case ["weaken", string library, string version]:
            Console.WriteLine($"{WeakVersion.Mark(library, version)} needs of {version} in {Path.GetFileName(library)} are weak now");
            return 0;
        case ["report", string measurements, string directory, .. string[] facts]:
            Report.Write(Read(measurements), directory, facts);
            return 0;
        case ["scaling", string measurements, string directory, .. string[] facts]:
            Scaling.Write(Read(measurements), directory, facts);
            return 0;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}
catch (Exception reason) when (
    reason is DisagreementException or DllNotFoundException or TypeInitializationException or ArgumentException or OutOfMemoryException
    or System.Runtime.InteropServices.ExternalException)
{
    Console.Error.WriteLine($"{string.Join(' ', args)}: {reason.Message}");
    return 1;
}

Measurement[] Read(string path) => [.. File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Measurement>(line, json)!)];

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
