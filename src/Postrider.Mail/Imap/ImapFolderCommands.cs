using System.Globalization;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>The commands about folders that need none selected (RFC 3501 section 6.3). Every method answers with what follows the tag.</summary>
/// <param name="offered">The capabilities announced after the sign-in.</param>
/// <param name="clock">The date of a message that APPEND gives none.</param>
internal sealed class ImapFolderCommands(IImapAccount account, ImapReply reply, IReadOnlySet<string> offered, TimeProvider clock)
{
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
        request.Space();
        var reference = request.Mailbox();
        request.Space();
        var pattern = request.Pattern();
        request.End();
        if (pattern.Length == 0)
        {
            // RFC 3501 section 6.3.8: an empty pattern asks for the delimiter.
            reply.Line($"* {name} (\\Noselect) \"/\" \"\"");
            return $"OK {name} completed.";
        }
        var folders = account.Folders();
        foreach (var folder in folders)
        {
            if (!ImapPattern.Matches(reference + pattern, folder.Name, folder.Delimiter ?? '/')) continue;
            if (name == "LSUB" && !account.IsSubscribed(folder.Name)) continue;
            reply.Raw($"* {name} ").Flags(Attributes(folder, folders)).Raw(" "u8);
            if (folder.Delimiter is { } delimiter) reply.String(delimiter.ToString());
            else reply.Raw("NIL"u8);
            reply.Raw(" "u8).Mailbox(folder.Name).Line();
        }
        return $"OK {name} completed.";
    }

    public string Status(ImapRequest request)
    {
        var folder = Name(request);
        request.Space();
        request.Take('(');
        var items = new List<string>();
        do
        {
            if (items.Count > 0) request.Space();
            items.Add(request.Atom().ToUpperInvariant());
        }
        while (!request.TryTake(')') && items.Count < 20);
        request.End();
        if (Open(folder) is not { } store) return NoSuchFolder(folder);
        var messages = store.Messages();
        var values = items.ConvertAll(item => item switch
        {
            "MESSAGES" => messages.Count,
            "RECENT" => 0L,
            "UIDNEXT" => store.UidNext,
            "UIDVALIDITY" => store.UidValidity,
            "UNSEEN" => messages.Count(m => !ImapFlags.Has(m, "\\Seen")),
            _ => throw new ImapSyntaxException(),
        });
        reply.Raw("* STATUS "u8).Mailbox(folder).Raw(" ("u8);
        for (var i = 0; i < items.Count; i++) reply.Raw(i > 0 ? " "u8 : ""u8).Raw(items[i]).Raw(" "u8).Number(values[i]);
        reply.Raw(")"u8).Line();
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
        var message = request.Literal();
        request.End();
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

    private List<string> Attributes(ImapFolder folder, IReadOnlyList<ImapFolder> all)
    {
        var attributes = folder.Attributes.ToList();
        if (!offered.Contains("CHILDREN") || attributes.Any(a => a.Equals("\\HasChildren", StringComparison.OrdinalIgnoreCase) || a.Equals("\\HasNoChildren", StringComparison.OrdinalIgnoreCase))) return attributes;
        var below = folder.Name + (folder.Delimiter ?? '/');
        attributes.Add(all.Any(f => f.Name.StartsWith(below, StringComparison.Ordinal)) ? "\\HasChildren" : "\\HasNoChildren");
        return attributes;
    }
}
