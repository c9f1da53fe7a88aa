using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;

namespace Postrider.Tests.Sandbox;

public sealed class TenantTests
{
    [Fact]
    public async Task Tenant_of_a_folder_goes_on_where_it_was_stopped()
    {
        using var folder = new TemporaryFolder();
        ClientUnderTest client;
        string refresh, authority;
        DateTimeOffset stopped;
        await using (var before = new EntraUnderTest { Folder = folder.Path })
        {
            await before.InitializeAsync();
            client = before.Register();
            var principal = before.Directory.FindServicePrincipal(client.ClientId, before.Bakery.Id)!;
            before.Directory.SetAssignmentRequired(principal.Id, true);
            before.Directory.Assign(principal.Id, [before.User("ann@meadow.example").Id], []);
            refresh = (await before.RedeemAsync(client, await before.CodeAsync(client))).Good().RefreshToken;
            before.Sandbox.Mailboxes.Find("ben@meadow.example")!.Change(s => s with { ImapEnabled = false });
            before.Sandbox.Clock.Advance(TimeSpan.FromDays(30));
            stopped = before.Sandbox.Clock.GetUtcNow();
            authority = await File.ReadAllTextAsync(before.Sandbox.CertificateAuthorityFile, TestContext.Current.CancellationToken);
        }

        await using var after = new EntraUnderTest { Folder = folder.Path };
        await after.InitializeAsync();
        Assert.Equal(authority, await File.ReadAllTextAsync(after.Sandbox.CertificateAuthorityFile, TestContext.Current.CancellationToken));
        Assert.True(after.Sandbox.Clock.GetUtcNow() >= stopped);
        (await after.RefreshAsync(client, refresh)).Good();
        Assert.False(after.Sandbox.Mailboxes.Find("ben@meadow.example")!.Settings.ImapEnabled);
        Assert.Equal(MailboxKind.Shared, after.Sandbox.Mailboxes.Find(TenantSeed.SharedMailbox)!.Kind);
        // Passwords, too: the walk signs in.
        Assert.NotEmpty(await after.CodeAsync(client));
        if (!OperatingSystem.IsWindows())
            foreach (var secret in new[] { "authority.key.pem", "signing.key.pem", "directory.json", "refresh-tokens.jsonl" })
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File(secret)));
        foreach (var file in Directory.EnumerateFiles(folder.Path))
        {
            var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            Assert.DoesNotContain(refresh, text, StringComparison.Ordinal);
            Assert.DoesNotContain(client.Secret, text, StringComparison.Ordinal);
            Assert.DoesNotContain(TenantSeed.Password, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Https_is_trusted_through_the_authoritys_file_and_through_nothing_else()
    {
        await using var sandbox = await Tenant.StartAsync(new TenantOptions(), TestContext.Current.CancellationToken);
        using var authority = X509CertificateLoader.LoadCertificateFromFile(sandbox.CertificateAuthorityFile);
        Assert.False(authority.HasPrivateKey);
        foreach (var host in new[] { "localhost", "127.0.0.1" })
        {
            var metadata = new Uri($"https://{host}:{sandbox.Https.Port}/common/v2.0/.well-known/openid-configuration");
            using var trusting = new HttpClient(new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { authority }, RevocationMode = X509RevocationMode.NoCheck } } });
            Assert.Contains($"https://{host}:{sandbox.Https.Port}/common/oauth2/v2.0/token", await trusting.GetStringAsync(metadata, TestContext.Current.CancellationToken), StringComparison.Ordinal);
            using var strict = new HttpClient(new SocketsHttpHandler());
            await Assert.ThrowsAsync<HttpRequestException>(() => strict.GetStringAsync(metadata, TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Folder_of_a_tenant_in_memory_is_gone_at_the_end()
    {
        var sandbox = await Tenant.StartAsync(new TenantOptions(), TestContext.Current.CancellationToken);
        var folder = Path.GetDirectoryName(sandbox.CertificateAuthorityFile)!;
        Assert.True(Directory.Exists(folder));
        await sandbox.DisposeAsync();
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task Directory_that_cannot_be_read_stops_the_start_and_names_its_file()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("directory.json"), "not JSON", TestContext.Current.CancellationToken);
        var failure = await Assert.ThrowsAsync<IOException>(() => Tenant.StartAsync(new TenantOptions { Folder = folder.Path }, TestContext.Current.CancellationToken));
        Assert.Contains(folder.File("directory.json"), failure.Message, StringComparison.Ordinal);
    }
}
