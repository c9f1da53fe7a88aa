using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Postrider.Apps;
using Postrider.OutgoingServers;
using Postrider.OutlookCredentials;
using Postrider.Settings;

namespace Postrider.Tests.OutgoingServers;

/// <summary>NET-02: the hub is no scanner of the network it stands in.</summary>
public sealed partial class PortProbeTests
{
    private static readonly string[] Places = ["/api/v1/outgoing-servers", "/api/v1/incoming-servers", "/outgoing-mail-servers", "/incoming-servers"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_may_not_choose_servers_learns_nothing_of_a_port()
    {
        await using var hub = await HubUnderTest.StartAsync();
        // One port answers to a connection and then says nothing for ever; at the other nobody listens; the third server is none.
        using var open = Listen();
        using var shut = Listen();
        var (openPort, shutPort) = (PortOf(open), PortOf(shut));
        shut.Stop();
        var targets = new List<(Guid Outgoing, Guid Incoming, int Port)>();
        foreach (var port in (int[])[openPort, shutPort]) targets.Add((await MakeAsync(hub, "outgoing", "smtp", port), await MakeAsync(hub, "incoming", "imap", port), port));
        targets.Add((Guid.NewGuid(), Guid.NewGuid(), shutPort));

        // Every route there is, so that one that is added later is asked too.
        var routes = hub.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(route => (Path: "/" + route.RoutePattern.RawText!.TrimStart('/'), Methods: route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"]))
            .Where(route => Places.Any(place => route.Path == place || route.Path.StartsWith(place + "/", StringComparison.Ordinal))).ToList();
        Assert.Empty(((string[])["/api/v1/outgoing-servers/{id:guid}/test", "/api/v1/incoming-servers/{id:guid}/confirm", "/outgoing-mail-servers/{Id:guid}", "/incoming-servers/{Id:guid}"]).Except(routes.Select(route => route.Path)));

        using var user = await hub.OpenBrowserOfUserAsync();
        // What it was told on signing in stands on one page only.
        await hub.PageAsync("/preferences", user);
        using var anybody = hub.OpenBrowser();
        foreach (var (browser, status) in new[] { (user, HttpStatusCode.Forbidden), (anybody, HttpStatusCode.Unauthorized) })
        {
            foreach (var (path, method) in routes.SelectMany(route => route.Methods.Select(method => (route.Path, method))).Distinct())
            {
                var answers = new List<(HttpStatusCode Status, string Said)>();
                foreach (var target in targets) answers.Add(await AskAsync(browser, method, path, target));
                Assert.True(answers.Distinct().Count() == 1, $"{method} {path}: {string.Join(" | ", answers)}");
                // A page sends a stranger to the sign-in.
                if (path.StartsWith("/api/", StringComparison.Ordinal)) Assert.True(answers[0].Status == status, $"{method} {path}: {answers[0]}");
                else Assert.True(answers[0].Status is HttpStatusCode.Forbidden or HttpStatusCode.Found or HttpStatusCode.Unauthorized or HttpStatusCode.BadRequest, $"{method} {path}: {answers[0]}");
            }
        }

        Assert.False(open.Pending(), "The hub opened a connection for somebody who may not choose servers.");
        // Who may, does: so a connection would have been seen.
        var testing = hub.Browser.PostAsync($"/api/v1/outgoing-servers/{targets[0].Outgoing}/test", null, Cancel);
        using (await open.AcceptTcpClientAsync(Cancel))
        {
        }

        using var tested = await testing;
        Assert.Equal(HttpStatusCode.OK, tested.StatusCode);
    }

    [Fact]
    public async Task A_user_chooses_no_host_or_port_for_the_own_mailbox()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var open = Listen();
        await hub.Service<InstalledApps>().InstallAsync(InstalledApps.MicrosoftOutlook, null);
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.CustomEmailServers, "True", null, Cancel));
        Assert.Null(await hub.Service<OutlookCredentialStore>().SaveAsync("11112222-3333-4444-5555-666677778888", "abC8Q~notARealSecret.value", null, null, Cancel));
        using var user = await hub.OpenBrowserOfUserAsync();
        using var begun = await user.PostAsJsonAsync("/api/v1/preferences/mail-server/connect", new { host = "127.0.0.1", port = PortOf(open), smtp = "127.0.0.1", userName = "other@hub.example" }, Cancel);
        Assert.Equal(HttpStatusCode.OK, begun.StatusCode);
        var server = Assert.Single(await hub.Service<OutgoingServerStore>().ListAsync(Cancel));
        Assert.Equal(("smtp.office365.com", 587, "uma@hub.example"), (server.Host, server.Port, server.UserName));
        Assert.False(open.Pending());
    }

    private static async Task<(HttpStatusCode, string)> AskAsync(HttpClient browser, string method, string path, (Guid Outgoing, Guid Incoming, int Port) target)
    {
        var id = path.Contains("incoming", StringComparison.Ordinal) ? target.Incoming : target.Outgoing;
        using var request = new HttpRequestMessage(new HttpMethod(method), Parameter.Replace(path, id.ToString()));
        if (method is "POST" or "PUT") request.Content = path.StartsWith("/api/", StringComparison.Ordinal) ? JsonContent.Create(new { name = "Probe", host = "localhost", port = target.Port, userName = "ann", password = "x" }) : new FormUrlEncodedContent([new("_handler", "server"), new("do", "test")]);
        using var answer = await browser.SendAsync(request, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        // Of a page the words in its middle; of a program's answer what it is named, without the id of the request.
        if (!path.StartsWith("/api/", StringComparison.Ordinal)) return (answer.StatusCode, (await HubUnderTest.ReadPageAsync(answer)).QuerySelector("main")?.TextContent.Trim().Replace(id.ToString(), "{id}", StringComparison.Ordinal) ?? "");
        if (text.Length == 0) return (answer.StatusCode, "");
        var problem = JsonSerializer.Deserialize<JsonElement>(text);
        return (answer.StatusCode, string.Join(' ', problem.EnumerateObject().Where(member => member.Name is not "traceId" and not "instance").Select(member => member.Value.ToString())));
    }

    private static async Task<Guid> MakeAsync(HubUnderTest hub, string direction, string kind, int port) =>
        (await hub.PostAsync<JsonElement>($"/api/v1/{direction}-servers", new { name = $"At {port}", kind, host = "localhost", port, security = "none", userName = "ann", password = "a password" })).GetProperty("id").GetGuid();

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    [GeneratedRegex(@"\{[^}]*\}", RegexOptions.None, 1000)]
    private static partial Regex Parameter { get; }
}
