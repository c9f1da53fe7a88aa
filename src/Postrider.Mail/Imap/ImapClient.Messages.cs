using System.Globalization;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>How messages came to another folder.</summary>
public enum ImapMoveManner
{
    /// <summary>By MOVE (RFC 6851), or by COPY and an expunge of just these messages (RFC 4315): they are in the new folder alone.</summary>
    Moved,
    /// <summary>By COPY; the old ones are marked as deleted and still there, since the server cannot expunge them without others that are so marked.</summary>
    CopiedAndMarked,
}

/// <summary>Where copies went (RFC 4315 section 3).</summary>
/// <param name="UidValidity">Of the new folder; 0 when the server does not say where the copies are.</param>
/// <param name="Uids">Old and new, in ascending order of the old; empty when the server does not say.</param>
public sealed record ImapCopied(uint UidValidity, IReadOnlyList<(uint Old, uint New)> Uids);

public sealed record ImapMoved(ImapMoveManner Manner, ImapCopied Copied);

/// <summary>How many messages match, and which are the first and last of them (RFC 4731); <see cref="First"/> and <see cref="Last"/> are null when none does.</summary>
/// <param name="ModSeq">The highest of those found; null when the query did not ask by MODSEQ.</param>
public sealed record ImapFound(long Count, uint? First, uint? Last, ulong? ModSeq);

/// <summary>Messages of the selected folder, named by UID.</summary>
public sealed partial class ImapClient
{
    private static readonly ImapFetchRequest WithBody = new() { InternalDate = true, Size = true, Sections = [new ImapSectionRange("")] };
    private static readonly ImapFetchRequest WithoutBody = new() { InternalDate = true, Size = true };

    /// <summary>UIDs at or above <paramref name="fromUid"/>, ascending.</summary>
    public async Task<ImapResult<IReadOnlyList<uint>>> UidSearchFromAsync(uint fromUid, CancellationToken cancel)
    {
        var from = Math.Max(fromUid, 1);
        _changed = false;
        var found = await UidSearchAsync(ImapQuery.Uids(from), cancel);
        // "n:*" always names the last message, also when its UID is below n (RFC 3501 section 6.4.8).
        return found.Succeeded ? new([.. found.Value!.Where(uid => uid >= from)], null) : found;
    }

    /// <summary>UID SEARCH HEADER; the value goes as a quoted string or literal.</summary>
    public Task<ImapResult<IReadOnlyList<uint>>> UidSearchHeaderAsync(string field, string value, CancellationToken cancel) => UidSearchAsync(ImapQuery.Header(field, value), cancel);

    /// <summary>UID SEARCH: the messages that match, ascending. Asked for as ESEARCH (RFC 4731) where the server has it: then ranges come instead of numbers.</summary>
    public async Task<ImapResult<IReadOnlyList<uint>>> UidSearchAsync(ImapQuery query, CancellationToken cancel)
    {
        // A server may spread the answer over several responses.
        var found = new List<uint>();
        var (_, failure) = await RunAsync(Search(query, "RETURN (ALL)"), cancel, response =>
        {
            if (response is ImapResponse.Search search) found.AddRange(search.Numbers);
            return found.Count > 8_000_000 ? throw new WireProtocolException("SEARCH found more messages than allowed.") : ValueTask.CompletedTask;
        });
        return failure is null ? new(Ascending(found), null) : new(null, failure);
    }

    /// <summary>How many messages match. By ESEARCH (RFC 4731) where the server has it: then no list crosses the line.</summary>
    public async Task<ImapResult<ImapFound>> UidCountAsync(ImapQuery query, CancellationToken cancel)
    {
        if (!Has("ESEARCH"))
        {
            var listed = await UidSearchAsync(query, cancel);
            return listed.Value is { } uids ? new(new ImapFound(uids.Count, uids.Count > 0 ? uids[0] : null, uids.Count > 0 ? uids[^1] : null, null), null) : new(null, listed.Failure);
        }
        var found = new ImapFound(0, null, null, null);
        var (_, failure) = await RunAsync(Search(query, "RETURN (COUNT MIN MAX)"), cancel, response =>
        {
            if (response is ImapResponse.Search { Extended: true } search) found = ReadFound(search);
            return ValueTask.CompletedTask;
        });
        return failure is null ? new(found, null) : new(null, failure);
    }

    /// <summary>UID FETCH (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]): each message is handed over as it arrives, so memory holds one at a time. Expunged ones are absent.</summary>
    /// <returns>How many were handed over. After a failure, those handed over before it are good.</returns>
    public Task<ImapResult<int>> UidFetchAsync(IReadOnlyList<uint> uids, bool withBody, Func<ImapFetched, ValueTask> onMessage, CancellationToken cancel) => UidFetchAsync(uids, withBody ? WithBody : WithoutBody, null, onMessage, cancel);

    /// <summary>UID FETCH of what <paramref name="request"/> asks for, in as many commands as the list needs, several in flight. Each message is handed over when its answer is whole. Expunged ones are absent.</summary>
    /// <param name="streams">Where the content of a section goes as it arrives; the stream is written to and left open, and is the caller's to close when the message is handed over. Null, or a null answer: into memory. A message may be of any length then, whatever this process has of memory.</param>
    /// <returns>How many were handed over. After a failure, those handed over before it are good; what stands in a stream of a message that was not handed over is not.</returns>
    public async Task<ImapResult<int>> UidFetchAsync(IReadOnlyList<uint> uids, ImapFetchRequest request, Func<ImapFetchedHead, Stream?>? streams, Func<ImapFetched, ValueTask> onMessage, CancellationToken cancel)
    {
        var handedOver = 0;
        ImapFailure? failure = null;
        // A command that is refused ends the list: what was in flight behind it is still answered.
        foreach (var portion in SequenceSet.Cut(uids).Chunk(MaxInFlight))
        {
            var open = portion.SelectMany(p => p.Numbers).ToHashSet();
            var pieces = new Dictionary<uint, ImapFetchReply>();
            var exchanges = portion.Select(p => new ImapExchange(request.Write(new ImapCommand("UID FETCH").Raw(p.Set), HasCondStore), ImapCommandKind.Fetch, TakeAsync)).ToList();
            _dialogue.Taker = streams;
            try
            {
                failure = await RunAsync(exchanges, cancel, stopAtRefusal: true);
            }
            finally
            {
                _dialogue.Taker = null;
            }
            // Answered in part: the body came, but not every detail.
            foreach (var piece in pieces.Values.Where(p => p.AnswersInPart(request)))
            {
                handedOver++;
                await onMessage(piece.ToFetched());
            }
            if (failure is not null) break;

            async ValueTask TakeAsync(ImapResponse response)
            {
                if (response is not ImapResponse.Data { Word: "FETCH" } data) return;
                var reply = ImapFetchReply.Read(data);
                // Without a UID, or with another message's, it is news about flags and nobody's answer.
                if (reply.Uid is not { } uid || !open.Contains(uid)) return;
                if (pieces.Count > 0 && pieces.TryGetValue(uid, out var earlier))
                {
                    earlier.Merge(reply);
                    reply = earlier;
                }
                if (!reply.Answers(request))
                {
                    pieces[uid] = reply;
                    return;
                }
                open.Remove(uid);
                pieces.Remove(uid);
                handedOver++;
                await HandOverAsync(onMessage, reply.ToFetched());
                // The command's time counts from message to message: a large mailbox may take as long as it needs.
                _dialogue.Extend();
            }
        }
        return new(handedOver, failure);
    }

    private async ValueTask HandOverAsync(Func<ImapFetched, ValueTask> onMessage, ImapFetched message)
    {
        try
        {
            await onMessage(message);
        }
        catch (Exception e)
        {
            _callersFault = e;
            throw;
        }
    }

    /// <summary>UID STORE +FLAGS or -FLAGS, .SILENT, in as many commands as the list needs, several in flight.</summary>
    public async Task<ImapResult<bool>> UidStoreAsync(IReadOnlyList<uint> uids, bool add, IReadOnlyList<string> flags, CancellationToken cancel)
    {
        var exchanges = SequenceSet.Cut(uids).Select(p => new ImapExchange(new ImapCommand("UID STORE").Raw(p.Set).Raw(add ? "+FLAGS.SILENT" : "-FLAGS.SILENT").Flags(flags), ImapCommandKind.Store)).ToList();
        var failure = await RunAsync(exchanges, cancel, stopAtRefusal: true);
        return new(failure is null, failure);
    }

    /// <summary>UID STORE only where nobody has changed a message after <paramref name="unchangedSince"/> (RFC 7162 section 3.1.3); refused where the server has no CONDSTORE.</summary>
    /// <returns>UIDs that were left as they are because they had changed, ascending.</returns>
    public async Task<ImapResult<IReadOnlyList<uint>>> UidStoreAsync(IReadOnlyList<uint> uids, bool add, IReadOnlyList<string> flags, ulong unchangedSince, CancellationToken cancel)
    {
        var exchanges = SequenceSet.Cut(uids).Select(p =>
        {
            var command = new ImapCommand("UID STORE").Raw(p.Set).Raw(string.Create(CultureInfo.InvariantCulture, $"(UNCHANGEDSINCE {unchangedSince})")).Raw(add ? "+FLAGS.SILENT" : "-FLAGS.SILENT").Flags(flags);
            return new ImapExchange(HasCondStore ? command : command.Refuse("The server keeps no MODSEQ (CONDSTORE), so it cannot tell what changed."), ImapCommandKind.Store);
        }).ToList();
        var failure = await RunAsync(exchanges, cancel, stopAtRefusal: true);
        // Told in the OK, or in a NO when none could be changed.
        var changed = exchanges.Where(e => e.Final is { Code: "MODIFIED" }).SelectMany(e => ReadSet(e.Final!.CodeArguments) ?? []).ToList();
        return failure is null ? new(Ascending(changed), null) : new(null, failure);
    }

    /// <summary>UID COPY.</summary>
    public async Task<ImapResult<ImapCopied>> UidCopyAsync(IReadOnlyList<uint> uids, string mailbox, CancellationToken cancel)
    {
        var copied = new CopiedUids();
        foreach (var (set, _) in SequenceSet.Cut(uids))
        {
            var (final, failure) = await RunAsync(Named("UID COPY").Raw(set).Mailbox(mailbox), cancel, copied.TakeAsync);
            if (failure is not null) return new(null, failure);
            copied.Take(final!);
        }
        return new(copied.ToCopied(), null);
    }

    /// <summary>UID MOVE (RFC 6851). Where the server has it not: COPY, mark as deleted, and expunge just these where it can; see <see cref="ImapMoved.Manner"/>.</summary>
    public async Task<ImapResult<ImapMoved>> UidMoveAsync(IReadOnlyList<uint> uids, string mailbox, CancellationToken cancel)
    {
        if (Has("MOVE"))
        {
            var moved = new CopiedUids();
            foreach (var (set, _) in SequenceSet.Cut(uids))
            {
                // RFC 6851 section 4.3: COPYUID comes in an untagged OK before the EXPUNGEs, and with some servers in the tagged one.
                var (final, refused) = await RunAsync(Named("UID MOVE").Raw(set).Mailbox(mailbox), cancel, moved.TakeAsync);
                if (refused is not null) return new(null, refused);
                moved.Take(final!);
            }
            return new(new ImapMoved(ImapMoveManner.Moved, moved.ToCopied()), null);
        }
        var copied = await UidCopyAsync(uids, mailbox, cancel);
        if (copied.Value is not { } where) return new(null, copied.Failure);
        var marked = await UidStoreAsync(uids, add: true, ["\\Deleted"], cancel);
        if (!marked.Succeeded) return new(null, marked.Failure);
        if (!Has("UIDPLUS")) return new(new ImapMoved(ImapMoveManner.CopiedAndMarked, where), null);
        var expunged = await UidExpungeAsync(uids, cancel);
        return expunged.Succeeded ? new(new ImapMoved(ImapMoveManner.Moved, where), null) : new(null, expunged.Failure);
    }

    /// <summary>UID EXPUNGE (RFC 4315): of these messages those that are marked as deleted. Refused where the server has no UIDPLUS.</summary>
    public async Task<ImapResult<bool>> UidExpungeAsync(IReadOnlyList<uint> uids, CancellationToken cancel)
    {
        if (!Has("UIDPLUS")) return new(false, NotOffered("UID EXPUNGE"));
        foreach (var (set, _) in SequenceSet.Cut(uids))
        {
            var (_, failure) = await RunAsync(new ImapCommand("UID EXPUNGE").Raw(set), cancel);
            if (failure is not null) return new(false, failure);
        }
        return new(true, null);
    }

    /// <summary>EXPUNGE: everything that is marked as deleted, whoever marked it.</summary>
    public Task<ImapResult<bool>> ExpungeAsync(CancellationToken cancel) => DoneAsync(new ImapCommand("EXPUNGE"), cancel);

    /// <returns>The new UID where the server tells it (UIDPLUS), else null.</returns>
    public async Task<ImapResult<uint?>> AppendAsync(string mailbox, IReadOnlyList<string> flags, ReadOnlyMemory<byte> message, CancellationToken cancel)
    {
        var (final, failure) = await RunAsync(Named("APPEND").Mailbox(mailbox).Flags(flags).Literal(message), cancel);
        if (failure is not null) return new(null, failure);
        // RFC 4315 section 3: [APPENDUID uidvalidity uid].
        var uid = final!.Code == "APPENDUID" && final.CodeArguments.Split(' ') is [_, var text] && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (uint?)null;
        return new(uid, null);
    }

    /// <summary>What an ESEARCH says beside the numbers.</summary>
    internal static ImapFound ReadFound(ImapResponse.Search search)
    {
        var found = new ImapFound(search.Numbers.Count, null, null, null);
        for (var i = 0; i + 1 < search.Details.Count; i++)
        {
            var value = search.Details[i + 1];
            if (search.Details[i].IsAtom("COUNT")) found = found with { Count = value.AsInt64() ?? 0 };
            else if (search.Details[i].IsAtom("MIN")) found = found with { First = value.AsUInt32() };
            else if (search.Details[i].IsAtom("MAX")) found = found with { Last = value.AsUInt32() };
            else if (search.Details[i].IsAtom("MODSEQ") && value.Kind == ImapValueKind.Number) found = found with { ModSeq = value.Number };
        }
        return found;
    }

    private ImapCommand Search(ImapQuery query, string extended)
    {
        var command = new ImapCommand("UID SEARCH");
        if (Has("ESEARCH")) command.Raw(extended);
        // RFC 6855 section 3 and RFC 9051 section 6.4.4: once names are UTF-8, so is what is searched for.
        if (!query.IsAscii && !_utf8Names) command.Raw("CHARSET UTF-8");
        return query.Write(command);
    }

    private static List<uint> Ascending(List<uint> numbers)
    {
        for (var i = 1; i < numbers.Count; i++)
            if (numbers[i] <= numbers[i - 1]) return [.. numbers.Distinct().Order()];
        return numbers;
    }

    /// <summary>A set of UIDs in a response code, written out in its own order. Null when it is none, or names more than a command may have been given.</summary>
    internal static List<uint>? ReadSet(string set)
    {
        if (!SequenceSet.TryParse(Encoding.ASCII.GetBytes(set), SequenceSet.MaxNumbers, out var ranges)) return null;
        var numbers = new List<uint>();
        foreach (var (first, last) in ranges)
        {
            if (first > last || last == uint.MaxValue || last - first >= SequenceSet.MaxNumbers - numbers.Count) return null;
            for (var n = first; n <= last; n++) numbers.Add(n);
        }
        return numbers;
    }

    /// <summary>Gathers COPYUID (RFC 4315 section 3): both sets name the messages in the same order.</summary>
    private sealed class CopiedUids
    {
        private readonly List<(uint Old, uint New)> _uids = [];
        private uint _validity;

        public ValueTask TakeAsync(ImapResponse response)
        {
            if (response is ImapResponse.State state) Take(state);
            return ValueTask.CompletedTask;
        }

        public void Take(ImapResponse.State state)
        {
            if (state.Code != "COPYUID" || state.CodeArguments.Split(' ') is not [var validity, var old, var copies] || !uint.TryParse(validity, NumberStyles.None, CultureInfo.InvariantCulture, out var value)) return;
            if (ReadSet(old) is not { } from || ReadSet(copies) is not { } to || from.Count != to.Count) return;
            _validity = value;
            _uids.AddRange(from.Zip(to));
        }

        public ImapCopied ToCopied() => new(_validity, [.. _uids.DistinctBy(u => u.Old).OrderBy(u => u.Old)]);
    }
}
