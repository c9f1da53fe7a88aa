using System.Security.Cryptography;
using System.Text;
using Postrider.Conversations;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Tnef;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <summary>Takes mail in, exactly once. The numbers are the steps of docs/flows/receive-a-mail.md.</summary>
internal sealed partial class Intake(HubDatabase database, Bodies bodies, IntakeStore store, RouteKnowledge knowledge, ConversationStore conversations, InboxStore inboxes, ConversationEvents events, DeliveryReports reports, Refusals refusals, JournalWriter journal, LiveEvents live, TimeProvider clock, ILogger<Intake> log)
{
    // A body up to this size is stored with its row; a longer one goes before it, in chunks.
    private const int InlineBytes = 256 << 10;
    private const int ResumeBatch = 100;
    private const int MaxAwaited = 4;
    /// <summary>Of <see cref="LiveEvents"/>.</summary>
    public const string QuarantineTopic = "quarantine";

    /// <summary>
    /// Stores and routes what a mailbox handed over. When it returns, every message is settled (in a conversation, absorbed or quarantined) and the cursor has moved with it.
    /// When it throws, nothing is lost: what was stored is settled by <see cref="ResumeAsync"/>, what was not is fetched again.
    /// </summary>
    /// <param name="moveCursor">Runs in the transaction that settles the batch.</param>
    public async Task TakeAsync(IReadOnlyList<ArrivedMail> batch, Action<HubTransaction> moveCursor, CancellationToken cancel)
    {
        var receiving = await ReceivingAsync(batch.Select(mail => mail.Server), cancel);
        // Read beside the thread that writes; whatever comes of it, the bytes are stored first.
        var reading = Task.Run(() => batch.Select(mail => Read(mail.Bytes, receiving[mail.Server])).ToList(), CancellationToken.None);
        var stored = await StoreAsync(batch, cancel);                                  // step 4
        var results = await reading;
        var read = new List<(StoredMail Stored, ReadResult Mail)>(stored.Count);
        foreach (var (mail, at) in stored) read.Add((mail, await WithFilesAsync(mail, batch[at].Bytes, results[at], cancel)));
        await SettleAsync(read, moveCursor, cancel);                                   // steps 5 and 6
    }

    /// <summary>Puts a message that the mailbox withholds into quarantine, without its bytes, so that it is seen and holds nothing back. In the transaction that moves the cursor.</summary>
    public void SetAside(HubTransaction tx, WithheldMail mail)
    {
        if (store.Holds(tx, mail.Place)) return;
        if (store.Put(tx, mail.Place, bodies.Put(tx, mail.Place.Bytes), SHA256.HashData(mail.Place.Bytes.Span)) is { } put)
            Quarantine(tx, put, null, IncomingMailProblems.NotHandedOver, IncomingMailTexts.NotHandedOver.With(mail.Place.Uid, mail.Place.Folder, mail.Size, mail.Why));
    }

    /// <summary>In the mailbox everything is done with these messages that was to be done.</summary>
    public void Tidied(HubTransaction tx, Guid server, string folder, uint uidValidity, IReadOnlyList<uint> uids) => store.Tidied(tx, server, folder, uidValidity, uids);

    /// <summary>Messages that are safe here and with which something is still to be done in the mailbox.</summary>
    public Task<IReadOnlyList<uint>> UntidyAsync(Guid server, string folder, uint uidValidity, int limit, CancellationToken cancel) => database.ReadAsync(r => store.Untidy(r, server, folder, uidValidity, limit), cancel);

    /// <summary>Settles what a crash left between storing and routing.</summary>
    public async Task<int> ResumeAsync(CancellationToken cancel)
    {
        var resumed = 0;
        while (true)
        {
            var undecided = await database.ReadAsync(r => store.Undecided(r, ResumeBatch), cancel);
            if (undecided.Count == 0) return resumed;
            foreach (var mail in undecided)
            {
                await SettleAsync([(mail, await ReadStoredAsync(mail, cancel))], _ => { }, cancel);
                resumed++;
            }
        }
    }

    /// <summary><i>Process again</i>: routes a quarantined message anew.</summary>
    /// <returns>Null when it is settled now; else why not.</returns>
    public async Task<Web.Problem?> ProcessAgainAsync(IncomingMailId id, CancellationToken cancel)
    {
        var (mail, state) = await database.ReadAsync(r => (store.Find(r, id), store.StateOf(r, id)), cancel);
        if (mail is null) return IncomingMailProblems.NotFound();
        var waits = await database.ReadAsync(r => store.FindQuarantined(r, id), cancel);
        if (waits?.DiscardedAt is not null) return IncomingMailProblems.NotWaiting();
        if (state == "done") return null;
        // There are no bytes that could be routed.
        if (waits is { ProblemCode: IncomingMailProblems.NotHandedOver } withheld) return IncomingMailProblems.StillQuarantined(withheld.Reason);
        await SettleAsync([(mail, await ReadStoredAsync(mail, cancel))], _ => { }, cancel);
        var still = await database.ReadAsync(r => store.FindQuarantined(r, id), cancel);
        return still is null ? null : IncomingMailProblems.StillQuarantined(still.Reason);
    }

    /// <summary><i>Send to…</i>: a person decides where a quarantined message belongs.</summary>
    /// <param name="conversation">Joins this one; null: begins one.</param>
    /// <param name="inbox">Where a new one stands; null: in no inbox.</param>
    /// <returns>Null when it stands there now; else why not.</returns>
    public async Task<Web.Problem?> SendToAsync(IncomingMailId id, ConversationId? conversation, InboxId? inbox, Viewer by, CancellationToken cancel)
    {
        var (mail, waits) = await database.ReadAsync(r => (store.Find(r, id), store.FindQuarantined(r, id)), cancel);
        if (mail is null) return IncomingMailProblems.NotFound();
        if (waits is null or { DiscardedAt: not null }) return IncomingMailProblems.NotWaiting();
        if (waits.ProblemCode == IncomingMailProblems.NotHandedOver) return IncomingMailProblems.NoBytes(waits.Reason);
        var result = await ReadStoredAsync(mail, cancel);
        if (result.Mail is not { } read) return IncomingMailProblems.NoBytes(waits.Reason);
        return await database.WriteAsync(tx =>
        {
            // Somebody else was faster.
            if (store.StateOf(tx, id) != "quarantined") return IncomingMailProblems.NotWaiting();
            if (conversation is { } chosen && conversations.Find(tx, chosen) is null) return ConversationsProblems.NotFound();
            if (inbox is { } named && inboxes.FindInbox(tx, named) is null) return AliasesProblems.InboxNotFound();
            var joined = conversation ?? conversations.Start(tx, read.Subject, inbox);
            Enter(tx, mail with { Files = result.Files }, read, joined, conversation is null ? "new" : "reply", $"{by.Name} sent it here from quarantine. {waits.Reason}");
            DropOriginal(tx, mail);
            journal.Write(tx, "incoming-mail-sent-on", QuarantineTopic, id.Value, $"{by.Name} sent a message from quarantine to {(conversation is null ? "a new conversation" : "a conversation")}.", by.UserId);
            return null;
        }, cancel);
    }

    /// <summary><i>Discard</i>: it waits no longer. Its bytes stay for <see cref="QuarantinedMail.DiscardedLife"/>, and until then it can be restored.</summary>
    public Task<Web.Problem?> DiscardAsync(IncomingMailId id, Viewer by, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (!store.Discard(tx, id, by.UserId)) return store.StateOf(tx, id) is null ? IncomingMailProblems.NotFound() : IncomingMailProblems.NotWaiting();
        journal.Write(tx, "incoming-mail-discarded", QuarantineTopic, id.Value, $"{by.Name} discarded a message from quarantine.", by.UserId);
        return null;
    }, cancel);

    /// <summary>Takes a discard back: it waits in quarantine again.</summary>
    public Task<Web.Problem?> RestoreAsync(IncomingMailId id, Viewer by, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (!store.Restore(tx, id)) return store.StateOf(tx, id) is null ? IncomingMailProblems.NotFound() : IncomingMailProblems.NotWaiting();
        journal.Write(tx, "incoming-mail-restored", QuarantineTopic, id.Value, $"{by.Name} took a discarded message back into quarantine.", by.UserId);
        return null;
    }, cancel);

    private Task<Dictionary<Guid, ReceivingServer>> ReceivingAsync(IEnumerable<Guid> servers, CancellationToken cancel)
    {
        var distinct = servers.Distinct().ToList();
        return distinct.Count == 0 ? Task.FromResult(new Dictionary<Guid, ReceivingServer>()) : database.ReadAsync(r => distinct.ToDictionary(server => server, server => knowledge.Receiving(r, server)), cancel);
    }

    /// <returns>What was not here before, with its place in the batch.</returns>
    private async Task<IReadOnlyList<(StoredMail Stored, int At)>> StoreAsync(IReadOnlyList<ArrivedMail> batch, CancellationToken cancel)
    {
        if (batch.Count == 0) return [];
        // Beside the writer; the unique key has the last word.
        var held = await database.ReadAsync(r => store.Held(r, batch), cancel);
        var prepared = new List<(int At, byte[] Sha256, Guid? Body)>(batch.Count);
        for (var at = 0; at < batch.Count; at++)
        {
            var mail = batch[at];
            if (held.Contains(mail.Uid)) continue;
            Guid? body = null;
            if (mail.Bytes.Length > InlineBytes)
            {
                using var bytes = new MemoryBody(mail.Bytes);
                body = (await bodies.PutAsync(bytes, cancel)).Id;
            }
            prepared.Add((at, SHA256.HashData(mail.Bytes.Span), body));
        }
        if (prepared.Count == 0) return [];
        return await database.WriteAsync(tx =>
        {
            var stored = new List<(StoredMail, int)>(prepared.Count);
            foreach (var (at, sha256, body) in prepared)
            {
                var raw = body ?? bodies.Put(tx, batch[at].Bytes, sha256);
                if (store.Put(tx, batch[at], raw, sha256) is { } put) stored.Add((put, at));
                // Another fetcher was quicker.
                else Bodies.Delete(tx, raw);
            }
            return stored;
        }, cancel);
    }

    private async Task SettleAsync(IReadOnlyList<(StoredMail Stored, ReadResult Mail)> read, Action<HubTransaction> moveCursor, CancellationToken cancel)
    {
        try
        {
            await database.WriteAsync(tx =>
            {
                foreach (var (stored, mail) in read) Settle(tx, stored, mail);
                moveCursor(tx);
            }, cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException && read.Count > 0)
        {
            // One message that trips us up must not hold back the others: each alone, and the one that fails again goes to quarantine.
            // When it was the database that failed, this throws too, the cursor stays, and all of it is done again.
            BatchFailed(log, read.Count, e);
            foreach (var (stored, mail) in read) await SettleAloneAsync(stored, mail, cancel);
            await database.WriteAsync(moveCursor, cancel);
        }
    }

    private async Task SettleAloneAsync(StoredMail stored, ReadResult mail, CancellationToken cancel)
    {
        try
        {
            await database.WriteAsync(tx => Settle(tx, stored, mail), cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotProcessed(log, stored.Id.Value, e);
            await database.WriteAsync(tx => Quarantine(tx, stored, mail.Mail, IncomingMailProblems.NotProcessed, IncomingMailTexts.NotProcessed.With(e.GetType().Name)), cancel);
        }
    }

    private void Settle(HubTransaction tx, StoredMail stored, ReadResult read)
    {
        var (isSettled, hasTwin) = store.Standing(tx, stored);
        if (isSettled) return;
        Decide(tx, stored with { Files = read.Files }, read, hasTwin);
        DropOriginal(tx, stored);
    }

    /// <summary>Of a message that is settled, where the server is set so.</summary>
    private void DropOriginal(HubTransaction tx, StoredMail stored)
    {
        if (!stored.KeepOriginal && store.StateOf(tx, stored.Id) == "done") store.DropOriginal(tx, stored, bodies.Put(tx, ReadOnlyMemory<byte>.Empty));
    }

    private void Decide(HubTransaction tx, StoredMail stored, ReadResult read, bool hasTwin)
    {
        if (read.Mail is not { } mail)
        {
            Quarantine(tx, stored, null, IncomingMailProblems.Unreadable, read.Failure!);
            return;
        }
        if (hasTwin)
        {
            store.Settle(tx, stored.Id, mail, "duplicate", IncomingMailTexts.SameBytes, null, null);
            return;
        }
        var question = knowledge.Of(tx, mail, stored.Server);
        var route = RouteDecision.For(mail, question);                                 // step 5
        route = RouteDecision.Bounded(route, mail, knowledge.Volume(tx, route, mail, stored)); // step 5b
        // A second copy was noted when the first came.
        var noted = route is not (Route.Duplicate or Route.OwnCopy or Route.Loop) && (mail.Report ?? mail.Complaint) is { } told ? reports.Note(tx, told) : null;   // step 5a
        Settle(tx, stored, mail, question, route, noted);
    }

    private void Settle(HubTransaction tx, StoredMail stored, ReceivedMail mail, RouteQuestion question, Route route, NotedReport? noted)
    {
        switch (route)
        {
            case Route.Reply reply:
                if (reply.LetInBy is { } signed) IntakeStore.UseSigned(tx, signed, mail.Sender!.Address);
                Enter(tx, stored, mail, reply.Conversation, "reply", reply.Explanation, Awaits(mail, question));
                break;
            case Route.New fresh:
                EnterNew(tx, stored, mail, fresh, "new", Awaits(mail, question));
                break;
            case Route.Automatic { Within: Route.Reply within } automatic:
                Enter(tx, stored, mail, within.Conversation, "automatic", automatic.Explanation, Awaits(mail, question));
                break;
            case Route.Automatic { Within: Route.New within } automatic:
                EnterNew(tx, stored, mail, within with { Explanation = automatic.Explanation }, "automatic", Awaits(mail, question));
                break;
            case Route.Automatic { Within: Route.Quarantine within } automatic:
                Quarantine(tx, stored, mail, within.ProblemCode, automatic.Explanation);
                break;
            case Route.Report { About: { } about } report:
                EnterReport(tx, stored, mail, about, "report", ReportText.Of(mail.Report!, report.Verified), report.Explanation);
                break;
            // About a mail that no conversation holds: it stands with the mail in the Email Queue.
            case Route.Report when noted is not null:
                store.Settle(tx, stored.Id, mail, "report", noted.Explanation, null, null);
                break;
            case Route.Report report:
                Quarantine(tx, stored, mail, IncomingMailProblems.ReportOnUnknownMail, report.Explanation);
                break;
            case Route.Receipt { About: { } about } receipt:
                EnterReport(tx, stored, mail, about, "receipt", ReportText.OfReceipt(mail.Receipt!, mail.Sender!), receipt.Explanation);
                break;
            case Route.Receipt receipt:
                store.Settle(tx, stored.Id, mail, "receipt", receipt.Explanation, null, null);
                break;
            case Route.Complaint { Within: Route.Reply within } complaint:
                Enter(tx, stored, mail, within.Conversation, "complaint", complaint.Explanation, [], joinsPeople: false);
                break;
            case Route.Complaint complaint when noted is not null:
                store.Settle(tx, stored.Id, mail, "complaint", $"{complaint.Explanation} {noted.Explanation}", null, null);
                break;
            case Route.Complaint { Within: Route.New within } complaint:
                EnterNew(tx, stored, mail, within with { Explanation = $"{complaint.Explanation} {within.Explanation}" }, "complaint", []);
                break;
            case Route.Complaint complaint:
                Quarantine(tx, stored, mail, (complaint.Within as Route.Quarantine)?.ProblemCode ?? IncomingMailProblems.NoRoute, complaint.Explanation);
                break;
            case Route.Duplicate duplicate:
                store.Settle(tx, stored.Id, mail, "duplicate", duplicate.Explanation, duplicate.Of.Conversation, duplicate.Of.Message);
                break;
            case Route.OwnCopy own:
                store.Settle(tx, stored.Id, mail, "own-copy", own.Explanation, own.Of.Conversation, own.Of.Message);
                break;
            // Between two machines nobody has to look; whatever a person may have written waits.
            case Route.Loop { ByVolume: false } loop when mail.Automatic || mail.AnswersByItself || mail.Report is not null:
                store.Settle(tx, stored.Id, mail, "loop", loop.Explanation, null, null);
                break;
            case Route.Loop { ByVolume: false } loop:
                Quarantine(tx, stored, mail, IncomingMailProblems.Loop, loop.Explanation);
                break;
            // step 5c
            case Route.Loop loop:
                Quarantine(tx, stored, mail, IncomingMailProblems.Loop, $"{loop.Explanation} {refusals.Decide(tx, stored.Id, mail, loop)}");
                break;
            case Route.Refused refused:
                Quarantine(tx, stored, mail, IncomingMailProblems.Refused, $"{refused.Explanation} {refusals.Decide(tx, stored.Id, mail, refused)}");
                break;
            case Route.Quarantine quarantine:
                Quarantine(tx, stored, mail, quarantine.ProblemCode, quarantine.Explanation);
                break;
            default:
                throw new InvalidOperationException($"No way to settle {route.GetType().Name}.");
        }
    }

    // Only of somebody whose address is not disowned: a forged child would draw its parent to itself. The most telling ids: of a long thread the newest are late, not the oldest.
    private static List<string> Awaits(ReceivedMail mail, RouteQuestion question) =>
        mail.SenderCheck == SenderCheck.Failed ? [] : [.. mail.Answers.Where(id => id != mail.MessageId && !question.Known.Any(k => k.HeaderId == id)).Take(MaxAwaited)];

    private void EnterNew(HubTransaction tx, StoredMail stored, ReceivedMail mail, Route.New fresh, string outcome, IReadOnlyList<string> awaits)
    {
        // The last is the one the incoming mail itself points at; so the first is written last.
        foreach (var place in fresh.Places.Reverse()) Enter(tx, stored, mail, conversations.Start(tx, mail.Subject, place.Inbox), outcome, fresh.Explanation, awaits);
    }

    private void Enter(HubTransaction tx, StoredMail stored, ReceivedMail mail, ConversationId conversation, string outcome, string explanation, IReadOnlyList<string>? awaits = null, bool joinsPeople = true)
    {
        var message = new ThreadMessageId(Ids.New(clock));
        conversations.Add(tx, conversation, MessageOf(tx, message, stored, mail) with { Explanation = explanation, JoinsPeople = joinsPeople, Awaits = awaits ?? [] });
        if (joinsPeople && mail is { Sender: { } sender, SenderCheck: not SenderCheck.Failed, Automatic: false, AnswersByItself: false }) conversations.FollowAs(tx, conversation, sender.Address);
        store.Settle(tx, stored.Id, mail, outcome, explanation, conversation, message);
        events.Changed(tx, conversation);
    }

    private void EnterReport(HubTransaction tx, StoredMail stored, ReceivedMail mail, KnownMessage about, string outcome, string words, string explanation)
    {
        var message = new ThreadMessageId(Ids.New(clock));
        conversations.Add(tx, about.Conversation, MessageOf(tx, message, stored, mail) with
        {
            Direction = MessageDirection.Report,
            Author = mail.Sender ?? new NamedAddress(null, EmailAddress.Parse("unknown@invalid")),
            Text = words + (mail.Text is { } text ? "\n\n" + text : ""),
            FoldedText = null,
            Automatic = true,
            Explanation = explanation,
        });
        store.Settle(tx, stored.Id, mail, outcome, explanation, about.Conversation, message);
        events.Changed(tx, about.Conversation);
    }

    private NewThreadMessage MessageOf(HubTransaction tx, ThreadMessageId id, StoredMail stored, ReceivedMail mail) => new()
    {
        Id = id,
        Direction = MessageDirection.Incoming,
        Author = mail.Sender ?? new NamedAddress(null, EmailAddress.Parse("unknown@invalid")),
        To = mail.To,
        Cc = mail.Cc,
        ReplyTo = mail.ReplyTo,
        Subject = mail.Subject,
        HeaderId = mail.MessageId,
        OriginalHeaderId = mail.OriginalMessageId,
        References = mail.References,
        DatedAt = mail.Date,
        Text = mail.Text,
        FoldedText = mail.FoldedText,
        HtmlBody = mail.Html is { } html ? bodies.Put(tx, Encoding.UTF8.GetBytes(html)) : null,
        RawBody = stored.KeepOriginal ? stored.RawBody : null,
        Fingerprint = mail.Fingerprint,
        SenderCheck = mail.SenderCheck,
        Automatic = mail.Automatic || mail.AnswersByItself,
        Attachments = [.. mail.Attachments.Select(a => new NewThreadAttachment(new(Ids.New(clock)), a.Position, a.FileName, a.MediaType, a.Size, a.ContentId, stored.Files?[a.Position]))],
    };

    private void Quarantine(HubTransaction tx, StoredMail stored, ReceivedMail? mail, string code, string reason)
    {
        store.Quarantine(tx, stored.Id, mail, code, reason);
        tx.AfterCommit(() => live.Publish(QuarantineTopic));
    }

    /// <summary>Reading never throws on content; should it, the message goes to quarantine and not the mailbox to a halt.</summary>
    private ReadResult Read(ReadOnlyMemory<byte> bytes, ReceivingServer server)
    {
        try
        {
            var mail = ReceivedMail.Read(bytes, server.IsExchange, knowledge.AuthenticationServers);
            return new ReadResult(mail with { FoldedText = SearchWords.Fold(mail.Text) }, null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Unreadable(log, e);
            return new ReadResult(null, IncomingMailTexts.Unreadable.With(e.GetType().Name));
        }
    }

    /// <summary>Where the original is to go, its files are stored by themselves first; should the message not be settled, the sweep takes them.</summary>
    private async Task<ReadResult> WithFilesAsync(StoredMail stored, ReadOnlyMemory<byte> bytes, ReadResult read, CancellationToken cancel)
    {
        if (stored.KeepOriginal || read.Mail is not { Attachments.Count: > 0 }) return read;
        List<Guid> files = [];
        foreach (var file in OpenedMessage.Of(MimeMessage.Read(bytes)).Files)
        {
            using var content = new MemoryBody(file.Bytes);
            files.Add((await bodies.PutAsync(content, cancel)).Id);
        }
        return read with { Files = files };
    }

    /// <summary>Bytes that were damaged on the disk are this message's trouble, and not that of every mailbox.</summary>
    private async Task<ReadResult> ReadStoredAsync(StoredMail mail, CancellationToken cancel)
    {
        try
        {
            var bytes = await bodies.ReadAsync(mail.RawBody, cancel);
            return await WithFilesAsync(mail, bytes, Read(bytes, await database.ReadAsync(r => knowledge.Receiving(r, mail.Server), cancel)), cancel);
        }
        catch (InvalidDataException e)
        {
            Unreadable(log, e);
            return new ReadResult(null, IncomingMailTexts.Unreadable.With(e.GetType().Name));
        }
    }

    /// <summary>One of both.</summary>
    private readonly record struct ReadResult(ReceivedMail? Mail, string? Failure)
    {
        /// <summary>The bodies of its attachments, in their order, where the original is to go; null where they are read out of it.</summary>
        public IReadOnlyList<Guid>? Files { get; init; }
    }

    [LoggerMessage(IncomingMailLog.BatchFailed, LogLevel.Warning, "{Count} messages could not be settled together; trying each alone")]
    private static partial void BatchFailed(ILogger log, int count, Exception e);

    [LoggerMessage(IncomingMailLog.NotProcessed, LogLevel.Error, "Incoming mail {Id} could not be processed; it stands in quarantine")]
    private static partial void NotProcessed(ILogger log, Guid id, Exception e);

    [LoggerMessage(IncomingMailLog.Unreadable, LogLevel.Error, "An incoming mail could not be read; it stands in quarantine")]
    private static partial void Unreadable(ILogger log, Exception e);
}
