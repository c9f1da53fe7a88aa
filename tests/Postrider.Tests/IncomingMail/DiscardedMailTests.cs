using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail.Tests;
using Postrider.Storage;
using Postrider.Tests.IncomingServers;
using Postrider.Web;

namespace Postrider.Tests.IncomingMail;

public sealed class DiscardedMailTests : IAsyncLifetime
{
    private readonly ScriptedMailbox box = new();
    private readonly FakeClock clock = new();
    private readonly Viewer rita = new(Guid.NewGuid(), "Rita", "rita@hub.example", true, false);
    private ReaderUnderTest hub = null!;
    private Bodies bodies = null!;
    private DiscardedMail removal = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        hub = await ReaderUnderTest.StartAsync(clock);
        bodies = new Bodies(hub.Database, clock);
        removal = new DiscardedMail(hub.Database, bodies, hub.Store, new JournalWriter(clock, hub.Live), clock, NullLogger<DiscardedMail>.Instance);
        for (var uid = 1; uid <= 3; uid++) box.Mails[(uint)uid] = $"Subject: Secret {uid}\r\n\r\nnobody sent this {uid}\r\n";
    }

    public async ValueTask DisposeAsync()
    {
        removal.Dispose();
        await hub.DisposeAsync();
        await box.DisposeAsync();
    }

    [Fact]
    public async Task After_thirty_days_the_bytes_are_gone_the_place_stays_and_nothing_comes_in_again()
    {
        Assert.Null((await hub.ReadAsync(box.Endpoint, cancel: Cancel)).Failure);
        var ids = (await hub.QuarantinedAsync()).ToDictionary(mail => mail.Subject!, mail => mail.Id);
        var (kept, restored, waiting) = (ids["Secret 1"], ids["Secret 2"], ids["Secret 3"]);
        foreach (var id in new[] { kept, restored }) Assert.Null(await hub.Intake.DiscardAsync(id, rita, Cancel));
        var discarded = (await hub.Database.ReadAsync(r => hub.Store.FindQuarantined(r, kept)))!;
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromDays(30), discarded.KeptUntil);

        clock.Advance(TimeSpan.FromDays(30) - TimeSpan.FromSeconds(1));
        Assert.Equal(0, await removal.RemoveAsync(Cancel));
        Assert.Null(await hub.Intake.RestoreAsync(restored, rita, Cancel));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, await removal.RemoveAsync(Cancel));
        Assert.Equal(0, await removal.RemoveAsync(Cancel));

        // Of three originals two are left, and no list, page or button knows the third.
        Assert.Equal(["nobody sent this 2", "nobody sent this 3"], await WordsAsync());
        Assert.Equal(new[] { restored, waiting }.ToHashSet(), (await hub.QuarantinedAsync()).Select(mail => mail.Id).ToHashSet());
        Assert.Empty(await hub.Database.ReadAsync(r => hub.Store.Quarantined(r, true, null, 10)));
        Assert.Null(await hub.Database.ReadAsync(r => hub.Store.FindQuarantined(r, kept)));
        Assert.Equal("incoming-mail-not-waiting", (await hub.Intake.RestoreAsync(kept, rita, Cancel))?.Code);
        Assert.Equal(0, await hub.Database.ReadAsync(r => r.Scalar<long>("select count(*) from incoming_mail where subject = 'Secret 1'")));
        Assert.Equal(kept.Value, Assert.Single(await hub.Database.ReadAsync(r => r.Query<Guid>("select subject_id from journal_event where kind = 'incoming-mail-removed'"))));

        // Read again from the first UID, and under new numbers: it stays away.
        await hub.Database.WriteAsync(tx => tx.Execute("delete from mailbox_cursor"), Cancel);
        Assert.Null((await hub.ReadAsync(box.Endpoint, cancel: Cancel)).Failure);
        Assert.Equal(2, (await hub.QuarantinedAsync()).Count);
        box.UidValidity = 8;
        box.Mails.TryRemove(2, out _);
        box.Mails.TryRemove(3, out _);
        Assert.Null((await hub.ReadAsync(box.Endpoint, cancel: Cancel)).Failure);
        Assert.Equal(2, (await hub.QuarantinedAsync()).Count);
        Assert.Empty(await hub.SubjectsAsync());
    }

    [Fact]
    public async Task Page_and_API_say_until_when_it_can_be_taken_back()
    {
        await using var whole = await HubUnderTest.StartAsync();
        await whole.Service<Intake>().TakeAsync([new ArrivedMail(Guid.CreateVersion7(), "INBOX", 1, 1, null, Encoding.ASCII.GetBytes("Subject: nobody\r\n\r\nhello\r\n"))], _ => { }, Cancel);
        var waiting = (await whole.GetAsync<JsonElement>("/api/v1/quarantine")).GetProperty("messages")[0];
        Assert.Equal(JsonValueKind.Null, waiting.GetProperty("keptUntil").ValueKind);
        Assert.DoesNotContain("Kept until", (await whole.PageAsync("/quarantine")).QuerySelector("main")!.TextContent, StringComparison.Ordinal);

        var id = waiting.GetProperty("id").GetGuid();
        Assert.Equal(1, (await whole.PostAsync<JsonElement>("/api/v1/quarantine", new { @do = "discard", ids = new[] { id } })).GetProperty("done").GetInt32());
        var told = await whole.GetAsync<JsonElement>($"/api/v1/quarantine/{id}");
        var until = told.GetProperty("keptUntil").GetDateTimeOffset();
        Assert.Equal(told.GetProperty("discardedAt").GetDateTimeOffset().AddDays(30), until);
        foreach (var path in new[] { "/quarantine?state=discarded", $"/quarantine/{id}" })
        {
            var main = (await whole.PageAsync(path)).QuerySelector("main")!;
            Assert.Contains("Kept until", main.TextContent, StringComparison.Ordinal);
            Assert.Contains(main.QuerySelectorAll("time"), time => DateTimeOffset.TryParse(time.GetAttribute("datetime"), System.Globalization.CultureInfo.InvariantCulture, out var at) && (at - until).Duration() < TimeSpan.FromSeconds(1));
        }
        Assert.Contains("kept for 30 days", (await whole.PageAsync("/quarantine?state=discarded")).QuerySelector("main")!.TextContent, StringComparison.Ordinal);
    }

    /// <summary>Of every original that still has bytes.</summary>
    private async Task<IReadOnlyList<string>> WordsAsync()
    {
        var ids = await hub.Database.ReadAsync(r => r.Query<Guid>("select raw_body_id from incoming_mail order by uid"));
        List<string> words = [];
        foreach (var id in ids)
            if (Encoding.ASCII.GetString(await bodies.ReadAsync(id, Cancel)) is { Length: > 0 } text) words.Add(text.Split("\r\n\r\n")[1].Trim());
        return words;
    }
}
