using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Postrider.Bench;

/// <summary>A program beside us, ended with the benchmark.</summary>
internal sealed class PeerProcess(Process process) : IDisposable
{
    public int Id => process.Id;

    public static PeerProcess Start(string program, params string[] arguments) => new(Launch(program, arguments));

    /// <summary>The first line of what it writes that has this beginning, without it. Its output is read to the end, so that it never waits for us.</summary>
    /// <exception cref="InvalidOperationException">It ended before.</exception>
    public async Task<IReadOnlyList<string>> LinesAsync(params string[] beginnings)
    {
        var found = new string?[beginnings.Length];
        while (found.Contains(null))
        {
            var line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{process.StartInfo.FileName} ended before it said \"{beginnings[Array.IndexOf(found, null)]}\".");
            for (var i = 0; i < beginnings.Length; i++)
                if (line.StartsWith(beginnings[i], StringComparison.Ordinal)) found[i] = line[beginnings[i].Length..];
        }

        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        return found!;
    }

    public static PeerProcess StartHeard(string program, params string[] arguments) => new(Launch(program, arguments, heard: true));

    /// <exception cref="InvalidOperationException">It ended with another code than 0.</exception>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Launch(program, arguments);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Waits until something listens there.</summary>
    public static async Task AcceptsAsync(int port)
    {
        for (var tries = 0; ; tries++)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (tries < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System);
            }
        }
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }

    private static Process Launch(string program, string[] arguments, bool heard = false)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = heard };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // Debian puts servers into /usr/sbin, which is not on everybody's PATH.
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin";
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }
}
