using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.Storage;

namespace Postrider.Tests.Conversations;

public class SearchTests
{
    [Fact]
    public async Task Words_are_found_in_subject_text_people_and_names_of_files()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var cake = await Mails.TakeAsync(hub, "From: Ann Łuczak <ann@example.org>\r\nTo: sales@hub.example\r\nSubject: Käsekuchen\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDrei, bitte.\r\n--b\r\nContent-Type: application/pdf; name=preisliste.pdf\r\nContent-Disposition: attachment; filename=preisliste.pdf\r\n\r\n%PDF-\r\n--b--\r\n");
        var other = await Mails.TakeAsync(hub, "From: Ben <ben@example.net>\r\nTo: info@hub.example\r\nSubject: Order\r\n\r\nThree loaves of bread, please.\r\n");

        Assert.Equal([cake], await FindAsync(hub, "kasek"));
        Assert.Equal([cake], await FindAsync(hub, "DREI"));
        Assert.Equal([cake], await FindAsync(hub, "from:ann"));
        Assert.Equal([cake], await FindAsync(hub, "to:sales@hub.example"));
        Assert.Equal([cake], await FindAsync(hub, "preisliste"));
        Assert.Equal([cake], await FindAsync(hub, "has:attachment"));
        Assert.Equal([other], await FindAsync(hub, "\"loaves of\""));
        Assert.Empty(await FindAsync(hub, "\"of loaves\""));
        Assert.Empty(await FindAsync(hub, "from:ann loaves"));
        Assert.Equal([other, cake], await FindAsync(hub, "example"));
        await hub.Browser.PostAsync($"/api/v1/conversations/{other}/close", null);
        Assert.Equal([other], await FindAsync(hub, "example is:closed"));
        Assert.Equal([cake], await FindAsync(hub, "example is:open"));
    }

    [Fact]
    public async Task The_page_shows_the_place_with_the_words_marked_and_everything_escaped()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await Mails.TakeAsync(hub, "From: ann@example.org\r\nSubject: Hello\r\n\r\nbefore <script>alert(1)</script> <img src=x onerror=alert(1)> after\r\n");

        using var answer = await hub.Browser.GetAsync("/conversations?q=alert");
        var html = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        var page = await HubUnderTest.ReadPageAsync(answer);
        Assert.Equal(["alert", "alert"], page.QuerySelectorAll(".cv-snippet mark").Select(mark => mark.TextContent));
        Assert.Contains("before <script>alert(1)</script> <img src=x onerror=alert(1)> after", page.QuerySelector(".cv-snippet")!.TextContent, StringComparison.Ordinal);
        Assert.Empty(page.QuerySelectorAll(".cv-snippet img, .cv-snippet script"));
    }

    /// <summary>WEB-12.</summary>
    [Theory]
    [InlineData("\"")]
    [InlineData("*")]
    [InlineData("NEAR(")]
    [InlineData("'--")]
    [InlineData("a AND OR NOT (b")]
    [InlineData("subject : {x}")]
    [InlineData("from:\"")]
    [InlineData("\0\u0001\ud800")]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("' || (select password_hash from person) || '")]
    public async Task No_line_breaks_out_of_the_search(string line)
    {
        await using var hub = await HubUnderTest.StartAsync();
        await Mails.TakeAsync(hub, "From: ann@example.org\r\nSubject: Order\r\n\r\nhello\r\n");
        foreach (var path in new[] { "/conversations?q=", "/api/v1/conversations/search?q=" })
        {
            foreach (var q in new[] { line, line + new string('x', 10_000), string.Concat(Enumerable.Repeat(line + " ", 10_000 / (line.Length + 1))) })
            {
                using var answer = await hub.Browser.GetAsync(path + Uri.EscapeDataString(q.Replace("\ud800", "", StringComparison.Ordinal)));
                Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.RequestUriTooLong or HttpStatusCode.BadRequest, $"{(int)answer.StatusCode} for {q[..Math.Min(40, q.Length)]}");
                Assert.DoesNotContain("<script>alert", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }
        Assert.Single(await FindAsync(hub, "hello"));
    }

    [Fact]
    public async Task The_index_goes_with_what_it_is_about()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, "From: ann@example.org\r\nSubject: Secret\r\n\r\nhello\r\n");
        await hub.Browser.PostAsync($"/api/v1/conversations/{id}/notes", System.Net.Http.Json.JsonContent.Create(new { text = "noted thing" }));
        Assert.Equal([id], await FindAsync(hub, "noted"));
        await hub.Service<HubDatabase>().WriteAsync(tx => { tx.Execute("update incoming_mail set message_id = null, conversation_id = null"); tx.Execute("delete from conversation where id = @id", new { id }); });

        Assert.Empty(await FindAsync(hub, "secret"));
        Assert.Equal((0L, 0L), await hub.Service<HubDatabase>().ReadAsync(r => (r.Scalar<long>("select count(*) from search_entry"), r.Dialect == Dialect.Postgres ? 0 : r.Scalar<long>("select count(*) from search_text where search_text match 'secret OR noted'"))));
    }

    [Fact]
    public async Task A_write_that_fails_leaves_nothing_to_find()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var store = hub.Service<ConversationStore>();
        await Assert.ThrowsAsync<InvalidOperationException>(() => hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            store.Add(tx, store.Start(tx, "Half"), Mails.Message("Half", "unfinished words"));
            throw new InvalidOperationException("afterwards");
        }));
        Assert.Empty(await FindAsync(hub, "unfinished"));
    }

    [Fact]
    public async Task Pages_go_on_where_the_last_one_ended()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var store = hub.Service<ConversationStore>();
        await hub.Service<HubDatabase>().WriteAsync(tx => { for (var i = 0; i < 25; i++) store.Add(tx, store.Start(tx, $"Order {i}"), Mails.Message($"Order {i}", "bread")); });

        List<string> subjects = [];
        long? before = null;
        do
        {
            var page = await hub.GetAsync<JsonElement>($"/api/v1/conversations/search?q=bread&limit=10{(before is null ? "" : $"&before={before}")}");
            subjects.AddRange(page.GetProperty("found").EnumerateArray().Select(f => f.GetProperty("conversation").GetProperty("subject").GetString()!));
            before = page.GetProperty("next").ValueKind == JsonValueKind.Null ? null : page.GetProperty("next").GetInt64();
        }
        while (before is not null);
        Assert.Equal(Enumerable.Range(0, 25).Reverse().Select(i => $"Order {i}"), subjects);
    }

    [Fact]
    public async Task What_was_there_before_the_index_is_found_too()
    {
        Assert.SkipWhen(TestDatabase.IsPostgres, "No database on PostgreSQL is older than the index.");
        using var folder = new TemporaryFolder();
        var store = new ConversationStore(TimeProvider.System);
        ConversationId id = default;
        await using (var before = HubDatabase.Open(folder.Path, null, TimeProvider.System, NullLogger<HubDatabase>.Instance))
        {
            await before.WriteAsync(tx =>
            {
                id = store.Start(tx, "Käsekuchen");
                store.Add(tx, id, Mails.Message("Käsekuchen", "drei Stück, bitte") with { Attachments = [new NewThreadAttachment(new(Ids.New(TimeProvider.System)), 0, "plan.pdf", "application/pdf", 1, null, null)] });
                // As the database was before migration 0070.
                tx.Execute("drop trigger search_entry_deleted");
                tx.Execute("drop trigger thread_message_unsearchable");
                tx.Execute("drop table search_text");
                tx.Execute("drop table search_entry");
                tx.Execute("delete from schema_migration where number = 70");
            });
        }

        await using var after = HubDatabase.Open(folder.Path, null, TimeProvider.System, NullLogger<HubDatabase>.Instance);
        foreach (var line in new[] { "kasekuchen", "stuck from:ann", "\"drei stück\"", "to:sales@hub.example", "plan has:attachment" })
            Assert.Equal([id], (await after.ReadAsync(r => store.Search(r, Guid.Empty, SearchQuery.Parse(line), null, 10))).Lines.Select(l => l.Line.Conversation.Id));
    }

    private static async Task<IReadOnlyList<Guid>> FindAsync(HubUnderTest hub, string q) =>
        [.. (await hub.GetAsync<JsonElement>("/api/v1/conversations/search?q=" + Uri.EscapeDataString(q))).GetProperty("found").EnumerateArray().Select(f => f.GetProperty("conversation").GetProperty("id").GetGuid())];
}
