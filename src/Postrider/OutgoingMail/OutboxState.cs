namespace Postrider.OutgoingMail;

internal readonly record struct OutboxMailId(Guid Value);

/// <summary>Where an outgoing mail stands. The numbers are stored.</summary>
public enum OutboxState
{
    /// <summary>To be sent at a time that the sender chose.</summary>
    Scheduled = 0,
    /// <summary>Next in turn, or again at a later time for a reason that is shown.</summary>
    Waiting = 1,
    Sending = 2,
    /// <summary>The server took it for every recipient.</summary>
    Sent = 3,
    /// <summary>Taken for some; refused, given up or suppressed for others.</summary>
    PartlySent = 4,
    /// <summary>The server refused it for good, for every recipient.</summary>
    Refused = 5,
    /// <summary>Given up: its lifetime has passed.</summary>
    Failed = 6,
    Cancelled = 7,
    /// <summary>The line broke after the final dot. Never sent again by itself.</summary>
    Unknown = 8,
}

/// <summary>Which mail goes first. The numbers are stored.</summary>
internal enum OutboxLane
{
    /// <summary>Somebody waits for it: a password reset, a one-time code.</summary>
    Urgent = 0,
    Usual = 1,
    /// <summary>Mailings, and what a submitter adds to a queue that is full of its mail already.</summary>
    Bulk = 2,
}

/// <summary>Where one recipient of a mail stands. The numbers are stored.</summary>
internal enum RecipientState
{
    Pending = 0,
    Sent = 1,
    Refused = 2,
    Unknown = 3,
    Failed = 4,
    Cancelled = 5,
    /// <summary>Not offered: no mail goes to this address (<see cref="SuppressionStore"/>).</summary>
    Suppressed = 10,
}

internal static class OutboxStates
{
    public static bool IsFinal(this OutboxState state) => state is OutboxState.Sent or OutboxState.PartlySent or OutboxState.Refused or OutboxState.Failed or OutboxState.Cancelled;

    /// <summary>The mail's state by its recipients, when no attempt is running.</summary>
    public static OutboxState Of(IReadOnlyCollection<RecipientState> recipients)
    {
        if (recipients.Contains(RecipientState.Unknown)) return OutboxState.Unknown;
        if (recipients.Contains(RecipientState.Pending)) return OutboxState.Waiting;
        var sent = recipients.Count(state => state == RecipientState.Sent);
        if (sent == recipients.Count) return OutboxState.Sent;
        if (sent > 0) return OutboxState.PartlySent;
        if (recipients.Contains(RecipientState.Cancelled) && recipients.All(state => state is RecipientState.Cancelled or RecipientState.Suppressed)) return OutboxState.Cancelled;
        return recipients.Contains(RecipientState.Failed) ? OutboxState.Failed : OutboxState.Refused;
    }

    /// <summary>In the API and in the addresses of pages.</summary>
    public static string Word(this OutboxState state) => state switch
    {
        OutboxState.Scheduled => "scheduled",
        OutboxState.Waiting => "waiting",
        OutboxState.Sending => "sending",
        OutboxState.Sent => "sent",
        OutboxState.PartlySent => "partly-sent",
        OutboxState.Refused => "refused",
        OutboxState.Failed => "failed",
        OutboxState.Cancelled => "cancelled",
        _ => "unknown",
    };

    /// <summary>In the API.</summary>
    public static string Word(this OutboxLane lane) => lane switch { OutboxLane.Urgent => "high", OutboxLane.Bulk => "bulk", _ => "normal" };
}
