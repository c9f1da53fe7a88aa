using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingServers;

/// <summary>On the wire: the sandbox refuses after DATA, and once is enough.</summary>
public sealed class SendAsKnowledgeTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_forced_From_that_was_refused_once_is_refused_before_queueing_until_Test_Connection()
    {
        var server = await both.ConnectAsync("sales@meadow.example");
        var first = await PutAsync(server, "ben@meadow.example");
        Assert.Equal(HttpStatusCode.Accepted, first.Status);
        var refused = await both.SettledAsync(new(first.Json.GetProperty("id").GetGuid()));
        Assert.Equal((OutboxState.Refused, "smtp-send-as-denied"), (refused.State, refused.Problem!.Code));

        var before = await both.CountAsync("outbox_mail");
        var second = await PutAsync(server, "ben@meadow.example");
        Assert.Equal((HttpStatusCode.Conflict, "outgoing-server-may-not-send-as"), (second.Status, second.Json.GetProperty("code").GetString()));
        Assert.Contains("SendAsDenied", second.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(before, await both.CountAsync("outbox_mail"));
        // Another sender is another question, and the own address was never one.
        Assert.Equal(HttpStatusCode.Accepted, (await PutAsync(server, "sales@meadow.example")).Status);

        // The right is granted in Exchange, and a person says so here.
        var ann = both.Microsoft.Directory.Users.Single(user => user.UserPrincipalName == "sales@meadow.example");
        both.Microsoft.Mailboxes.Find("ben@meadow.example")!.Change(settings => settings with { SendAs = [ann.Id] });
        await both.Hub.Service<ConnectionTest>().RunAsync(new(server), null, Cancel);
        var third = await PutAsync(server, "ben@meadow.example");
        var sent = await both.SettledAsync(new(third.Json.GetProperty("id").GetGuid()));
        Assert.Equal(OutboxState.Sent, sent.State);
        Assert.True(both.Hub.Service<SendAsKnowledge>().Of(new(server))[EmailAddress.Parse("ben@meadow.example")].Allowed);
    }

    [Fact]
    public async Task What_was_learned_outlives_a_restart_and_goes_with_the_mailbox()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var server = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "One", kind = "smtp", host = "localhost", port = 1 })).GetProperty("id").GetGuid();
        var (ann, ben) = (EmailAddress.Parse("Ann@Meadow.example"), EmailAddress.Parse("ben@meadow.example"));
        await hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            var knowledge = hub.Service<SendAsKnowledge>();
            knowledge.Learn(tx, new(server), ann, allowed: true, null);
            knowledge.Learn(tx, new(server), ann, allowed: false, "550 5.7.60 no");
            knowledge.Learn(tx, new(server), ben, allowed: true, null);
        });
        await hub.RestartAsync();
        var known = hub.Service<SendAsKnowledge>().Of(new(server));
        Assert.Equal((false, "550 5.7.60 no", true), (known[ann].Allowed, known[ann].Reply, known[ben].Allowed));

        await hub.Service<HubDatabase>().WriteAsync(tx => hub.Service<SendAsKnowledge>().ForgetRefusals(tx, new(server)));
        Assert.Equal([ben], hub.Service<SendAsKnowledge>().Of(new(server)).Keys);
        using var changed = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{server:D}", new { host = "127.0.0.1" }, Cancel);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
        Assert.Empty(hub.Service<SendAsKnowledge>().Of(new(server)));
        await hub.RestartAsync();
        Assert.Empty(hub.Service<SendAsKnowledge>().Of(new(server)));
    }

    private async Task<(HttpStatusCode Status, JsonElement Json)> PutAsync(Guid server, string from)
    {
        using var answer = await both.Hub.Browser.PostAsJsonAsync("/api/v1/mails", new { from, to = (string[])["rosa@outlook.example"], subject = "Forced", text = "x", server }, Cancel);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel));
    }
}
