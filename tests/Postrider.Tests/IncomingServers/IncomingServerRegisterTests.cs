using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Tests.IncomingServers;

public sealed class IncomingServerRegisterTests
{
    [Fact]
    public async Task A_stored_password_does_not_follow_to_another_host()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var made = await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Inbox", kind = "imap", userName = "ann", host = "imap.example.com", security = "tls", password = "stored once" });
        var address = "/api/v1/incoming-servers/" + made.GetProperty("id").GetString();

        using var refused = await hub.Browser.PutAsJsonAsync(address, new { name = "Inbox", kind = "imap", userName = "ann", host = "imap.evil.example", security = "tls" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Contains("imap.example.com", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("imap.example.com", (await hub.GetAsync<JsonElement>(address)).GetProperty("host").GetString());

        using var taken = await hub.Browser.PutAsJsonAsync(address, new { name = "Inbox", kind = "imap", userName = "ann", host = "imap2.example.com", security = "tls", password = "given again" });
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
    }
}
