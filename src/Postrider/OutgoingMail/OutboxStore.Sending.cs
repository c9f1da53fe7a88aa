using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>Claim, offer, settle: docs/flows/send-a-mail.md, steps 4 to 6.</summary>
internal sealed partial class OutboxStore
{
    /// <summary>A mail that was claimed so often without an answer ever being written down ended the process each time, or the attempt broke inside it.</summary>
    public const int MaxBegun = 3;

    /// <summary>Servers that may be used now and have mail that is due, with how much of it (counted up to a hundred a lane: by lanes the index finds it, however much is not due yet).</summary>
    public IReadOnlyList<(OutgoingServerId Server, int Due)> DueServers(HubReader reader) =>
    [
        .. reader.Query<DueRow>(
            """
            SELECT s.id,
              (SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 0 AND m.state <= 1 AND m.due_at <= @now LIMIT 100) AS urgent)
              + (SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 1 AND m.state <= 1 AND m.due_at <= @now LIMIT 100) AS usual)
              + (SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 2 AND m.state <= 1 AND m.due_at <= @now LIMIT 100) AS bulk) AS due
            FROM outgoing_server s WHERE s.active = 1 AND s.held_at IS NULL AND (s.paused_until IS NULL OR s.paused_until <= @now)
            """, new { now = reader.Now }).Where(row => row.Due > 0).Select(row => (row.Id, row.Due)),
    ];

    /// <summary>For each server that may be used, when its next mail may go.</summary>
    public IReadOnlyList<(OutgoingServerId Server, DateTimeOffset At)> NextDue(HubReader reader) =>
    [
        .. reader.Query<NextRow>(
            """
            SELECT s.id, s.paused_until, (SELECT MIN(l.due_at) FROM (
              SELECT (SELECT MIN(m.due_at) FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 0 AND m.state <= 1) AS due_at
              UNION ALL SELECT (SELECT MIN(m.due_at) FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 1 AND m.state <= 1)
              UNION ALL SELECT (SELECT MIN(m.due_at) FROM outbox_mail m WHERE m.server_id = s.id AND m.lane = 2 AND m.state <= 1)) AS l) AS due_at
            FROM outgoing_server s WHERE s.active = 1 AND s.held_at IS NULL
            """).Where(row => row.DueAt is not null).Select(row => (row.Id, row.PausedUntil > row.DueAt ? row.PausedUntil.Value : row.DueAt!.Value)),
    ];

    /// <summary>Takes the mails that are next, as many as wanted and as the budget has room for. The claim is durable before anything is said to a server.</summary>
    /// <param name="turn">Mails claimed for this server before: every fifth place belongs to the lane of mailings, so that it never stands still.</param>
    public Turn Claim(HubTransaction transaction, OutgoingServer server, Guid claim, int wanted, long turn)
    {
        var now = transaction.Now;
        if (transaction.Scalar<long>("SELECT COUNT(*) FROM outgoing_server s WHERE s.id = @Id AND s.active = 1 AND s.held_at IS NULL AND (s.paused_until IS NULL OR s.paused_until <= @now)", new { server.Id, now }) == 0) return Turn.Nothing;
        var room = budgets.Room(transaction, server);
        if (room.IsEmpty) return new([], room.OpensAt);

        // What is not to be offered after all is settled at once, and does not keep the next from its turn.
        List<NextMail> next;
        ILookup<OutboxMailId, RecipientRow> recipients;
        do
        {
            next = Next(transaction, server.Id, Math.Min(wanted, room.Messages), turn);
            if (next.Count == 0) return Turn.Nothing;
            recipients = WithoutSuppressed(transaction, transaction.Query<RecipientRow>("SELECT mail_id, n, address, state, dsn_notify, dsn_original FROM outbox_recipient WHERE mail_id IN @ids ORDER BY mail_id, n", new { ids = next.Select(mail => Ids.Stored(mail.Id.Value)) })).ToLookup(row => row.MailId);
        }
        while (next.RemoveAll(row => IsSettledUnoffered(transaction, server, row, [.. recipients[row.Id]])) > 0 && next.Count == 0);

        var mails = new List<ClaimedMail>(next.Count);
        var dayIsFull = false;
        var (left, outside) = (room.Recipients, room.Tenant?.Recipients ?? 0);
        foreach (var row in next)
        {
            var mail = row.ToMail([.. recipients[row.Id]]);
            if (room.Tenant is { } tenant && tenant.Outside(mail.Addresses) is var strangers and > 0)
            {
                // Mail within the tenant goes on meanwhile.
                if (strangers > outside)
                {
                    Postpone(transaction, mail, tenant.OpensAt ?? now.AddMinutes(1));
                    continue;
                }

                outside -= strangers;
            }

            // One with more recipients than the day has left waits for its room, and those behind it with it: else it would never go.
            if (dayIsFull = mail.Recipients.Count > left) break;
            left -= mail.Recipients.Count;
            mails.Add(mail);
        }

        if (mails.Count == 0) return new([], dayIsFull ? now.AddMinutes(1) : null);
        budgets.TakeUp(transaction, server, [.. mails.Select(mail => mail.Addresses)]);
        transaction.ExecuteLater("UPDATE outbox_mail SET state = 2, claim = @claim, begun = begun + 1, stage = 0, attempt_at = @now WHERE id IN @ids", new { claim, now, ids = mails.Select(mail => Ids.Stored(mail.Id.Value)) });
        foreach (var mail in mails) Tell(transaction, mail.Id, OutboxState.Sending);
        return new(mails, null);
    }

    /// <summary>The final dot is about to leave: from here on a crash leaves the mail unknown.</summary>
    public static void MarkDot(HubTransaction transaction, OutboxMailId id) => transaction.ExecuteLater("UPDATE outbox_mail SET stage = 1 WHERE id = @id AND state = 2", new { id });

    /// <summary>Claimed, and not offered after all: as if nothing had been.</summary>
    public void GiveBack(HubTransaction transaction, OutgoingServer server, IReadOnlyList<ClaimedMail> mails)
    {
        foreach (var mail in mails)
        {
            transaction.Execute("UPDATE outbox_mail SET state = 1, claim = NULL, begun = begun - 1 WHERE id = @Id AND state = 2", new { mail.Id });
            Tell(transaction, mail.Id, OutboxState.Waiting);
        }

        budgets.GiveBack(transaction, server, [.. mails.Select(mail => mail.Addresses)]);
    }

    /// <summary>Writes down what an attempt came to.</summary>
    /// <param name="pausedUntil">When the server may be used again; null when nothing is wrong with it, or it need not rest.</param>
    /// <param name="jitter">In [0, 1).</param>
    public OutboxState Settle(HubTransaction transaction, ClaimedMail claimed, OutgoingServer server, AttemptVerdict verdict, DateTimeOffset? pausedUntil, long? sizeLimit, double jitter, IReadOnlyList<string> transcript)
    {
        var now = transaction.Now;
        var offered = false;
        var deferred = false;
        string? unknownLine = null;
        var states = new List<RecipientState>(claimed.Settled);
        var sameReply = verdict.Outcomes.Values.Distinct().Take(2).Count() == 1;
        foreach (var recipient in claimed.Recipients)
        {
            if (!verdict.Outcomes.TryGetValue(recipient.Address, out var outcome)) outcome = new RecipientOutcome.NotOffered();
            (RecipientState State, string? Reply) next = outcome switch
            {
                RecipientOutcome.Accepted accepted => (RecipientState.Sent, accepted.Reply?.ToString()),
                RecipientOutcome.Refused refused => (RecipientState.Refused, refused.Reply.ToString()),
                RecipientOutcome.Deferred later => (RecipientState.Pending, later.Reply.ToString()),
                RecipientOutcome.Unknown unknown => (RecipientState.Unknown, unknown.LastLine),
                _ => (RecipientState.Pending, null),
            };
            states.Add(next.State);
            if (outcome is RecipientOutcome.NotOffered) continue;
            offered = true;
            deferred |= outcome is RecipientOutcome.Deferred;
            if (outcome is RecipientOutcome.Unknown line) unknownLine = line.LastLine;
            // Most often one answer is everybody's: one statement then.
            if (sameReply && recipient != claimed.Recipients[0]) continue;
            transaction.ExecuteLater(sameReply
                ? "UPDATE outbox_recipient SET state = @state, reply = @Reply, settled_at = @now WHERE mail_id = @Id AND state = 0"
                : "UPDATE outbox_recipient SET state = @state, reply = @Reply, settled_at = @now WHERE mail_id = @Id AND n = @N", new { state = (int)next.State, next.Reply, now, claimed.Id, recipient.N });
        }

        if (!verdict.DsnAsked) OweRelayed(transaction, claimed, verdict);

        // Trouble of the server costs the mail nothing; being offered and postponed does.
        var tries = claimed.Tries + (offered ? 1 : 0);
        var dueAt = claimed.DueAt;
        var problem = verdict.MailProblem?.Problem;
        if (deferred)
        {
            if (RetrySchedule.NextForMail(tries, claimed.LifeFrom, now, Lifetime, jitter) is { } next) dueAt = next;
            else
            {
                transaction.Execute("UPDATE outbox_recipient SET state = @failed WHERE mail_id = @Id AND state = 0", new { failed = (int)RecipientState.Failed, claimed.Id });
                states = [.. states.Select(known => known == RecipientState.Pending ? RecipientState.Failed : known)];
                problem = OutgoingMailProblems.LifetimePassed;
            }
        }

        // A server that fails over one mail each time it is named (its scanner, say) would otherwise be offered that mail first for ever.
        if (verdict is { ServerTrouble: not null, WasNamed: true } && dueAt < now) dueAt = now;

        var state = OutboxStates.Of(states);
        if (state == OutboxState.Unknown) problem = OutgoingMailProblems.Unknown(unknownLine ?? "");
        else if (state == OutboxState.Waiting)
            problem = deferred && problem is not null ? problem with { RetriesByItself = true, NextTry = dueAt } : verdict.ServerTrouble is { } trouble ? trouble.Problem with { RetriesByItself = true, NextTry = pausedUntil } : problem;
        else if (state == OutboxState.Sent) problem = null;

        WriteState(transaction, claimed.Id, state, dueAt, tries, problem);
        WriteAttempt(transaction, claimed.Id, server.Id, claimed.ClaimedAt, OutcomeWord(state, verdict, deferred), problem ?? verdict.ServerTrouble?.Problem, transcript);
        if (!verdict.WasNamed) budgets.GiveBack(transaction, server, [claimed.Addresses]);

        if (server.Kind == ServerKind.Outlook && claimed.EnvelopeFrom != NullSender && verdict.SendAs is var (allowed, said)) sendAs.Learn(transaction, server.Id, EmailAddress.Parse(claimed.EnvelopeFrom), allowed, said);
        if (verdict.ServerTrouble is { } serverTrouble) servers.NoteTrouble(transaction, server.Id, serverTrouble, pausedUntil);
        else if (server.Problem is not null || server.PausedUntil is not null || server.IncidentId is not null || server.SizeLimit != sizeLimit) servers.NoteWorking(transaction, server.Id, sizeLimit);
        return state;
    }

    /// <summary>Who asked to hear of success hears that the mail was handed on, when the server that took it tells of nothing itself (RFC 3461 section 5.2.2).</summary>
    private void OweRelayed(HubTransaction transaction, ClaimedMail claimed, AttemptVerdict verdict)
    {
        var relayed = claimed.Recipients.Where(recipient => recipient.DsnNotify is { } notify && ((SmtpNotify)notify).HasFlag(SmtpNotify.Success) && verdict.Outcomes.GetValueOrDefault(recipient.Address) is RecipientOutcome.Accepted).ToList();
        if (relayed.Count == 0) return;
        foreach (var recipient in relayed) transaction.Execute("UPDATE outbox_recipient SET relayed = 1 WHERE mail_id = @Id AND n = @N", new { claimed.Id, recipient.N });
        transaction.Execute("UPDATE outbox_mail SET relay_owed_at = @now WHERE id = @Id AND report_to IS NOT NULL", new { now = transaction.Now, claimed.Id });
        reports.Ring(transaction);
    }

    /// <summary>An attempt stopped inside the hub, by a fault of ours.</summary>
    public void Broke(HubTransaction transaction, OutboxMailId id)
    {
        if (Stranded(transaction, "m.id = @id", new { id }) is [var row]) Strand(transaction, row, OutgoingMailProblems.AttemptBroke);
    }

    /// <summary>At start: mails that were being sent when the process ended.</summary>
    /// <returns>How many went back to waiting, and how many became unknown or were set aside.</returns>
    public (int Waiting, int Unknown, int SetAside) Recover(HubTransaction transaction)
    {
        var states = Stranded(transaction, "m.state = 2", null).Select(row => Strand(transaction, row, null)).ToList();
        return (states.Count(state => state == OutboxState.Waiting), states.Count(state => state == OutboxState.Unknown), states.Count(state => state == OutboxState.Failed));
    }

    /// <summary>What waits for this server in a database that was put back may have been sent since: until that is seen, it is unknown.</summary>
    /// <returns>How many mails.</returns>
    public int Suspect(HubTransaction transaction, OutgoingServerId server)
    {
        var suspects = transaction.Query<StrandedRow>("SELECT id, server_id, tries, due_at, begun, stage, attempt_at FROM outbox_mail WHERE server_id = @server AND state <= 2 AND due_at <= @now", new { server, now = transaction.Now });
        foreach (var row in suspects)
        {
            transaction.Execute("UPDATE outbox_recipient SET state = @unknown WHERE mail_id = @Id AND state = 0", new { unknown = (int)RecipientState.Unknown, row.Id });
            WriteState(transaction, row.Id, OutboxState.Unknown, row.DueAt, row.Tries, OutgoingMailProblems.UnknownAfterRestore);
        }

        return suspects.Count;
    }

    /// <summary>After the clock was set back: what would wait much longer than any pause is due now.</summary>
    public int ForgetFarFuture(HubTransaction transaction) =>
        transaction.Execute("UPDATE outbox_mail SET due_at = @now WHERE state = 1 AND due_at > @far", new { now = transaction.Now, far = transaction.Now + RetrySchedule.LongestPause });

    /// <summary>An address may have been suppressed since the mail was put: it is not offered then, and the reason stands with it.</summary>
    private IEnumerable<RecipientRow> WithoutSuppressed(HubTransaction transaction, IReadOnlyList<RecipientRow> rows)
    {
        var suppressed = suppressions.Among(transaction, rows.Where(row => row.State == (int)RecipientState.Pending).Select(row => EmailAddress.Parse(row.Address)));
        if (suppressed.Count == 0) return rows;
        return [.. rows.Select(row =>
        {
            if (row.State != (int)RecipientState.Pending || !suppressed.TryGetValue(EmailAddress.Parse(row.Address).Normalized, out var why)) return row;
            transaction.Execute("UPDATE outbox_recipient SET state = @state, reply = @reply, settled_at = @now WHERE mail_id = @MailId AND n = @N", new { state = (int)RecipientState.Suppressed, reply = SuppressionStore.Sentence(why), now = transaction.Now, row.MailId, row.N });
            return row with { State = (int)RecipientState.Suppressed, Reply = SuppressionStore.Sentence(why) };
        })];
    }

    /// <summary>Nobody is left to offer it to, or its sender was refused meanwhile: Exchange closes a mailbox that goes on sending as somebody it may not.</summary>
    private bool IsSettledUnoffered(HubTransaction transaction, OutgoingServer server, NextMail mail, IReadOnlyList<RecipientRow> rows)
    {
        var pending = rows.Count(row => row.State == (int)RecipientState.Pending);
        if (pending > 0 && server.Kind == ServerKind.Outlook && mail.EnvelopeFrom != NullSender && EmailAddress.Parse(mail.EnvelopeFrom) is var from && sendAs.Of(server.Id).GetValueOrDefault(from) is { Allowed: false } refusal)
        {
            var problem = OutgoingMailProblems.SenderRefused(server.Name, from, refusal.Reply);
            transaction.Execute("UPDATE outbox_recipient SET state = @refused, reply = @reply, settled_at = @now WHERE mail_id = @Id AND state = 0", new { refused = (int)RecipientState.Refused, reply = refusal.Reply ?? problem.What, now = transaction.Now, mail.Id });
            WriteState(transaction, mail.Id, StateByRecipients(transaction, mail.Id), mail.DueAt, mail.Tries, problem);
            return true;
        }

        if (pending > 0) return false;
        var states = rows.Select(row => (RecipientState)row.State).ToList();
        var state = OutboxStates.Of(states);
        WriteState(transaction, mail.Id, state, mail.DueAt, mail.Tries, state == OutboxState.Refused && states.Contains(RecipientState.Suppressed) ? OutgoingMailProblems.SuppressedMeanwhile([.. rows.Where(row => row.State == (int)RecipientState.Suppressed).Select(row => $"{row.Address}: {row.Reply}")]) : null);
        return true;
    }

    private void Postpone(HubTransaction transaction, ClaimedMail mail, DateTimeOffset until) =>
        WriteState(transaction, mail.Id, OutboxState.Waiting, until, mail.Tries, OutgoingMailProblems.TenantLimit with { NextTry = until });

    private static List<NextMail> Next(HubTransaction transaction, OutgoingServerId server, int wanted, long turn)
    {
        var bulk = Enumerable.Range(0, wanted).Count(place => (turn + place) % 5 == 4);
        var next = new List<NextMail>(wanted);
        Take(OutboxLane.Bulk, bulk);
        Take(OutboxLane.Urgent, wanted - next.Count);
        Take(OutboxLane.Usual, wanted - next.Count);
        if (next.Count < wanted) Take(OutboxLane.Bulk, wanted - next.Count + bulk, skip: next.Count(mail => mail.Lane == (int)OutboxLane.Bulk));
        // One that an attempt never ended for goes alone: if it is the one that ends the process, no other is counted with it.
        var alone = next.FindIndex(mail => mail.Begun > 0);
        return alone < 0 ? next : alone == 0 ? next[..1] : next[..alone];

        void Take(OutboxLane lane, int count, int skip = 0)
        {
            if (count <= 0) return;
            next.AddRange(transaction.Query<NextMail>(
                // The lane within the text: SQLite would plan anew at each run, to see whether this lane is the one that has an index of its own.
                $"SELECT id, lane, envelope_from, body_id, size, begun, tries, due_at, life_from, body_form, dsn_return_whole, dsn_envelope_id FROM outbox_mail WHERE server_id = @server AND lane = {(int)lane} AND state <= 1 AND due_at <= @now ORDER BY due_at LIMIT @count",
                new { server, now = transaction.Now, count }).Skip(skip).Select(row => row with { ClaimedAt = transaction.Now }));
        }
    }

    private IReadOnlyList<StrandedRow> Stranded(HubTransaction transaction, string which, object? arguments) =>
        transaction.Query<StrandedRow>($"SELECT m.id, m.server_id, m.tries, m.due_at, m.begun, m.stage, m.attempt_at FROM outbox_mail m WHERE {which}", arguments);

    private OutboxState Strand(HubTransaction transaction, StrandedRow row, Problem? why)
    {
        var state = row.Stage > 0 ? OutboxState.Unknown : row.Begun >= MaxBegun ? OutboxState.Failed : OutboxState.Waiting;
        var problem = state switch { OutboxState.Unknown => OutgoingMailProblems.UnknownAfterCrash, OutboxState.Failed => OutgoingMailProblems.SetAside(row.Begun), _ => why };
        if (state != OutboxState.Waiting)
            transaction.Execute("UPDATE outbox_recipient SET state = @next, settled_at = @now WHERE mail_id = @Id AND state = 0", new { next = (int)(state == OutboxState.Unknown ? RecipientState.Unknown : RecipientState.Failed), now = transaction.Now, row.Id });
        // A minute's rest after a fault inside the hub, so that it cannot spin.
        WriteState(transaction, row.Id, state, why is null || state != OutboxState.Waiting ? row.DueAt : transaction.Now.AddMinutes(1), row.Tries + (state == OutboxState.Unknown ? 1 : 0), problem);
        if (state == OutboxState.Waiting) transaction.Execute("UPDATE outbox_mail SET begun = @Begun WHERE id = @Id", new { row.Begun, row.Id });
        else journal.Write(transaction, state == OutboxState.Unknown ? "mail-unknown" : "mail-set-aside", "outbox-mail", row.Id.Value, problem!.What, null);
        WriteAttempt(transaction, row.Id, row.ServerId, row.AttemptAt ?? transaction.Now, state == OutboxState.Unknown ? "unknown" : "interrupted", problem, []);
        return state;
    }

    private void WriteAttempt(HubTransaction transaction, OutboxMailId mail, OutgoingServerId server, DateTimeOffset startedAt, string outcome, Problem? problem, IReadOnlyList<string> transcript) =>
        transaction.ExecuteLater("INSERT INTO delivery_attempt(id, mail_id, server_id, started_at, ended_at, outcome, problem, transcript) VALUES(@id, @mail, @server, @startedAt, @now, @outcome, @problem, @transcript)",
            new { id = Ids.New(clock), mail, server, startedAt, now = transaction.Now, outcome, problem = Json(problem), transcript = string.Join('\n', transcript) });

    private static string OutcomeWord(OutboxState state, AttemptVerdict verdict, bool deferred) => state switch
    {
        OutboxState.Waiting when deferred => "postponed",
        OutboxState.Waiting when verdict.ServerTrouble is not null => "not offered",
        _ => state.Word(),
    };

    private sealed record DueRow
    {
        public OutgoingServerId Id { get; init; }
        public int Due { get; init; }
    }

    private sealed record NextRow
    {
        public OutgoingServerId Id { get; init; }
        public DateTimeOffset? PausedUntil { get; init; }
        public DateTimeOffset? DueAt { get; init; }
    }

    private sealed record NextMail
    {
        public OutboxMailId Id { get; init; }
        public int Lane { get; init; }
        public string EnvelopeFrom { get; init; } = "";
        public Guid BodyId { get; init; }
        public long Size { get; init; }
        public int Begun { get; init; }
        public int Tries { get; init; }
        public DateTimeOffset DueAt { get; init; }
        public DateTimeOffset LifeFrom { get; init; }
        public DateTimeOffset ClaimedAt { get; init; }

        public int? BodyForm { get; init; }
        public bool? DsnReturnWhole { get; init; }
        public string? DsnEnvelopeId { get; init; }

        public ClaimedMail ToMail(IReadOnlyList<RecipientRow> rows)
        {
            var recipients = rows.Where(row => row.State == 0).Select(row => new ClaimedRecipient(row.N, EmailAddress.Parse(row.Address), row.DsnNotify, row.DsnOriginal)).ToList();
            return new(Id, EnvelopeFrom, BodyId, Size, recipients, [.. rows.Where(row => row.State != 0).Select(row => (RecipientState)row.State)], Tries, DueAt, LifeFrom, ClaimedAt)
            {
                Form = (BodyForm)(BodyForm ?? 0), Dsn = WireForms.DsnOf(DsnReturnWhole, DsnEnvelopeId, [.. recipients.DistinctBy(recipient => recipient.Address)]),
            };
        }
    }

    private sealed record RecipientRow
    {
        public OutboxMailId MailId { get; init; }
        public int N { get; init; }
        public string Address { get; init; } = "";
        public int State { get; init; }
        public int? DsnNotify { get; init; }
        public string? DsnOriginal { get; init; }
        /// <summary>Read only where it was written just now.</summary>
        public string? Reply { get; init; }
    }

    private sealed record StrandedRow
    {
        public OutboxMailId Id { get; init; }
        public OutgoingServerId ServerId { get; init; }
        public int Tries { get; init; }
        public DateTimeOffset DueAt { get; init; }
        public int Begun { get; init; }
        public int Stage { get; init; }
        public DateTimeOffset? AttemptAt { get; init; }
    }
}
