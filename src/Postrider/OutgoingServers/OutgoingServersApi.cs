using System.Globalization;
using Postrider.Apps;
using Postrider.Entra;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <param name="Kind"><c>outlook</c> or <c>smtp</c>.</param>
/// <param name="Security"><c>starttls</c> (when left out), <c>tls</c> or <c>none</c>.</param>
/// <param name="Password">Null or empty: the stored one stays.</param>
/// <param name="MaxConnections">1 to 50, 5 when left out; for Outlook always 3.</param>
/// <param name="MaxEmailSize">Megabytes over which the files of a mail go as download links, up to 150; 0: as <c>base.default_max_email_size</c> has it.</param>
/// <param name="Authentication"><c>login</c> (user name and password, or nothing; when left out) or <c>certificate</c>. Not for Outlook.</param>
/// <param name="Certificate">PEM with the client certificate and, if it is in the same file, its key; or PKCS #12 as base64. Left out: the stored one stays.</param>
/// <param name="CertificateKey">PEM, where it is not in <c>certificate</c>.</param>
/// <param name="CertificatePassword">Of the key or the PKCS #12 file.</param>
/// <param name="TrustedAuthorities">PEM of certificate authorities that this server alone trusts besides the system's. Left out: what is stored stays; empty: none.</param>
internal sealed record OutgoingServerRequest(string? Name, string? Kind, string? Host, int? Port, string? Security, string? UserName, string? Password, string? FromFilter, int? Sequence, bool? Active, int? MaxConnections = null, int? MaxEmailSize = null, string? Authentication = null, string? Certificate = null, string? CertificateKey = null, string? CertificatePassword = null, string? TrustedAuthorities = null);

/// <param name="ConnectProblem">What came of the last <em>Connect your Outlook account</em> when it ended badly or has not come back; null otherwise.</param>
internal sealed record OutgoingServerAnswer(Guid Id, string Name, string Kind, string Host, int Port, string Security, string? UserName, bool PasswordIsSet, string Authentication, ClientCertificate? Certificate, IReadOnlyList<TrustedAuthority> TrustedAuthorities, string FromFilter, int Sequence, bool Active, OutlookTokenAnswer? Outlook, Problem? ConnectProblem, long? SizeLimit, int? MaxEmailSize, Problem? Problem, DateTimeOffset? PausedUntil, int MaxConnections, HeldAnswer? Held, IReadOnlyList<WarningAnswer> Warnings);

/// <param name="Server">Null: about all of them.</param>
internal sealed record WarningAnswer(Guid? Server, string Code, string What, string Remedy)
{
    public static WarningAnswer Of(ServerWarning warning) => new(warning.Server?.Value, warning.Code, warning.What, warning.Remedy);
}

/// <param name="Offered">False: own servers are switched off.</param>
/// <param name="Active">Mail that the user makes under the own address goes through it.</param>
/// <param name="Server">Null: none was ever begun.</param>
internal sealed record PersonalServerAnswer(bool Offered, bool Active, string? Mailbox, Guid? Server, Problem? Problem, Problem? ConnectProblem);

/// <param name="Ticked">False: mailings go as other mail, and <see cref="Server"/> is null.</param>
internal sealed record DedicatedServerRecord(bool Ticked, Guid? Server);

/// <param name="Reason">Empty when none was given.</param>
/// <param name="By">The user's id; null: an API key whose user is gone.</param>
internal sealed record HeldAnswer(DateTimeOffset Since, string Reason, Guid? By);

/// <param name="Reason">One line, or nothing.</param>
internal sealed record HoldRequest(string? Reason);

/// <param name="Valid">A mailbox was signed in to with a token of this account, and nothing is wrong since.</param>
internal sealed record OutlookTokenAnswer(Guid AccountId, string UserName, bool Valid, DateTimeOffset? ProvedAt, string? ProvedFor, Problem? Problem);

/// <param name="Address">Where a browser with the same session goes on.</param>
internal sealed record ConnectAnswer(Uri Address);

/// <param name="SizeLimit">Bytes; null when the server names no limit.</param>
internal sealed record MaxLimitAnswer(long? SizeLimit, string Message);

internal sealed record ConnectionTestAnswer(bool Succeeded, DateTimeOffset At, string Message, Problem? Problem, IReadOnlyList<string> Transcript);

internal static class OutgoingServersApi
{
    public const string TestSucceeded = "Connection Test Successful!";
    public const string TestSucceededHint = "Nothing was sent. Whether the account may send as another address shows only when mail is sent.";

    public static void MapOutgoingServers(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/outgoing-servers").RequireAuthorization(Policies.Settings).WithTags("Outgoing servers");
        group.MapGet("", async (OutgoingServerReading reading, CancellationToken cancel) => Results.Ok(await reading.ListAsync(cancel)));
        group.MapGet("{id:guid}", async (Guid id, OutgoingServerReading reading, CancellationToken cancel) => await reading.FindAsync(new(id), cancel) is { } found ? Results.Ok(found) : NotFound());
        group.MapGet("warnings", async (OutgoingServerStore servers, ServerChooser chooser, CancellationToken cancel) =>
            Results.Ok(chooser.Warnings(await servers.ListAsync(cancel)).Select(WarningAnswer.Of))).WithSummary("Where the settings of all servers will probably disappoint somebody");
        group.MapGet("explain", async (string? from, string? user, bool? mailing, string? server, string? envelopeFrom, Explainer explainer, CancellationToken cancel) =>
        {
            var told = await explainer.AskAsync(new ExplainQuery(from, user, mailing == true, server, envelopeFrom), cancel);
            return told.Problem is { } problem ? Problems.ToResult(problem, StatusCodes.Status422UnprocessableEntity) : Results.Ok(ExplainAnswer.Of(told.From!, told.Decision!));
        }).WithSummary("Which server a mail would go through, under which From, and why; nothing is stored or sent").Produces<ExplainAnswer>();
        group.MapPost("", async (OutgoingServerRequest request, OutgoingServerForm form, OutgoingServerReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            var (id, check) = await form.SaveAsync(null, Draft(request, null), viewer, cancel);
            return id is { } saved ? Results.Created($"/api/v1/outgoing-servers/{saved.Value:D}", await reading.FindAsync(saved, cancel)) : Invalid(check);
        });
        group.MapPut("{id:guid}", async (Guid id, OutgoingServerRequest request, OutgoingServerForm form, OutgoingServerStore servers, OutgoingServerReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            if (await servers.FindAsync(new(id), cancel) is not { } known) return NotFound();
            var (saved, check) = await form.SaveAsync(known, Draft(request, known), viewer, cancel);
            return saved is null ? Invalid(check) : Results.Ok(await reading.FindAsync(new(id), cancel));
        });
        group.MapPost("{id:guid}/connect", async (Guid id, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
        {
            var start = await connect.StartAsync(OutgoingServerTarget.KindWord, id, viewer, cancel);
            return start.Address is { } address ? Results.Ok(new ConnectAnswer(address)) : Problems.ToResult(start.Problem!, StatusCodes.Status409Conflict);
        });
        group.MapPost("{id:guid}/hold", (Guid id, HoldRequest? request, OutgoingServerStore servers, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
            DoneAsync(database.WriteAsync(tx => servers.Hold(tx, new(id), request?.Reason, viewer.UserId), cancel)));
        group.MapPost("{id:guid}/release", (Guid id, OutgoingServerStore servers, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
            DoneAsync(database.WriteAsync(tx => servers.Release(tx, new(id), viewer.UserId), cancel)));
        group.MapPost("{id:guid}/detect-max-limit", async (Guid id, ConnectionTest test, OutgoingServerStore servers, Viewer viewer, CancellationToken cancel) =>
        {
            if (await servers.FindAsync(new(id), cancel) is null) return NotFound();
            if (await test.DetectMaxLimitAsync(new(id), viewer.UserId, cancel) is { } problem) return Problems.ToResult(problem, StatusCodes.Status409Conflict);
            var server = (await servers.FindAsync(new(id), cancel))!;
            return Results.Ok(new MaxLimitAnswer(server.SizeLimit, MaxLimitFound(server)));
        });
        group.MapPost("{id:guid}/test", async (Guid id, ConnectionTest test, Viewer viewer, CancellationToken cancel) =>
            await test.RunAsync(new(id), viewer.UserId, cancel) is { } result
                ? Results.Ok(new ConnectionTestAnswer(result.Problem is null, result.At, result.Problem is null ? $"{TestSucceeded} {TestSucceededHint}" : result.Problem.What, result.Problem, result.Transcript))
                : NotFound());

        var dedicated = app.MapGroup("/api/v1/settings/dedicated-server").RequireAuthorization(Policies.Settings).WithTags("Settings");
        dedicated.MapGet("", (SystemParameters parameters) => new DedicatedServerRecord(parameters.DedicatedServer is not null, parameters.DedicatedServer)).WithSummary("Dedicated Server of Email Marketing");
        dedicated.MapPut("", async (DedicatedServerRecord request, DedicatedServer block, SystemParameters parameters, Viewer viewer, CancellationToken cancel) =>
            await block.SetAsync(request.Ticked, request.Server is { } id ? new(id) : null, viewer, cancel) is { } problem
                ? Problems.ToResult(problem, StatusCodes.Status422UnprocessableEntity)
                : Results.Ok(new DedicatedServerRecord(parameters.DedicatedServer is not null, parameters.DedicatedServer))).WithSummary("Send mailings through a server of their own").Produces<DedicatedServerRecord>();
    }

    /// <summary>What <em>Detect Max Limit</em> found.</summary>
    public static string MaxLimitFound(OutgoingServer server) =>
        server.SizeLimit is { } limit ? OutgoingServersTexts.MaxLimit.With(server.Name, limit / 1048576) : OutgoingServersTexts.NoMaxLimit.With(server.Name);

    /// <summary>The viewer's own mailbox, without the right Settings.</summary>
    public static void MapPersonalServer(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/preferences/mail-server").RequireAuthorization(Policies.SignedIn).WithTags("Preferences");
        group.MapGet("", async (PersonalServer personal, Viewer viewer, CancellationToken cancel) =>
        {
            var (server, account, attempt) = await personal.FindAsync(viewer.UserId, cancel);
            return Results.Ok(new PersonalServerAnswer(personal.IsOffered, server is { Active: true }, server?.UserName, server?.Id.Value, account?.Problem ?? server?.Problem, attempt));
        }).WithSummary("One's own mailbox as outgoing server").Produces<PersonalServerAnswer>();
        group.MapPost("connect", async (PersonalServer personal, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
        {
            var (id, problem) = await personal.PrepareAsync(viewer, cancel);
            if (problem is not null) return Problems.ToResult(problem, StatusCodes.Status409Conflict);
            var start = await connect.StartAsync(PersonalServer.KindWord, id!.Value.Value, viewer, cancel);
            return start.Address is { } address ? Results.Ok(new ConnectAnswer(address)) : Problems.ToResult(start.Problem!, StatusCodes.Status409Conflict);
        }).WithSummary("Connect it: the answer is the address at Microsoft that a browser with the same session opens").Produces<ConnectAnswer>();
        group.MapDelete("", async (PersonalServer personal, Viewer viewer, CancellationToken cancel) =>
            await personal.SwitchBackAsync(viewer, cancel) is { } problem ? Problems.ToResult(problem, StatusCodes.Status404NotFound) : Results.NoContent()).WithSummary("Switch back to the default server");
    }

    private static async Task<IResult> DoneAsync(Task<Problem?> deed) =>
        await deed is { } problem ? Problems.ToResult(problem, problem == OutgoingServersProblems.NotFound ? StatusCodes.Status404NotFound : StatusCodes.Status422UnprocessableEntity) : Results.NoContent();

    private static IResult NotFound() => Problems.ToResult(OutgoingServersProblems.NotFound, StatusCodes.Status404NotFound);

    private static IResult Invalid(OutgoingServerCheck check) => Problems.ToResult(check.Problem!, check.Refusal is null ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status409Conflict);

    // What a PUT leaves out stays as it is.
    private static OutgoingServerDraft Draft(OutgoingServerRequest request, OutgoingServer? known) => new(
        request.Name ?? known?.Name, request.Kind ?? (known is null ? null : OutgoingServerRules.Word(known.Kind)), request.Host ?? known?.Host,
        (request.Port ?? known?.Port)?.ToString(CultureInfo.InvariantCulture), request.Security ?? (known is null ? null : OutgoingServerRules.Word(known.Security)), request.UserName ?? known?.UserName, request.Password,
        request.FromFilter ?? known?.FromFilter, (request.Sequence ?? known?.Sequence)?.ToString(CultureInfo.InvariantCulture), request.Active ?? known?.Active ?? true,
        request.MaxConnections?.ToString(CultureInfo.InvariantCulture), (request.MaxEmailSize ?? known?.MaxEmailSize)?.ToString(CultureInfo.InvariantCulture))
    {
        Authentication = request.Authentication,
        // What is neither PEM nor base64 is told so by the reader of certificates.
        Certificate = new(ServerCertificates.OfText(request.Certificate) ?? "?"u8.ToArray(), ServerCertificates.OfText(request.CertificateKey) ?? "?"u8.ToArray(), request.CertificatePassword),
        TrustedAuthorities = request.TrustedAuthorities,
    };
}

/// <summary>Servers as the API shows them.</summary>
internal sealed class OutgoingServerReading(HubDatabase database, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, ServerChooser chooser)
{
    public Task<IReadOnlyList<OutgoingServerAnswer>> ListAsync(CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<OutgoingServerAnswer>>(reader =>
    {
        var all = servers.List(reader);
        var warnings = chooser.Warnings(all);
        return [.. all.Select(server => Answer(reader, server, warnings))];
    }, cancellationToken);

    /// <returns>Null when there is no such server.</returns>
    public Task<OutgoingServerAnswer?> FindAsync(OutgoingServerId id, CancellationToken cancellationToken) => database.ReadAsync(reader =>
    {
        var all = servers.List(reader);
        return all.FirstOrDefault(server => server.Id == id) is { } server ? Answer(reader, server, chooser.Warnings(all)) : null;
    }, cancellationToken);

    private OutgoingServerAnswer Answer(HubReader reader, OutgoingServer server, IReadOnlyList<ServerWarning> warnings)
    {
        var account = accounts.Find(reader, server.AccountId);
        return new(
            server.Id.Value, server.Name, OutgoingServerRules.Word(server.Kind), server.Host, server.Port, OutgoingServerRules.Word(server.Security), server.UserName, server.PasswordIsSet, OutgoingServerRules.AuthenticationOf(server), server.Certificate, ServerCertificates.Shown(server.TrustedAuthorities), server.FromFilter, server.Sequence, server.Active,
            account is null ? null : new(account.Id.Value, account.UserName, account.ProvedAt is not null && account.Problem is null && server.Problem is null, account.ProvedAt, account.ProvedFor, account.Problem),
            requests.LastProblem(reader, OutgoingServerTarget.KindWord, server.Id.Value, account), server.SizeLimit, server.MaxEmailSize, server.Problem, server.PausedUntil, server.MaxConnections, server.HeldAt is { } held ? new(held, server.HeldReason ?? "", server.HeldBy) : null,
            [.. warnings.Where(warning => warning.Server == server.Id).Select(WarningAnswer.Of)]);
    }
}

/// <summary>Saves a draft: the one way, for page and API.</summary>
internal sealed class OutgoingServerForm(OutgoingServerStore servers, InstalledApps apps, MicrosoftCloud cloud)
{
    /// <returns>The id, or null with what is wrong.</returns>
    public async Task<(OutgoingServerId? Id, OutgoingServerCheck Check)> SaveAsync(OutgoingServer? known, OutgoingServerDraft draft, Viewer viewer, CancellationToken cancellationToken)
    {
        var check = OutgoingServerRules.Check(draft, known, cloud, apps.IsInstalled(InstalledApps.MicrosoftOutlook));
        if (check.Server is not { } server) return (null, check);
        var (id, problem) = await servers.SaveAsync(server, draft.Password, check.Pfx, viewer.UserId, cancellationToken);
        return problem is null ? (id, check) : (null, check with { Refusal = problem });
    }
}
