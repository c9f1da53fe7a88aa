using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <param name="Kind">outlook or imap.</param>
/// <param name="State">draft or confirmed.</param>
/// <param name="Starts">now or everything.</param>
/// <param name="Unrouted">conversation or quarantine: where mail goes that answers nothing and names no alias.</param>
/// <param name="DefaultInbox">The inbox that such conversations stand in; null: in none.</param>
/// <param name="ConnectProblem">What came of the last <em>Connect your Outlook account</em> when it ended badly or has not come back; null otherwise.</param>
public sealed record IncomingServerAnswer(
    Guid Id, string Name, string Kind, string UserName, string Host, int Port, string Security, string Folder, string Starts, bool MarkSeen, string Unrouted, Guid? DefaultInbox, string State, bool PasswordIsSet, Guid? OutlookAccount, Problem? ConnectProblem,
    DateTimeOffset? ConfirmedAt, DateTimeOffset? LastContactAt, DateTimeOffset? LastMailAt, Problem? Problem, DateTimeOffset? NextTryAt);

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
        "incoming-server-confirmed" or "incoming-server-not-confirmed" or "incoming-server-changed-meanwhile" => StatusCodes.Status409Conflict,
        "incoming-server-invalid" => StatusCodes.Status422UnprocessableEntity,
        // Somebody else said no, or did not answer: Microsoft or the mail server.
        _ => StatusCodes.Status502BadGateway,
    });

    internal static IncomingServerDraft DraftOf(IncomingServer s) =>
        new(s.Name, IncomingServerStore.NameOf(s.Kind), s.UserName, s.Host, s.Port, IncomingServerStore.NameOf(s.Security), null, s.Folder, NameOf(s.Starts), s.MarkSeen) { Unrouted = IncomingServerStore.NameOfUnrouted(s.UnroutedToQuarantine), DefaultInbox = s.DefaultInbox };

    private static async Task<IReadOnlyList<IncomingServerAnswer>> OfAsync(IReadOnlyList<IncomingServer> servers, IncomingServerRegister register, CancellationToken cancel)
    {
        var attempts = await register.ConnectProblemsAsync(servers, cancel);
        return [.. servers.Zip(attempts, Of)];
    }

    private static IncomingServerAnswer Of(IncomingServer s, Problem? connectProblem) => new(
        s.Id.Value, s.Name, IncomingServerStore.NameOf(s.Kind), s.UserName, s.Host, s.Port, IncomingServerStore.NameOf(s.Security), s.Folder, NameOf(s.Starts), s.MarkSeen, IncomingServerStore.NameOfUnrouted(s.UnroutedToQuarantine), s.DefaultInbox,
        s.State == IncomingServerState.Confirmed ? "confirmed" : "draft", s.SealedPassword is not null, s.OutlookAccount, connectProblem, s.ConfirmedAt, s.Health.LastContactAt, s.Health.LastMailAt, s.Health.Problem, s.Health.NextTryAt);

    private static string NameOf(StartChoice starts) => starts == StartChoice.Everything ? "everything" : "now";
}
