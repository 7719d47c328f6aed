using ManagedCircle.Checks;

// The report goes to the browser's console, where browse.mjs waits for it.
Console.WriteLine(Probe.Run(out int failures));
return failures == 0 ? 0 : 1;
