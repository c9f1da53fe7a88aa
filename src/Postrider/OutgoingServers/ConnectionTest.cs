using Postrider.Doctor;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>Test Connection: a real dialogue up to DATA, and nothing is sent. Also the proof at the end of connecting an account.</summary>
internal sealed class ConnectionTest(HubDatabase database, OutgoingServerStore servers, OutlookAccountStore accounts, SmtpSessions sessions, SendAsKnowledge sendAs, SystemParameters parameters, TimeProvider clock)
{
    /// <returns>Null when there is no such server.</returns>
    public async Task<ConnectionTestResult?> RunAsync(OutgoingServerId id, Guid? byUser, CancellationToken cancellationToken)
    {
        if (await servers.FindAsync(id, cancellationToken) is not { } server) return null;
        var transcript = new DialogueLog();
        var problem = await DialogueAsync(server, transcript, probe: true, byUser, cancellationToken);
        var result = new ConnectionTestResult(clock.GetUtcNow(), problem, transcript.Lines());
        await database.WriteAsync(tx => servers.SaveTest(tx, id, result, byUser), cancellationToken);
        return result;
    }

    /// <summary>Signs in and goes.</summary>
    /// <returns>Null when the server let the mailbox in.</returns>
    public async Task<Problem?> ProveAsync(OutgoingServerId id, CancellationToken cancellationToken) =>
        await servers.FindAsync(id, cancellationToken) is { } server ? await DialogueAsync(server, new DialogueLog(), probe: false, byUser: null, cancellationToken) : OutgoingServersProblems.NotFound;

    /// <summary>Signs in, and keeps the size that the server names as the one over which files go as links.</summary>
    public async Task<Problem?> DetectMaxLimitAsync(OutgoingServerId id, Guid? byUser, CancellationToken cancellationToken)
    {
        if (await ProveAsync(id, cancellationToken) is { } problem) return problem;
        if ((await servers.FindAsync(id, cancellationToken))?.SizeLimit is > 0 and var limit) await database.WriteAsync(tx => servers.SetMaxEmailSize(tx, id, limit, byUser), cancellationToken);
        return null;
    }

    private async Task<Problem?> DialogueAsync(OutgoingServer server, DialogueLog transcript, bool probe, Guid? byUser, CancellationToken cancellationToken)
    {
        var sender = probe ? TestSender(server, parameters.DefaultFromAddress, await AddressOfAsync(byUser, cancellationToken)) : null;
        if (probe && sender is null) return OutgoingServersProblems.NoTestSender;
        var open = await sessions.OpenAsync(server, transcript.Add, cancellationToken);
        if (open.Client is not { } client)
        {
            await database.WriteAsync(tx => servers.NoteTrouble(tx, server.Id, open.Trouble!, pausedUntil: null), cancellationToken);
            return open.Trouble!.Problem;
        }

        await using var closing = client;
        var sizeLimit = client.Capabilities.Size;
        // The recipient is the sender itself: a stranger's address would be asked about a mail that never comes.
        var failure = probe ? await client.ProbeAsync(sender!, sender!, cancellationToken) : null;
        var trouble = failure is null ? null : SmtpDoctor.Explain(failure, server.Host, server.Port);
        await database.WriteAsync(tx =>
        {
            // The sign-in was good, whatever came of the rest.
            if (server.AccountId is { } account && server.Mailbox is { } mailbox) accounts.MarkProved(tx, account, mailbox, "SMTP");
            if (trouble is null) servers.NoteWorking(tx, server.Id, sizeLimit, probe ? IncidentEnd.TestConnection : IncidentEnd.Change, byUser);
            // Whoever presses the button may have given the account the rights it lacked: its next mail shows it.
            if (trouble is null && probe) sendAs.ForgetRefusals(tx, server.Id);
            if (trouble is not null) servers.NoteTrouble(tx, server.Id, trouble, pausedUntil: null);
        }, cancellationToken);
        return trouble?.Problem;
    }

    /// <summary>Whom the test sends from: the first address of the From Filter; the default sender, where the filter admits it; for Outlook its mailbox; some address of the filter's first domain. Without a filter the Username, or the one who tests.</summary>
    /// <returns>Null when there is none of them.</returns>
    internal static EmailAddress? TestSender(OutgoingServer server, EmailAddress? defaultFrom, EmailAddress? tester)
    {
        if (server.Senders.IsEmpty) return server.Mailbox ?? tester;
        if (server.Senders.Addresses is [var first, ..]) return first;
        if (defaultFrom is not null && server.Senders.Admits(defaultFrom)) return defaultFrom;
        if (server is { Kind: ServerKind.Outlook, Mailbox: { } mailbox }) return mailbox;
        return EmailAddress.TryParse("postrider@" + server.Senders.Domains[0], out var made) ? made : null;
    }

    private async Task<EmailAddress?> AddressOfAsync(Guid? user, CancellationToken cancellationToken) =>
        user is { } id && EmailAddress.TryParse((await database.ReadAsync(reader => PersonStore.Find(reader, id), cancellationToken))?.Email, out var address) ? address : null;
}

/// <summary>Keeps a dialogue for a person to read: as many lines and characters as a page bears.</summary>
internal sealed class DialogueLog
{
    private const int MaxLines = 200;
    private const int MaxLineLength = 400;

    private readonly List<string> lines = [];
    private readonly Lock turn = new();

    public void Add(bool fromServer, string line)
    {
        lock (turn)
        {
            if (lines.Count < MaxLines) lines.Add((fromServer ? "S: " : "C: ") + (line.Length <= MaxLineLength ? line : line[..MaxLineLength] + "…").Replace('\n', ' '));
        }
    }

    public IReadOnlyList<string> Lines()
    {
        lock (turn) return [.. lines];
    }

    /// <summary>For the next message over the same connection.</summary>
    public void Clear()
    {
        lock (turn) lines.Clear();
    }
}
