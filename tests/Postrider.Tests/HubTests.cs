using System.Net;
using System.Net.Sockets;
using Postrider.Telemetry;

namespace Postrider.Tests;

public sealed class HubTests
{
    [Fact]
    public async Task A_port_in_use_is_refused_by_its_option_and_the_folder_stays_free()
    {
        using var folder = new TemporaryFolder();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = new HubOptions { DataFolder = folder.File("data"), Port = ((IPEndPoint)other.LocalEndpoint).Port, Quiet = true };
        var refused = await Assert.ThrowsAsync<StartRefusedException>(() => Hub.StartAsync(taken, TestContext.Current.CancellationToken));

        Assert.Equal("port-in-use", refused.Code);
        Assert.Contains("--port", refused.What, StringComparison.Ordinal);
        await using var hub = await Hub.StartAsync(taken with { Port = 0 }, TestContext.Current.CancellationToken);
        Assert.NotNull(hub.SetupLink);
    }

    [Theory]
    [InlineData(null, "trust-certificate-unreadable")]
    [InlineData("no certificate in here", "trust-certificate-empty")]
    public async Task A_trust_certificate_that_cannot_be_used_is_refused_before_anything_is_made(string? content, string code)
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("ca.pem");
        if (content is not null) await File.WriteAllTextAsync(file, content);
        var options = new HubOptions { DataFolder = folder.File("data"), TrustCertificateFile = file, Quiet = true };

        Assert.Equal(code, (await Assert.ThrowsAsync<StartRefusedException>(() => Hub.StartAsync(options, TestContext.Current.CancellationToken))).Code);
        Assert.False(Directory.Exists(folder.File("data")));
    }

    [Fact]
    public async Task A_second_hub_on_the_same_folder_is_refused_while_the_first_goes_on()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var refused = await Assert.ThrowsAsync<StartRefusedException>(() => Hub.StartAsync(hub.Options, TestContext.Current.CancellationToken));

        Assert.Equal("data-folder-in-use", refused.Code);
        await hub.PageAsync("/users");
    }
}
