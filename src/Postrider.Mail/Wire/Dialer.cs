using System.Net;
using System.Net.Sockets;

namespace Postrider.Mail.Wire;

/// <summary>Finds the address of a host that answers. Attempts overlap (RFC 8305 section 5), so an address that swallows packets costs a moment, not the whole deadline.</summary>
internal static class Dialer
{
    // RFC 8305 section 8 recommends 250 ms.
    private static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(250);

    /// <exception cref="SocketException">The name was not found, or no address answered: the last one's error.</exception>
    public static async Task<Socket> ConnectAsync(string host, int port, TimeProvider clock, CancellationToken cancel)
    {
        IPAddress[] addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancel);
        if (addresses.Length == 0) throw new SocketException((int)SocketError.HostNotFound);
        return await FirstAsync(addresses, port, clock, cancel);
    }

    internal static async Task<Socket> FirstAsync(IReadOnlyList<IPAddress> addresses, int port, TimeProvider clock, CancellationToken cancel)
    {
        using var losers = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var running = new List<Task<Socket>>();
        var next = 0;
        Exception? last = null;
        try
        {
            while (true)
            {
                if (next < addresses.Count) running.Add(AttemptAsync(addresses[next++], port, losers.Token));
                if (running.Count == 0) throw last!;
                var more = next < addresses.Count;
                using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                Task wait = more ? Task.Delay(Stagger, clock, pause.Token) : Task.Delay(Timeout.InfiniteTimeSpan, clock, pause.Token);
                var ended = await Task.WhenAny([wait, .. running]);
                await pause.CancelAsync();
                cancel.ThrowIfCancellationRequested();
                if (ended == wait) continue;
                var attempt = (Task<Socket>)ended;
                running.Remove(attempt);
                if (attempt.IsCompletedSuccessfully) return await attempt;
                last = attempt.Exception?.InnerException ?? new SocketException((int)SocketError.OperationAborted);
            }
        }
        finally
        {
            await losers.CancelAsync();
            foreach (var loser in running) _ = CloseAsync(loser);
        }
    }

    private static async Task<Socket> AttemptAsync(IPAddress address, int port, CancellationToken cancel)
    {
        // NoDelay: a command waits for its reply; Nagle's algorithm would hold it back for a delayed acknowledgement (40 ms each).
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(address, port), cancel);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task CloseAsync(Task<Socket> loser)
    {
        await ((Task)loser).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (loser.IsCompletedSuccessfully) (await loser).Dispose();
    }
}
