using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;
using Postrider.Storage;
using Postrider.Tests.OutgoingServers;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingMail;

/// <summary>A hub and a sandbox on one clock, with a line between them that can be cut. A mailbox is connected to send through.</summary>
internal sealed class SentHubUnderTest : IAsyncDisposable
{
    public const string Sender = "notifications@meadow.example";
    public const string Receiver = "rosa@outlook.example";

    private readonly HubWithMicrosoft both;

    private SentHubUnderTest(HubWithMicrosoft both, CutLine line) => (this.both, Line) = (both, line);

    public RunningTenant Sandbox => both.Microsoft;
    public CutLine Line { get; }
    public HubUnderTest Hub => both.Hub;
    public OutgoingServerId Server { get; private set; }

    /// <param name="imap">Between the hub and the sandbox's IMAP; gets the sandbox's port and the file of its authority. Null: nothing.</param>
    public static async Task<SentHubUnderTest> StartAsync(Func<int, string, ImapWithoutSearch>? imap = null)
    {
        CutLine? line = null;
        var started = new HubWithMicrosoft(new TenantOptions(), (sandbox, options) =>
        {
            line = new CutLine(sandbox.Smtp.Port);
            var cloud = options.Cloud with { SmtpPort = line.Port };
            if (imap?.Invoke(sandbox.Imap.Port, sandbox.CertificateAuthorityFile) is not { } between) return options with { Cloud = cloud, Clock = sandbox.Clock };
            var trust = Path.Combine(Path.GetDirectoryName(sandbox.CertificateAuthorityFile)!, "both.pem");
            File.WriteAllText(trust, File.ReadAllText(sandbox.CertificateAuthorityFile) + between.Pem);
            return options with { Cloud = cloud with { ImapPort = between.Port }, TrustCertificateFile = trust, Clock = sandbox.Clock };
        });
        await started.InitializeAsync();
        var under = new SentHubUnderTest(started, line!);
        var id = (await under.Hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Meadow", kind = "outlook", userName = Sender, fromFilter = Sender })).GetProperty("id").GetGuid();
        under.Server = new(id);
        await started.ConnectAsAsync($"/api/v1/outgoing-servers/{id}", Sender);
        return under;
    }

    public Mailbox Box(string address) => Sandbox.Mailboxes.Find(address)!;

    public async Task<OutboxMailId> PutAsync(string to = Receiver, string subject = "Hello")
    {
        var put = await Hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new("Notifications", EmailAddress.Parse(Sender)), To = [new(null, EmailAddress.Parse(to))], Subject = subject, Text = "Text" }, null, TestContext.Current.CancellationToken);
        Assert.Null(put.Problem);
        return put.Id!.Value;
    }

    /// <summary>The next message is taken, and the line breaks before the server can say so.</summary>
    /// <param name="lost">The server loses it, too.</param>
    public void CutAfterNext(bool lost = false)
    {
        var sent = Box(Sender).SentItems;
        sent.Changed += Cut;

        void Cut()
        {
            sent.Changed -= Cut;
            // Before the line: once it is cut the hub may look at any moment.
            if (lost)
            {
                sent.Remove(sent.Messages()[^1].Uid);
                var inbox = Box(Receiver).Inbox;
                inbox.Remove(inbox.Messages()[^1].Uid);
            }

            Line.Cut();
        }
    }

    public Task<OutboxMail> UntilAsync(OutboxMailId id, Func<OutboxMail, bool> holds) => Hub.MailUntilAsync(id, holds);

    public Task<OutboxMail> UntilAsync(OutboxMailId id, OutboxState state) => UntilAsync(id, mail => mail.State == state);

    public Task<IReadOnlyList<SentItemsLook>> LooksAsync(OutboxMailId id) => Hub.Service<HubDatabase>().ReadAsync(reader => Hub.Service<UnknownMailStore>().Looks(reader, id));

    public Task<UnknownMail?> UnknownAsync(OutboxMailId id) => Hub.Service<HubDatabase>().ReadAsync(reader => Hub.Service<UnknownMailStore>().Find(reader, id));

    public Task<JsonElement> AnswerAsync(OutboxMailId id) => Hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}");

    /// <summary>Message-IDs of a folder, oldest first.</summary>
    public static IReadOnlyList<string?> Ids(MailFolder folder) => [.. folder.Messages().Select(message => MimeMessage.Read(message.Bytes).MessageId)];

    public async ValueTask DisposeAsync()
    {
        await both.DisposeAsync();
        await Line.DisposeAsync();
    }
}

/// <summary>A TCP line to a port of this machine.</summary>
internal sealed class CutLine : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, byte> open = new();
    private readonly CancellationTokenSource end = new();
    private readonly Task accepting;

    public CutLine(int target)
    {
        listener.Start();
        accepting = AcceptAsync(target);
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Whoever connects finds the line dead.</summary>
    public bool Down { get; set; }

    /// <summary>Every connection is gone at once, with whatever was on its way.</summary>
    public void Cut()
    {
        foreach (var client in open.Keys) client.Client.Close(0);
    }

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        listener.Stop();
        Cut();
        await accepting;
        listener.Dispose();
        end.Dispose();
    }

    private async Task AcceptAsync(int target)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(end.Token);
                if (Down)
                {
                    client.Client.Close(0);
                    continue;
                }

                var server = new TcpClient();
                await server.ConnectAsync(IPAddress.Loopback, target, end.Token);
                open[client] = open[server] = 0;
                _ = CarryAsync(client, server);
                _ = CarryAsync(server, client);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task CarryAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream(), end.Token);
        }
        catch (Exception cut) when (cut is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
        }

        open.TryRemove(from, out _);
        from.Dispose();
        to.Dispose();
    }
}
