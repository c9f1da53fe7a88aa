using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What is done to many conversations at once.</summary>
public enum BulkDeed
{
    Read,
    Unread,
    Close,
    Reopen,
    Assign,
}

/// <summary>What people do with conversations besides writing mail. Pages and API call these same methods.</summary>
internal sealed class ConversationDesk(HubDatabase database, ConversationStore store, InboxStore inboxes, ConversationEvents events)
{
    /// <summary>Conversations of one bulk deed.</summary>
    public const int MaxBulk = 200;

    /// <summary>Does the same to each; unknown ids are passed over.</summary>
    /// <param name="assignee">For <see cref="BulkDeed.Assign"/>; null: nobody.</param>
    /// <returns>How many there were; or a problem, and nothing was changed.</returns>
    public Task<(int Done, Problem? Problem)> DoAsync(IReadOnlyList<ConversationId> ids, BulkDeed deed, Guid? assignee, Viewer viewer, CancellationToken cancel) => database.WriteAsync<(int, Problem?)>(tx =>
    {
        var to = assignee is { } person ? store.Colleague(tx, person) : null;
        if (to is null && assignee is not null) return (0, ConversationsProblems.ColleagueNotFound());
        var done = 0;
        foreach (var id in ids.Distinct().Take(MaxBulk))
        {
            if (store.Find(tx, id) is null) continue;
            Do(tx, id, deed, to, viewer);
            events.Changed(tx, id);
            done++;
        }
        return (done, null);
    }, cancel);

    /// <returns>What stood in the way; null when it is done, or was so already.</returns>
    public async Task<Problem?> DoAsync(ConversationId id, BulkDeed deed, Guid? assignee, Viewer viewer, CancellationToken cancel) =>
        await DoAsync([id], deed, assignee, viewer, cancel) is (0, var problem) ? problem ?? ConversationsProblems.NotFound() : null;

    private void Do(HubTransaction tx, ConversationId id, BulkDeed deed, Colleague? to, Viewer viewer)
    {
        var by = new Colleague(viewer.UserId, viewer.Name);
        switch (deed)
        {
            case BulkDeed.Read: store.MarkSeen(tx, id, viewer.UserId); break;
            case BulkDeed.Unread: store.MarkUnseen(tx, id, viewer.UserId); break;
            case BulkDeed.Close: store.Close(tx, id, by); break;
            case BulkDeed.Reopen: store.Reopen(tx, id, by); break;
            case BulkDeed.Assign: store.Assign(tx, id, to, by); break;
        }
    }

    /// <summary>Writes an internal note: seen by everybody who signs in here, sent to nobody. Its writer follows the conversation from now on.</summary>
    public Task<Problem?> NoteAsync(ConversationId id, string? note, Viewer viewer, CancellationToken cancel)
    {
        var words = (note ?? "").ReplaceLineEndings("\n").Trim();
        if (words.Length is 0 or > ConversationStore.MaxNoteChars) return Task.FromResult<Problem?>(ConversationsProblems.NoteUnusable());
        return database.WriteAsync<Problem?>(tx =>
        {
            if (store.Find(tx, id) is null) return ConversationsProblems.NotFound();
            store.PutNote(tx, id, words, new Colleague(viewer.UserId, viewer.Name));
            store.Follow(tx, id, viewer.UserId);
            events.Changed(tx, id);
            return null;
        }, cancel);
    }

    /// <param name="inbox">Null: no inbox.</param>
    public Task<Problem?> MoveAsync(ConversationId id, InboxId? inbox, Viewer viewer, CancellationToken cancel) => database.WriteAsync<Problem?>(tx =>
    {
        if (store.Find(tx, id) is null) return ConversationsProblems.NotFound();
        var to = inbox is { } named ? inboxes.FindInbox(tx, named) : null;
        if (to is null && inbox is not null) return AliasesProblems.InboxNotFound();
        if (store.Move(tx, id, to, new Colleague(viewer.UserId, viewer.Name))) events.Changed(tx, id);
        return null;
    }, cancel);

    public Task<Problem?> FollowAsync(ConversationId id, bool follow, Viewer viewer, CancellationToken cancel) => database.WriteAsync<Problem?>(tx =>
    {
        if (store.Find(tx, id) is null) return ConversationsProblems.NotFound();
        if (follow) store.Follow(tx, id, viewer.UserId);
        else store.Unfollow(tx, id, viewer.UserId);
        events.Changed(tx, id);
        return null;
    }, cancel);
}
