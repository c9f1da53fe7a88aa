namespace Postrider.IncomingServers;

/// <summary>How far a folder has been read (RFC 3501 section 2.3.1.1: UIDs grow, and mean something only together with UIDVALIDITY).</summary>
/// <param name="NextUid">The lowest UID not yet taken.</param>
/// <param name="NotBefore">Messages the mailbox got before this are passed over; null: none are.</param>
internal sealed record MailboxCursor(uint UidValidity, uint NextUid, DateTimeOffset? NotBefore)
{
    /// <summary>What was there before is still being taken in.</summary>
    public bool CatchesUp { get; init; }

    // Clocks of two Exchange servers, and of this machine, may differ; duplicates are recognised by their content anyway.
    private static readonly TimeSpan Margin = TimeSpan.FromDays(1);

    /// <summary>Where reading begins, at <i>Test &amp; Confirm</i>: what arrives from that moment on is not missed, even if the watcher starts later.</summary>
    /// <param name="days">With <see cref="StartChoice.Days"/>.</param>
    /// <param name="uidNext">Null when the server does not say: the arrival time then tells old from new.</param>
    public static MailboxCursor Begin(StartChoice starts, uint uidValidity, uint? uidNext, DateTimeOffset now, int? days = null) => starts switch
    {
        StartChoice.Everything => new MailboxCursor(uidValidity, 1, null),
        StartChoice.Days => new MailboxCursor(uidValidity, 1, now - TimeSpan.FromDays(days ?? 1)),
        _ when uidNext is { } next => new MailboxCursor(uidValidity, next, null),
        _ => new MailboxCursor(uidValidity, 1, now),
    };

    /// <summary>The cursor to read on with, given what SELECT said.</summary>
    /// <param name="lastMailAt">When a message was last taken; null: none yet.</param>
    /// <param name="confirmedAt">When the server was confirmed.</param>
    /// <remarks>A new UIDVALIDITY means that every UID is new (IMP-02): everything that can be new is read again, and what came before is recognised by its content.</remarks>
    public MailboxCursor After(uint uidValidity, StartChoice starts, DateTimeOffset? lastMailAt, DateTimeOffset confirmedAt)
    {
        if (uidValidity == UidValidity) return this;
        // Of what was there before some may not have come in yet: the same beginning as before.
        return new MailboxCursor(uidValidity, 1, starts == StartChoice.Now ? Earlier(lastMailAt ?? confirmedAt, confirmedAt) - Margin : NotBefore);
    }

    /// <summary>True when the message is to be taken.</summary>
    /// <param name="internalDate">When the mailbox got it; null (the server does not say) is taken.</param>
    public bool Wants(DateTimeOffset? internalDate) => NotBefore is null || internalDate is null || internalDate >= NotBefore;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}

/// <summary>What a newly confirmed server takes in.</summary>
public enum StartChoice
{
    /// <summary>What arrives from the confirmation on.</summary>
    Now,
    /// <summary>What is already in the folder too.</summary>
    Everything,
    /// <summary>Of what is already in the folder, what came within so many days.</summary>
    Days,
}
