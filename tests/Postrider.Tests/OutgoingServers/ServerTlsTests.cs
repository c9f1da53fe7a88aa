using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Postrider.Mail.Tests.Peers;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingServers;

/// <summary>TLS with servers that are not Microsoft's: real handshakes on loopback.</summary>
public sealed class ServerTlsTests
{
    // A ServerHello of TLS 1.0, and the alert protocol_version that a server which knows only older versions sends.
    private static readonly byte[] OldHello = [22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1, .. new byte[32], 0, 0, 0x2F, 0];
    private static readonly byte[] OldAlert = [21, 3, 1, 0, 2, 2, 70];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // SMC-01, SMC-03: each with its own reason; nothing is said in clear, no password leaves, the mail's server keeps its queue.
    [Theory]
    [InlineData("expired", "server-certificate-expired")]
    [InlineData("other host", "server-certificate-name")]
    [InlineData("self-signed", "server-certificate-not-trusted")]
    [InlineData("unknown issuer", "server-certificate-not-trusted")]
    [InlineData("old hello", "server-tls-too-old")]
    [InlineData("old alert", "server-tls-too-old")]
    [InlineData("no STARTTLS", "server-no-starttls")]
    [InlineData("good", null)]
    public async Task Each_fault_of_TLS_has_its_own_reason(string which, string? code)
    {
        using var stranger = TestCertificates.MakeAuthority("A stranger");
        using var certificate = which switch
        {
            "expired" => TestCertificates.Issue(TestCertificates.Authority, "localhost", expired: true),
            "other host" => TestCertificates.Issue(TestCertificates.Authority, "mail.example"),
            "self-signed" => TestCertificates.SelfSigned("localhost"),
            "unknown issuer" => TestCertificates.Issue(stranger, "localhost"),
            _ => TestCertificates.Issue(TestCertificates.Authority, "localhost"),
        };
        await using var smtp = new TlsSmtp { Certificate = which == "no STARTTLS" ? null : certificate, InsteadOfHandshake = which switch { "old hello" => OldHello, "old alert" => OldAlert, _ => null }, Auth = "PLAIN EXTERNAL" };
        await using var hub = await HubUnderTest.StartAsync();
        var id = await MakeAsync(hub, new { name = "TLS", kind = "smtp", host = "localhost", port = smtp.Port, fromFilter = "ann@hub.example", trustedAuthorities = TestCertificates.Authority.ExportCertificatePem(), userName = code is null ? null : "ann", password = code is null ? null : "Canary-2026" });
        var answer = await TestAsync(hub, id);
        Assert.Equal(code, answer.GetProperty("problem") is { ValueKind: JsonValueKind.Object } problem ? problem.GetProperty("code").GetString() : null);
        if (code is null) return;
        Assert.DoesNotContain(smtp.Lines, line => line.StartsWith("AUTH", StringComparison.Ordinal));
        Assert.NotNull((await hub.PageAsync($"/outgoing-mail-servers/{id:D}")).QuerySelector($"[data-problem={code}]"));
    }

    [Fact]
    public async Task An_authority_is_trusted_by_its_own_server_alone()
    {
        await using var smtp = new TlsSmtp { Certificate = TestCertificates.Server };
        await using var hub = await HubUnderTest.StartAsync();
        var own = await MakeAsync(hub, new { name = "Own", kind = "smtp", host = "localhost", port = smtp.Port, fromFilter = "ann@hub.example", trustedAuthorities = TestCertificates.Authority.ExportCertificatePem() });
        var other = await MakeAsync(hub, new { name = "Other", kind = "smtp", host = "localhost", port = smtp.Port, fromFilter = "ben@hub.example" });
        Assert.True((await TestAsync(hub, own)).GetProperty("succeeded").GetBoolean());
        Assert.Equal("server-certificate-not-trusted", (await TestAsync(hub, other)).GetProperty("problem").GetProperty("code").GetString());
        Assert.Contains("CN=Postrider Test Authority", (await hub.PageAsync($"/outgoing-mail-servers/{own:D}")).QuerySelector("[data-authority]")!.TextContent, StringComparison.Ordinal);

        // What is left out stays; empty forgets it.
        using var renamed = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{own:D}", new { name = "Renamed" }, Cancel);
        Assert.Single((await renamed.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("trustedAuthorities").EnumerateArray());
        using var forgotten = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{own:D}", new { trustedAuthorities = "" }, Cancel);
        Assert.Empty((await forgotten.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("trustedAuthorities").EnumerateArray());
        Assert.Equal("server-certificate-not-trusted", (await TestAsync(hub, own)).GetProperty("problem").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("EXTERNAL PLAIN", true)]
    [InlineData(null, false)]
    public async Task A_certificate_signs_in_by_EXTERNAL_where_it_is_offered_and_by_the_handshake_alone_where_not(string? offered, bool external)
    {
        await using var smtp = new TlsSmtp { Certificate = TestCertificates.Server, ClientsOf = TestCertificates.Authority, Auth = offered };
        await using var hub = await HubUnderTest.StartAsync();
        using var client = IssueClient("relay.hub.example");
        var id = await MakeAsync(hub, new { name = "By certificate", kind = "smtp", host = "localhost", port = smtp.Port, fromFilter = "ann@hub.example", trustedAuthorities = TestCertificates.Authority.ExportCertificatePem(), authentication = "certificate", certificate = client.ExportCertificatePem() + "\n" + Key(client).ExportPkcs8PrivateKeyPem() });
        var answer = await TestAsync(hub, id);
        Assert.True(answer.GetProperty("succeeded").GetBoolean(), answer.ToString());
        Assert.Equal("CN=relay.hub.example", Assert.Single(smtp.Clients));
        Assert.Equal(external, smtp.Lines.Contains("AUTH EXTERNAL ="));

        // It is sealed, shown by its name and end, and never given out.
        var stored = await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{id:D}");
        Assert.Equal(("certificate", "CN=relay.hub.example"), (stored.GetProperty("authentication").GetString(), stored.GetProperty("certificate").GetProperty("subject").GetString()));
        Assert.DoesNotContain("PRIVATE KEY", stored.ToString(), StringComparison.Ordinal);
        var sealedPfx = await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<byte[]>("SELECT client_certificate FROM outgoing_server WHERE id = @id", new { id = new OutgoingServerId(id) }));
        Assert.ThrowsAny<CryptographicException>(() => ServerCertificates.Open(sealedPfx!));

        // Another password or name for it changes nothing; back to none, and the server does not know us.
        using var login = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{id:D}", new { authentication = "login" }, Cancel);
        Assert.Equal(JsonValueKind.Null, (await login.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("certificate").ValueKind);
        Assert.False((await TestAsync(hub, id)).GetProperty("succeeded").GetBoolean());
    }

    [Fact]
    public async Task A_person_hands_in_certificate_key_and_authority_on_the_page()
    {
        await using var smtp = new TlsSmtp { Certificate = TestCertificates.Server, ClientsOf = TestCertificates.Authority, Auth = "EXTERNAL" };
        await using var hub = await HubUnderTest.StartAsync();
        using var client = IssueClient("printer.hub.example");
        var id = await MakeAsync(hub, new { name = "Page", kind = "smtp", host = "localhost", port = smtp.Port, fromFilter = "ann@hub.example" });
        using var missing = await PostAsync(hub, id, ("authentication", "certificate"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, missing.StatusCode);
        Assert.Contains("SSL certificate is missing for Page.", await missing.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        using var noKey = await PostAsync(hub, id, ("authentication", "certificate"), ("certificate", client.ExportCertificatePem()));
        Assert.Contains("SSL private key is missing for Page.", await noKey.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        using var locked = await PostAsync(hub, id, ("authentication", "certificate"), ("certificate", client.ExportCertificatePem()), ("certificateKey", Key(client).ExportEncryptedPkcs8PrivateKeyPem("secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000))), ("certificatePassword", "wrong"));
        Assert.Contains("the password is wrong", await locked.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        using var good = await PostAsync(hub, id, ("authentication", "certificate"), ("certificate", client.ExportCertificatePem()), ("certificateKey", Key(client).ExportEncryptedPkcs8PrivateKeyPem("secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000))), ("certificatePassword", "secret"), ("trustedAuthorities", TestCertificates.Authority.ExportCertificatePem()), ("do", "test"));
        Assert.Equal(HttpStatusCode.Found, good.StatusCode);
        var page = await hub.PageAsync($"/outgoing-mail-servers/{id:D}");
        Assert.NotNull(page.QuerySelector("[data-test=succeeded]"));
        Assert.Contains("CN=printer.hub.example", page.QuerySelector("[data-certificate]")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_TLS_a_certificate_is_refused()
    {
        using var client = IssueClient("relay.hub.example");
        var check = OutgoingServerRules.Check(new("Plain", "smtp", "localhost", "25", "none", null, null, null, null, true) { Authentication = "certificate", Certificate = new(client.Export(X509ContentType.Pkcs12, "p"), null, "p") }, null, Postrider.Entra.MicrosoftCloud.Worldwide, outlookInstalled: false);
        Assert.Equal("Certificate-based authentication requires a TLS transport.", check.Errors["Security"]);
        Assert.False(check.Errors.ContainsKey("Certificate"));
    }

    [Theory]
    [InlineData(61, null)]
    [InlineData(59, "certificate-ends-soon")]
    [InlineData(1, "certificate-ends-soon")]
    [InlineData(-1, "certificate-ended")]
    public void A_certificate_that_ends_is_warned_of(int days, string? code)
    {
        var now = new DateTimeOffset(2026, 11, 28, 9, 0, 0, TimeSpan.Zero);
        Assert.Equal(code, ServerWarnings.OfCertificate(new OutgoingServer { Name = "By certificate", Active = true, Certificate = new("CN=x", now.AddDays(days).AddHours(1)) }, now)?.Code);
    }

    [Fact]
    public async Task A_certificate_that_ends_stands_above_every_page_of_an_administrator()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var client = IssueClient("relay.hub.example", days: 20);
        var id = await MakeAsync(hub, new { name = "By certificate", kind = "smtp", host = "localhost", port = 1, fromFilter = "ann@hub.example", authentication = "certificate", certificate = Convert.ToBase64String(client.Export(X509ContentType.Pkcs12, "p")), certificatePassword = "p" });
        Assert.Contains("ends in 20 days", (await hub.PageAsync("/preferences")).QuerySelector("[data-problem=certificate-ends-soon]")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("certificate-ends-soon", (await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{id:D}")).GetProperty("warnings").ToString(), StringComparison.Ordinal);
        using var user = await hub.OpenBrowserOfUserAsync();
        Assert.Null((await hub.PageAsync("/preferences", user)).QuerySelector("[data-problem=certificate-ends-soon]"));
    }

    private static async Task<HttpResponseMessage> PostAsync(HubUnderTest hub, Guid id, params (string Name, string Value)[] values)
    {
        var path = $"/outgoing-mail-servers/{id:D}";
        var form = (await hub.PageAsync(path)).Forms.First(f => f.QuerySelector("input[name=_handler]")?.GetAttribute("value") == "server");
        using var content = new MultipartFormDataContent();
        foreach (var (name, value) in HubUnderTest.Fields(form).Select(field => (field.Key, field.Value)).Where(field => !values.Any(given => given.Name == field.Key)).Concat(values))
        {
            if (name is "certificate" or "certificateKey" or "trustedAuthorities") content.Add(new ByteArrayContent(Encoding.ASCII.GetBytes(value)), name, name + ".pem");
            else content.Add(new StringContent(value), name);
        }

        return await hub.Browser.PostAsync(path, content, Cancel);
    }

    private static async Task<Guid> MakeAsync(HubUnderTest hub, object server) => (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", server)).GetProperty("id").GetGuid();

    private static Task<JsonElement> TestAsync(HubUnderTest hub, Guid id) => hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{id:D}/test", new { });

    private static RSA Key(X509Certificate2 certificate) => certificate.GetRSAPrivateKey()!;

    private static X509Certificate2 IssueClient(string name, int days = 365)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], false));
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(TestCertificates.Authority, now.AddDays(-1), now.AddDays(days), RandomNumberGenerator.GetBytes(12));
        using var withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
