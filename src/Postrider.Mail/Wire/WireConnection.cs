using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Postrider.Mail.Wire;

internal sealed record WireConnectResult(WireConnection? Connection, WireFailure? Failure);

/// <summary>A byte stream to a peer, plain at first or wrapped in TLS on the way. Reads happen only when asked for, so nothing is taken from the socket ahead of a TLS handshake.</summary>
internal sealed class WireConnection : IAsyncDisposable
{
    // Zero-byte reads: an idle connection (IMAP IDLE) then rents no buffer.
    private static readonly StreamPipeReaderOptions ReaderOptions = new(bufferSize: 16 * 1024, minimumReadSize: 4 * 1024, leaveOpen: true, useZeroByteReads: true);
    private static readonly StreamPipeWriterOptions WriterOptions = new(minimumBufferSize: 16 * 1024, leaveOpen: true);

    // Null over a stream of a test.
    private readonly Socket? socket;
    private Stream stream;

    private WireConnection(Stream stream, IPEndPoint remote)
    {
        this.stream = stream;
        socket = (stream as NetworkStream)?.Socket;
        Remote = remote;
        Open(stream);
    }

    public PipeReader Input { get; private set; } = null!;
    /// <summary>Cancel a flush only when the connection is given up: under TLS a cancelled write loses its record, and nothing after it can be read by the peer.</summary>
    public PipeWriter Output { get; private set; } = null!;
    public LineReader Lines { get; private set; } = null!;
    public IPEndPoint Remote { get; }
    public bool IsTls { get; private set; }

    /// <summary>Over a stream that stands already: an accepted socket, or two pipes in a test. The connection owns it.</summary>
    public static WireConnection Over(Stream stream, IPEndPoint remote) => new(stream, remote);

    /// <summary>Connects to the first address that answers; with <see cref="WireSecurity.Tls"/> the handshake is done too. Failures are values, also running out of time; only the caller's cancellation throws.</summary>
    public static async Task<WireConnectResult> ConnectAsync(WireEndpoint endpoint, TimeProvider clock, Deadline deadline)
    {
        WireConnection? connection = null;
        try
        {
            var dialed = await Dialer.ConnectAsync(endpoint.Host, endpoint.Port, clock, deadline.Token);
            connection = new WireConnection(new NetworkStream(dialed, ownsSocket: true), (IPEndPoint)dialed.RemoteEndPoint!);
            if (endpoint.Security == WireSecurity.Tls && await connection.StartTlsAsync(endpoint, deadline) is { } failure)
            {
                await connection.DisposeAsync();
                return new(null, failure);
            }
            return new(connection, null);
        }
        catch (Exception e)
        {
            if (connection is not null) await connection.DisposeAsync();
            if (deadline.Explain(e) is { } failure) return new(null, failure);
            throw;
        }
    }

    /// <summary>Bytes have arrived that nobody has read yet. Asked before TLS starts: they were sent in clear, by whoever holds the line, and must not be taken for what the secured peer says.</summary>
    public bool HasUnreadInput
    {
        get
        {
            if (!Input.TryRead(out var result)) return false;
            var any = !result.Buffer.IsEmpty;
            Input.AdvanceTo(result.Buffer.Start);
            return any;
        }
    }

    /// <summary>The peer has sent something, or closed, though nothing was asked of it. Looks at the socket as well, where HasUnreadInput sees only what has been received.</summary>
    public bool PeerHasSpoken => HasUnreadInput || socket is { } s && s.Poll(0, SelectMode.SelectRead);

    /// <summary>TLS as a client. A certificate that is not good in every respect ends the handshake.</summary>
    /// <returns>Null when the line is secured; after a failure the connection is of no use.</returns>
    public async Task<WireFailure?> StartTlsAsync(WireEndpoint endpoint, Deadline deadline)
    {
        var judge = new CertificateJudge(endpoint);
        try
        {
            var secured = new SslStream(stream, leaveInnerStreamOpen: false);
            await secured.AuthenticateAsClientAsync(judge.Options(), deadline.Token);
            Secure(secured);
            return null;
        }
        catch (Exception e) when ((judge.Verdict ?? deadline.Explain(e)) is not null)
        {
            // The handshake's own words ("received an unexpected EOF") help nobody as much as the judge's.
            var failure = judge.Verdict ?? deadline.Explain(e)!;
            return failure.Kind == WireFailureKind.Disconnected ? new(WireFailureKind.TlsFailed, "The server ended the connection during the TLS handshake. " + failure.Detail) : failure;
        }
    }

    /// <summary>TLS as a server. Throws what SslStream throws.</summary>
    public async Task StartTlsAsServerAsync(SslServerAuthenticationOptions options, CancellationToken cancel)
    {
        var secured = new SslStream(stream, leaveInnerStreamOpen: false);
        await secured.AuthenticateAsServerAsync(options, cancel);
        Secure(secured);
    }

    /// <summary>Sends what is written. It does not end with a server's stop but only with a peer that takes nothing for <paramref name="limit"/>, which is then given up: see <see cref="Output"/>.</summary>
    /// <exception cref="IOException">The peer takes nothing; the connection is of no use.</exception>
    public async ValueTask FlushAsync(TimeProvider clock, TimeSpan limit)
    {
        if (Output.UnflushedBytes == 0) return;
        using var stuck = new CancellationTokenSource(limit, clock);
        try
        {
            await Output.FlushAsync(stuck.Token);
        }
        catch (OperationCanceledException e) when (stuck.IsCancellationRequested)
        {
            throw new IOException("The other side takes nothing of what is sent.", e);
        }
    }

    /// <summary>Cuts the line: a read or write under way on another thread fails. The session's own end still disposes.</summary>
    public void Abort() => stream.Dispose();

    public async ValueTask DisposeAsync()
    {
        await Input.CompleteAsync();
        // An exception given to the writer makes it drop what is not flushed instead of writing to a peer that may be gone.
        await Output.CompleteAsync(new ObjectDisposedException(nameof(WireConnection)));
        await stream.DisposeAsync();
    }

    private void Secure(SslStream secured)
    {
        stream = secured;
        IsTls = true;
        Open(secured);
    }

    private void Open(Stream over)
    {
        Input = PipeReader.Create(over, ReaderOptions);
        Output = PipeWriter.Create(over, WriterOptions);
        Lines = new LineReader(Input);
    }
}
