using System.Net;
using System.Net.Sockets;

namespace Postrider.Journeys;

/// <summary>A line to a server that runs dry after so many bytes of its answers, until it is opened: what takes hours elsewhere stands still here, and is looked at.</summary>
internal sealed class Sluice : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource ended = new();
    private readonly int server;
    private readonly Task accepting;
    private long left;

    /// <param name="server">Its port on this machine.</param>
    /// <param name="bytes">Of all connections together.</param>
    public Sluice(int server, long bytes)
    {
        (this.server, left) = (server, bytes);
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void Open() => opened.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        listener.Stop();
        await accepting;
        ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> lines = [];
        try
        {
            while (true) lines.Add(PassAsync(await listener.AcceptTcpClientAsync(ended.Token)));
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            await Task.WhenAll(lines);
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, server, ended.Token);
            await Task.WhenAny(near.GetStream().CopyToAsync(far.GetStream(), ended.Token), AnswerAsync(far.GetStream(), near.GetStream()));
        }
        catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException)
        {
            // Either side hung up, or the journey is over.
        }
    }

    private async Task AnswerAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[16 << 10];
        while (await from.ReadAsync(buffer, ended.Token) is > 0 and var read)
        {
            if (Interlocked.Add(ref left, -read) < 0) await opened.Task.WaitAsync(ended.Token);
            await to.WriteAsync(buffer.AsMemory(0, read), ended.Token);
        }
    }
}
