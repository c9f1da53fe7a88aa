using Postrider.Mail.Imap;
using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <param name="Kind">outlook, imap or pop3.</param>
/// <param name="State">draft or confirmed.</param>
/// <param name="Starts">now, everything or days.</param>
/// <param name="Unrouted">conversation or quarantine: where mail goes that answers nothing and names no alias.</param>
/// <param name="DefaultInbox">The inbox that such conversations stand in; null: in none.</param>
/// <param name="ConnectProblem">What came of the last <em>Connect your Outlook account</em> when it ended badly or has not come back; null otherwise.</param>
public sealed record IncomingServerAnswer(
    Guid Id, string Name, string Kind, string UserName, string Host, int Port, string Security, string Folder, string Starts, bool MarkSeen, string Unrouted, Guid? DefaultInbox, string State, bool PasswordIsSet, Guid? OutlookAccount, Problem? ConnectProblem,
    DateTimeOffset? ConfirmedAt, DateTimeOffset? LastContactAt, DateTimeOffset? LastMailAt, Problem? Problem, DateTimeOffset? NextTryAt)
{
    /// <summary>With starts <c>days</c>; else null.</summary>
    public int? StartDays { get; init; }
    /// <summary>leave, move or delete.</summary>
    public required string Afterwards { get; init; }
    /// <summary>The folder that messages are moved to; null: they are not.</summary>
    public string? MoveTo { get; init; }
    /// <summary>False: the original bytes go once a message is in its conversation.</summary>
    public bool KeepOriginal { get; init; }
    /// <summary>From the mailbox to the conversation, of the newest message that came while the mailbox was watched; null: none came yet.</summary>
    public double? LagSeconds { get; init; }
    /// <summary>Messages that came in the last 24 hours.</summary>
    public long LastDay { get; init; }
    /// <summary>Null: there is nothing to catch up with.</summary>
    public CatchUpAnswer? CatchUp { get; init; }
}

/// <summary>Taking in what was in the folder already.</summary>
/// <param name="Total">Messages.</param>
/// <param name="PerSecond">Null while it is too early to tell.</param>
public sealed record CatchUpAnswer(long Total, long Done, double? PerSecond);

/// <param name="Name">In Unicode, as it is to be given back.</param>
/// <param name="Role">inbox, sent, drafts, junk, trash, archive, all, flagged or important; null when the server does not say.</param>
public sealed record FolderAnswer(string Name, string? Role);

public sealed record FoldersAnswer(IReadOnlyList<FolderAnswer> Folders);

/// <param name="Address">Where a browser with the same session goes on.</param>
public sealed record ConnectAnswer(Uri Address);

/// <param name="Taken">Messages taken in.</param>
public sealed record FetchAnswer(int Taken);

internal static class IncomingServersApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/incoming-servers").RequireAuthorization(Policies.Settings).WithTags("Incoming servers");
        group.MapGet("", async (IncomingServerRegister register, CancellationToken cancel) => Results.Ok(await OfAsync(await register.ListAsync(cancel), register, cancel)));
        group.MapPost("", async (IncomingServerDraft draft, IncomingServerRegister register, Viewer viewer, CancellationToken cancel) =>
        {
            var saved = await register.CreateAsync(draft, viewer.UserId, cancel);
            if (saved.Id is not { } id) return Refused(saved.Problem!);
            return Results.Created($"/api/v1/incoming-servers/{id}", (await OfAsync([(await register.FindAsync(id, cancel))!], register, cancel))[0]);
        });
        group.MapGet("/{id:guid}", async (Guid id, IncomingServerRegister register, CancellationToken cancel) =>
            await register.FindAsync(new(id), cancel) is { } server ? Results.Ok((await OfAsync([server], register, cancel))[0]) : Refused(IncomingServersProblems.NotFound()));
        group.MapPut("/{id:guid}", async (Guid id, IncomingServerDraft draft, IncomingServerRegister register, Viewer viewer, CancellationToken cancel) =>
            await AnswerAsync(id, (await register.ChangeAsync(new(id), draft, viewer.UserId, cancel)).Problem, register, cancel));
        group.MapDelete("/{id:guid}", async (Guid id, IncomingServerRegister register, Viewer viewer, CancellationToken cancel) =>
            await register.DeleteAsync(new(id), viewer.UserId, cancel) is { } problem ? Refused(problem) : Results.NoContent());
        group.MapGet("/{id:guid}/folders", async (Guid id, IncomingServerRegister register, CancellationToken cancel) =>
            await register.FoldersAsync(new(id), cancel) is var (folders, problem) && folders is not null
                ? Results.Ok(new FoldersAnswer([.. folders.Select(folder => new FolderAnswer(folder.Name, RoleOf(folder)))]))
                : Refused(problem!));
        group.MapPost("/{id:guid}/connect", async (Guid id, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
        {
            var start = await connect.StartAsync(IncomingServerConnectTarget.KindName, id, viewer, cancel);
            return start.Address is { } address ? Results.Ok(new ConnectAnswer(address)) : Refused(start.Problem!);
        });
        group.MapPost("/{id:guid}/confirm", async (Guid id, IncomingServerRegister register, Viewer viewer, CancellationToken cancel) =>
            await AnswerAsync(id, await register.ConfirmAsync(new(id), viewer.UserId, cancel), register, cancel));
        group.MapPost("/{id:guid}/reset", async (Guid id, IncomingServerRegister register, Viewer viewer, CancellationToken cancel) =>
            await AnswerAsync(id, await register.ResetConfirmationAsync(new(id), viewer.UserId, cancel), register, cancel));
        group.MapPost("/{id:guid}/fetch", async (Guid id, IncomingServerRegister register, CancellationToken cancel) =>
            await register.FetchAsync(new(id), cancel) is (var taken, var problem) && problem is null ? Results.Ok(new FetchAnswer(taken)) : Refused(problem!));
    }

    private static async Task<IResult> AnswerAsync(Guid id, Problem? problem, IncomingServerRegister register, CancellationToken cancel)
    {
        if (problem is not null) return Refused(problem);
        return await register.FindAsync(new(id), cancel) is { } server ? Results.Ok((await OfAsync([server], register, cancel))[0]) : Refused(IncomingServersProblems.NotFound());
    }

    private static IResult Refused(Problem problem) => Problems.ToResult(problem, problem.Code switch
    {
        "incoming-server-not-found" => StatusCodes.Status404NotFound,
        "incoming-server-confirmed" or "incoming-server-not-confirmed" or "incoming-server-changed-meanwhile" or "incoming-server-no-folders" => StatusCodes.Status409Conflict,
        "incoming-server-invalid" => StatusCodes.Status422UnprocessableEntity,
        // Somebody else said no, or did not answer: Microsoft or the mail server.
        _ => StatusCodes.Status502BadGateway,
    });

    internal static IncomingServerDraft DraftOf(IncomingServer s) =>
        new(s.Name, IncomingServerStore.NameOf(s.Kind), s.UserName, s.Host, s.Port, IncomingServerStore.NameOf(s.Security), null, s.Folder, IncomingServerStore.NameOf(s.Starts), s.MarkSeen)
        {
            StartDays = s.StartDays, Afterwards = IncomingServerStore.NameOf(s.Afterwards), MoveTo = s.MoveTo, KeepOriginal = s.KeepOriginal,
            Unrouted = IncomingServerStore.NameOfUnrouted(s.UnroutedToQuarantine), DefaultInbox = s.DefaultInbox,
        };

    private static string? RoleOf(ImapFolder folder) => folder.Role == ImapFolderRole.None ? null : folder.Role.ToString().ToLowerInvariant();

    private static async Task<IReadOnlyList<IncomingServerAnswer>> OfAsync(IReadOnlyList<IncomingServer> servers, IncomingServerRegister register, CancellationToken cancel)
    {
        var attempts = await register.ConnectProblemsAsync(servers, cancel);
        var flows = await register.FlowsAsync(servers, cancel);
        return [.. servers.Zip(attempts, flows).Select(one => Of(one.First, one.Second, one.Third))];
    }

    private static IncomingServerAnswer Of(IncomingServer s, Problem? connectProblem, MailboxFlow flow) => new(
        s.Id.Value, s.Name, IncomingServerStore.NameOf(s.Kind), s.UserName, s.Host, s.Port, IncomingServerStore.NameOf(s.Security), s.Folder, IncomingServerStore.NameOf(s.Starts), s.MarkSeen, IncomingServerStore.NameOfUnrouted(s.UnroutedToQuarantine), s.DefaultInbox,
        s.State == IncomingServerState.Confirmed ? "confirmed" : "draft", s.SealedPassword is not null, s.OutlookAccount, connectProblem, s.ConfirmedAt, s.Health.LastContactAt, s.Health.LastMailAt, s.Health.Problem, s.Health.NextTryAt)
    {
        StartDays = s.StartDays, Afterwards = IncomingServerStore.NameOf(s.Afterwards), MoveTo = s.MoveTo, KeepOriginal = s.KeepOriginal,
        LagSeconds = s.Health.Lag?.TotalSeconds, LastDay = flow.LastDay, CatchUp = flow.CatchUp is { } catchUp ? new CatchUpAnswer(catchUp.Total, catchUp.Done, catchUp.Rate) : null,
    };
}
