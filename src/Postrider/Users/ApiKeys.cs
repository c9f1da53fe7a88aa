using Postrider.Journal;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Users;

/// <summary>A key with which a program acts as a person.</summary>
/// <param name="Beginning">The first characters of the key, by which the person tells keys apart.</param>
/// <param name="LastUsedAt">To the hour. Null: never.</param>
internal sealed record ApiKey(Guid Id, string Name, string Beginning, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt);

internal sealed class ApiKeys(HubDatabase database, JournalWriter journal, TimeProvider clock)
{
    public const string Prefix = "prk_";
    private const int MaxKeysOfAPerson = 50;
    // A write for each request would cost more than the request.
    private static readonly TimeSpan UseIsNotedEvery = TimeSpan.FromHours(1);

    /// <returns>The key itself, which nobody can learn again, or a problem.</returns>
    public async Task<(ApiKey? Stored, string? Key, Problem? Problem)> MakeAsync(Guid personId, string name, CancellationToken cancellationToken = default)
    {
        name = name.Trim();
        if (name.Length is 0 or > 100 || name.Any(char.IsControl)) return (null, null, UsersProblems.ApiKeyNameMissing);
        var key = Prefix + Secret.New();
        var stored = new ApiKey(Ids.New(clock), name, key[..(Prefix.Length + 4)], clock.GetUtcNow(), null);
        return await database.WriteAsync<(ApiKey?, string?, Problem?)>(tx =>
        {
            if (tx.Scalar<long>("SELECT count(*) FROM api_key WHERE person_id = @personId", new { personId }) >= MaxKeysOfAPerson) return (null, null, UsersProblems.TooManyApiKeys);
            tx.Execute("INSERT INTO api_key(id, person_id, name, beginning, key_hash, created_at) VALUES(@Id, @personId, @Name, @Beginning, @hash, @CreatedAt)",
                new { stored.Id, personId, stored.Name, stored.Beginning, hash = Secret.Hash(key), stored.CreatedAt });
            journal.Write(tx, "api-key-made", "api-key", stored.Id, $"The API key {stored.Beginning}… ({name}) was made.", personId);
            return (stored, key, null);
        }, cancellationToken);
    }

    public Task<IReadOnlyList<ApiKey>> ListAsync(Guid personId, CancellationToken cancellationToken = default) => database.ReadAsync(
        r => r.Query<ApiKey>("SELECT id, name, beginning, created_at, last_used_at FROM api_key WHERE person_id = @personId ORDER BY id", new { personId }), cancellationToken);

    /// <summary>One's own only: another person's key is not found.</summary>
    public Task<Problem?> DeleteAsync(Guid personId, Guid id, CancellationToken cancellationToken = default) => database.WriteAsync(tx =>
    {
        if (tx.Execute("DELETE FROM api_key WHERE id = @id AND person_id = @personId", new { id, personId }) == 0) return UsersProblems.ApiKeyNotFound;
        journal.Write(tx, "api-key-deleted", "api-key", id, "An API key was deleted.", personId);
        return null;
    }, cancellationToken);

    /// <returns>Whose key it is; null when it is none.</returns>
    public async Task<Person?> FindPersonAsync(string key, CancellationToken cancellationToken = default) => (await FindAsync(key, cancellationToken)).Person;

    /// <summary>As a user name and a password, where a program cannot send a key alone.</summary>
    /// <param name="userName">The person's e-mail address or the key's name, in any case.</param>
    /// <returns>Null when the key is none, or is not of that name.</returns>
    public async Task<Person?> FindPersonAsync(string userName, string key, CancellationToken cancellationToken = default)
    {
        var (name, person) = await FindAsync(key, cancellationToken);
        return person is not null && (person.Email.Equals(userName.Trim(), StringComparison.OrdinalIgnoreCase) || name!.Equals(userName.Trim(), StringComparison.OrdinalIgnoreCase)) ? person : null;
    }

    private async Task<(string? Name, Person? Person)> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (key.Length > 100 || !key.StartsWith(Prefix, StringComparison.Ordinal)) return default;
        var hash = Secret.Hash(key);
        var (use, person) = await database.ReadAsync(r =>
        {
            var found = r.QueryFirstOrDefault<Use>("SELECT id, person_id, name, last_used_at FROM api_key WHERE key_hash = @hash", new { hash });
            return (found, found is null ? null : PersonStore.Find(r, found.PersonId));
        }, cancellationToken);
        if (use is not null && (use.LastUsedAt is not { } last || clock.GetUtcNow() - last >= UseIsNotedEvery))
            await database.WriteAsync(tx => tx.Execute("UPDATE api_key SET last_used_at = @at WHERE id = @Id", new { use.Id, at = tx.Now }), cancellationToken);
        return (use?.Name, person);
    }

    private sealed record Use(Guid Id, Guid PersonId, string Name, DateTimeOffset? LastUsedAt);
}
