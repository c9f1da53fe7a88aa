using System.Text.Json;
using System.Text.Json.Serialization;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>A message to send. <paramref name="To"/> and <paramref name="Cc"/> hold addresses with or without names.</summary>
/// <param name="Subject">For an answer null or empty: the conversation's.</param>
public sealed record MessageRequest(IReadOnlyList<string>? To, IReadOnlyList<string>? Cc, string? Subject, string? Text, string? Html, IReadOnlyList<AttachmentRequest>? Attachments)
{
    public IReadOnlyList<string>? Bcc { get; init; }
    /// <summary>An answer: what it answers is quoted below the text.</summary>
    public bool Quote { get; init; }
}

/// <param name="Content">In JSON as base64.</param>
public sealed record AttachmentRequest(string? FileName, string? MediaType, byte[]? Content);

/// <param name="Inbox">Null: it stands in none.</param>
public sealed record ConversationAnswer(Guid Id, string Subject, DateTimeOffset StartedAt, DateTimeOffset LastMessageAt, int MessageCount, DateTimeOffset? ClosedAt, Colleague? AssignedTo, Guid? Inbox);

public sealed record ConversationLineAnswer(Guid Id, string Subject, string People, string LastAuthor, string Snippet, DateTimeOffset LastMessageAt, int MessageCount, int Unread, int Queued, int Failed, bool WaitsForUs, DateTimeOffset? ClosedAt, Colleague? AssignedTo, bool HasAttachment, bool HasDraft, Guid? Inbox);

/// <param name="Next">Value of <c>before</c> for the next page; null: this is the last.</param>
public sealed record ConversationListAnswer(IReadOnlyList<ConversationLineAnswer> Conversations, Guid? Next);

/// <param name="Acts">Notes, and who assigned, closed and reopened it.</param>
/// <param name="Readers">Who has read it.</param>
public sealed record ThreadAnswer(ConversationAnswer Conversation, IReadOnlyList<ThreadMessageAnswer> Messages, IReadOnlyList<ActAnswer> Acts, IReadOnlyList<Colleague> Followers, IReadOnlyList<ReaderAnswer> Readers);

/// <param name="AfterNumber">It stands behind the message of this number.</param>
/// <param name="By">Null: the hub, because a message came.</param>
/// <param name="Text">The note; whom it was assigned to, null for nobody.</param>
public sealed record ActAnswer(Guid Id, int AfterNumber, ActKind Kind, Colleague? By, string? Text, DateTimeOffset At);

/// <param name="Until">Number of the last message this person has read.</param>
public sealed record ReaderAnswer(Guid Id, string Name, int Until);

/// <param name="Person">Null: nobody.</param>
public sealed record AssigneeRequest(Guid? Person);

/// <param name="Inbox">Null: no inbox.</param>
public sealed record InboxChoice(Guid? Inbox);

public sealed record NoteRequest(string? Text);

/// <param name="Person">For assign; null: nobody.</param>
public sealed record BulkRequest(IReadOnlyList<Guid>? Conversations, BulkDeed Deed, Guid? Person);

/// <param name="Done">How many of the conversations there were.</param>
public sealed record BulkAnswer(int Done);

/// <param name="Message">Null: the words stand in a note.</param>
/// <param name="Snippet">Text as written, not HTML; <c>marked</c> is what was searched for.</param>
public sealed record FoundAnswer(ConversationLineAnswer Conversation, Guid? Message, IReadOnlyList<SnippetPart> Snippet);

/// <param name="Next">Value of <c>before</c> for the next page; null: this is the last.</param>
public sealed record FoundListAnswer(IReadOnlyList<FoundAnswer> Found, long? Next);

public sealed record AddressAnswer(string? Name, string Address);

/// <param name="Mail">Its id under /api/v1/mails.</param>
public sealed record DeliveryAnswer(Guid Mail, string State, Problem? Problem, DateTimeOffset? ChangedAt);

public sealed record AttachmentAnswer(Guid Id, string FileName, string MediaType, long Size, string Href);

/// <param name="Direction">incoming, outgoing or report.</param>
/// <param name="MessageId">Without angle brackets; null when it had none.</param>
/// <param name="SenderCheck">passed or failed: what the receiving server says of the address of From; null: nothing that can be relied on.</param>
/// <param name="Html">Sanitised; null when the message has none. Only in the answer for one message.</param>
public sealed record ThreadMessageAnswer(
    Guid Id, int Number, string Direction, AddressAnswer From, IReadOnlyList<AddressAnswer> To, IReadOnlyList<AddressAnswer> Cc, IReadOnlyList<AddressAnswer> Bcc, string Subject, string? MessageId, DateTimeOffset CreatedAt, DateTimeOffset? DatedAt,
    string? Text, bool HasHtml, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Html, bool Automatic, string? Explanation, string? SenderCheck, DeliveryAnswer? Delivery, IReadOnlyList<AttachmentAnswer> Attachments);

internal static class ConversationsApi
{
    /// <summary>A request up to this still gets an answer that names the limit; only beyond is the line cut.</summary>
    private const long MaxRequestBytes = 64L << 20;
    /// <summary>Files within JSON stand in memory three times over. Larger ones come to a draft as they are.</summary>
    private const long MaxJsonFileBytes = 25L << 20;
    /// <summary>base64 makes four bytes of three; the rest is text. A request that says it is longer is answered without reading it.</summary>
    private const long MaxJsonBytes = (MaxJsonFileBytes * 4 / 3) + (8L << 20);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/conversations").RequireAuthorization(Policies.SignedIn).WithTags("Conversations");

        group.MapGet("", async (string? filter, string? state, string? assigned, string? inbox, string? sort, Guid? before, int? limit, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            if (FilterWords.Read(filter, state, assigned, sort, inbox, viewer.UserId) is not { } wanted) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            var size = Math.Clamp(limit ?? ConversationStore.ListLimit, 1, 200);
            var lines = await reading.ListAsync(viewer, wanted, before is { } id ? new(id) : null, size, cancel);
            return Results.Ok(new ConversationListAnswer([.. lines.Select(Of)], lines.Count == size ? lines[^1].Conversation.Id.Value : null));
        });
        group.MapGet("/search", async (string? q, long? before, int? limit, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            var query = SearchQuery.Parse(q);
            if (query.IsEmpty) return Results.Ok(new FoundListAnswer([], null));
            var found = await reading.SearchAsync(viewer, query, before, Math.Clamp(limit ?? ConversationStore.ListLimit, 1, 200), cancel);
            return Results.Ok(new FoundListAnswer([.. found.Lines.Select(line => new FoundAnswer(Of(line.Line), line.Message?.Value, line.Snippet))], found.Next));
        });
        group.MapGet("/unread", async (ConversationReading reading, Viewer viewer, CancellationToken cancel) => Results.Ok(await reading.UnreadAsync(viewer, cancel)));
        group.MapPost("/bulk", async (BulkRequest request, ConversationDesk desk, Viewer viewer, CancellationToken cancel) =>
        {
            if (request.Conversations is null or { Count: > ConversationDesk.MaxBulk }) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            var (done, problem) = await desk.DoAsync([.. request.Conversations.Select(id => new ConversationId(id))], request.Deed, request.Person, viewer, cancel);
            return problem is null ? Results.Ok(new BulkAnswer(done)) : Problems.ToResult(problem);
        });
        group.MapPut("/{id:guid}/assignee", async (Guid id, AssigneeRequest request, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.DoAsync(new ConversationId(id), BulkDeed.Assign, request.Person, viewer, cancel)));
        group.MapPut("/{id:guid}/inbox", async (Guid id, InboxChoice request, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.MoveAsync(new(id), request.Inbox is { } inbox ? new InboxId(inbox) : null, viewer, cancel)));
        group.MapPost("/{id:guid}/close", async (Guid id, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.DoAsync(new ConversationId(id), BulkDeed.Close, null, viewer, cancel)));
        group.MapPost("/{id:guid}/reopen", async (Guid id, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.DoAsync(new ConversationId(id), BulkDeed.Reopen, null, viewer, cancel)));
        group.MapDelete("/{id:guid}/seen", async (Guid id, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.DoAsync(new ConversationId(id), BulkDeed.Unread, null, viewer, cancel)));
        group.MapPost("/{id:guid}/notes", async (Guid id, NoteRequest request, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.NoteAsync(new(id), request.Text, viewer, cancel)));
        group.MapPut("/{id:guid}/follower", async (Guid id, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.FollowAsync(new(id), true, viewer, cancel)));
        group.MapDelete("/{id:guid}/follower", async (Guid id, ConversationDesk desk, Viewer viewer, CancellationToken cancel) => Done(await desk.FollowAsync(new(id), false, viewer, cancel)));
        group.MapPost("", async (PostedMessage posted, Correspondence correspondence, Viewer viewer, HttpContext http, CancellationToken cancel) =>
            posted.Refusal ?? Sent(await correspondence.ComposeAsync(DraftOf(posted.Request!), viewer, OnceKey(http), cancel)))
            .Accepts<MessageRequest>("application/json").WithMetadata(new SizeLimit(MaxRequestBytes));
        group.MapGet("/{id:guid}", async (Guid id, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
            await reading.ThreadAsync(new(id), viewer, cancel) is { } thread
                ? Results.Ok(new ThreadAnswer(
                    Of(thread.Conversation), [.. thread.Messages.Select(m => Of(m, null))], [.. thread.Acts.Select(a => new ActAnswer(a.Id, a.AfterNumber, a.Kind, a.Who, a.Words, a.At))],
                    thread.Followers, [.. thread.Readers.Select(r => new ReaderAnswer(r.Person.Id, r.Person.Name, r.Until))]))
                : Problems.ToResult(ConversationsProblems.NotFound(), StatusCodes.Status404NotFound));
        group.MapPost("/{id:guid}/messages", async (Guid id, PostedMessage posted, Correspondence correspondence, Viewer viewer, HttpContext http, CancellationToken cancel) =>
            posted.Refusal ?? Sent(await correspondence.AnswerAsync(new(id), DraftOf(posted.Request!), viewer, OnceKey(http), cancel)))
            .Accepts<MessageRequest>("application/json").WithMetadata(new SizeLimit(MaxRequestBytes));
        group.MapGet("/{id:guid}/messages/{message:guid}", async (Guid id, Guid message, ConversationReading reading, PictureLinks links, Viewer viewer, CancellationToken cancel) =>
        {
            var found = (await reading.ThreadAsync(new(id), viewer, cancel))?.Messages.FirstOrDefault(m => m.Id.Value == message);
            if (found is null) return Problems.ToResult(ConversationsProblems.MessageNotFound(), StatusCodes.Status404NotFound);
            var html = found.HasHtml ? await reading.HtmlAsync(new(id), new(message), links, remotePictures: false, cancel) : null;
            return Results.Ok(Of(found, html?.Html));
        });
        group.MapPost("/{id:guid}/seen", async (Guid id, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            await reading.MarkSeenAsync(new(id), viewer, cancel);
            return Results.NoContent();
        });
        group.MapGet("/{id:guid}/messages/{message:guid}/original", async (Guid id, Guid message, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.OriginalAsync(new(id), new(message), cancel) is { } original ? MessageContent.Download(http, original) : Problems.ToResult(ConversationsProblems.MessageNotFound(), StatusCodes.Status404NotFound));
        group.MapGet("/{id:guid}/attachments/{attachment:guid}", async (Guid id, Guid attachment, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.FileAsync(new(id), new(attachment), cancel) is { } file ? MessageContent.Download(http, file) : Problems.ToResult(ConversationsProblems.FileNotFound(), StatusCodes.Status404NotFound));
    }

    /// <summary>The header of the IETF draft "The Idempotency-Key HTTP Header Field".</summary>
    private static string? OnceKey(HttpContext http) => http.Request.Headers["Idempotency-Key"].ToString() is { Length: > 0 } key ? key : null;

    // A line end within an address stays: it must be refused, not joined away.
    private static CompositionDraft DraftOf(MessageRequest request) => new(
        request.To is null ? null : string.Join(", ", request.To), request.Cc is null ? null : string.Join(", ", request.Cc), request.Subject, request.Text, request.Html,
        [.. (request.Attachments ?? []).Select(a => new DraftAttachment(a.FileName ?? "", a.MediaType ?? "application/octet-stream", a.Content ?? []))])
    {
        Bcc = request.Bcc is null ? null : string.Join(", ", request.Bcc),
        WithQuote = request.Quote,
    };

    /// <summary>A request as it was posted. Exactly one of the two is not null.</summary>
    internal sealed record PostedMessage(MessageRequest? Request, IResult? Refusal)
    {
        public static async ValueTask<PostedMessage> BindAsync(HttpContext http)
        {
            if (http.Request.ContentLength > MaxJsonBytes) return new(null, Problems.ToResult(ConversationsProblems.NotSent(new Dictionary<string, string>(StringComparer.Ordinal) { ["attachments"] = ConversationsTexts.AttachmentsTooLargeForJson.With(ByteSize.Of(MaxJsonFileBytes)) }), StatusCodes.Status413PayloadTooLarge));
            try
            {
                if (http.Request.HasJsonContentType() && await http.Request.ReadFromJsonAsync<MessageRequest>(http.RequestAborted) is { } request) return new(request, null);
            }
            catch (JsonException)
            {
                // Answered below, as every body that is no JSON of this form.
            }

            return new(null, Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest));
        }
    }

    private static IResult Done(Problem? problem) => problem is null ? Results.NoContent() : Problems.ToResult(problem);

    internal static IResult Sent(SendResult result)
    {
        if (result.Conversation is { } conversation) return Results.Accepted($"/api/v1/conversations/{conversation}", new { conversation = conversation.Value });
        var problem = result.Problem!;
        return Problems.ToResult(problem, problem.Code switch
        {
            "conversation-not-found" => StatusCodes.Status404NotFound,
            "message-attachments-too-large" => StatusCodes.Status413PayloadTooLarge,
            _ => StatusCodes.Status422UnprocessableEntity,
        });
    }

    private static ConversationAnswer Of(Conversation c) => new(c.Id.Value, c.Subject, c.StartedAt, c.LastMessageAt, c.MessageCount, c.ClosedAt, c.AssignedTo, c.Inbox?.Value);

    internal static ConversationLineAnswer Of(ConversationLine l) =>
        new(l.Conversation.Id.Value, l.Conversation.Subject, l.People, l.LastAuthor, l.Snippet, l.Conversation.LastMessageAt, l.Conversation.MessageCount, l.Unread, l.Queued, l.Failed, l.WaitsForUs,
            l.Conversation.ClosedAt, l.Conversation.AssignedTo, l.HasAttachment, l.HasDraft, l.Conversation.Inbox?.Value);

    private static AddressAnswer Of(NamedAddress a) => new(a.Name, a.Address.ToString());

    private static ThreadMessageAnswer Of(ThreadMessage m, string? html) => new(
        m.Id.Value, m.Number, ConversationStore.NameOf(m.Direction), Of(m.Author), [.. m.To.Select(Of)], [.. m.Cc.Select(Of)], [.. m.Bcc.Select(Of)], m.Subject, m.HeaderId, m.CreatedAt, m.DatedAt, m.Text, m.HasHtml, html, m.Automatic, m.Explanation, m.SenderCheck.Word(),
        m.Delivery is { } d ? new DeliveryAnswer(d.Mail, d.State, d.Problem, d.ChangedAt) : null,
        [.. m.Attachments.Select(a => new AttachmentAnswer(a.Id.Value, a.FileName, a.MediaType, a.Size, $"/api/v1/conversations/{m.Conversation}/attachments/{a.Id}"))]);

    /// <summary>How much a request to this endpoint may hold.</summary>
    private sealed record SizeLimit(long? MaxRequestBodySize) : Microsoft.AspNetCore.Http.Metadata.IRequestSizeLimitMetadata;
}
