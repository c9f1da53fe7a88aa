using System.Collections.Concurrent;
using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Tnef;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <param name="Height">CSS pixels, an estimate.</param>
/// <param name="BlockedHeight">What the pictures that are held back take besides.</param>
public sealed record FrameFacts(int Height, int BlockedPictures, int BlockedHeight);

/// <summary>A file ready to be handed out.</summary>
internal sealed record OpenedFile(string FileName, string MediaType, byte[] Bytes);

/// <summary>A conversation as its page shows it.</summary>
/// <param name="Messages">The newest <see cref="ConversationStore.ThreadLimit"/>, in the order they came.</param>
/// <param name="Readers">Who has read it, up to which message.</param>
/// <param name="Unread">New for the viewer.</param>
internal sealed record ConversationThread(
    Conversation Conversation, IReadOnlyList<ThreadMessage> Messages, IReadOnlyList<ConversationAct> Acts, IReadOnlyList<Colleague> Followers, IReadOnlyList<(Colleague Person, int Until)> Readers, int Unread)
{
    /// <summary>Of this hub and its people.</summary>
    public required HubAddresses Own { get; init; }
}

/// <summary>Lists, threads, bodies and files. Pages and API call these same methods.</summary>
internal sealed class ConversationReading(HubDatabase database, Bodies bodies, ConversationStore store, InboxStore inboxes, HubAddressBook own, OutboxStore mails)
{
    // A message never changes, so neither does what its frame needs; a number and a key each.
    private const int MaxFrames = 20_000;
    private readonly ConcurrentDictionary<ThreadMessageId, FrameFacts> frames = new();

    public Task<IReadOnlyList<ConversationLine>> ListAsync(Viewer viewer, ConversationFilter filter, ConversationId? before, int limit, CancellationToken cancel) =>
        database.ReadAsync(r => store.List(r, viewer.UserId, filter, before, limit), cancel);

    /// <summary>As <see cref="ConversationStore.Search"/>.</summary>
    public Task<FoundPage> SearchAsync(Viewer viewer, SearchQuery query, long? before, int limit, CancellationToken cancel) =>
        database.ReadAsync(r => store.Search(r, viewer.UserId, query, before, limit), cancel);

    public Task<UnreadCounts> UnreadAsync(Viewer viewer, CancellationToken cancel) => database.ReadAsync(r => store.Unread(r, viewer.UserId), cancel);

    public Task<IReadOnlyList<Inbox>> InboxesAsync(CancellationToken cancel) => database.ReadAsync(inboxes.Inboxes, cancel);

    public Task<IReadOnlyList<Colleague>> ColleaguesAsync(CancellationToken cancel) => database.ReadAsync(store.Colleagues, cancel);

    /// <returns>Null when there is no such conversation.</returns>
    public Task<ConversationThread?> ThreadAsync(ConversationId id, Viewer viewer, CancellationToken cancel) =>
        database.ReadAsync(r => store.Find(r, id) is { } conversation
            ? new ConversationThread(conversation, WithReasons(r, store.Messages(r, id)), store.Acts(r, id), store.Followers(r, id), store.Readers(r, id), store.UnreadOf(r, id, viewer.UserId)) { Own = own.Of(r, id) }
            : null, cancel);

    private List<ThreadMessage> WithReasons(HubReader reader, IReadOnlyList<ThreadMessage> messages)
    {
        var linked = DownloadLinkStore.Counts(reader, [.. messages.Where(m => m.Delivery is not null).Select(m => m.Delivery!.Mail)]);
        return [.. messages.Select(m => m.Delivery is { } delivery ? m with { Delivery = WithReason(delivery) } : m)];

        DeliveryState WithReason(DeliveryState delivery) => delivery with
        {
            Links = linked.GetValueOrDefault(delivery.Mail),
            Problem = delivery.State == "sent" ? delivery.Problem : mails.Find(reader, new OutboxMailId(delivery.Mail))?.Trouble,
        };
    }

    public Task MarkSeenAsync(ConversationId id, Viewer viewer, CancellationToken cancel) => database.WriteAsync(tx => store.MarkSeen(tx, id, viewer.UserId), cancel);

    /// <summary>The message's HTML, made harmless.</summary>
    /// <param name="remotePictures">Somebody asked to see them.</param>
    /// <returns>Null when there is no such message, or it has no HTML.</returns>
    public async Task<SafeHtml?> HtmlAsync(ConversationId conversation, ThreadMessageId message, PictureLinks links, bool remotePictures, CancellationToken cancel)
    {
        var (found, inline) = await database.ReadAsync(r => (store.BodiesOf(r, conversation, message), store.InlineParts(r, message)), cancel);
        if (found?.Html is not { } html) return null;
        var pictures = inline.Where(part => RasterPicture.MediaTypes.Contains(part.MediaType)).DistinctBy(part => part.ContentId).ToDictionary(part => part.ContentId!, part => part.Id, StringComparer.Ordinal);
        return SafeHtml.From(Encoding.UTF8.GetString(await bodies.ReadAsync(html, cancel)), id => pictures.TryGetValue(id, out var part) ? links.To(conversation, part) : null, remotePictures);
    }

    /// <summary>How tall the frames of these messages are, in CSS pixels, and how many remote pictures each holds back.</summary>
    public async Task<IReadOnlyDictionary<ThreadMessageId, FrameFacts>> FramesAsync(IReadOnlyList<ThreadMessage> messages, CancellationToken cancel)
    {
        var facts = new Dictionary<ThreadMessageId, FrameFacts>();
        foreach (var message in messages.Where(m => m.HasHtml))
        {
            if (!frames.TryGetValue(message.Id, out var known))
            {
                var found = await database.ReadAsync(r => store.BodiesOf(r, message.Conversation, message.Id), cancel);
                var html = SafeHtml.From(Encoding.UTF8.GetString(await bodies.ReadAsync(found!.Value.Html!.Value, cancel)));
                known = new FrameFacts(html.Height, html.BlockedPictures, html.BlockedHeight);
                if (frames.Count >= MaxFrames) frames.Clear();
                frames[message.Id] = known;
            }
            facts[message.Id] = known;
        }
        return facts;
    }

    /// <returns>Null when there is no such file in the conversation.</returns>
    public async Task<OpenedFile?> FileAsync(ConversationId conversation, ThreadAttachmentId id, CancellationToken cancel)
    {
        var source = await database.ReadAsync(r => store.Attachment(r, conversation, id), cancel);
        if (source is null) return null;
        var bytes = source.Body is { } body ? await bodies.ReadAsync(body, cancel) : PartOf(await OriginalOfAsync(source, cancel), source.Position);
        return bytes is null ? null : new OpenedFile(source.FileName, source.MediaType, bytes);
    }

    /// <summary>The message as it came.</summary>
    /// <returns>Null when there is no such message, or it was written here.</returns>
    public async Task<OpenedFile?> OriginalAsync(ConversationId conversation, ThreadMessageId id, CancellationToken cancel)
    {
        var found = await database.ReadAsync(r => store.BodiesOf(r, conversation, id), cancel);
        return found?.Raw is { } raw ? new OpenedFile($"message-{id}.eml", "message/rfc822", await bodies.ReadAsync(raw, cancel)) : null;
    }

    private async Task<OpenedMessage?> OriginalOfAsync(AttachmentSource source, CancellationToken cancel) =>
        source.RawBody is { } raw ? OpenedMessage.Of(MimeMessage.Read(await bodies.ReadAsync(raw, cancel))) : null;

    private static byte[]? PartOf(OpenedMessage? original, int position) =>
        original is not null && position < original.Files.Count ? original.Files[position].Bytes.ToArray() : null;
}
