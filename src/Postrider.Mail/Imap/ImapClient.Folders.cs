using System.Globalization;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>Folders: choosing one, listing them, making and removing them. Names are given and come in Unicode.</summary>
public sealed partial class ImapClient
{
    /// <summary>SELECT, or EXAMINE when <paramref name="readOnly"/>. With CONDSTORE where the server has it.</summary>
    public async Task<ImapResult<ImapMailboxState>> SelectAsync(string mailbox, bool readOnly, CancellationToken cancel)
    {
        _selected = null;
        _changed = false;
        var reply = new ImapSelectReply();
        var command = Named(readOnly ? "EXAMINE" : "SELECT").Mailbox(mailbox);
        if (HasCondStore) command.Raw("(CONDSTORE)");
        var (final, failure) = await RunAsync(command, cancel, response =>
        {
            reply.Take(response);
            return ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        if (reply.ToState(mailbox, readOnly || final!.Code == "READ-ONLY") is not { } state) return new(null, Broken(command.Name, WireFailureKind.ProtocolError, "The server selected the mailbox without saying how many messages it holds."));
        _selected = state;
        _changed = false;
        return new(state, null);
    }

    /// <summary>CLOSE: what is marked as deleted is expunged without a word, unless the mailbox was selected for reading only.</summary>
    public Task<ImapResult<bool>> CloseAsync(CancellationToken cancel) => LeaveAsync("CLOSE", cancel);

    /// <summary>UNSELECT (RFC 3691): nothing is expunged. Refused where the server has it not.</summary>
    public Task<ImapResult<bool>> UnselectAsync(CancellationToken cancel) => Has("UNSELECT") ? LeaveAsync("UNSELECT", cancel) : Task.FromResult<ImapResult<bool>>(new(false, NotOffered("UNSELECT")));

    /// <summary>LIST.</summary>
    public Task<ImapResult<IReadOnlyList<ImapFolder>>> ListAsync(string reference, string pattern, CancellationToken cancel) => ListAsync(new ImapListRequest(pattern) { Reference = reference }, cancel);

    /// <summary>LIST with what the server has of RFC 5258, RFC 5819 and RFC 6154; what it has not is asked for by other commands.</summary>
    public async Task<ImapResult<IReadOnlyList<ImapFolder>>> ListAsync(ImapListRequest request, CancellationToken cancel)
    {
        var extended = Has("LIST-EXTENDED");
        var statusInList = request.WithStatus && Has("LIST-STATUS");
        var word = request.Subscribed && !extended ? "LSUB" : "LIST";
        var command = Named(word);
        if (request.Subscribed && extended) command.Raw("(SUBSCRIBED)");
        command.Mailbox(request.Reference).Mailbox(request.Pattern);
        // RFC 6154 section 2: some servers mark folders only where it is asked for.
        List<string> returned = [];
        if (extended)
        {
            returned.Add("CHILDREN");
            if (_capabilities.Contains("SPECIAL-USE")) returned.Add("SPECIAL-USE");
        }
        if (statusInList) returned.Add($"STATUS ({StatusItems})");
        if (returned.Count > 0) command.Raw("RETURN (" + string.Join(' ', returned) + ")");

        var folders = new List<ImapFolder>();
        var statuses = new Dictionary<string, ImapMailboxStatus>(StringComparer.Ordinal);
        var (_, failure) = await RunAsync(command, cancel, response =>
        {
            if (ReadFolder(response) is { } folder) folders.Add(folder);
            else if (ReadStatus(response) is { } status) statuses[status.Name] = status;
            return folders.Count > MaxFolders || statuses.Count > MaxFolders ? throw new WireProtocolException("The server lists more folders than allowed.") : ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        if (request.WithStatus && !statusInList)
        {
            var asked = await StatusAsync([.. folders.Where(f => f.IsSelectable).Select(f => f.Name)], cancel);
            if (asked.Failure is { ConnectionSurvives: false }) return new(null, asked.Failure);
            foreach (var status in asked.Value ?? []) statuses[status.Name] = status;
        }
        return new([.. folders.Select(f => statuses.TryGetValue(f.Name, out var status) ? f with { Status = status } : f)], null);
    }

    /// <summary>The folder for a purpose: by its SPECIAL-USE mark, else by its name (see <see cref="ImapFolderRoles"/>). A value of null: there is none.</summary>
    public async Task<ImapResult<ImapFolder?>> FindFolderAsync(ImapFolderRole role, CancellationToken cancel)
    {
        var listed = await ListAsync(new ImapListRequest("*"), cancel);
        return listed.Succeeded ? new(ImapFolderRoles.Find(listed.Value!, role), null) : new(null, listed.Failure);
    }

    /// <summary>STATUS of each mailbox, several in flight. Ones that the server refuses are absent.</summary>
    /// <returns>A failure beside the values: the first refusal, or what ended the connection.</returns>
    public async Task<ImapResult<IReadOnlyList<ImapMailboxStatus>>> StatusAsync(IReadOnlyList<string> mailboxes, CancellationToken cancel)
    {
        var found = new ImapMailboxStatus?[mailboxes.Count];
        var exchanges = mailboxes.Select((mailbox, i) => new ImapExchange(Named("STATUS").Mailbox(mailbox).Raw($"({StatusItems})"), ImapCommandKind.Status, response =>
        {
            if (ReadStatus(response) is { } status)
            {
                // Whichever of those in flight it names; INBOX may come in any case.
                var at = IndexOf(mailboxes, status.Name);
                if (at >= 0) found[at] = status with { Name = mailboxes[at] };
            }
            return ValueTask.CompletedTask;
        })).ToList();
        var failure = await RunAsync(exchanges, cancel);
        return new([.. found.OfType<ImapMailboxStatus>()], failure);
    }

    /// <summary>NAMESPACE (RFC 2342). Where the server has it not: one personal namespace without a prefix, with the delimiter that LIST tells.</summary>
    public async Task<ImapResult<ImapNamespaces>> NamespaceAsync(CancellationToken cancel)
    {
        if (!Has("NAMESPACE"))
        {
            var root = await ListAsync("", "", cancel);
            return root.Succeeded ? new(new ImapNamespaces([new ImapNamespace("", root.Value is [var top, ..] ? top.Delimiter : null)], [], []), null) : new(null, root.Failure);
        }
        ImapNamespaces? namespaces = null;
        var (_, failure) = await RunAsync(new ImapCommand("NAMESPACE"), cancel, response =>
        {
            namespaces = ReadNamespaces(response, _utf8Names) ?? namespaces;
            return ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        return new(namespaces ?? new ImapNamespaces([], [], []), null);
    }

    /// <summary>CREATE. With a role where the server can take one (RFC 6154 section 3, CREATE-SPECIAL-USE); else the role is left out.</summary>
    public Task<ImapResult<bool>> CreateAsync(string mailbox, ImapFolderRole role, CancellationToken cancel)
    {
        var command = Named("CREATE").Mailbox(mailbox);
        if (role is not (ImapFolderRole.None or ImapFolderRole.Inbox) && _capabilities.Contains("CREATE-SPECIAL-USE")) command.Raw($"(USE (\\{role}))");
        return DoneAsync(command, cancel);
    }

    public Task<ImapResult<bool>> DeleteAsync(string mailbox, CancellationToken cancel) => DoneAsync(Named("DELETE").Mailbox(mailbox), cancel);

    public Task<ImapResult<bool>> RenameAsync(string mailbox, string newName, CancellationToken cancel) => DoneAsync(Named("RENAME").Mailbox(mailbox).Mailbox(newName), cancel);

    public Task<ImapResult<bool>> SubscribeAsync(string mailbox, bool subscribed, CancellationToken cancel) => DoneAsync(Named(subscribed ? "SUBSCRIBE" : "UNSUBSCRIBE").Mailbox(mailbox), cancel);

    /// <returns>Null when the response is no LIST, LSUB or XLIST.</returns>
    internal static ImapFolder? ReadFolder(ImapResponse response, bool utf8Names)
    {
        if (response is not ImapResponse.Data { Word: "LIST" or "LSUB" or "XLIST", Values: [{ Kind: ImapValueKind.List } attributes, var delimiter, var name, ..] } || name.AsString() is not { } wire) return null;
        return new ImapFolder(ReadName(wire, utf8Names), delimiter.AsString() is [var c, ..] ? c : null, [.. attributes.Items.Select(a => a.AsString()).OfType<string>()]);
    }

    /// <returns>Null when the response is no STATUS.</returns>
    internal static ImapMailboxStatus? ReadStatus(ImapResponse response, bool utf8Names) =>
        response is ImapResponse.Data { Word: "STATUS", Values: [var name, { Kind: ImapValueKind.List } pairs, ..] } && name.AsString() is { } wire ? ImapMailboxStatus.Read(ReadName(wire, utf8Names), pairs.Items) : null;

    /// <returns>Null when the response is no NAMESPACE.</returns>
    internal static ImapNamespaces? ReadNamespaces(ImapResponse response, bool utf8Names)
    {
        return response is ImapResponse.Data { Word: "NAMESPACE", Values: [var personal, var others, var shared, ..] } ? new(Read(personal), Read(others), Read(shared)) : null;

        IReadOnlyList<ImapNamespace> Read(ImapValue list) =>
            [.. list.Items.Where(n => n.Items is [var prefix, _, ..] && prefix.AsString() is not null).Select(n => new ImapNamespace(ReadName(n.Items[0].AsString()!, utf8Names), n.Items[1].AsString() is [var c, ..] ? c : null))];
    }

    private const int MaxFolders = 100_000;

    private string StatusItems => HasCondStore ? "MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ" : "MESSAGES UNSEEN UIDNEXT UIDVALIDITY";

    // RFC 7162 section 3.2.3: whoever has QRESYNC has CONDSTORE.
    private bool HasCondStore => _capabilities.Contains("CONDSTORE") || _capabilities.Contains("QRESYNC");

    /// <summary>An extension that IMAP4rev2 has built in (RFC 9051 appendix E).</summary>
    private bool Has(string extension) => _capabilities.Contains(extension) || _capabilities.Contains("IMAP4rev2");

    private ImapCommand Named(string name) => new(name, _utf8Names);

    private ImapFolder? ReadFolder(ImapResponse response) => ReadFolder(response, _utf8Names);

    private ImapMailboxStatus? ReadStatus(ImapResponse response) => ReadStatus(response, _utf8Names);

    private static string ReadName(string wire, bool utf8) => !utf8 && ModifiedUtf7.TryDecode(wire, out var decoded) ? decoded : wire;

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (var i = 0; i < names.Count; i++)
            if (names[i] == name || (name.Equals("INBOX", StringComparison.OrdinalIgnoreCase) && names[i].Equals("INBOX", StringComparison.OrdinalIgnoreCase))) return i;
        return -1;
    }

    private async Task<ImapResult<bool>> LeaveAsync(string command, CancellationToken cancel)
    {
        var (_, failure) = await RunAsync(new ImapCommand(command), cancel);
        if (failure is null) (_selected, _changed) = (null, false);
        return new(failure is null, failure);
    }

    private async Task<ImapResult<bool>> DoneAsync(ImapCommand command, CancellationToken cancel)
    {
        var (_, failure) = await RunAsync(command, cancel);
        return new(failure is null, failure);
    }

    private ImapFailure NotOffered(string command) => new(WireFailureKind.CommandRefused, command, null, string.Create(CultureInfo.InvariantCulture, $"The server does not offer {command}."), IsUsable);
}
