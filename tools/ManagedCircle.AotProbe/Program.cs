using ManagedCircle.AotProbe;
using ManagedCircle.Checks;

// Without arguments: every check, as JSON. With "first": the first loss alone, to time a start. With "fusing": what a multiply-add that must be fused costs.
switch (args)
{
    case ["first"]:
        return Probe.First() > 0 ? 0 : 1;
    case ["fusing"]:
        Console.WriteLine(FusingCost.Measure());
        return 0;
    default:
        Console.WriteLine(Probe.Run(out int failures));
        return failures == 0 ? 0 : 1;
}
