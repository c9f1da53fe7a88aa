using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Postrider.Sandbox.Certificates;
using Postrider.Sandbox.Control;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;
using Postrider.Sandbox.Exchange;
using Postrider.Sandbox.Outlook;
using Postrider.Sandbox.Portal;

namespace Postrider.Sandbox;

/// <summary>The sandbox's entry point: a Microsoft 365 on one machine.</summary>
public static class Tenant
{
    public static Task<int> Main(string[] args)
    {
        var data = new Option<string?>("--data") { Description = "Folder in which the directory and the mailboxes are kept. Without it they are gone at the end." };
        var address = new Option<IPAddress>("--address") { Description = "Address to listen on.", DefaultValueFactory = _ => IPAddress.Loopback, CustomParser = r => IPAddress.TryParse(r.Tokens[0].Value, out var ip) ? ip : Refuse(r) };
        var http = new Option<int>("--http-port") { Description = "Portal, Entra, mailboxes, control.", DefaultValueFactory = _ => 3650 };
        var https = new Option<int>("--https-port") { Description = "The same with TLS.", DefaultValueFactory = _ => 3651 };
        var smtp = new Option<int>("--smtp-port") { Description = "Submission with STARTTLS.", DefaultValueFactory = _ => 3587 };
        var imap = new Option<int>("--imap-port") { Description = "IMAP with TLS.", DefaultValueFactory = _ => 3993 };
        var command = new RootCommand("A local Microsoft 365 to practise on: Entra, the portal, Exchange SMTP and IMAP.") { data, address, http, https, smtp, imap };
        command.SetAction((parsed, cancel) => RunAsync(
            new TenantOptions
            {
                Folder = parsed.GetValue(data),
                Address = parsed.GetValue(address)!,
                HttpPort = parsed.GetValue(http),
                HttpsPort = parsed.GetValue(https),
                SmtpPort = parsed.GetValue(smtp),
                ImapPort = parsed.GetValue(imap),
            },
            cancel));
        return command.Parse(args).InvokeAsync();
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
        // Where things are kept. Without a folder a temporary one holds the authority's PEM file, which peers read.
        var folder = options.Folder ?? System.IO.Directory.CreateTempSubdirectory("postrider-sandbox-").FullName;
        if (options.Folder is null) endings.Push(() => { System.IO.Directory.Delete(folder, recursive: true); return ValueTask.CompletedTask; });
        System.IO.Directory.CreateDirectory(folder);

        // Certificates and keys.
        var authority = Disposed(CertificateAuthority.LoadOrCreate(Path.Combine(folder, "authority.key.pem"), TimeProvider.System), endings);
        var authorityFile = Path.Combine(folder, "authority.pem");
        await File.WriteAllTextAsync(authorityFile, authority.Pem, cancel);
        var certificate = Disposed(authority.Issue(["localhost"], [.. new[] { IPAddress.Loopback, IPAddress.IPv6Loopback, options.Address }.Distinct()], TimeProvider.System), endings);
        var signingKey = Disposed(SigningKey.LoadOrCreate(Path.Combine(folder, "signing.key.pem")), endings);

        // What there is, as it was left or as it is seeded.
        var keptFolder = options.Folder is null ? null : folder;
        var clock = StartClock(options.Clock, keptFolder);
        var directory = new EntraDirectory(clock);
        var grants = new Grants(clock, new Random(options.Chance), keptFolder is null ? null : new RefreshTokenFile(Path.Combine(keptFolder, "refresh-tokens.jsonl"), clock));
        var mailboxes = new Mailboxes(clock, keptFolder is null ? null : Path.Combine(keptFolder, "mailboxes"));
        var transport = new Transport(mailboxes, clock);
        if (!Restore(keptFolder, directory, mailboxes) && options.Seed) TenantSeed.Plant(directory, mailboxes);

        // Exchange.
        var faults = new Faults();
        var script = new SmtpScript(clock);
        var stopping = Disposed(new CancellationTokenSource(), endings);
        var submission = new SubmissionBackend(directory, grants, mailboxes, transport, script, clock, options.SkipWaits, stopping.Token);
        var smtp = ExchangeFeature.StartSmtp(new(options.Address, options.SmtpPort), certificate, submission, faults.Add);
        endings.Push(smtp.DisposeAsync);
        // Before the server, which waits for the messages that it has not answered.
        endings.Push(() => new(stopping.CancelAsync()));
        var imap = ExchangeFeature.StartImap(new(options.Address, options.ImapPort), certificate, directory, grants, mailboxes, clock, options.ImapTranscript, faults.Add);
        endings.Push(imap.DisposeAsync);

        // Entra, the portal, mailboxes, control: one application on two doors.
        var app = BuildApplication(options, certificate);
        endings.Push(app.DisposeAsync);
        await app.StartAsync(cancel);
        faults.Tell(app.Logger);

        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a)).ToList();
        var running = new RunningTenant(endings)
        {
            Http = addresses.First(a => a.Scheme == Uri.UriSchemeHttp),
            Https = addresses.First(a => a.Scheme == Uri.UriSchemeHttps),
            Smtp = smtp.LocalEndPoint,
            Imap = imap.LocalEndPoint,
            CertificateAuthorityFile = authorityFile,
            Directory = directory,
            Mailboxes = mailboxes,
            Transport = transport,
            SmtpScript = script,
            Clock = clock,
            Grants = grants,
            Faults = faults,
        };
        return running;

        WebApplication BuildApplication(TenantOptions how, X509Certificate2 tls)
        {
            // Named and rooted here, because the Demo and the tests host this beside other applications.
            var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = "postrider-sandbox", ContentRootPath = AppContext.BaseDirectory, EnvironmentName = Environments.Production });
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Listen(how.Address, how.HttpPort);
                kestrel.Listen(how.Address, how.HttpsPort, listen => listen.UseHttps(tls));
            });
            builder.Logging.ClearProviders();
            if (how.LogToConsole) builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning)
                    // It warns that the pages forbid caching more strictly than it does.
                    .AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Error);
            // Whoever started this stops it: Ctrl+C is theirs to hear.
            builder.Services.AddSingleton<IHostLifetime, StoppedByOwner>();
            builder.Services.AddSingleton<TimeProvider>(clock);
            builder.Services.AddSingleton(clock);
            builder.Services.AddSingleton(directory);
            builder.Services.AddSingleton(grants);
            builder.Services.AddSingleton(signingKey);
            builder.Services.AddSingleton(mailboxes);
            builder.Services.AddSingleton(transport);
            builder.Services.AddSingleton(script);
            builder.Services.AddSingleton(new Doors(smtp.LocalEndPoint, imap.LocalEndPoint, authorityFile));
            builder.Services.AddEntra();
            builder.Services.AddPortal();

            var web = builder.Build();
            web.UseMiddleware<KnownHosts>(how.Address);
            web.UseAntiforgery();
            web.MapEntra();
            web.MapPortal();
            web.MapOutlook();
            web.MapControl();
            return web;
        }
    }

    private static async Task<int> RunAsync(TenantOptions options, CancellationToken cancel)
    {
        try
        {
            await using var running = await StartAsync(options with { LogToConsole = true }, cancel);
            Console.WriteLine($"""
                Portal      {running.Http}
                Entra       {running.Http}common/v2.0/.well-known/openid-configuration
                            {running.Https}common/v2.0/.well-known/openid-configuration
                Mailboxes   {running.Http}outlook
                Control     {running.Http}control
                SMTP        {running.Smtp}, STARTTLS
                IMAP        {running.Imap}, TLS
                Trust       {running.CertificateAuthorityFile}
                Sign in as  {string.Join(", ", running.Directory.Users.Select(u => u.UserPrincipalName))}
                            with the password {TenantSeed.Password}
                Ctrl+C stops it.
                """);
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            // Cancelled by Ctrl+C and SIGTERM.
            await using (cancel.Register(stopped.SetResult)) await stopped.Task;
            return 0;
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            // A port that is taken, a folder that cannot be written.
            await Console.Error.WriteLineAsync($"The sandbox cannot start: {e.Message}. The ports {options.HttpPort}, {options.HttpsPort}, {options.SmtpPort} and {options.ImapPort} must be free, or others be given (--help names the options), and the folder must be writable.");
            return 1;
        }
    }

    private static TenantClock StartClock(TimeProvider inner, string? folder)
    {
        if (folder is null) return new(inner);
        TenantClock? clock = null;
        var kept = new KeptState<KeptClock>(Path.Combine(folder, "clock.json"), () => new(clock!.Ahead));
        clock = new(inner, kept.Load()?.Ahead ?? TimeSpan.Zero);
        clock.Moved += kept.Save;
        return clock;
    }

    /// <returns>False when the folder holds no directory yet, or there is no folder.</returns>
    private static bool Restore(string? folder, EntraDirectory directory, Mailboxes mailboxes)
    {
        if (folder is null) return false;
        var keptDirectory = new KeptState<DirectoryState>(Path.Combine(folder, "directory.json"), directory.Snapshot);
        var keptMailboxes = new KeptState<MailboxesState>(Path.Combine(folder, "mailboxes.json"), mailboxes.Snapshot);
        var found = keptDirectory.Load();
        if (found is not null) directory.Restore(found);
        if (keptMailboxes.Load() is { } boxes) mailboxes.Restore(boxes);
        directory.Changed += keptDirectory.Save;
        mailboxes.Changed += keptMailboxes.Save;
        return found is not null;
    }

    private sealed record KeptClock(TimeSpan Ahead);

    private static IPAddress Refuse(System.CommandLine.Parsing.ArgumentResult result)
    {
        result.AddError($"'{result.Tokens[0].Value}' is not an IP address.");
        return IPAddress.Loopback;
    }

    private static T Disposed<T>(T what, Stack<Func<ValueTask>> endings) where T : IDisposable
    {
        endings.Push(() => { what.Dispose(); return ValueTask.CompletedTask; });
        return what;
    }

    private sealed class StoppedByOwner : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
