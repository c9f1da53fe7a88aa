using Postrider.Sandbox;
using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

/// <summary>A sandbox that the tests of one class share; each registers its own applications.</summary>
public sealed class PortalUnderTest : IAsyncLifetime
{
    public RunningTenant Sandbox { get; private set; } = null!;

    internal EntraTenant Bakery => Sandbox.Directory.FindTenant("meadow.example")!;

    public async ValueTask InitializeAsync() => Sandbox = await Tenant.StartAsync(new TenantOptions(), TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => Sandbox.DisposeAsync();

    internal async Task<PlainBrowser> SignInAsync(string address = "admin@meadow.example", string path = "/")
    {
        var browser = new PlainBrowser(Sandbox.Http);
        await browser.OpenAsync(path);
        browser.Fill("Email address", address);
        await browser.PressAsync("Next");
        browser.Fill("Password", TenantSeed.Password);
        await browser.PressAsync("Sign in");
        return browser;
    }

    internal AppRegistration Register(string name, SignInAudience audience = SignInAudience.AzureADandPersonalMicrosoftAccount, EntraTenant? tenant = null) =>
        Sandbox.Directory.Register((tenant ?? Bakery).Id, name, audience).Value!;

    internal AppRegistration? Find(string name) => Sandbox.Directory.FindApplications(Bakery.Id).SingleOrDefault(a => a.DisplayName == name);

    internal static string Place(AppRegistration app) => $"/entra/app-registrations/{app.ClientId}";
}
