using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Postrider.Tests;

/// <summary>A server of a few lines on a free loopback port. Each connection has a conversation of its own, which ends with the test or when the other side hangs up.</summary>
internal abstract class ScriptedPeer : IAsyncDisposable
{
    private readonly TcpListener listener;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentBag<Task> sessions = [];
    private readonly Task accepting;

    /// <param name="port">Of a peer that has gone, to come back at its place; 0: any free one.</param>
    protected ScriptedPeer(int port = 0)
    {
        listener = new(IPAddress.Loopback, port);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>The test is over.</summary>
    protected CancellationToken Stop => stop.Token;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(sessions);
        stop.Dispose();
    }

    protected abstract Task TalkAsync(TcpClient client);

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptTcpClientAsync(stop.Token);
                sessions.Add(Task.Run(() => ServeAsync(client)));
            }
            catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        try
        {
            await TalkAsync(client);
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or AuthenticationException)
        {
            // The test is over, or the hub has hung up.
        }
    }
}
