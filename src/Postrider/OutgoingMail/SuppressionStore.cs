using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>An address that no mail goes to.</summary>
internal sealed record SuppressedAddress
{
    public Guid Id { get; init; }
    /// <summary>Normalised.</summary>
    public string Address { get; init; } = "";
    public SuppressionReason Reason { get; init; }
    /// <summary>The server's words, or the note of who added it; null when there are none.</summary>
    public string? Detail { get; init; }
    public DateTimeOffset Since { get; init; }
    /// <summary>The mail whose bounce or complaint it was; null when it was added by hand.</summary>
    public OutboxMailId? MailId { get; init; }
    public string? MailSubject { get; init; }
}

/// <summary>All SQL of suppressed addresses and of the bounces that lead to them.</summary>
internal sealed class SuppressionStore(JournalWriter journal, HubDatabase database, TimeProvider clock)
{
    /// <summary>The journal's subject, and so the topic that open pages listen to.</summary>
    public const string Topic = "suppressed-address";

    public const int MaxNote = 500;

    // Another node may suppress the first address: what was seen is believed for so long.
    private static readonly TimeSpan SightLasts = TimeSpan.FromSeconds(10);

    private const string Columns = "a.id, a.address, a.reason, a.detail, a.since, a.mail_id, m.subject AS mail_subject";

    // Null: not known.
    private volatile Sight? sight;

    /// <summary>Which of the addresses are suppressed. While none is at all, the database is not asked.</summary>
    public IReadOnlyDictionary<string, SuppressedAddress> Among(HubTransaction transaction, IEnumerable<EmailAddress> addresses)
    {
        if (sight is not { } seen || clock.GetElapsedTime(seen.At) >= SightLasts)
            sight = seen = new(clock.GetTimestamp(), transaction.Scalar<long>("SELECT COUNT(*) FROM (SELECT 1 FROM suppressed_address LIMIT 1) AS first") == 0);
        if (seen.Empty) return new Dictionary<string, SuppressedAddress>();
        var wanted = addresses.Select(address => address.Normalized).Distinct().ToArray();
        return transaction.Query<SuppressedAddress>($"SELECT {Columns} FROM suppressed_address a LEFT JOIN outbox_mail m ON m.id = a.mail_id WHERE a.address IN @wanted", new { wanted }).ToDictionary(row => row.Address, StringComparer.Ordinal);
    }

    /// <summary>The recipients of a mail just put that are suppressed: it is not offered to them.</summary>
    public static void Hold(HubTransaction transaction, OutboxMailId mail, IReadOnlyList<OutboxRecipient> recipients, IReadOnlyDictionary<string, SuppressedAddress> suppressed)
    {
        foreach (var recipient in recipients)
        {
            if (!EmailAddress.TryParse(recipient.Address, out var address) || !suppressed.TryGetValue(address.Normalized, out var why)) continue;
            transaction.Execute("UPDATE outbox_recipient SET state = @state, reply = @reply, settled_at = @now WHERE mail_id = @mail AND n = @N", new { state = (int)RecipientState.Suppressed, reply = Sentence(why), now = transaction.Now, mail, recipient.N });
        }
    }

    /// <summary>Why it is suppressed, in one sentence.</summary>
    public static string Sentence(SuppressedAddress address) => $"{address.Reason switch
    {
        SuppressionReason.AddressInvalid => "There is no such address",
        SuppressionReason.Bounces => "Mail to it came back too often",
        SuppressionReason.Complaint => "The recipient complained",
        _ => "Suppressed by hand",
    }}{(address.Detail is { Length: > 0 } detail ? ": " + detail : ".")}";

    /// <returns>False when it was suppressed already.</returns>
    public bool Add(HubTransaction transaction, EmailAddress address, SuppressionReason reason, string? detail, OutboxMailId? mail, Guid? byUser)
    {
        var id = Ids.New(clock);
        var added = transaction.Execute(
            "INSERT INTO suppressed_address(id, address, reason, detail, since, mail_id, by_user) VALUES(@id, @Normalized, @reason, @detail, @now, @mail, @byUser) ON CONFLICT(address) DO NOTHING",
            new { id, address.Normalized, reason = (int)reason, detail, now = transaction.Now, mail, byUser });
        if (added == 0) return false;
        // Before the commit too: a put that comes between looks once in vain.
        sight = null;
        transaction.AfterCommit(() => sight = null);
        journal.Write(transaction, "address-suppressed", Topic, id, $"No mail goes to {address.Normalized} any more. {Sentence(new SuppressedAddress { Reason = reason, Detail = detail })}", byUser);
        return true;
    }

    /// <summary>Mail goes to it again, and its bounces are forgotten.</summary>
    /// <returns>False when it is not suppressed.</returns>
    public bool Remove(HubTransaction transaction, EmailAddress address, Guid? byUser)
    {
        if (Find(transaction, address) is not { } known) return false;
        transaction.Execute("DELETE FROM suppressed_address WHERE id = @Id", new { known.Id });
        ForgetBounces(transaction, address);
        journal.Write(transaction, "address-released", Topic, known.Id, $"Mail goes to {address.Normalized} again. It had been suppressed: {Sentence(known)}", byUser);
        return true;
    }

    public SuppressedAddress? Find(HubReader reader, EmailAddress address) =>
        reader.QueryFirstOrDefault<SuppressedAddress>($"SELECT {Columns} FROM suppressed_address a LEFT JOIN outbox_mail m ON m.id = a.mail_id WHERE a.address = @Normalized", new { address.Normalized });

    /// <summary>Newest first.</summary>
    /// <param name="search">Part of an address; null or empty: all.</param>
    /// <param name="before">The last id of the page before; null for the first page.</param>
    public IReadOnlyList<SuppressedAddress> List(HubReader reader, string? search, Guid? before, int limit) => reader.Query<SuppressedAddress>(
        $@"SELECT {Columns} FROM suppressed_address a LEFT JOIN outbox_mail m ON m.id = a.mail_id WHERE 1 = 1 {(string.IsNullOrWhiteSpace(search) ? "" : "AND a.address LIKE @pattern ESCAPE '\\'")} {(before is null ? "" : "AND a.id < @before")} ORDER BY a.id DESC LIMIT @limit",
        new { pattern = $"%{search?.Trim().ToLowerInvariant().Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal)}%", before, limit });

    /// <summary>Counts a hard bounce, each mail once.</summary>
    /// <returns>How many there are within the window, this one among them.</returns>
    public int CountBounce(HubTransaction transaction, EmailAddress address, OutboxMailId mail, DateTimeOffset at)
    {
        transaction.Execute("INSERT INTO hard_bounce(address, mail_id, at) VALUES(@Normalized, @mail, @at) ON CONFLICT(address, mail_id) DO NOTHING", new { address.Normalized, mail, at });
        return (int)transaction.Scalar<long>("SELECT COUNT(*) FROM hard_bounce WHERE address = @Normalized AND at > @from", new { address.Normalized, from = at - SuppressionRule.Window });
    }

    public void ForgetBounces(HubTransaction transaction, EmailAddress address) => transaction.Execute("DELETE FROM hard_bounce WHERE address = @Normalized", new { address.Normalized });

    /// <summary>Adds what a person entered.</summary>
    /// <returns>Null when it was added.</returns>
    public async Task<Problem?> AddByHandAsync(string? text, string? note, Guid byUser, CancellationToken cancellationToken)
    {
        if (!EmailAddress.TryParse(text, out var address)) return OutgoingMailProblems.SuppressedAddressInvalid;
        var trimmed = string.IsNullOrWhiteSpace(note) ? null : note.Trim();
        if (trimmed is { Length: > MaxNote } || trimmed?.Any(char.IsControl) == true) return OutgoingMailProblems.SuppressedNoteInvalid(MaxNote);
        return await database.WriteAsync(tx => Add(tx, address, SuppressionReason.ByHand, trimmed, null, byUser), cancellationToken) ? null : OutgoingMailProblems.AlreadySuppressed(address.ToString());
    }

    /// <returns>Null when it was removed.</returns>
    public async Task<Problem?> RemoveByHandAsync(string? text, Guid byUser, CancellationToken cancellationToken) =>
        EmailAddress.TryParse(text, out var address) && await database.WriteAsync(tx => Remove(tx, address, byUser), cancellationToken) ? null : OutgoingMailProblems.NotSuppressed;

    /// <summary>Whether any address was suppressed at all.</summary>
    /// <param name="At">By the clock's timestamp.</param>
    private sealed record Sight(long At, bool Empty);
}
