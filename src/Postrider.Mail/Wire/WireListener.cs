using System.Net;
using System.Net.Sockets;

namespace Postrider.Mail.Wire;

/// <summary>Accepts connections on one socket and runs a session for each, up to a limit.</summary>
internal sealed class WireListener : IAsyncDisposable
{
    // How long sessions may take to say goodbye after Stopping.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    // After an accept that failed for want of file handles, rather than spinning.
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly Socket socket;
    private readonly TimeProvider clock;
    private readonly Func<WireConnection, CancellationToken, Task> serve;
    private readonly Func<WireConnection, Task>? refuse;
    private readonly Action<Exception>? onFault;
    private readonly int maxConnections;
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private readonly Dictionary<Task, WireConnection> sessions = [];
    private readonly Task accepting;
    private int open;

    /// <summary>Listens at once; port 0 takes a free one.</summary>
    /// <param name="serve">One session; its token is cancelled when the listener stops. The connection is disposed afterwards.</param>
    /// <param name="refuse">Says why to a connection above the limit; null: it is closed without a word.</param>
    /// <param name="onFault">Told every exception a session let through; such an exception ends that session only.</param>
    public WireListener(IPEndPoint listen, int maxConnections, TimeProvider clock, Func<WireConnection, CancellationToken, Task> serve, Func<WireConnection, Task>? refuse, Action<Exception>? onFault)
    {
        (this.maxConnections, this.clock, this.serve, this.refuse, this.onFault) = (maxConnections, clock, serve, refuse, onFault);
        socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(listen);
            socket.Listen(512);
            LocalEndPoint = (IPEndPoint)socket.LocalEndPoint!;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        accepting = Task.Run(AcceptAsync);
    }

    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Stops accepting, tells every session, waits briefly for them and cuts the rest off.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested) return;
        await stopping.CancelAsync();
        socket.Dispose();
        await accepting;
        List<KeyValuePair<Task, WireConnection>> rest;
        lock (gate) rest = [.. sessions];
        var all = Task.WhenAll(rest.Select(s => s.Key));
        // Real time: a clock that a test holds still must not hold up the end.
        if (await Task.WhenAny(all, Task.Delay(Grace, TimeProvider.System)) != all)
        {
            foreach (var (_, connection) in rest) connection.Abort();
            // A session that waits for something else than the line is left to itself.
            await Task.WhenAny(all, Task.Delay(Grace, TimeProvider.System));
        }
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            Socket accepted;
            try
            {
                accepted = await socket.AcceptAsync(stopping.Token);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e)
            {
                onFault?.Invoke(e);
                await Task.Delay(AcceptPause, clock, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            Begin(accepted);
        }
    }

    private void Begin(Socket accepted)
    {
        WireConnection connection;
        try
        {
            accepted.NoDelay = true;
            connection = WireConnection.Over(new NetworkStream(accepted, ownsSocket: true), (IPEndPoint)accepted.RemoteEndPoint!);
        }
        catch (SocketException)
        {
            // The peer left between the handshake and here.
            accepted.Dispose();
            return;
        }
        lock (gate)
        {
            var within = open < maxConnections;
            if (within) open++;
            var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var session = RunAsync(start.Task, connection, within);
            sessions.Add(session, connection);
            _ = session.ContinueWith(Ended, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            start.SetResult();
        }
    }

    private void Ended(Task session)
    {
        lock (gate) sessions.Remove(session);
    }

    private async Task RunAsync(Task start, WireConnection connection, bool within)
    {
        await start;
        try
        {
            if (within) await serve(connection, stopping.Token);
            else if (refuse is not null) await refuse(connection);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer left or we are stopping: the ordinary ends of a session.
        }
        catch (Exception e)
        {
            onFault?.Invoke(e);
        }
        finally
        {
            if (within) lock (gate) open--;
            await connection.DisposeAsync();
        }
    }
}
