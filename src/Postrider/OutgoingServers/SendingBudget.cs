using Postrider.Mail;

namespace Postrider.OutgoingServers;

/// <summary>What may be sent through one mailbox, or by one tenant. Null in a field: no limit.</summary>
/// <param name="MessagesPerMinute">In any sixty seconds.</param>
/// <param name="RecipientsPerDay">In any 24 hours; for a tenant those outside it.</param>
/// <param name="Connections">At once.</param>
internal sealed record SendingLimits(int? MessagesPerMinute, int? RecipientsPerDay, int? Connections)
{
    public static SendingLimits None { get; } = new(null, null, null);
}

/// <summary>What an administrator set instead. Null in a field: as by default; 0: no limit.</summary>
/// <param name="Licences">Of the tenant, from which Microsoft computes how many recipients outside it may be written to. Null: not known.</param>
internal sealed record SendingBudgetChange(int? MessagesPerMinute, int? RecipientsPerDay, int? ExternalPerDay, int? Licences)
{
    public static SendingBudgetChange None { get; } = new(null, null, null, null);
}

/// <summary>The limits of Exchange Online, kept before they bite: beyond them it delays, answers 432 or shuts the mailbox. Pure.</summary>
internal static class SendingBudget
{
    // Microsoft: "Exchange Online limits" and "SMTP submission improvements", read 2026-11.
    private static readonly SendingLimits Mailbox = new(MessagesPerMinute: 30, RecipientsPerDay: 10_000, Connections: OutgoingServerRules.OutlookConnections);

    /// <summary>A user's own mailbox: the user works with it too, and wants room for that.</summary>
    private const int OwnedMessagesPerMinute = 10;

    // Microsoft: "Tenant External Recipient Rate Limit", read 2026-11: 500 x licences^0.7 + 9500.
    private const int OfNoLicence = 9500;
    private const int OfOneLicence = 500;
    private const double Exponent = 0.7;

    /// <summary>Where what was sent is counted: servers of one mailbox share its limits.</summary>
    public static string MeterOf(OutgoingServer server) =>
        server is { Kind: ServerKind.Outlook, Mailbox: { } mailbox } ? "mailbox:" + mailbox.Normalized : $"server:{server.Host}:{server.Port}:{server.UserName}";

    /// <returns>Null: its server belongs to no tenant that is known.</returns>
    public static string? TenantMeterOf(OutgoingServer server) => server is { Kind: ServerKind.Outlook, TenantId: { } tenant } ? TenantMeter(tenant) : null;

    public static string TenantMeter(Guid tenant) => $"tenant:{tenant:D}";

    public static SendingLimits Of(OutgoingServer server, SendingBudgetChange change)
    {
        var usual = server.Kind == ServerKind.Outlook ? Mailbox with { MessagesPerMinute = server.Owner is null ? Mailbox.MessagesPerMinute : OwnedMessagesPerMinute } : SendingLimits.None with { Connections = server.MaxConnections };
        return usual with { MessagesPerMinute = Limit(change.MessagesPerMinute, usual.MessagesPerMinute), RecipientsPerDay = Limit(change.RecipientsPerDay, usual.RecipientsPerDay) };
    }

    public static SendingLimits OfTenant(SendingBudgetChange change) =>
        SendingLimits.None with { RecipientsPerDay = Limit(change.ExternalPerDay, change.Licences is { } licences ? Terrl(licences) : null) };

    /// <summary>Recipients outside the tenant in 24 hours.</summary>
    public static int Terrl(int licences) => (int)Math.Floor((OfOneLicence * Math.Pow(licences, Exponent)) + OfNoLicence);

    private static int? Limit(int? set, int? usual) => set switch { null => usual, 0 => null, _ => set };
}

/// <summary>What may be sent now.</summary>
/// <param name="Messages">0 or more.</param>
/// <param name="Recipients">0 or more.</param>
/// <param name="OpensAt">When there is room again; null while there is some, and while only what is under way fills it.</param>
/// <param name="Tenant">Null: its tenant sets no limit.</param>
internal sealed record SendingRoom(int Messages, int Recipients, DateTimeOffset? OpensAt, TenantRoom? Tenant = null)
{
    public bool IsEmpty => Messages == 0 || Recipients == 0;
}

/// <summary>How many recipients outside a tenant may be written to now.</summary>
/// <param name="OpensAt">When there is room again; null while there is some.</param>
/// <param name="Own">Domains whose addresses are not outside.</param>
internal sealed record TenantRoom(int Recipients, DateTimeOffset? OpensAt, IReadOnlySet<string> Own)
{
    public int Outside(IReadOnlyList<EmailAddress> recipients) => recipients.Count(recipient => !Own.Contains(recipient.Domain));
}

/// <summary>What was sent within the last minute and the last day. A message counts from the moment it is taken up, and its minute begins when it is through: however long the way takes, the peer never sees more. Not for several threads at once.</summary>
internal sealed class SendingMeter
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private const long MinutesOfADay = 24 * 60;

    private readonly Queue<DateTimeOffset> through = new();
    private readonly Queue<(long Minute, int Recipients)> day = new();
    private int underWay;

    /// <summary>Recipients within 24 hours.</summary>
    public int OfTheDay { get; private set; }

    /// <summary>Messages within sixty seconds, with those under way.</summary>
    public int OfTheMinute(DateTimeOffset now)
    {
        Forget(now);
        return through.Count + underWay;
    }

    public static long MinuteOf(DateTimeOffset instant) => instant.ToUnixTimeSeconds() / 60;

    /// <summary>After a start: what is on record. A message of this minute or the last may have been sent just now.</summary>
    public void Load(long minute, int messages, int recipients, DateTimeOffset now)
    {
        Add(minute, recipients);
        if (MinuteOf(now) - minute > 1) return;
        for (var i = 0; i < messages; i++) through.Enqueue(now);
    }

    public SendingRoom Room(SendingLimits limits, DateTimeOffset now)
    {
        Forget(now);
        var messages = limits.MessagesPerMinute is { } perMinute ? Math.Max(perMinute - through.Count - underWay, 0) : int.MaxValue;
        var recipients = limits.RecipientsPerDay is { } perDay ? Math.Max(perDay - OfTheDay, 0) : int.MaxValue;
        DateTimeOffset? opensAt = null;
        if (messages == 0 && through.Count > 0) opensAt = through.Peek() + Minute;
        if (recipients == 0 && day.Count > 0) opensAt = DateTimeOffset.FromUnixTimeSeconds((day.Peek().Minute + MinutesOfADay + 1) * 60);
        return new(messages, recipients, opensAt);
    }

    public void TakeUp(int messages, int recipients, DateTimeOffset now)
    {
        underWay += messages;
        Add(MinuteOf(now), recipients);
    }

    /// <summary>It was offered to the server, whatever that said.</summary>
    public void Through(DateTimeOffset now)
    {
        underWay = Math.Max(underWay - 1, 0);
        through.Enqueue(now);
    }

    /// <summary>It was not offered after all.</summary>
    public void GiveBack(int messages, int recipients, DateTimeOffset now)
    {
        underWay = Math.Max(underWay - messages, 0);
        Add(MinuteOf(now), -recipients);
    }

    private void Add(long minute, int recipients)
    {
        OfTheDay += recipients;
        day.Enqueue((minute, recipients));
    }

    private void Forget(DateTimeOffset now)
    {
        // A clock that was set back: what seems to come was just now.
        if (through.Count > 0 && through.Peek() > now)
        {
            var count = through.Count;
            through.Clear();
            for (var i = 0; i < count; i++) through.Enqueue(now);
        }

        while (through.Count > 0 && through.Peek() <= now - Minute) through.Dequeue();
        while (day.Count > 0 && day.Peek().Minute < MinuteOf(now) - MinutesOfADay) OfTheDay -= day.Dequeue().Recipients;
    }
}
