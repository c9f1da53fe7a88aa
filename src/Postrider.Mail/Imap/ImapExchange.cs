namespace Postrider.Mail.Imap;

/// <summary>What a command does to others on their way at the same time.</summary>
internal enum ImapCommandKind
{
    /// <summary>Goes alone: it changes what the following ones mean, or its answer cannot be told from theirs.</summary>
    Alone,
    /// <summary>UID FETCH.</summary>
    Fetch,
    /// <summary>UID STORE.</summary>
    Store,
    /// <summary>A search whose answer names no command.</summary>
    Search,
    /// <summary>A search answered by ESEARCH, which names its command.</summary>
    TaggedSearch,
    /// <summary>STATUS of a mailbox, which the answer names.</summary>
    Status,
}

/// <summary>One command on its way, and what came of it.</summary>
/// <param name="onResponse">Gets the untagged responses that are its own; null: there are none of interest.</param>
internal sealed class ImapExchange(ImapCommand command, ImapCommandKind kind = ImapCommandKind.Alone, Func<ImapResponse, ValueTask>? onResponse = null)
{
    public ImapCommand Command => command;
    public ImapCommandKind Kind => kind;
    public string Tag { get; set; } = "";
    /// <summary>The tagged OK; null before it, and after a failure.</summary>
    public ImapResponse.State? Final { get; set; }
    public ImapFailure? Failure { get; set; }

    public ValueTask TakeAsync(ImapResponse response) => onResponse is null ? ValueTask.CompletedTask : onResponse(response);

    /// <summary>Whether an untagged response is meant for this one.</summary>
    public bool Expects(ImapResponse response) => response switch
    {
        ImapResponse.Search { Extended: true, Details: [{ Kind: ImapValueKind.List } correlator, ..] } => kind != ImapCommandKind.TaggedSearch || correlator.Items is not [var word, var tag, ..] || !word.IsAtom("TAG") || string.Equals(tag.AsString(), Tag, StringComparison.OrdinalIgnoreCase),
        ImapResponse.Search => kind is ImapCommandKind.Search or ImapCommandKind.TaggedSearch or ImapCommandKind.Alone,
        ImapResponse.Data { Word: "FETCH" } => kind is ImapCommandKind.Fetch or ImapCommandKind.Store or ImapCommandKind.Alone,
        ImapResponse.Data { Word: "STATUS" } => kind is ImapCommandKind.Status or ImapCommandKind.Alone,
        _ => true,
    };

    /// <summary>RFC 9051 section 5.5: commands go out together only where neither the order in which the server takes them nor whose answer is whose can matter.</summary>
    public static bool MayFollow(ImapCommandKind next, IEnumerable<ImapCommandKind> open)
    {
        foreach (var other in open)
        {
            var together = (next, other) switch
            {
                (ImapCommandKind.Alone, _) or (_, ImapCommandKind.Alone) => false,
                // What is found and what flags a FETCH tells depend on whether the STORE came first.
                (ImapCommandKind.Store, ImapCommandKind.Store) => true,
                (ImapCommandKind.Store, _) or (_, ImapCommandKind.Store) => false,
                (ImapCommandKind.Search, ImapCommandKind.Search or ImapCommandKind.TaggedSearch) or (ImapCommandKind.TaggedSearch, ImapCommandKind.Search) => false,
                _ => true,
            };
            if (!together) return false;
        }
        return true;
    }
}
