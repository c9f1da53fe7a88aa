using Postrider.Journal;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>A file that may be handed out now.</summary>
internal sealed record DownloadableFile(string FileName, long Size, Guid BodyId);

/// <summary>All SQL of <see cref="DownloadLink"/>.</summary>
internal sealed class DownloadLinkStore(Bodies bodies, JournalWriter journal, LiveEvents live, TimeProvider clock)
{
    /// <summary>Of each link; later ones are counted only.</summary>
    public const int TimesKept = 1000;

    private const int TimesShown = 20;
    private const int MostOfASweep = 200;

    /// <summary>With the mail that names them.</summary>
    public void Put(HubTransaction transaction, OutboxMailId mail, IReadOnlyList<NewDownloadLink> links, DateTimeOffset expiresAt)
    {
        for (var n = 0; n < links.Count; n++)
        {
            var link = links[n];
            transaction.Execute(
                "INSERT INTO download_link(id, mail_id, n, token_hash, file_name, size, body_id, expires_at) VALUES(@id, @mail, @n, @TokenHash, @FileName, @Size, @bodyId, @expiresAt)",
                new { id = Ids.New(clock), mail, n, link.TokenHash, link.File.FileName, link.Size, bodyId = link.Body ?? bodies.Put(transaction, link.File.Bytes), expiresAt });
        }
    }

    public IReadOnlyList<DownloadLink> Of(HubReader reader, OutboxMailId mail)
    {
        var rows = reader.Query<Row>("SELECT id, file_name, size, expires_at, downloads, revoked_at FROM download_link WHERE mail_id = @mail ORDER BY n", new { mail });
        return
        [
            .. rows.Select(row => new DownloadLink(row.Id, row.FileName, row.Size, row.ExpiresAt, row.Downloads, row.RevokedAt,
                row.Downloads == 0 ? [] : [.. reader.Query<TimeRow>("SELECT at FROM download WHERE link_id = @Id ORDER BY n DESC LIMIT @TimesShown", new { row.Id, TimesShown }).Select(time => time.At)])),
        ];
    }

    /// <summary>How many links each of these mails has; those without are missing.</summary>
    public static IReadOnlyDictionary<Guid, int> Counts(HubReader reader, IReadOnlyList<Guid> mails) => mails.Count == 0
        ? new Dictionary<Guid, int>()
        : reader.Query<CountRow>("SELECT mail_id, COUNT(*) AS count FROM download_link WHERE mail_id IN @ids GROUP BY mail_id", new { ids = mails.Select(Ids.Stored) }).ToDictionary(row => row.MailId.Value, row => row.Count);

    /// <summary>The file of a link that is good, or null; nothing is counted.</summary>
    public static DownloadableFile? Find(HubReader reader, byte[] tokenHash) => reader.QueryFirstOrDefault<FileRow>(
        "SELECT id, mail_id, file_name, size, body_id, downloads FROM download_link WHERE token_hash = @tokenHash AND revoked_at IS NULL AND expires_at > @now AND body_id IS NOT NULL",
        new { tokenHash, now = reader.Now })?.ToFile();

    /// <summary>As <see cref="Find"/>, and counted as fetched.</summary>
    public DownloadableFile? Take(HubTransaction transaction, byte[] tokenHash)
    {
        var row = transaction.QueryFirstOrDefault<FileRow>(
            "UPDATE download_link SET downloads = downloads + 1 WHERE token_hash = @tokenHash AND revoked_at IS NULL AND expires_at > @now AND body_id IS NOT NULL RETURNING id, mail_id, file_name, size, body_id, downloads",
            new { tokenHash, now = transaction.Now });
        if (row is null) return null;
        if (row.Downloads <= TimesKept) transaction.Execute("INSERT INTO download(link_id, n, at) VALUES(@Id, @Downloads, @now)", new { row.Id, row.Downloads, now = transaction.Now });
        transaction.AfterCommit(() => live.Publish($"outbox-mail/{row.MailId.Value:D}"));
        return row.ToFile();
    }

    /// <summary>From now on nobody fetches it.</summary>
    /// <returns>Null when that is so.</returns>
    public Problem? Revoke(HubTransaction transaction, OutboxMailId mail, Guid link, Guid? byUser)
    {
        if (transaction.QueryFirstOrDefault<EndedRow>("SELECT id, file_name, body_id, revoked_at FROM download_link WHERE id = @link AND mail_id = @mail", new { link, mail }) is not { } row) return OutgoingMailProblems.LinkNotFound;
        if (row.RevokedAt is not null) return null;
        transaction.Execute("UPDATE download_link SET revoked_at = @now, revoked_by = @byUser, body_id = NULL WHERE id = @link", new { now = transaction.Now, byUser, link });
        if (row.BodyId is { } body) Bodies.Release(transaction, body);
        journal.Write(transaction, "download-link-revoked", "outbox-mail", mail.Value, $"The download link of “{row.FileName}” was revoked.", byUser);
        transaction.AfterCommit(() => live.Publish($"outbox-mail/{mail.Value:D}"));
        return null;
    }

    /// <summary>Lets go of the bytes of what has expired.</summary>
    /// <returns>How many; as many as one round takes when there may be more.</returns>
    public static int Expire(HubTransaction transaction)
    {
        var ended = transaction.Query<EndedRow>("SELECT id, file_name, body_id, revoked_at FROM download_link WHERE body_id IS NOT NULL AND expires_at <= @now LIMIT @MostOfASweep", new { now = transaction.Now, MostOfASweep });
        foreach (var row in ended)
        {
            transaction.Execute("UPDATE download_link SET body_id = NULL WHERE id = @Id", new { row.Id });
            Bodies.Release(transaction, row.BodyId!.Value);
        }

        return ended.Count;
    }

    private sealed record Row
    {
        public Guid Id { get; init; }
        public string FileName { get; init; } = "";
        public long Size { get; init; }
        public DateTimeOffset ExpiresAt { get; init; }
        public int Downloads { get; init; }
        public DateTimeOffset? RevokedAt { get; init; }
    }

    private sealed record FileRow
    {
        public Guid Id { get; init; }
        public OutboxMailId MailId { get; init; }
        public string FileName { get; init; } = "";
        public long Size { get; init; }
        public Guid BodyId { get; init; }
        public int Downloads { get; init; }

        public DownloadableFile ToFile() => new(FileName, Size, BodyId);
    }

    private sealed record EndedRow
    {
        public Guid Id { get; init; }
        public string FileName { get; init; } = "";
        public Guid? BodyId { get; init; }
        public DateTimeOffset? RevokedAt { get; init; }
    }

    private sealed record CountRow
    {
        public OutboxMailId MailId { get; init; }
        public int Count { get; init; }
    }

    private sealed record TimeRow
    {
        public DateTimeOffset At { get; init; }
    }
}
