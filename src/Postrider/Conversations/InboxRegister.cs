using Postrider.Journal;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What came of saving an alias.</summary>
/// <param name="Errors">By field; empty when the problem is of no field.</param>
internal sealed record AliasSaved(AliasId? Id, Problem? Problem, IReadOnlyDictionary<string, string> Errors);

/// <summary>Something else delivers to inboxes, or is in the way of an alias: the folder that knows implements it.</summary>
internal interface IInboxUse
{
    /// <summary>Who delivers to it, in words for a person; null: nobody.</summary>
    string? UsedBy(HubReader reader, InboxId inbox);
}

/// <summary>Everything a person or a program does with inboxes and aliases: pages and API call these same methods.</summary>
internal sealed class InboxRegister(HubDatabase database, InboxStore store, IEnumerable<IInboxUse> uses, JournalWriter journal)
{
    public const string InboxTopic = "inbox";
    public const string AliasTopic = "alias";

    public Task<IReadOnlyList<Inbox>> InboxesAsync(CancellationToken cancel) => database.ReadAsync(store.Inboxes, cancel);

    public Task<IReadOnlyList<Alias>> AliasesAsync(CancellationToken cancel) => database.ReadAsync(store.Aliases, cancel);

    public Task<Inbox?> FindInboxAsync(InboxId id, CancellationToken cancel) => database.ReadAsync(r => store.FindInbox(r, id), cancel);

    public Task<Alias?> FindAliasAsync(AliasId id, CancellationToken cancel) => database.ReadAsync(r => store.FindAlias(r, id), cancel);

    public async Task<(InboxId? Id, Problem? Problem)> CreateInboxAsync(string? name, Guid byUser, CancellationToken cancel)
    {
        var clean = Inbox.Clean(name);
        if (NameProblem(clean) is { } problem) return (null, problem);
        return await database.WriteAsync<(InboxId?, Problem?)>(tx =>
        {
            if (store.Insert(tx, clean) is not { } id) return (null, AliasesProblems.InboxNameTaken(clean));
            journal.Write(tx, "inbox-created", InboxTopic, id.Value, $"The inbox {clean} was made.", byUser);
            return (id, null);
        }, cancel);
    }

    public async Task<Problem?> RenameInboxAsync(InboxId id, string? name, Guid byUser, CancellationToken cancel)
    {
        var clean = Inbox.Clean(name);
        if (NameProblem(clean) is { } problem) return problem;
        return await database.WriteAsync(tx =>
        {
            if (store.FindInbox(tx, id) is not { } before) return AliasesProblems.InboxNotFound();
            if (before.Name == clean) return null;
            if (!store.Rename(tx, id, clean)) return AliasesProblems.InboxNameTaken(clean);
            journal.Write(tx, "inbox-renamed", InboxTopic, id.Value, $"The inbox {before.Name} is now called {clean}.", byUser);
            return null;
        }, cancel);
    }

    /// <summary>Its conversations stay, without an inbox. Refused while an alias or a server delivers to it.</summary>
    public Task<Problem?> DeleteInboxAsync(InboxId id, Guid byUser, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.FindInbox(tx, id) is not { } inbox) return AliasesProblems.InboxNotFound();
        if (inbox.Aliases > 0) return AliasesProblems.InboxInUse(inbox.Name, AliasesTexts.UsedByAliases.With(inbox.Aliases));
        if (uses.Select(use => use.UsedBy(tx, id)).OfType<string>().FirstOrDefault() is { } user) return AliasesProblems.InboxInUse(inbox.Name, user);
        store.Delete(tx, id);
        journal.Write(tx, "inbox-deleted", InboxTopic, id.Value, $"The inbox {inbox.Name} was deleted; its {inbox.Conversations} conversations stay.", byUser);
        return null;
    }, cancel);

    /// <param name="id">Null: a new one.</param>
    public Task<AliasSaved> SaveAliasAsync(AliasId? id, AliasDraft draft, Guid byUser, CancellationToken cancel)
    {
        return database.WriteAsync(tx =>
        {
            var domain = SystemParameters.Get(tx, KnownParameter.CatchallDomain);
            var (settings, errors) = AliasSettings.Check(draft, OwnAddress.Of(SystemParameters.Get(tx, KnownParameter.CatchallAlias), domain), OwnAddress.Of(SystemParameters.Get(tx, KnownParameter.BounceAlias), domain));
            if (settings is null) return new AliasSaved(null, AliasesProblems.Invalid(errors), errors);
            if (id is { } known && store.FindAlias(tx, known) is null) return Refused(AliasesProblems.AliasNotFound());
            if (store.FindInbox(tx, settings.Inbox) is not { } inbox) return Wrong("inbox", AliasesTexts.InboxGone);
            if (store.IsTaken(tx, settings.Name, settings.Domain, id)) return Wrong("name", AliasesTexts.NameTaken, AliasesProblems.AliasTaken(settings.Domain.Length == 0 ? settings.Name : $"{settings.Name}@{settings.Domain}"));
            var saved = id ?? store.Insert(tx, settings);
            if (id is not null) store.Update(tx, saved, settings);
            var alias = store.FindAlias(tx, saved)!;
            journal.Write(tx, id is null ? "alias-created" : "alias-changed", AliasTopic, saved.Value, $"{alias.Address} {(alias.Active ? "leads" : "is archived; it led")} to {inbox.Name}, for {settings.Rule.Word()}.", byUser);
            return new AliasSaved(saved, null, new Dictionary<string, string>());
        }, cancel);

        static AliasSaved Refused(Problem problem) => new(null, problem, new Dictionary<string, string>());

        static AliasSaved Wrong(string field, string why, Problem? problem = null)
        {
            var wrong = new Dictionary<string, string>(StringComparer.Ordinal) { [field] = why };
            return new(null, problem ?? AliasesProblems.Invalid(wrong), wrong);
        }
    }

    public Task<Problem?> DeleteAliasAsync(AliasId id, Guid byUser, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.FindAlias(tx, id) is not { } alias) return AliasesProblems.AliasNotFound();
        store.Delete(tx, id);
        journal.Write(tx, "alias-deleted", AliasTopic, id.Value, $"{alias.Address} was deleted; it led to {alias.InboxName}.", byUser);
        return null;
    }, cancel);

    private static Problem? NameProblem(string clean) =>
        clean.Length == 0 ? AliasesProblems.InboxNameInvalid(AliasesTexts.InboxNameMissing) : clean.Length > Inbox.MaxNameLength ? AliasesProblems.InboxNameInvalid(AliasesTexts.InboxNameTooLong.With(Inbox.MaxNameLength)) : null;
}
