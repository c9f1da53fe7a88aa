using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Postrider.Apps;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.OutlookCredentials;
using Postrider.Storage;
using Postrider.Tests.OutgoingMail;
using Postrider.Web;

namespace Postrider.Tests.Journal;

/// <summary>What ends on a day known beforehand is told of in time, once each, and taken back when it was replaced.</summary>
public sealed class EndingTests
{
    private const string ClientId = "11112222-3333-4444-5555-666677778888";

    private static readonly DateTimeOffset End = new(2027, 6, 1, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(60.1, null, null)]
    [InlineData(60, null, 60)]
    [InlineData(59, 60, null)]
    [InlineData(30, 60, 30)]
    [InlineData(7.5, 30, null)]
    [InlineData(7, 30, 7)]
    [InlineData(1, 7, 1)]
    [InlineData(0.5, 1, null)]
    // It stood still over three of them, or was only entered then: one mail, not four.
    [InlineData(6, null, 7)]
    [InlineData(0.5, 60, 1)]
    [InlineData(0, 7, null)]
    [InlineData(-3, null, null)]
    public void The_last_notice_whose_day_has_come_is_due(double daysBefore, int? told, int? due) =>
        Assert.Equal(due, EndingRules.Due(End, told is { } days ? new EndNotice("x", "X", End, days, End) : null, End.AddDays(-daysBefore)));

    [Fact]
    public void A_notice_says_what_stops_when_and_what_to_do()
    {
        var ending = new Ending("x", "The client secret", End, false, new("outlook-secret-ends-soon", "The client secret ends on 1 June 2027.", "Mail waits then.", "Make a new one.", "administrator", false), new("General Settings", "/settings"));
        var first = EndingWords.NoticeOf(ending, End.AddDays(-29.5));
        Assert.Equal("Mail stops in 30 days: The client secret ends on 1 June 2027.", first.Subject);
        Assert.Contains("Mail waits then.\n\nMake a new one.", first.Text, StringComparison.Ordinal);
        Assert.Contains("told again", first.Text, StringComparison.Ordinal);
        var last = EndingWords.NoticeOf(ending, End.AddHours(-20));
        Assert.StartsWith("Mail stops in a day:", last.Subject, StringComparison.Ordinal);
        Assert.Contains("last notice", last.Text, StringComparison.Ordinal);
        Assert.Equal(("Ends in 30 days", "Ends today", "Has ended"), (EndingWords.InDays(ending, End.AddDays(-29.5)), EndingWords.InDays(ending, End.AddHours(3)), EndingWords.InDays(ending with { Over = true }, End.AddHours(3))));
    }

    [Fact]
    public async Task Administrators_get_a_mail_60_30_7_and_1_days_before_a_certificate_ends_and_no_restart_repeats_one()
    {
        var clock = new FakeClock();
        await using var smtp = new ScriptedSmtp();
        await using var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        await MakeWorkingServerAsync(hub, smtp);
        var end = clock.GetUtcNow().AddDays(61);
        var server = await SaveCertificateAsync(hub, default, end);
        await TellAsync(hub);
        Assert.Empty(await NoticesAsync(hub));

        var expected = new List<string>();
        foreach (var (before, subject) in new[] { (60, "Mail stops in 60 days:"), (45, null), (30, "Mail stops in 30 days:"), (7, "Mail stops in 7 days:"), (1, "Mail stops in a day:"), (-1, null) })
        {
            using (var changes = hub.Service<LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail" })!)
            {
                // By the hub's own round, which is every ten minutes.
                clock.Advance(end.AddDays(-before).AddMinutes(10) - clock.GetUtcNow());
                if (subject is not null) expected.Add(subject);
                while ((await NoticesAsync(hub)).Count < expected.Count) await changes.Changes.ReadAsync(Cancel);
            }

            await hub.RestartAsync();
            await TellAsync(hub);
            await TellAsync(hub);
            Assert.Equal(expected, (await NoticesAsync(hub)).Select(mail => mail.Subject[..(mail.Subject.IndexOf(':', StringComparison.Ordinal) + 1)]));
        }

        Assert.All(await NoticesAsync(hub), mail => Assert.Equal(("Works", HubUnderTest.AdministratorEmail), (mail.ServerName, mail.Recipients)));
        Assert.Equal(4, await CountAsync(hub, "SELECT COUNT(*) FROM journal_event WHERE kind = 'end-announced'"));

        // Another certificate: what was said is taken back, once.
        await SaveCertificateAsync(hub, server, end.AddYears(1));
        await TellAsync(hub);
        await TellAsync(hub);
        var mails = await NoticesAsync(hub);
        Assert.Equal(5, mails.Count);
        Assert.StartsWith("Over: The client certificate of “Relay”", mails[^1].Subject, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(hub, "SELECT COUNT(*) FROM end_notice"));
    }

    [Fact]
    public async Task What_ends_soon_stands_with_the_incidents_until_it_is_replaced()
    {
        var clock = new FakeClock();
        await using var smtp = new ScriptedSmtp();
        await using var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        await MakeWorkingServerAsync(hub, smtp);
        await hub.Service<InstalledApps>().InstallAsync(InstalledApps.MicrosoftOutlook, null);
        var secrets = hub.Service<OutlookCredentialStore>();
        Assert.Null(await secrets.SaveAsync(ClientId, "abC8Q~notARealSecret.value", "2026-12-12", null, Cancel));
        var server = await SaveCertificateAsync(hub, default, clock.GetUtcNow().AddDays(5));
        await TellAsync(hub);

        var page = await hub.PageAsync("/incidents");
        Assert.Equal([$"server-certificate:{server.Value:D}", $"outlook-secret:{ClientId}"], page.QuerySelectorAll("[data-ending]").Select(card => card.GetAttribute("data-ending")));
        var card = page.QuerySelector($"[data-ending='outlook-secret:{ClientId}']")!;
        Assert.Contains("Ends in 20 days", card.TextContent, StringComparison.Ordinal);
        Assert.Contains("The administrators were written to", card.TextContent, StringComparison.Ordinal);
        Assert.NotNull(card.QuerySelector("a[href='/settings#outlook-credentials']"));
        Assert.NotNull((await hub.PageAsync("/users")).QuerySelector(".pr-banner[data-problem=outlook-secret-ends-soon]"));
        Assert.NotNull((await hub.PageAsync("/users")).QuerySelector(".pr-banner[data-problem=certificate-ends-soon]"));
        Assert.Equal([7, 30], (await EndingsAsync(hub.Browser)).Select(ending => ending.GetProperty("toldDays").GetInt32()));
        using var user = await hub.OpenBrowserOfUserAsync();
        Assert.Empty(await EndingsAsync(user));
        Assert.Empty((await hub.PageAsync("/incidents", user)).QuerySelectorAll("[data-ending]"));

        Assert.Null(await secrets.SaveAsync(ClientId, "abC8Q~anotherSecret.value", "2027-06-12", null, Cancel));
        await SaveCertificateAsync(hub, server, clock.GetUtcNow().AddYears(1));
        Assert.Empty((await hub.PageAsync("/incidents")).QuerySelectorAll("[data-ending]"));
        Assert.Null((await hub.PageAsync("/users")).QuerySelector(".pr-banner"));
        await TellAsync(hub);
        Assert.Equal(["Over: The client certificate of “Relay” (it ends on 27 November 2026)", "Over: The client secret (it ends on 12 December 2026)"], (await NoticesAsync(hub)).Select(mail => mail.Subject).Where(subject => subject.StartsWith("Over:", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_notice_that_no_server_can_carry_is_written_when_one_can()
    {
        var clock = new FakeClock();
        await using var smtp = new ScriptedSmtp();
        await using var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        await SaveCertificateAsync(hub, default, clock.GetUtcNow().AddDays(20), held: true);
        await TellAsync(hub);
        Assert.Equal((0, 0), (await CountAsync(hub, "SELECT COUNT(*) FROM end_notice"), await CountAsync(hub, "SELECT COUNT(*) FROM outbox_mail")));
        Assert.Contains("have not been written to yet", (await hub.PageAsync("/incidents")).QuerySelector("[data-ending]")!.TextContent, StringComparison.Ordinal);
        await MakeWorkingServerAsync(hub, smtp);
        await TellAsync(hub);
        Assert.StartsWith("Mail stops in 20 days:", Assert.Single(await NoticesAsync(hub)).Subject, StringComparison.Ordinal);
    }

    private static async Task MakeWorkingServerAsync(HubUnderTest hub, ScriptedSmtp smtp) =>
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Works", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "post@works.example" });

    /// <summary>A server whose certificate ends then; the certificate itself is never used.</summary>
    private static async Task<OutgoingServerId> SaveCertificateAsync(HubUnderTest hub, OutgoingServerId id, DateTimeOffset end, bool held = false)
    {
        var servers = hub.Service<OutgoingServerStore>();
        var server = await servers.FindAsync(id, Cancel) ?? new OutgoingServer { Name = "Relay", Kind = ServerKind.Smtp, Host = "relay.example", Port = 587, Security = WireSecurity.StartTls, FromFilter = "relay.example", Sequence = 10, Active = true, MaxConnections = 5 };
        var (saved, problem) = await servers.SaveAsync(server with { Certificate = new("CN=relay", end) }, null, [1, 2, 3], null, Cancel);
        Assert.Null(problem);
        if (held) await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET held_at = @now", new { now = tx.Now }));
        return saved;
    }

    private static Task TellAsync(HubUnderTest hub) => hub.Services.GetServices<IHostedService>().OfType<EndingNotices>().Single().TellAsync(Cancel);

    private static async Task<List<JsonElement>> EndingsAsync(HttpClient browser) => [.. (await browser.GetFromJsonAsync<JsonElement>("/api/v1/incidents", Cancel)).GetProperty("endings").EnumerateArray()];

    /// <summary>Oldest first.</summary>
    private static async Task<List<OutboxMail>> NoticesAsync(HubUnderTest hub) => [.. (await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().List(reader, null, null, null, 50))).Reverse()];

    private static Task<long> CountAsync(HubUnderTest hub, string sql) => hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>(sql));
}
