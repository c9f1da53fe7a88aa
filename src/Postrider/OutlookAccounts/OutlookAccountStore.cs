using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Doctor;
using Postrider.Entra;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>Accounts and their sealed tokens.</summary>
internal sealed class OutlookAccountStore(HubDatabase database, IDataProtectionProvider protection, JournalWriter journal, IncidentStore incidents)
{
    /// <summary>How long a token that nobody uses is left alone: often enough to notice a withdrawn consent, far within Microsoft's 90 days.</summary>
    public static readonly TimeSpan KeepAliveEvery = TimeSpan.FromHours(12);

    private const string Columns = "id, tenant_id, object_id, client_id, user_name, display_name, scope, connected_at, refreshed_at, access_token_expires_at, proved_at, proved_for, proved_by, needs_sign_in, problem";

    public OutlookAccount? Find(HubReader reader, OutlookAccountId? id) =>
        id is { } known ? reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM outlook_account WHERE id = @known", new { known })?.ToAccount() : null;

    public Task<OutlookAccount?> FindAsync(OutlookAccountId? id, CancellationToken cancellationToken = default) => database.ReadAsync(reader => Find(reader, id), cancellationToken);

    /// <summary>The account that signed in under this address itself: then a new server of the same mailbox needs no consent. Accounts that need a new sign-in come last.</summary>
    public OutlookAccount? FindByUserName(HubReader reader, EmailAddress userName) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM outlook_account WHERE user_key = @key ORDER BY needs_sign_in, connected_at DESC LIMIT 1", new { key = userName.Normalized })?.ToAccount();

    public IReadOnlyList<OutlookAccount> List(HubReader reader) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM outlook_account ORDER BY user_key LIMIT 1000").Select(row => row.ToAccount())];

    /// <summary>Stores what a consent brought: a new account, or new tokens for a known one.</summary>
    public OutlookAccountId Connect(HubTransaction transaction, Guid newId, SignedInAccount person, TokenAnswer tokens, string clientId, Guid? byUser)
    {
        var known = transaction.QueryFirstOrDefault<Row>("SELECT id, client_id FROM outlook_account WHERE tenant_id = @TenantId AND object_id = @ObjectId", new { person.TenantId, person.ObjectId });
        var id = known?.Id ?? new OutlookAccountId(newId);
        var userName = person.UserName ?? person.Email ?? person.ObjectId.ToString("D");
        transaction.Execute(
            """
            INSERT INTO outlook_account(id, tenant_id, object_id, client_id, user_name, user_key, display_name, scope, refresh_token, access_token, access_token_expires_at, refreshed_at, keep_alive_at, connected_at, connected_by)
            VALUES(@id, @TenantId, @ObjectId, @clientId, @userName, @userKey, @Name, @scope, @refreshToken, @accessToken, @expiresAt, @now, @keepAliveAt, @now, @byUser)
            ON CONFLICT(tenant_id, object_id) DO UPDATE SET client_id = excluded.client_id, user_name = excluded.user_name, user_key = excluded.user_key, display_name = excluded.display_name, scope = excluded.scope,
              refresh_token = excluded.refresh_token, previous_refresh_token = NULL, access_token = excluded.access_token, access_token_expires_at = excluded.access_token_expires_at, refreshed_at = excluded.refreshed_at,
              keep_alive_at = excluded.keep_alive_at, connected_at = excluded.connected_at, connected_by = excluded.connected_by, needs_sign_in = 0, problem = NULL, problem_at = NULL, raw_failure = NULL
            """,
            new
            {
                id, person.TenantId, person.ObjectId, clientId, userName, userKey = EmailAddress.TryParse(userName, out var address) ? address.Normalized : userName, person.Name, scope = tokens.Scope ?? "",
                refreshToken = Seal(id, "refresh_token", tokens.RefreshToken!), accessToken = Seal(id, "access_token", tokens.AccessToken),
                expiresAt = transaction.Now + tokens.ExpiresIn, now = transaction.Now, keepAliveAt = transaction.Now + KeepAliveEvery, byUser,
            });
        incidents.EndAbout(transaction, IncidentAbout.Account, id.Value.ToString("D"), IncidentEnd.Change, byUser);
        // The last account that had consented to another application.
        if (known is not null && known.ClientId != clientId && transaction.Scalar<long>("SELECT COUNT(*) FROM outlook_account WHERE client_id = @ClientId", new { known.ClientId }) == 0)
            incidents.EndAbout(transaction, IncidentAbout.Application, known.ClientId, IncidentEnd.Change, byUser);
        journal.Write(transaction, "outlook-account-connected", "outlook-account", id.Value, $"{userName} consented.", byUser);
        return id;
    }

    /// <summary>The new refresh token is durable before the new access token is handed to anybody.</summary>
    public void Refreshed(HubTransaction transaction, OutlookAccountId id, TokenAnswer tokens)
    {
        incidents.EndAbout(transaction, IncidentAbout.Account, id.Value.ToString("D"), IncidentEnd.ByItself, null);
        transaction.Execute(
            """
            UPDATE outlook_account SET previous_refresh_token = CASE WHEN @refreshToken IS NULL THEN previous_refresh_token ELSE refresh_token END, refresh_token = COALESCE(@refreshToken, refresh_token),
              access_token = @accessToken, access_token_expires_at = @expiresAt, scope = COALESCE(@Scope, scope), refreshed_at = @now, keep_alive_at = @keepAliveAt, problem = NULL, problem_at = NULL, raw_failure = NULL, needs_sign_in = 0
            WHERE id = @id
            """,
            new
            {
                id, refreshToken = tokens.RefreshToken is null ? null : Seal(id, "refresh_token", tokens.RefreshToken), accessToken = Seal(id, "access_token", tokens.AccessToken),
                expiresAt = transaction.Now + tokens.ExpiresIn, tokens.Scope, now = transaction.Now, keepAliveAt = transaction.Now + KeepAliveEvery,
            });
    }

    /// <summary>Keeps what is wrong with the account. The journal hears of each cause once.</summary>
    /// <param name="keepAliveAt">When the keeper looks again; not read while a sign-in is needed.</param>
    public void NoteProblem(HubTransaction transaction, OutlookAccountId id, Problem problem, SignInFailure? raw, bool needsSignIn, DateTimeOffset keepAliveAt)
    {
        var before = Find(transaction, id);
        transaction.Execute("UPDATE outlook_account SET problem = @problem, problem_at = @now, raw_failure = @raw, needs_sign_in = @needsSignIn, keep_alive_at = @keepAliveAt WHERE id = @id",
            new { id, problem = JsonSerializer.Serialize(problem), now = transaction.Now, raw = raw is null ? null : JsonSerializer.Serialize(raw), needsSignIn, keepAliveAt });
        if (needsSignIn) incidents.Open(transaction, new(IncidentAbout.Account, id.Value.ToString("D"), problem.Code), problem);
        if (before is not null && before.Problem?.Code != problem.Code)
            journal.Write(transaction, problem.Code, "outlook-account", id.Value, $"{before.UserName}: {problem.What} {problem.Remedy}", null);
    }

    /// <summary>A mailbox opened with a token of this account.</summary>
    /// <param name="protocol"><c>SMTP</c> or <c>IMAP</c>.</param>
    public void MarkProved(HubTransaction transaction, OutlookAccountId id, EmailAddress mailbox, string protocol) =>
        transaction.Execute("UPDATE outlook_account SET proved_at = @now, proved_for = @mailbox, proved_by = @protocol WHERE id = @id", new { id, now = transaction.Now, mailbox = mailbox.ToString(), protocol });

    public Task<IReadOnlyList<OutlookAccountId>> KeepAliveDueAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<OutlookAccountId>>(reader => [.. reader.Query<Row>("SELECT id FROM outlook_account WHERE needs_sign_in = 0 AND keep_alive_at <= @now ORDER BY keep_alive_at LIMIT 100", new { now }).Select(row => row.Id)], cancellationToken);

    /// <exception cref="CryptographicException">The key file is not the one that sealed them.</exception>
    public async Task<(string Access, string Refresh)?> OpenTokensAsync(OutlookAccountId id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(reader => reader.QueryFirstOrDefault<TokenRow>("SELECT access_token, refresh_token FROM outlook_account WHERE id = @id", new { id }), cancellationToken);
        return row is null ? null : (Open(id, "access_token", row.AccessToken), Open(id, "refresh_token", row.RefreshToken));
    }

    private byte[] Seal(OutlookAccountId id, string column, string token) => Protector(id, column).Protect(Encoding.UTF8.GetBytes(token));

    private string Open(OutlookAccountId id, string column, byte[] bytes) => Encoding.UTF8.GetString(Protector(id, column).Unprotect(bytes));

    private IDataProtector Protector(OutlookAccountId id, string column) => protection.CreateProtector("outlook_account", column, id.Value.ToString("D"));

    private sealed record Row
    {
        public OutlookAccountId Id { get; init; }
        public Guid TenantId { get; init; }
        public Guid ObjectId { get; init; }
        public string ClientId { get; init; } = "";
        public string UserName { get; init; } = "";
        public string? DisplayName { get; init; }
        public string Scope { get; init; } = "";
        public DateTimeOffset ConnectedAt { get; init; }
        public DateTimeOffset? RefreshedAt { get; init; }
        public DateTimeOffset AccessTokenExpiresAt { get; init; }
        public DateTimeOffset? ProvedAt { get; init; }
        public string? ProvedFor { get; init; }
        public string? ProvedBy { get; init; }
        public bool NeedsSignIn { get; init; }
        public string? Problem { get; init; }

        public OutlookAccount ToAccount() => new()
        {
            Id = Id, TenantId = TenantId, ObjectId = ObjectId, ClientId = ClientId, UserName = UserName, DisplayName = DisplayName, Scope = Scope, ConnectedAt = ConnectedAt,
            RefreshedAt = RefreshedAt ?? default, AccessTokenExpiresAt = AccessTokenExpiresAt, ProvedAt = ProvedAt, ProvedFor = ProvedFor, ProvedBy = ProvedBy, NeedsSignIn = NeedsSignIn,
            Problem = Problem is null ? null : JsonSerializer.Deserialize<Problem>(Problem),
        };
    }

    private sealed record TokenRow
    {
        public byte[] AccessToken { get; init; } = [];
        public byte[] RefreshToken { get; init; } = [];
    }
}
