using Postrider.Mail.Reports;

namespace Postrider.OutgoingMail;

/// <summary>Why no mail goes to an address. The numbers are stored.</summary>
internal enum SuppressionReason
{
    /// <summary>The receiving side says that there is no such mailbox or domain.</summary>
    AddressInvalid = 0,
    /// <summary>Mail to it has come back too often.</summary>
    Bounces = 1,
    Complaint = 2,
    ByHand = 3,
}

/// <summary>When an address is suppressed: docs/decisions/0012-suppressed-addresses.md. Pure.</summary>
internal static class SuppressionRule
{
    /// <summary>So many hard bounces, each of another mail, within <see cref="Window"/>.</summary>
    public const int Bounces = 3;

    public static readonly TimeSpan Window = TimeSpan.FromDays(30);

    /// <param name="fate">What a report just told.</param>
    /// <param name="counted">Bounces that count within the window and since the last delivery, this one among them.</param>
    /// <returns>Null: mail goes on.</returns>
    public static SuppressionReason? For(RecipientFate fate, int counted)
    {
        if (fate.Fate == Fate.Complained) return SuppressionReason.Complaint;
        if (!Counts(fate)) return null;
        if (SaysNoSuchAddress(fate)) return SuppressionReason.AddressInvalid;
        return counted >= Bounces ? SuppressionReason.Bounces : null;
    }

    /// <summary>A hard bounce that says something about the address. What was refused for our own sake (our host, our signature, this message) says nothing about it: a day on a blocklist must not suppress every customer.</summary>
    public static bool Counts(RecipientFate fate) => fate is { Fate: Fate.Bounced, Permanent: true } && fate.Reason is not (
        BounceReason.Blocked or BounceReason.RateLimited or BounceReason.Authentication or BounceReason.Policy or BounceReason.Security or BounceReason.RelayDenied or BounceReason.SenderRejected
        or BounceReason.Spam or BounceReason.Virus or BounceReason.Content or BounceReason.TooLarge);

    // RFC 3463 section 3.2. Many servers say 550 to whatever they do not like, so the words or the bare 550 alone are not enough to believe it at once.
    private static bool SaysNoSuchAddress(RecipientFate fate) =>
        (fate.Reason is BounceReason.MailboxUnknown or BounceReason.HostUnknown or BounceReason.NotAccepting) && fate.Status is "5.1.1" or "5.1.2" or "5.1.3" or "5.1.6" or "5.1.10";

    public static string Word(this SuppressionReason reason) => reason switch
    {
        SuppressionReason.AddressInvalid => "address-invalid",
        SuppressionReason.Bounces => "bounces",
        SuppressionReason.Complaint => "complaint",
        _ => "by-hand",
    };
}
