using System.Text.Json;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>All SQL of the outbox: put, claim, settle, and what people do to a mail.</summary>
internal sealed class OutboxStore(OutgoingServerStore servers, JournalWriter journal, LiveEvents live, IEnumerable<IOutboxListener> listeners, TimeProvider clock)
{
    /// <summary>After that a mail that the receiver's side postpones is given up. RFC 5321 section 4.5.4.1 asks for four to five days at least.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(5);

    private const string MailColumns =
        """
        m.id, m.message_id, m.state, m.subject, m.written_from, m.header_from, m.envelope_from, m.server_id, s.name AS server_name, s.active AS server_active, s.paused_until AS server_paused_until, m.why, m.body_id, m.size, m.creator, m.put_at, m.due_at, m.tries, m.problem, m.finished_at,
        (SELECT group_concat(address, ', ') FROM (SELECT address FROM outbox_recipient r WHERE r.mail_id = m.id ORDER BY n LIMIT 5)) AS recipients
        """;

    public (OutboxMailId Id, string MessageId, byte[]? RequestHash)? FindByKey(HubReader reader, string key) =>
        reader.QueryFirstOrDefault<KeyRow>("SELECT id, message_id, request_hash FROM outbox_mail WHERE idempotency_key = @key", new { key }) is { } row ? (row.Id, row.MessageId, row.RequestHash) : null;

    public void Put(HubTransaction transaction, OutboxMailId id, OutgoingMessage message, ServerDecision decision, string messageId, Guid bodyId, long size, string? key, byte[]? requestHash)
    {
        var now = transaction.Now;
        transaction.Execute(
            """
            INSERT INTO outbox_mail(id, message_id, state, subject, written_from, header_from, envelope_from, server_id, rule, why, body_id, size, creator, idempotency_key, request_hash, put_at, due_at)
            VALUES(@id, @messageId, @state, @Subject, @writtenFrom, @headerFrom, @envelopeFrom, @serverId, @rule, @why, @bodyId, @size, @Creator, @key, @requestHash, @now, @now)
            """,
            new
            {
                id, messageId, state = (int)OutboxState.Waiting, message.Subject, writtenFrom = message.From.ToString(), headerFrom = decision.HeaderFrom.ToString(), envelopeFrom = decision.EnvelopeFrom.ToString(),
                serverId = decision.Server!.Id, rule = decision.Rule.ToString(), why = decision.Warning is null ? decision.Explanation : $"{decision.Explanation} {decision.Warning}", bodyId, size, message.Creator, key, requestHash, now,
            });
        var n = 0;
        foreach (var (role, list) in (ReadOnlySpan<(string, IReadOnlyList<NamedAddress>)>)[("to", message.To), ("cc", message.Cc), ("bcc", message.Bcc)])
            foreach (var recipient in list)
                transaction.Execute("INSERT INTO outbox_recipient(mail_id, n, role, name, address, state) VALUES(@id, @n, @role, @Name, @address, 0)", new { id, n = n++, role, recipient.Name, address = recipient.Address.ToString() });
        Tell(transaction, id, OutboxState.Waiting);
    }

    /// <summary>Servers that may be used now and have mail that is due, with how much of it (counted up to 30).</summary>
    public IReadOnlyList<(OutgoingServerId Server, int Due)> DueServers(HubReader reader) =>
    [
        .. reader.Query<DueRow>(
            """
            SELECT s.id, (SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail m WHERE m.server_id = s.id AND m.state <= 1 AND m.due_at <= @now LIMIT 30)) AS due
            FROM outgoing_server s WHERE s.active = 1 AND (s.paused_until IS NULL OR s.paused_until <= @now)
            """, new { now = reader.Now }).Where(row => row.Due > 0).Select(row => (row.Id, row.Due)),
    ];

    /// <summary>When the next mail may be sent; null when none waits.</summary>
    public DateTimeOffset? NextDue(HubReader reader) =>
        reader.QueryFirstOrDefault<InstantRow>(
            """
            SELECT MIN(at) AS at FROM (SELECT MAX(COALESCE(s.paused_until, 0), (SELECT MIN(m.due_at) FROM outbox_mail m WHERE m.server_id = s.id AND m.state <= 1)) AS at
            FROM outgoing_server s WHERE s.active = 1 AND EXISTS (SELECT 1 FROM outbox_mail m WHERE m.server_id = s.id AND m.state <= 1))
            """)?.At;

    /// <summary>Takes the next mail that is due, for one process. The attempt's row is durable before anything is said to a server.</summary>
    /// <returns>Null when none is due, or the server must rest.</returns>
    public ClaimedMail? Claim(HubTransaction transaction, OutgoingServerId server, Guid claim)
    {
        var now = transaction.Now;
        var mail = transaction.QueryFirstOrDefault<ClaimRow>(
            """
            UPDATE outbox_mail SET state = 2, claim = @claim WHERE id = (
              SELECT m.id FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id
              WHERE m.server_id = @server AND m.state <= 1 AND m.due_at <= @now AND s.active = 1 AND (s.paused_until IS NULL OR s.paused_until <= @now) ORDER BY m.due_at, m.id LIMIT 1)
            RETURNING id, envelope_from, body_id, size, body_form, dsn_return_whole, dsn_envelope_id
            """, new { claim, server, now });
        if (mail is null) return null;
        var attempt = Ids.New(clock);
        transaction.Execute("INSERT INTO delivery_attempt(id, mail_id, server_id, started_at, stage) VALUES(@attempt, @Id, @server, @now, 0)", new { attempt, mail.Id, server, now });
        var recipients = Recipients(transaction, mail.Id).Where(recipient => recipient.State == RecipientState.Pending).DistinctBy(recipient => EmailAddress.Parse(recipient.Address)).ToList();
        Tell(transaction, mail.Id, OutboxState.Sending);
        return new(mail.Id, attempt, mail.EnvelopeFrom, mail.BodyId, mail.Size, [.. recipients.Select(recipient => EmailAddress.Parse(recipient.Address))])
        {
            Form = (BodyForm)(mail.BodyForm ?? 0), Dsn = WireForms.DsnOf(mail.DsnReturnWhole, mail.DsnEnvelopeId, recipients),
        };
    }

    /// <summary>The final dot is about to leave: from here on a crash leaves the mail unknown.</summary>
    public static void MarkDot(HubTransaction transaction, Guid attempt) => transaction.Execute("UPDATE delivery_attempt SET stage = 1 WHERE id = @attempt AND stage = 0", new { attempt });

    /// <summary>Writes down what an attempt came to.</summary>
    /// <param name="pausedUntil">When the server may be used again; null when nothing is wrong with it.</param>
    /// <param name="jitter">In [0, 1).</param>
    public OutboxState Settle(HubTransaction transaction, ClaimedMail claimed, OutgoingServerId server, AttemptVerdict verdict, DateTimeOffset? pausedUntil, long? sizeLimit, double jitter, IReadOnlyList<string> transcript)
    {
        var now = transaction.Now;
        var offered = false;
        string? unknownLine = null;
        foreach (var recipient in Recipients(transaction, claimed.Id).Where(recipient => recipient.State == RecipientState.Pending))
        {
            if (!verdict.Outcomes.TryGetValue(EmailAddress.Parse(recipient.Address), out var outcome)) continue;
            (RecipientState State, string? Reply) next = outcome switch
            {
                RecipientOutcome.Accepted accepted => (RecipientState.Sent, accepted.Reply?.ToString()),
                RecipientOutcome.Refused refused => (RecipientState.Refused, refused.Reply.ToString()),
                RecipientOutcome.Deferred later => (RecipientState.Pending, later.Reply.ToString()),
                RecipientOutcome.Unknown unknown => (RecipientState.Unknown, unknown.LastLine),
                _ => (RecipientState.Pending, recipient.Reply),
            };
            offered |= outcome is not RecipientOutcome.NotOffered;
            if (outcome is RecipientOutcome.Unknown line) unknownLine = line.LastLine;
            transaction.Execute("UPDATE outbox_recipient SET state = @state, reply = @Reply, settled_at = @now WHERE mail_id = @Id AND n = @N", new { state = (int)next.State, next.Reply, now, claimed.Id, recipient.N });
        }

        // Trouble of the server costs the mail nothing; being offered and postponed does.
        var mail = transaction.QueryFirstOrDefault<TriesRow>("SELECT tries, put_at, due_at FROM outbox_mail WHERE id = @Id", new { claimed.Id })!;
        var tries = mail.Tries + (offered ? 1 : 0);
        var deferred = verdict.Outcomes.Values.Any(outcome => outcome is RecipientOutcome.Deferred);
        var dueAt = mail.DueAt;
        var problem = verdict.MailProblem?.Problem;
        if (deferred)
        {
            if (RetrySchedule.NextForMail(tries, mail.PutAt, now, Lifetime, jitter) is { } next) dueAt = next;
            else
            {
                transaction.Execute("UPDATE outbox_recipient SET state = @failed WHERE mail_id = @Id AND state = 0", new { failed = (int)RecipientState.Failed, claimed.Id });
                problem = OutgoingMailProblems.LifetimePassed;
            }
        }

        // A server that fails over one mail each time it is named (its scanner, say) would otherwise be offered that mail first for ever.
        if (verdict is { ServerTrouble: not null, WasNamed: true } && dueAt < now) dueAt = now;

        var state = StateByRecipients(transaction, claimed.Id);
        if (state == OutboxState.Unknown) problem = OutgoingMailProblems.Unknown(unknownLine ?? "");
        else if (state == OutboxState.Waiting)
            problem = deferred && problem is not null ? problem with { RetriesByItself = true, NextTry = dueAt } : verdict.ServerTrouble is { } trouble ? trouble.Problem with { RetriesByItself = true, NextTry = pausedUntil } : problem;
        else if (state == OutboxState.Sent) problem = null;

        WriteState(transaction, claimed.Id, state, dueAt, tries, problem);
        transaction.Execute("UPDATE delivery_attempt SET stage = 2, ended_at = @now, outcome = @outcome, problem = @problem, transcript = @transcript WHERE id = @AttemptId",
            new { now, outcome = OutcomeWord(state, verdict, deferred), problem = Json(problem ?? verdict.ServerTrouble?.Problem), transcript = string.Join('\n', transcript), claimed.AttemptId });

        if (verdict.ServerTrouble is { } serverTrouble) servers.NoteTrouble(transaction, server, serverTrouble.Problem, pausedUntil);
        else servers.NoteWorking(transaction, server, sizeLimit);
        return state;
    }

    /// <summary>Mails that nobody is sending although they say so: at start, or after an attempt that stopped inside the hub.</summary>
    /// <param name="running">Whether this process is sending the mail now; asked on the writer thread, after every claim before it.</param>
    /// <returns>How many went back to waiting, and how many became unknown.</returns>
    public (int Waiting, int Unknown) Recover(HubTransaction transaction, Func<OutboxMailId, bool> running, Problem? why)
    {
        var (waiting, unknown) = (0, 0);
        foreach (var row in transaction.Query<StrandedRow>("SELECT m.id, m.tries, m.due_at, a.id AS attempt, a.stage FROM outbox_mail m LEFT JOIN delivery_attempt a ON a.id = (SELECT MAX(id) FROM delivery_attempt WHERE mail_id = m.id) WHERE m.state = 2"))
        {
            if (running(row.Id)) continue;
            if (row.Stage == 0)
            {
                waiting++;
                // A minute's rest after a fault inside the hub, so that it cannot spin.
                WriteState(transaction, row.Id, OutboxState.Waiting, why is null ? row.DueAt : transaction.Now.AddMinutes(1), row.Tries, why);
            }
            else
            {
                unknown++;
                transaction.Execute("UPDATE outbox_recipient SET state = @unknown, settled_at = @now WHERE mail_id = @Id AND state = 0", new { unknown = (int)RecipientState.Unknown, now = transaction.Now, row.Id });
                WriteState(transaction, row.Id, OutboxState.Unknown, row.DueAt, row.Tries + 1, OutgoingMailProblems.UnknownAfterCrash);
                journal.Write(transaction, "mail-unknown", "outbox-mail", row.Id.Value, "The hub stopped while a server was taking this mail.", null);
            }

            transaction.Execute("UPDATE delivery_attempt SET stage = 2, ended_at = @now, outcome = @outcome WHERE id = @Attempt AND stage < 2", new { now = transaction.Now, outcome = row.Stage == 0 ? "interrupted" : "unknown", row.Attempt });
        }

        return (waiting, unknown);
    }

    /// <summary>Tries again what was refused or given up.</summary>
    /// <returns>Null when done.</returns>
    public Problem? Retry(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-retried", "was set to be sent again",
        mail => mail.State is OutboxState.Refused or OutboxState.Failed or OutboxState.PartlySent or OutboxState.Waiting,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = 0 WHERE mail_id = @id AND state IN (@refused, @failed)", new { id, refused = (int)RecipientState.Refused, failed = (int)RecipientState.Failed });
            // Whatever has outlived its time starts a new life: the first "later" would end it at once.
            transaction.Execute("UPDATE outbox_mail SET put_at = @now WHERE id = @id AND put_at <= @before", new { id, now = transaction.Now, before = transaction.Now - Lifetime });
            return OutboxState.Waiting;
        });

    /// <summary>Now instead of later, even when its server rests.</summary>
    public Problem? SendNow(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-sent-now", "was set to be sent now",
        mail => mail.State is OutboxState.Waiting or OutboxState.Scheduled,
        mail =>
        {
            servers.EndPause(transaction, mail.ServerId);
            return OutboxState.Waiting;
        });

    /// <summary>Either cancelled or sent, never both: only what no attempt holds can be cancelled.</summary>
    public Problem? Cancel(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-cancelled", "was cancelled",
        mail => mail.State is OutboxState.Waiting or OutboxState.Scheduled,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = @cancelled, settled_at = @now WHERE mail_id = @id AND state = 0", new { id, cancelled = (int)RecipientState.Cancelled, now = transaction.Now });
            return StateByRecipients(transaction, id);
        });

    /// <summary>A person looked and decides what became of an unknown mail.</summary>
    public Problem? Decide(HubTransaction transaction, OutboxMailId id, bool wasSent, Guid? byUser) => Change(transaction, id, byUser, "mail-decided", wasSent ? "was found to have been sent" : "was found not to have been sent, and is sent again",
        mail => mail.State == OutboxState.Unknown,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = @next, settled_at = @now WHERE mail_id = @id AND state = @unknown",
                new { id, next = (int)(wasSent ? RecipientState.Sent : RecipientState.Pending), now = transaction.Now, unknown = (int)RecipientState.Unknown });
            return StateByRecipients(transaction, id);
        });

    public OutboxMail? Find(HubReader reader, OutboxMailId id) =>
        reader.QueryFirstOrDefault<MailRow>($"SELECT {MailColumns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.id = @id", new { id })?.ToMail();

    /// <summary>Newest first.</summary>
    /// <param name="states">Null: all.</param>
    /// <param name="before">The last id of the page before; null for the first page.</param>
    public IReadOnlyList<OutboxMail> List(HubReader reader, IReadOnlyList<OutboxState>? states, Guid? creator, OutboxMailId? before, int limit) =>
    [
        .. reader.Query<MailRow>(
            $"SELECT {MailColumns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE 1 = 1 {(states is null ? "" : "AND m.state IN @numbers")} {(creator is null ? "" : "AND m.creator = @creator")} {(before is null ? "" : "AND m.id < @before")} ORDER BY m.id DESC LIMIT @limit",
            new { numbers = states?.Select(state => (int)state).ToArray(), creator, before, limit }).Select(row => row.ToMail()),
    ];

    public IReadOnlyDictionary<OutboxState, long> Counts(HubReader reader) =>
        reader.Query<CountRow>("SELECT state, COUNT(*) AS count FROM outbox_mail GROUP BY state").ToDictionary(row => (OutboxState)row.State, row => row.Count);

    public IReadOnlyList<OutboxRecipient> Recipients(HubReader reader, OutboxMailId id) =>
        reader.Query<OutboxRecipient>("SELECT n, role, name, address, state, reply, dsn_notify, dsn_original FROM outbox_recipient WHERE mail_id = @id ORDER BY n", new { id });

    public IReadOnlyList<AttemptRow> Attempts(HubReader reader, OutboxMailId id) =>
    [
        .. reader.Query<StoredAttempt>("SELECT id, started_at, ended_at, outcome, problem, transcript FROM delivery_attempt WHERE mail_id = @id ORDER BY started_at DESC, id DESC LIMIT 50", new { id })
            .Select(row => new AttemptRow { Id = row.Id, StartedAt = row.StartedAt, EndedAt = row.EndedAt, Outcome = row.Outcome, Problem = FromJson(row.Problem), Transcript = string.IsNullOrEmpty(row.Transcript) ? [] : row.Transcript.Split('\n') }),
    ];

    private Problem? Change(HubTransaction transaction, OutboxMailId id, Guid? byUser, string kind, string what, Func<OutboxMail, bool> allowed, Func<OutboxMail, OutboxState> change)
    {
        if (Find(transaction, id) is not { } mail) return OutgoingMailProblems.NotFound;
        if (!allowed(mail)) return OutgoingMailProblems.NotNow(mail.State.Word());
        var state = change(mail);
        WriteState(transaction, id, state, transaction.Now, mail.Tries, state == OutboxState.Waiting ? null : mail.Problem);
        journal.Write(transaction, kind, "outbox-mail", id.Value, $"“{mail.Subject}” {what}.", byUser);
        return null;
    }

    private void WriteState(HubTransaction transaction, OutboxMailId id, OutboxState state, DateTimeOffset dueAt, int tries, Problem? problem)
    {
        transaction.Execute("UPDATE outbox_mail SET state = @state, due_at = @dueAt, tries = @tries, claim = NULL, problem = @problem, finished_at = @finishedAt WHERE id = @id",
            new { id, state = (int)state, dueAt, tries, problem = Json(problem), finishedAt = state.IsFinal() ? transaction.Now : (DateTimeOffset?)null });
        Tell(transaction, id, state);
    }

    private void Tell(HubTransaction transaction, OutboxMailId id, OutboxState state)
    {
        foreach (var listener in listeners) listener.Changed(transaction, id, state);
        transaction.AfterCommit(() =>
        {
            live.Publish("outbox-mail");
            live.Publish($"outbox-mail/{id.Value:D}");
        });
    }

    private static OutboxState StateByRecipients(HubTransaction transaction, OutboxMailId id) =>
        OutboxStates.Of([.. transaction.Query<CountRow>("SELECT state FROM outbox_recipient WHERE mail_id = @id", new { id }).Select(row => (RecipientState)row.State)]);

    private static string OutcomeWord(OutboxState state, AttemptVerdict verdict, bool deferred) => state switch
    {
        OutboxState.Waiting when deferred => "postponed",
        OutboxState.Waiting when verdict.ServerTrouble is not null => "not offered",
        _ => state.Word(),
    };

    private static string? Json(Problem? problem) => problem is null ? null : JsonSerializer.Serialize(problem);

    private static Problem? FromJson(string? json) => json is null ? null : JsonSerializer.Deserialize<Problem>(json);

    private sealed record KeyRow
    {
        public OutboxMailId Id { get; init; }
        public string MessageId { get; init; } = "";
        public byte[]? RequestHash { get; init; }
    }

    private sealed record DueRow
    {
        public OutgoingServerId Id { get; init; }
        public int Due { get; init; }
    }

    private sealed record InstantRow
    {
        public DateTimeOffset? At { get; init; }
    }

    private sealed record ClaimRow
    {
        public OutboxMailId Id { get; init; }
        public string EnvelopeFrom { get; init; } = "";
        public Guid BodyId { get; init; }
        public long Size { get; init; }
        public int? BodyForm { get; init; }
        public bool? DsnReturnWhole { get; init; }
        public string? DsnEnvelopeId { get; init; }
    }

    private sealed record TriesRow
    {
        public int Tries { get; init; }
        public DateTimeOffset PutAt { get; init; }
        public DateTimeOffset DueAt { get; init; }
    }

    private sealed record StrandedRow
    {
        public OutboxMailId Id { get; init; }
        public int Tries { get; init; }
        public DateTimeOffset DueAt { get; init; }
        public Guid Attempt { get; init; }
        public int Stage { get; init; }
    }

    private sealed record CountRow
    {
        public int State { get; init; }
        public long Count { get; init; }
    }

    private sealed record StoredAttempt
    {
        public Guid Id { get; init; }
        public DateTimeOffset StartedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }
        public string? Outcome { get; init; }
        public string? Problem { get; init; }
        public string? Transcript { get; init; }
    }

    private sealed record MailRow
    {
        public OutboxMailId Id { get; init; }
        public string MessageId { get; init; } = "";
        public int State { get; init; }
        public string Subject { get; init; } = "";
        public string WrittenFrom { get; init; } = "";
        public string HeaderFrom { get; init; } = "";
        public string EnvelopeFrom { get; init; } = "";
        public OutgoingServerId ServerId { get; init; }
        public string ServerName { get; init; } = "";
        public bool ServerActive { get; init; }
        public DateTimeOffset? ServerPausedUntil { get; init; }
        public string Why { get; init; } = "";
        public Guid BodyId { get; init; }
        public long Size { get; init; }
        public Guid? Creator { get; init; }
        public DateTimeOffset PutAt { get; init; }
        public DateTimeOffset DueAt { get; init; }
        public int Tries { get; init; }
        public string? Problem { get; init; }
        public DateTimeOffset? FinishedAt { get; init; }
        public string? Recipients { get; init; }

        public OutboxMail ToMail() => new()
        {
            Id = Id, MessageId = MessageId, State = (OutboxState)State, Subject = Subject, WrittenFrom = WrittenFrom, HeaderFrom = HeaderFrom, EnvelopeFrom = EnvelopeFrom, ServerId = ServerId, ServerName = ServerName,
            ServerActive = ServerActive, ServerPausedUntil = ServerPausedUntil, Why = Why, BodyId = BodyId, Size = Size, Creator = Creator, PutAt = PutAt, DueAt = DueAt, Tries = Tries, Problem = FromJson(Problem), FinishedAt = FinishedAt, Recipients = Recipients ?? "",
        };
    }
}
