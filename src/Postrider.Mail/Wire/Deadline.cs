using System.Net.Sockets;
using System.Security.Authentication;

namespace Postrider.Mail.Wire;

/// <summary>What went wrong on the wire, before the protocol's own words.</summary>
/// <param name="Detail">One sentence for a person; never holds a secret.</param>
internal sealed record WireFailure(WireFailureKind Kind, string Detail);

/// <summary>The peer broke the protocol or one of our limits. The connection must not be used again.</summary>
internal sealed class WireProtocolException(string message) : Exception(message);

/// <summary>The whole time one step may take, however slowly its bytes drip in. Tells running out of time from the caller's cancellation.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationToken caller;
    private readonly CancellationTokenSource timer;
    private readonly CancellationTokenSource? linked;
    private TimeSpan limit;

    /// <param name="limit"><see cref="Timeout.InfiniteTimeSpan"/> waits until <see cref="Restart"/>.</param>
    public Deadline(TimeProvider clock, TimeSpan limit, CancellationToken caller)
    {
        this.limit = limit;
        this.caller = caller;
        timer = new CancellationTokenSource(limit, clock);
        if (caller.CanBeCanceled) linked = CancellationTokenSource.CreateLinkedTokenSource(caller, timer.Token);
    }

    public CancellationToken Token => (linked ?? timer).Token;

    /// <summary>False when the caller cancelled as well: then the cancellation counts.</summary>
    public bool Passed => timer.IsCancellationRequested && !caller.IsCancellationRequested;

    /// <summary>From now on the step may take <paramref name="newLimit"/>; what has passed does not count.</summary>
    public void Restart(TimeSpan newLimit)
    {
        limit = newLimit;
        timer.CancelAfter(newLimit);
    }

    /// <summary>The class of an exception that a step under this deadline threw. Null: not the wire's (a bug, or the caller's cancellation); it must be thrown on.</summary>
    public WireFailure? Explain(Exception exception) => exception switch
    {
        OperationCanceledException when Passed => new(WireFailureKind.TimedOut, $"The server did not finish its answer within {Words(limit)}."),
        OperationCanceledException => null,
        EndOfStreamException => new(WireFailureKind.Disconnected, "The server closed the connection."),
        AuthenticationException when IsTooOld(exception) => new(WireFailureKind.TlsTooOld, "The server speaks no TLS newer than 1.1, which is no protection any more."),
        AuthenticationException => new(WireFailureKind.TlsFailed, "The encryption of the connection failed: " + exception.Message),
        IOException { InnerException: SocketException socket } => FromSocket(socket),
        SocketException socket => FromSocket(socket),
        IOException or ObjectDisposedException => new(WireFailureKind.Disconnected, "The connection broke: " + exception.Message),
        WireProtocolException => new(WireFailureKind.ProtocolError, exception.Message),
        _ => null,
    };

    public void Dispose()
    {
        linked?.Dispose();
        timer.Dispose();
    }

    // OpenSSL's words for the peer's hello and for its alert; Windows says SEC_E_ALGORITHM_MISMATCH.
    private static bool IsTooOld(Exception? failure)
    {
        for (; failure is not null; failure = failure.InnerException)
            if (failure.Message.Contains("unsupported protocol", StringComparison.OrdinalIgnoreCase) || failure.Message.Contains("alert protocol version", StringComparison.OrdinalIgnoreCase) || failure is System.ComponentModel.Win32Exception { NativeErrorCode: unchecked((int)0x80090331) }) return true;
        return false;
    }

    private static WireFailure FromSocket(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => new(WireFailureKind.NameNotFound, "The server's name was not found: " + e.Message + "."),
        SocketError.ConnectionRefused => new(WireFailureKind.ConnectionRefused, "Nothing listens at the server's address and port."),
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable => new(WireFailureKind.TimedOut, "The server cannot be reached: " + e.Message + "."),
        _ => new(WireFailureKind.Disconnected, "The connection broke: " + e.Message + "."),
    };

    private static string Words(TimeSpan time) => time.TotalSeconds < 120 ? $"{time.TotalSeconds:0} seconds" : $"{time.TotalMinutes:0} minutes";
}
