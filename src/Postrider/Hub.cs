using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.HttpOverrides;
using Postrider.Apps;
using Postrider.Conversations;
using Postrider.Entra;
using Postrider.IncomingMail;
using Postrider.IncomingServers;
using Postrider.Journal;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.OutlookAccounts;
using Postrider.OutlookCredentials;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Submission;
using Postrider.Telemetry;
using Postrider.Users;
using Postrider.Web;

namespace Postrider;

/// <summary>The hub's entry point and table of contents.</summary>
public static class Hub
{
    public static Task<int> Main(string[] args) => CommandLine.Make().Parse(args).InvokeAsync();

    /// <summary>Starts a hub and returns when it answers requests.</summary>
    /// <exception cref="StartRefusedException">It cannot start as it is set up; nothing has been changed.</exception>
    public static async Task<RunningHub> StartAsync(HubOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        RefusePortInUse(options.Port);
        var roots = TrustedRoots.Load(options.TrustCertificateFile);
        var submission = SubmissionAddresses.Load(options.Submission, options.SubmissionTls, options.SubmissionCertificateFile);
        // The database is there before the host and after it, so its log is too.
        var log = LoggerFactory.Create(logging => logging.SetMinimumLevel(options.Quiet ? LogLevel.Error : LogLevel.Information).AddConsole());
        HubDatabase? database = null;
        try
        {
            database = HubDatabase.Open(options.DataFolder, options.Database, options.Clock, log.CreateLogger<HubDatabase>());
            return await StartAsync(options, roots, submission, database, log, cancellationToken);
        }
        catch
        {
            // The folder must be free for the next try.
            if (database is not null) await database.DisposeAsync();
            log.Dispose();
            throw;
        }
    }

    private static async Task<RunningHub> StartAsync(HubOptions options, TrustedRoots roots, SubmissionAddresses submission, HubDatabase database, ILoggerFactory log, CancellationToken cancellationToken)
    {
        var keyFile = await KeyFile.OpenAsync(database, options.Clock, cancellationToken);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = "postrider", ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseStaticWebAssets();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, options.Port));
        builder.Logging.SetMinimumLevel(options.Quiet ? LogLevel.Error : LogLevel.Information);
        if (!options.Quiet) builder.Logging.AddFilter("Microsoft", LogLevel.Warning);

        var services = builder.Services;
        services.AddSingleton(options.Clock);
        services.AddSingleton(options.Cloud);
        // The floor.
        services.AddStorage(database, keyFile, options.FreeBytes);
        services.AddWeb(roots);
        services.AddJournal();
        services.AddSettings();
        services.AddUsers();
        services.AddApps();
        // The folders, in the order a message meets them.
        services.AddEntra();
        services.AddOutlookCredentials();
        services.AddOutlookAccounts();
        services.AddOutgoingServers();
        services.AddOutgoingMail();
        services.AddSubmission(submission);
        services.AddConversations();
        services.AddIncomingMail();
        services.AddIncomingServers();

        var app = builder.Build();
        // Its own address is known only once it listens, and the first request may come before that is stored.
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        app.Use(async (http, next) =>
        {
            await ready.Task.WaitAsync(http.RequestAborted);
            await next(http);
        });
        // A proxy on this machine says whether the browser came over TLS and from where; a proxy elsewhere is not believed, and no header names the host: web.base.url does.
        app.UseForwardedHeaders(new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedFor });
        app.UseSecurityHeaders(options.Cloud.Login);
        app.UseProblemPages();
        app.UseAssets();
        app.UseDeveloperMode();
        app.UseRouting();
        app.UseSameOrigin();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseTakesFiles();
        app.UseAntiforgery();
        app.MapWeb();
        app.MapJournal();
        app.MapSettings();
        app.MapUsers();
        app.MapApps();
        // The folders' pages and API, in the same order.
        app.MapOutlookCredentials();
        app.MapOutlookAccounts();
        app.MapOutgoingServers();
        app.MapSendingBudgets();
        app.MapPersonalServer();
        app.MapOutgoingMail();
        app.MapDownloadLinks();
        app.MapSuppressedAddresses();
        app.MapSubmission();
        app.MapConversations();
        app.MapIncomingMail();
        app.MapIncomingServers();

        var parameters = app.Services.GetRequiredService<SystemParameters>();
        await parameters.LoadAsync(cancellationToken);
        await app.Services.GetRequiredService<InstalledApps>().LoadAsync(cancellationToken);
        await app.Services.GetRequiredService<ReplyTokens>().LoadAsync(cancellationToken);
        await app.Services.GetRequiredService<SendAsKnowledge>().LoadAsync(database, cancellationToken);
        await app.Services.GetRequiredService<RestoreWatch>().CheckAsync(cancellationToken);
        await ListenAsync(app, cancellationToken);
        var bound = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        var address = new UriBuilder("http", "localhost", bound.Port).Uri;
        await parameters.SetFirstBaseUrlAsync(address, cancellationToken);
        ready.SetResult();
        var setupLink = await app.Services.GetRequiredService<People>().HasAdministratorAsync(cancellationToken) ? null : app.Services.GetRequiredService<SetupLink>().At(address);
        return new RunningHub(app, address, setupLink, database, log);
    }

    private static async Task ListenAsync(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            // Stopped first: what already runs in the background must not find its services gone.
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
            throw;
        }
    }

    // Asked before anything is opened: the server would find out too, after half the hub has started.
    private static void RefusePortInUse(int port)
    {
        using var probe = new TcpListener(IPAddress.Loopback, port);
        try
        {
            probe.Start();
        }
        catch (SocketException failure) when (failure.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            throw new StartRefusedException("port-in-use", $"The port of --port, {port}, is in use by another program, or may not be used.", "Stop that program, or give --port another number; 0 takes a free one.", failure);
        }
    }
}
