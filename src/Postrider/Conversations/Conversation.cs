using Postrider.Mail;

namespace Postrider.Conversations;

public readonly record struct ConversationId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

public readonly record struct ThreadMessageId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

public readonly record struct ThreadAttachmentId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

public enum MessageDirection
{
    Incoming,
    Outgoing,
    /// <summary>A server's report on a mail of ours.</summary>
    Report,
}

/// <summary>A thread of messages with the same people on the same matter.</summary>
/// <param name="Subject">Without <c>Re:</c>.</param>
/// <param name="MessageCount">Reports included.</param>
public sealed record Conversation(ConversationId Id, string Subject, DateTimeOffset StartedAt, DateTimeOffset LastMessageAt, int MessageCount)
{
    /// <summary>Null: it is open. A message that comes in opens it again.</summary>
    public DateTimeOffset? ClosedAt { get; init; }
    /// <summary>Whose it is; null: nobody's.</summary>
    public Colleague? AssignedTo { get; init; }
    /// <summary>Null: it was begun here, or came in by no alias.</summary>
    public InboxId? Inbox { get; init; }
    /// <summary>Null: it stands in none.</summary>
    public string? InboxName { get; init; }
}

/// <summary>Somebody who signs in to this hub.</summary>
public sealed record Colleague(Guid Id, string Name);

/// <summary>What the receiving server says of the address a message claims to come from.</summary>
public enum SenderCheck
{
    /// <summary>Nothing that can be relied on.</summary>
    None,
    /// <summary>The domain stands by it: DMARC passed, or SPF for the domain of From.</summary>
    Passed,
    /// <summary>The domain disowns it: DMARC failed.</summary>
    Failed,
}

internal static class SenderChecks
{
    /// <returns>Null for <see cref="SenderCheck.None"/>.</returns>
    public static string? Word(this SenderCheck check) => check switch { SenderCheck.Passed => "passed", SenderCheck.Failed => "failed", _ => null };

    public static SenderCheck Read(string? word) => word switch { "passed" => SenderCheck.Passed, "failed" => SenderCheck.Failed, _ => SenderCheck.None };
}

/// <summary>A line of the list: what one sees at a glance.</summary>
/// <param name="People">Names of those who wrote to us, else of those we wrote to; at most three.</param>
/// <param name="Unread">Messages that came in, and notes of others, since the viewer last read.</param>
/// <param name="Queued">Mails not yet handed over.</param>
/// <param name="Failed">Mails that were refused.</param>
/// <param name="WaitsForUs">The last message came in: nobody has answered it.</param>
public sealed record ConversationLine(Conversation Conversation, string People, string LastAuthor, string Snippet, int Unread, int Queued, int Failed, bool WaitsForUs)
{
    public bool HasAttachment { get; init; }
    /// <summary>The viewer has begun an answer.</summary>
    public bool HasDraft { get; init; }
}

/// <summary>A line of a search: the conversation, and the place where the words stand.</summary>
/// <param name="Message">The message; null: the words stand in a note.</param>
internal sealed record FoundLine(ConversationLine Line, ThreadMessageId? Message, IReadOnlyList<SnippetPart> Snippet);

/// <param name="Next">Where the next page begins; null: this is the last.</param>
internal sealed record FoundPage(IReadOnlyList<FoundLine> Lines, long? Next);

public enum ActKind
{
    Note,
    Assigned,
    Closed,
    Reopened,
    /// <summary>To another inbox.</summary>
    Moved,
}

/// <summary>What somebody did in a conversation besides writing mail. It never leaves the hub.</summary>
/// <param name="AfterNumber">It stands behind the message of this number.</param>
/// <param name="Who">Null: the hub, because a message came.</param>
/// <param name="Words">The note; whom it was assigned to, null for nobody; the inbox it was moved to, null for none; null otherwise.</param>
public sealed record ConversationAct(Guid Id, int AfterNumber, ActKind Kind, Colleague? Who, string? Words, DateTimeOffset At);

/// <summary>One message of a thread.</summary>
public sealed record ThreadMessage
{
    public required ThreadMessageId Id { get; init; }
    public required ConversationId Conversation { get; init; }
    /// <summary>1, 2, 3... in its conversation.</summary>
    public required int Number { get; init; }
    public required MessageDirection Direction { get; init; }
    public required NamedAddress Author { get; init; }
    public required IReadOnlyList<NamedAddress> To { get; init; }
    public required IReadOnlyList<NamedAddress> Cc { get; init; }
    /// <summary>Recipients that no header named; of messages written here only.</summary>
    public required IReadOnlyList<NamedAddress> Bcc { get; init; }
    /// <summary>Where an answer goes; empty: to the author.</summary>
    public required IReadOnlyList<NamedAddress> ReplyTo { get; init; }
    public required string Subject { get; init; }
    /// <summary>Message-ID without angle brackets; null when it had none.</summary>
    public required string? HeaderId { get; init; }
    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<string> References { get; init; }
    /// <summary>When it entered the hub: the order of the thread.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>What its Date header claims; null when absent or unreadable.</summary>
    public required DateTimeOffset? DatedAt { get; init; }
    /// <summary>The text alternative, or what the HTML reads like; null when there is neither.</summary>
    public required string? Text { get; init; }
    public required bool TextCut { get; init; }
    public required bool HasHtml { get; init; }
    /// <summary>The original bytes can be downloaded.</summary>
    public required bool HasOriginal { get; init; }
    public required bool Automatic { get; init; }
    public required string? Explanation { get; init; }
    public SenderCheck SenderCheck { get; init; }
    /// <summary>Null for what came in.</summary>
    public required DeliveryState? Delivery { get; init; }
    public required IReadOnlyList<ThreadAttachment> Attachments { get; init; }
}

/// <summary>How far an outgoing message is.</summary>
/// <param name="Mail">Its id in the Email Queue.</param>
/// <param name="State">As the outbox calls it, in lower case.</param>
/// <param name="Problem">What keeps it or ended it; null when nothing is wrong.</param>
public sealed record DeliveryState(Guid Mail, string State, Web.Problem? Problem, DateTimeOffset? ChangedAt)
{
    /// <summary>How many of its files went as download links.</summary>
    public int Links { get; init; }
}

/// <param name="Size">Decoded bytes.</param>
/// <param name="IsInline">The HTML may name it.</param>
public sealed record ThreadAttachment(ThreadAttachmentId Id, string FileName, string MediaType, long Size, bool IsInline);

/// <summary>Which conversations a list shows, and in which order.</summary>
public sealed record ConversationFilter
{
    /// <summary>Open and closed.</summary>
    public static ConversationFilter All { get; } = new();
    public static ConversationFilter Open { get; } = new() { IsOpen = true };

    /// <summary>True: open ones, false: closed ones, null: both.</summary>
    public bool? IsOpen { get; init; }
    public ConversationView View { get; init; }
    /// <summary>Those of this person; null: whoever's.</summary>
    public Guid? AssignedTo { get; init; }
    /// <summary>Those of nobody.</summary>
    public bool Unassigned { get; init; }
    /// <summary>Those of this inbox; null: whichever.</summary>
    public InboxId? Inbox { get; init; }
    /// <summary>Those of no inbox.</summary>
    public bool InNoInbox { get; init; }
    /// <summary>Those that have waited longest come first.</summary>
    public bool OldestFirst { get; init; }
}

public enum ConversationView
{
    All,
    Unread,
    /// <summary>The last message came in and nobody has answered.</summary>
    Waiting,
    /// <summary>A mail was refused.</summary>
    Failed,
    /// <summary>The viewer follows it.</summary>
    Following,
    /// <summary>The viewer follows it or it is the viewer's, and something in it is new.</summary>
    Told,
}

/// <summary>Conversations with something new for the viewer, among the open ones.</summary>
/// <param name="Told">Those that are the viewer's or that the viewer follows.</param>
public sealed record UnreadCounts(int All, int Mine, int Unassigned, int Told);
