using Postrider.Storage;

namespace Postrider.Users;

/// <summary>All SQL about signed-in browsers.</summary>
internal static class SessionStore
{
    /// <summary>Then the browser must sign in again, however busy it was.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(30);

    public static void Insert(HubTransaction transaction, Guid id, Guid personId)
    {
        transaction.Execute("DELETE FROM session WHERE created_at < @before", new { before = transaction.Now - Life });
        transaction.Execute("INSERT INTO session(id, person_id, created_at) VALUES(@id, @personId, @at)", new { id, personId, at = transaction.Now });
    }

    /// <returns>Who is signed in; null when the session was ended or is too old.</returns>
    public static Person? FindPerson(HubReader reader, Guid session)
    {
        var personId = reader.Scalar<byte[]>("SELECT person_id FROM session WHERE id = @session AND created_at >= @from", new { session, from = reader.Now - Life });
        return personId is null ? null : PersonStore.Find(reader, new Guid(personId, bigEndian: true));
    }

    public static void Delete(HubTransaction transaction, Guid session) => transaction.Execute("DELETE FROM session WHERE id = @session", new { session });

    /// <param name="except">This one stays. Null: none does.</param>
    public static void DeleteAll(HubTransaction transaction, Guid personId, Guid? except) =>
        transaction.Execute("DELETE FROM session WHERE person_id = @personId AND id <> @except", new { personId, except = except ?? Guid.Empty });
}
