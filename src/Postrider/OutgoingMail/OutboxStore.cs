using System.Text.Json;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>All SQL of the outbox. Here: what is put, and what pages and programs read; OutboxStore.Sending.cs: claim and settle; OutboxStore.Desk.cs: what people do to a mail.</summary>
internal sealed partial class OutboxStore(OutgoingServerStore servers, SendingBudgets budgets, SendAsKnowledge sendAs, SuppressionStore suppressions, JournalWriter journal, LiveEvents live, IEnumerable<IOutboxListener> listeners, ReportBell reports, TimeProvider clock)
{
    /// <summary>After that a mail that the receiver's side postpones is given up. RFC 5321 section 4.5.4.1 asks for four to five days at least.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(5);

    /// <summary>With so many mails of a submitter waiting for one server, the next ones go into the lane of mailings: others need not wait for them.</summary>
    public const int CrowdOfOne = 100;

    /// <summary>The null reverse-path (RFC 5321 section 4.5.5), as it is stored.</summary>
    public const string NullSender = "";

    private const string MailColumns =
        """
        m.id, m.message_id, m.state, m.lane, m.subject, m.written_from, m.header_from, m.envelope_from, m.server_id, s.name AS server_name, s.active AS server_active, s.paused_until AS server_paused_until, s.problem AS server_problem, s.held_at AS server_held_at, s.held_reason AS server_held_reason, m.why, m.body_id, m.size, m.creator, m.put_at, m.due_at, m.tries, m.problem, m.finished_at, m.report_to,
        (SELECT string_agg(address, ', ') FROM (SELECT address FROM outbox_recipient r WHERE r.mail_id = m.id ORDER BY n LIMIT 5) AS first) AS recipients
        """;

    public (OutboxMailId Id, string MessageId, byte[]? RequestHash)? FindByKey(HubReader reader, string key) =>
        reader.QueryFirstOrDefault<KeyRow>("SELECT id, message_id, request_hash FROM outbox_mail WHERE idempotency_key = @key", new { key }) is { } row ? (row.Id, row.MessageId, row.RequestHash) : null;

    /// <summary>Some mail went through it, or is to. No index tells: not for a question of every mail.</summary>
    public static bool NamesServer(HubReader reader, OutgoingServerId server) => reader.Scalar<long>("SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail WHERE server_id = @server LIMIT 1) AS one", new { server }) > 0;

    public void Put(HubTransaction transaction, OutboxMailId id, OutgoingMessage message, ServerDecision decision, string messageId, Guid bodyId, long size, string? key, byte[]? requestHash)
    {
        var now = transaction.Now;
        var state = message.SendAt > now ? OutboxState.Scheduled : OutboxState.Waiting;
        var dueAt = message.SendAt is { } at && at > now ? at : now;
        transaction.ExecuteLater(
            """
            INSERT INTO outbox_mail(id, message_id, state, lane, subject, written_from, header_from, envelope_from, server_id, rule, why, body_id, size, creator, idempotency_key, request_hash, put_at, due_at, life_from, report_to)
            VALUES(@id, @messageId, @state,
              CASE WHEN @mayCrowd = 1 AND (SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail WHERE server_id = @serverId AND creator = @Creator AND state <= 1 AND lane = 1 LIMIT @CrowdOfOne) AS crowd) = @CrowdOfOne THEN 2 ELSE @lane END,
              @Subject, @writtenFrom, @headerFrom, @envelopeFrom, @serverId, @rule, @why, @bodyId, @size, @Creator, @key, @requestHash, @now, @dueAt, @dueAt, @reportTo)
            """,
            new
            {
                id, messageId, state = (int)state, lane = (int)(message.Mailing ? OutboxLane.Bulk : message.Lane), mayCrowd = !message.Mailing && message.Lane == OutboxLane.Usual && message.Creator is not null ? 1 : 0, CrowdOfOne, message.Subject, writtenFrom = message.From.ToString(), headerFrom = decision.HeaderFrom.ToString(), envelopeFrom = (message.Report is not null || message.AnswersByItself || message.NullEnvelope) && !decision.Server!.EnvelopeIsSender ? NullSender : decision.EnvelopeFrom.ToString(),
                serverId = decision.Server!.Id, rule = decision.Rule.ToString(), why = decision.Why, bodyId, size, message.Creator, key, requestHash, now, dueAt, reportTo = message.ReportTo?.ToString(),
            });
        var n = 0;
        foreach (var (role, list) in (ReadOnlySpan<(string, IReadOnlyList<NamedAddress>)>)[("to", message.To), ("cc", message.Cc), ("bcc", message.Bcc)])
            foreach (var recipient in list)
                transaction.ExecuteLater("INSERT INTO outbox_recipient(mail_id, n, role, name, address, state) VALUES(@id, @n, @role, @Name, @address, 0)", new { id, n = n++, role, recipient.Name, address = recipient.Address.ToString() });
        // No listener can know it yet: what belongs to it comes after it, in the same transaction.
        Publish(transaction, id);
    }

    /// <summary>What a submitted message asks of the server, within the transaction that puts it. Most ask nothing, and cost nothing.</summary>
    /// <param name="dsn">Recipients by their place in outbox_recipient.</param>
    public static void PutForm(HubTransaction transaction, OutboxMailId id, BodyForm form, SmtpDsn? dsn)
    {
        if (form == BodyForm.NotLookedAt && dsn is null) return;
        transaction.ExecuteLater("UPDATE outbox_mail SET body_form = @form, dsn_return_whole = @ReturnWhole, dsn_envelope_id = @EnvelopeId WHERE id = @id", new { id, form = (int)form, dsn?.ReturnWhole, dsn?.EnvelopeId });
        for (var n = 0; n < (dsn?.Recipients?.Count ?? 0); n++)
            if (dsn!.Recipients![n] is { Notify: not null } or { OriginalRecipient: not null })
                transaction.ExecuteLater("UPDATE outbox_recipient SET dsn_notify = @notify, dsn_original = @OriginalRecipient WHERE mail_id = @id AND n = @n", new { id, n, notify = (int?)dsn.Recipients[n].Notify, dsn.Recipients[n].OriginalRecipient });
    }

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

    /// <summary>How many mails stand before this one at its server, counted up to <paramref name="limit"/>.</summary>
    public int Before(HubReader reader, OutboxMailId id, int limit) => (int)reader.Scalar<long>(
        """
        SELECT COUNT(*) FROM (
          SELECT 1 FROM outbox_mail m JOIN outbox_mail o ON o.server_id = m.server_id AND o.lane = m.lane AND o.due_at < m.due_at AND o.state <= 1 WHERE m.id = @id
          UNION ALL SELECT 1 FROM outbox_mail m JOIN outbox_mail o ON o.server_id = m.server_id AND o.lane < m.lane AND o.state <= 1 WHERE m.id = @id
          LIMIT @limit) AS earlier
        """, new { id, limit });

    /// <param name="creator">Null: whoever made them.</param>
    public IReadOnlyDictionary<OutgoingServerId, long> WaitingByServer(HubReader reader, Guid? creator) =>
        reader.Query<WaitingRow>($"SELECT server_id, COUNT(*) AS count FROM outbox_mail WHERE state <= 1 {(creator is null ? "" : "AND creator = @creator")} GROUP BY server_id", new { creator }).ToDictionary(row => row.ServerId, row => row.Count);

    public IReadOnlyList<OutboxRecipient> Recipients(HubReader reader, OutboxMailId id) =>
        reader.Query<OutboxRecipient>("SELECT n, role, name, address, state, reply, dsn_notify, dsn_original FROM outbox_recipient WHERE mail_id = @id ORDER BY n", new { id });

    public IReadOnlyList<AttemptRow> Attempts(HubReader reader, OutboxMailId id) =>
    [
        .. reader.Query<StoredAttempt>("SELECT id, started_at, ended_at, outcome, problem, transcript FROM delivery_attempt WHERE mail_id = @id ORDER BY started_at DESC, id DESC LIMIT 50", new { id })
            .Select(row => new AttemptRow { Id = row.Id, StartedAt = row.StartedAt, EndedAt = row.EndedAt, Outcome = row.Outcome, Problem = FromJson(row.Problem), Transcript = string.IsNullOrEmpty(row.Transcript) ? [] : row.Transcript.Split('\n') }),
    ];

    private void WriteState(HubTransaction transaction, OutboxMailId id, OutboxState state, DateTimeOffset dueAt, int tries, Problem? problem)
    {
        transaction.ExecuteLater("UPDATE outbox_mail SET state = @state, due_at = @dueAt, tries = @tries, claim = NULL, begun = 0, problem = @problem, finished_at = @finishedAt WHERE id = @id",
            new { id, state = (int)state, dueAt, tries, problem = Json(problem), finishedAt = state.IsFinal() ? transaction.Now : (DateTimeOffset?)null });
        Tell(transaction, id, state);
    }

    private void Tell(HubTransaction transaction, OutboxMailId id, OutboxState state)
    {
        foreach (var listener in listeners) listener.Changed(transaction, id, state);
        Publish(transaction, id);
    }

    private void Publish(HubTransaction transaction, OutboxMailId id) => transaction.AfterCommit(() =>
    {
        live.Publish("outbox-mail");
        live.Publish($"outbox-mail/{id.Value:D}");
    });

    private static OutboxState StateByRecipients(HubTransaction transaction, OutboxMailId id) =>
        OutboxStates.Of([.. transaction.Query<CountRow>("SELECT state FROM outbox_recipient WHERE mail_id = @id", new { id }).Select(row => (RecipientState)row.State)]);

    private static string? Json(Problem? problem) => problem is null ? null : JsonSerializer.Serialize(problem);

    private static Problem? FromJson(string? json) => json is null ? null : JsonSerializer.Deserialize<Problem>(json);

    private sealed record KeyRow
    {
        public OutboxMailId Id { get; init; }
        public string MessageId { get; init; } = "";
        public byte[]? RequestHash { get; init; }
    }

    private sealed record CountRow
    {
        public int State { get; init; }
        public long Count { get; init; }
    }

    private sealed record WaitingRow
    {
        public OutgoingServerId ServerId { get; init; }
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
        public int Lane { get; init; }
        public string Subject { get; init; } = "";
        public string WrittenFrom { get; init; } = "";
        public string HeaderFrom { get; init; } = "";
        public string EnvelopeFrom { get; init; } = "";
        public OutgoingServerId ServerId { get; init; }
        public string ServerName { get; init; } = "";
        public bool ServerActive { get; init; }
        public DateTimeOffset? ServerPausedUntil { get; init; }
        public string? ServerProblem { get; init; }
        public DateTimeOffset? ServerHeldAt { get; init; }
        public string? ServerHeldReason { get; init; }
        public string Why { get; init; } = "";
        public Guid BodyId { get; init; }
        public long Size { get; init; }
        public Guid? Creator { get; init; }
        public DateTimeOffset PutAt { get; init; }
        public DateTimeOffset DueAt { get; init; }
        public int Tries { get; init; }
        public string? Problem { get; init; }
        public DateTimeOffset? FinishedAt { get; init; }
        public string? ReportTo { get; init; }
        public string? Recipients { get; init; }

        public OutboxMail ToMail() => new()
        {
            Id = Id, MessageId = MessageId, State = (OutboxState)State, Lane = (OutboxLane)Lane, Subject = Subject, WrittenFrom = WrittenFrom, HeaderFrom = HeaderFrom, EnvelopeFrom = EnvelopeFrom, ServerId = ServerId, ServerName = ServerName,
            ServerActive = ServerActive, ServerPausedUntil = ServerPausedUntil, ServerProblem = FromJson(ServerProblem), ServerHeld = ServerHeldAt is null ? null : OutgoingServersProblems.Held(ServerName, ServerHeldReason), Why = Why, BodyId = BodyId, Size = Size, Creator = Creator, PutAt = PutAt, DueAt = DueAt, Tries = Tries, Problem = FromJson(Problem), FinishedAt = FinishedAt, ReportTo = ReportTo, Recipients = Recipients ?? "",
        };
    }
}
