using Postrider.Storage;

namespace Postrider.Users;

/// <summary>All SQL about people and their password links.</summary>
internal static class PersonStore
{
    private const string Columns = "id, name, email, access, password_hash, time_zone, created_at, last_sign_in_at";

    public static bool HasAdministrator(HubReader reader) =>
        reader.Scalar<long>("SELECT count(*) FROM person WHERE access = 'settings' AND password_hash IS NOT NULL") > 0;

    public static Person? Find(HubReader reader, Guid id) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM person WHERE id = @id", new { id })?.ToPerson();

    public static Person? FindByEmail(HubReader reader, string email) =>
        reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM person WHERE email_key = @key", new { key = Key(email) })?.ToPerson();

    /// <summary>By name, after the person named last on the page before.</summary>
    public static IReadOnlyList<Person> List(HubReader reader, string? search, (string Name, Guid Id)? after, int limit)
    {
        var rows = reader.Query<Row>(
            $"""
            SELECT {Columns} FROM person
            WHERE (@pattern IS NULL OR lower(name) LIKE lower(@pattern) ESCAPE '\' OR lower(email) LIKE lower(@pattern) ESCAPE '\')
              AND (@afterName IS NULL OR (name, id) > (@afterName, @afterId))
            ORDER BY name, id LIMIT @limit
            """,
            new { pattern = Like(search), afterName = after?.Name, afterId = after?.Id ?? Guid.Empty, limit });
        return [.. rows.Select(row => row.ToPerson())];
    }

    public static void Insert(HubTransaction transaction, Person person) => transaction.Execute(
        "INSERT INTO person(id, name, email, email_key, access, password_hash, time_zone, created_at) VALUES(@Id, @Name, @Email, @key, @access, @PasswordHash, @TimeZone, @CreatedAt)",
        new { person.Id, person.Name, person.Email, key = Key(person.Email), access = Word(person.Access), person.PasswordHash, person.TimeZone, person.CreatedAt });

    public static void Update(HubTransaction transaction, Guid id, string name, string email, AccessRight access) => transaction.Execute(
        "UPDATE person SET name = @name, email = @email, email_key = @key, access = @access WHERE id = @id",
        new { id, name, email, key = Key(email), access = Word(access) });

    public static void UpdatePreferences(HubTransaction transaction, Guid id, string name, string? timeZone) => transaction.Execute(
        "UPDATE person SET name = @name, time_zone = @timeZone WHERE id = @id", new { id, name, timeZone });

    public static void SetPassword(HubTransaction transaction, Guid id, string passwordHash) => transaction.Execute(
        "UPDATE person SET password_hash = @passwordHash WHERE id = @id", new { id, passwordHash });

    public static void SignedIn(HubTransaction transaction, Guid id) => transaction.Execute(
        "UPDATE person SET last_sign_in_at = @at WHERE id = @id", new { id, at = transaction.Now });

    public static void Delete(HubTransaction transaction, Guid id) => transaction.Execute("DELETE FROM person WHERE id = @id", new { id });

    /// <returns>How many administrators besides this person can sign in.</returns>
    public static long OtherAdministrators(HubReader reader, Guid id) =>
        reader.Scalar<long>("SELECT count(*) FROM person WHERE access = 'settings' AND password_hash IS NOT NULL AND id <> @id", new { id });

    public static void PutPasswordLink(HubTransaction transaction, Guid personId, byte[] tokenHash, DateTimeOffset expiresAt) => transaction.Execute(
        "INSERT INTO password_link(person_id, token_hash, expires_at) VALUES(@personId, @tokenHash, @expiresAt) ON CONFLICT(person_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
        new { personId, tokenHash, expiresAt });

    /// <returns>Whom the link is for; null when it is unknown, used or too old.</returns>
    public static Person? FindByPasswordLink(HubReader reader, byte[] tokenHash)
    {
        var id = reader.Scalar<byte[]>("SELECT person_id FROM password_link WHERE token_hash = @tokenHash AND expires_at > @now", new { tokenHash, now = reader.Now });
        return id is null ? null : Find(reader, new Guid(id, bigEndian: true));
    }

    public static void DeletePasswordLink(HubTransaction transaction, Guid personId) => transaction.Execute("DELETE FROM password_link WHERE person_id = @personId", new { personId });

    private static string Key(string email) => email.ToLowerInvariant();

    private static string Word(AccessRight access) => access == AccessRight.Settings ? "settings" : "user";

    private static string? Like(string? search) => string.IsNullOrWhiteSpace(search) ? null
        : "%" + search.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal) + "%";

    private sealed record Row(Guid Id, string Name, string Email, string Access, string? PasswordHash, string? TimeZone, DateTimeOffset CreatedAt, DateTimeOffset? LastSignInAt)
    {
        public Person ToPerson() => new()
        {
            Id = Id,
            Name = Name,
            Email = Email,
            Access = Access == "settings" ? AccessRight.Settings : AccessRight.User,
            PasswordHash = PasswordHash,
            TimeZone = TimeZone,
            CreatedAt = CreatedAt,
            LastSignInAt = LastSignInAt,
        };
    }
}
