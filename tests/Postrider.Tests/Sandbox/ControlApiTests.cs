using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

public sealed class ControlApiTests
{
    [Fact]
    public async Task Application_is_registered_at_once_and_its_secret_is_told_once()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (status, app) = await control.SendAsync(HttpMethod.Post, "applications", new
        {
            tenant = "meadow.example",
            name = "Postrider",
            redirectUris = new[] { "http://localhost/microsoft_outlook/confirm" },
            permissions = new[] { "SMTP.Send", "IMAP.AccessAsUser.All" },
            assign = new[] { "sales@meadow.example" },
            assignmentRequired = true,
            secretDescription = "mail",
            secretEnds = control.Sandbox.Clock.GetUtcNow().AddMonths(6),
        });
        Assert.Equal(HttpStatusCode.OK, status);
        var registered = control.Sandbox.Directory.FindApplication(app.GetProperty("clientId").GetGuid())!;
        Assert.NotNull(Postrider.Sandbox.Directories.EntraDirectory.FindSecret(registered, app.GetProperty("secret").GetString()!));
        var principal = control.Sandbox.Directory.FindServicePrincipal(registered.ClientId, registered.TenantId)!;
        Assert.True(principal.AssignmentRequired);
        Assert.True(control.Sandbox.Directory.IsAssigned(principal, control.Sandbox.Directory.FindUser("sales@meadow.example")!));

        var (_, all) = await control.SendAsync(HttpMethod.Get, "applications");
        Assert.Equal(JsonValueKind.Null, all[0].GetProperty("secret").ValueKind);
    }

    [Theory]
    [InlineData("http://hub.example/confirm", "redirect-uri-not-https")]
    [InlineData("https://hub.example/confirm?x=1", "redirect-uri-query")]
    public async Task Refused_registration_leaves_nothing_behind(string redirectUri, string code)
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (status, problem) = await control.SendAsync(HttpMethod.Post, "applications", new { tenant = "meadow.example", name = "Postrider", redirectUris = new[] { redirectUri } });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.NotEmpty(problem.GetProperty("remedy").GetString()!);
        Assert.Equal(0, (await control.SendAsync(HttpMethod.Get, "applications")).Body.GetArrayLength());
    }

    [Fact]
    public async Task Message_is_delivered_as_it_is_listed_and_read_back()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var message = Message();
        Assert.Equal(HttpStatusCode.OK, (await control.DeliverAsync(Ben, message)).StatusCode);
        var (_, list) = await control.SendAsync(HttpMethod.Get, $"mailboxes/{Ben}/folders/INBOX/messages");
        Assert.Equal("Buns", list.GetProperty("messages")[0].GetProperty("subject").GetString());
        Assert.Equal(message, await control.Http.GetByteArrayAsync(new Uri(control.Sandbox.Http, $"control/mailboxes/{Ben}/folders/INBOX/messages/1"), control.Cancel));
    }

    [Fact]
    public async Task Folder_is_read_in_pages()
    {
        await using var control = await ControlUnderTest.StartAsync();
        for (var i = 1; i <= 5; i++) await control.DeliverAsync(Ben, Message(subject: $"Number {i}"));
        var seen = new List<string?>();
        uint? after = 0;
        while (after is not null)
        {
            var (_, page) = await control.SendAsync(HttpMethod.Get, $"mailboxes/{Ben}/folders/INBOX/messages?limit=2&after={after}");
            seen.AddRange(page.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("subject").GetString()));
            after = page.GetProperty("next") is { ValueKind: JsonValueKind.Number } next ? next.GetUInt32() : null;
        }
        Assert.Equal(["Number 1", "Number 2", "Number 3", "Number 4", "Number 5"], seen);
    }

    [Fact]
    public async Task Customer_answers_a_message_in_its_conversation()
    {
        await using var control = await ControlUnderTest.StartAsync();
        const string customer = "customer@outside.example";
        await control.DeliverAsync(customer, Message(to: customer));
        var (status, answer) = await control.SendAsync(HttpMethod.Post, $"mailboxes/{customer}/sent", new { text = "Thank you, they were good.", answersUid = 1 });
        Assert.Equal(HttpStatusCode.OK, status);
        var read = MimeMessage.Read(Assert.Single(control.Sandbox.Mailboxes.Find(Ann)!.Inbox.Messages()).Bytes);
        Assert.Equal("Re: Buns", read.Subject);
        Assert.Equal(["Buns@meadow.example"], read.InReplyTo);
        Assert.Equal(answer.GetProperty("messageId").GetString(), read.MessageId);
        Assert.Equal(customer, Assert.Single(read.From).Address.ToString());
        Assert.Single(control.Sandbox.Mailboxes.Find(customer)!.SentItems.Messages());
    }

    [Fact]
    public async Task Switches_are_turned_and_told()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (_, box) = await control.SendAsync(HttpMethod.Patch, $"mailboxes/{Ann}", new { smtpClientAuthentication = "disabled", imapEnabled = false, fullAccess = new[] { Ben } });
        Assert.Equal("disabled", box.GetProperty("smtpClientAuthentication").GetString());
        var settings = control.Sandbox.Mailboxes.Find(Ann)!.Settings;
        Assert.True(settings.SmtpClientAuthenticationDisabled);
        Assert.False(settings.ImapEnabled);
        Assert.Contains(control.Sandbox.Directory.FindUser(Ben)!.Id, settings.FullAccess);

        await control.SendAsync(HttpMethod.Patch, "tenants/meadow.example", new { smtpClientAuthenticationDisabled = true });
        Assert.True(control.Sandbox.Mailboxes.SettingsOf(control.Sandbox.Directory.FindTenant("meadow.example")!.Id).SmtpClientAuthenticationDisabled);

        await control.SendAsync(HttpMethod.Patch, $"users/{Ann}", new { enabled = false });
        Assert.False(control.Sandbox.Directory.FindUser(Ann)!.IsEnabled);
    }

    [Fact]
    public async Task Doors_and_the_authority_are_told_to_a_program_that_knows_one_address_only()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (_, doors) = await control.SendAsync(HttpMethod.Get, "");
        Assert.Equal(control.Sandbox.Http.ToString(), doors.GetProperty("login").GetString());
        Assert.Equal(control.Sandbox.Smtp.Port, doors.GetProperty("smtpPort").GetInt32());
        Assert.Equal(control.Sandbox.Imap.Port, doors.GetProperty("imapPort").GetInt32());
        var pem = await control.Http.GetStringAsync(new Uri(control.Sandbox.Http, "control/authority.pem"), control.Cancel);
        Assert.Equal(await File.ReadAllTextAsync(control.Sandbox.CertificateAuthorityFile, control.Cancel), pem);
        Assert.DoesNotContain("PRIVATE", pem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limits_of_mailbox_and_tenant_are_set_and_read()
    {
        await using var control = await ControlUnderTest.StartAsync();
        await control.SendAsync(HttpMethod.Patch, $"mailboxes/{Ann}", new { maxConnections = 2, messagesPerMinute = 5, recipientsPerDay = 20, maxRecipients = 4, quotaBytes = 9000, errorsUntilThrottled = 3, throttledFor = "00:30:00" });
        var (_, smtp) = await control.SendAsync(HttpMethod.Get, $"mailboxes/{Ann}/smtp");
        Assert.Equal([2, 5, 20, 4, 9000, 3], new[] { "maxConnections", "messagesPerMinute", "recipientsPerDay", "maxRecipients", "quotaBytes", "errorsUntilThrottled" }.Select(n => smtp.GetProperty(n).GetInt32()));
        Assert.Equal("00:30:00", smtp.GetProperty("throttledFor").GetString());
        Assert.Equal(0, smtp.GetProperty("counts").GetProperty("throttled").GetInt32());
        await control.SendAsync(HttpMethod.Patch, $"mailboxes/{Ann}", new { quotaBytes = 0 });
        Assert.Null(control.Sandbox.Mailboxes.Find(Ann)!.Settings.QuotaBytes);
        Assert.Equal(5, control.Sandbox.Mailboxes.Find(Ann)!.Settings.MessagesPerMinute);

        var (_, tenant) = await control.SendAsync(HttpMethod.Patch, "tenants/meadow.example", new { basicAuthentication = "retired", securityDefaults = true, policyBlocksSmtp = true, licences = 25 });
        Assert.Equal(("retired", true, true, 14_259), (tenant.GetProperty("basicAuthentication").GetString(), tenant.GetProperty("securityDefaults").GetBoolean(), tenant.GetProperty("policyBlocksSmtp").GetBoolean(), tenant.GetProperty("externalRecipientsPerDay").GetInt32()));
        (_, tenant) = await control.SendAsync(HttpMethod.Patch, "tenants/meadow.example", new { isTrial = true });
        Assert.Equal((5000, true), (tenant.GetProperty("externalRecipientsPerDay").GetInt32(), tenant.GetProperty("securityDefaults").GetBoolean()));
    }

    [Fact]
    public async Task Mailbox_is_closed_for_a_while_and_opened_again()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (_, smtp) = await control.SendAsync(HttpMethod.Post, $"mailboxes/{Ann}/smtp/throttle", new { reason = "sendAsDenied", @for = "01:00:00" });
        Assert.Equal("sendAsDenied", smtp.GetProperty("throttled").GetProperty("reason").GetString());
        Assert.Equal(1, smtp.GetProperty("counts").GetProperty("latches").GetInt32());
        Assert.Equal(ThrottleReason.SendAsDenied, control.Sandbox.Mailboxes.Find(Ann)!.Submission.Throttled!.Value.Reason);
        await control.SendAsync(HttpMethod.Delete, $"mailboxes/{Ann}/smtp/throttle");
        Assert.Null(control.Sandbox.Mailboxes.Find(Ann)!.Submission.Throttled);
    }

    [Fact]
    public async Task Faults_are_put_listed_and_taken_away()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (_, fault) = await control.SendAsync(HttpMethod.Post, "smtp/faults", new { stage = "endOfData", hangUp = "insteadOfReply", taken = true, address = Ann, skip = 1, every = 2, times = 3, delay = "00:00:05" });
        var id = fault.GetProperty("id").GetInt32();
        await control.SendAsync(HttpMethod.Post, "smtp/faults", new { stage = "rcpt", reply = "451 4.7.500 Server busy", until = "2030-01-01T00:00:00Z" });
        Assert.Equal([new(SmtpStage.EndOfData) { HangUp = SmtpHangUp.InsteadOfReply, Taken = true, Address = Ann, Skip = 1, Every = 2, Times = 3, Delay = TimeSpan.FromSeconds(5) }, new(SmtpStage.Rcpt) { Reply = new(451, "4.7.500", "Server busy"), Until = DateTimeOffset.Parse("2030-01-01T00:00:00Z", CultureInfo.InvariantCulture) }], control.Sandbox.SmtpScript.Faults.Select(f => f.Fault));
        var (_, listed) = await control.SendAsync(HttpMethod.Get, "smtp/faults");
        Assert.Equal(["endOfData", "rcpt"], listed.EnumerateArray().Select(f => f.GetProperty("stage").GetString()));
        Assert.Equal(HttpStatusCode.NoContent, (await control.SendAsync(HttpMethod.Delete, $"smtp/faults/{id}")).Status);
        Assert.Equal("fault-unknown", (await control.SendAsync(HttpMethod.Delete, $"smtp/faults/{id}")).Body.GetProperty("code").GetString());
        await control.SendAsync(HttpMethod.Delete, "smtp/faults");
        Assert.Empty(control.Sandbox.SmtpScript.Faults);
    }

    [Theory]
    [InlineData("POST", "smtp/faults", """{"stage":"quit","reply":"451 x"}""", "stage-unknown")]
    [InlineData("POST", "smtp/faults", """{"stage":"7","reply":"451 x"}""", "stage-unknown")]
    [InlineData("POST", "smtp/faults", """{"stage":"mail","reply":"busy"}""", "reply-invalid")]
    [InlineData("POST", "smtp/faults", """{"stage":"mail","reply":"451 x","hangUp":"perhaps"}""", "switch-unknown")]
    [InlineData("POST", "smtp/faults", """{"stage":"mail"}""", "fault-invalid")]
    [InlineData("POST", "smtp/faults", """{"stage":"mail","reply":"451 x","every":0}""", "fault-invalid")]
    [InlineData("POST", "mailboxes/ann@meadow.example/smtp/throttle", """{"reason":"bad mood"}""", "reason-unknown")]
    [InlineData("POST", "mailboxes/ann@meadow.example/smtp/throttle", """{"reason":"mailboxFull","for":"-01:00:00"}""", "limit-invalid")]
    [InlineData("POST", "mailboxes/nobody@meadow.example/smtp/throttle", """{"reason":"mailboxFull"}""", "mailbox-unknown")]
    [InlineData("PATCH", "mailboxes/ann@meadow.example", """{"maxRecipients":1001}""", "limit-invalid")]
    [InlineData("PATCH", "mailboxes/ann@meadow.example", """{"messagesPerMinute":0}""", "limit-invalid")]
    [InlineData("PATCH", "mailboxes/ann@meadow.example", """{"throttledFor":"00:00:00"}""", "limit-invalid")]
    [InlineData("PATCH", "tenants/meadow.example", """{"basicAuthentication":"sometimes"}""", "switch-unknown")]
    [InlineData("PATCH", "tenants/meadow.example", """{"licences":-1}""", "limit-invalid")]
    public async Task What_cannot_be_meant_is_refused_with_a_code_and_changes_nothing(string method, string path, string body, string code)
    {
        await using var control = await ControlUnderTest.StartAsync();
        var before = control.Sandbox.Mailboxes.Find(Ann)!.Settings;
        var (status, problem) = await control.SendAsync(new HttpMethod(method), path, JsonDocument.Parse(body).RootElement);
        Assert.InRange((int)status, 400, 404);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.False(string.IsNullOrEmpty(problem.GetProperty("remedy").GetString()));
        Assert.Equal(before, control.Sandbox.Mailboxes.Find(Ann)!.Settings);
        Assert.Empty(control.Sandbox.SmtpScript.Faults);
    }

    [Fact]
    public async Task Clock_moves_ahead_and_never_back()
    {
        await using var control = await ControlUnderTest.StartAsync();
        var before = control.Sandbox.Clock.GetUtcNow();
        var (status, clock) = await control.SendAsync(HttpMethod.Post, "clock", new { advance = "90.00:00:00" });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.InRange(clock.GetProperty("now").GetDateTimeOffset(), before.AddDays(90), before.AddDays(91));
        Assert.Equal(HttpStatusCode.BadRequest, (await control.SendAsync(HttpMethod.Post, "clock", new { advance = "-00:01:00" })).Status);
    }

    [Fact]
    public async Task Tenant_and_people_are_seeded()
    {
        await using var control = await ControlUnderTest.StartAsync();
        await control.SendAsync(HttpMethod.Post, "tenants", new { name = "Orchard", domain = "orchard.example" });
        var (_, user) = await control.SendAsync(HttpMethod.Post, "users", new { tenant = "orchard.example", userPrincipalName = "cleo@orchard.example", displayName = "Cleo" });
        Assert.Equal(control.Sandbox.Directory.FindTenant("orchard.example")!.Id, user.GetProperty("tenantId").GetGuid());
        Assert.NotNull(control.Sandbox.Mailboxes.Find("cleo@orchard.example"));
        Assert.Equal(HttpStatusCode.Conflict, (await control.SendAsync(HttpMethod.Post, "users", new { tenant = "orchard.example", userPrincipalName = "cleo@orchard.example" })).Status);
    }

    [Theory]
    [InlineData("mailboxes/nobody@meadow.example", "mailbox-unknown")]
    [InlineData("mailboxes/ann@meadow.example/folders/Nowhere/messages", "folder-unknown")]
    [InlineData("mailboxes/ann@meadow.example/folders/INBOX/messages/7", "message-unknown")]
    public async Task What_is_not_there_is_404_with_a_remedy(string path, string code)
    {
        await using var control = await ControlUnderTest.StartAsync();
        var (status, problem) = await control.SendAsync(HttpMethod.Get, path);
        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    public async Task Form_of_a_foreign_web_page_changes_nothing(string contentType)
    {
        await using var control = await ControlUnderTest.StartAsync();
        foreach (var path in new[] { "clock", "users", "applications", $"mailboxes/{Ann}/messages", $"mailboxes/{Ann}/sent" })
        {
            using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"advance":"1.00:00:00"}"""));
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
            using var response = await control.Http.PostAsync(new Uri(control.Sandbox.Http, "control/" + path), content, control.Cancel);
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        }
        Assert.Equal(TimeSpan.Zero, control.Sandbox.Clock.Ahead);
    }

    [Fact]
    public async Task Another_name_for_this_machine_is_not_answered()
    {
        await using var control = await ControlUnderTest.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(control.Sandbox.Http, "control/users"));
        request.Headers.Host = "rebound.example";
        using var response = await control.Http.SendAsync(request, control.Cancel);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, response.StatusCode);
    }

    private sealed class ControlUnderTest(RunningTenant sandbox) : IAsyncDisposable
    {
        public RunningTenant Sandbox => sandbox;
        public HttpClient Http { get; } = new(new SocketsHttpHandler());
        public CancellationToken Cancel => TestContext.Current.CancellationToken;

        public static async Task<ControlUnderTest> StartAsync() => new(await Tenant.StartAsync(new TenantOptions(), TestContext.Current.CancellationToken));

        public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path, object? body = null)
        {
            using var request = new HttpRequestMessage(method, new Uri(sandbox.Http, path.Length == 0 ? "control" : "control/" + path)) { Content = body is null ? null : JsonContent.Create(body) };
            using var response = await Http.SendAsync(request, Cancel);
            var text = await response.Content.ReadAsStringAsync(Cancel);
            return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
        }

        public async Task<HttpResponseMessage> DeliverAsync(string address, byte[] message)
        {
            using var content = new ByteArrayContent(message);
            content.Headers.ContentType = new("message/rfc822");
            return await Http.PostAsync(new Uri(sandbox.Http, $"control/mailboxes/{address}/messages"), content, Cancel);
        }

        public ValueTask DisposeAsync()
        {
            Http.Dispose();
            return sandbox.DisposeAsync();
        }
    }
}
