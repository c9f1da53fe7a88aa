using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>The people we write with. Pages and API call these same methods.</summary>
internal sealed class Contacts(HubDatabase database, ContactStore store, ConversationStore conversations)
{
    public const int MaxNameChars = 200;

    public Task<IReadOnlyList<Contact>> ListAsync(string? search, ContactId? after, int limit, CancellationToken cancel) => database.ReadAsync(r => store.List(r, search, after, limit), cancel);

    /// <returns>Null when there is no such contact.</returns>
    public Task<(Contact Contact, IReadOnlyList<ConversationLine> Conversations)?> FindAsync(ContactId id, Viewer viewer, CancellationToken cancel) =>
        database.ReadAsync<(Contact, IReadOnlyList<ConversationLine>)?>(r => store.Find(r, id) is { } contact ? (contact, conversations.ListOf(r, viewer.UserId, id, ConversationStore.ListLimit)) : null, cancel);

    /// <param name="name">Empty: the next message of theirs names them again.</param>
    public Task<Problem?> RenameAsync(ContactId id, string? name, CancellationToken cancel)
    {
        var given = (name ?? "").Trim();
        if (given.Length > MaxNameChars || given.Any(char.IsControl)) return Task.FromResult<Problem?>(ConversationsProblems.ContactNameUnusable());
        return database.WriteAsync<Problem?>(tx => ContactStore.Rename(tx, id, given.Length > 0 ? given : null) ? null : ConversationsProblems.ContactNotFound(), cancel);
    }
}
