using System.Diagnostics;
using System.Globalization;

namespace Postrider.Bench;

/// <summary>A Python program beside us, which does the work once and prints the seconds it took.</summary>
internal static class PythonPeer
{
    public static double Run(string script)
    {
        var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Peers", script));
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{script} ended with {process.ExitCode}.");
        Console.WriteLine("// python: " + said.Trim());
        return double.Parse(said.Trim().Split(' ')[0], CultureInfo.InvariantCulture);
    }
}
