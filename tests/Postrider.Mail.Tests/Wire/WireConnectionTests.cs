using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Wire;

public sealed class WireConnectionTests
{
    private static readonly X509Certificate2 Stranger = TestCertificates.MakeAuthority("A stranger");

    public static TheoryData<string, WireFailureKind?> Certificates => new()
    {
        { "good", null },
        { "expired", WireFailureKind.CertificateExpired },
        { "other name", WireFailureKind.CertificateNameMismatch },
        { "other authority", WireFailureKind.CertificateNotTrusted },
        { "self-signed", WireFailureKind.CertificateNotTrusted },
        { "expired and other authority", WireFailureKind.CertificateNotTrusted },
    };

    [Theory, MemberData(nameof(Certificates))]
    public async Task A_certificate_is_refused_with_its_own_reason(string which, WireFailureKind? expected)
    {
        using var certificate = which switch
        {
            "good" => TestCertificates.Issue(TestCertificates.Authority, "localhost"),
            "expired" => TestCertificates.Issue(TestCertificates.Authority, "localhost", expired: true),
            "other name" => TestCertificates.Issue(TestCertificates.Authority, "mail.example"),
            "other authority" => TestCertificates.Issue(Stranger, "localhost"),
            "expired and other authority" => TestCertificates.Issue(Stranger, "localhost", expired: true),
            _ => TestCertificates.SelfSigned("localhost"),
        };
        var (_, failure) = await ConnectTlsAsync(certificate, [TestCertificates.Authority]);
        Assert.Equal(expected, failure?.Kind);
        if (which == "expired") Assert.Contains("valid from", failure!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_authority_that_was_not_handed_in_is_not_trusted()
    {
        var (_, failure) = await ConnectTlsAsync(TestCertificates.Server, []);
        Assert.Equal(WireFailureKind.CertificateNotTrusted, failure!.Kind);
    }

    [Fact]
    public async Task A_self_signed_certificate_that_was_handed_in_is_trusted_for_its_name()
    {
        using var self = TestCertificates.SelfSigned("localhost");
        Assert.Null((await ConnectTlsAsync(self, [self])).Failure);
        using var other = TestCertificates.SelfSigned("mail.example");
        Assert.Equal(WireFailureKind.CertificateNameMismatch, (await ConnectTlsAsync(other, [other])).Failure!.Kind);
    }

    [Fact]
    public async Task A_handed_in_authority_does_not_spare_the_name()
    {
        // The address of the same server by another name.
        var (_, failure) = await ConnectTlsAsync(TestCertificates.Server, [TestCertificates.Authority], host: "127.0.0.1");
        Assert.Null(failure);
        using var named = TestCertificates.Issue(TestCertificates.Authority, "mail.example");
        (_, failure) = await ConnectTlsAsync(named, [TestCertificates.Authority], host: "127.0.0.1");
        Assert.Equal(WireFailureKind.CertificateNameMismatch, failure!.Kind);
    }

    [Fact]
    public async Task A_server_that_speaks_no_TLS_is_told_apart_from_a_bad_certificate()
    {
        await using var listener = Listen(async (connection, cancel) =>
        {
            connection.Output.Write("* OK not TLS\r\n"u8);
            await connection.Output.FlushAsync(cancel);
            await connection.Input.ReadAsync(cancel);
        });
        var (_, failure) = await ConnectAsync(new WireEndpoint("localhost", listener.LocalEndPoint.Port, WireSecurity.Tls));
        Assert.Equal(WireFailureKind.TlsFailed, failure!.Kind);
    }

    [Fact]
    public async Task A_handshake_that_never_ends_runs_out_of_time()
    {
        var clock = new FakeClock();
        var hello = new TaskCompletionSource();
        await using var listener = Listen(async (connection, cancel) =>
        {
            await connection.Input.ReadAsync(cancel);
            hello.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
        });
        using var deadline = new Deadline(clock, TimeSpan.FromSeconds(30), CancellationToken.None);
        var connecting = WireConnection.ConnectAsync(new WireEndpoint("localhost", listener.LocalEndPoint.Port, WireSecurity.Tls), clock, deadline);
        await hello.Task;
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(WireFailureKind.TimedOut, (await connecting).Failure!.Kind);
    }

    [Fact]
    public async Task Nobody_listening_and_no_such_name_are_different_failures()
    {
        int port;
        await using (var listener = Listen((_, _) => Task.CompletedTask)) port = listener.LocalEndPoint.Port;
        Assert.Equal(WireFailureKind.ConnectionRefused, (await ConnectAsync(new WireEndpoint("localhost", port, WireSecurity.None))).Failure!.Kind);
        // RFC 6761 section 6.4: "invalid" never resolves.
        Assert.Equal(WireFailureKind.NameNotFound, (await ConnectAsync(new WireEndpoint("nowhere.invalid", 25, WireSecurity.None))).Failure!.Kind);
    }

    [Fact]
    public async Task The_callers_cancellation_is_thrown()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        using var deadline = new Deadline(TimeProvider.System, TimeSpan.FromSeconds(30), cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WireConnection.ConnectAsync(new WireEndpoint("localhost", 9, WireSecurity.None), TimeProvider.System, deadline));
    }

    [Fact]
    public async Task The_next_address_is_tried_at_once_when_one_refuses()
    {
        await using var listener = Listen((_, _) => Task.CompletedTask);
        // Only the first address of loopback's network is listened on.
        using var socket = await Dialer.FirstAsync([IPAddress.Parse("127.0.0.7"), IPAddress.Loopback], listener.LocalEndPoint.Port, new FakeClock(), CancellationToken.None);
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
        Assert.True(socket.NoDelay);
    }

    [Fact]
    public async Task The_next_address_is_tried_soon_when_one_does_not_answer()
    {
        await using var listener = Listen((_, _) => Task.CompletedTask);
        using var full = new FullListener(listener.LocalEndPoint.Port);
        Assert.SkipUnless(full.Swallows, "This system accepts connections beyond a listener's backlog, so none can be made to hang.");
        var started = TimeProvider.System.GetTimestamp();
        using var socket = await Dialer.FirstAsync([full.Address, IPAddress.Loopback], listener.LocalEndPoint.Port, TimeProvider.System, CancellationToken.None);
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task When_no_address_answers_the_last_reason_is_told()
    {
        int port;
        await using (var listener = Listen((_, _) => Task.CompletedTask)) port = listener.LocalEndPoint.Port;
        var thrown = await Assert.ThrowsAsync<SocketException>(() => Dialer.FirstAsync([IPAddress.Parse("127.0.0.7"), IPAddress.Parse("127.0.0.8")], port, TimeProvider.System, CancellationToken.None));
        Assert.Equal(SocketError.ConnectionRefused, thrown.SocketErrorCode);
    }

    private static WireListener Listen(Func<WireConnection, CancellationToken, Task> serve) => new(new IPEndPoint(IPAddress.Loopback, 0), 10, TimeProvider.System, serve, null, null);

    private static async Task<WireConnectResult> ConnectTlsAsync(X509Certificate2 certificate, IReadOnlyList<X509Certificate2> trust, string host = "localhost")
    {
        await using var listener = Listen((connection, cancel) => connection.StartTlsAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.None }, cancel));
        return await ConnectAsync(new WireEndpoint(host, listener.LocalEndPoint.Port, WireSecurity.Tls) { ExtraTrust = trust });
    }

    private static async Task<WireConnectResult> ConnectAsync(WireEndpoint endpoint)
    {
        using var deadline = new Deadline(TimeProvider.System, TimeSpan.FromSeconds(30), CancellationToken.None);
        var result = await WireConnection.ConnectAsync(endpoint, TimeProvider.System, deadline);
        if (result.Connection is not null) await result.Connection.DisposeAsync();
        return result;
    }

    /// <summary>An address where connecting hangs: its queue of connections is full and nobody accepts.</summary>
    private sealed class FullListener : IDisposable
    {
        private readonly List<Socket> sockets = [];

        public FullListener(int port)
        {
            var listener = New();
            listener.Bind(new IPEndPoint(Address, port));
            listener.Listen(0);
            for (var i = 0; i < 8 && !Swallows; i++)
            {
                var socket = New();
                socket.Blocking = false;
                try
                {
                    socket.Connect(new IPEndPoint(Address, port));
                }
                catch (SocketException)
                {
                    // Under way.
                }
                Swallows = !socket.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectWrite);
            }
        }

        public IPAddress Address { get; } = IPAddress.Parse("127.0.0.9");
        public bool Swallows { get; }

        public void Dispose() => sockets.ForEach(s => s.Dispose());

        private Socket New()
        {
            sockets.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            return sockets[^1];
        }
    }
}
