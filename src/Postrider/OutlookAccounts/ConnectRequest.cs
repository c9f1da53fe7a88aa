using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Entra;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>How far an attempt to connect has come. The numbers are stored.</summary>
internal enum ConnectPhase
{
    AtMicrosoft = 0,
    CameBack = 1,
    /// <summary>Somebody else than the Username signed in: a person answers what that means.</summary>
    Asks = 2,
    Done = 3,
    Failed = 4,
}

/// <summary>One attempt to connect: works once, for ten minutes, for the user and the browser that began it.</summary>
internal sealed record ConnectRequest
{
    /// <summary>Long enough for a second factor, short enough that a forwarded address is of no use.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    public Guid Id { get; init; }
    public byte[] BindingHash { get; init; } = [];
    public string Kind { get; init; } = "";
    public Guid TargetId { get; init; }
    public Guid UserId { get; init; }
    public string ClientId { get; init; } = "";
    public string RedirectUri { get; init; } = "";
    public ConnectPhase Phase { get; init; }
    /// <summary>Why it failed; null otherwise.</summary>
    public Problem? Problem { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>What a server's page and API say of it; null when there is nothing to say.</summary>
    public Problem? Outcome => Phase switch
    {
        ConnectPhase.Failed => Problem,
        ConnectPhase.AtMicrosoft => OutlookAccountsProblems.NeverCameBack(CreatedAt),
        _ => null,
    };
}

/// <summary>What only this side knows of an attempt. ToString shows nothing.</summary>
internal sealed record ConnectSecrets(string Nonce, string CodeVerifier)
{
    /// <summary>RFC 7636 section 4.2.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string CodeChallenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(CodeVerifier)));

    /// <summary>256 bits of chance as base64url: state, nonce, verifier (RFC 7636 section 4.1) and the browser's binding alike.</summary>
    public static string Chance() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static ConnectSecrets Make() => new(Chance(), Chance());

    public static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    public override string ToString() => nameof(ConnectSecrets);
}

/// <summary>Tokens of somebody else than the Username, until a person says what to do with them. ToString shows nothing.</summary>
internal sealed record PendingConsent(SignedInAccount Person, TokenAnswer Tokens)
{
    public override string ToString() => nameof(PendingConsent);
}

/// <summary>What the browser brought to the callback.</summary>
internal abstract record CallbackDecision
{
    /// <summary>Nothing is asked of Microsoft and nothing is stored.</summary>
    public sealed record Refuse(Problem Problem) : CallbackDecision;
    /// <summary>The person or Microsoft said no: the attempt is over.</summary>
    public sealed record Declined(string Error, string? Description) : CallbackDecision;
    public sealed record Redeem(string Code) : CallbackDecision;

    // A code of Microsoft is about one to two kilobytes.
    private const int MaxCodeLength = 8192;

    /// <param name="request">The attempt with this state; null when there is none.</param>
    /// <param name="userId">Null when nobody is signed in.</param>
    /// <param name="binding">The browser's cookie; null when it has none.</param>
    public static CallbackDecision Of(string? state, string? code, string? error, string? description, ConnectRequest? request, Guid? userId, string? binding, DateTimeOffset now)
    {
        if (string.IsNullOrEmpty(state)) return new Refuse(OutlookAccountsProblems.StateMissing);
        if (request is null) return new Refuse(OutlookAccountsProblems.StateUnknown);
        // Whose it is comes first: a stranger learns nothing about it.
        if (userId != request.UserId || binding is null || !CryptographicOperations.FixedTimeEquals(ConnectSecrets.Hash(binding), request.BindingHash))
            return new Refuse(OutlookAccountsProblems.StateForeign);
        if (request.Phase != ConnectPhase.AtMicrosoft) return new Refuse(OutlookAccountsProblems.StateUsed);
        if (now >= request.ExpiresAt) return new Refuse(OutlookAccountsProblems.StateExpired);
        if (!string.IsNullOrEmpty(error)) return new Declined(error, description);
        return code is { Length: > 0 and <= MaxCodeLength } ? new Redeem(code) : new Refuse(OutlookAccountsProblems.CodeMissing);
    }
}

/// <summary>Attempts to connect, with what is sealed in them.</summary>
internal sealed class ConnectRequestStore(HubDatabase database, IDataProtectionProvider protection)
{
    private const string Columns = "id, binding_hash, kind, target_id, user_id, client_id, redirect_uri, phase, problem, created_at, expires_at";

    public Task PutAsync(ConnectRequest request, string state, ConnectSecrets secrets, CancellationToken cancellationToken)
    {
        var sealedSecrets = Protector(request.Id, "secrets").Protect(JsonSerializer.SerializeToUtf8Bytes(secrets));
        return database.WriteAsync(tx =>
        {
            Forget(tx);
            tx.Execute(
                "INSERT INTO connect_request(id, state_hash, binding_hash, kind, target_id, user_id, client_id, redirect_uri, secrets, phase, created_at, expires_at) VALUES(@Id, @stateHash, @BindingHash, @Kind, @TargetId, @UserId, @ClientId, @RedirectUri, @sealedSecrets, 0, @CreatedAt, @ExpiresAt)",
                new { request.Id, stateHash = ConnectSecrets.Hash(state), request.BindingHash, request.Kind, request.TargetId, request.UserId, request.ClientId, request.RedirectUri, sealedSecrets, request.CreatedAt, request.ExpiresAt });
        }, cancellationToken);
    }

    public Task<ConnectRequest?> FindByStateAsync(string state, CancellationToken cancellationToken) =>
        database.ReadAsync(reader => reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM connect_request WHERE state_hash = @hash", new { hash = ConnectSecrets.Hash(state) })?.ToRequest(), cancellationToken);

    public Task<ConnectRequest?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        database.ReadAsync(reader => reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM connect_request WHERE id = @id", new { id })?.ToRequest(), cancellationToken);

    /// <summary>What came of the newest attempt to connect a server, when it ended badly or has not come back.</summary>
    /// <param name="account">The account the server uses now: what a later consent has mended is no news. Null: none.</param>
    public Problem? LastProblem(HubReader reader, string kind, Guid targetId, OutlookAccount? account) =>
        Last(reader, kind, targetId) is { } last && !(last.CreatedAt < account?.ConnectedAt) ? last.Outcome : null;

    /// <summary>Somebody is at Microsoft's pages for it now, or is asked whose mailbox it is.</summary>
    public static bool IsUnderWay(HubReader reader, Guid targetId) =>
        reader.Scalar<long>("SELECT COUNT(*) FROM connect_request WHERE target_id = @targetId AND phase <= 2 AND expires_at > @now", new { targetId, now = reader.Now }) > 0;

    private static ConnectRequest? Last(HubReader reader, string kind, Guid targetId) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM connect_request WHERE kind = @kind AND target_id = @targetId ORDER BY created_at DESC, id DESC LIMIT 1", new { kind, targetId })?.ToRequest();

    /// <summary>The one step that may happen once. The secrets leave the database with it.</summary>
    /// <returns>Null when somebody else was first.</returns>
    public async Task<ConnectSecrets?> TakeAsync(Guid id, ConnectPhase next, Problem? problem, CancellationToken cancellationToken)
    {
        var json = problem is null ? null : JsonSerializer.Serialize(problem);
        var sealedSecrets = await database.WriteAsync(tx =>
        {
            var secrets = tx.QueryFirstOrDefault<SealedRow>("SELECT secrets AS sealed FROM connect_request WHERE id = @id AND phase = 0", new { id });
            if (secrets is not null) tx.Execute("UPDATE connect_request SET phase = @next, secrets = NULL, problem = @json WHERE id = @id", new { id, next = (int)next, json });
            return secrets?.Sealed;
        }, cancellationToken);
        return sealedSecrets is null ? null : JsonSerializer.Deserialize<ConnectSecrets>(Protector(id, "secrets").Unprotect(sealedSecrets));
    }

    public Task AskAsync(Guid id, PendingConsent pending, CancellationToken cancellationToken)
    {
        var sealedPending = Protector(id, "pending").Protect(JsonSerializer.SerializeToUtf8Bytes(pending));
        return database.WriteAsync(tx => tx.Execute("UPDATE connect_request SET phase = 2, pending = @sealedPending WHERE id = @id", new { id, sealedPending }), cancellationToken);
    }

    /// <returns>Null when there is none (any more).</returns>
    public async Task<PendingConsent?> OpenPendingAsync(Guid id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(reader => reader.QueryFirstOrDefault<SealedRow>("SELECT pending AS sealed FROM connect_request WHERE id = @id AND phase = 2 AND expires_at > @now", new { id, now = reader.Now }), cancellationToken);
        return row?.Sealed is { Length: > 0 } bytes ? JsonSerializer.Deserialize<PendingConsent>(Protector(id, "pending").Unprotect(bytes)) : null;
    }

    /// <summary>Ends the attempt and drops what was sealed in it.</summary>
    /// <returns>False when it had ended already.</returns>
    public static bool End(HubTransaction transaction, Guid id, ConnectPhase phase, Problem? problem) =>
        transaction.Execute("UPDATE connect_request SET phase = @phase, problem = @json, secrets = NULL, pending = NULL WHERE id = @id AND phase IN (0, 1, 2)",
            new { id, phase = (int)phase, json = problem is null ? null : JsonSerializer.Serialize(problem) }) > 0;

    public Task EndAsync(Guid id, ConnectPhase phase, Problem? problem, CancellationToken cancellationToken) =>
        database.WriteAsync(tx => { End(tx, id, phase, problem); }, cancellationToken);

    /// <summary>Drops the secrets of attempts past their time, and attempts that nobody looks at any more.</summary>
    public static void Forget(HubTransaction transaction)
    {
        transaction.Execute("UPDATE connect_request SET secrets = NULL, pending = NULL WHERE expires_at <= @now AND (secrets IS NOT NULL OR pending IS NOT NULL)", new { now = transaction.Now });
        transaction.Execute("DELETE FROM connect_request WHERE expires_at <= @before", new { before = transaction.Now - TimeSpan.FromDays(7) });
    }

    private IDataProtector Protector(Guid id, string column) => protection.CreateProtector("connect_request", column, id.ToString("D"));

    private sealed record Row
    {
        public Guid Id { get; init; }
        public byte[] BindingHash { get; init; } = [];
        public string Kind { get; init; } = "";
        public Guid TargetId { get; init; }
        public Guid UserId { get; init; }
        public string ClientId { get; init; } = "";
        public string RedirectUri { get; init; } = "";
        public int Phase { get; init; }
        public string? Problem { get; init; }
        public DateTimeOffset CreatedAt { get; init; }
        public DateTimeOffset ExpiresAt { get; init; }

        public ConnectRequest ToRequest() => new()
        {
            Id = Id, BindingHash = BindingHash, Kind = Kind, TargetId = TargetId, UserId = UserId, ClientId = ClientId, RedirectUri = RedirectUri, Phase = (ConnectPhase)Phase,
            Problem = Problem is null ? null : JsonSerializer.Deserialize<Problem>(Problem), CreatedAt = CreatedAt, ExpiresAt = ExpiresAt,
        };
    }

    private sealed record SealedRow
    {
        public byte[]? Sealed { get; init; }
    }
}
