using System.Text.Json;
using Postrider.Conversations;
using Postrider.Doctor;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <summary>Mailboxes that rest for an incident.</summary>
internal sealed class MailboxesAtRest(IncomingServerChanges changes) : IRestsForIncidents
{
    public bool Rests(HubReader reader, Guid incident) => reader.Scalar<long>("select count(*) from incoming_server where incident_id = @incident", new { incident }) > 0;

    public void Resume(HubTransaction transaction, Guid incident)
    {
        // Another version: its watcher begins anew.
        foreach (var server in transaction.Query<Row>("update incoming_server set problem = null, problem_at = null, next_try_at = null, incident_id = null, version = version + 1 where incident_id = @incident returning id", new { incident }))
            transaction.AfterCommit(() => changes.ServerChanged(new(server.Id)));
    }

    private sealed record Row
    {
        public Guid Id { get; init; }
    }
}

/// <summary>All SQL of incoming servers and their cursors.</summary>
internal sealed class IncomingServerStore(TimeProvider clock, IncomingServerChanges changes, IntakeStore intake, IncidentStore incidents, OutlookAccountStore accounts)
{
    public const int ListLimit = 500;
    // A mailbox that only answers NOOPs all day is not written down more often than this.
    private static readonly TimeSpan ContactGrain = TimeSpan.FromMinutes(1);

    public IReadOnlyList<IncomingServer> List(HubReader reader) => Select(reader, "true order by name, id limit @ListLimit", new { ListLimit });

    public IReadOnlyList<IncomingServer> Confirmed(HubReader reader) => Select(reader, "state = 'confirmed'", null);

    public IncomingServer? Find(HubReader reader, IncomingServerId id) => Select(reader, "id = @Id", new { Id = id.Value }).FirstOrDefault();

    private static List<IncomingServer> Select(HubReader reader, string where, object? args) =>
        [.. reader.Query<Row>($"select * from incoming_server where {where}", args).Select(r => r.ToServer())];

    /// <param name="id">Made by the caller, who sealed the password for it.</param>
    public void Insert(HubTransaction tx, IncomingServerId id, IncomingServerSettings settings, byte[]? sealedPassword)
    {
        tx.Execute(
            """
            insert into incoming_server (id, name, kind, user_name, host, port, security, sealed_password, folder, starts, mark_seen, unrouted, default_inbox_id, protocol, start_days, afterwards, move_to, keep_original, state, version, created_at)
            values (@Id, @Name, @Kind, @UserName, @Host, @Port, @Security, @SealedPassword, @Folder, @Starts, @MarkSeen, @Unrouted, @DefaultInbox, @Protocol, @StartDays, @Afterwards, @MoveTo, @KeepOriginal, 'draft', 1, @Now)
            """, Values(tx, id, settings, sealedPassword));
        Changed(tx, id);
    }

    /// <param name="sealedPassword">Null: the stored one stays, unless the server is an Outlook one.</param>
    /// <param name="otherMailbox">Another mailbox or folder, or read from another point: what was known of the old one ends.</param>
    public void Update(HubTransaction tx, IncomingServerId id, IncomingServerSettings settings, byte[]? sealedPassword, bool otherMailbox)
    {
        if (Find(tx, id) is { } before && (before.Kind != settings.Kind || !SameText(before.UserName, settings.UserName) || !SameText(before.Host, settings.Host))) intake.MailboxEnded(tx, id.Value);
        tx.Execute(
            """
            update incoming_server set name = @Name, kind = @Kind, user_name = @UserName, host = @Host, port = @Port, security = @Security, folder = @Folder, starts = @Starts, mark_seen = @MarkSeen, unrouted = @Unrouted, default_inbox_id = @DefaultInbox, protocol = @Protocol, start_days = @StartDays, afterwards = @Afterwards, move_to = @MoveTo, keep_original = @KeepOriginal,
                sealed_password = case when @Kind = 'outlook' then null else coalesce(@SealedPassword, sealed_password) end, version = version + 1
            where id = @Id
            """, Values(tx, id, settings, sealedPassword));
        if (otherMailbox)
        {
            tx.Execute("delete from mailbox_cursor where server_id = @Id", new { Id = id.Value });
            PopLedger.Forget(tx, id);
            tx.Execute("update incoming_server set last_contact_at = null, last_mail_at = null, lag = null, problem = null, problem_at = null, next_try_at = null where id = @Id", new { Id = id.Value });
        }
        Changed(tx, id);
    }

    /// <summary>The mails that came through it stay.</summary>
    public bool Delete(HubTransaction tx, IncomingServerId id)
    {
        Leave(tx, id);
        var gone = tx.Execute("delete from incoming_server where id = @Id", new { Id = id.Value }) > 0;
        Changed(tx, id);
        return gone;
    }

    public void SetAccount(HubTransaction tx, IncomingServerId id, Guid? account)
    {
        Leave(tx, id);
        tx.Execute("update incoming_server set outlook_account_id = @account, problem = null, problem_at = null, next_try_at = null, version = version + 1 where id = @Id", new { Id = id.Value, account });
        Changed(tx, id);
    }

    public void SetUserName(HubTransaction tx, IncomingServerId id, EmailAddress userName)
    {
        if (Find(tx, id) is { } before && !SameText(before.UserName, userName.ToString())) intake.MailboxEnded(tx, id.Value);
        tx.Execute("update incoming_server set user_name = @UserName, version = version + 1 where id = @Id", new { Id = id.Value, UserName = userName.ToString() });
        tx.Execute("delete from mailbox_cursor where server_id = @Id", new { Id = id.Value });
        Changed(tx, id);
    }

    /// <summary>From this commit on nothing that arrives is missed. A cursor that is there already goes on where it was.</summary>
    public void Confirm(HubTransaction tx, IncomingServer server, MailboxCursor beginning)
    {
        tx.Execute(
            """
            update incoming_server set state = 'confirmed', confirmed_at = @Now, last_contact_at = @Now, problem = null, problem_at = null, next_try_at = null, version = version + 1 where id = @Id
            """, new { Id = server.Id.Value, tx.Now });
        if (Cursor(tx, server.Id, server.Folder) is null) SetCursor(tx, server.Id, server.Folder, beginning);
        Changed(tx, server.Id);
    }

    public void ResetConfirmation(HubTransaction tx, IncomingServerId id)
    {
        Leave(tx, id);
        tx.Execute("update incoming_server set state = 'draft', problem = null, problem_at = null, next_try_at = null, version = version + 1 where id = @Id", new { Id = id.Value });
        Changed(tx, id);
    }

    public MailboxCursor? Cursor(HubReader reader, IncomingServerId id, string folder) =>
        reader.QueryFirstOrDefault<CursorRow>("select uid_validity, next_uid, not_before, catch_total is not null as catches_up from mailbox_cursor where server_id = @Id and folder = @folder", new { Id = id.Value, folder }) is { } row
            ? new MailboxCursor((uint)row.UidValidity, (uint)row.NextUid, row.NotBefore) { CatchesUp = row.CatchesUp }
            : null;

    public void SetCursor(HubTransaction tx, IncomingServerId id, string folder, MailboxCursor cursor) =>
        tx.Execute(
            """
            insert into mailbox_cursor (server_id, folder, uid_validity, next_uid, not_before, updated_at) values (@Id, @folder, @UidValidity, @NextUid, @NotBefore, @Now)
            on conflict (server_id, folder) do update set uid_validity = excluded.uid_validity, next_uid = excluded.next_uid, not_before = excluded.not_before, updated_at = excluded.updated_at
            """, new { Id = id.Value, folder, UidValidity = (long)cursor.UidValidity, NextUid = (long)cursor.NextUid, cursor.NotBefore, tx.Now });

    /// <summary>Of what was there before this UID nothing is left to be looked at, whatever its time.</summary>
    public void LookedAtAll(HubTransaction tx, IncomingServerId id, string folder, uint uidValidity, uint next) =>
        tx.Execute(
            "update mailbox_cursor set not_before = null, next_uid = case when next_uid < @Next then @Next else next_uid end where server_id = @Id and folder = @folder and uid_validity = @Validity",
            new { Id = id.Value, folder, Validity = (long)uidValidity, Next = (long)next });

    /// <summary>There is something to catch up with, or still is after a stop.</summary>
    /// <param name="left">Messages that are not done yet.</param>
    public void BeginCatchUp(HubTransaction tx, IncomingServerId id, string folder, long left)
    {
        tx.Execute(
            """
            update mailbox_cursor set catch_total = coalesce(catch_done, 0) + @left, catch_base = coalesce(catch_done, 0), catch_done = coalesce(catch_done, 0), catch_since = @Now
            where server_id = @Id and folder = @folder
            """, new { Id = id.Value, folder, left, tx.Now });
        tx.AfterCommit(() => changes.PageChanged(id));
    }

    public void EndCatchUp(HubTransaction tx, IncomingServerId id, string folder)
    {
        if (tx.Execute("update mailbox_cursor set catch_total = null, catch_done = null, catch_base = null, catch_since = null where server_id = @Id and folder = @folder and catch_total is not null", new { Id = id.Value, folder }) > 0)
            tx.AfterCommit(() => changes.PageChanged(id));
    }

    /// <summary>What came through and what is still to come, for the page and the API.</summary>
    public MailboxFlow Flow(HubReader reader, IncomingServer server) => new(
        intake.CountSince(reader, server.Id.Value, reader.Now - TimeSpan.FromDays(1)),
        reader.QueryFirstOrDefault<CatchUpRow>(
            "select catch_total, catch_done, catch_base, catch_since, updated_at from mailbox_cursor where server_id = @Id and folder = @Folder and catch_total is not null", new { Id = server.Id.Value, server.Folder })?.ToCatchUp());

    /// <summary>Moves the cursor past a settled message, in the transaction that settles it. Never back, and not when another fetcher has seen a new UIDVALIDITY, or the server was deleted.</summary>
    /// <param name="done">Messages that are done with by this, for the progress of catching up.</param>
    public void MoveCursor(HubTransaction tx, IncomingServerId id, string folder, uint uidValidity, uint uid, long done = 0)
    {
        tx.ExecuteLater(
            "update mailbox_cursor set next_uid = case when next_uid < @Next then @Next else next_uid end, catch_done = catch_done + @done, updated_at = @Now where server_id = @Id and folder = @folder and uid_validity = @Validity",
            new { Id = id.Value, folder, Validity = (long)uidValidity, Next = (long)uid + 1, done, tx.Now });
        tx.AfterCommit(() => changes.PageChanged(id));
    }

    /// <summary>Something was done in the mailbox: after the commit the pages that show it are told.</summary>
    public void TellPages(HubTransaction tx, IncomingServerId id) => tx.AfterCommit(() => changes.PageChanged(id));

    /// <summary>A message came in.</summary>
    /// <param name="internalDate">When the mailbox got the newest of them; null: it does not say.</param>
    public void MailCame(HubTransaction tx, IncomingServerId id, DateTimeOffset? internalDate) =>
        // What was there before the confirmation says nothing about the way.
        tx.ExecuteLater(
            "update incoming_server set last_mail_at = @Now, last_contact_at = @Now, lag = case when @internalDate >= confirmed_at then (case when @Now > @internalDate then @Now - @internalDate else 0 end) else lag end where id = @Id",
            new { Id = id.Value, tx.Now, internalDate });

    /// <summary>The mailbox answered.</summary>
    public void Healthy(HubTransaction tx, IncomingServerId id)
    {
        var touched = tx.QueryFirstOrDefault<Row>(
            """
            update incoming_server set last_contact_at = @Now, problem = null, problem_at = null, next_try_at = null
            where id = @Id and (problem is not null or incident_id is not null or last_contact_at is null or last_contact_at < @Before) returning *
            """, new { Id = id.Value, tx.Now, Before = tx.Now - ContactGrain });
        if (touched is null) return;
        if (touched.IncidentId is { } incident)
        {
            // Not tried anew: it is the one that works.
            tx.Execute("update incoming_server set incident_id = null where id = @Id", new { Id = id.Value });
            incidents.End(tx, incident, IncidentEnd.ByItself, null);
        }
        tx.AfterCommit(() => changes.PageChanged(id));
    }

    /// <param name="nextTry">Null: not until somebody mends it.</param>
    /// <param name="trouble">Not null when the mailbox rests for it: then it is an incident.</param>
    public void Trouble(HubTransaction tx, IncomingServerId id, Problem problem, DateTimeOffset? nextTry, Diagnosis? trouble = null)
    {
        if (trouble is not null && Find(tx, id) is { } server)
        {
            var incident = incidents.Open(tx, trouble.CauseFor(TiesOf(server, server.OutlookAccount is { } account ? accounts.Find(tx, new OutlookAccountId(account)) : null)), problem);
            tx.Execute("update incoming_server set incident_id = @incident where id = @Id", new { Id = id.Value, incident });
            if (server.IncidentId is { } old && old != incident) incidents.Left(tx, old, IncidentEnd.ByItself, null);
        }
        tx.Execute(
            "update incoming_server set problem = @Problem, problem_at = coalesce(problem_at, @Now), next_try_at = @nextTry where id = @Id",
            new { Id = id.Value, Problem = JsonSerializer.Serialize(problem, StoredProblem), tx.Now, nextTry });
        tx.AfterCommit(() => changes.PageChanged(id));
    }

    /// <summary>Confirmed servers that an incident touches.</summary>
    public IReadOnlyList<IncomingServer> TouchedBy(HubReader reader, IncidentCause cause)
    {
        var known = accounts.List(reader).ToDictionary(account => account.Id.Value);
        return [.. Confirmed(reader).Where(server => TiesOf(server, server.OutlookAccount is { } id ? known.GetValueOrDefault(id) : null).AreTouchedBy(cause))];
    }

    private static ServerTies TiesOf(IncomingServer server, OutlookAccount? account) =>
        new("incoming", server.Id.Value, server.Host, server.Port, EmailAddress.TryParse(server.UserName, out var mailbox) ? mailbox.Normalized : null, account?.Id.Value, account?.TenantId, account?.ClientId);

    /// <summary>Changed, reset or deleted: it rests no longer.</summary>
    private void Leave(HubTransaction tx, IncomingServerId id)
    {
        if (Find(tx, id)?.IncidentId is not { } incident) return;
        tx.Execute("update incoming_server set incident_id = null where id = @Id", new { Id = id.Value });
        incidents.Left(tx, incident, IncidentEnd.Change, null);
    }

    private void Changed(HubTransaction tx, IncomingServerId id) => tx.AfterCommit(() => changes.ServerChanged(id));

    /// <summary>What a mailbox says of its mail, for the one decision that is made for each message.</summary>
    public ReceivingServer Receiving(HubReader reader, Guid id) =>
        reader.QueryFirstOrDefault<ReceivingRow>("select kind as Kind, unrouted as Unrouted, default_inbox_id as DefaultInbox from incoming_server where id = @id", new { id }) is { } row
            ? new ReceivingServer(row.Unrouted == "quarantine" ? null : new DefaultTarget(row.DefaultInbox is { } inbox ? new InboxId(inbox) : null), row.Kind == "outlook")
            : new ReceivingServer(new DefaultTarget(null), IsExchange: false);

    /// <returns>The names of those that deliver to this inbox; null: none does.</returns>
    public string? DeliverTo(HubReader reader, Guid inbox) =>
        reader.Query<string>("select name from incoming_server where default_inbox_id = @inbox order by name limit 5", new { inbox }) is { Count: > 0 } names ? string.Join(", ", names) : null;

    /// <summary>Addresses of the mailboxes that are read, shared ones too, and of the accounts by which they are; of a user name that is no address, nothing.</summary>
    public IEnumerable<EmailAddress> Mailboxes(HubReader reader)
    {
        foreach (var name in reader.Query<string>("select user_name from incoming_server").Concat(accounts.List(reader).Select(account => account.UserName)))
            if (EmailAddress.TryParse(name, out var address)) yield return address;
    }

    public IncomingServerId NewId() => new(Ids.New(clock));

    private static object Values(HubTransaction tx, IncomingServerId id, IncomingServerSettings settings, byte[]? sealedPassword) => new
    {
        Id = id.Value,
        settings.Name,
        Kind = settings.Kind == IncomingServerKind.Outlook ? "outlook" : "imap",
        settings.UserName,
        settings.Host,
        settings.Port,
        Security = NameOf(settings.Security),
        SealedPassword = sealedPassword,
        settings.Folder,
        Starts = settings.Starts == StartChoice.Now ? "now" : "everything",
        settings.MarkSeen,
        Unrouted = NameOfUnrouted(settings.UnroutedToQuarantine),
        settings.DefaultInbox,
        Protocol = settings.Kind == IncomingServerKind.Pop3 ? "pop3" : "imap",
        StartDays = settings.Starts == StartChoice.Days ? settings.StartDays : null,
        Afterwards = NameOf(settings.Afterwards),
        settings.MoveTo,
        settings.KeepOriginal,
        tx.Now,
    };

    internal static string NameOfUnrouted(bool toQuarantine) => toQuarantine ? "quarantine" : "conversation";

    internal static bool SameText(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    internal static string NameOf(IncomingServerKind kind) => kind switch { IncomingServerKind.Outlook => "outlook", IncomingServerKind.Pop3 => "pop3", _ => "imap" };

    internal static string NameOf(AfterIntake afterwards) => afterwards switch { AfterIntake.Move => "move", AfterIntake.Delete => "delete", _ => "leave" };

    internal static string NameOf(StartChoice starts) => starts switch { StartChoice.Everything => "everything", StartChoice.Days => "days", _ => "now" };

    internal static string NameOf(WireSecurity security) => security switch { WireSecurity.Tls => "tls", WireSecurity.StartTls => "starttls", _ => "none" };

    private static readonly JsonSerializerOptions StoredProblem = new(JsonSerializerDefaults.Web);

    private sealed class ReceivingRow
    {
        public string Kind { get; set; } = "";
        public string Unrouted { get; set; } = "";
        public Guid? DefaultInbox { get; set; }
    }

    private sealed class CursorRow
    {
        public long UidValidity { get; set; }
        public long NextUid { get; set; }
        public DateTimeOffset? NotBefore { get; set; }
        public bool CatchesUp { get; set; }
    }

    private sealed class CatchUpRow
    {
        public long CatchTotal { get; set; }
        public long CatchDone { get; set; }
        public long CatchBase { get; set; }
        public DateTimeOffset CatchSince { get; set; }
        public DateTimeOffset UpdatedAt { get; set; }

        public CatchUp ToCatchUp() => new(CatchTotal, Math.Min(CatchDone, CatchTotal), CatchBase, CatchSince, UpdatedAt);
    }

    private sealed class Row
    {
        public Guid Id { get; set; }
        public string Name { get; set; } = "";
        public string Kind { get; set; } = "";
        public string UserName { get; set; } = "";
        public string Host { get; set; } = "";
        public int Port { get; set; }
        public string Security { get; set; } = "";
        public byte[]? SealedPassword { get; set; }
        public Guid? OutlookAccountId { get; set; }
        public string Folder { get; set; } = "";
        public string Starts { get; set; } = "";
        public bool MarkSeen { get; set; }
        public string Unrouted { get; set; } = "";
        public Guid? DefaultInboxId { get; set; }
        public string Protocol { get; set; } = "";
        public int? StartDays { get; set; }
        public string Afterwards { get; set; } = "";
        public string? MoveTo { get; set; }
        public bool KeepOriginal { get; set; }
        public long? Lag { get; set; }
        public string State { get; set; } = "";
        public int Version { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset? ConfirmedAt { get; set; }
        public DateTimeOffset? LastContactAt { get; set; }
        public DateTimeOffset? LastMailAt { get; set; }
        public string? Problem { get; set; }
        public DateTimeOffset? ProblemAt { get; set; }
        public DateTimeOffset? NextTryAt { get; set; }
        public Guid? IncidentId { get; set; }

        public IncomingServer ToServer() => new()
        {
            Id = new(Id),
            Name = Name,
            Kind = Kind == "outlook" ? IncomingServerKind.Outlook : Protocol == "pop3" ? IncomingServerKind.Pop3 : IncomingServerKind.Imap,
            UserName = UserName,
            Host = Host,
            Port = Port,
            Security = Security switch { "tls" => WireSecurity.Tls, "starttls" => WireSecurity.StartTls, _ => WireSecurity.None },
            SealedPassword = SealedPassword,
            OutlookAccount = OutlookAccountId,
            Folder = Folder,
            Starts = Starts == "now" ? StartChoice.Now : StartDays is null ? StartChoice.Everything : StartChoice.Days,
            StartDays = StartDays,
            MarkSeen = MarkSeen,
            UnroutedToQuarantine = Unrouted == "quarantine",
            DefaultInbox = DefaultInboxId,
            Afterwards = Afterwards switch { "move" => AfterIntake.Move, "delete" => AfterIntake.Delete, _ => AfterIntake.Leave },
            MoveTo = MoveTo,
            KeepOriginal = KeepOriginal,
            State = State == "confirmed" ? IncomingServerState.Confirmed : IncomingServerState.Draft,
            Version = Version,
            CreatedAt = CreatedAt,
            ConfirmedAt = ConfirmedAt,
            IncidentId = IncidentId,
            Health = new MailboxHealth(LastContactAt, LastMailAt, Problem is null ? null : JsonSerializer.Deserialize<Problem>(Problem, StoredProblem), ProblemAt, NextTryAt) { Lag = Lag is { } micros ? TimeSpan.FromMicroseconds(micros) : null },
        };
    }
}
