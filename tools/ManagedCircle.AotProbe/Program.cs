using ManagedCircle.AotProbe;

// Without arguments: every check, as JSON. With "first": the first loss alone, to time a start.
if (args is ["first"])
{
    return Probe.First() > 0 ? 0 : 1;
}

Console.WriteLine(Probe.Run(out int failures));
return failures == 0 ? 0 : 1;
