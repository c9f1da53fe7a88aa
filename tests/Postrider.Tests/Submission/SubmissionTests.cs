using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Submission;
using Postrider.Users;

namespace Postrider.Tests.Submission;

public sealed class SubmissionTests
{
    private const string Message = "From: Ada <admin@hub.example>\r\nTo: Ben <ben@example.org>\r\nBcc: hidden@example.org\r\nSubject: Hello\r\n\r\nText\r\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_is_queued_under_the_id_in_the_answer_and_its_bytes_are_the_programs()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        var answer = await line.SendAsync(Message + "..dots\r\n\r\nlast", to: ["ben@example.org", "hidden@example.org"]);
        var (mail, recipients, text) = await hub.LastAsync();
        Assert.Equal($"250 2.6.0 Queued as {mail.Id.Value:D}", answer);
        Assert.EndsWith("From: Ada <admin@hub.example>\r\nTo: Ben <ben@example.org>\r\nSubject: Hello\r\n\r\nText\r\n.dots\r\n\r\nlast\r\n", text, StringComparison.Ordinal);
        Assert.StartsWith("Received: from client.example ([127.0.0.1]) by localhost with ESMTPA id", text, StringComparison.Ordinal);
        Assert.Contains($"\r\nX-Postrider-Id: {mail.Id.Value:D}\r\nMessage-ID: <{mail.MessageId}>\r\nDate: ", text, StringComparison.Ordinal);
        Assert.Equal([("to", "Ben", "ben@example.org"), ("bcc", null, "hidden@example.org")], recipients.Select(recipient => (recipient.Role, recipient.Name, recipient.Address)));
        Assert.Equal(text.Length, mail.Size);
        Assert.StartsWith("Ada Admin handed it in by SMTP from 127.0.0.1.", mail.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_signs_in_wrongly_or_not_at_all_hands_in_nothing()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.ConnectAsync();
        Assert.StartsWith("530 5.7.", await line.SendAsync(Message), StringComparison.Ordinal);
        foreach (var (user, password) in ((string, string)[])[(SubmissionUnderTest.Own, HubUnderTest.Password), (SubmissionUnderTest.Own, hub.Key + "x"), ("uma@hub.example", hub.Key)])
            Assert.StartsWith("535 5.7.8", await line.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{user}\0{password}"))), StringComparison.Ordinal);
        Assert.Equal((0, 0), await hub.StoredAsync());

        // The key's name will do as well as the person's address.
        await using var good = await hub.ConnectAsync("Shop", hub.Key);
        Assert.StartsWith("250", await good.SendAsync(Message), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guesses_count_with_those_at_the_sign_in_page()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        var limit = hub.Hub.Service<SignInLimit>();
        for (var i = 0; i < SignInLimit.TriesOfAnAccount; i++) limit.Refused(SubmissionUnderTest.Own, "192.0.2.1");
        await using var line = await hub.ConnectAsync();
        Assert.StartsWith("454 4.7.0", await line.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{SubmissionUnderTest.Own}\0{hub.Key}"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_sends_as_itself_alone()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        using var uma = await hub.Hub.OpenBrowserOfUserAsync();
        using var made = await uma.PostAsJsonAsync("/api/v1/api-keys", new { name = "till" }, Cancel);
        var key = (await made.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("key").GetString();
        await using var line = await hub.ConnectAsync("uma@hub.example", key);
        Assert.StartsWith("550 5.7.1", await line.SendAsync(Message), StringComparison.Ordinal);
        Assert.StartsWith("550 5.7.1", await line.SendAsync(Message, from: "uma@hub.example"), StringComparison.Ordinal);
        Assert.StartsWith("550 5.7.1", await line.SendAsync("Sender: admin@hub.example\r\nFrom: uma@hub.example\r\n\r\nx", from: "uma@hub.example"), StringComparison.Ordinal);
        Assert.StartsWith("250 2.6.0", await line.SendAsync("From: Uma <UMA@hub.example>\r\n\r\nx", from: "uma@hub.example"), StringComparison.Ordinal);
        var (mail, _, _) = await hub.LastAsync();
        using var own = await uma.GetAsync($"/api/v1/mails/{mail.Id.Value:D}", Cancel);
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    [Fact]
    public async Task A_trusted_network_needs_no_key_and_is_known_by_its_name()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await hub.TrustThisMachineAsync();
        await using var line = await hub.ConnectAsync();
        Assert.StartsWith("250 2.6.0", await line.SendAsync("From: scanner@meadow.example\r\n\r\nx", from: "scanner@meadow.example"), StringComparison.Ordinal);
        var (mail, _, _) = await hub.LastAsync();
        Assert.Null(mail.Creator);
        Assert.StartsWith("Scanner handed it in by SMTP from 127.0.0.1.", mail.Why, StringComparison.Ordinal);

        Assert.Null(await hub.Hub.Service<SystemParameters>().DeleteAsync(KnownParameter.TrustedSubmitters, null, Cancel));
        Assert.StartsWith("530", await line.SendAsync(Message), StringComparison.Ordinal);
    }

    [Fact]
    public async Task From_is_replaced_as_for_mail_of_the_hub_and_the_envelope_follows_the_server()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await hub.Hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallDomain, "meadow.example", null, Cancel);
        await hub.Hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultFrom, "notifications", null, Cancel);
        await using var line = await hub.SignInAsync();
        Assert.StartsWith("250", await line.SendAsync("Subject: x\r\nFrom: Erp <erp@elsewhere.example>\r\n\r\nx", from: "erp@elsewhere.example"), StringComparison.Ordinal);
        var (mail, _, text) = await hub.LastAsync();
        Assert.EndsWith("Reply-To: Erp <erp@elsewhere.example>\r\nSubject: x\r\nFrom: Erp <notifications@meadow.example>\r\n\r\nx\r\n", text, StringComparison.Ordinal);
        Assert.Equal("notifications@meadow.example", mail.EnvelopeFrom);

        // What the program says in MAIL stays where the server's filter admits it.
        Assert.StartsWith("250", await line.SendAsync(Message, from: "bounces+17@meadow.example"), StringComparison.Ordinal);
        Assert.Equal("bounces+17@meadow.example", (await hub.LastAsync()).Mail.EnvelopeFrom);
    }

    [Fact]
    public async Task One_key_is_one_mail_and_another_message_under_it_is_refused()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(async n =>
        {
            await using var line = await hub.SignInAsync();
            return await line.SendAsync($"X-Postrider-Idempotency-Key: one\r\nDate: {n}\r\n" + Message);
        }));
        Assert.StartsWith("250 2.6.0 Queued as", Assert.Single(answers.Distinct()), StringComparison.Ordinal);
        await using var other = await hub.SignInAsync();
        Assert.Contains("mail-idempotency-key-reused", await other.SendAsync("X-Postrider-Idempotency-Key: one\r\n" + Message + "other"), StringComparison.Ordinal);
        Assert.Equal((1, 1), await hub.StoredAsync());
        Assert.DoesNotContain("Idempotency", (await hub.LastAsync()).Text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_large_message_under_one_key_is_stored_once()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        var message = "X-Postrider-Idempotency-Key: one\r\n" + Message + Lines(2_000_000);
        var first = await line.SendAsync(message);
        Assert.Equal(first, await line.SendAsync(message));
        Assert.Contains("mail-idempotency-key-reused", await line.SendAsync(message + "other"), StringComparison.Ordinal);
        Assert.Equal((1, 1), await hub.StoredAsync());
        Assert.EndsWith(Message[Message.IndexOf("Subject", StringComparison.Ordinal)..] + Lines(2_000_000) + "\r\n", (await hub.LastAsync()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_stops_taking_before_DATA_at_both_doors_and_ends_without_a_restart()
    {
        var free = 255L * 1024 * 1024;
        await using var hub = await SubmissionUnderTest.StartAsync(options => options with { FreeBytes = () => free });
        await using var line = await hub.SignInAsync();
        Assert.StartsWith("452 4.3.1", await line.SayAsync("MAIL FROM:<admin@hub.example>"), StringComparison.Ordinal);
        using var refused = await hub.Hub.Browser.PostAsJsonAsync("/api/v1/mails", new { to = (string[])["ben@example.org"], subject = "x", text = "x" }, Cancel);
        Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
        Assert.Equal((0, 0), await hub.StoredAsync());

        free = 256L * 1024 * 1024;
        Assert.StartsWith("250 2.6.0", await line.SendAsync(Message), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_can_grow_no_more_stores_nothing_by_half()
    {
        Assert.SkipWhen(TestDatabase.IsPostgres, "It is SQLite that is told to stand in the way.");
        await using var hub = await SubmissionUnderTest.StartAsync();
        var database = hub.Hub.Service<HubDatabase>();
        await using var line = await hub.SignInAsync();
        var pages = await database.WriteAsync(tx => tx.Scalar<long>("PRAGMA page_count"));
        await database.WriteAsync(tx => tx.Scalar<long>(string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count = {pages + 20}")));
        Assert.StartsWith("452 4.3.1", await line.SendAsync(Message + Lines(500_000)), StringComparison.Ordinal);
        Assert.StartsWith("452 4.3.1", await line.SendAsync(Message + Lines(3_000_000)), StringComparison.Ordinal);
        Assert.Equal((0, 0), await hub.StoredAsync());

        await database.WriteAsync(tx => tx.Scalar<long>("PRAGMA max_page_count = 1073741823"));
        Assert.StartsWith("250 2.6.0", await line.SendAsync(Message + Lines(3_000_000)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(3_000_000)]
    public async Task A_line_that_breaks_within_a_message_leaves_nothing(int bytes)
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using (var line = await hub.SignInAsync())
        {
            await line.SayAsync("MAIL FROM:<admin@hub.example>");
            await line.SayAsync("RCPT TO:<ben@example.org>");
            await line.SayAsync("DATA");
            await line.WriteAsync(Message + Lines(bytes));
        }

        // The end of the hub waits for its sessions.
        await hub.Hub.RestartAsync();
        Assert.Equal((0, 0), await hub.StoredAsync());
    }

    [Theory]
    [InlineData("\n.\n")]
    [InlineData("\r\n.\n")]
    [InlineData("\n.\r\n")]
    [InlineData("\r.\r")]
    [InlineData("\r\n.\r")]
    [InlineData("\r\n\0.\r\n")]
    public async Task What_looks_like_the_end_of_a_message_is_not_and_nothing_behind_it_is_a_command(string end)
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        Assert.StartsWith("550 5.6.", await line.SendAsync(Message + end + "MAIL FROM:<admin@hub.example>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nFrom: admin@hub.example\r\n\r\nsmuggled"), StringComparison.Ordinal);
        Assert.StartsWith("250", await line.SayAsync("NOOP"), StringComparison.Ordinal);
        Assert.Equal((0, 0), await hub.StoredAsync());
    }

    [Fact]
    public async Task A_pipelined_envelope_is_answered_command_by_command()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        await line.WriteAsync("MAIL FROM:<admin@hub.example>\r\nRCPT TO:<ben@example.org>\r\nRCPT TO:<not an address>\r\nDATA\r\n");
        string[] codes = [await line.AnswerAsync(), await line.AnswerAsync(), await line.AnswerAsync(), await line.AnswerAsync(), await line.SayAsync(Message + ".")];
        Assert.Equal(["250", "250", "501", "354", "250"], codes.Select(answer => answer[..3]));
        Assert.Equal("ben@example.org", Assert.Single((await hub.LastAsync()).Recipients).Address);
    }

    [Fact]
    public async Task Size_and_number_of_recipients_are_known_at_the_door()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await hub.Hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxMessageMegabytes, "1", null, Cancel);
        await using var line = await hub.SignInAsync();
        Assert.StartsWith("552 5.3.4", await line.SayAsync("MAIL FROM:<admin@hub.example> SIZE=1048577"), StringComparison.Ordinal);
        Assert.StartsWith("552 5.3.4", await line.SendAsync(Message + Lines(1_100_000)), StringComparison.Ordinal);
        await line.SayAsync("MAIL FROM:<admin@hub.example> SIZE=1048576");
        for (var i = 0; i < 500; i++) Assert.StartsWith("250", await line.SayAsync($"RCPT TO:<r{i}@example.org>"), StringComparison.Ordinal);
        Assert.StartsWith("452 4.5.3", await line.SayAsync("RCPT TO:<one.more@example.org>"), StringComparison.Ordinal);
        await line.SayAsync("DATA");
        Assert.StartsWith("250 2.6.0", await line.SayAsync(Message + "."), StringComparison.Ordinal);
        Assert.Equal(500, (await hub.LastAsync()).Recipients.Count);
        Assert.Equal((1, 1), await hub.StoredAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_500_000)]
    public async Task Lines_that_no_server_takes_are_encoded_and_mean_the_same(int more)
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        var text = new string('x', 5000) + "\r\n" + Lines(more);
        Assert.StartsWith("250 2.6.0", await line.SendAsync(Message.Replace("\r\n\r\nText\r\n", "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n", StringComparison.Ordinal) + text), StringComparison.Ordinal);
        var (mail, _, stored) = await hub.LastAsync();
        Assert.DoesNotContain(stored.Split("\r\n"), l => l.Length > 998);
        Assert.Equal(mail.Size, stored.Length);
        Assert.Equal(text.Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n'), MimeMessage.Read(Encoding.Latin1.GetBytes(stored)).TextBody!.Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n'));
        Assert.Equal((1, 1), await hub.StoredAsync());
    }

    [Fact]
    public async Task What_is_signed_and_has_such_lines_is_refused_rather_than_changed()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        var signed = "From: admin@hub.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n\r\n" + new string('x', 5000) + "\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";
        Assert.StartsWith("554 5.6.3", await line.SendAsync(signed), StringComparison.Ordinal);
        Assert.StartsWith("554 5.6.3", await line.SendAsync(signed + Lines(1_500_000)), StringComparison.Ordinal);
        Assert.Equal((0, 0), await hub.StoredAsync());
    }

    [Fact]
    public async Task A_binary_message_in_chunks_is_encoded_and_one_that_is_not_ended_leaves_nothing()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        var content = "\0\n\r\u00FF" + new string('x', 2000);
        var message = "From: admin@hub.example\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + content;
        await line.SayAsync("MAIL FROM:<admin@hub.example> BODY=BINARYMIME");
        await line.SayAsync("RCPT TO:<ben@example.org>");
        Assert.StartsWith("250", await line.SayAsync($"BDAT {message.Length + 2}\r\n{message}"), StringComparison.Ordinal);
        Assert.StartsWith("250", await line.SayAsync("RSET"), StringComparison.Ordinal);
        Assert.Equal((0, 0), await hub.StoredAsync());

        await line.SayAsync("MAIL FROM:<admin@hub.example> BODY=BINARYMIME");
        await line.SayAsync("RCPT TO:<ben@example.org>");
        await line.WriteAsync($"BDAT {message.Length} LAST\r\n{message}");
        Assert.StartsWith("250 2.6.0", await line.AnswerAsync(), StringComparison.Ordinal);
        var (_, _, text) = await hub.LastAsync();
        Assert.DoesNotContain(text, c => c > 127 || c == 0);
        Assert.Equal(content, Encoding.Latin1.GetString(MimeMessage.Read(Encoding.Latin1.GetBytes(text)).Root.DecodeBytes()));
    }

    [Fact]
    public async Task A_large_message_passes_through_little_memory()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await hub.Hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxMessageMegabytes, "150", null, Cancel);
        await using var line = await hub.SignInAsync();
        await line.SayAsync("MAIL FROM:<admin@hub.example>");
        await line.SayAsync("RCPT TO:<ben@example.org>");
        await line.SayAsync("DATA");
        await line.WriteAsync(Message);
        var piece = Encoding.ASCII.GetBytes(Lines(1 << 20));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        for (var i = 0; i < 100; i++)
        {
            await line.Stream.WriteAsync(piece, Cancel);
            if (i % 10 == 9) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
        }

        Assert.StartsWith("250 2.6.0", await line.SayAsync("."), StringComparison.Ordinal);
        Assert.InRange((await hub.Hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT size FROM outbox_mail"))), 100L * piece.Length, (100L * piece.Length) + 2000);
        // Two buffers of the beginning, a few chunks, and what the test itself holds.
        Assert.True(most < 16 << 20, $"{most:N0} bytes");
    }

    [Fact]
    public async Task The_page_and_the_API_show_where_it_is_and_what_was_taken_and_refused()
    {
        await using var hub = await SubmissionUnderTest.StartAsync();
        await using var line = await hub.SignInAsync();
        await line.SendAsync(Message);
        await line.SendAsync("Subject: no sender\r\n\r\nx");
        await line.SayAsync("NONSENSE");

        var numbers = await hub.Hub.GetAsync<JsonElement>("/api/v1/submission");
        Assert.Equal(($"127.0.0.1:{hub.Port}", false, 1, 2), (numbers.GetProperty("address").GetString(), numbers.GetProperty("startTls").GetBoolean(), numbers.GetProperty("taken").GetInt32(), numbers.GetProperty("refused").GetInt32()));
        Assert.Equal((await hub.LastAsync()).Mail.Id.Value, numbers.GetProperty("lastTaken")[0].GetProperty("mailId").GetGuid());
        Assert.Contains("submission-from-missing", numbers.GetProperty("lastRefused")[1].GetProperty("reply").GetString(), StringComparison.Ordinal);

        var page = await hub.Hub.PageAsync("/submission");
        Assert.Contains(hub.Port.ToString(CultureInfo.InvariantCulture), page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Contains("submission-from-missing", page.Body.TextContent, StringComparison.Ordinal);
        Assert.NotNull(page.QuerySelector("a[href='/preferences#api-keys']"));
        Assert.Contains("swaks --server 127.0.0.1", page.QuerySelector("#example-swaks")!.TextContent, StringComparison.Ordinal);
        using var uma = await hub.Hub.OpenBrowserOfUserAsync();
        using var closed = await uma.GetAsync("/submission", Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, closed.StatusCode);
    }

    [Fact]
    public async Task Without_the_option_there_is_no_listener_and_the_page_says_how_to_get_one()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Contains("--submission 127.0.0.1:587", (await hub.PageAsync("/submission")).Body!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_machine_is_not_let_in_without_a_certificate()
    {
        var refused = await Assert.ThrowsAsync<Telemetry.StartRefusedException>(() => HubUnderTest.StartAsync(options => options with { Submission = new IPEndPoint(IPAddress.Any, 0) }));
        Assert.Equal("submission-certificate-missing", refused.Code);
        using var folder = new TemporaryFolder();
        refused = await Assert.ThrowsAsync<Telemetry.StartRefusedException>(() => HubUnderTest.StartAsync(options => options with { SubmissionTls = new IPEndPoint(IPAddress.Loopback, 0), SubmissionCertificateFile = folder.Write("empty.pem", "") }));
        Assert.Equal("submission-certificate-unreadable", refused.Code);
    }

    /// <summary>Lines of 100 octets, about that many bytes.</summary>
    private static string Lines(int bytes) => string.Concat(Enumerable.Repeat(new string('a', 98) + "\r\n", bytes / 100));
}
