using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Submission;

namespace Postrider.Tests.Submission;

/// <summary>A hub that takes mail by SMTP and has one outgoing server, for meadow.example, that rests: what is taken waits.</summary>
internal sealed class SubmissionUnderTest : IAsyncDisposable
{
    public const string Own = HubUnderTest.AdministratorEmail;

    private SubmissionUnderTest(HubUnderTest hub) => Hub = hub;

    public HubUnderTest Hub { get; }

    /// <summary>Of the administrator.</summary>
    public string Key { get; private set; } = "";

    public int Port => Hub.Service<SubmissionListener>().Clear!.Port;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<SubmissionUnderTest> StartAsync(Func<HubOptions, HubOptions>? change = null)
    {
        var hub = await HubUnderTest.StartAsync(options => (change?.Invoke(options) ?? options) with { Submission = new IPEndPoint(IPAddress.Loopback, 0) });
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "meadow.example, hub.example" });
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        var key = await hub.PostAsync<JsonElement>("/api/v1/api-keys", new { name = "shop" });
        return new(hub) { Key = key.GetProperty("key").GetString()! };
    }

    /// <summary>This machine sends without signing in, as "Scanner".</summary>
    public async Task TrustThisMachineAsync() => Assert.Null(await Hub.Service<SystemParameters>().SetAsync(KnownParameter.TrustedSubmitters, "127.0.0.1=Scanner", null));

    /// <summary>A connection that has said EHLO, and AUTH when there is somebody to be.</summary>
    public async Task<Line> ConnectAsync(string? user = null, string? password = null)
    {
        var line = await Line.OpenAsync(Port);
        await line.SayAsync("EHLO client.example");
        if (user is not null) Assert.StartsWith("235", await line.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{user}\0{password}"))), StringComparison.Ordinal);
        return line;
    }

    public Task<Line> SignInAsync() => ConnectAsync(Own, Key);

    /// <summary>The newest mail with its bytes.</summary>
    public async Task<(OutboxMail Mail, IReadOnlyList<OutboxRecipient> Recipients, string Text)> LastAsync()
    {
        var store = Hub.Service<OutboxStore>();
        var (mail, recipients) = await Hub.Service<HubDatabase>().ReadAsync(reader =>
        {
            var last = store.List(reader, null, null, null, 1)[0];
            return (last, store.Recipients(reader, last.Id));
        });
        return (mail, recipients, Encoding.Latin1.GetString(await Hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel)));
    }

    /// <summary>The newest mail, when it has come to rest.</summary>
    public async Task<OutboxMail> SettledAsync()
    {
        using var changes = Hub.Service<Postrider.Journal.LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail" })!;
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        late.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var (mail, _, _) = await LastAsync();
            if (mail.State.IsFinal()) return mail;
            try
            {
                await changes.Changes.ReadAsync(late.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"Nothing more was heard of the mail: {await Hub.Browser.GetStringAsync($"/api/v1/mails/{mail.Id.Value}", CancellationToken.None)}");
            }
        }
    }

    public Task<(long Mails, long Bodies)> StoredAsync() =>
        Hub.Service<HubDatabase>().ReadAsync(reader => (reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail"), reader.Scalar<long>("SELECT COUNT(*) FROM body")));

    public ValueTask DisposeAsync() => Hub.DisposeAsync();
}

/// <summary>A client that says exactly what it is told.</summary>
internal sealed class Line : IAsyncDisposable
{
    private readonly TcpClient client = new();
    private readonly StreamReader reader;

    private Line(int port)
    {
        client.Connect(IPAddress.Loopback, port);
        Stream = client.GetStream();
        reader = new StreamReader(Stream, Encoding.Latin1);
    }

    public NetworkStream Stream { get; }

    public static async Task<Line> OpenAsync(int port)
    {
        var line = new Line(port);
        await line.AnswerAsync();
        return line;
    }

    /// <returns>The last line of the answer.</returns>
    public async Task<string> SayAsync(string command)
    {
        await WriteAsync(command + "\r\n");
        return await AnswerAsync();
    }

    public async Task WriteAsync(string text) => await Stream.WriteAsync(Encoding.Latin1.GetBytes(text), SubmissionUnderTest.Cancel);

    /// <returns>The last line of the answer; empty when the server has hung up.</returns>
    public async Task<string> AnswerAsync()
    {
        while (await reader.ReadLineAsync(SubmissionUnderTest.Cancel) is { } line)
            if (line.Length < 4 || line[3] != '-') return line;
        return "";
    }

    /// <summary>A whole message; the answer to its end, or to whatever was refused before.</summary>
    public async Task<string> SendAsync(string message, string from = HubUnderTest.AdministratorEmail, string mailParameters = "", params string[] to)
    {
        var answer = await SayAsync($"MAIL FROM:<{from}>{mailParameters}");
        foreach (var recipient in to.Length == 0 ? ["ben@example.org"] : to)
            if (answer.StartsWith("250", StringComparison.Ordinal)) answer = await SayAsync(recipient.StartsWith('<') ? $"RCPT TO:{recipient}" : $"RCPT TO:<{recipient}>");
        if (answer.StartsWith("250", StringComparison.Ordinal)) answer = await SayAsync("DATA");
        return answer.StartsWith("354", StringComparison.Ordinal) ? await SayAsync(message + "\r\n.") : answer;
    }

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        reader.Dispose();
        return ValueTask.CompletedTask;
    }
}
