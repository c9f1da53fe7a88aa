using System.Globalization;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>The commands about folders that need none selected (RFC 3501 section 6.3). Every method answers with what follows the tag.</summary>
/// <param name="offered">The capabilities announced after the sign-in.</param>
/// <param name="clock">The date of a message that APPEND gives none.</param>
internal sealed class ImapFolderCommands(IImapAccount account, ImapReply reply, IReadOnlySet<string> offered, TimeProvider clock)
{
    private const int MaxStatusItems = 20;
    // LSUB has no extensions.
    private static readonly HashSet<string> LsubHas = [];

    /// <summary>A folder's name as an argument, with the space before it.</summary>
    public static string Name(ImapRequest request)
    {
        request.Space();
        var folder = request.Mailbox();
        return folder.Length > 0 && !folder.Any(char.IsControl) ? folder : throw new ImapSyntaxException();
    }

    /// <summary>Null when there is no such folder.</summary>
    public IImapFolderStore? Open(string folder) => account.Open(folder.Equals("INBOX", StringComparison.OrdinalIgnoreCase) ? "INBOX" : folder);

    public static string NoSuchFolder(string folder) => $"NO [NONEXISTENT] {WireText.Printable(folder)} doesn't exist.";

    /// <summary>RFC 3501 section 6.3.11: the client may create it and try again.</summary>
    public static string NoSuchFolderYet(string folder) => $"NO [TRYCREATE] {WireText.Printable(folder)} doesn't exist.";

    public string List(string name, ImapRequest request)
    {
        var list = ImapFolderList.Read(request, name == "LIST" ? offered : LsubHas, StatusItems);
        if (list.AsksForDelimiter)
        {
            reply.Line($"* {name} (\\Noselect) \"/\" \"\"");
            return $"OK {name} completed.";
        }
        var folders = account.Folders();
        foreach (var entry in name == "LIST" ? list.Entries(folders, account.Subscribed()) : list.Subscriptions(folders, account.Subscribed()))
        {
            Tell(name, entry);
            // RFC 5819 section 2: a folder that cannot be selected has no status.
            if (list.StatusItems.Count > 0 && entry.Folder is not null && Open(entry.Name) is { } store) TellStatus(entry.Name, store, list.StatusItems);
        }
        return $"OK {name} completed.";
    }

    /// <summary>What IMAP4rev2 tells of a folder that is selected (RFC 9051 section 6.3.2).</summary>
    public void TellSelected(string folder) => Tell("LIST", new ImapFolderList.Entry(folder, [], null, false));

    public string Status(ImapRequest request)
    {
        var folder = Name(request);
        request.Space();
        var items = StatusItems(request);
        request.End();
        if (Open(folder) is not { } store) return NoSuchFolder(folder);
        TellStatus(folder, store, items);
        return "OK STATUS completed.";
    }

    public string Create(ImapRequest request) =>
        // RFC 3501 section 6.3.3: a delimiter at the end only says that folders will come below.
        OneFolder("CREATE", request, folder => folder.TrimEnd('/') is { Length: > 0 } wanted ? account.Create(wanted) : throw new ImapSyntaxException());

    public string Delete(ImapRequest request) => OneFolder("DELETE", request, account.Delete);

    public string Rename(ImapRequest request)
    {
        var from = Name(request);
        var to = Name(request);
        request.End();
        return account.Rename(from, to) ?? "OK RENAME completed.";
    }

    public string Subscribe(ImapRequest request) => OneFolder("SUBSCRIBE", request, folder => account.SetSubscribed(folder, true));

    public string Unsubscribe(ImapRequest request) => OneFolder("UNSUBSCRIBE", request, folder => account.SetSubscribed(folder, false));

    /// <param name="news">Of the selected mailbox, which may be this one; null when none is selected.</param>
    public string Append(ImapRequest request, ImapNews? news)
    {
        var folder = Name(request);
        request.Space();
        IReadOnlyList<string> flags = [];
        if (request.Peek == '(')
        {
            flags = request.FlagList();
            request.Space();
        }
        var date = clock.GetUtcNow();
        if (request.Peek == '"')
        {
            date = ImapDates.ReadInternal(request.String()) ?? throw new ImapSyntaxException();
            request.Space();
        }
        var binary = offered.Contains("BINARY") && request.TryTakeLiteral8Mark();
        var message = request.Literal();
        request.End();
        if (message.Span.Contains((byte)0))
        {
            // NUL stands in no other literal (RFC 3501 section 9): what holds it is kept in base64 (RFC 3516 section 4.4).
            if (!binary) throw new ImapSyntaxException();
            if (BinaryMessage.WithoutNul(message) is not { } encoded) return "NO [UNKNOWN-CTE] The message holds NUL where it cannot be encoded.";
            message = encoded;
        }
        if (Open(folder) is not { } store) return NoSuchFolderYet(folder);
        var uid = store.Append(message, ImapFlags.Settable(flags), date);
        news?.TellChanges();
        return offered.Contains("UIDPLUS") ? string.Create(CultureInfo.InvariantCulture, $"OK [APPENDUID {store.UidValidity} {uid}] APPEND completed.") : "OK APPEND completed.";
    }

    private string OneFolder(string name, ImapRequest request, Func<string, string?> act)
    {
        var folder = Name(request);
        request.End();
        return act(folder) ?? $"OK {name} completed.";
    }

    private void Tell(string name, ImapFolderList.Entry entry)
    {
        reply.Raw($"* {name} ").Flags(entry.Attributes).Raw(" \"/\" "u8).Mailbox(entry.Name);
        if (entry.SubscribedBelow) reply.Raw(" (\"CHILDINFO\" (\"SUBSCRIBED\"))"u8);
        reply.Line();
    }

    private List<string> StatusItems(ImapRequest request)
    {
        request.Take('(');
        var items = new List<string>();
        do
        {
            if (items.Count > 0) request.Space();
            var item = request.Atom().ToUpperInvariant();
            var known = item switch
            {
                "MESSAGES" or "RECENT" or "UIDNEXT" or "UIDVALIDITY" or "UNSEEN" => true,
                "HIGHESTMODSEQ" => offered.Contains("CONDSTORE"),
                "SIZE" => offered.Contains("STATUS=SIZE"),
                "DELETED" => offered.Contains("IMAP4rev2"),
                _ => false,
            };
            if (!known || items.Count == MaxStatusItems) throw new ImapSyntaxException();
            items.Add(item);
        }
        while (!request.TryTake(')'));
        return items;
    }

    private void TellStatus(string folder, IImapFolderStore store, IReadOnlyList<string> items)
    {
        var messages = store.Messages();
        reply.Raw("* STATUS "u8).Mailbox(folder).Raw(" ("u8);
        for (var i = 0; i < items.Count; i++)
        {
            reply.Raw(i > 0 ? " "u8 : ""u8).Raw(items[i]).Raw(" "u8).Number(items[i] switch
            {
                "MESSAGES" => messages.Count,
                "RECENT" => messages.Count(m => m.Uid >= store.ClaimRecent(0)),
                "UIDNEXT" => store.UidNext,
                "UIDVALIDITY" => store.UidValidity,
                "UNSEEN" => messages.Count(m => !ImapFlags.Has(m, "\\Seen")),
                "HIGHESTMODSEQ" => (long)store.HighestModSeq,
                "DELETED" => messages.Count(ImapFlags.IsDeleted),
                _ => messages.Sum(m => (long)m.Bytes.Length),
            });
        }
        reply.Raw(")"u8).Line();
    }
}
