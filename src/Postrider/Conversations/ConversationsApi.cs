using System.Text.Json;
using System.Text.Json.Serialization;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>A message to send. <paramref name="To"/> and <paramref name="Cc"/> hold addresses with or without names.</summary>
/// <param name="Subject">For an answer null or empty: the conversation's.</param>
public sealed record MessageRequest(IReadOnlyList<string>? To, IReadOnlyList<string>? Cc, string? Subject, string? Text, string? Html, IReadOnlyList<AttachmentRequest>? Attachments);

/// <param name="Content">In JSON as base64.</param>
public sealed record AttachmentRequest(string? FileName, string? MediaType, byte[]? Content);

public sealed record ConversationAnswer(Guid Id, string Subject, DateTimeOffset StartedAt, DateTimeOffset LastMessageAt, int MessageCount);

public sealed record ConversationLineAnswer(Guid Id, string Subject, string People, string LastAuthor, string Snippet, DateTimeOffset LastMessageAt, int MessageCount, int Unread, int Queued, int Failed, bool WaitsForUs);

/// <param name="Next">Value of <c>before</c> for the next page; null: this is the last.</param>
public sealed record ConversationListAnswer(IReadOnlyList<ConversationLineAnswer> Conversations, Guid? Next);

public sealed record ThreadAnswer(ConversationAnswer Conversation, IReadOnlyList<ThreadMessageAnswer> Messages);

public sealed record AddressAnswer(string? Name, string Address);

/// <param name="Mail">Its id under /api/v1/mails.</param>
public sealed record DeliveryAnswer(Guid Mail, string State, Problem? Problem, DateTimeOffset? ChangedAt);

public sealed record AttachmentAnswer(Guid Id, string FileName, string MediaType, long Size, string Href);

/// <param name="Direction">incoming, outgoing or report.</param>
/// <param name="MessageId">Without angle brackets; null when it had none.</param>
/// <param name="Html">Sanitised; null when the message has none. Only in the answer for one message.</param>
public sealed record ThreadMessageAnswer(
    Guid Id, string Direction, AddressAnswer From, IReadOnlyList<AddressAnswer> To, IReadOnlyList<AddressAnswer> Cc, string Subject, string? MessageId, DateTimeOffset CreatedAt, DateTimeOffset? DatedAt,
    string? Text, bool HasHtml, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Html, bool Automatic, string? Explanation, DeliveryAnswer? Delivery, IReadOnlyList<AttachmentAnswer> Attachments);

internal static class ConversationsApi
{
    /// <summary>A request with files up to more than twice the limit still gets an answer that names it; only beyond is the line cut.</summary>
    internal const long MaxRequestBytes = 64L << 20;
    /// <summary>base64 makes four bytes of three; the rest is text. A request that says it is longer holds more files than may be sent, and is answered without reading it.</summary>
    private const long MaxJsonBytes = (Composition.MaxAttachmentBytes * 4L / 3) + (8L << 20);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/conversations").RequireAuthorization(Policies.SignedIn).WithTags("Conversations");

        group.MapGet("", async (string? filter, Guid? before, int? limit, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            var wanted = FilterOf(filter);
            if (wanted is null) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            var size = Math.Clamp(limit ?? ConversationStore.ListLimit, 1, 200);
            var lines = await reading.ListAsync(viewer, wanted.Value, before is { } id ? new(id) : null, size, cancel);
            return Results.Ok(new ConversationListAnswer([.. lines.Select(Of)], lines.Count == size ? lines[^1].Conversation.Id.Value : null));
        });
        group.MapPost("", async (PostedMessage posted, Correspondence correspondence, Viewer viewer, HttpContext http, CancellationToken cancel) =>
            posted.Refusal ?? Sent(await correspondence.ComposeAsync(DraftOf(posted.Request!), viewer, OnceKey(http), cancel)))
            .Accepts<MessageRequest>("application/json").WithMetadata(new SizeLimit(MaxRequestBytes));
        group.MapGet("/{id:guid}", async (Guid id, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
            await reading.ThreadAsync(new(id), viewer, cancel) is var (conversation, messages, _)
                ? Results.Ok(new ThreadAnswer(Of(conversation), [.. messages.Select(m => Of(m, null))]))
                : Problems.ToResult(ConversationsProblems.NotFound(), StatusCodes.Status404NotFound));
        group.MapPost("/{id:guid}/messages", async (Guid id, PostedMessage posted, Correspondence correspondence, Viewer viewer, HttpContext http, CancellationToken cancel) =>
            posted.Refusal ?? Sent(await correspondence.AnswerAsync(new(id), DraftOf(posted.Request!), viewer, OnceKey(http), cancel)))
            .Accepts<MessageRequest>("application/json").WithMetadata(new SizeLimit(MaxRequestBytes));
        group.MapGet("/{id:guid}/messages/{message:guid}", async (Guid id, Guid message, ConversationReading reading, Viewer viewer, CancellationToken cancel) =>
        {
            var found = (await reading.ThreadAsync(new(id), viewer, cancel))?.Messages.FirstOrDefault(m => m.Id.Value == message);
            if (found is null) return Problems.ToResult(ConversationsProblems.MessageNotFound(), StatusCodes.Status404NotFound);
            var html = found.HasHtml ? await reading.HtmlAsync(new(id), new(message), cancel) : null;
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
        [.. (request.Attachments ?? []).Select(a => new DraftAttachment(a.FileName ?? "", a.MediaType ?? "application/octet-stream", a.Content ?? []))]);

    /// <summary>A request as it was posted. Exactly one of the two is not null.</summary>
    internal sealed record PostedMessage(MessageRequest? Request, IResult? Refusal)
    {
        public static async ValueTask<PostedMessage> BindAsync(HttpContext http)
        {
            if (http.Request.ContentLength > MaxJsonBytes) return new(null, Problems.ToResult(ConversationsProblems.NotSent(new Dictionary<string, string>(StringComparer.Ordinal) { ["attachments"] = Composition.TooLarge }), StatusCodes.Status413PayloadTooLarge));
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

    private static IResult Sent(SendResult result)
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

    internal static ConversationFilter? FilterOf(string? word) => word switch
    {
        null or "" or "all" => ConversationFilter.All,
        "unread" => ConversationFilter.Unread,
        "waiting" => ConversationFilter.Waiting,
        "failed" => ConversationFilter.Failed,
        _ => null,
    };

    private static ConversationAnswer Of(Conversation c) => new(c.Id.Value, c.Subject, c.StartedAt, c.LastMessageAt, c.MessageCount);

    private static ConversationLineAnswer Of(ConversationLine l) =>
        new(l.Conversation.Id.Value, l.Conversation.Subject, l.People, l.LastAuthor, l.Snippet, l.Conversation.LastMessageAt, l.Conversation.MessageCount, l.Unread, l.Queued, l.Failed, l.WaitsForUs);

    private static AddressAnswer Of(NamedAddress a) => new(a.Name, a.Address.ToString());

    private static ThreadMessageAnswer Of(ThreadMessage m, string? html) => new(
        m.Id.Value, ConversationStore.NameOf(m.Direction), Of(m.Author), [.. m.To.Select(Of)], [.. m.Cc.Select(Of)], m.Subject, m.HeaderId, m.CreatedAt, m.DatedAt, m.Text, m.HasHtml, html, m.Automatic, m.Explanation,
        m.Delivery is { } d ? new DeliveryAnswer(d.Mail, d.State, d.Problem, d.ChangedAt) : null,
        [.. m.Attachments.Select(a => new AttachmentAnswer(a.Id.Value, a.FileName, a.MediaType, a.Size, $"/api/v1/conversations/{m.Conversation}/attachments/{a.Id}"))]);

    /// <summary>How much a request to this endpoint may hold.</summary>
    internal sealed record SizeLimit(long? MaxRequestBodySize) : Microsoft.AspNetCore.Http.Metadata.IRequestSizeLimitMetadata;
}
