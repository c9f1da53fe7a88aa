namespace Postrider.Conversations;

/// <summary>A list's filter as it stands in an address: <c>?state=closed&amp;assigned=me&amp;inbox=none&amp;filter=unread&amp;sort=oldest</c>. Page and API know the same words.</summary>
internal static class FilterWords
{
    /// <param name="state">open (also null and empty), closed or all.</param>
    /// <param name="assigned">me, nobody or a person's id; null and empty: whoever's.</param>
    /// <param name="sort">newest (also null and empty) or oldest.</param>
    /// <param name="inbox">none or an inbox's id; null and empty: whichever.</param>
    /// <returns>Null when a word is not known.</returns>
    public static ConversationFilter? Read(string? filter, string? state, string? assigned, string? sort, string? inbox, Guid viewer)
    {
        ConversationView? view = filter switch
        {
            null or "" or "all" => ConversationView.All,
            "unread" => ConversationView.Unread,
            "waiting" => ConversationView.Waiting,
            "failed" => ConversationView.Failed,
            "following" => ConversationView.Following,
            "told" => ConversationView.Told,
            _ => null,
        };
        var person = assigned is "me" ? viewer : Guid.TryParse(assigned, out var id) ? id : (Guid?)null;
        var place = Guid.TryParse(inbox, out var named) ? new InboxId(named) : (InboxId?)null;
        if (place is null && inbox is not (null or "" or "none")) return null;
        if (view is null || state is not (null or "" or "open" or "closed" or "all") || sort is not (null or "" or "newest" or "oldest") || person is null && assigned is not (null or "" or "nobody")) return null;
        return new ConversationFilter
        {
            View = view.Value,
            IsOpen = state switch { "closed" => false, "all" => null, _ => true },
            AssignedTo = person,
            Unassigned = assigned == "nobody",
            Inbox = place,
            InNoInbox = inbox == "none",
            OldestFirst = sort == "oldest",
        };
    }
}
