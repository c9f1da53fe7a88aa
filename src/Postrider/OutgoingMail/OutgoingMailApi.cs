using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <param name="Content">base64.</param>
/// <param name="ContentId">Null: an attachment; else an inline part of the HTML.</param>
internal sealed record AttachmentRequest(string? FileName, string? MediaType, string? Content, string? ContentId);

/// <param name="EnvelopeFrom">The envelope sender it asks for, where failures come back to; used where the server's From Filter admits it. Needs the right Settings.</param>
/// <param name="Mailing">It goes to many: through the Dedicated Server of Email Marketing, where one is set.</param>
/// <param name="Server">Id of the outgoing server to use, with From as it is. Needs the right Settings.</param>
/// <param name="From"><c>ann@example.com</c> or <c>Ann &lt;ann@example.com&gt;</c>; left out: the one who asks.</param>
/// <param name="SendAt">With its offset, at most a year ahead; left out or past: now.</param>
/// <param name="Priority"><c>high</c>: somebody waits for it; <c>normal</c>, when left out; <c>bulk</c>: after all others.</param>
/// <param name="ReportTo">An address that is told by mail of delay and failure (RFC 3464); left out: nobody is.</param>
internal sealed record MailRequest(
    string? From, IReadOnlyList<string?>? To, IReadOnlyList<string?>? Cc, IReadOnlyList<string?>? Bcc, string? Subject, string? Text, string? Html, IReadOnlyList<AttachmentRequest>? Attachments, string? ReplyTo, string? InReplyTo, IReadOnlyList<string>? References,
    string? EnvelopeFrom = null, bool? Mailing = null, Guid? Server = null, DateTimeOffset? SendAt = null, string? Priority = null, string? ReportTo = null);

internal sealed record MailPutAnswer(Guid Id, string MessageId);

/// <param name="Fate">What reports told after the mail had been sent; null before any.</param>
internal sealed record MailRecipientAnswer(string Role, string? Name, string Address, string State, string? Reply, RecipientFateAnswer? Fate);

/// <param name="Fate"><c>delivered</c>, <c>relayed</c>, <c>delayed</c>, <c>soft-bounced</c>, <c>hard-bounced</c> or <c>complained</c>.</param>
/// <param name="Reason">Such as <c>MailboxUnknown</c>.</param>
/// <param name="Diagnostic">The server's words.</param>
internal sealed record RecipientFateAnswer(string Fate, string? Status, string Reason, string? Diagnostic, DateTimeOffset At);

/// <param name="Times">How often the line broke over it.</param>
/// <param name="NextLook">When Sent Items is looked into; null: a person decides, or it is settled.</param>
/// <param name="Looks">Newest first.</param>
internal sealed record UnknownMailAnswer(int Times, DateTimeOffset Since, DateTimeOffset? NextLook, IReadOnlyList<SentItemsLookAnswer> Looks);

/// <param name="Outcome"><c>found</c>, <c>absent</c> or <c>cannot-search</c>.</param>
/// <param name="MessageId">The Message-ID it bears there.</param>
/// <param name="ByPerson">Somebody asked for it.</param>
internal sealed record SentItemsLookAnswer(DateTimeOffset At, string Outcome, string? Mailbox, string? Folder, uint? Uid, string? MessageId, Problem? Problem, bool ByPerson);

internal sealed record MailAttemptAnswer(DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Outcome, Problem? Problem, IReadOnlyList<string> Transcript);

/// <param name="NextTry">When it may be tried; null when it will not be.</param>
/// <param name="ExpectedAt">When its turn will probably come, with those before it and the budget of its mailbox; null when it does not wait, and in lists.</param>
internal sealed record MailAnswer(
    Guid Id, string MessageId, string State, string Priority, string Subject, string From, string WrittenFrom, string EnvelopeFrom, Guid ServerId, string ServerName, string Why, IReadOnlyList<string> WhySteps, long Size, DateTimeOffset PutAt, DateTimeOffset? NextTry, DateTimeOffset? ExpectedAt, DateTimeOffset? FinishedAt, int Tries,
    string? ReportTo, Problem? Problem, IReadOnlyList<MailRecipientAnswer>? Recipients, IReadOnlyList<MailAttemptAnswer>? Attempts, UnknownMailAnswer? SentItems);

/// <param name="Next">Give it as <c>before</c> for the next page; null on the last.</param>
internal sealed record MailListAnswer(IReadOnlyList<MailAnswer> Mails, Guid? Next);

internal sealed record UnknownAnswer(bool WasSent);

internal static class OutgoingMailApi
{
    private const int MaxListed = 200;

    // Bytes of a request that are read only to be dropped; a longer one finds its connection closed.
    internal const long Patience = 256L * 1024 * 1024;

    public static void MapOutgoingMail(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/mails").RequireAuthorization(Policies.SignedIn).WithTags("Mails");
        group.MapPost("", PutAsync).WithSummary("Put a mail: JSON with its files in base64; or multipart/form-data with the part mail (that JSON, without large files) first, and a part for each file");
        group.MapGet("", async (string? state, Guid? before, int? limit, OutboxStore store, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
        {
            var count = Math.Clamp(limit ?? 50, 1, MaxListed);
            IReadOnlyList<OutboxState>? states = state is null ? null : [.. Enum.GetValues<OutboxState>().Where(known => known.Word() == state)];
            var mails = await database.ReadAsync(reader => store.List(reader, states, viewer.IsSettings ? null : viewer.UserId, before is { } id ? new(id) : null, count), cancel);
            return Results.Ok(new MailListAnswer([.. mails.Select(mail => Answer(mail, null, null, null, null))], mails.Count == count ? mails[^1].Id.Value : null));
        });
        group.MapGet("{id:guid}", async (Guid id, OutboxStore store, SendingForecast forecast, DeliveryReportStore reports, UnknownMailStore unknown, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
        {
            var answer = await database.ReadAsync(reader => store.Find(reader, new(id)) is { } mail && MaySee(mail, viewer) ? Answer(mail, forecast.Of(reader, mail), Recipients(store.Recipients(reader, mail.Id), reports.Fates(reader, mail.Id)), store.Attempts(reader, mail.Id), unknown.Find(reader, mail.Id) is { } known ? Answer(mail, known, unknown.Looks(reader, mail.Id)) : null) : null, cancel);
            return answer is null ? Problems.ToResult(OutgoingMailProblems.NotFound, StatusCodes.Status404NotFound) : Results.Ok(answer);
        });
        // The bytes as they go out, never shown by a browser as a page of the hub.
        group.MapGet("{id:guid}/message", async (Guid id, OutboxStore store, HubDatabase database, Bodies bodies, HttpContext http, Viewer viewer, CancellationToken cancel) =>
        {
            if (await database.ReadAsync(reader => store.Find(reader, new(id)), cancel) is not { } mail || !MaySee(mail, viewer)) return Problems.ToResult(OutgoingMailProblems.NotFound, StatusCodes.Status404NotFound);
            http.Response.Headers.XContentTypeOptions = "nosniff";
            return Results.Bytes(await bodies.ReadAsync(mail.BodyId, cancel), "message/rfc822", $"{mail.Id.Value:D}.eml");
        });
        group.MapPost("{id:guid}/retry", (Guid id, OutboxDesk desk, Viewer viewer, CancellationToken cancel) => DoneAsync(desk.RetryAsync(new(id), viewer, cancel)));
        group.MapPost("{id:guid}/send-now", (Guid id, OutboxDesk desk, Viewer viewer, CancellationToken cancel) => DoneAsync(desk.SendNowAsync(new(id), viewer, cancel)));
        group.MapPost("{id:guid}/cancel", (Guid id, OutboxDesk desk, Viewer viewer, CancellationToken cancel) => DoneAsync(desk.CancelAsync(new(id), viewer, cancel)));
        group.MapPost("{id:guid}/decide", (Guid id, UnknownAnswer answer, OutboxDesk desk, Viewer viewer, CancellationToken cancel) => DoneAsync(desk.DecideAsync(new(id), answer.WasSent, viewer, cancel)));
        group.MapPost("{id:guid}/look", async (Guid id, UnknownMails unknown, Viewer viewer, CancellationToken cancel) =>
        {
            var (look, problem) = await unknown.LookNowAsync(new(id), viewer, cancel);
            return look is null ? Problems.ToResult(problem!, problem == OutgoingMailProblems.NotFound ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict) : Results.Ok(Answer(look));
        });
    }

    public static bool MaySee(OutboxMail mail, Viewer viewer) => viewer.IsSettings || mail.Creator == viewer.UserId;

    /// <summary>202 after the commit, or a problem with nothing stored.</summary>
    private static async Task<IResult> PutAsync(HttpContext http, [FromHeader(Name = "Idempotency-Key")] string? idempotencyKey, Outbox outbox, Bodies bodies, Viewer viewer, TimeProvider clock, CancellationToken cancel)
    {
        if (http.Request.HasFormContentType) return await MailUpload.PutAsync(http, idempotencyKey, outbox, bodies, viewer, clock, cancel);
        // base64 within JSON: four thirds of the files, and room for the rest.
        var limit = (outbox.MaxBytes * 4 / 3) + (1024 * 1024);
        // A client that has begun to send reads no answer before it has ended: what is too large is let in and dropped, up to a point.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = Patience;
        var body = new CappedBody(http.Request.Body, limit);
        if (http.Request.ContentLength > limit) return await TooLargeAsync(http.Request.ContentLength.Value);
        http.Request.Body = body;
        MailRequest? request;
        try
        {
            request = await http.Request.ReadFromJsonAsync<MailRequest>(cancel);
        }
        catch (InvalidDataException)
        {
            return await TooLargeAsync(limit);
        }
        catch (Exception wrong) when (wrong is System.Text.Json.JsonException or InvalidOperationException)
        {
            return Problems.ToResult(OutgoingMailProblems.HeaderInvalid("The body is not the JSON that was expected."), StatusCodes.Status400BadRequest);
        }

        var (message, problem) = MailRequestReader.Read(request, viewer, idempotencyKey, clock.GetUtcNow());
        return message is null ? Refused(problem!, viewer) : Answer(await outbox.PutAsync(message, null, cancel));

        async Task<IResult> TooLargeAsync(long length)
        {
            if (http.Request.ContentLength is null or <= Patience && http.Request.Headers.Expect.Count == 0) await body.DrainAsync(cancel);
            return Problems.ToResult(OutgoingMailProblems.JsonTooLarge(length, outbox.MaxBytes, outbox.MaxFilesBytes), StatusCodes.Status413PayloadTooLarge);
        }
    }

    /// <summary>What the request asks for is not allowed, or not understood.</summary>
    internal static IResult Refused(Problem problem, Viewer viewer) =>
        Problems.ToResult(problem, problem == OutgoingMailProblems.FromNotYours(viewer.Email) || problem == OutgoingServersProblems.ForcedNeedsSettings ? StatusCodes.Status403Forbidden : StatusCodes.Status422UnprocessableEntity);

    internal static IResult Answer(PutResult put) => put.Id is { } id
        ? Results.Accepted($"/api/v1/mails/{id.Value:D}", new MailPutAnswer(id.Value, put.MessageId!))
        : Problems.ToResult(put.Problem!, StatusOf(put.Problem!));

    /// <summary>The HTTP status of a refusal to put.</summary>
    public static int StatusOf(Problem problem) => problem.Code switch
    {
        "mail-too-large" => StatusCodes.Status413PayloadTooLarge,
        "storage-low" or "storage-full" => StatusCodes.Status507InsufficientStorage,
        "storage-busy" or "storage-unreachable" or "storage-failing" or "storage-in-doubt" => StatusCodes.Status503ServiceUnavailable,
        "mail-idempotency-key-reused" or "mail-all-suppressed" or "no-outgoing-server" or "outgoing-server-archived" or "outgoing-server-may-not-send-as" => StatusCodes.Status409Conflict,
        _ => StatusCodes.Status422UnprocessableEntity,
    };

    private static async Task<IResult> DoneAsync(Task<Problem?> deed) => await deed is { } problem
        ? Problems.ToResult(problem, problem == OutgoingMailProblems.NotFound ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict)
        : Results.NoContent();

    private static MailAnswer Answer(OutboxMail mail, DateTimeOffset? expectedAt, IReadOnlyList<MailRecipientAnswer>? recipients, IReadOnlyList<AttemptRow>? attempts, UnknownMailAnswer? sentItems) => new(
        mail.Id.Value, mail.MessageId, mail.State.Word(), mail.Lane.Word(), mail.Subject, mail.HeaderFrom, mail.WrittenFrom, mail.EnvelopeFrom, mail.ServerId.Value, mail.ServerName, string.Join(' ', mail.WhySteps), mail.WhySteps, mail.Size, mail.PutAt, mail.NextTry, expectedAt, mail.FinishedAt, mail.Tries, mail.ReportTo, mail.Trouble,
        recipients, attempts?.Select(attempt => new MailAttemptAnswer(attempt.StartedAt, attempt.EndedAt, attempt.Outcome, attempt.Problem, attempt.Transcript)).ToList(), sentItems);

    private static List<MailRecipientAnswer> Recipients(IReadOnlyList<OutboxRecipient> recipients, IReadOnlyDictionary<int, RecipientFate> fates) =>
    [
        .. recipients.Select(recipient => new MailRecipientAnswer(recipient.Role, recipient.Name, recipient.Address, recipient.State.ToString().ToLowerInvariant(), recipient.Reply,
            fates.TryGetValue(recipient.N, out var fate) ? new RecipientFateAnswer(fate.Word, fate.Status, fate.Reason.ToString(), fate.Diagnostic, fate.At) : null)),
    ];

    private static UnknownMailAnswer Answer(OutboxMail mail, UnknownMail known, IReadOnlyList<SentItemsLook> looks) => new(known.Times, known.Since, mail.State == OutboxState.Unknown ? known.NextLookAt : null, [.. looks.Select(Answer)]);

    private static SentItemsLookAnswer Answer(SentItemsLook look) => new(look.At, look.Outcome, look.Mailbox, look.Folder, look.Uid, look.MessageId, look.Problem, look.ByUser is not null);
}

/// <summary>A request's body that ends with <see cref="InvalidDataException"/> beyond its limit, and can be emptied then.</summary>
internal sealed class CappedBody(Stream inner, long limit) : ForwardStream
{
    private long read;

    /// <summary>To the end, or to the server's own limit.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            await inner.CopyToAsync(Null, cancellationToken);
        }
        catch (BadHttpRequestException)
        {
            // Longer than our patience: the server closes the connection after the answer.
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        read += count;
        return read <= limit ? count : throw new InvalidDataException($"The body is longer than {limit} bytes.");
    }
}

/// <summary>Turns the API's record into a message. Pure.</summary>
internal static class MailRequestReader
{
    /// <summary>Exactly one of the two is not null.</summary>
    public static (OutgoingMessage? Message, Problem? Problem) Read(MailRequest? request, Viewer viewer, string? idempotencyKey, DateTimeOffset now)
    {
        if (request is null) return (null, OutgoingMailProblems.NoRecipients);
        Problem? problem = null;
        var to = Addresses("To", request.To, ref problem);
        var cc = Addresses("Cc", request.Cc, ref problem);
        var bcc = Addresses("Bcc", request.Bcc, ref problem);
        var replyTo = request.ReplyTo is null ? [] : Addresses("Reply-To", [request.ReplyTo], ref problem);
        var reportTo = request.ReportTo is null ? [] : Addresses("reportTo", [request.ReportTo], ref problem);
        var own = EmailAddress.TryParse(viewer.Email, out var address) ? new NamedAddress(viewer.Name, address) : null;
        var from = request.From is null ? own : Addresses("From", [request.From], ref problem).FirstOrDefault();
        if (problem is not null) return (null, problem);
        if (from is null) return (null, OutgoingMailProblems.AddressInvalid("From", viewer.Email));
        var envelope = request.EnvelopeFrom is null ? null : Addresses("envelopeFrom", [request.EnvelopeFrom], ref problem).FirstOrDefault()?.Address;
        if (problem is not null) return (null, problem);
        // A server that is made to refuse senders closes for everybody: choosing it is an administrator's.
        if (!viewer.IsSettings && (request.Server is not null || envelope is not null)) return (null, OutgoingServersProblems.ForcedNeedsSettings);
        // Who may not change settings speaks for nobody else.
        if (!viewer.IsSettings && !from.Address.Equals(own?.Address)) return (null, OutgoingMailProblems.FromNotYours(viewer.Email));

        if (request.SendAt > now.AddYears(1)) return (null, OutgoingMailProblems.SendAtInvalid);
        OutboxLane? lane = request.Priority switch { null or "" or "normal" => OutboxLane.Usual, "high" => OutboxLane.Urgent, "bulk" => OutboxLane.Bulk, _ => null };
        if (lane is null) return (null, OutgoingMailProblems.PriorityInvalid);

        var files = new List<DraftAttachment>();
        foreach (var file in request.Attachments ?? [])
        {
            var bytes = new byte[((file.Content?.Length ?? 0) / 4 * 3) + 3];
            if (string.IsNullOrWhiteSpace(file.FileName) || file.Content is null || !Convert.TryFromBase64String(file.Content, bytes, out var written)) return (null, OutgoingMailProblems.AttachmentInvalid(Shown(file.FileName)));
            files.Add(new DraftAttachment(file.FileName, string.IsNullOrWhiteSpace(file.MediaType) ? "application/octet-stream" : file.MediaType, bytes.AsMemory(0, written), file.ContentId));
        }

        return (new OutgoingMessage
        {
            From = from, To = to, Cc = cc, Bcc = bcc, Subject = request.Subject ?? "", Text = request.Text, Html = request.Html, Attachments = files, ReplyTo = replyTo.FirstOrDefault(),
            InReplyTo = request.InReplyTo, References = request.References ?? [], Creator = viewer.UserId, IdempotencyKey = idempotencyKey,
            Mailing = request.Mailing == true, Server = request.Server is { } server ? new(server) : null, EnvelopeFrom = envelope,
            SendAt = request.SendAt, Lane = lane.Value, ReportTo = reportTo.FirstOrDefault()?.Address,
        }, null);
    }

    /// <summary>One entry of an address field: one address, or a problem.</summary>
    public static (NamedAddress? Address, Problem? Problem) Address(string field, string? text)
    {
        // Before the parser, which would take a line break for folding.
        if (text?.Any(char.IsControl) == true) return (null, OutgoingMailProblems.ControlCharacters(field));
        var parsed = AddressList.Parse(text);
        return parsed is { Addresses: [var one], Defects.Count: 0 } ? (one, null) : (null, OutgoingMailProblems.AddressInvalid(field, Shown(text)));
    }

    private static List<NamedAddress> Addresses(string field, IReadOnlyList<string?>? texts, ref Problem? problem)
    {
        var read = new List<NamedAddress>();
        foreach (var text in texts ?? [])
        {
            var (address, wrong) = Address(field, text);
            problem ??= wrong;
            if (address is not null) read.Add(address);
        }

        return read;
    }

    private static string Shown(string? text) => new([.. (text ?? "").Where(c => !char.IsControl(c)).Take(100)]);
}

/// <summary>What a person does to a mail: the one way, for page and API.</summary>
internal sealed class OutboxDesk(HubDatabase database, OutboxStore store, OutboxSignal signal)
{
    public Task<Problem?> RetryAsync(OutboxMailId id, Viewer viewer, CancellationToken cancellationToken) => DoAsync(id, viewer, tx => store.Retry(tx, id, viewer.UserId), cancellationToken);
    public Task<Problem?> SendNowAsync(OutboxMailId id, Viewer viewer, CancellationToken cancellationToken) => DoAsync(id, viewer, tx => store.SendNow(tx, id, viewer.UserId), cancellationToken);
    public Task<Problem?> CancelAsync(OutboxMailId id, Viewer viewer, CancellationToken cancellationToken) => DoAsync(id, viewer, tx => store.Cancel(tx, id, viewer.UserId), cancellationToken);
    public Task<Problem?> DecideAsync(OutboxMailId id, bool wasSent, Viewer viewer, CancellationToken cancellationToken) => DoAsync(id, viewer, tx => store.Decide(tx, id, wasSent, viewer.UserId), cancellationToken);

    private Task<Problem?> DoAsync(OutboxMailId id, Viewer viewer, Func<HubTransaction, Problem?> deed, CancellationToken cancellationToken) => database.WriteAsync(tx =>
    {
        if (store.Find(tx, id) is not { } mail || !OutgoingMailApi.MaySee(mail, viewer)) return OutgoingMailProblems.NotFound;
        tx.AfterCommit(signal.Wake);
        return deed(tx);
    }, cancellationToken);
}
