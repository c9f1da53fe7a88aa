using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>Told in the same transaction when a server that rested may be used again.</summary>
internal interface IServerResumed
{
    void Resumed(HubTransaction transaction, OutgoingServerId server);
}

/// <summary>Outgoing Mail Servers, their troubles and their last test.</summary>
internal sealed class OutgoingServerStore(HubDatabase database, IDataProtectionProvider protection, JournalWriter journal, OutlookAccountStore accounts, IEnumerable<IServerResumed> resumed, TimeProvider clock)
{
    private const int MaxServers = 1000;
    private const string Columns = "id, name, kind, host, port, security, user_name, password IS NOT NULL AS password_is_set, from_filter, sequence, active, owner, account_id, size_limit, problem, problem_at, paused_until, failures, max_connections";

    /// <summary>In the order of their priority.</summary>
    public IReadOnlyList<OutgoingServer> List(HubReader reader) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM outgoing_server ORDER BY active DESC, sequence, id LIMIT {MaxServers}").Select(row => row.ToServer())];

    public Task<IReadOnlyList<OutgoingServer>> ListAsync(CancellationToken cancellationToken = default) => database.ReadAsync(List, cancellationToken);

    public OutgoingServer? Find(HubReader reader, OutgoingServerId id) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM outgoing_server WHERE id = @id", new { id })?.ToServer();

    public Task<OutgoingServer?> FindAsync(OutgoingServerId id, CancellationToken cancellationToken = default) => database.ReadAsync(reader => Find(reader, id), cancellationToken);

    /// <summary>Stores a checked server. An Outlook server whose mailbox has consented already takes that account at once; another Username loses the account of the old one.</summary>
    /// <param name="password">Null or empty: the stored one stays, unless the kind needs none.</param>
    public Task<OutgoingServerId> SaveAsync(OutgoingServer server, string? password, Guid? byUser, CancellationToken cancellationToken = default)
    {
        var isNew = server.Id.Value == Guid.Empty;
        var id = isNew ? new OutgoingServerId(Ids.New(clock)) : server.Id;
        var sealedPassword = server.PasswordIsSet && !string.IsNullOrEmpty(password) ? Protector(id).Protect(Encoding.UTF8.GetBytes(password)) : null;
        return database.WriteAsync(tx =>
        {
            var before = isNew ? null : Find(tx, id);
            var account = server.Kind == ServerKind.Outlook ? AccountOf(tx, server, before) : null;
            var sameConnection = before is not null && before.Host == server.Host && before.Port == server.Port && before.UserName == server.UserName && before.Kind == server.Kind && before.Security == server.Security && sealedPassword is null;
            tx.Execute(
                """
                INSERT INTO outgoing_server(id, name, kind, host, port, security, user_name, password, from_filter, sequence, active, owner, account_id, max_connections, created_at, changed_at)
                VALUES(@id, @Name, @kind, @Host, @Port, @security, @UserName, @sealedPassword, @FromFilter, @Sequence, @Active, @Owner, @account, @MaxConnections, @now, @now)
                ON CONFLICT(id) DO UPDATE SET name = excluded.name, kind = excluded.kind, host = excluded.host, port = excluded.port, security = excluded.security, user_name = excluded.user_name,
                  password = CASE WHEN @PasswordIsSet THEN COALESCE(excluded.password, outgoing_server.password) END, from_filter = excluded.from_filter, sequence = excluded.sequence, active = excluded.active,
                  account_id = excluded.account_id, max_connections = excluded.max_connections, changed_at = excluded.changed_at
                """,
                new
                {
                    id, server.Name, kind = OutgoingServerRules.Word(server.Kind), server.Host, server.Port, security = OutgoingServerRules.Word(server.Security), server.UserName, sealedPassword,
                    server.FromFilter, server.Sequence, server.Active, server.Owner, account, server.MaxConnections, now = tx.Now, server.PasswordIsSet,
                });
            // What was wrong with the old settings says nothing about the new ones.
            if (!sameConnection) tx.Execute("UPDATE outgoing_server SET problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, size_limit = NULL WHERE id = @id", new { id });
            journal.Write(tx, isNew ? "outgoing-server-created" : "outgoing-server-changed", "outgoing-server", id.Value, $"The outgoing mail server “{server.Name}” was {(isNew ? "created" : "changed")}.", byUser);
            if (server.Active) Resume(tx, id);
            return id;
        }, cancellationToken);
    }

    public void LinkAccount(HubTransaction transaction, OutgoingServerId id, OutlookAccountId account)
    {
        transaction.Execute("UPDATE outgoing_server SET account_id = @account, problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, changed_at = @now WHERE id = @id", new { id, account, now = transaction.Now });
        Resume(transaction, id);
    }

    /// <summary>The From Filter follows when it was the old Username: as on the page it is filled from it.</summary>
    public void ChangeUserName(HubTransaction transaction, OutgoingServerId id, EmailAddress userName) =>
        transaction.Execute("UPDATE outgoing_server SET from_filter = CASE WHEN from_filter = user_name THEN @name ELSE from_filter END, user_name = @name, changed_at = @now WHERE id = @id",
            new { id, name = userName.ToString(), now = transaction.Now });

    /// <summary>The server cannot be used: it rests, and the journal hears of each cause once.</summary>
    /// <param name="pausedUntil">Null: what is wrong is shown, and nothing is held back.</param>
    public void NoteTrouble(HubTransaction transaction, OutgoingServerId id, Problem problem, DateTimeOffset? pausedUntil)
    {
        if (Find(transaction, id) is not { } before) return;
        var json = JsonSerializer.Serialize(problem with { RetriesByItself = problem.RetriesByItself || pausedUntil is not null, NextTry = pausedUntil });
        transaction.Execute("UPDATE outgoing_server SET problem = @json, problem_at = @now, paused_until = @pausedUntil, failures = failures + 1 WHERE id = @id", new { id, json, now = transaction.Now, pausedUntil });
        if (before.Problem?.Code != problem.Code) journal.Write(transaction, problem.Code, "outgoing-server", id.Value, $"{before.Name}: {problem.What} {problem.Remedy}", null);
    }

    /// <summary>The server did what it was asked.</summary>
    /// <param name="sizeLimit">From its EHLO; null when it names none.</param>
    public void NoteWorking(HubTransaction transaction, OutgoingServerId id, long? sizeLimit)
    {
        var changed = transaction.Execute("UPDATE outgoing_server SET problem = NULL, problem_at = NULL, paused_until = NULL, failures = 0, size_limit = @sizeLimit WHERE id = @id AND (problem IS NOT NULL OR paused_until IS NOT NULL OR size_limit IS NOT @sizeLimit)", new { id, sizeLimit });
        if (changed > 0) Resume(transaction, id);
    }

    /// <summary>A person does not want to wait: the server is tried at once.</summary>
    public void EndPause(HubTransaction transaction, OutgoingServerId id)
    {
        transaction.Execute("UPDATE outgoing_server SET paused_until = NULL WHERE id = @id", new { id });
        Resume(transaction, id);
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

    private OutlookAccountId? AccountOf(HubTransaction transaction, OutgoingServer server, OutgoingServer? before)
    {
        // A shared mailbox keeps the account of the person who connected it.
        if (before?.AccountId is { } kept && before.Mailbox is { } old && old.Equals(server.Mailbox)) return kept;
        return server.Mailbox is { } mailbox ? accounts.FindByUserName(transaction, mailbox)?.Id : null;
    }

    private void Resume(HubTransaction transaction, OutgoingServerId id)
    {
        foreach (var listener in resumed) listener.Resumed(transaction, id);
    }

    private IDataProtector Protector(OutgoingServerId id) => protection.CreateProtector("outgoing_server", "password", id.Value.ToString("D"));

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
        public long? SizeLimit { get; init; }
        public string? Problem { get; init; }
        public DateTimeOffset? ProblemAt { get; init; }
        public DateTimeOffset? PausedUntil { get; init; }
        public int Failures { get; init; }
        public int MaxConnections { get; init; }

        public OutgoingServer ToServer() => new()
        {
            Id = Id, Name = Name, Kind = OutgoingServerRules.KindOf(Kind), Host = Host, Port = Port, Security = OutgoingServerRules.SecurityOf(Security), UserName = UserName, PasswordIsSet = PasswordIsSet, FromFilter = FromFilter,
            Sequence = Sequence, Active = Active, Owner = Owner, AccountId = AccountId, SizeLimit = SizeLimit, Problem = Problem is null ? null : JsonSerializer.Deserialize<Problem>(Problem), ProblemAt = ProblemAt, PausedUntil = PausedUntil, Failures = Failures, MaxConnections = MaxConnections,
        };
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
