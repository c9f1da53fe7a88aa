using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postrider.Mail.Tests.Peers;

/// <summary>Programs nobody here wrote, as the other side of the wire.</summary>
internal static class PeerProgram
{
    /// <summary>The program's path; skips the test, with its name, when it is not installed.</summary>
    public static string FindOrSkip(string name)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Concat(["/usr/sbin", "/usr/local/sbin", "/sbin"]);
        var path = folders.Where(f => f.Length > 0).Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"The program {name} is not installed.");
        return path!;
    }

    /// <summary>Runs to its end and gives the exit code and what it wrote, both streams.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string path, IEnumerable<string> arguments, string? input = null, TimeSpan? atMost = null)
    {
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(atMost ?? TimeSpan.FromSeconds(60));
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            if (input is not null) await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output + await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Ports that were free a moment ago, for programs that cannot choose one themselves.</summary>
    public static int[] FreePorts(int count)
    {
        var sockets = Enumerable.Range(0, count).Select(_ =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return socket;
        }).ToArray();
        var ports = sockets.Select(s => ((IPEndPoint)s.LocalEndPoint!).Port).ToArray();
        foreach (var socket in sockets) socket.Dispose();
        return ports;
    }
}

/// <summary>A program that runs until it is disposed; its lines are kept.</summary>
internal sealed class RunningPeer : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RunningPeer(ProcessStartInfo start, string readyWhen)
    {
        process = new Process { StartInfo = start, EnableRaisingEvents = true };
        DataReceivedEventHandler line = (_, e) =>
        {
            if (e.Data is null) return;
            lock (output) output.AppendLine(e.Data);
            if (e.Data.Contains(readyWhen, StringComparison.Ordinal)) ready.TrySetResult();
        };
        process.OutputDataReceived += line;
        process.ErrorDataReceived += line;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"{start.FileName} ended:\n{Output}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output
    {
        get
        {
            lock (output) return output.ToString();
        }
    }

    /// <summary>Returns when the program has written a line with <paramref name="readyWhen"/>; throws with its output when it ends before.</summary>
    public static async Task<RunningPeer> StartAsync(string path, IEnumerable<string> arguments, string readyWhen)
    {
        var peer = new RunningPeer(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false }, readyWhen);
        try
        {
            await peer.ready.Task.WaitAsync(TimeSpan.FromSeconds(60));
            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
