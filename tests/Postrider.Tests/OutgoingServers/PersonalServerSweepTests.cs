using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Postrider.Apps;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.OutlookCredentials;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingServers;

/// <summary>What a user began in Preferences and left at Microsoft's page.</summary>
public sealed class PersonalServerSweepTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_personal_server_that_was_never_connected_goes_after_a_day_and_one_that_has_mail_stays()
    {
        var clock = new FakeClock();
        await using var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        await hub.Service<InstalledApps>().InstallAsync(InstalledApps.MicrosoftOutlook, null);
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.CustomEmailServers, "True", null, Cancel));
        Assert.Null(await hub.Service<OutlookCredentialStore>().SaveAsync("11112222-3333-4444-5555-666677778888", "abC8Q~notARealSecret.value", null, null, Cancel));
        var withMail = await MakeServerWithMailAsync(hub);
        using var uma = await hub.OpenBrowserOfUserAsync();
        await ConnectAsync(uma);
        var begun = Assert.Single(await ServersAsync(hub), server => server.Id != withMail);
        Assert.Equal(("uma@hub.example", false, null), (begun.UserName, begun.Active, begun.AccountId));
        Assert.Equal(0, await SweepAsync(hub));

        // A day later Uma is at Microsoft's page again.
        clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMinutes(5));
        await HubUnderTest.SignInAsync(uma, "uma@hub.example", HubUnderTest.Password);
        await ConnectAsync(uma);
        clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(0, await SweepAsync(hub));
        Assert.Equal(2, (await ServersAsync(hub)).Count);

        // And leaves for good: the hub's own daily round finds it.
        using (var changes = hub.Service<LiveEvents>().Subscribe(new HashSet<string> { "outgoing-server" })!)
        {
            clock.Advance(TimeSpan.FromDays(1));
            while ((await ServersAsync(hub)).Count > 1) await changes.Changes.ReadAsync(Cancel);
        }

        Assert.Equal(withMail, Assert.Single(await ServersAsync(hub)).Id);
        Assert.Equal(0, await SweepAsync(hub));
        Assert.Equal(begun.Id.Value, await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<Guid>("SELECT subject_id FROM journal_event WHERE kind = 'personal-server-removed'")));

        // Begun anew it is as the first time.
        await HubUnderTest.SignInAsync(uma, "uma@hub.example", HubUnderTest.Password);
        await ConnectAsync(uma);
        Assert.Equal(2, (await ServersAsync(hub)).Count);
    }

    /// <summary>It looks as if it had never been connected, and a mail names it.</summary>
    private static async Task<OutgoingServerId> MakeServerWithMailAsync(HubUnderTest hub)
    {
        var id = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Old", kind = "smtp", host = "localhost", port = 1, security = "none", fromFilter = "hub.example" })).GetProperty("id").GetGuid();
        var put = await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse(HubUnderTest.AdministratorEmail)), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = "Hello", Text = "x" }, null, Cancel);
        Assert.Null(put.Problem);
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET active = 0, owner = @owner", new { owner = Guid.NewGuid() }));
        return new(id);
    }

    private static async Task ConnectAsync(HttpClient user)
    {
        using var answer = await user.PostAsync("/api/v1/preferences/mail-server/connect", null, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static Task<IReadOnlyList<OutgoingServer>> ServersAsync(HubUnderTest hub) => hub.Service<OutgoingServerStore>().ListAsync(Cancel);

    private static Task<int> SweepAsync(HubUnderTest hub) => hub.Services.GetServices<IHostedService>().OfType<PersonalServerSweep>().Single().SweepAsync(Cancel);
}
