using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Tnef;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>A file ready to be handed out.</summary>
internal sealed record OpenedFile(string FileName, string MediaType, byte[] Bytes);

/// <summary>Lists, threads, bodies and files. Pages and API call these same methods.</summary>
internal sealed class ConversationReading(HubDatabase database, Bodies bodies, ConversationStore store, OutboxStore mails)
{
    public Task<IReadOnlyList<ConversationLine>> ListAsync(Viewer viewer, ConversationFilter filter, ConversationId? before, int limit, CancellationToken cancel) =>
        database.ReadAsync(r => store.List(r, viewer.UserId, filter, before, limit), cancel);

    /// <returns>Null when there is no such conversation.</returns>
    public Task<(Conversation Conversation, IReadOnlyList<ThreadMessage> Messages, int Unread)?> ThreadAsync(ConversationId id, Viewer viewer, CancellationToken cancel) =>
        database.ReadAsync<(Conversation, IReadOnlyList<ThreadMessage>, int)?>(r => store.Find(r, id) is { } conversation ? (conversation, WithReasons(r, store.Messages(r, id)), store.UnreadOf(r, id, viewer.UserId)) : null, cancel);

    private List<ThreadMessage> WithReasons(HubReader reader, IReadOnlyList<ThreadMessage> messages) =>
    [
        .. messages.Select(m => m.Delivery is { State: not "sent" } delivery
            ? m with { Delivery = delivery with { Problem = mails.Find(reader, new OutboxMailId(delivery.Mail))?.Trouble } }
            : m),
    ];

    public Task MarkSeenAsync(ConversationId id, Viewer viewer, CancellationToken cancel) => database.WriteAsync(tx => store.MarkSeen(tx, id, viewer.UserId), cancel);

    /// <summary>The message's HTML, made harmless.</summary>
    /// <returns>Null when there is no such message, or it has no HTML.</returns>
    public async Task<SafeHtml?> HtmlAsync(ConversationId conversation, ThreadMessageId message, CancellationToken cancel)
    {
        var (found, inline) = await database.ReadAsync(r => (store.BodiesOf(r, conversation, message), store.InlineParts(r, message)), cancel);
        if (found?.Html is not { } html) return null;
        var text = Encoding.UTF8.GetString(await bodies.ReadAsync(html, cancel));
        var pictures = text.Contains("cid:", StringComparison.OrdinalIgnoreCase) ? await PicturesAsync(inline, cancel) : null;
        return SafeHtml.From(text, pictures is null ? null : id => pictures.GetValueOrDefault(id));
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

    private async Task<Dictionary<string, InlinePicture>> PicturesAsync(IReadOnlyList<AttachmentSource> inline, CancellationToken cancel)
    {
        Dictionary<string, InlinePicture> pictures = [];
        OpenedMessage? original = null;
        foreach (var source in inline)
        {
            if (!source.MediaType.StartsWith("image/", StringComparison.Ordinal)) continue;
            byte[]? bytes;
            if (source.Body is { } body) bytes = await bodies.ReadAsync(body, cancel);
            else bytes = PartOf(original ??= await OriginalOfAsync(source, cancel), source.Position);
            if (bytes is not null) pictures.TryAdd(source.ContentId!, new InlinePicture(source.MediaType, bytes));
        }
        return pictures;
    }

    private async Task<OpenedMessage?> OriginalOfAsync(AttachmentSource source, CancellationToken cancel) =>
        source.RawBody is { } raw ? OpenedMessage.Of(MimeMessage.Read(await bodies.ReadAsync(raw, cancel))) : null;

    private static byte[]? PartOf(OpenedMessage? original, int position) =>
        original is not null && position < original.Files.Count ? original.Files[position].Bytes.ToArray() : null;
}
