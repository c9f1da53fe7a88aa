using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Postrider.Sandbox.Certificates;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;
using Postrider.Sandbox.Portal;

namespace Postrider.Sandbox;

/// <summary>The sandbox's entry point: a Microsoft 365 on one machine.</summary>
public static class Tenant
{
    public static async Task<int> Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        await using var running = await StartAsync(new TenantOptions(), CancellationToken.None);
        return 0;
    }

    /// <summary>Returns when everything listens.</summary>
    public static async Task<RunningTenant> StartAsync(TenantOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(options);
        var endings = new Stack<Func<ValueTask>>();
        try
        {
            return await StartAsync(options, endings, cancel);
        }
        catch
        {
            while (endings.TryPop(out var end)) await end();
            throw;
        }
    }

    private static async Task<RunningTenant> StartAsync(TenantOptions options, Stack<Func<ValueTask>> endings, CancellationToken cancel)
    {
        var folder = options.Folder ?? System.IO.Directory.CreateTempSubdirectory("postrider-sandbox-").FullName;
        if (options.Folder is null) endings.Push(() => { System.IO.Directory.Delete(folder, recursive: true); return ValueTask.CompletedTask; });
        System.IO.Directory.CreateDirectory(folder);

        var authority = CertificateAuthority.LoadOrCreate(Path.Combine(folder, "authority.key.pem"), TimeProvider.System);
        endings.Push(() => { authority.Dispose(); return ValueTask.CompletedTask; });
        var authorityFile = Path.Combine(folder, "authority.pem");
        await File.WriteAllTextAsync(authorityFile, authority.Pem, cancel);
        var certificate = authority.Issue(["localhost"], [.. new[] { IPAddress.Loopback, IPAddress.IPv6Loopback, options.Address }.Distinct()], TimeProvider.System);
        endings.Push(() => { certificate.Dispose(); return ValueTask.CompletedTask; });

        var directory = new EntraDirectory(options.Clock);
        var grants = new Grants(options.Clock, new Random(options.Chance));
        var signingKey = SigningKey.LoadOrCreate(Path.Combine(folder, "signing.key.pem"));
        endings.Push(() => { signingKey.Dispose(); return ValueTask.CompletedTask; });
        if (options.Seed) TenantSeed.Plant(directory);

        // Named and rooted here, because the Demo and the tests host this beside other applications.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = "postrider-sandbox", ContentRootPath = AppContext.BaseDirectory, EnvironmentName = Environments.Production });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(options.Address, options.HttpPort);
            kestrel.Listen(options.Address, options.HttpsPort, listen => listen.UseHttps(certificate));
        });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(options.Clock);
        builder.Services.AddSingleton(directory);
        builder.Services.AddSingleton(grants);
        builder.Services.AddSingleton(signingKey);
        builder.Services.AddEntra();
        builder.Services.AddPortal();

        var app = builder.Build();
        endings.Push(app.DisposeAsync);
        app.UseAntiforgery();
        app.MapEntra();
        app.MapPortal();
        await app.StartAsync(cancel);

        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a)).ToList();
        return new RunningTenant(endings)
        {
            Http = addresses.First(a => a.Scheme == Uri.UriSchemeHttp),
            Https = addresses.First(a => a.Scheme == Uri.UriSchemeHttps),
            CertificateAuthorityFile = authorityFile,
            Directory = directory,
        };
    }
}
