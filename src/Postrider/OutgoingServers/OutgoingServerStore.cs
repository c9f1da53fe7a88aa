using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Doctor;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>Told in the same transaction when a server that rested may be used again.</summary>
internal interface IServerResumed
{
    void Resumed(HubTransaction transaction, OutgoingServerId server);
}

/// <summary>Keeps a server from being archived while something still sends through it.</summary>
internal interface IServerUse
{
    /// <returns>One sentence for each use: <c>Email Marketing uses it as its default mail server to send mass mailings.</c></returns>
    IEnumerable<string> Of(HubReader reader, OutgoingServerId server);
}

/// <summary>All servers as they were read last. Every mail asks for the list, and it seldom changes: dropped after each commit that changes a server.</summary>
internal sealed class ServerRoster
{
    private volatile IReadOnlyList<OutgoingServer>? known;
    private int changes;

    /// <summary>Null: it must be read.</summary>
    public IReadOnlyList<OutgoingServer>? Known => known;

    public async ValueTask<IReadOnlyList<OutgoingServer>> ReadAsync(Func<Task<IReadOnlyList<OutgoingServer>>> list)
    {
        if (known is { } servers) return servers;
        var before = Volatile.Read(ref changes);
        var read = await list();
        // A change may have been committed after this snapshot was taken.
        if (Volatile.Read(ref changes) == before) known = read;
        return read;
    }

    public void Forget(HubTransaction transaction) => transaction.AfterCommit(() =>
    {
        Interlocked.Increment(ref changes);
        known = null;
    });
}

/// <summary>Servers that rest for an incident.</summary>
internal sealed class ServersAtRest(IEnumerable<IServerResumed> resumed, ServerRoster roster, LiveEvents live) : IRestsForIncidents
{
    public bool Rests(HubReader reader, Guid incident) => reader.Scalar<long>("SELECT COUNT(*) FROM outgoing_server WHERE incident_id = @incident", new { incident }) > 0;

    public void Resume(HubTransaction transaction, Guid incident)
    {
        var servers = transaction.Query<Row>("UPDATE outgoing_server SET problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, incident_id = NULL WHERE incident_id = @incident RETURNING id", new { incident });
        foreach (var server in servers)
            foreach (var listener in resumed) listener.Resumed(transaction, server.Id);
        if (servers.Count > 0) roster.Forget(transaction);
        if (servers.Count > 0) transaction.AfterCommit(() => live.Publish("outgoing-server"));
    }

    private sealed record Row
    {
        public OutgoingServerId Id { get; init; }
    }
}

/// <summary>Outgoing Mail Servers, their troubles and their last test.</summary>
internal sealed class OutgoingServerStore(HubDatabase database, IDataProtectionProvider protection, JournalWriter journal, IncidentStore incidents, OutlookAccountStore accounts, SendAsKnowledge sendAs, ServerRoster roster, IEnumerable<IServerUse> uses, IEnumerable<IServerResumed> resumed, TimeProvider clock) : IOwnMailboxes
{
    private const int MaxServers = 1000;
    private const int MaxReasonLength = 200;
    private const string Columns = "id, name, kind, host, port, security, user_name, password IS NOT NULL AS password_is_set, from_filter, sequence, active, owner, account_id, (SELECT a.tenant_id FROM outlook_account a WHERE a.id = account_id) AS tenant_id, size_limit, problem, problem_at, paused_until, failures, incident_id, held_at, held_by, held_reason, max_connections, max_email_size, client_certificate_subject, client_certificate_ends_at, trusted_authorities";

    /// <summary>In the order of their priority.</summary>
    public IReadOnlyList<OutgoingServer> List(HubReader reader) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM outgoing_server ORDER BY active DESC, sequence, id LIMIT {MaxServers}").Select(row => row.ToServer())];

    public Task<IReadOnlyList<OutgoingServer>> ListAsync(CancellationToken cancellationToken = default) => database.ReadAsync(List, cancellationToken);

    /// <summary>As <see cref="List"/>, from memory where that holds it.</summary>
    public IReadOnlyList<OutgoingServer> Roster(HubReader reader) => roster.Known ?? List(reader);

    /// <summary>As <see cref="List"/>, from memory when nothing has changed.</summary>
    public ValueTask<IReadOnlyList<OutgoingServer>> RosterAsync(CancellationToken cancellationToken) => roster.ReadAsync(() => ListAsync(cancellationToken));

    /// <summary>Archived ones too: mail that left from them is answered to them.</summary>
    public IEnumerable<EmailAddress> Mailboxes(HubReader reader) => Roster(reader).Select(server => server.Mailbox).OfType<EmailAddress>();

    public OutgoingServer? Find(HubReader reader, OutgoingServerId id) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM outgoing_server WHERE id = @id", new { id })?.ToServer();

    public Task<OutgoingServer?> FindAsync(OutgoingServerId id, CancellationToken cancellationToken = default) => database.ReadAsync(reader => Find(reader, id), cancellationToken);

    /// <summary>Stores a checked server. An Outlook server whose mailbox has consented already takes that account at once; another Username loses the account of the old one.</summary>
    /// <param name="password">Null or empty: the stored one stays, unless the kind needs none.</param>
    /// <param name="pfx">The client certificate, not sealed yet. Null: the stored one stays, unless the server has none.</param>
    /// <returns>The problem is not null when nothing was stored: it would be archived while something uses it.</returns>
    public Task<(OutgoingServerId Id, Problem? Problem)> SaveAsync(OutgoingServer server, string? password, byte[]? pfx, Guid? byUser, CancellationToken cancellationToken = default)
    {
        var isNew = server.Id.Value == Guid.Empty;
        var id = isNew ? new OutgoingServerId(Ids.New(clock)) : server.Id;
        var sealedPassword = server.PasswordIsSet && !string.IsNullOrEmpty(password) ? Protector(id).Protect(Encoding.UTF8.GetBytes(password)) : null;
        var sealedCertificate = server.Certificate is not null && pfx is not null ? CertificateProtector(id).Protect(pfx) : null;
        return database.WriteAsync<(OutgoingServerId, Problem?)>(tx =>
        {
            // Of two at the same time the first is taken: a user has one server of one's own.
            if (isNew && server.Owner is { } owner && FindOwned(tx, owner) is { } first) return (first.Id, null);
            var before = isNew ? null : Find(tx, id);
            if (before is { Active: true } && !server.Active && uses.SelectMany(use => use.Of(tx, id)).ToList() is { Count: > 0 } reasons) return (id, OutgoingServersProblems.InUse(before.Name, reasons));
            var account = server.Kind == ServerKind.Outlook ? AccountOf(tx, server, before) : null;
            var sameConnection = before is not null && before.Host == server.Host && before.Port == server.Port && before.UserName == server.UserName && before.Kind == server.Kind && before.Security == server.Security && before.TrustedAuthorities == server.TrustedAuthorities && (before.Certificate is null) == (server.Certificate is null) && sealedPassword is null && sealedCertificate is null;
            tx.Execute(
                """
                INSERT INTO outgoing_server(id, name, kind, host, port, security, user_name, password, from_filter, sequence, active, owner, account_id, max_connections, max_email_size, client_certificate, client_certificate_subject, client_certificate_ends_at, trusted_authorities, created_at, changed_at)
                VALUES(@id, @Name, @kind, @Host, @Port, @security, @UserName, @sealedPassword, @FromFilter, @Sequence, @Active, @Owner, @account, @MaxConnections, @MaxEmailSize, @sealedCertificate, @certificateSubject, @certificateEndsAt, @TrustedAuthorities, @now, @now)
                ON CONFLICT(id) DO UPDATE SET name = excluded.name, kind = excluded.kind, host = excluded.host, port = excluded.port, security = excluded.security, user_name = excluded.user_name,
                  password = CASE WHEN @PasswordIsSet = 1 THEN COALESCE(excluded.password, outgoing_server.password) END, from_filter = excluded.from_filter, sequence = excluded.sequence, active = excluded.active,
                  account_id = excluded.account_id, max_connections = excluded.max_connections, max_email_size = excluded.max_email_size,
                  client_certificate = CASE WHEN excluded.client_certificate_subject IS NOT NULL THEN COALESCE(excluded.client_certificate, outgoing_server.client_certificate) END, client_certificate_subject = excluded.client_certificate_subject,
                  client_certificate_ends_at = excluded.client_certificate_ends_at, trusted_authorities = excluded.trusted_authorities, changed_at = excluded.changed_at
                """,
                new
                {
                    id, server.Name, kind = OutgoingServerRules.Word(server.Kind), server.Host, server.Port, security = OutgoingServerRules.Word(server.Security), server.UserName, sealedPassword,
                    server.FromFilter, server.Sequence, server.Active, server.Owner, account, server.MaxConnections, server.MaxEmailSize, sealedCertificate, certificateSubject = server.Certificate?.Subject, certificateEndsAt = server.Certificate?.EndsAt, server.TrustedAuthorities, now = tx.Now, server.PasswordIsSet,
                });
            // What was wrong with the old settings says nothing about the new ones.
            if (before is not null && (before.UserName != server.UserName || before.Host != server.Host || before.Kind != server.Kind)) sendAs.ForgetAll(tx, id);
            if (!sameConnection) tx.Execute("UPDATE outgoing_server SET problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, size_limit = NULL, incident_id = NULL WHERE id = @id", new { id });
            else if (!server.Active) tx.Execute("UPDATE outgoing_server SET incident_id = NULL WHERE id = @id", new { id });
            if (before?.IncidentId is { } left && (!sameConnection || !server.Active)) incidents.Left(tx, left, IncidentEnd.Change, byUser);
            journal.Write(tx, isNew ? "outgoing-server-created" : "outgoing-server-changed", "outgoing-server", id.Value, $"The outgoing mail server “{server.Name}” was {(isNew ? "created" : "changed")}.", byUser);
            Changed(tx);
            if (server.Active) Resume(tx, id);
            return (id, null);
        }, cancellationToken);
    }

    public void LinkAccount(HubTransaction transaction, OutgoingServerId id, OutlookAccountId account)
    {
        var before = Find(transaction, id);
        transaction.Execute("UPDATE outgoing_server SET account_id = @account, problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, incident_id = NULL, changed_at = @now WHERE id = @id", new { id, account, now = transaction.Now });
        if (before?.IncidentId is { } left) incidents.Left(transaction, left, IncidentEnd.Change, null);
        Changed(transaction);
        sendAs.ForgetRefusals(transaction, id);
        Resume(transaction, id);
    }

    /// <returns>Null when the user has none.</returns>
    public OutgoingServer? FindOwned(HubReader reader, Guid owner) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM outgoing_server WHERE owner = @owner", new { owner })?.ToServer();

    /// <summary>Personal servers of which no consent has come since they were begun, or changed.</summary>
    public IReadOnlyList<OutgoingServer> NeverConnected(HubReader reader, DateTimeOffset before) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM outgoing_server WHERE owner IS NOT NULL AND active = 0 AND account_id IS NULL AND changed_at <= @before ORDER BY id LIMIT {MaxServers}", new { before }).Select(row => row.ToServer())];

    /// <summary>With all that is known of it. No mail may name it.</summary>
    public void Remove(HubTransaction transaction, OutgoingServerId id)
    {
        foreach (var known in (ReadOnlySpan<string>)["outgoing_server_test", "send_as", "sent_items_folder"]) transaction.Execute($"DELETE FROM {known} WHERE server_id = @id", new { id });
        transaction.Execute("DELETE FROM outgoing_server WHERE id = @id", new { id });
        Changed(transaction);
    }

    public void Activate(HubTransaction transaction, OutgoingServerId id) => transaction.Execute("UPDATE outgoing_server SET active = 1 WHERE id = @id", new { id });

    /// <summary>The From Filter follows when it was the old Username: as on the page it is filled from it.</summary>
    public void ChangeUserName(HubTransaction transaction, OutgoingServerId id, EmailAddress userName)
    {
        transaction.Execute("UPDATE outgoing_server SET from_filter = CASE WHEN from_filter = user_name THEN @name ELSE from_filter END, user_name = @name, changed_at = @now WHERE id = @id",
            new { id, name = userName.ToString(), now = transaction.Now });
        Changed(transaction);
    }

    /// <summary>The server cannot be used: it rests for an incident, and the journal hears of each cause once.</summary>
    /// <param name="pausedUntil">Null: a person tried it. What is wrong is shown, and nothing is held back that was not before.</param>
    public void NoteTrouble(HubTransaction transaction, OutgoingServerId id, Diagnosis trouble, DateTimeOffset? pausedUntil)
    {
        if (Find(transaction, id) is not { } before) return;
        var rests = pausedUntil ?? before.PausedUntil;
        var problem = trouble.Problem with { RetriesByItself = trouble.Problem.RetriesByItself || rests is not null, NextTry = rests };
        // What is archived is not tried again, so nothing would end its incident.
        var incident = pausedUntil is null || !before.Active ? before.IncidentId : incidents.Open(transaction, trouble.CauseFor(TiesOf(transaction, before)), problem);
        transaction.Execute("UPDATE outgoing_server SET problem = @json, problem_at = @now, paused_until = @rests, failures = failures + 1, incident_id = @incident WHERE id = @id",
            new { id, json = JsonSerializer.Serialize(problem), now = transaction.Now, rests, incident });
        if (before.IncidentId is { } old && old != incident) incidents.Left(transaction, old, IncidentEnd.ByItself, null);
        Changed(transaction);
        if (before.Problem?.Code != problem.Code) journal.Write(transaction, problem.Code, "outgoing-server", id.Value, $"{before.Name}: {problem.What} {problem.Remedy}", null);
    }

    /// <summary>The server did what it was asked.</summary>
    /// <param name="sizeLimit">From its EHLO; null when it names none.</param>
    public void NoteWorking(HubTransaction transaction, OutgoingServerId id, long? sizeLimit, IncidentEnd how = IncidentEnd.ByItself, Guid? byUser = null)
    {
        var changed = transaction.QueryFirstOrDefault<IncidentRow>(
            "UPDATE outgoing_server SET problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, size_limit = @sizeLimit WHERE id = @id AND (problem IS NOT NULL OR paused_until IS NOT NULL OR incident_id IS NOT NULL OR size_limit IS DISTINCT FROM @sizeLimit) RETURNING incident_id",
            new { id, sizeLimit });
        if (changed is null) return;
        Changed(transaction);
        // What stopped this one stops none of the others that rest for it: they are tried at once too.
        if (changed.IncidentId is { } incident) incidents.End(transaction, incident, how, byUser);
        Resume(transaction, id);
    }

    /// <summary>From now on nothing is sent through it; its mail waits.</summary>
    /// <param name="reason">In the person's words; empty for none.</param>
    /// <returns>Null when it is held now.</returns>
    public Problem? Hold(HubTransaction transaction, OutgoingServerId id, string? reason, Guid? byUser)
    {
        var words = reason?.Trim() ?? "";
        if (words.Length > MaxReasonLength || words.Any(char.IsControl)) return OutgoingServersProblems.HoldReason(MaxReasonLength);
        if (Find(transaction, id) is not { } server) return OutgoingServersProblems.NotFound;
        transaction.Execute("UPDATE outgoing_server SET held_at = COALESCE(held_at, @now), held_by = @byUser, held_reason = @words WHERE id = @id", new { id, now = transaction.Now, byUser, words });
        Changed(transaction);
        journal.Write(transaction, "outgoing-server-held", "outgoing-server", id.Value, $"The outgoing mail server “{server.Name}” is held. {words}".TrimEnd(), byUser);
        return null;
    }

    /// <returns>Null when it is held no longer.</returns>
    public Problem? Release(HubTransaction transaction, OutgoingServerId id, Guid? byUser)
    {
        if (Find(transaction, id) is not { } server) return OutgoingServersProblems.NotFound;
        if (server.HeldAt is null) return null;
        transaction.Execute("UPDATE outgoing_server SET held_at = NULL, held_by = NULL, held_reason = NULL WHERE id = @id", new { id });
        Changed(transaction);
        journal.Write(transaction, "outgoing-server-released", "outgoing-server", id.Value, $"The outgoing mail server “{server.Name}” is released.", byUser);
        Resume(transaction, id);
        return null;
    }

    /// <summary>Active servers that an incident touches.</summary>
    public IReadOnlyList<OutgoingServer> TouchedBy(HubReader reader, IncidentCause cause)
    {
        var known = accounts.List(reader).ToDictionary(account => account.Id);
        return [.. List(reader).Where(server => server.Active && TiesOf(server, server.AccountId is { } id ? known.GetValueOrDefault(id) : null).AreTouchedBy(cause))];
    }

    /// <summary>A person does not want to wait: the server is tried at once.</summary>
    public void EndPause(HubTransaction transaction, OutgoingServerId id)
    {
        transaction.Execute("UPDATE outgoing_server SET paused_until = NULL WHERE id = @id", new { id });
        Changed(transaction);
        Resume(transaction, id);
    }

    /// <summary><em>Detect Max Limit</em>: files become links only where the server would not take them.</summary>
    /// <param name="bytes">As the server says.</param>
    public void SetMaxEmailSize(HubTransaction transaction, OutgoingServerId id, long bytes, Guid? byUser)
    {
        var megabytes = (int)Math.Clamp(bytes / 1048576, 1, OutgoingServerRules.MostMegabytes);
        if (Find(transaction, id) is not { } server || server.MaxEmailSize == megabytes) return;
        transaction.Execute("UPDATE outgoing_server SET max_email_size = @megabytes WHERE id = @id", new { id, megabytes });
        Changed(transaction);
        journal.Write(transaction, "outgoing-server-changed", "outgoing-server", id.Value, $"The outgoing mail server “{server.Name}” takes mail of {megabytes} MB.", byUser);
    }

    public void SaveTest(HubTransaction transaction, OutgoingServerId id, ConnectionTestResult test, Guid? byUser) =>
        transaction.Execute(
            "INSERT INTO outgoing_server_test(server_id, at, by_user, problem, transcript) VALUES(@id, @At, @byUser, @problem, @transcript) ON CONFLICT(server_id) DO UPDATE SET at = excluded.at, by_user = excluded.by_user, problem = excluded.problem, transcript = excluded.transcript",
            new { id, test.At, byUser, problem = test.Problem is null ? null : JsonSerializer.Serialize(test.Problem), transcript = string.Join('\n', test.Transcript) });

    public ConnectionTestResult? LastTest(HubReader reader, OutgoingServerId id) =>
        reader.QueryFirstOrDefault<TestRow>("SELECT at, problem, transcript FROM outgoing_server_test WHERE server_id = @id", new { id }) is { } row
            ? new(row.At, row.Problem is null ? null : JsonSerializer.Deserialize<Problem>(row.Problem), row.Transcript.Length == 0 ? [] : row.Transcript.Split('\n'))
            : null;

    /// <returns>Null without a stored password.</returns>
    /// <exception cref="CryptographicException">The key file is not the one that sealed it.</exception>
    public async Task<string?> OpenPasswordAsync(OutgoingServerId id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(reader => reader.QueryFirstOrDefault<PasswordRow>("SELECT password FROM outgoing_server WHERE id = @id", new { id }), cancellationToken);
        return row?.Password is { } bytes ? Encoding.UTF8.GetString(Protector(id).Unprotect(bytes)) : null;
    }

    /// <returns>Null without a stored certificate; it is disposed by whoever asked.</returns>
    /// <exception cref="CryptographicException">The key file is not the one that sealed it.</exception>
    public async Task<IReadOnlyList<X509Certificate2>?> OpenCertificateAsync(OutgoingServerId id, CancellationToken cancellationToken)
    {
        var sealedPfx = await database.ReadAsync(reader => reader.Scalar<byte[]?>("SELECT client_certificate FROM outgoing_server WHERE id = @id", new { id }), cancellationToken);
        return sealedPfx is null ? null : ServerCertificates.Open(CertificateProtector(id).Unprotect(sealedPfx));
    }

    private OutlookAccountId? AccountOf(HubTransaction transaction, OutgoingServer server, OutgoingServer? before)
    {
        // A shared mailbox keeps the account of the person who connected it.
        if (before?.AccountId is { } kept && before.Mailbox is { } old && old.Equals(server.Mailbox)) return kept;
        return server.Mailbox is { } mailbox ? accounts.FindByUserName(transaction, mailbox)?.Id : null;
    }

    private void Changed(HubTransaction transaction) => roster.Forget(transaction);

    private ServerTies TiesOf(HubReader reader, OutgoingServer server) => TiesOf(server, accounts.Find(reader, server.AccountId));

    private static ServerTies TiesOf(OutgoingServer server, OutlookAccount? account) =>
        new("outgoing", server.Id.Value, server.Host, server.Port, server.Mailbox?.Normalized, account?.Id.Value, account?.TenantId, account?.ClientId);

    private void Resume(HubTransaction transaction, OutgoingServerId id)
    {
        foreach (var listener in resumed) listener.Resumed(transaction, id);
    }

    private IDataProtector Protector(OutgoingServerId id) => protection.CreateProtector("outgoing_server", "password", id.Value.ToString("D"));

    private IDataProtector CertificateProtector(OutgoingServerId id) => protection.CreateProtector("outgoing_server", "client_certificate", id.Value.ToString("D"));

    private sealed record Row
    {
        public OutgoingServerId Id { get; init; }
        public string Name { get; init; } = "";
        public string Kind { get; init; } = "";
        public string Host { get; init; } = "";
        public int Port { get; init; }
        public string Security { get; init; } = "";
        public string? UserName { get; init; }
        public bool PasswordIsSet { get; init; }
        public string FromFilter { get; init; } = "";
        public int Sequence { get; init; }
        public bool Active { get; init; }
        public Guid? Owner { get; init; }
        public OutlookAccountId? AccountId { get; init; }
        public Guid? TenantId { get; init; }
        public long? SizeLimit { get; init; }
        public string? Problem { get; init; }
        public DateTimeOffset? ProblemAt { get; init; }
        public DateTimeOffset? PausedUntil { get; init; }
        public int Failures { get; init; }
        public Guid? IncidentId { get; init; }
        public DateTimeOffset? HeldAt { get; init; }
        public Guid? HeldBy { get; init; }
        public string? HeldReason { get; init; }
        public int MaxConnections { get; init; }
        public int? MaxEmailSize { get; init; }
        public string? ClientCertificateSubject { get; init; }
        public DateTimeOffset? ClientCertificateEndsAt { get; init; }
        public string? TrustedAuthorities { get; init; }

        public OutgoingServer ToServer() => new()
        {
            Id = Id, Name = Name, Kind = OutgoingServerRules.KindOf(Kind), Host = Host, Port = Port, Security = OutgoingServerRules.SecurityOf(Security), UserName = UserName, PasswordIsSet = PasswordIsSet, FromFilter = FromFilter,
            Sequence = Sequence, Active = Active, Owner = Owner, AccountId = AccountId, TenantId = TenantId, SizeLimit = SizeLimit, Problem = Problem is null ? null : JsonSerializer.Deserialize<Problem>(Problem), ProblemAt = ProblemAt, PausedUntil = PausedUntil, Failures = Failures, IncidentId = IncidentId,
            HeldAt = HeldAt, HeldBy = HeldBy, HeldReason = HeldReason, MaxConnections = MaxConnections, MaxEmailSize = MaxEmailSize,
            Certificate = ClientCertificateSubject is { } subject ? new(subject, ClientCertificateEndsAt!.Value) : null, TrustedAuthorities = TrustedAuthorities,
        };
    }

    private sealed record IncidentRow
    {
        public Guid? IncidentId { get; init; }
    }

    private sealed record TestRow
    {
        public DateTimeOffset At { get; init; }
        public string? Problem { get; init; }
        public string Transcript { get; init; } = "";
    }

    private sealed record PasswordRow
    {
        public byte[]? Password { get; init; }
    }
}
