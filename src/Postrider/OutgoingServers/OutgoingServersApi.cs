using System.Globalization;
using Postrider.Apps;
using Postrider.Entra;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <param name="Kind"><c>outlook</c> or <c>smtp</c>.</param>
/// <param name="Security"><c>starttls</c> (when left out), <c>tls</c> or <c>none</c>.</param>
/// <param name="Password">Null or empty: the stored one stays.</param>
/// <param name="MaxConnections">1 to 50, 5 when left out; for Outlook always 3.</param>
internal sealed record OutgoingServerRequest(string? Name, string? Kind, string? Host, int? Port, string? Security, string? UserName, string? Password, string? FromFilter, int? Sequence, bool? Active, int? MaxConnections = null);

/// <param name="ConnectProblem">What came of the last <em>Connect your Outlook account</em> when it ended badly or has not come back; null otherwise.</param>
internal sealed record OutgoingServerAnswer(Guid Id, string Name, string Kind, string Host, int Port, string Security, string? UserName, bool PasswordIsSet, string FromFilter, int Sequence, bool Active, OutlookTokenAnswer? Outlook, Problem? ConnectProblem, long? SizeLimit, Problem? Problem, DateTimeOffset? PausedUntil, int MaxConnections);

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
        group.MapGet("", async (OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, HubDatabase database, CancellationToken cancel) =>
            Results.Ok(await database.ReadAsync(reader => servers.List(reader).Select(server => Answer(reader, server, accounts, requests)).ToList(), cancel)));
        group.MapGet("{id:guid}", async (Guid id, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, HubDatabase database, CancellationToken cancel) =>
            await FindAsync(new(id), servers, accounts, requests, database, cancel) is { } found ? Results.Ok(found) : NotFound());
        group.MapPost("", async (OutgoingServerRequest request, OutgoingServerForm form, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
        {
            var (id, check) = await form.SaveAsync(null, Draft(request, null), viewer, cancel);
            return id is { } saved ? Results.Created($"/api/v1/outgoing-servers/{saved.Value:D}", await FindAsync(saved, servers, accounts, requests, database, cancel)) : Invalid(check);
        });
        group.MapPut("{id:guid}", async (Guid id, OutgoingServerRequest request, OutgoingServerForm form, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
        {
            if (await servers.FindAsync(new(id), cancel) is not { } known) return NotFound();
            var (saved, check) = await form.SaveAsync(known, Draft(request, known), viewer, cancel);
            return saved is null ? Invalid(check) : Results.Ok(await FindAsync(new(id), servers, accounts, requests, database, cancel));
        });
        group.MapPost("{id:guid}/connect", async (Guid id, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
        {
            var start = await connect.StartAsync(OutgoingServerTarget.KindWord, id, viewer, cancel);
            return start.Address is { } address ? Results.Ok(new ConnectAnswer(address)) : Problems.ToResult(start.Problem!, StatusCodes.Status409Conflict);
        });
        group.MapPost("{id:guid}/detect-max-limit", async (Guid id, ConnectionTest test, OutgoingServerStore servers, CancellationToken cancel) =>
        {
            if (await servers.FindAsync(new(id), cancel) is null) return NotFound();
            if (await test.ProveAsync(new(id), cancel) is { } problem) return Problems.ToResult(problem, StatusCodes.Status409Conflict);
            var server = (await servers.FindAsync(new(id), cancel))!;
            return Results.Ok(new MaxLimitAnswer(server.SizeLimit, MaxLimitFound(server)));
        });
        group.MapPost("{id:guid}/test", async (Guid id, ConnectionTest test, Viewer viewer, CancellationToken cancel) =>
            await test.RunAsync(new(id), viewer.UserId, cancel) is { } result
                ? Results.Ok(new ConnectionTestAnswer(result.Problem is null, result.At, result.Problem is null ? $"{TestSucceeded} {TestSucceededHint}" : result.Problem.What, result.Problem, result.Transcript))
                : NotFound());
    }

    /// <summary>What <em>Detect Max Limit</em> found.</summary>
    public static string MaxLimitFound(OutgoingServer server) =>
        server.SizeLimit is { } limit ? OutgoingServersTexts.MaxLimit.With(server.Name, limit / 1048576) : OutgoingServersTexts.NoMaxLimit.With(server.Name);

    private static IResult NotFound() => Problems.ToResult(OutgoingServersProblems.NotFound, StatusCodes.Status404NotFound);

    private static IResult Invalid(OutgoingServerCheck check) => Problems.ToResult(check.Problem!, StatusCodes.Status422UnprocessableEntity);

    private static Task<OutgoingServerAnswer?> FindAsync(OutgoingServerId id, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, HubDatabase database, CancellationToken cancel) =>
        database.ReadAsync(reader => servers.Find(reader, id) is { } server ? Answer(reader, server, accounts, requests) : null, cancel);

    private static OutgoingServerAnswer Answer(HubReader reader, OutgoingServer server, OutlookAccountStore accounts, ConnectRequestStore requests)
    {
        var account = accounts.Find(reader, server.AccountId);
        return new(
            server.Id.Value, server.Name, OutgoingServerRules.Word(server.Kind), server.Host, server.Port, OutgoingServerRules.Word(server.Security), server.UserName, server.PasswordIsSet, server.FromFilter, server.Sequence, server.Active,
            account is null ? null : new(account.Id.Value, account.UserName, account.ProvedAt is not null && account.Problem is null && server.Problem is null, account.ProvedAt, account.ProvedFor, account.Problem),
            requests.LastProblem(reader, OutgoingServerTarget.KindWord, server.Id.Value, account), server.SizeLimit, server.Problem, server.PausedUntil, server.MaxConnections);
    }

    // What a PUT leaves out stays as it is.
    private static OutgoingServerDraft Draft(OutgoingServerRequest request, OutgoingServer? known) => new(
        request.Name ?? known?.Name, request.Kind ?? (known is null ? null : OutgoingServerRules.Word(known.Kind)), request.Host ?? known?.Host,
        (request.Port ?? known?.Port)?.ToString(CultureInfo.InvariantCulture), request.Security ?? (known is null ? null : OutgoingServerRules.Word(known.Security)), request.UserName ?? known?.UserName, request.Password,
        request.FromFilter ?? known?.FromFilter, (request.Sequence ?? known?.Sequence)?.ToString(CultureInfo.InvariantCulture), request.Active ?? known?.Active ?? true,
        request.MaxConnections?.ToString(CultureInfo.InvariantCulture));
}

/// <summary>Saves a draft: the one way, for page and API.</summary>
internal sealed class OutgoingServerForm(OutgoingServerStore servers, InstalledApps apps, MicrosoftCloud cloud)
{
    /// <returns>The id, or null with what is wrong.</returns>
    public async Task<(OutgoingServerId? Id, OutgoingServerCheck Check)> SaveAsync(OutgoingServer? known, OutgoingServerDraft draft, Viewer viewer, CancellationToken cancellationToken)
    {
        var check = OutgoingServerRules.Check(draft, known, cloud, apps.IsInstalled(InstalledApps.MicrosoftOutlook));
        return check.Server is { } server ? (await servers.SaveAsync(server, draft.Password, viewer.UserId, cancellationToken), check) : (null, check);
    }
}
