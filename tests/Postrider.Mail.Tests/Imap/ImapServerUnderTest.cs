using System.Net;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Our server over TLS on a free port, announcing XOAUTH2, and PLAIN for programs that know nothing else.</summary>
internal sealed class ImapServerUnderTest : IAsyncDisposable
{
    private readonly ImapServer _server;
    private readonly List<Exception> _faults = [];

    private ImapServerUnderTest(MailboxesInMemory mailboxes, Func<ImapServerOptions, ImapServerOptions>? adjust)
    {
        Mailboxes = mailboxes;
        var options = new ImapServerOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            Certificate = TestCertificates.Server,
            CapabilitiesBefore = ["IMAP4", "IMAP4rev1", "AUTH=XOAUTH2", "AUTH=PLAIN", "SASL-IR", "UIDPLUS", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"],
            OnFault = e =>
            {
                lock (_faults) _faults.Add(e);
            },
        };
        _server = ImapServer.Start(adjust?.Invoke(options) ?? options, mailboxes);
    }

    public MailboxesInMemory Mailboxes { get; }
    public int Port => _server.LocalEndPoint.Port;
    public WireEndpoint Endpoint => new("localhost", Port, WireSecurity.Tls) { ExtraTrust = [TestCertificates.Authority] };

    public IReadOnlyList<Exception> Faults
    {
        get
        {
            lock (_faults) return [.. _faults];
        }
    }

    public static ImapServerUnderTest Start(MailboxesInMemory? mailboxes = null, Func<ImapServerOptions, ImapServerOptions>? adjust = null) => new(mailboxes ?? new MailboxesInMemory("Sent Items", "Entwürfe"), adjust);

    public async Task<ImapClient> ConnectAsync(ImapClientOptions? options = null)
    {
        var result = await ImapClient.ConnectAsync(Endpoint, new SaslCredential.XOAuth2("ann@example.com", "secret"), options, CancellationToken.None);
        Assert.Null(result.Failure);
        return result.Client!;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Mailboxes.Dispose();
    }
}
