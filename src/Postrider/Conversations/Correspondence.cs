using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What came of sending: where the message stands now, or what is wrong with which field.</summary>
/// <param name="Errors">By field; empty when the problem is of no field.</param>
internal sealed record SendResult(ConversationId? Conversation, Problem? Problem, IReadOnlyDictionary<string, string> Errors)
{
    public static SendResult Failed(Problem problem) => new(null, problem, new Dictionary<string, string>());
}

/// <summary>What a form starts with: for an answer, whom it goes to and what it quotes.</summary>
/// <param name="ToAll">It has other recipients than an answer to the sender alone.</param>
/// <param name="Quote">Null: there is nothing to quote.</param>
internal sealed record AnswerStart(string To, string Cc, string Subject, bool ToAll, string? Quote);

/// <summary>Writes and answers. Pages and API call these same methods.</summary>
internal sealed class Correspondence(HubDatabase database, Bodies bodies, ConversationStore store, Outbox outbox, OutboxStore mails, ConversationEvents events, ReplyTokens tokens, TimeProvider clock)
{
    /// <summary>Of all files of a message together, as download links or not.</summary>
    public long MaxFilesBytes => outbox.MaxFilesBytes;

    // Files that are together no longer than this are stored with their rows; more go before them, in chunks.
    private const int InlineBytes = 256 << 10;

    /// <summary>Begins a conversation. When it returns without a problem, conversation and mail are both safe; with one, neither is stored.</summary>
    /// <param name="onceKey">The same key again sends nothing and answers with the first message's conversation; null: no such promise.</param>
    /// <param name="origin">The draft that it was written in, which goes when the message is put; null: none was kept.</param>
    public async Task<SendResult> ComposeAsync(CompositionDraft draft, Viewer author, string? onceKey, CancellationToken cancel, KeptDraft? origin = null)
    {
        var (composition, errors) = Composition.Check(draft, answer: false, MaxFilesBytes);
        if (composition is null) return new SendResult(null, ConversationsProblems.NotSent(errors), errors);
        return await SendAsync(composition, composition.Subject, null, new Answer(composition.Subject, null, []), author, onceKey, origin, cancel);
    }

    /// <summary>Answers the newest message of a conversation that came in, or the newest at all.</summary>
    public async Task<SendResult> AnswerAsync(ConversationId id, CompositionDraft draft, Viewer author, string? onceKey, CancellationToken cancel, KeptDraft? origin = null)
    {
        var (conversation, answered) = await database.ReadAsync(r => (store.Find(r, id), Answered(store.Messages(r, id))), cancel);
        if (conversation is null) return SendResult.Failed(ConversationsProblems.NotFound());
        var (composition, errors) = Composition.Check(draft, answer: true, MaxFilesBytes);
        if (composition is null) return new SendResult(null, ConversationsProblems.NotSent(errors), errors);
        var answer = Answer.To(composition.Subject.Length > 0 ? composition.Subject : conversation.Subject, answered?.HeaderId, answered?.References ?? []);
        if (draft.WithQuote && QuotedText.Of(answered, author.TimeZone) is { } quote) composition = composition with { Text = (composition.Text ?? "").TrimEnd() + "\n\n" + quote };
        return await SendAsync(composition, conversation.Subject, id, answer, author, onceKey, origin, cancel);
    }

    /// <returns>Where the message stands that this person sent with this key; null when none was.</returns>
    public Task<ConversationId?> SentWithAsync(Viewer author, string onceKey, CancellationToken cancel) =>
        database.ReadAsync(r => mails.FindByKey(r, Drafts.KeyOf(author, onceKey)) is { } sent ? store.ConversationOf(r, sent.Id.Value) : null, cancel);

    /// <summary>Whom an answer goes to by itself: the newest message's sender, or its recipients when it was ours. To all: its other recipients too, but not ourselves.</summary>
    public static AnswerStart StartOfAnswer(Conversation conversation, IReadOnlyList<ThreadMessage> messages, bool toAll, HubAddresses own, TimeZoneInfo zone)
    {
        var answered = Answered(messages);
        IReadOnlyList<NamedAddress> to = answered switch
        {
            null => [],
            { Direction: MessageDirection.Outgoing } => answered.To,
            { ReplyTo.Count: > 0 } => answered.ReplyTo,
            _ => [answered.Author],
        };
        var others = answered is null ? [] : (answered.Direction == MessageDirection.Outgoing ? [] : answered.To).Concat(answered.Cc)
            .Where(who => !own.Holds(who.Address) && !to.Any(t => t.Address.Equals(who.Address))).DistinctBy(who => who.Address.Normalized).ToList();
        return new AnswerStart(string.Join(", ", to), toAll ? string.Join(", ", others) : "", Answer.To(conversation.Subject, null, []).Subject, others.Count > 0, QuotedText.Of(answered, zone));
    }

    private static ThreadMessage? Answered(IReadOnlyList<ThreadMessage> messages) =>
        messages.LastOrDefault(m => m.Direction == MessageDirection.Incoming) ?? messages.LastOrDefault(m => m.Direction == MessageDirection.Outgoing);

    private async Task<SendResult> SendAsync(Composition composition, string conversationSubject, ConversationId? existing, Answer headers, Viewer author, string? onceKey, KeptDraft? origin, CancellationToken cancel)
    {
        if (!EmailAddress.TryParse(author.Email, out var address)) return SendResult.Failed(ConversationsProblems.AuthorWithoutAddress());
        var from = new NamedAddress(author.Name.Length > 0 ? author.Name : null, address);
        var files = await StoreLargeFilesAsync(composition, cancel);
        ConversationId? begun = null;

        var put = await outbox.PutAsync(
            new OutgoingMessage
            {
                From = from,
                AnswersComeToTheHub = true,
                AnswerAddress = (mail, leavesWith) => tokens.AddressFor(mail, leavesWith) is { } signed ? new NamedAddress(from.Name, signed) : null,
                To = composition.To,
                Cc = composition.Cc,
                Bcc = composition.Bcc,
                Subject = headers.Subject,
                Text = composition.Text,
                Html = composition.Html,
                Attachments = composition.Attachments,
                StoredFiles = files,
                InReplyTo = headers.InReplyTo,
                References = headers.References,
                Creator = author.UserId,
                IdempotencyKey = onceKey,
            },
            (tx, mail, messageId) =>
            {
                var conversation = existing ?? store.Start(tx, conversationSubject);
                store.Add(tx, conversation, new NewThreadMessage
                {
                    Id = new(Ids.New(clock)),
                    Direction = MessageDirection.Outgoing,
                    Author = from,
                    AuthorUser = author.UserId,
                    To = composition.To,
                    Cc = composition.Cc,
                    Bcc = composition.Bcc,
                    Subject = headers.Subject,
                    HeaderId = messageId,
                    References = headers.References,
                    DatedAt = tx.Now,
                    Text = composition.Text,
                    HtmlBody = composition.Html is { } html ? bodies.Put(tx, System.Text.Encoding.UTF8.GetBytes(html)) : null,
                    OutboxMail = mail.Value,
                    SentFrom = SentFrom(tx, mail),
                    DeliveryState = OutboxState.Waiting.Word(),
                    Attachments = [.. composition.Attachments.Select((file, i) => new NewThreadAttachment(new(Ids.New(clock)), i, file.FileName, file.MediaType, files[i]?.Length ?? file.Bytes.Length, file.ContentId, files[i]?.Id ?? bodies.Put(tx, file.Bytes)))],
                    JoinsPeople = true,
                });
                store.MarkSeen(tx, conversation, author.UserId);
                store.Follow(tx, conversation, author.UserId);
                if (origin is not null) DraftStore.Delete(tx, origin, composition.Stored.Select(file => file.Id).ToHashSet());
                events.Changed(tx, conversation);
                begun = conversation;
            },
            cancel);

        if (put.Problem is { } problem) return SendResult.Failed(problem);
        // The same form sent twice: the message of the first time stands somewhere already.
        var stands = begun ?? await database.ReadAsync(r => store.ConversationOf(r, put.Id!.Value.Value), cancel);
        return new SendResult(stands, null, new Dictionary<string, string>());
    }

    private string? SentFrom(HubReader reader, OutboxMailId mail) =>
        AddressList.Parse(mails.Find(reader, mail)?.HeaderFrom).Addresses is [var sentFrom, ..] ? sentFrom.Address.Normalized : null;

    private async Task<StoredBody?[]> StoreLargeFilesAsync(Composition composition, CancellationToken cancel)
    {
        var files = composition.Attachments;
        var stored = new StoredBody?[files.Count];
        for (var i = 0; i < composition.Stored.Count; i++) stored[i] = composition.Stored[i];
        if (files.Sum(file => (long)file.Bytes.Length) <= InlineBytes) return stored;
        for (var i = composition.Stored.Count; i < files.Count; i++)
        {
            using var bytes = new MemoryBody(files[i].Bytes);
            stored[i] = await bodies.PutAsync(bytes, cancel);
        }
        return stored;
    }
}

/// <summary>Keeps the thread's messages at the state of their mails.</summary>
internal sealed class DeliveryListener(ConversationStore store, ConversationEvents events) : IOutboxListener
{
    public void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state) => Set(transaction, mail, state.Word());

    public void Reported(HubTransaction transaction, OutboxMailId mail, MailFate fate) => Set(transaction, mail, fate.Word());

    private void Set(HubTransaction transaction, OutboxMailId mail, string word) => store.SetDelivery(transaction, mail.Value, word, conversation => events.Changed(transaction, conversation));
}
