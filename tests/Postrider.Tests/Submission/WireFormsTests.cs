using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.Submission;

/// <summary>What a submitted message asks for on its way out, up to the server that takes it.</summary>
public sealed class WireFormsTests
{
    private const string EightBit = "From: admin@hub.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00C3\u00BC\u00C3\u009Fe\r\n";
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_asked_of_notifications_is_stored_and_asked_of_the_server()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        var sink = new Sink();
        await using var server = SmtpServer.Start(new SmtpServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), RequireTls = false, RequireAuthentication = false, Dsn = true }, sink);
        await AimAsync(hub, server.LocalEndPoint.Port);
        await using var line = await hub.SignInAsync();
        var answer = await line.SendAsync("From: admin@hub.example\r\nTo: b@example.org\r\n\r\nx", mailParameters: " RET=HDRS ENVID=QQ+2B1", to: ["<a@example.org> NOTIFY=NEVER", "<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+40example.org", "c@example.org"]);
        Assert.StartsWith("250", answer, StringComparison.Ordinal);

        var (envelope, _) = await sink.Taken.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.Equal((false, "QQ+1"), (envelope.Dsn!.ReturnWhole, envelope.Dsn.EnvelopeId));
        Assert.Equal(
            [("b@example.org", SmtpNotify.Success | SmtpNotify.Delay, "rfc822;old@example.org"), ("a@example.org", SmtpNotify.Never, null), ("c@example.org", null, null)],
            envelope.Recipients.Zip(envelope.Dsn.Recipients).Select(pair => (pair.First.ToString(), pair.Second.Notify, pair.Second.OriginalRecipient)));
        Assert.Equal([("b@example.org", 5), ("a@example.org", 0), ("c@example.org", null)], (await hub.LastAsync()).Recipients.Select(recipient => (recipient.Address, recipient.DsnNotify)));
    }

    [Fact]
    public async Task SMTPUTF8_is_asked_of_the_server_when_the_program_asked_for_it()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        var sink = new Sink();
        await using var server = SmtpServer.Start(new SmtpServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), RequireTls = false, RequireAuthentication = false }, sink);
        await AimAsync(hub, server.LocalEndPoint.Port);
        await using var line = await hub.SignInAsync();
        Assert.StartsWith("250", await line.SendAsync("Subject: Gr\u00C3\u00BC\u00C3\u009Fe\r\n" + EightBit, mailParameters: " SMTPUTF8 BODY=8BITMIME"), StringComparison.Ordinal);
        var (envelope, text) = await sink.Taken.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.True(envelope is { SmtpUtf8: true, EightBitMime: true });
        Assert.EndsWith("Subject: Gr\u00C3\u00BC\u00C3\u009Fe\r\n" + EightBit + "\r\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_8BITMIME_gets_it_encoded_anew()
    {
        var (form, bodies, id, size) = await StoredAsync(EightBit);
        await using var _ = form;
        var wire = await WireForms.OpenAsync(bodies, id, null, size, BodyForm.EightBit, Capabilities(eightBit: false, utf8: false), Cancel);
        await using var body = wire.Body!;
        Assert.Equal((SmtpBodyKind.SevenBit, null), (wire.Kind, wire.Size));
        var text = await TextAsync(body);
        Assert.DoesNotContain(text, c => c > 127);
        Assert.Equal("Grüße", MimeMessage.Read(Encoding.ASCII.GetBytes(text)).TextBody!.TrimEnd());
    }

    [Fact]
    public async Task An_old_server_takes_8_bit_text_encoded_anew_and_never_hears_of_a_header_it_cannot_take()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = OldServerAsync(listener);
        await AimAsync(hub, ((IPEndPoint)listener.LocalEndpoint).Port);
        await using var line = await hub.SignInAsync();
        // NOTIFY=NEVER: a report on it would be the next mail of this server.
        Assert.StartsWith("250", await line.SendAsync("Subject: Gr\u00C3\u00BC\u00C3\u009Fe\r\n" + EightBit, to: "<ben@example.org> NOTIFY=NEVER"), StringComparison.Ordinal);
        var refused = await hub.SettledAsync();
        Assert.Equal((OutboxState.Refused, "mail-form-not-taken"), (refused.State, refused.Problem!.Code));
        Assert.StartsWith("554 5.6.7", (await hub.LastAsync()).Recipients[0].Reply, StringComparison.Ordinal);

        Assert.StartsWith("250", await line.SendAsync(EightBit), StringComparison.Ordinal);
        Assert.Equal(OutboxState.Sent, (await hub.SettledAsync()).State);
        var text = await heard.WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.DoesNotContain(text, c => c > 127);
        Assert.Equal("Grüße", MimeMessage.Read(Encoding.ASCII.GetBytes(text)).TextBody!.TrimEnd());
    }

    [Fact]
    public async Task A_long_body_is_encoded_while_it_is_read()
    {
        var (form, bodies, id, size) = await StoredAsync(EightBit + string.Concat(Enumerable.Repeat("\u00C3\u00BC line\r\n", 200_000)));
        await using var _ = form;
        var wire = await WireForms.OpenAsync(bodies, id, null, size, BodyForm.EightBit, Capabilities(eightBit: false, utf8: true), Cancel);
        await using var body = wire.Body!;
        var text = await TextAsync(body);
        Assert.DoesNotContain(text, c => c > 127);
        Assert.True(text.Length > size);
    }

    [Fact]
    public async Task What_cannot_be_encoded_is_refused_with_5_6_7_before_anything_is_said()
    {
        var (form, bodies, id, size) = await StoredAsync("Subject: Gr\u00C3\u00BC\u00C3\u009Fe\r\n" + EightBit);
        await using var _ = form;
        foreach (var (asked, capabilities) in ((BodyForm, SmtpCapabilities)[])[(BodyForm.EightBit, Capabilities(eightBit: false, utf8: false)), (BodyForm.Utf8Header, Capabilities(eightBit: true, utf8: false))])
        {
            var wire = await WireForms.OpenAsync(bodies, id, null, size, asked, capabilities, Cancel);
            Assert.Equal((554, "5.6.7", null), (wire.Refusal!.Code, wire.Refusal.EnhancedCode, wire.Body));
        }
    }

    private static async Task<(HubUnderTest Hub, Bodies Bodies, Guid Id, long Size)> StoredAsync(string latin1)
    {
        var hub = await HubUnderTest.StartAsync(setUp: false);
        var bodies = hub.Service<Bodies>();
        var bytes = Encoding.Latin1.GetBytes(latin1);
        return (hub, bodies, (await bodies.PutAsync(new MemoryStream(bytes), Cancel)).Id, bytes.Length);
    }

    private static async Task<string> TextAsync(Stream body)
    {
        using var text = new MemoryStream();
        await body.CopyToAsync(text, Cancel);
        return Encoding.Latin1.GetString(text.ToArray());
    }

    private static SmtpCapabilities Capabilities(bool eightBit, bool utf8) => new("peer", [], null, eightBit, utf8, true, false, false, []);

    /// <summary>Offers nothing in EHLO, and takes one message.</summary>
    /// <returns>The message.</returns>
    private static async Task<string> OldServerAsync(TcpListener listener)
    {
        while (true)
        {
            using var client = await listener.AcceptTcpClientAsync(Cancel);
            await using var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.Latin1);
            await SayAsync("220 old");
            while (await reader.ReadLineAsync(Cancel) is { } command)
            {
                if (command != "DATA")
                {
                    await SayAsync("250 old");
                    continue;
                }

                await SayAsync("354 go on");
                var text = new StringBuilder();
                while (await reader.ReadLineAsync(Cancel) is { } body && body != ".") text.Append(body).Append("\r\n");
                await SayAsync("250 taken");
                return text.ToString();
            }

            async Task SayAsync(string answer) => await stream.WriteAsync(Encoding.ASCII.GetBytes(answer + "\r\n"), Cancel);
        }
    }

    private static async Task AimAsync(SubmissionUnderTest hub, int port) =>
        await hub.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET port = @port, security = 'none', paused_until = NULL", new { port });
            hub.Hub.Service<ServerRoster>().Forget(tx);
        });

    /// <summary>Takes one message and keeps it.</summary>
    private sealed class Sink : ISmtpBackend
    {
        public TaskCompletionSource<(SmtpEnvelope Envelope, string Text)> Taken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string? Greeting(SmtpSession session) => null;
        public string? HelloText(SmtpSession session) => null;
        public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel) => throw new NotSupportedException();
        public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);
        public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

        public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
        {
            await using var stream = message.AsStream();
            Taken.TrySetResult((envelope, await TextAsync(stream)));
            return new(250, "2.0.0", "OK");
        }
    }
}
