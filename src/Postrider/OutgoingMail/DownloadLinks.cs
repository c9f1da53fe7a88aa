using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>Files that go as links: made with a mail, revoked by a person, and their bytes let go of once they have expired.</summary>
internal sealed class DownloadLinks(HubDatabase database, Bodies bodies, DownloadLinkStore store, OutboxStore mails, OutgoingServerStore servers, ServerChooser chooser, SystemParameters parameters, TimeProvider clock, ILogger<DownloadLinks> log) : Rounds(TimeSpan.FromHours(1), atOnce: true, clock)
{
    public const string Path = "/files/";

    // As in Outbox: a larger one is stored chunk by chunk before its row.
    private const int InOneWrite = 1024 * 1024;

    /// <summary>Over so many bytes the files of a mail that this viewer writes become links; null: no server takes it.</summary>
    public async Task<long?> LimitForAsync(Viewer viewer, CancellationToken cancellationToken)
    {
        if (!Mail.EmailAddress.TryParse(viewer.Email, out var address)) return null;
        var known = await servers.RosterAsync(cancellationToken);
        return chooser.Decide(new SenderQuestion(new(viewer.Name, address), viewer.UserId), known).Server is { } chosen ? LinkedFiles.LimitOf(known.First(server => server.Id == chosen.Id), parameters) : null;
    }

    /// <summary>Makes links for the files at these places. What is large is stored when it returns, and swept when no mail follows.</summary>
    public async Task<IReadOnlyList<NewDownloadLink>> MakeAsync(OutgoingMessage message, IReadOnlyList<int> places, CancellationToken cancellationToken)
    {
        var made = new List<NewDownloadLink>(places.Count);
        foreach (var place in places)
        {
            var file = message.Attachments[place];
            var body = message.StoredFiles.ElementAtOrDefault(place)?.Id;
            if (body is null && file.Bytes.Length > InOneWrite) body = (await bodies.PutAsync(new MemoryBody(file.Bytes), cancellationToken)).Id;
            var (token, hash) = LinkedFiles.NewToken();
            made.Add(new(file, message.SizeOf(place), body, hash, new Uri(parameters.BaseUrl, Path + token)));
        }

        return made;
    }

    /// <returns>Null when nobody can fetch it any more.</returns>
    public Task<Problem?> RevokeAsync(OutboxMailId mail, Guid link, Viewer viewer, CancellationToken cancellationToken) => database.WriteAsync(
        tx => mails.Find(tx, mail) is { } found && OutgoingMailApi.MaySee(found, viewer) ? store.Revoke(tx, mail, link, viewer.UserId) : OutgoingMailProblems.LinkNotFound, cancellationToken);

    protected override async Task RoundAsync(CancellationToken cancellationToken)
    {
        while (await database.WriteAsync(DownloadLinkStore.Expire, cancellationToken) > 0)
        {
        }
    }

    protected override void Failed(Exception failure) => OutgoingMailLog.LinksNotSwept(log, failure);
}

/// <summary>Where a link leads. Anybody who has it may fetch the file: the reader of a mail has no account here.</summary>
internal static class DownloadLinksApi
{
    private const string Policy = "default-src 'none'; sandbox";

    public static void MapDownloadLinks(this WebApplication app)
    {
        app.MapMethods(DownloadLinks.Path + "{token}", [HttpMethods.Get, HttpMethods.Head], FetchAsync).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/api/v1/mails/limits", async (Outbox outbox, DownloadLinks links, SystemParameters parameters, Viewer viewer, CancellationToken cancel) =>
            new MailLimitsAnswer(outbox.MaxBytes, await links.LimitForAsync(viewer, cancel), (int)parameters.DownloadLinkLife.TotalDays, outbox.MaxFilesBytes))
            .RequireAuthorization(Policies.SignedIn).WithTags("Mails").WithSummary("How large a mail and its files may be, and from what size on the files go as download links").Produces<MailLimitsAnswer>();
        var group = app.MapGroup("/api/v1/mails/{id:guid}/links").RequireAuthorization(Policies.SignedIn).WithTags("Mails");
        group.MapGet("", async (Guid id, OutboxStore mails, DownloadLinkStore store, HubDatabase database, Viewer viewer, TimeProvider clock, CancellationToken cancel) =>
            await database.ReadAsync(reader => mails.Find(reader, new(id)) is { } mail && OutgoingMailApi.MaySee(mail, viewer) ? store.Of(reader, mail.Id) : null, cancel) is { } links
                ? Results.Ok(links.Select(link => DownloadLinkAnswer.Of(link, clock.GetUtcNow())))
                : Problems.ToResult(OutgoingMailProblems.NotFound, StatusCodes.Status404NotFound)).WithSummary("Files of the mail that went as download links").Produces<IEnumerable<DownloadLinkAnswer>>();
        group.MapPost("{link:guid}/revoke", async (Guid id, Guid link, DownloadLinks links, Viewer viewer, CancellationToken cancel) =>
            await links.RevokeAsync(new(id), link, viewer, cancel) is { } problem ? Problems.ToResult(problem, StatusCodes.Status404NotFound) : Results.NoContent()).WithSummary("Ends a download link before its time");
    }

    private static async Task<IResult> FetchAsync(string token, HttpContext http, HubDatabase database, DownloadLinkStore store, Bodies bodies, CancellationToken cancel)
    {
        var hash = LinkedFiles.HashOf(token);
        // A look ahead (HEAD) is no download.
        var file = HttpMethods.IsHead(http.Request.Method) ? await database.ReadAsync(reader => DownloadLinkStore.Find(reader, hash), cancel) : await database.WriteAsync(tx => store.Take(tx, hash), cancel);
        if (file is null)
        {
            // One answer for what was never there, has expired and was revoked: a stranger learns nothing.
            ProblemPages.AnswerInstead(http, OutgoingMailProblems.LinkNotGood, StatusCodes.Status404NotFound);
            return Results.Empty;
        }

        http.Response.Headers.ContentSecurityPolicy = Policy;
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Headers["X-Robots-Tag"] = "noindex";
        http.Response.ContentLength = file.Size;
        // Whatever it is, it is saved and not shown: no type is told, and none may be guessed.
        return Results.Stream(bodies.OpenChecked(file.BodyId), "application/octet-stream", file.FileName);
    }
}

/// <param name="MaxBytes">Of a mail on the way; a larger one is refused.</param>
/// <param name="LinksOver">Bytes of a mail in one's own name over which its files go as download links; null: no server takes it.</param>
/// <param name="LinkDays">How long those are good for.</param>
/// <param name="MaxFilesBytes">Of all files of a mail together, as links or not.</param>
internal sealed record MailLimitsAnswer(long MaxBytes, long? LinksOver, int LinkDays, long MaxFilesBytes);

/// <param name="State"><c>good</c>, <c>expired</c> or <c>revoked</c>.</param>
/// <param name="Downloads">How often it was fetched.</param>
/// <param name="DownloadedAt">When, the newest first; at most 20.</param>
internal sealed record DownloadLinkAnswer(Guid Id, string FileName, long Size, string State, DateTimeOffset ExpiresAt, DateTimeOffset? RevokedAt, int Downloads, IReadOnlyList<DateTimeOffset> DownloadedAt)
{
    public static DownloadLinkAnswer Of(DownloadLink link, DateTimeOffset now) => new(link.Id, link.FileName, link.Size, link.Word(now), link.ExpiresAt, link.RevokedAt, link.Downloads, link.Times);
}
