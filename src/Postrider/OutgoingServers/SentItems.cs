using Postrider.Doctor;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;
using Postrider.Mail.Sasl;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>What a sent mail is known by.</summary>
/// <param name="MessageId">Without angle brackets.</param>
/// <param name="PostriderId">As it stands in X-Postrider-Id.</param>
/// <param name="From">The sender that the reader sees; null when it holds no address.</param>
/// <param name="NotBefore">It was not sent earlier than this.</param>
internal sealed record SentMark(string MessageId, string PostriderId, EmailAddress? From, DateTimeOffset NotBefore);

/// <summary>What a look into Sent Items came to.</summary>
internal abstract record SentItemsAnswer
{
    /// <param name="MessageId">As it is there, without angle brackets: Outlook.com gives a mail another one. Null when it bears none.</param>
    public sealed record Found(EmailAddress Mailbox, string Folder, uint Uid, string? MessageId) : SentItemsAnswer;

    /// <summary>Every mailbox that could hold it was searched.</summary>
    public sealed record Absent(IReadOnlyList<EmailAddress> Mailboxes) : SentItemsAnswer;

    public sealed record CannotSearch(Problem Problem) : SentItemsAnswer;
}

/// <summary>
/// Looks for a mail among those that a mailbox has sent: Exchange keeps a copy of every submission there (seen in sessions of 2026-11).
/// Nothing in the mailbox is changed: EXAMINE and BODY.PEEK.
/// </summary>
internal sealed class SentItems(SentItemsStore folders, HubDatabase database, AccessTokens tokens, TrustedRoots roots, MicrosoftCloud cloud, TimeProvider clock)
{
    /// <summary>For one look, all mailboxes together.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // A search finds the one mail, or two copies; more would be another's who uses our ids.
    private const int MaxHits = 20;

    /// <summary>How many of the newest messages are looked at one by one.</summary>
    private const uint MaxNewest = 500;

    // The mailbox's clock is not ours, and a mail that was moved here keeps its date.
    private static readonly TimeSpan ClockSlack = TimeSpan.FromDays(1);

    private static readonly ImapFetchRequest Marks = new() { InternalDate = true, Sections = [new ImapSectionRange("HEADER.FIELDS (MESSAGE-ID X-MICROSOFT-ORIGINAL-MESSAGE-ID X-POSTRIDER-ID)")] };

    /// <summary>The signer's mailbox, and the one the mail is From: which of them Exchange keeps the copy in depends on how the tenant is set up.</summary>
    public async Task<SentItemsAnswer> LookAsync(OutgoingServer server, SentMark mark, CancellationToken cancellationToken)
    {
        if (server.Kind != ServerKind.Outlook || server.Mailbox is not { } signer) return new SentItemsAnswer.CannotSearch(OutgoingServersProblems.NoSentItems(server.Name));
        if (server.AccountId is not { } account) return new SentItemsAnswer.CannotSearch(OutlookAccountsProblems.NotConnected);
        List<EmailAddress> mailboxes = mark.From is { } from && !from.Equals(signer) ? [signer, from] : [signer];

        using var limit = new CancellationTokenSource(Limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        SentItemsAnswer.CannotSearch? closed = null;
        foreach (var mailbox in mailboxes)
        {
            SentItemsAnswer answer;
            try
            {
                answer = await LookIntoAsync(server.Id, account, mailbox, renewToken: mailbox.Equals(signer), mark, either.Token);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return new SentItemsAnswer.CannotSearch(OutgoingServersProblems.SentItemsTooSlow(mailbox));
            }

            if (answer is SentItemsAnswer.Found) return answer;
            closed ??= answer as SentItemsAnswer.CannotSearch;
        }

        return closed is null ? new SentItemsAnswer.Absent(mailboxes) : closed;
    }

    private async Task<SentItemsAnswer> LookIntoAsync(OutgoingServerId server, OutlookAccountId account, EmailAddress mailbox, bool renewToken, SentMark mark, CancellationToken cancel)
    {
        var (opened, shut) = await OpenAsync(account, mailbox, renewToken, cancel);
        if (opened is null) return Cannot(mailbox, shut!);
        await using var client = opened;
        var (folder, without) = await ExamineAsync(client, server, mailbox, cancel);
        if (folder is null) return Cannot(mailbox, without!);

        // By search first: it finds old mail too.
        var hits = new HashSet<uint>();
        var searched = true;
        foreach (var (field, value) in ((string, string)[])[("Message-ID", mark.MessageId), ("X-Microsoft-Original-Message-ID", mark.MessageId), ("X-Postrider-Id", mark.PostriderId)])
        {
            var found = await client.UidSearchHeaderAsync(field, value, cancel);
            if (found.Failure is { } failure && (!failure.ConnectionSurvives || Explain(failure).Code == "imap-throttled")) return Cannot(mailbox, Explain(failure));
            searched &= found.Succeeded;
            hits.UnionWith((found.Value ?? []).TakeLast(MaxHits));
        }

        var (mail, _, broken) = await FindAsync(client, [.. hits], mark, cancel);
        if (mail is { } hit) return new SentItemsAnswer.Found(mailbox, folder.Name, hit.Uid, hit.MessageId);
        if (broken is not null) return Cannot(mailbox, Explain(broken));

        // A search may not know a message yet that has just come, or not these fields: the newest are looked at themselves.
        var next = folder.UidNext ?? 1;
        var first = next > MaxNewest ? next - MaxNewest : 1;
        var (newest, oldest, unread) = await FindAsync(client, [.. Range(first, next)], mark, cancel);
        if (newest is { } seen) return new SentItemsAnswer.Found(mailbox, folder.Name, seen.Uid, seen.MessageId);
        if (unread is not null) return Cannot(mailbox, Explain(unread));
        var sawAll = folder.Exists == 0 || (folder.UidNext is not null && (first == 1 || oldest < mark.NotBefore - ClockSlack));
        return searched || sawAll ? new SentItemsAnswer.Absent([mailbox]) : Cannot(mailbox, OutgoingServersProblems.SentItemsNotSearchable(MaxNewest));
    }

    private async Task<(ImapClient? Client, Problem? Problem)> OpenAsync(OutlookAccountId account, EmailAddress mailbox, bool renewToken, CancellationToken cancel)
    {
        var token = await tokens.ForOutlookAsync(account, forceRefresh: false, cancel);
        while (token.Token is { } access)
        {
            var endpoint = new WireEndpoint(cloud.ImapHost, cloud.ImapPort, WireSecurity.Tls) { ExtraTrust = roots.Certificates };
            var connected = await ImapClient.ConnectAsync(endpoint, new SaslCredential.XOAuth2(mailbox.ToString(), access), new ImapClientOptions { Clock = clock }, cancel);
            if (connected.Client is { } client) return (client, null);
            // A refused token may be an old one: one more try with a fresh one. Another's mailbox is refused for want of a right, and no token mends that.
            if (!renewToken || connected.Failure!.Kind != WireFailureKind.AuthenticationRefused) return (null, Explain(connected.Failure!));
            renewToken = false;
            token = await tokens.ForOutlookAsync(account, forceRefresh: true, cancel);
            if (token.Token == access) return (null, Explain(connected.Failure!));
        }

        return (null, token.Problem);
    }

    /// <summary>Opens the folder for reading: the one that is remembered, else the one that its mark or its name tells.</summary>
    private async Task<(ImapMailboxState? Folder, Problem? Problem)> ExamineAsync(ImapClient client, OutgoingServerId server, EmailAddress mailbox, CancellationToken cancel)
    {
        if (await database.ReadAsync(reader => folders.Folder(reader, server, mailbox), cancel) is { } known)
        {
            var opened = await client.SelectAsync(known, readOnly: true, cancel);
            if (opened.Succeeded) return (opened.Value, null);
            // Renamed, deleted: it is looked for anew.
            if (!opened.Failure.ConnectionSurvives) return (null, Explain(opened.Failure));
        }

        var found = await client.FindFolderAsync(ImapFolderRole.Sent, cancel);
        if (!found.Succeeded) return (null, Explain(found.Failure));
        if (found.Value is not { } folder) return (null, OutgoingServersProblems.NoSentItemsFolder);
        var selected = await client.SelectAsync(folder.Name, readOnly: true, cancel);
        if (!selected.Succeeded) return (null, Explain(selected.Failure));
        await database.WriteAsync(tx => folders.Remember(tx, server, mailbox, folder.Name), cancel);
        return (selected.Value, null);
    }

    /// <summary>Reads the marks of these messages. A search says only that a field holds the text somewhere, so its hits are read too.</summary>
    /// <returns>The mail, when it is among them; and the date of the oldest of them.</returns>
    private static async Task<((uint Uid, string? MessageId)? Mail, DateTimeOffset? Oldest, ImapFailure? Failure)> FindAsync(ImapClient client, IReadOnlyList<uint> uids, SentMark mark, CancellationToken cancel)
    {
        (uint, string?)? mail = null;
        DateTimeOffset? oldest = null;
        if (uids.Count == 0) return (mail, oldest, null);
        var fetched = await client.UidFetchAsync(uids, Marks, null, message =>
        {
            if (oldest is null || message.InternalDate < oldest) oldest = message.InternalDate;
            if (message.Sections is [{ Bytes: { } header }, ..] && Bears(MimeMessage.Read(header), mark, out var messageId)) mail = (message.Uid, messageId);
            return ValueTask.CompletedTask;
        }, cancel);
        return (mail, oldest, fetched.Failure);
    }

    /// <summary>Whether a header is that of the mail. Pure.</summary>
    internal static bool Bears(MimeMessage header, SentMark mark, out string? messageId)
    {
        messageId = header.MessageId;
        return messageId == mark.MessageId
            || header.Header("X-Microsoft-Original-Message-ID")?.Trim(' ', '<', '>') == mark.MessageId
            || header.Header("X-Postrider-Id")?.Trim().Equals(mark.PostriderId, StringComparison.OrdinalIgnoreCase) == true;
    }

    private Problem Explain(ImapFailure failure) => ImapDoctor.Explain(failure, cloud.ImapHost, cloud.ImapPort).Problem;

    private static SentItemsAnswer.CannotSearch Cannot(EmailAddress mailbox, Problem why) => new(why with { What = $"{mailbox}: {why.What}" });

    private static IEnumerable<uint> Range(uint first, uint end)
    {
        for (var uid = first; uid < end; uid++) yield return uid;
    }
}
