using Postrider.Apps;
using Postrider.Conversations;
using Postrider.Entra;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <summary>What came of saving: the server, or what is wrong with which field.</summary>
/// <param name="Errors">By field; empty when the problem is of no field.</param>
internal sealed record SaveResult(IncomingServerId? Id, Problem? Problem, IReadOnlyDictionary<string, string> Errors)
{
    public static SaveResult Failed(Problem problem) => new(null, problem, new Dictionary<string, string>());
}

/// <summary>Everything a person or a program does with incoming servers: pages and API call these same methods.</summary>
internal sealed class IncomingServerRegister(
    HubDatabase database, IncomingServerStore store, OutlookAccountStore accounts, ConnectRequestStore requests, MailboxSessions sessions, MailboxReader reader, PopReader maildrops, Intake intake, InboxStore inboxes, InstalledApps apps, MicrosoftCloud cloud, JournalWriter journal, TimeProvider clock)
{
    /// <summary>Folders that are listed to choose from; another one is entered by its name.</summary>
    public const int FolderLimit = 2000;

    public Task<IReadOnlyList<IncomingServer>> ListAsync(CancellationToken cancel) => database.ReadAsync(store.List, cancel);

    public Task<IncomingServer?> FindAsync(IncomingServerId id, CancellationToken cancel) => database.ReadAsync(r => store.Find(r, id), cancel);

    /// <summary>The account of a server, for the tag; null: none is connected.</summary>
    public Task<OutlookAccount?> AccountAsync(IncomingServer server, CancellationToken cancel) =>
        accounts.FindAsync(server.OutlookAccount is { } id ? new OutlookAccountId(id) : null, cancel);

    /// <summary>For each server, in order, what came of its last attempt to connect when that ended badly; null otherwise.</summary>
    public Task<IReadOnlyList<Problem?>> ConnectProblemsAsync(IReadOnlyList<IncomingServer> servers, CancellationToken cancel) => database.ReadAsync<IReadOnlyList<Problem?>>(r =>
        [.. servers.Select(server => requests.LastProblem(r, IncomingServerConnectTarget.KindName, server.Id.Value, accounts.Find(r, server.OutlookAccount is { } id ? new OutlookAccountId(id) : null)))], cancel);

    public Task<MailboxCursor?> CursorAsync(IncomingServer server, CancellationToken cancel) => database.ReadAsync(r => store.Cursor(r, server.Id, server.Folder), cancel);

    /// <summary>What comes through each server, in order.</summary>
    public Task<IReadOnlyList<MailboxFlow>> FlowsAsync(IReadOnlyList<IncomingServer> servers, CancellationToken cancel) =>
        database.ReadAsync<IReadOnlyList<MailboxFlow>>(r => [.. servers.Select(server => store.Flow(r, server))], cancel);

    /// <summary>The mailbox's folders, to choose from. A maildrop has none.</summary>
    public async Task<(IReadOnlyList<ImapFolder>? Folders, Problem? Problem)> FoldersAsync(IncomingServerId id, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not { } server) return (null, IncomingServersProblems.NotFound());
        if (server.Kind == IncomingServerKind.Pop3) return (null, IncomingServersProblems.NoFolders());
        return await sessions.FoldersAsync(server, FolderLimit, cancel);
    }

    public async Task<SaveResult> CreateAsync(IncomingServerDraft draft, Guid byUser, CancellationToken cancel)
    {
        var (settings, errors) = Check(draft);
        if (settings is null) return new SaveResult(null, IncomingServersProblems.Invalid(errors), errors);
        var id = store.NewId();
        var sealedPassword = settings.Password is { } password ? sessions.Seal(id, password) : null;
        var refused = await database.WriteAsync(tx =>
        {
            if (InboxIsGone(tx, settings)) return Wrong("defaultInbox", IncomingServersTexts.InboxGone, out errors);
            store.Insert(tx, id, settings, sealedPassword);
            AdoptAccount(tx, id, settings);
            journal.Write(tx, "incoming-server-created", IncomingServerChanges.Topic, id.Value, $"{settings.Name} was created.", byUser);
            return null;
        }, cancel);
        return refused is null ? new SaveResult(id, null, errors) : new SaveResult(null, refused, errors);
    }

    public async Task<SaveResult> ChangeAsync(IncomingServerId id, IncomingServerDraft draft, Guid byUser, CancellationToken cancel)
    {
        var (settings, errors) = Check(draft);
        if (settings is null) return new SaveResult(null, IncomingServersProblems.Invalid(errors), errors);
        var sealedPassword = settings.Password is { } password ? sessions.Seal(id, password) : null;
        var problem = await database.WriteAsync(tx =>
        {
            if (store.Find(tx, id) is not { } before) return IncomingServersProblems.NotFound();
            if (InboxIsGone(tx, settings)) return Wrong("defaultInbox", IncomingServersTexts.InboxGone, out errors);
            // Whoever may change the host must not thereby receive the password at a machine of their own.
            if (settings is { Kind: not IncomingServerKind.Outlook, Password: null } && before.SealedPassword is not null && !IncomingServerStore.SameText(before.Host, settings.Host))
            {
                errors = new Dictionary<string, string>(StringComparer.Ordinal) { ["password"] = IncomingServersTexts.PasswordOtherHost.With(before.Host) };
                return IncomingServersProblems.Invalid(errors);
            }

            var otherMailbox = IsOtherMailbox(before, settings);
            if (before.State == IncomingServerState.Confirmed && (otherMailbox || IsOtherWay(before, settings))) return IncomingServersProblems.IsConfirmed();
            store.Update(tx, id, settings, sealedPassword, otherMailbox);
            var otherUser = before.Kind != settings.Kind || !IncomingServerStore.SameText(before.UserName, settings.UserName);
            if (otherUser) store.SetAccount(tx, id, null);
            if (otherUser || before.OutlookAccount is null) AdoptAccount(tx, id, settings);
            journal.Write(tx, "incoming-server-changed", IncomingServerChanges.Topic, id.Value, $"{settings.Name} was changed.", byUser);
            return null;
        }, cancel);
        return problem is null ? new SaveResult(id, null, errors) : new SaveResult(null, problem, errors);
    }

    public Task<Problem?> DeleteAsync(IncomingServerId id, Guid byUser, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.Find(tx, id) is not { } server) return IncomingServersProblems.NotFound();
        store.Delete(tx, id);
        journal.Write(tx, "incoming-server-deleted", IncomingServerChanges.Topic, id.Value, $"{server.Name} was deleted; its messages stay.", byUser);
        return null;
    }, cancel);

    /// <summary><i>Test &amp; Confirm</i>: signs in, opens the folder, and from this moment on nothing that arrives is missed.</summary>
    public async Task<Problem?> ConfirmAsync(IncomingServerId id, Guid byUser, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not { } server) return IncomingServersProblems.NotFound();
        if (server.Kind == IncomingServerKind.Pop3)
        {
            var (look, there) = await maildrops.LookAsync(server, cancel);
            if (there is null) return await NoteAsync(server, look.Problem!, cancel);
            return await ConfirmAsync(server, new MailboxCursor(PopLedger.UidValidity, 1, null), there, byUser, cancel);
        }
        var opened = await sessions.OpenAsync(server, freshToken: false, cancel);
        if (opened.Session is not { } session) return await NoteAsync(server, opened.Problem!, cancel);
        await using (session)
        {
            if (server.MoveTo is { } target && (await session.Client.StatusAsync([target], cancel)).Failure is { } missing) return await NoteAsync(server, IncomingServersProblems.MoveToMissing(target, missing), cancel);
            return await ConfirmAsync(server, MailboxCursor.Begin(server.Starts, session.Folder.UidValidity, session.Folder.UidNext, clock.GetUtcNow(), server.StartDays), [], byUser, cancel);
        }
    }

    /// <param name="there">What lies in the maildrop; of an IMAP server nothing.</param>
    private Task<Problem?> ConfirmAsync(IncomingServer server, MailboxCursor beginning, IReadOnlyList<Mail.Pop3.Pop3Message> there, Guid byUser, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        // Somebody else changed it while the mailbox was asked: what was tested is not what would be confirmed.
        if (store.Find(tx, server.Id) is not { } now || now.Version != server.Version) return IncomingServersProblems.ChangedMeanwhile();
        var first = store.Cursor(tx, server.Id, server.Folder) is null;
        store.Confirm(tx, server, beginning);
        if (first && server.Starts == StartChoice.Now) PopLedger.PassOver(tx, server.Id, there);
        MarkProved(tx, server);
        journal.Write(tx, "incoming-server-confirmed", IncomingServerChanges.Topic, server.Id.Value, $"{server.Name} was confirmed.", byUser);
        return null;
    }, cancel);

    public Task<Problem?> ResetConfirmationAsync(IncomingServerId id, Guid byUser, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.Find(tx, id) is not { } server) return IncomingServersProblems.NotFound();
        store.ResetConfirmation(tx, id);
        journal.Write(tx, "incoming-server-reset", IncomingServerChanges.Topic, id.Value, $"{server.Name} is no longer confirmed.", byUser);
        return null;
    }, cancel);

    /// <summary><i>Fetch Now</i>: one reading on a connection of its own, beside the watcher's.</summary>
    /// <returns>How many messages were taken, or why it did not work.</returns>
    public async Task<(int Taken, Problem? Problem)> FetchAsync(IncomingServerId id, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not { } server) return (0, IncomingServersProblems.NotFound());
        if (server.State != IncomingServerState.Confirmed) return (0, IncomingServersProblems.NotConfirmed());
        await intake.ResumeAsync(cancel);
        if (server.Kind == IncomingServerKind.Pop3)
        {
            var visit = await maildrops.ReadNewAsync(server, cancel);
            if (visit.Problem is { } ill) return (visit.Taken, await NoteAsync(server, ill, cancel));
            await database.WriteAsync(tx => store.Healthy(tx, id), cancel);
            return (visit.Taken, null);
        }
        var opened = await sessions.OpenAsync(server, freshToken: false, cancel);
        if (opened.Session is not { } session) return (0, await NoteAsync(server, opened.Problem!, cancel));
        await using (session)
        {
            var reading = await reader.ReadNewAsync(server, session.Client, session.Folder, cancel);
            if (reading.Failure is { } failure) return (reading.Taken, await NoteAsync(server, IncomingServersProblems.Of(failure, server), cancel));
            await database.WriteAsync(tx => store.Healthy(tx, id), cancel);
            return (reading.Taken, null);
        }
    }

    /// <summary>Signs in and opens the folder, and keeps what is wrong with the server.</summary>
    public async Task<Problem?> ProveAsync(IncomingServerId id, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not { } server) return IncomingServersProblems.NotFound();
        var opened = await sessions.OpenAsync(server, freshToken: false, cancel);
        if (opened.Session is not { } session) return await NoteAsync(server, opened.Problem!, cancel);
        await session.DisposeAsync();
        await database.WriteAsync(tx => store.Healthy(tx, id), cancel);
        return null;
    }

    private async Task<Problem> NoteAsync(IncomingServer server, Problem problem, CancellationToken cancel)
    {
        // Before it is confirmed nobody tries by himself.
        if (server.State == IncomingServerState.Draft) problem = problem with { RetriesByItself = false };
        await database.WriteAsync(tx => store.Trouble(tx, server.Id, problem, nextTry: null), cancel);
        return problem;
    }

    private (IncomingServerSettings? Settings, IReadOnlyDictionary<string, string> Errors) Check(IncomingServerDraft draft) =>
        IncomingServerSettings.Check(draft, cloud.ImapHost, cloud.ImapPort, apps.IsInstalled(InstalledApps.MicrosoftOutlook));

    /// <summary>One consent is for both directions: a mailbox that has consented needs no second sign-in.</summary>
    private void AdoptAccount(HubTransaction tx, IncomingServerId id, IncomingServerSettings settings)
    {
        if (settings.Kind == IncomingServerKind.Outlook && accounts.FindByUserName(tx, EmailAddress.Parse(settings.UserName)) is { } account) store.SetAccount(tx, id, account.Id.Value);
    }

    private bool InboxIsGone(HubReader reader, IncomingServerSettings settings) => settings.DefaultInbox is { } inbox && inboxes.FindInbox(reader, new InboxId(inbox)) is null;

    private static Problem Wrong(string field, string why, out IReadOnlyDictionary<string, string> errors)
    {
        errors = new Dictionary<string, string>(StringComparer.Ordinal) { [field] = why };
        return IncomingServersProblems.Invalid(errors);
    }

    private void MarkProved(HubTransaction tx, IncomingServer server)
    {
        if (server.OutlookAccount is { } account && EmailAddress.TryParse(server.UserName, out var mailbox)) accounts.MarkProved(tx, new OutlookAccountId(account), mailbox, "IMAP");
    }

    // Where Outlook's servers are is the cloud's to say, not the form's.
    private static bool IsOtherMailbox(IncomingServer before, IncomingServerSettings after) =>
        before.Kind != after.Kind || !IncomingServerStore.SameText(before.UserName, after.UserName) || before.Folder != after.Folder || before.Starts != after.Starts || before.StartDays != after.StartDays
        || (after.Kind != IncomingServerKind.Outlook && !IncomingServerStore.SameText(before.Host, after.Host));

    private static bool IsOtherWay(IncomingServer before, IncomingServerSettings after) =>
        after.Kind != IncomingServerKind.Outlook && (before.Port != after.Port || before.Security != after.Security || after.Password is not null);
}

/// <summary>Connecting an Outlook account for an incoming server.</summary>
internal sealed class IncomingServerConnectTarget(IncomingServerRegister register, IncomingServerStore store) : IConnectTarget
{
    public const string KindName = "incoming-server";

    public string Kind => KindName;
    public string Permission => "IMAP.AccessAsUser.All";
    public string Protocol => "IMAP";

    public async Task<ConnectTarget?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await register.FindAsync(new IncomingServerId(id), cancellationToken) is { Kind: IncomingServerKind.Outlook } server && EmailAddress.TryParse(server.UserName, out var userName)
            ? new ConnectTarget(id, server.Name, userName, server.OutlookAccount is { } account ? new OutlookAccountId(account) : null)
            : null;

    public void Connected(HubTransaction transaction, Guid id, OutlookAccountId account) => store.SetAccount(transaction, new IncomingServerId(id), account.Value);

    public string PagePath(Guid id) => $"/incoming-servers/{id:D}";

    public Task<Problem?> ProveAsync(Guid id, CancellationToken cancellationToken) => register.ProveAsync(new IncomingServerId(id), cancellationToken);

    public void ChangeUserName(HubTransaction transaction, Guid id, EmailAddress userName) => store.SetUserName(transaction, new IncomingServerId(id), userName);
}
