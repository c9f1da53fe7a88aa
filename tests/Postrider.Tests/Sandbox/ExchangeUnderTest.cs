using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;
using Postrider.Sandbox.Exchange;

namespace Postrider.Tests.Sandbox;

/// <summary>A sandbox whose Exchange is spoken to; tokens are made without a browser where the browser is not the subject.</summary>
internal sealed class ExchangeUnderTest : IAsyncDisposable
{
    public const string Ann = "ann@meadow.example";
    public const string Ben = "ben@meadow.example";

    private ExchangeUnderTest(RunningTenant sandbox)
    {
        Sandbox = sandbox;
        Authority = X509CertificateLoader.LoadCertificateFromFile(sandbox.CertificateAuthorityFile);
    }

    public RunningTenant Sandbox { get; }
    public X509Certificate2 Authority { get; }
    public CancellationToken Cancel => TestContext.Current.CancellationToken;
    public WireEndpoint Smtp => new("localhost", Sandbox.Smtp.Port, WireSecurity.StartTls) { ExtraTrust = [Authority] };
    public WireEndpoint Imap => new("localhost", Sandbox.Imap.Port, WireSecurity.Tls) { ExtraTrust = [Authority] };

    public static async Task<ExchangeUnderTest> StartAsync(string? folder = null, bool skipWaits = false) => new(await Tenant.StartAsync(new TenantOptions { Folder = folder, SkipWaits = skipWaits }, TestContext.Current.CancellationToken));

    public Mailbox Box(string address) => Sandbox.Mailboxes.Find(address)!;

    public DirectoryUser User(string name) => Sandbox.Directory.FindUser(name)!;

    public string Token(string user, ApiResource resource = ApiResource.Outlook, params string[] permissions) =>
        Sandbox.Grants.IssueAccessToken(Guid.Empty, User(user), resource, permissions.Length == 0 ? ["SMTP.Send", "IMAP.AccessAsUser.All"] : permissions).Token;

    public Task<SmtpConnectResult> ConnectSmtpAsync(string mailbox = Ann, string? token = null) =>
        SmtpClient.ConnectAsync(Smtp, new SaslCredential.XOAuth2(mailbox, token ?? Token(mailbox)), options: null, Cancel);

    public async Task<ImapClient> ConnectImapAsync(string mailbox = Ann, string? token = null)
    {
        var result = await ImapClient.ConnectAsync(Imap, new SaslCredential.XOAuth2(mailbox, token ?? Token(mailbox)), options: null, Cancel);
        Assert.True(result.Failure is null, result.Failure?.ToString());
        return result.Client!;
    }

    public async Task<SmtpSendResult> SendAsync(byte[] message, string from = Ann, params string[] to)
    {
        var connected = await ConnectSmtpAsync(from);
        Assert.True(connected.Failure is null, connected.Failure?.ToString());
        await using var client = connected.Client!;
        return await client.SendAsync(EmailAddress.Parse(from), [.. to.Select(EmailAddress.Parse)], new MemoryStream(message), message.Length, Cancel);
    }

    public static byte[] Message(string from = Ann, string to = Ben, string subject = "Buns", string body = "Two dozen, please.") =>
        Encoding.UTF8.GetBytes($"From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject.Replace(' ', '-')}@meadow.example>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n{body}\r\n.leading dot\r\n..two\r\n");

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(Sandbox.Faults.All);
        await Sandbox.DisposeAsync();
        Authority.Dispose();
    }
}
