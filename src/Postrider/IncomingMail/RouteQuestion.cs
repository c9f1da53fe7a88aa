using Postrider.Conversations;
using Postrider.Mail;

namespace Postrider.IncomingMail;

/// <summary>A message of the store that a received mail names, or that bears the same Message-ID.</summary>
/// <param name="HeaderId">The Message-ID by which it was found.</param>
/// <param name="SentFrom">Normalised address it left with, where a server replaced the author's; else null.</param>
/// <param name="Recipients">Normalised addresses it was sent to.</param>
/// <param name="SenderTakesPart">The sender of the received mail is a participant of its conversation.</param>
internal sealed record KnownMessage(
    ThreadMessageId Message,
    ConversationId Conversation,
    string HeaderId,
    MessageDirection Direction,
    string AuthorNormalized,
    string? SentFrom,
    IReadOnlySet<string> Recipients,
    byte[]? Fingerprint,
    bool SenderTakesPart)
{
    /// <summary>Where its conversation stands; null: in no inbox.</summary>
    public InboxId? Inbox { get; init; }
    /// <summary>Its id in the Email Queue; null for what came in.</summary>
    public Guid? OutboxMail { get; init; }
}

/// <summary>A message that came before the one it answers.</summary>
/// <param name="AuthorNormalized">Who wrote it.</param>
internal sealed record WaitingAnswer(ConversationId Conversation, InboxId? Inbox, string AuthorNormalized);

/// <summary>A reply address of ours that the mail was sent to.</summary>
/// <param name="Answered">The mail whose answer it takes.</param>
/// <param name="UsedByAnother">It has let in somebody else, who took no part before: once is all it does.</param>
internal sealed record SignedReply(KnownMessage Answered, bool UsedByAnother);

/// <summary>Addresses and domains that are the hub's own.</summary>
/// <param name="Catchall">Null: none is set.</param>
/// <param name="Bounce">Null: none is set.</param>
/// <param name="Allowed">Domains, in their ASCII form, where an alias without a domain takes mail; null: everywhere.</param>
internal sealed record OwnAddresses(EmailAddress? Catchall, EmailAddress? Bounce, IReadOnlySet<string>? Allowed)
{
    public static OwnAddresses None { get; } = new(null, null, null);

    /// <param name="allowed">The system parameter: domains with commas between them; null or empty: no bound.</param>
    /// <param name="own">Domains that count as the hub's own anyway.</param>
    public static IReadOnlySet<string>? AllowedDomains(string? allowed, IEnumerable<string> own)
    {
        var named = AliasName.DomainsOf(allowed).ToHashSet(StringComparer.Ordinal);
        if (named.Count == 0) return null;
        named.UnionWith(own.Where(domain => domain.Length > 0).Select(AliasName.DomainOf));
        return named;
    }

    public bool IsCatchall(EmailAddress address) => Catchall is not null && IsAt(address, Catchall);

    public bool IsBounce(EmailAddress address) => Bounce is not null && IsAt(address, Bounce);

    public bool IsAllowed(string domain) => Allowed is null || Allowed.Contains(domain);

    // With a plus address too: catchall+anything is delivered to catchall.
    private static bool IsAt(EmailAddress address, EmailAddress own) => address.Equals(own) || (AliasName.DomainOf(address) == AliasName.DomainOf(own) && AliasName.PlusLess(address) == AliasName.LocalPartOf(own));
}

/// <summary>Where mail goes that answers nothing and names no alias.</summary>
/// <param name="Inbox">Null: a conversation in no inbox.</param>
internal sealed record DefaultTarget(InboxId? Inbox);

/// <summary>What the hub knows about a received mail before it decides where it belongs.</summary>
internal sealed record RouteQuestion
{
    /// <summary>What the store knows under any of the Message-IDs the mail bears or names; each pair of message and id once.</summary>
    public IReadOnlyList<KnownMessage> Known { get; init; } = [];
    /// <summary>Null: no recipient is a reply address of ours.</summary>
    public SignedReply? Signed { get; init; }
    /// <summary>Messages that answer this one and came before it.</summary>
    public IReadOnlyList<WaitingAnswer> Waiting { get; init; } = [];
    /// <summary>Those conversations of the messages above that the sender follows, as a user of the hub.</summary>
    public IReadOnlySet<ConversationId> Followed { get; init; } = new HashSet<ConversationId>();
    /// <summary>Active aliases; those that the mail does not name do no harm.</summary>
    public IReadOnlyList<Alias> Aliases { get; init; } = [];
    public OwnAddresses Own { get; init; } = OwnAddresses.None;
    /// <summary>Null: such mail goes to quarantine.</summary>
    public DefaultTarget? Default { get; init; }
    /// <summary>The hub has exchanged mail with the sender's address before.</summary>
    public bool SenderIsContact { get; init; }
    /// <summary>The sender's address is that of a user of the hub.</summary>
    public bool SenderIsUser { get; init; }
}

/// <summary>How much the sender has written lately.</summary>
/// <param name="InTarget">Within the time that counts: new conversations in the inbox, or messages in the conversation.</param>
internal readonly record struct SenderVolume(long InTarget, int Threshold, int Minutes, bool Unbounded);
